"""Every SQL model of a published project once more on Spark, from the same input files, held against DuckDB's table.

In: a project's folder and an engine's URL. Out: JSON, one object per model: seconds on both engines, rows, rows that
only one side has, and whether the Delta schemas are one. A process of its own, because a process has one Spark.

    python -m tests.spark_compare shop spark://127.0.0.1:7077
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from floorwalker.app.config import load_config, open_project
from floorwalker.app.graph import build_graph
from floorwalker.engines.delta import schema_of
from floorwalker.engines.lake import Lake
from floorwalker.engines.models import SqlModel
from floorwalker.engines.sql_duckdb import DuckDBSql, scan
from floorwalker.engines.sql_spark import SparkSql


def compare(folder: Path, url: str) -> list[dict[str, Any]]:
    """One finding per model of the project's graph, whatever happens to the others."""
    project = open_project(folder)
    settings = load_config(project).settings
    lake = Lake(project)
    pointer = lake.pointer()
    assert pointer is not None
    graph = build_graph(project, settings)
    scratch = Path(tempfile.mkdtemp(prefix="spark-"))
    found = []
    spark = SparkSql(url, scratch / "spark")
    try:
        with lake.connect() as connection:
            own = DuckDBSql(connection)
            for engine in (own, spark):
                engine.set_run(pointer.run_id, pointer.as_of, pointer.reporting_currency, settings.orders.precedence)
                for table, version in pointer.tables.items():
                    engine.show(table, lake.files(table, version))
            for name in graph.order:
                model = graph.nodes[name]
                if isinstance(model, SqlModel) and name in pointer.tables:
                    schema = lake.open(name, pointer.tables[name]).schema()
                    found.append(_one(model, connection, own, spark, scratch / name, schema))
    finally:
        spark.close()
        shutil.rmtree(scratch)
    return found


def _one(
    model: SqlModel, connection: duckdb.DuckDBPyConnection, own: DuckDBSql, spark: SparkSql, folder: Path, schema: Any
) -> dict[str, Any]:
    finding: dict[str, Any] = {"model": model.name}
    try:
        start = time.perf_counter()
        own.write(model.sql, folder / "duckdb")
        finding["duckdb_s"] = round(time.perf_counter() - start, 3)
        start = time.perf_counter()
        files = spark.write(model.sql, folder / "spark")
        finding["spark_s"] = round(time.perf_counter() - start, 3)
    except Exception as error:  # the other models are looked at all the same
        return {**finding, "error": f"{type(error).__name__}: {error}"}
    theirs = f"SELECT * FROM {scan([file for file, _ in files])}"
    finding["rows"] = sum(rows for _, rows in files)
    finding["same_schema"] = all(schema_of(file) == schema for file, _ in files)
    if not finding["same_schema"]:
        finding["schemas"] = [str(schema), str(schema_of(files[0][0]))]
        return finding
    for side, (one, other) in {
        "only_duckdb": (f"SELECT * FROM {model.name}", theirs),
        "only_spark": (theirs, f"SELECT * FROM {model.name}"),
    }.items():
        sql = f"{one} EXCEPT ALL {other}"
        ((finding[side],),) = connection.execute(f"SELECT COUNT(*) FROM ({sql})").fetchall()
        if finding[side]:
            finding[f"{side}_sample"] = [str(row) for row in connection.execute(f"{sql} LIMIT 2").fetchall()]
    return finding


if __name__ == "__main__":
    print(json.dumps(compare(Path(sys.argv[1]), sys.argv[2])))
