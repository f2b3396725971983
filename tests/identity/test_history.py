"""Who was who when: intervals over runs, and looking back."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.identity.conftest import Identify, Outcome
from tests.identity.deciding import decide
from tests.identity.population import record

from floorwalker.identity.history import customer_then, map_then, moments, records_then
from floorwalker.identity.standing import standing

DAYS = [dt.date(2026, 1, day) for day in (1, 5, 9, 9, 20)]
MAP = "SELECT record_id, customer_id, since, until FROM silver.customer_map_history ORDER BY 1, since, until NULLS LAST"
IDS = "SELECT customer_id, alias_of, since, until FROM silver.customer_ids ORDER BY 1, since, until NULLS LAST"


@pytest.fixture(scope="module")
def runs(identify: Identify) -> list[Outcome]:
    """Two customers; merged by a decision; on one day parted and merged again by hand; parted for good, one gone."""
    rows = [record("a1", loyalty_id="1"), record("a2", loyalty_id="1"), record("b1", loyalty_id="2")]
    first = identify(rows, as_of=DAYS[0])
    linked = standing([decide(first, "link", ["a1", "a2"], ["b1"], 1)])
    found = [first, identify(rows, previous=first, as_of=DAYS[1], decided=linked)]
    found.append(identify(rows, previous=found[-1], as_of=DAYS[2]))
    found.append(identify(rows, previous=found[-1], as_of=DAYS[3], decided=linked))
    found.append(identify([*rows[:1], rows[2], record("c", loyalty_id="3")], previous=found[-1], as_of=DAYS[4]))
    return found


def test_a_run_appends_and_closes_only_what_changed(runs: list[Outcome]) -> None:
    a, b = runs[0].customer["a1"], runs[0].customer["b1"]
    c = runs[-1].customer["c"]
    last = runs[-1]
    assert last.customer == {"a1": a, "b1": b, "c": c}
    assert last.rows(MAP) == [
        ("a1", a, DAYS[0], None),
        ("a2", a, DAYS[0], DAYS[4]),
        ("b1", b, DAYS[0], DAYS[1]), ("b1", a, DAYS[1], DAYS[2]), ("b1", b, DAYS[2], DAYS[2]),
        ("b1", a, DAYS[2], DAYS[4]), ("b1", b, DAYS[4], None),
        ("c", c, DAYS[4], None),
    ]  # fmt: skip
    assert [row for row in last.rows(IDS) if row[0] == b] == [
        (b, None, DAYS[0], DAYS[1]), (b, a, DAYS[1], DAYS[2]), (b, None, DAYS[2], DAYS[2]), (b, a, DAYS[2], DAYS[4]),
        (b, None, DAYS[4], None),
    ]  # fmt: skip
    again = last.rows("SELECT count(*) FROM silver.customer_map_history WHERE until_run IS NULL")
    assert again == last.rows("SELECT count(*) FROM silver.customer_map")


def test_looking_back_by_day_and_by_run(runs: list[Outcome]) -> None:
    a, b = runs[0].customer["a1"], runs[0].customer["b1"]
    connection = runs[-1].context.connection
    assert [customer_then(connection, b, day) for day in ("2025-12-31", "2026-01-04", "2026-01-05", "2026-01-20")] == [
        None, b, a, b,
    ]  # fmt: skip
    # Of several runs of one day the last counts; by their ids each can be asked for.
    assert customer_then(connection, b, "2026-01-09") == a
    assert [customer_then(connection, b, run.context.run_id) for run in runs] == [b, a, b, a, b]
    for run, day in zip(runs[:2], DAYS, strict=False):
        assert dict(map_then(connection, str(day)).fetchall()) == run.customer
    for run in runs:
        assert dict(map_then(connection, run.context.run_id).fetchall()) == run.customer
    then = records_then(connection, a, "2026-01-06")
    assert [(one["record_id"], one["customer_today"]) for one in then] == [("a1", a), ("a2", None), ("b1", b)]


def test_moments_of_somebody_of_everybody_and_of_those_who_moved(runs: list[Outcome]) -> None:
    a, b = runs[0].customer["a1"], runs[0].customer["b1"]
    connection = runs[-1].context.connection
    assert len(moments(connection, None)) == 3
    assert [row[0] for row in moments(connection, "2026-01-06", [b])] == ["a1", "a2", "b1"]
    assert [row[:2] for row in moments(connection, "2026-01-06", ["b1"])] == [("b1", a)]
    assert [(row[0], row[4]) for row in moments(connection, "2026-01-06", changed=True)] == [("a2", None), ("b1", b)]
    assert len(moments(connection, "2026-01-06", limit=1)) == 1
