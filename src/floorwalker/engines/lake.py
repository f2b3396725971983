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
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError

from floorwalker.engines.changes import Changes, changes_between, content, select_changes
from floorwalker.engines.delta import (
    Staged,
    empty_table,
    has_log,
    read_entry,
    schema_of,
    schema_of_arrow,
    widen,
    write_commit,
)
from floorwalker.engines.merging import commit_merge, merge
from floorwalker.engines.publication import Pointer, Publication, write_atomically
from floorwalker.engines.settings import LakeSettings
from floorwalker.engines.sql_duckdb import Data, scan, set_run, view_files, write_parquet
from floorwalker.engines.vacuum import vacuum
from floorwalker.errors import NotFoundError, StateError, did_you_mean

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

_UNITS = {
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "B": 1,
}  # fmt: skip
LAYERS = ("bronze", "silver", "gold", "custom")
__all__ = ["LAYERS", "Data", "Lake", "Pointer", "Staged", "only_reads", "write_atomically"]


class Lake:
    """The tables of one project. `memory_limit` and `threads` bound every connection it hands out."""

    def __init__(self, project: Project, *, memory_limit: str = "2GB", threads: int | None = None) -> None:
        self.project = project
        self.memory_limit = memory_limit
        self.threads = threads or min(os.cpu_count() or 2, 8)
        self.publication = Publication(project)
        self._schemas: dict[tuple[str, int], Schema] = {}

    @property
    def memory_bytes(self) -> int:
        """`memory_limit` as a number of bytes, as DuckDB reads it."""
        text = self.memory_limit.strip().upper().replace(" ", "")
        for unit, factor in _UNITS.items():
            if text.endswith(unit):
                return int(float(text.removesuffix(unit)) * factor)
        return int(float(text))

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

    def read(
        self, tables: Iterable[str] | None = None, *, locked: bool = False, run_id: str | None = None
    ) -> duckdb.DuckDBPyConnection:
        """A connection on the published run, or an earlier one that is kept. NotFoundError when there is none.

        `locked`: for SQL that people type. It reaches no file but the tables', no network, no setting; still ask
        `only_reads` first, because the tables' own files could be written to.
        """
        pointer = self.pointer()
        if pointer is None:
            raise NotFoundError(
                "nothing has been published yet", why=f"{self.publication.file} does not exist", fix="floorwalker run"
            )
        pointer = pointer.at(run_id) if run_id else pointer
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
        return has_log(self.path(name))

    def open(self, name: str, version: int | None = None) -> DeltaTable:
        if not self.exists(name):
            raise NotFoundError(f"no table {name}", fix=did_you_mean(name, self.tables()))
        return DeltaTable(self.path(name), version=version)

    def version(self, name: str) -> int | None:
        """Newest version of a table; None when it does not exist."""
        return self.open(name).version() if self.exists(name) else None

    def schema(self, name: str, version: int | None = None) -> Schema:
        """Columns and types of a version, without opening its log when this very object committed it."""
        known = self._schemas.get((name, version)) if version is not None else None
        return known or self.open(name, version).schema()

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

    def commit_info(self, name: str, version: int | None = None) -> dict[str, Any]:
        """What a commit (default: the newest) says of itself: `fingerprint`, `run_id`, …; empty when unknown."""
        if not self.exists(name):
            return {}
        if version is None:
            return self.open(name).history(1)[0]
        entry = read_entry(self.path(name), version)
        return entry.info if entry else {}

    def replace(self, name: str, data: Data, connection: duckdb.DuckDBPyConnection, **note: str) -> tuple[int, int]:
        """Write a new version holding exactly `data`; returns (version, rows). Old versions stay until `clean`."""
        staged = self.stage(name, data, connection, "overwrite")
        return self.commit(staged, "overwrite", **note), staged.rows

    def append(self, name: str, data: Data, connection: duckdb.DuckDBPyConnection, **note: str) -> tuple[int, int]:
        """Add rows to a table (made when absent); returns (version, rows). Columns it lacks are added to it."""
        staged = self.stage(name, data, connection, "append")
        return self.commit(staged, "append", **note), staged.rows

    def merge(
        self,
        name: str,
        key: Sequence[str],
        touched: Data,
        new_rows: Data,
        connection: duckdb.DuckDBPyConnection,
        *,
        tell: bool = True,
        **note: str,
    ) -> tuple[int, int]:
        """Put `new_rows` in the place of all rows whose key is in `touched` or in `new_rows`; see `engines.merging`.

        Returns (version, rows written). Safe while others merge, append and read.
        """
        return merge(self, name, key, touched, new_rows, connection, tell=tell, **note)

    def content(self, name: str, version: int) -> int:
        """The version that first held exactly the rows of `version`."""
        return content(self.path(name), version)

    def changed(self, name: str, before: int, now: int, columns: Sequence[str] = ()) -> str:
        """SQL of the rows (these columns; none: all) that only one of two versions of a table has; '' for none. Told by
        what was merged where that is known, else by comparing; then a row that changed elsewhere may be among them.

        Raises NotFoundError when the older version has been cleaned away."""
        changes = changes_between(self.path(name), before, now)
        if changes is None:
            gone = NotFoundError(f"version {before} of {name} is no longer kept", fix="compare with a newer one")
            try:
                changes = Changes(before=tuple(self.files(name, before)), after=tuple(self.files(name, now)))
            except DeltaError:  # an erasure leaves no log of what had been before it
                raise gone from None
            if not all(Path(file).exists() for file in changes.before):
                raise gone
        if changes.nothing:
            return ""
        sets = [scan(files) if files else "" for files in (changes.files, changes.before, changes.after)]
        return select_changes(changes, columns or [one.name for one in self.schema(name, now).fields], *sets)

    def stage(
        self,
        name: str,
        data: Data,
        connection: duckdb.DuckDBPyConnection,
        mode: Literal["overwrite", "append"] = "overwrite",
    ) -> Staged:
        """Write the files of a table's next version, which nobody sees before `commit`.

        For `append`, the rows are fitted to the table: narrower types are widened, and a column of another type is a
        StateError.
        """
        # DuckDB writes the file and delta-rs only the commit: 3/4 of the CPU and under half the memory of handing
        # delta-rs an Arrow stream (docs/decisions/0003-delta-commits-of-duckdb-files.md).
        relation = data if isinstance(data, duckdb.DuckDBPyRelation) else connection.from_arrow(data)
        relation.create_view("floorwalker_staged", replace=True)
        sql = "SELECT * FROM floorwalker_staged"
        if mode == "append" and self.exists(name):
            sql = f"SELECT {self.fitted(name, connection, 'floorwalker_staged')} FROM floorwalker_staged"
        try:
            files = write_parquet(connection, sql, self.path(name))
        except StateError as error:
            raise StateError(f"{name}: {error.what}", why=error.why, fix=error.fix) from None
        finally:
            connection.execute("DROP VIEW IF EXISTS floorwalker_staged")
        return self.staged(name, files)

    def staged(self, name: str, files: Iterable[tuple[Path, int]]) -> Staged:
        """Files that an engine has written into the table's folder, as its next version."""
        written = tuple(files)
        return Staged(name, self.path(name), written, schema_of(written[0][0]))

    def fitted(self, name: str, connection: duckdb.DuckDBPyConnection, view: str) -> str:
        """The columns of a view as SQL, cast to the types the table has; the table gets the columns it lacks."""
        incoming = schema_of_arrow(connection.sql(f"SELECT * FROM {view} LIMIT 0").to_arrow_table().schema)
        casts = widen(self.open(name), [(field.name, field.type) for field in incoming.fields], name)
        known = connection.from_arrow(empty_table(self.open(name).schema()))
        types = dict(zip(known.columns, known.types, strict=True))
        return ", ".join(
            f'CAST("{field.name}" AS {types[field.name]}) AS "{field.name}"'
            if field.name in casts
            else f'"{field.name}"'
            for field in incoming.fields
        )

    def commit(self, staged: Staged, mode: Literal["overwrite", "append"] = "overwrite", **note: str) -> int:
        """Make staged files the table's next version; `note` travels in the commit. Returns the version.

        A staged merge is committed as one, and raises Conflict when the table has moved on since.
        """
        if staged.base is not None:
            version = commit_merge(self, staged, **note)
        else:
            version = write_commit(staged.folder, staged.schema, staged.files, mode, note)
        if mode == "overwrite":
            # Of rows that were appended, the files may lack columns that the table has.
            self._schemas[staged.name, version] = staged.schema
        return version

    # -- publishing ----------------------------------------------------------------------------------------------

    def pointer(self) -> Pointer | None:
        """What readers see now; None before the first run."""
        return self.publication.read()

    def publish(
        self,
        *,
        run_id: str,
        as_of: dt.date | str,
        versions: Mapping[str, int],
        reporting_currency: str = "GBP",
        bundle: str | None = None,
        held_back: Mapping[str, str] | None = None,
        log: Mapping[int, int] | None = None,
    ) -> None:
        """Show readers these versions, all at once."""
        self.publication.write(
            run_id=run_id,
            as_of=as_of,
            versions=versions,
            reporting_currency=reporting_currency,
            bundle=bundle,
            held_back=held_back,
            log=log,
        )

    def move(self, versions: Mapping[str, int], *, forget: bool = False) -> None:
        """Show the published run in versions with the same rows; see `Publication.move`."""
        self.publication.move(versions, forget=forget)

    def clean(self, settings: LakeSettings | None = None) -> int:
        """Delete what `settings` do not keep; returns how many files (`engines.vacuum`)."""
        return len(vacuum(self, settings or LakeSettings()))


def only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether `sql` is exactly one statement that changes nothing. Raises duckdb.Error when it does not parse.

    >>> connection = duckdb.connect()
    >>> [only_reads(connection, sql) for sql in ("FROM range(3)", "SELECT 1; SELECT 2", "COPY (SELECT 1) TO 'x.csv'")]
    [True, False, False]
    """
    statements = connection.extract_statements(sql)
    return len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT
