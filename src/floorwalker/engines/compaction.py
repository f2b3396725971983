"""Compaction: the small files of a table, left by many appends and merges, written anew as few.

In: a lake, a table's name, a target size. Out: a commit that says of itself that it changes no row, so that models
find nothing to build and incremental models no change (`engines.changes`); None when there is nothing to join.

    done = compact(lake, "bronze.browse_events", settings, connection)
    done.files, done.files_after, done.version

The note of the newest commit is carried over: by its fingerprint a run knows that the table is up to date. Files are
joined in the order in which they came and rows keep theirs, so what lay together still does. Compaction stands in the
table's merge lane, and gives way to whoever commits without one: it tries again on what is there then, a few times.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from floorwalker.engines.delta import Conflict, custom_metadata, empty_table, write_commit
from floorwalker.engines.lock import table_lane
from floorwalker.engines.merging import shaped
from floorwalker.engines.sql_duckdb import FILE_ROWS, scan, write_parquet
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from floorwalker.engines.lake import Lake
    from floorwalker.engines.settings import LakeSettings

ATTEMPTS = 4


@dataclass(frozen=True)
class Part:
    """One file of a table."""

    name: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Compaction:
    """What was joined, or would be: `files` small ones of `rows` rows. `version` is None while nothing is committed."""

    table: str
    files: int
    bytes: int
    rows: int
    files_after: int = 0
    bytes_after: int = 0
    version: int | None = None
    status: str = "planned"
    """'planned', 'compacted', or 'busy': others kept committing, nothing was done."""


def parts_of(table: DeltaTable) -> list[Part]:
    """The files of a version, in the order in which they came."""
    folder = Path(table.table_uri.removeprefix("file://"))
    found: list[dict[str, Any]] = _rows(table)
    ordered = sorted(found, key=lambda one: (one["modification_time"], one["path"]))
    return [
        Part(one["path"], one["size_bytes"], _counted(folder / one["path"], one.get("num_records"))) for one in ordered
    ]


def is_small(part: Part, target_bytes: int) -> bool:
    """Whether a file is worth joining with others.

    >>> is_small(Part("a", 1000, 10), 1 << 20), is_small(Part("b", 1000, 900_000), 1 << 20)
    (True, False)
    """
    return part.bytes < target_bytes // 2 and part.rows < FILE_ROWS // 2


def groups(parts: Sequence[Part], target_bytes: int) -> list[list[Part]]:
    """Small files that become one file each; neighbours stay neighbours.

    >>> some = [Part(name, 400, 10) for name in "abc"] + [Part("big", 5000, 10)] + [Part("d", 400, 10)]
    >>> [[part.name for part in group] for group in groups(some, 1000)]
    [['a', 'b'], ['c', 'd']]
    """
    found: list[list[Part]] = [[]]
    for part in parts:
        if not is_small(part, target_bytes):
            continue
        full = sum(one.bytes for one in found[-1]) + part.bytes > target_bytes
        if full or sum(one.rows for one in found[-1]) + part.rows > FILE_ROWS:
            found.append([])
        found[-1].append(part)
    return [group for group in found if len(group) > 1]


def planned(lake: Lake, name: str, settings: LakeSettings) -> Compaction | None:
    """What `compact` would do; None for nothing."""
    return _planned(name, groups(parts_of(lake.open(name)), settings.target_bytes))


def compact(
    lake: Lake, name: str, settings: LakeSettings, connection: duckdb.DuckDBPyConnection, *, at_least: int = 2
) -> Compaction | None:
    """Join a table's small files where there are `at_least` so many; None when there are not."""
    plan = None
    with table_lane(lake.project, name):
        for _ in range(ATTEMPTS):
            table = lake.open(name)
            base = table.version()
            lake.files(name, base)  # refuses tables whose files do not tell the whole truth
            some = groups(parts_of(table), settings.target_bytes)
            plan = _planned(name, some)
            if plan is None or plan.files < at_least:
                return None
            written = _written(lake, name, table, some, connection)
            note = custom_metadata(lake.commit_info(name, base))
            said = {"at": base + 1, "same_as": lake.content(name, base), "compacted": plan.files}
            note["merge"] = json.dumps(said)
            gone = [part.name for group in some for part in group]
            try:
                version = write_commit(
                    lake.path(name), table.schema(), written, "merge", note, remove=gone, base=base, data_change=False
                )
            except Conflict:
                _discard(written)
                continue
            size = sum(file.stat().st_size for file, _ in written)
            return replace(plan, files_after=len(written), bytes_after=size, version=version, status="compacted")
    return replace(plan, status="busy") if plan else None


def _written(
    lake: Lake, name: str, table: DeltaTable, some: Sequence[Sequence[Part]], connection: duckdb.DuckDBPyConnection
) -> list[tuple[Path, int]]:
    """The joined files, not yet part of the table."""
    folder, schema = lake.path(name), table.schema()
    connection.execute("SET preserve_insertion_order = true")
    connection.from_arrow(empty_table(schema)).create_view("floorwalker_shape", replace=True)
    columns = ", ".join(f'"{field.name}"' for field in schema.fields)
    written: list[tuple[Path, int]] = []
    try:
        for group in some:
            source = scan([folder / part.name for part in group])
            new = write_parquet(connection, shaped(columns, f"SELECT * FROM {source}"), folder)
            written += new
            expected, found = sum(part.rows for part in group), sum(rows for _, rows in new)
            if expected != found:
                raise StateError(
                    f"{name} was not compacted",
                    why=f"its files should hold {expected} rows and {found} were read",
                    fix="nothing was changed; compare its files with its log, or restore it from a backup",
                )
    except BaseException:
        _discard(written)
        raise
    finally:
        connection.execute("DROP VIEW IF EXISTS floorwalker_shape")
    return written


def _discard(written: Sequence[tuple[Path, int]]) -> None:
    for file, _ in written:
        file.unlink(missing_ok=True)


def _planned(name: str, some: Sequence[Sequence[Part]]) -> Compaction | None:
    small = [part for group in some for part in group]
    if not small:
        return None
    return Compaction(
        name, len(small), sum(one.bytes for one in small), sum(one.rows for one in small), files_after=len(some)
    )


def _rows(table: DeltaTable) -> list[dict[str, Any]]:
    return pa.table(table.get_add_actions(flatten=True)).to_pylist()


def _counted(file: Path, rows: int | None) -> int:
    return rows if rows is not None else pq.read_metadata(file).num_rows
