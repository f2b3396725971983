"""Erasure in the project's SQLite database: rows of the person go, and no page keeps them.

In: which tables hold personal text (`PersonalTable`, declared by the room that owns the table). Out: a handler.

Rooms declare beside their MIGRATIONS: `PERSONAL_TABLES` (tuples of PersonalTable) and `IMPERSONAL_TABLES` (names); a
test asks `undeclared_tables` for nothing, so that a new table cannot forget to join.

SQLite keeps deleted rows in free space and in the write-ahead log. So: `secure_delete`, VACUUM (which drops what
earlier deletes left), and the log truncated. A connection that holds a read transaction open stops the truncation; the
search reads the log too and then says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from floorwalker.governance.decode import Finding, search_sqlite, texts_of
from floorwalker.governance.handlers import Receipt
from floorwalker.governance.needles import Needles, kind_of

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.governance.subject import Subject


@dataclass(frozen=True)
class PersonalTable:
    """A table and its columns that can name a person (ids, JSON and free text).

    `source_column`: names the source of the row; then a customer number that means something only there counts as well,
    even inside JSON (a quarantined row as delivered). `action`: 'delete' the row, or 'redact' the words in it.
    """

    table: str
    columns: tuple[str, ...]
    source_column: str | None = None
    action: Literal["delete", "redact"] = "delete"


class SqliteHandler:
    """Erases from `state/floorwalker.db`, or another SQLite file under state/ (`file`)."""

    def __init__(
        self,
        tables: Sequence[PersonalTable],
        *,
        name: str = "database",
        file: str = "floorwalker.db",
        skip: Iterable[str] = ("erasure_pending",),
    ) -> None:
        self.name = name
        self.tables = tuple(tables)
        self.file = file
        # The journal of the erasure itself names the person by surrogate ids until it is done.
        self.skip = tuple(skip)

    def owns(self, path: Path) -> bool:
        return path.as_posix() in {self.file + suffix for suffix in ("", "-wal", "-shm", "-journal")}

    def erase(self, project: Project, subject: Subject) -> Receipt:
        path = project.state / self.file
        if not path.exists():
            return Receipt(self.name, 0, "no database")
        needles = Needles.of(subject, project.secret)
        removed = {}
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            existing = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in self.tables:
                if table.table in existing:
                    removed[table.table] = _erase_rows(connection, table, needles)
            scrub(connection)
        finally:
            connection.close()
        detail = ", ".join(f"{table} {count}" for table, count in sorted(removed.items()) if count)
        return Receipt(self.name, sum(removed.values()), detail)

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        path = project.state / self.file
        if not path.exists():
            return []
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
        traces = search_sqlite(path, Needles.of(subject, project.secret), place=self.file, skip=self.skip)
        return sorted({Finding(self.name, place, kind) for place, kind in traces})


def scrub(connection: sqlite3.Connection) -> None:
    """Rebuild the file without free space and empty the write-ahead log."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def undeclared_tables(
    connection: sqlite3.Connection, personal: Iterable[PersonalTable], impersonal: Iterable[str]
) -> list[str]:
    """Tables that neither list names, in order: what a test wants to be empty."""
    known = {table.table for table in personal} | set(impersonal) | {"schema_versions"}
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [row[0] for row in rows if row[0] not in known and not row[0].startswith("sqlite_")]


def _erase_rows(connection: sqlite3.Connection, table: PersonalTable, needles: Needles) -> int:
    def names_person(source: str | None, *cells: object) -> bool:
        return any(_names(needles, column, cell, source) for column, cell in zip(table.columns, cells, strict=True))

    def without(text: str | None) -> str | None:
        return needles.redact(text) if isinstance(text, str) else text

    connection.create_function("names_person", len(table.columns) + 1, names_person, deterministic=True)
    connection.create_function("without_person", 1, without, deterministic=True)
    columns = ", ".join(f'"{column}"' for column in table.columns)
    source = f'"{table.source_column}"' if table.source_column else "NULL"
    test = f"names_person({source}, {columns})"
    if table.action == "delete":
        return connection.execute(f'DELETE FROM "{table.table}" WHERE {test}').rowcount
    changes = ", ".join(f'"{column}" = without_person("{column}")' for column in table.columns)
    return connection.execute(f'UPDATE "{table.table}" SET {changes} WHERE {test}').rowcount


def _names(needles: Needles, column: str, cell: object, source: str | None) -> bool:
    if cell is None:
        return False
    texts = [text for text in texts_of(cell) if text]
    if needles.in_few(texts, column):
        return True
    if kind_of(column) and needles.in_cells(texts, column, source):
        return True
    # A row as delivered: the customer number of its own source, under whatever name the source gives the column.
    return source is not None and not needles.short_of_source(source).isdisjoint(text.strip().lower() for text in texts)
