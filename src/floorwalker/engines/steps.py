"""A step: work in Python that reads tables of the lake and writes others, as a SQL model does.

In: the names of the tables read and written, and a function. Out: a node of the run's graph, ordered with the models.

>>> def double(context: StepContext) -> None:
...     context.write("gold.doubled", context.connection.sql("SELECT 2 * x AS y FROM gold.numbers"))
>>> step = Step("double", reads=("gold.numbers",), writes=("gold.doubled",), run=double)
>>> step.writes
('gold.doubled',)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from floorwalker.engines.project import Project


class StepContext(Protocol):
    """What a step is given while it runs."""

    project: Project
    run_id: str
    as_of: dt.date
    """The day up to which the run knows the world: never the clock."""
    connection: duckdb.DuckDBPyConnection
    """Sees every table the step reads under its own name: `SELECT * FROM gold.customers`."""

    def write(self, table: str, data: pa.Table | pa.RecordBatchReader | duckdb.DuckDBPyRelation) -> int:
        """Replace a table with `data`; returns its number of rows. Visible to readers when the run publishes."""

    @property
    def standing(self) -> bool:
        """Whether the step's published tables were made by the step as it is now, in version and settings, and nobody
        has written to them since: then it may bring them up to date by `merge`, by what `changes` tells of its inputs
        and by what it knows of its `amendments`. If not, it must write every table whole."""

    def merge(
        self, table: str, key: Sequence[str], touched: duckdb.DuckDBPyRelation, rows: duckdb.DuckDBPyRelation,
        *, tell: bool = True,
    ) -> int:  # fmt: skip
        """Put `rows` in the place of the published rows of the `touched` keys; returns the number of rows written. The
        rest of the table is as published, whatever a run that was killed has left in it. `tell`: leave word of which
        rows changed, for models that bring themselves up to date by it; else the merge is quicker."""

    def changed(self, table: str, key: str, columns: Sequence[str]) -> duckdb.DuckDBPyRelation:
        """The values of `key` in rows of a table the step reads that are not as published, as far as `columns` go."""

    def changes(self, table: str, columns: Sequence[str]) -> duckdb.DuckDBPyRelation | None:
        """Rows of a table the step reads, as far as `columns` go, that are not what the step's published tables were
        made from: those that came and those that went. None when there is nothing to compare with."""

    def made_by(self, table: str) -> str:
        """The run that wrote the published version of a table the step writes; '' when nobody knows."""

    def progress(self, done: float, text: str = "") -> None:
        """Tell the person waiting: `done` in 0…1."""


@dataclass(frozen=True)
class Step:
    """A node of the run's graph. `version` goes up when the same input would give another output."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    run: Callable[[StepContext], None]
    version: str = "1"
    settings: str = ""
    """What else the output depends on (settings as text): a change rebuilds the step."""
    amendments: str = ""
    """The same, for what changes often and touches little: a step may take such a change into tables that stand
    (`StepContext.standing`)."""
    score: Callable[[StepContext], bool] | None = None
    """Of a step that fits a model: bring its tables up to date with the model that stands, without fitting. False: that
    cannot be done. Used where an answer is wanted at once (`Build.quick`); the next run fits anew."""
    lineage: Mapping[str, str | Mapping[str, Sequence[str]]] = field(default_factory=dict, compare=False)
    """What columns are made of, as far as the step says so: a table's SELECT, or per column the columns it reads
    (`gold.customers.revenue`). Nothing depends on it but what `floorwalker lineage` shows."""
