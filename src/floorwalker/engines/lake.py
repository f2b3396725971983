"""The lake: bronze, silver and gold tables in Delta format, read at the version a run has published.

In: queries or Arrow data under a table name such as `gold.customers`. Out: Delta tables under `state/lake/`, and
DuckDB connections in which those names are views.

A run writes new versions; readers keep the versions named in `state/published.json` until `publish` replaces that file
in one rename. So a reader sees the old run or the new one, and a run that is killed leaves nothing visible.

>>> import tempfile, duckdb
>>> from floorwalker.engines.project import Project
>>> lake = Lake(Project(tempfile.mkdtemp()))
>>> with lake.connect() as connection:
...     _ = lake.replace("gold.numbers", connection.sql("SELECT 1 AS x UNION ALL SELECT 2"), connection)
>>> lake.publish(run_id="r1", as_of="2026-01-01", versions={"gold.numbers": 0})
>>> lake.read().sql("SELECT CAST(SUM(x) AS BIGINT) FROM gold.numbers").fetchall()
[(3,)]
"""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from floorwalker.errors import NotFoundError, StateError, did_you_mean

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

Data = duckdb.DuckDBPyRelation | pa.Table | pa.RecordBatchReader

LAYERS = ("bronze", "silver", "gold", "custom")
POINTER_VERSION = 1
# Parquet has no such integers: they would turn into DOUBLE on the way to another engine.
_UNPORTABLE = ("HUGEINT", "UHUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT", "TIME", "INTERVAL", "BIT", "UUID")


@dataclass(frozen=True)
class Pointer:
    """Which run readers see: one version per table, and the serving bundle that belongs to them."""

    run_id: str
    as_of: dt.date
    published_at: str
    tables: dict[str, int]
    reporting_currency: str = "GBP"
    bundle: str | None = None
    previous: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Staged:
    """A written file that is not yet part of its table."""

    name: str
    file: Path
    schema: Schema
    rows: int


