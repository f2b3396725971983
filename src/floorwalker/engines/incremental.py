"""Incremental models: when only some rows of a model's inputs changed, only the keys these touch are computed again.

In: a model whose TOML has `[incremental]`, and the versions its inputs had when it was last built. Out: a staged merge
with what a full rebuild would give; None when a full rebuild is due, because it is quicker or something is unclear.

    [incremental]
    key = ["event_id"]     # rows of a key depend, in inputs that have all key columns, on rows with that key only
    [incremental.touched]  # for an input without the key: the keys that its changed rows (`changed`: old and new) touch
    "silver.customer_map" = "SELECT e.event_id FROM bronze.tickets AS e JOIN changed AS c ON c.record_id = e.record_id"

An input that changed, lacks the key and has no such query means a full rebuild.

>>> read_incremental("gold.c", {"incremental": {"key": ["id"]}}).key
('id',)
>>> run_columns("SELECT c.id, q.as_of FROM gold.c AS c CROSS JOIN meta.run AS q")
('as_of',)
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from floorwalker.engines.changes import changes_between, select_changes
from floorwalker.engines.delta import Staged
from floorwalker.engines.merging import stage_merge
from floorwalker.engines.planning import is_given
from floorwalker.engines.sql import SqlEngine, SqlError
from floorwalker.engines.sql_duckdb import scan
from floorwalker.errors import ModelError, did_you_mean

if TYPE_CHECKING:
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.models import SqlModel

RUN_COLUMNS = ("run_id", "as_of", "reporting_currency")
SHARE = 0.3
"""When more of a table's keys than this are touched, all of it is built anew: that is quicker."""


SMALL = 8 << 20
"""Inputs of fewer bytes are read whole in less time than it takes to find out what in them changed."""


@dataclass(frozen=True)
class Incremental:
    """What `[incremental]` says."""

    key: tuple[str, ...]
    touched: Mapping[str, str] = field(default_factory=dict)
    sliced: bool = False
    """Whether a full build may be done a slice of keys at a time: for wide models (`engines.slicing`)."""


def read_incremental(name: str, document: Mapping[str, Any]) -> Incremental | None:
    """A document's `[incremental]`, None without one. Raises ModelError for what it cannot mean."""
    said = document.get("incremental")
    if said is None:
        return None
    for word in said:
        if word not in ("key", "touched", "sliced"):
            raise ModelError(
                f"{name}, [incremental]: unknown key '{word}'", fix=did_you_mean(word, ("key", "touched", "sliced"))
            )
    key = said.get("key")
    if not isinstance(key, list) or not key or not all(isinstance(one, str) and one.isidentifier() for one in key):
        raise ModelError(f"{name}, [incremental]: key is a list of column names", fix='key = ["customer_id"]')
    for table, sql in said.get("touched", {}).items():
        try:
            sqlglot.parse_one(sql, dialect="duckdb")
        except SqlglotError as error:
            raise ModelError(f"{name}, [incremental.touched], {table}: cannot be parsed", why=str(error)) from None
    return Incremental(tuple(key), said.get("touched", {}), bool(said.get("sliced", False)))


