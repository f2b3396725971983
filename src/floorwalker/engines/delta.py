"""Commits to a Delta table of files that are written already, and what the table's log says of its past.

In: a table's folder, files with their rows, names of files to leave out, a note. Out: the new version. DuckDB (or
Spark) writes the Parquet; delta-rs only the log (docs/decisions/0003-delta-commits-of-duckdb-files.md).

A commit on a `base` fails with `Conflict` when somebody else committed since, whatever it was: the writer looks again.
A commit without one (appending, replacing) goes behind whatever came in between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from floorwalker.errors import StateError

Mode = Literal["overwrite", "append", "merge"]
# What delta-rs and others put into a commit themselves; the rest is ours and is carried over.
_OWN_COMMIT_KEYS = {
    "timestamp", "operation", "operationParameters", "operationMetrics", "engineInfo", "clientVersion", "version",
    "isolationLevel", "isBlindAppend", "readVersion", "userId", "userName", "txnId", "inCommitTimestamp",
}  # fmt: skip
# Narrower types become wider ones while they are written; the other way a reader could not tell what was lost.
_WIDER = {
    "byte": ("short", "integer", "long"),
    "short": ("integer", "long"),
    "integer": ("long",),
    "float": ("double",),
}


class Conflict(Exception):
    """Another writer committed first."""


@dataclass(frozen=True)
class Staged:
    """Written files that are not yet part of their table.

    For a merge: `removed`, the names of the files that these replace; `base`, the version it was worked out on; and
    `changes`, a file with the rows that really changed (None: it is not known which; "": none).
    """

    name: str
    folder: Path
    files: tuple[tuple[Path, int], ...]
    schema: Schema
    removed: tuple[str, ...] = ()
    base: int | None = None
    changes: str | None = None
    kept: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows in the written files."""
        return sum(rows for _, rows in self.files)

    @property
    def paths(self) -> list[str]:
        """The files of the table as it will be."""
        return [*self.kept, *(str(file) for file, _ in self.files)]

    def discard(self) -> None:
        """Remove what was written."""
        for file, _ in self.files:
            file.unlink(missing_ok=True)
        if self.changes:
            (self.folder / self.changes).unlink(missing_ok=True)


def schema_of(file: Path) -> Schema:
    """The Delta schema of a Parquet file."""
    return schema_of_arrow(pq.read_schema(file))


def schema_of_arrow(schema: pa.Schema) -> Schema:
    """The Delta schema of Arrow columns, each of which may be NULL."""
    return Schema.from_arrow(pa.schema([pa.field(one.name, one.type) for one in schema]))


def empty_table(schema: Schema) -> pa.Table:
    """No rows of a Delta table, with all its columns."""
    return pa.schema(schema.to_arrow()).empty_table()


def write_commit(
    folder: Path,
    schema: Schema,
    add: Iterable[tuple[Path, int]],
    mode: Mode,
    note: dict[str, str],
    *,
    remove: Sequence[str] = (),
    base: int | None = None,
    data_change: bool = True,
) -> int:
    """Commit files to the table in `folder`, made when absent; returns the version. Raises Conflict (with `base`)."""
    added = [_added(file, rows, data_change) for file, rows in add]
    properties = CommitProperties(custom_metadata=note, max_commit_retries=None if base is None else 0)
    if not has_log(folder):
        create_table_with_add_actions(str(folder), schema, added, mode="error", commit_properties=properties)
        return 0
    table = DeltaTable(folder, version=base)
    if mode == "overwrite" and table.schema() != schema:
        create_table_with_add_actions(str(folder), schema, added, mode="overwrite", commit_properties=properties)
    else:
        now = int(time.time() * 1000)
        actions = [*added, *(RemoveAction(name, data_change, now) for name in remove)]
        try:
            table.create_write_transaction(
                actions, "overwrite" if mode == "overwrite" else "append", schema, commit_properties=properties
            )
        except CommitFailedError as error:
            if base is None:
                raise StateError(f"{folder.name} could not be written", why=str(error), fix="run again") from None
            raise Conflict(str(error)) from None
    if base is not None:
        return base + 1
    table.update_incremental()
    return table.version()


