"""Records of a table or view of a database, by dlt's sql_database.

In: an address that SQLAlchemy knows, and a password from the environment. Out: `Page`s of rows from a cursor on, in its
order, so that a long pull keeps what it has.

    [pulls.erp]
    connector = "sql"
    url = "postgresql+psycopg://reader@db.example.com/shop"
    password_env = "ERP_PASSWORD"
    [[pulls.erp.tables]]
    name = "orders"
    schema = "sales"                                    # default: the one that the database searches first
    key = "id"
    cursor = { field = "updated_at", overlap_minutes = 10 }

Rows come as the database gives them: numeric with all of its digits, timestamptz as an instant, jsonb as what it holds.
A row that is deleted in the database is not seen; a column that marks it deleted is, by the mapping.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from floorwalker.errors import ConfigError, FloorwalkerError, SourceError
from floorwalker.sources.connectors.cursors import time_of
from floorwalker.sources.connectors.definition import CursorRule, Stream
from floorwalker.sources.connectors.pulling import Page
from floorwalker.sources.connectors.quiet import quiet_dlt

CHUNK = 5_000


class SqlReader:
    """Reads tables of one database. `values`: url, and password where it has one."""

    def __init__(self, name: str, values: dict[str, str]) -> None:
        import sqlalchemy as sa
        from sqlalchemy.exc import ArgumentError

        self.name = name
        if "url" not in values:
            raise ConfigError(f"pulls.{name} needs 'url'", fix='url = "postgresql+psycopg://USER@HOST/DATABASE"')
        try:
            url = sa.make_url(values["url"])
            if values.get("password"):
                url = url.set(password=values["password"])
            self.engine = sa.create_engine(url, pool_pre_ping=True)
        except (ArgumentError, ImportError) as error:
            # The error may quote the address.
            raise ConfigError(
                f"pulls.{name}: the url cannot be used",
                why=type(error).__name__,
                fix="postgresql+psycopg://USER@HOST/DATABASE, and the driver it names",
            ) from None

    def clock(self) -> Decimal | None:
        """Not asked: rows of the database carry its own times, and the overlap is for those that come late."""
        return None

    def pages(self, stream: Stream, start: Decimal | None, token: str = "") -> Iterator[Page]:
        """Rows of a table whose cursor is at `start` or later; those without a cursor value come each time."""
        with quiet_dlt():
            resource = self._table(stream, start)
            rows = iter(resource)
        kept: list[dict[str, Any]] = []
        while True:
            try:
                with quiet_dlt():
                    row = next(rows, None)
            except FloorwalkerError:
                raise
            except Exception as error:
                # A driver's message may quote the address, the statement or a row.
                raise self._failed(stream, error) from None
            if row is not None:
                kept.append(row)
            if kept and (row is None or len(kept) >= CHUNK):
                yield Page(kept)
                kept = []
            if row is None:
                return

    def _table(self, stream: Stream, start: Decimal | None) -> Any:
        import sqlalchemy as sa
        from dlt.sources.sql_database import sql_table

        rule = stream.cursor

        def ordered(query: Any, table: Any, *_: Any) -> Any:
            if rule is None:
                return query
            if rule.field not in table.c:
                raise ConfigError(
                    f"pulls.{self.name}: {stream.name} has no column '{rule.field}'",
                    fix="columns: " + ", ".join(column.name for column in table.c),
                )
            column = table.c[rule.field]
            if start is not None:
                query = query.where(sa.or_(column >= _as_column(rule, column, start), column.is_(None)))
            # Rows without a value first: they come each time, and do not hide the end of what was read.
            return query.order_by(column.is_not(None), column)

        try:
            return sql_table(
                credentials=self.engine,
                table=stream.name,
                schema=stream.schema or None,
                chunk_size=CHUNK,
                reflection_level="minimal",
                query_adapter_callback=ordered,
            )
        except FloorwalkerError:
            raise
        except Exception as error:
            raise self._failed(stream, error) from None

    def _failed(self, stream: Stream, error: BaseException) -> FloorwalkerError:
        """What went wrong, without a word of a driver's message. dlt wraps what it meets."""
        code, kind = "", ""
        inner: BaseException | None = error
        while inner is not None:
            if isinstance(inner, FloorwalkerError):
                return inner
            kind = type(inner).__name__
            code = code or getattr(inner, "sqlstate", None) or ""
            inner = inner.__cause__ or inner.__context__
        return SourceError(
            f"{self.name}: {stream.name} cannot be read",
            why=f"{kind} {code}".strip(),
            fix="check the address, the password, the name of the table and the rights on it",
        )


def _as_column(rule: CursorRule, column: Any, start: Decimal) -> Any:
    """The start as the column's own type compares with it."""
    import sqlalchemy as sa

    if rule.type == "number":
        return int(start) if start == start.to_integral_value() else start
    if rule.type == "epoch":
        return int(start)
    time = time_of(start)
    if isinstance(column.type, sa.Date) and not isinstance(column.type, sa.DateTime):
        return time.date()
    aware = isinstance(column.type, sa.DateTime) and column.type.timezone
    return time if aware else time.replace(tzinfo=None)