@lru_cache(maxsize=512)
def run_columns(sql: str) -> tuple[str, ...]:
    """The columns of meta.run that a query reads: only when one of them changes its value can the result change."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    names = {table.alias_or_name for table in tree.find_all(exp.Table) if (table.db, table.name) == ("meta", "run")}
    if not names:
        return ()
    read = {
        column.name
        for column in tree.find_all(exp.Column)
        if column.table in names or (not column.table and column.name in RUN_COLUMNS)
    }
    stars = any(isinstance(star.parent, (exp.Select, exp.Column)) for star in tree.find_all(exp.Star))
    return RUN_COLUMNS if stars or not read <= set(RUN_COLUMNS) else tuple(sorted(read))


def run_facts(model: SqlModel) -> tuple[str, ...]:
    """The columns of meta.run that a model reads: as it says, or as its SQL does."""
    return run_columns(model.sql) if model.facts is None else model.facts


@dataclass
class Increment:
    """One attempt to bring a model's table up to date by merging.

    `before`, `now`: versions of its inputs; `files`: those of `now`; `show`: makes files visible under a table's name.
    """

    lake: Lake
    engine: SqlEngine
    connection: duckdb.DuckDBPyConnection
    show: Callable[[str, Sequence[str]], None]
    files: Mapping[str, Sequence[str]]
    model: SqlModel
    spec: Incremental
    before: Mapping[str, int]
    now: Mapping[str, int]
    share: float = SHARE
    small: int = SMALL

    def stage(self) -> Staged | None:
        """The merge, staged; None when the table is better or only surely right when built anew."""
        inputs = [table for table in self.model.reads if not is_given(table)]
        if set(inputs) - set(self.before) or not set(self.spec.touched) <= set(inputs):
            return None
        if sum(Path(file).stat().st_size for table in inputs for file in self.files[table]) < self.small:
            return None
        self._scratch = self.lake.project.state / "tmp" / f"increment-{uuid.uuid4().hex}"
        try:
            keyed = [table for table in inputs if set(self.spec.key) <= set(self._columns(table))]
            touched = self._touched_keys([table for table in inputs if self.before[table] != self.now[table]], keyed)
            if touched is None:
                return None
            if not touched:
                return self._unchanged()
            self.engine.show("meta.touched_keys", [str(file) for file, _ in touched])
            self.show(self.model.name, self.lake.files(self.model.name))
            keys = ", ".join(f'm."{column}"' for column in self.spec.key)
            ((known,),) = self.engine.rows(
                f"SELECT COUNT(*) FROM (SELECT DISTINCT {keys} FROM {self.model.name} AS m) AS x"
            )
            if sum(rows for _, rows in touched) > self.share * known:
                return None
            new = self._computed(keyed)
            return stage_merge(
                self.lake,
                self.model.name,
                self.spec.key,
                self._read(touched),
                self._read(new),
                self.connection,
                tell=not self.spec.sliced,
            )
        except SqlError:
            # A touched query over columns that older files lack, and the like: the full build says what is wrong.
            return None
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _unchanged(self) -> Staged:
        table = self.lake.open(self.model.name)
        files = tuple(self.lake.files(self.model.name, table.version()))
        self.show(self.model.name, files)
        return Staged(
            self.model.name, self.lake.path(self.model.name), (), table.schema(), base=table.version(), changes="",
            kept=files,
        )  # fmt: skip

    def _columns(self, table: str) -> list[str]:
        return [one.name for one in self.lake.open(table, self.now[table]).schema().fields]

    def _touched_keys(self, moved: Sequence[str], keyed: Sequence[str]) -> list[tuple[Path, int]] | None:
        """Files with the distinct keys that the changes of these inputs touch; None when nobody can tell."""
        found: list[str] = []
        for table in moved:
            changes = changes_between(self.lake.path(table), self.before[table], self.now[table])
            if changes is None:
                return None
            if changes.nothing:
                continue
            query = self.spec.touched.get(table)
            if query is None and table not in keyed:
                return None
            for name in ("files", "before", "after"):
                if getattr(changes, name):
                    self.engine.show(f"meta.changed_{name}", getattr(changes, name))
            # All columns, whatever is read of them: a row that only changed a value has the same key before and after.
            columns = self._columns(table) if query or changes.before else self.spec.key
            rows = select_changes(changes, columns, "meta.changed_files", "meta.changed_before", "meta.changed_after")
            self.engine.define("changed", rows)
            keys = ", ".join(f'x."{column}"' for column in self.spec.key)
            source = query.strip().rstrip(";") if query else "SELECT * FROM changed"
            written = self.engine.write(f"SELECT DISTINCT {keys} FROM ({source}) AS x", self._scratch / "found")
            found += [str(file) for file, rows in written if rows]
        if not found:
            return []
        self.engine.show("meta.touched_found", found)
        keys = ", ".join(f'x."{column}"' for column in self.spec.key)
        return self.engine.write(f"SELECT DISTINCT {keys} FROM meta.touched_found AS x", self._scratch / "keys")

    def _computed(self, keyed: Sequence[str]) -> list[tuple[Path, int]]:
        """The model's rows of the touched keys: its own query, with the keyed inputs narrowed to these."""
        same = " AND ".join(f't."{column}" IS NOT DISTINCT FROM w."{column}"' for column in self.spec.key)
        shown: list[str] = []
        try:
            for number, table in enumerate(keyed):
                whole = f"meta.whole_{number}"
                self.engine.show(whole, self.files[table])
                shown.append(table)
                self.engine.define(
                    table,
                    f"SELECT w.* FROM {whole} AS w WHERE EXISTS (SELECT 1 FROM meta.touched_keys AS t WHERE {same})",
                )
            return self.engine.write(self.model.sql, self._scratch / "new")
        finally:
            for table in shown:
                self.show(table, self.files[table])

    def _read(self, files: Sequence[tuple[Path, int]]) -> duckdb.DuckDBPyRelation:
        return self.connection.sql(f"SELECT * FROM {scan([file for file, _ in files])}")
