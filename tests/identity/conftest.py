"""Run the room's steps on a table of records, in memory."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from tests.identity.population import table
from tests.steps import MemoryContext

from floorwalker.identity import guards
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.standing import Standing
from floorwalker.identity.steps import REMEMBERED, steps


class Outcome:
    """What a run of identity wrote."""

    def __init__(self, context: MemoryContext) -> None:
        self.context = context
        self.customer: dict[str, str] = dict(context.connection.sql("FROM silver.customer_map").fetchall())

    def rows(self, query: str) -> list[tuple]:
        return self.context.connection.sql(query).fetchall()

    @property
    def groups(self) -> set[frozenset[str]]:
        """The partition without its ids."""
        by_customer: dict[str, set[str]] = {}
        for record, customer in self.customer.items():
            by_customer.setdefault(customer, set()).add(record)
        return {frozenset(group) for group in by_customer.values()}

    def together(self, *records: str) -> bool:
        return len({self.customer[record] for record in records}) == 1

    def refusals(self) -> set[str]:
        return {
            reason for (reason,) in self.rows("SELECT DISTINCT reason FROM silver.identity_evidence WHERE NOT accepted")
        }


Identify = Callable[..., Outcome]


@pytest.fixture(scope="session")
def identify(tmp_path_factory: pytest.TempPathFactory) -> Identify:
    """identify(records, settings=…, previous=Outcome, as_of=…, decided=…, amend=…) -> Outcome.

    `decided`: what people have decided (`standing`); `amend`: bring the tables of `previous` up to
    date instead of writing them anew."""
    folder: Path = tmp_path_factory.mktemp("identity")
    numbers = itertools.count(1)

    def run(
        records: pa.Table | Iterable[dict[str, object]],
        settings: IdentitySettings | None = None,
        previous: Outcome | None = None,
        as_of: dt.date = dt.date(2026, 1, 1),
        decided: Sequence[Standing] = (),
        amend: bool = False,
    ) -> Outcome:
        number = next(numbers)
        # What was learned is pinned in the project: a run that goes on from another finds it, any other is new.
        context = MemoryContext(previous.context.project.root if previous else folder / str(number), as_of)
        context.project.state.mkdir(parents=True, exist_ok=True)
        (context.project.state / "secret.key").write_text("the same key for every project of the tests")
        context.connection.execute("SET threads = 1")
        context.run_id = f"run-{number:05}"
        context.write("silver.identity_records", records if isinstance(records, pa.Table) else table(list(records)))
        old = previous.context.connection if previous else None
        for name, empty in REMEMBERED.items():
            last = old.sql(f"FROM {name}").to_arrow_table() if old else empty.empty_table()
            context.write(f"{name}_previous", last)
        if old:
            for name in ("identity_records", "customer_identifiers", "customer_levels"):
                context.write(f"silver.{name}_previous", old.sql(f"FROM silver.{name}"))
        normalise, resolve = steps(settings or IdentitySettings(), decided, guards.known(context.project))
        context.standing = amend
        normalise.run(context)
        resolve.run(context)
        return Outcome(context)

    return run
