"""The Spark session behind `floorwalker run --engine spark://…`: in this process, or on a cluster.

In: an engine URL, a folder for scratch files. Out: a session whose settings make it count as DuckDB does.

    spark://local[2]        Spark inside this process, on two cores; spark://local takes them all
    spark://host:7077       a standalone cluster; its workers must see the project's folder under the same path

Needs the extra `floorwalker[spark]` and Java 17 or newer; without them the error says how to get them. Nothing of Spark
is imported before a session is opened.

>>> [master("spark://local[2]"), master("spark://local"), master("spark://10.0.0.5:7077")]
['local[2]', 'local[*]', 'spark://10.0.0.5:7077']
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.errors import ConfigError, StateError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA = 17
"""The oldest Java that Spark 4 runs on."""

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # A product of decimals that does not fit is an error, as on DuckDB, and never a number with fewer digits.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.hadoop.parquet.compression.codec.zstd.level": "1",
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",
    "spark.executor.syncLogLevel.enabled": "true",
}
"""What equality with DuckDB rests on, and quiet: Spark's own log may quote values of rows."""


def master(url: str) -> str:
    """Spark's name of a master. Raises ConfigError for a URL that is none."""
    place = url.removeprefix("spark://")
    if place == "local":
        return "local[*]"
    if re.fullmatch(r"local\[(\d+|\*)\]", place):
        return place
    if re.fullmatch(r"[\w.\-]+:\d+(,[\w.\-]+:\d+)*", place):
        return f"spark://{place}"
    raise ConfigError(
        f"'{url}' is not an engine", fix="duckdb, spark://local[2] (in this process) or spark://HOST:7077 (a cluster)"
    )


def open_session(
    url: str, scratch: Path, *, memory: str = "2GB", settings: Mapping[str, str] | None = None
) -> SparkSession:
    """Start Spark, or join the Spark of this process. `memory` bounds the driver, `settings` are any of Spark's own.

    Raises StateError when the extra or Java is missing, or when no master answers.
    """
    place = master(url)
    check_installed()
    # It would print every failed query with values of its rows.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    scratch.mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.appName("floorwalker").master(place)
    chosen = {
        **SETTINGS,
        "spark.driver.memory": _java_size(memory),
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.shuffle.partitions": "4",
        **_quiet(scratch),
        **({"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"} if _is_here(place) else {}),
        **(settings or {}),
    }
    for key, value in chosen.items():
        builder = builder.config(key, value)
    try:
        with _local_address(place):
            session = builder.getOrCreate()
    except Exception as error:
        raise StateError(
            f"no Spark at {url}",
            why=str(error).splitlines()[0][:200],
            fix="is the master running, and reachable from here?",
        ) from None
    session.sparkContext.setLogLevel("OFF")
    return session


@contextmanager
def _local_address(place: str) -> Generator[None]:
    """Spark looks for a network address of this machine, and warns of it, unless told that there is no need."""
    if not _is_here(place) or "SPARK_LOCAL_IP" in os.environ:
        yield
        return
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    try:
        yield
    finally:
        del os.environ["SPARK_LOCAL_IP"]


def _is_here(place: str) -> bool:
    return place.startswith(("local", "spark://127.0.0.1", "spark://localhost"))


def _quiet(scratch: Path) -> dict[str, str]:
    """Java's log is set up before `setLogLevel` can be called."""
    file = scratch / "log4j2.properties"
    file.write_text(
        "rootLogger.level = off\nrootLogger.appenderRef.none.ref = none\n"
        "appender.none.type = Null\nappender.none.name = none\n"
    )
    return {"spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file:{file}"}


def _java_size(memory: str) -> str:
    """'2GB' → '2g', Java's spelling."""
    found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT])i?B?\s*", memory, re.IGNORECASE)
    if not found:
        raise ConfigError(f"'{memory}' is not an amount of memory", fix="such as 2GB")
    units = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024 * 1024}
    return f"{max(512, round(float(found[1]) * units[found[2].upper()]))}m"


def check_installed() -> None:
    """Raises StateError, with the command that mends it, where the extra or Java is missing."""
    if importlib.util.find_spec("pyspark") is None:
        raise StateError(
            "Spark is not installed",
            why="it comes with an extra, because of its 490 MB",
            fix="pip install 'floorwalker[spark]'",
        )
    java = java_command()
    version = java_version(java) if java else None
    if version is None or version < JAVA:
        raise StateError(
            "Spark has no Java to run on",
            why=f"{java} is Java {version}" if version else "neither JAVA_HOME nor PATH leads to one",
            fix=f"apt-get install openjdk-{JAVA}-jre-headless, or set JAVA_HOME to Java {JAVA} or newer",
        )


def java_command() -> str | None:
    """The Java that Spark would start."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")


def java_version(java: str) -> int | None:
    """Major version, None when it does not say."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(found[1]) if found else None
