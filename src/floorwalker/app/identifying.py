"""The published tables of identity, open for questions: why is this one person, why are these two not.

In: a project. Out: a connection on those tables, the keys of what people type, the model, whom one may see.

    with open_identity(project) as tables:
        why(tables.connection, one_customer(tables.find("ann@example.com")))
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from floorwalker.app.lookup import every_key
from floorwalker.engines.lake import Lake
from floorwalker.errors import NotFoundError
from floorwalker.identity import metrics
from floorwalker.identity.explain import Party, find
from floorwalker.identity.explain.finding import Normalise, closest
from floorwalker.identity.explain.pieces import Visible, everybody
from floorwalker.identity.explain.weighing import scorer
from floorwalker.identity.match import model_path
from floorwalker.identity.matching.model import Model

if TYPE_CHECKING:
    import duckdb

    from floorwalker.engines.project import Project
    from floorwalker.identity.explain.waterfall import Score

NEEDED = (
    "silver.customer_map", "silver.customer_aliases", "silver.identity_records", "silver.normalised_records",
    "silver.identity_evidence", "silver.identity_summary", "gold.customers",
)  # fmt: skip
"""Without these nothing can be explained."""
MAYBE = (
    "silver.identity_pairs", "silver.identity_hubs", "silver.identity_levels", "silver.customer_levels",
    "silver.identity_review", "silver.households",
)  # fmt: skip
"""What only some projects have."""

_LEAST_PREFIX = 6


@dataclass(frozen=True)
class Identity:
    """Open tables. `keys`: see `explain.find`; `model`: None where none has been trained."""

    connection: duckdb.DuckDBPyConnection
    keys: Normalise
    model: Model | None

    @property
    def score(self) -> Score | None:
        """How the model weighs records that the run has not compared."""
        return scorer(self.model) if self.model else None

    def find(self, text: str) -> Party:
        """Whom somebody means; the first letters of a record's id are enough. Raises NotFoundError."""
        return find(self.connection, self.whole(text), self.keys)

    def whole(self, text: str) -> str:
        """The id of the only record that begins so, else the text itself."""
        start = text.strip().removeprefix("record:")
        if not re.fullmatch(rf"[0-9a-f]{{{_LEAST_PREFIX},31}}", start):
            return text
        found = self.connection.execute(
            "SELECT record_id FROM silver.customer_map WHERE starts_with(record_id, ?) LIMIT 2", [start]
        ).fetchall()
        return found[0][0] if len(found) == 1 else text

    def pair_of(self, one: Party, two: Party) -> tuple[str, str]:
        """Two records: those meant, or of two customers those most alike."""
        if len(one.records) == len(two.records) == 1:
            return one.records[0], two.records[0]
        return closest(self.connection, one.records, two.records)


@contextmanager
def open_identity(project: Project) -> Generator[Identity]:
    """The tables of the published run. Raises NotFoundError before the first."""
    with open_tables(Lake(project)) as connection:
        yield Identity(connection, every_key(project, connection), model_of(project))


def open_tables(lake: Lake) -> duckdb.DuckDBPyConnection:
    """A connection on what is published of NEEDED and MAYBE."""
    pointer = lake.pointer()
    known = pointer.tables if pointer else {}
    if pointer and not set(NEEDED) <= known.keys():
        missing = ", ".join(sorted(set(NEEDED) - known.keys()))
        raise NotFoundError("the published run knows nobody", why=f"it has no {missing}", fix="floorwalker run")
    return lake.read([table for table in (*NEEDED, *MAYBE) if table in known] if pointer else None)


def model_of(project: Project) -> Model | None:
    """The project's matching model; None where none has been learned."""
    path = model_path(project.state)
    return Model.load(path) if path.exists() else None


def visible_in(connection: duckdb.DuckDBPyConnection, market: str) -> Visible:
    """Whom somebody of this market may see: its customers; an empty market sees all."""
    return partial(_of_market, connection, market) if market else everybody


def _of_market(connection: duckdb.DuckDBPyConnection, market: str, customers: Sequence[str]) -> Collection[str]:
    found = connection.execute(
        "SELECT customer_id FROM gold.customers WHERE market = ? AND customer_id IN (SELECT unnest(?::VARCHAR[]))",
        [market, list(customers)],
    )
    return {customer for (customer,) in found.fetchall()}


def remember_figures(
    lake: Lake, state: sqlite3.Connection, run_id: str, as_of: dt.date, at: dt.datetime
) -> dict[str, float]:
    """Keep the figures of the run that was just published, for `identity metrics`, and return them."""
    pointer = lake.pointer()
    if pointer is None or metrics.SUMMARY not in pointer.tables:
        return {}
    with lake.read([metrics.SUMMARY]) as connection:
        figures = metrics.summary(connection)
    when = at.isoformat(timespec="seconds")
    metrics.remember(state, run_id=run_id, as_of=str(as_of), at=when, figures=figures)
    return figures
