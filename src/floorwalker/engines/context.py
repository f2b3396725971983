"""What a step is given while it runs: the protocol `StepContext` on a build.

In: a build, its connection, the step and its fingerprint. Out: tables written and merged into, with a note that says
what they were made of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import duckdb

from floorwalker.engines.planning import is_given, reads_of
from floorwalker.engines.sql_duckdb import Data, scan
from floorwalker.errors import ModelError, NotFoundError

if TYPE_CHECKING:
    from floorwalker.engines.models import SqlModel
    from floorwalker.engines.project import Project
    from floorwalker.engines.runner import Build
    from floorwalker.engines.steps import Step

RUNNER_VERSION = "2"
Progress = Callable[[str, float, str], None]
"""Called with (node, done 0…1, text)."""


class Context:
    """See `StepContext`."""

    def __init__(
        self, build: Build, connection: duckdb.DuckDBPyConnection, fingerprint: str, step: Step, progress: Progress
    ) -> None:
        self.project: Project = build.lake.project
        self.run_id, self.as_of = build.run_id, build.as_of
        self.connection = connection
        self.rows: dict[str, int] = {}
        self._build, self._node, self._progress = build, step, progress
        inputs = {table: build.versions[table] for table in lake_reads(step)}
        self._note = {"fingerprint": fingerprint, "made_as": made_as(step), "inputs": json.dumps(inputs)}

    def write(self, table: str, data: Data) -> int:
        if table not in self._node.writes:
            raise ModelError(f"step {self._node.name} wrote {table}", why=f"it declares {', '.join(self._node.writes)}")
        self.rows[table] = self._build.store(self.connection, table, data, **self._note)
        return self.rows[table]

    @property
    def standing(self) -> bool:
        notes = [self._build.lake.commit_info(table) for table in self._node.writes]
        same = all(note.get("made_as") == self._note["made_as"] for note in notes)
        return self._build.settled(self._node) and same

    def merge(
        self, table: str, key: Sequence[str], touched: duckdb.DuckDBPyRelation, rows: duckdb.DuckDBPyRelation,
        *, tell: bool = True,
    ) -> int:  # fmt: skip
        lake, before = self._build.lake, (self._build.published or {}).get(table)
        if before is None:
            return self.write(table, rows)
        if lake.version(table) == before:
            self.rows[table] = self._build.merge(self.connection, table, key, touched, rows, tell=tell, **self._note)
            return self.rows[table]
        touched.create_view("floorwalker_touched_keys", replace=True)
        rows.create_view("floorwalker_new_rows", replace=True)
        same = " AND ".join(f't."{column}" IS NOT DISTINCT FROM o."{column}"' for column in key)
        standing = scan(lake.files(table, before))
        return self.write(
            table,
            self.connection.sql(
                f"SELECT * FROM {standing} AS o WHERE NOT EXISTS (SELECT 1 FROM floorwalker_touched_keys AS t"
                f" WHERE {same}) UNION ALL BY NAME SELECT * FROM floorwalker_new_rows"
            ),
        )

    def changes(self, table: str, columns: Sequence[str]) -> duckdb.DuckDBPyRelation | None:
        before = self._read_before(table)
        if before is None:
            return None
        try:
            rows = self._build.lake.changed(table, before, self._build.versions[table], columns)
        except NotFoundError:
            return None
        listed = ", ".join(f'"{column}"' for column in columns)
        return self.connection.sql(rows or f"SELECT {listed} FROM {table} WHERE FALSE")

    def changed(self, table: str, key: str, columns: Sequence[str]) -> duckdb.DuckDBPyRelation:
        rows = self.changes(table, (key, *columns))
        source = f"FROM {table}" if rows is None else "FROM floorwalker_changes"
        if rows is not None:
            rows.create_view("floorwalker_changes", replace=True)
        return self.connection.sql(f'SELECT DISTINCT "{key}" {source}')

    def _read_before(self, table: str) -> int | None:
        """The version of a table that the step's published tables were made from."""
        published = self._build.published or {}
        made = next((one for one in self._node.writes if one in published), None)
        note = self._build.lake.commit_info(made, published[made]) if made else {}
        return json.loads(note.get("inputs", "{}")).get(table, published.get(table))

    def made_by(self, table: str) -> str:
        version = (self._build.published or {}).get(table)
        return str(self._build.lake.commit_info(table, version).get("run_id", "")) if version is not None else ""

    def progress(self, done: float, text: str = "") -> None:
        self._progress(self._node.name, done, text)


def made_as(step: Step) -> str:
    """What of a step's fingerprint is neither its inputs, nor the day, nor what may be amended."""
    return hashlib.sha256("\n".join([RUNNER_VERSION, step.name, step.version, step.settings]).encode()).hexdigest()


def lake_reads(node: SqlModel | Step) -> list[str]:
    """Tables of the lake that a node reads, in order."""
    return sorted(table for table in reads_of(node) if not is_given(table))
