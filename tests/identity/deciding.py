"""Worlds to decide about, and decisions: many small populations in one, dense in conflicts, with anonymous visits.

In: a random generator. Out: records; decisions on the records of a resolved population, with the keys they have.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections.abc import Iterable, Sequence

from tests.identity.conftest import Identify, Outcome
from tests.identity.population import EPOCH, record

from floorwalker.identity.decisions import Decision, members
from floorwalker.identity.settings import IdentitySettings, Limits

TIGHT = IdentitySettings(limits=Limits(email=2, phone=2, account_id=2, customer_ref=3), cluster_records=6, hub_names=5)
DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def worlds(rng: random.Random, count: int = 24) -> list[dict[str, object]]:
    """Small worlds that share no value; the first three characters of a record_id name its world."""
    rows = []
    for world in range(count):
        own: dict[str, list[str]] = {
            "loyalty_id": ["card1", "card2"], "account_id": ["a1", "a2"], "customer_ref": ["1", "2", "3"],
            "email": ["u@lee.com", "v@lee.com", "w@lee.com"], "device_id": ["d1", "d2"], "cookie_id": ["c1", "c2"],
        }  # fmt: skip
        shared: dict[str, list[object]] = {
            "given_name": ["Ann", "Bob"], "family_name": ["Lee", "Bee"], "postcode": [f"B{world} 1AA"],
            "birth_date": [dt.date(1980, 3, 4), dt.date(1951, 12, 27)],
        }  # fmt: skip
        for number in range(rng.randrange(4, 13)):
            visit = rng.random() < 0.25
            kinds = ("device_id", "cookie_id") if visit else tuple(own)
            words = {field: f"{world}{value}" for field in kinds if (value := rng.choice([None, *own[field]]))}
            if not visit:
                words |= {field: rng.choice([None, *values]) for field, values in shared.items()}
                words["phone"] = rng.choice([None, f"07400 91{world:03d}0", f"07400 91{world:03d}1"])
            seen = EPOCH + dt.timedelta(days=rng.randrange(40))
            rows.append(record(f"w{world:02d}r{number:02d}", first_seen=seen, last_seen=seen, **words))
    return rows


def by_world(outcome: Outcome) -> list[list[list[str]]]:
    """Of each world its customers, each a sorted list of records."""
    found: dict[str, list[list[str]]] = {}
    for group in sorted(sorted(group) for group in outcome.groups):
        found.setdefault(group[0][:3], []).append(group)
    return list(found.values())


def decide(
    outcome: Outcome, kind: str, a: Iterable[str], b: Iterable[str], number: int, at: dt.datetime | None = None
) -> Decision:
    """A decision made at moment `number`, on records of the outcome."""
    connection = outcome.context.connection
    moment = (at or DAY + dt.timedelta(minutes=number)).isoformat(timespec="microseconds")
    return Decision(f"d{number:04}", kind, moment, "ana", "", *(tuple(members(connection, side)) for side in (a, b)))


def random_decisions(rng: random.Random, outcome: Outcome, count: int, first: int = 0) -> list[Decision]:
    """Decisions between customers, or some of their records, of one world each; now and then one is taken back."""
    made: list[Decision] = []
    choices = [customers for customers in by_world(outcome) if sum(map(len, customers)) > 2]
    for number in range(first, first + count):
        if made and rng.random() < 0.15:
            target = rng.choice(made).decision_id
            moment = (DAY + dt.timedelta(minutes=number)).isoformat(timespec="microseconds")
            made.append(Decision(f"d{number:04}", "undo", moment, "ana", supersedes=target))
            continue
        customers = rng.choice(choices)
        everybody = [one for customer in customers for one in customer]
        if len(customers) > 1 and rng.random() < 0.5:
            a, b = rng.sample(customers, 2)
        else:
            several = rng.sample(everybody, rng.randrange(2, min(len(everybody), 6) + 1))
            at = rng.randrange(1, len(several))
            a, b = several[:at], several[at:]
        made.append(decide(outcome, rng.choice(("link", "cut")), a, b, number))
    return made


def without(decisions: Sequence[Decision], gone: set[str]) -> list[Decision]:
    """The decisions of a population in which some records never were."""
    left: list[Decision] = []
    for one in decisions:
        if one.kind == "undo":
            if one.supersedes in {other.decision_id for other in left}:
                left.append(one)
            continue
        sides = [tuple(m for m in side if m.record_id not in gone) for side in (one.a, one.b)]
        if all(sides):
            left.append(Decision(one.decision_id, one.kind, one.at, one.actor, one.note, *sides))
    return left


def with_statistics(identify: Identify, of: Outcome) -> Outcome:
    """An empty shop that has pinned what another has: hubs, model, levels."""
    empty = identify([])
    for folder in ("identity", "matching"):
        shutil.copytree(of.context.project.state / folder, empty.context.project.state / folder, dirs_exist_ok=True)
    return empty