def has_log(folder: Path) -> bool:
    log = folder / "_delta_log"
    return log.exists() and any(log.glob("*.json"))


def _added(file: Path, rows: int, data_change: bool) -> AddAction:
    stat = file.stat()
    return AddAction(
        path=file.name,
        size=stat.st_size,
        partition_values={},
        modification_time=int(stat.st_mtime * 1000),
        data_change=data_change,
        # No minimum and maximum: an e-mail address would stay in the log as a statistic.
        stats=json.dumps({"numRecords": rows}),
    )


def widen(table: DeltaTable, columns: Sequence[tuple[str, Any]], name: str) -> dict[str, Any]:
    """Fit incoming columns (name, Delta type) to a table: columns it lacks are added to it, as a commit of their own.

    Returns the table's type of each column that is to be cast. Raises StateError when a column changed its type in a
    way that loses something.
    """
    known = {field.name: field.type for field in table.schema().fields}
    casts = {}
    for column, kind in columns:
        if column in known and known[column] != kind:
            if not _fits(kind, known[column]):
                raise StateError(
                    f"{name}.{column} is {_word(known[column])} in the lake and {_word(kind)} in the new rows",
                    why="older files would be misread",
                    fix=f"give it its old type, or another name; or remove {table.table_uri} to start it anew",
                )
            casts[column] = known[column]
    new = [Field(column, kind, nullable=True) for column, kind in columns if column not in known]
    if new:
        table.alter.add_columns(new)
    return casts


def _fits(kind: Any, into: Any) -> bool:
    narrow, wide = _word(kind), _word(into)
    if narrow.startswith("decimal(") and wide.startswith("decimal("):
        (before, scale), (after, new_scale) = _digits(narrow), _digits(wide)
        return new_scale >= scale and after - new_scale >= before - scale
    return wide in _WIDER.get(narrow, ())


def _digits(word: str) -> tuple[int, int]:
    whole, scale = word.removeprefix("decimal(").removesuffix(")").split(",")
    return int(whole), int(scale)


def _word(kind: Any) -> str:
    return str(getattr(kind, "type", kind))


@dataclass(frozen=True)
class Entry:
    """One commit of a log: the files it added and removed, its note, and whether it changed rows at all."""

    version: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    info: dict[str, Any]
    data_change: bool
    rows: Mapping[str, int] = field(default_factory=dict)
    """Of each added file, when the log has them."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Of each removed file, when: milliseconds since 1970."""

    @property
    def merge(self) -> dict[str, Any]:
        """What a merge or compaction of ours said of this very commit; a copied note speaks of another."""
        said = json.loads(self.info.get("merge", "{}"))
        return said if said.get("at") == self.version else {}


def read_entry(folder: Path, version: int) -> Entry | None:
    """A commit as its log entry tells it; None when the entry is gone (a checkpoint stands for it)."""
    file = folder / "_delta_log" / f"{version:020d}.json"
    try:
        actions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        return None
    added = [action["add"] for action in actions if "add" in action]
    removed = [action["remove"] for action in actions if "remove" in action]
    info = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    changed = any(one.get("dataChange", True) for one in (*added, *removed))
    return Entry(
        version,
        tuple(one["path"] for one in added),
        tuple(one["path"] for one in removed),
        info,
        changed,
        {one["path"]: counted for one in added if (counted := _recorded(one)) is not None},
        {one["path"]: one.get("deletionTimestamp") or 0 for one in removed},
    )


def _recorded(added: Mapping[str, Any]) -> int | None:
    stats = added.get("stats")
    return json.loads(stats).get("numRecords") if stats else None


def custom_metadata(commit: Mapping[str, Any]) -> dict[str, str]:
    """What the writer of a commit noted in it, without what the format puts there."""
    return {key: str(value) for key, value in commit.items() if key not in _OWN_COMMIT_KEYS}