class Lake:
    """The tables of one project. `memory_limit` and `threads` bound every connection it hands out."""

    def __init__(self, project: Project, *, memory_limit: str = "2GB", threads: int | None = None) -> None:
        self.project = project
        self.memory_limit = memory_limit
        self.threads = threads or min(os.cpu_count() or 2, 8)

    # -- connections ---------------------------------------------------------------------------------------------

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with the layers as empty schemas, in UTC, spilling to the project's own folder."""
        scratch = self.project.state / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(
            config={
                "memory_limit": self.memory_limit,
                "threads": str(self.threads),
                "temp_directory": str(scratch),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        for schema in (*LAYERS, "meta"):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return connection

    def read(self, tables: Iterable[str] | None = None, *, locked: bool = False) -> duckdb.DuckDBPyConnection:
        """A connection on the published run. Raises NotFoundError when no run has been published yet.

        `locked`: for SQL that people type. It reaches no file but the tables', no network, no setting; still ask
        `only_reads` first, because the tables' own files could be written to.
        """
        pointer = self.pointer()
        if pointer is None:
            raise NotFoundError(
                "nothing has been published yet", why=f"{self._pointer_file} does not exist", fix="floorwalker run"
            )
        connection = self.connect()
        connection.execute("SET preserve_insertion_order = true")
        for name in tables or pointer.tables:
            if name not in pointer.tables:
                raise NotFoundError(f"no table {name}", fix=did_you_mean(name, pointer.tables))
            self.view(connection, name, pointer.tables[name])
        set_run(connection, pointer.run_id, pointer.as_of, pointer.reporting_currency)
        if locked:
            files = [file for name in tables or pointer.tables for file in self.files(name, pointer.tables[name])]
            quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
            connection.execute(f"SET allowed_paths = [{quoted}]")
            connection.execute("SET python_enable_replacements = false")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        return connection

    def view(self, connection: duckdb.DuckDBPyConnection, name: str, version: int | None = None) -> None:
        """Make `name` in the connection a view on a version of the table (default: the newest)."""
        view_files(connection, name, self.files(name, version))

    # -- tables --------------------------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """Folder of a table: `gold.customers` → state/lake/gold/customers."""
        layer, _, table = name.partition(".")
        if layer not in LAYERS or not table.isidentifier():
            raise NotFoundError(
                f"'{name}' is not a table name", why=f"tables are <layer>.<name>; layers: {', '.join(LAYERS)}"
            )
        return self.project.lake / layer / table

    def tables(self) -> dict[str, Path]:
        """Every table on disk, published or not."""
        found = {}
        for layer in LAYERS:
            folder = self.project.lake / layer
            for log in sorted(folder.glob("*/_delta_log")) if folder.exists() else []:
                if any(log.glob("*.json")):
                    found[f"{layer}.{log.parent.name}"] = log.parent
        return found

    def exists(self, name: str) -> bool:
        log = self.path(name) / "_delta_log"
        return log.exists() and any(log.glob("*.json"))

    def open(self, name: str, version: int | None = None) -> DeltaTable:
        if not self.exists(name):
            raise NotFoundError(f"no table {name}", fix=did_you_mean(name, self.tables()))
        return DeltaTable(self.path(name), version=version)

    def version(self, name: str) -> int | None:
        """Newest version of a table; None when it does not exist."""
        return self.open(name).version() if self.exists(name) else None

    def files(self, name: str, version: int | None = None) -> list[str]:
        """The Parquet files of a version, after refusing what plain Parquet reading would get wrong."""
        table = self.open(name, version)
        features = set(table.protocol().reader_features or ())
        if features & {"deletionVectors", "columnMapping"} or table.metadata().partition_columns:
            raise StateError(
                f"{name} cannot be read",
                why="it uses deletion vectors, column mapping or partition columns that are not in its files",
                fix="rewrite it without them",
            )
        return sorted(table.file_uris())

    def commit_info(self, name: str) -> dict[str, Any]:
        """What the newest commit says of itself: `fingerprint`, `run_id`, …"""
        return self.open(name).history(1)[0] if self.exists(name) else {}

    def replace(self, name: str, data: Data, connection: duckdb.DuckDBPyConnection, **note: str) -> tuple[int, int]:
        """Write a new version holding exactly `data`; returns (version, rows). Old versions stay until `clean`."""
        staged = self.stage(name, data, connection)
        return self.commit(staged, "overwrite", **note), staged.rows

    def append(self, name: str, data: Data, connection: duckdb.DuckDBPyConnection, **note: str) -> tuple[int, int]:
        """Add rows to a table (made when absent); returns (version, rows)."""
        staged = self.stage(name, data, connection)
        return self.commit(staged, "append", **note), staged.rows

    def stage(self, name: str, data: Data, connection: duckdb.DuckDBPyConnection) -> Staged:
        """Write the file of a table's next version, which nobody sees before `commit`."""
        # DuckDB writes the file and delta-rs only the commit: 3/4 of the CPU and under half the memory of handing
        # delta-rs an Arrow stream (docs/decisions/0003-delta-commits-of-duckdb-files.md).
        relation = data if isinstance(data, duckdb.DuckDBPyRelation) else connection.from_arrow(data)
        self._check_types(name, relation)
        path = self.path(name)
        path.mkdir(parents=True, exist_ok=True)
        schema = Schema.from_arrow(relation.limit(0).to_arrow_table().schema)
        file = path / f"part-{uuid.uuid4().hex}.parquet"
        # Level 1 writes in 3/4 of the time and still half of what snappy makes of it.
        relation.create_view("floorwalker_staged", replace=True)
        target = str(file).replace("'", "''")
        written = connection.execute(
            f"COPY (SELECT * FROM floorwalker_staged) TO '{target}'"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        ).fetchall()
        connection.execute("DROP VIEW floorwalker_staged")
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
        return Staged(name, file, schema, int(written[0][0]))

    def commit(self, staged: Staged, mode: Literal["overwrite", "append"], **note: str) -> int:
        """Make a staged file the table's next version; `note` travels in the commit. Returns the version."""
        path = staged.file.parent
        stat = staged.file.stat()
        action = AddAction(
            path=staged.file.name,
            size=stat.st_size,
            partition_values={},
            modification_time=int(stat.st_mtime * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": staged.rows}),
        )
        properties = CommitProperties(custom_metadata=note)
        if not self.exists(staged.name):
            create_table_with_add_actions(
                str(path), staged.schema, [action], mode="error", commit_properties=properties
            )
            return 0
        table = DeltaTable(path)
        if mode == "overwrite" and table.schema() != staged.schema:
            create_table_with_add_actions(
                str(path), staged.schema, [action], mode="overwrite", commit_properties=properties
            )
        else:
            table.create_write_transaction([action], mode, staged.schema, commit_properties=properties)
        table.update_incremental()
        return table.version()

    @staticmethod
    def _check_types(name: str, relation: duckdb.DuckDBPyRelation) -> None:
        for column, kind in zip(relation.columns, relation.types, strict=True):
            if str(kind) in _UNPORTABLE:
                raise StateError(
                    f"{name}.{column} has type {kind}",
                    why="no other engine reads it from Parquet as it is",
                    fix="cast it: CAST(SUM(x) AS BIGINT) for counts, DECIMAL(28,4) for money",
                )

    # -- publishing ----------------------------------------------------------------------------------------------

    @property
    def _pointer_file(self) -> Path:
        return self.project.state / "published.json"

    def pointer(self) -> Pointer | None:
        """What readers see now; None before the first run."""
        try:
            raw = json.loads(self._pointer_file.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StateError(
                f"{self._pointer_file} is damaged",
                why=str(error),
                fix="bring it back from a backup, or remove it and run: the tables are still there",
            ) from None
        if raw["schema_version"] > POINTER_VERSION:
            raise StateError(
                "this project was published by a newer Floorwalker",
                why=f"published.json has version {raw['schema_version']}, this one knows {POINTER_VERSION}",
                fix="pip install --upgrade floorwalker",
            )
        del raw["schema_version"]
        return Pointer(as_of=dt.date.fromisoformat(raw.pop("as_of")), **raw)

    def publish(
        self,
        *,
        run_id: str,
        as_of: dt.date | str,
        versions: Mapping[str, int],
        reporting_currency: str = "GBP",
        bundle: str | None = None,
    ) -> None:
        """Show readers these versions, all at once: one file, replaced by rename."""
        before = self.pointer()
        pointer = {
            "schema_version": POINTER_VERSION,
            "run_id": run_id,
            "as_of": str(as_of),
            "published_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "reporting_currency": reporting_currency,
            "bundle": bundle,
            "tables": dict(sorted(versions.items())),
            "previous": before.tables if before else {},
        }
        write_atomically(self._pointer_file, json.dumps(pointer, indent=1) + "\n")

    def clean(self, *, keep_previous: bool = True) -> int:
        """Delete files that no newest version, nor the published run or the one before it, needs; returns how many."""
        # Not by Delta's vacuum: it adds commits of its own, which would hide the fingerprint of the last write.
        pointer = self.pointer()
        removed = 0
        for name, path in self.tables().items():
            keep = {DeltaTable(path).version()}
            if pointer and name in pointer.tables:
                keep.add(pointer.tables[name])
            if pointer and keep_previous and name in pointer.previous:
                keep.add(pointer.previous[name])
            needed = {Path(uri).name for version in keep for uri in DeltaTable(path, version=version).file_uris()}
            for file in path.glob("*.parquet"):
                if file.name not in needed:
                    file.unlink()
                    removed += 1
        # A table that was never committed, because its first run ended early: nobody reads its files.
        for layer in LAYERS:
            for path in (self.project.lake / layer).glob("*/*.parquet"):
                if not self.exists(f"{layer}.{path.parent.name}"):
                    path.unlink()
                    removed += 1
        return removed


def only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether `sql` is exactly one statement that changes nothing. Raises duckdb.Error when it does not parse.

    >>> connection = duckdb.connect()
    >>> [only_reads(connection, sql) for sql in ("FROM range(3)", "SELECT 1; SELECT 2", "COPY (SELECT 1) TO 'x.csv'")]
    [True, False, False]
    """
    statements = connection.extract_statements(sql)
    return len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT


def view_files(connection: duckdb.DuckDBPyConnection, name: str, files: Iterable[str]) -> None:
    """Make `name` in the connection a view on Parquet files."""
    quoted = ["'" + file.replace("'", "''") + "'" for file in files]
    # Columns may be added over time: older files then lack them.
    union = ", union_by_name = true" if len(quoted) > 1 else ""
    connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet([{', '.join(quoted)}]{union})")


def set_run(
    connection: duckdb.DuckDBPyConnection,
    run_id: str,
    as_of: dt.date,
    reporting_currency: str,
    precedence: Sequence[str] = (),
) -> None:
    """The tables by which models know the run, so that they never ask the clock or a setting.

    `meta.run` (run_id, as_of, reporting_currency) has one row; `meta.sources` (source, precedence) ranks the sources
    that may report the same order, 1 the most believed.
    """
    connection.execute(
        "CREATE OR REPLACE TABLE meta.run AS SELECT CAST(? AS VARCHAR) AS run_id, CAST(? AS DATE) AS as_of,"
        " CAST(? AS VARCHAR) AS reporting_currency",
        [run_id, as_of, reporting_currency],
    )
    connection.execute("CREATE OR REPLACE TABLE meta.sources (source VARCHAR, precedence INTEGER)")
    if precedence:
        ranked = [(source, rank) for rank, source in enumerate(precedence, 1)]
        connection.executemany("INSERT INTO meta.sources VALUES (?, ?)", ranked)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, finds the old text or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
