"""What a level of confidence reaches, and whom it is expected to get wrong: to be known before a threshold is set.

In: rows of silver.identity_levels, how many records there are, the target precisions. Out: a `Level` per target.

>>> curve = [step("loyalty_id", 60, 50, 0.999, 0.4), step("model, 2 bits", 50, 70, 0.96, 0.6)]
>>> found = levels(curve, 100, {"crm": 0.99, "ads": 0.95})
>>> [(one.name, one.customers, one.wrong_pairs, one.wrong_people) for one in found]
[('ads', 50, 3, 1.4), ('crm', 60, 0, 0.0)]

Pairs count a customer of many records many times: twenty records make 190 pairs, and nineteen joins. Whom a message
would reach in another's name is a matter of joins. So `wrong_people` follows the curve: of the joins that a step makes
(customers that it takes away), as large a share is taken to be wrong as of the pairs that it adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from floorwalker.identity.levels import Step, choose_cut

if TYPE_CHECKING:
    import duckdb


class Level(msgspec.Struct, frozen=True):
    """A level as it stands: `target` precision, where it ends (`down_to`), what it joins.

    `wrong_pairs` of its `pairs` of records are expected to be two people's; `wrong_people`: people who are expected to
    be taken for somebody else."""

    name: str
    target: float
    down_to: str
    customers: int
    pairs: int
    precision: float
    recall: float
    wrong_pairs: int
    wrong_people: float


class Reached(NamedTuple):
    """A step of the curve, and how many people are expected to be wrong down to it."""

    step: Step
    wrong_people: float


def step(name: str, customers: int, pairs: int, precision: float, recall: float, tier: int = 0) -> Step:
    """A step of a curve, for examples and tests."""
    return Step(tier, -float(pairs), name, pairs, customers, precision, recall)


def read_curve(connection: duckdb.DuckDBPyConnection, table: str = "silver.identity_levels") -> list[Step]:
    """The published curve, from the surest evidence down."""
    rows = connection.execute(
        f"SELECT tier, weight, name, pairs, customers, precision, recall FROM {table} ORDER BY step"
    ).fetchall()
    return [Step(*row) for row in rows]


def reached(curve: Iterable[Step], records: int) -> list[Reached]:
    """The curve with wrong people; `records`: how many customers there are before anything is joined."""
    found: list[Reached] = []
    customers, pairs, wrong, people = records, 0, 0.0, 0.0
    for one in curve:
        now = one.pairs * (1 - one.precision)
        if one.pairs > pairs:
            # What a step is judged by may also take doubt away that the steps before it were under.
            people = max(0.0, people + (customers - one.customers) * (now - wrong) / (one.pairs - pairs))
        customers, pairs, wrong = one.customers, one.pairs, now
        found.append(Reached(one, people))
    return found


def levels(curve: Sequence[Step], records: int, targets: Mapping[str, float]) -> list[Level]:
    """What each target reaches, the widest reach first; none without a curve."""
    if not curve:
        return []
    ends = {(one.step.tier, one.step.weight): one for one in reached(curve, records)}
    found = []
    for name, target in targets.items():
        cut = choose_cut(curve, target)
        one, people = ends[cut.tier, cut.weight]
        found.append(
            Level(
                name, target, one.name, one.customers, one.pairs, one.precision, one.recall, one.wrong,
                round(people, 1),
            )
        )  # fmt: skip
    return sorted(found, key=lambda level: (level.target, level.name))
