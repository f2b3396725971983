"""Rows of files in quarantine, put right: one by one, many by a rule, or tried again under a mapping that was mended.

In: rows of quarantine, and what is to be different. Out: rows that fit now wait for the next run, which takes them in
once; the others stay, with the reason they would be refused for. What fits is what reading them finds: the mapping
itself, on the changed rows, in memory.

    mended = mend_each(project, state, [(row, Change({"qty": "2"})) for row in rows])
    mended.fit, mended.refused          # {17: {"qty": "2", …}}, {18: "quantity: 'x' is no number"}
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import pyarrow as pa

from floorwalker.app.config import load_config
from floorwalker.app.intake import load_mappings
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.sources.conversions import MACROS, quoted
from floorwalker.sources.files import MENDED
from floorwalker.sources.ingest import read_deliveries
from floorwalker.sources.mended import as_delivery, keep_mended

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.events.quarantine import QuarantinedRow
    from floorwalker.sources.mapping import Mapping

Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """What is to be different: columns by name (None: no value); columns by SQL over the row's columns, which are text
    (the same for all rows of a mapping); the whole row. Nothing of these: the row is tried as it is."""

    sets: Map[str, Any] = field(default_factory=dict)
    sql: Map[str, str] = field(default_factory=dict)
    whole: Row | None = None


@dataclass(frozen=True)
class Mended:
    """`fit`: rows that the next run takes in, by their number in quarantine; `refused`: why the others do not fit."""

    fit: dict[int, Row]
    refused: dict[int, str]


def mend_each(
    project: Project,
    state: sqlite3.Connection,
    asked: Sequence[tuple[QuarantinedRow, Change]],
    *,
    dry_run: bool = False,
) -> Mended:
    """Change rows of files and keep those that fit. Raises NotFoundError where a mapping is no longer there,
    ConfigError for SQL that does not run or rows that are no objects and are not given whole."""
    mappings = {one.name: one for one in load_mappings(project, load_config(project).settings)}
    fit: dict[int, Row] = {}
    refused: dict[int, str] = {}
    for name in dict.fromkeys(row.mapping for row, _ in asked):
        if name not in mappings:
            raise NotFoundError(f"no mapping '{name}'", why="it refused these rows and is gone", fix="bring it back")
        mine = [(row, change) for row, change in asked if row.mapping == name]
        changed = _changed(mine)
        why = _refusals(mappings[name], changed, project.state / "tmp")
        for place, ((row, _), now) in enumerate(zip(mine, changed, strict=True)):
            if place in why:
                refused[row.id] = why[place]
            else:
                fit[row.id] = now
    if fit and not dry_run:
        now_text = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        state.execute("BEGIN IMMEDIATE")
        keep_mended(state, [(row, _text(fit[row.id])) for row, _ in asked if row.id in fit], now_text)
        state.execute("COMMIT")
    return Mended(fit, refused)


def _text(row: Row) -> str:
    return msgspec.json.encode(row).decode()


def _changed(asked: Sequence[tuple[QuarantinedRow, Change]]) -> list[Row]:
    found: list[Row] = []
    for row, change in asked:
        value = change.whole if change.whole is not None else msgspec.json.decode(row.raw)
        if not isinstance(value, dict):
            if not change.sets:
                raise ConfigError(
                    f"row {row.id} is a line that is no row", why=row.reason, fix="give its columns: --row '{…}'"
                )
            value = {}
        found.append(value | dict(change.sets))
    sql = asked[0][1].sql
    return _by_sql(found, sql) if sql else found


def _by_sql(rows: list[Row], sql: Map[str, str]) -> list[Row]:
    """Each column anew from an expression over the row; macros of mappings (`as_number`, …) are there."""
    names = list(dict.fromkeys(name for row in rows for name in row)) + [name for name in sql if name not in rows[0]]
    names = list(dict.fromkeys(names))
    columns = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in names}
    table = pa.table(columns, schema=pa.schema([(name, pa.string()) for name in names]))
    asked = ", ".join(
        f"CAST({sql[name]} AS VARCHAR) AS {quoted(name)}" if name in sql else quoted(name) for name in names
    )
    with duckdb.connect(config={"enable_external_access": False}) as connection:
        for macro in MACROS:
            connection.execute(macro)
        connection.register("rows", table)
        try:
            made = connection.execute(f"SELECT {asked} FROM rows").fetchall()
        except duckdb.Error as error:
            fix = "columns are " + ", ".join(names)
            raise ConfigError("the SQL does not run", why=str(error).splitlines()[0], fix=fix) from None
    if len(made) != len(rows):
        raise ConfigError("the SQL must be an expression over one row", fix="--sql \"qty=replace(qty, ',', '.')\"")
    return [dict(zip(names, values, strict=True)) for values in made]


def _refusals(mapping: Mapping, rows: list[Row], scratch: Path) -> dict[int, str]:
    """Why rows would be refused, by place."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder, duckdb.connect() as connection:
        text = "".join(f"{_text(row)}\n" for row in rows)
        # What no map takes would vanish where the mapping lets such rows pass: that is not putting it right.
        strict = replace(mapping, rest="quarantine")
        delivery = as_delivery(strict, text, "mended", Path(folder) / f"mended{MENDED}")
        outcome = read_deliveries(connection, strict, [delivery], dt.datetime.now(dt.UTC), scratch=Path(folder))
        if outcome.refused:
            error = outcome.refused[0][1]
            return dict.fromkeys(range(len(rows)), str(error))
        told = connection.execute("SELECT row_number, reason FROM incoming_quarantine").fetchall()
    return {number - 1: reason for number, reason in told}
