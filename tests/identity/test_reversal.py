"""What people decide can be reversed, and nothing depends on anything but what was decided when: properties."""

from __future__ import annotations

import random
import sqlite3

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify, Outcome
from tests.identity.deciding import TIGHT, by_world, decide, random_decisions, with_statistics, without, worlds
from tests.identity.population import record

from floorwalker.errors import ConfigError
from floorwalker.identity.decisions import Decision, active, add, undo
from floorwalker.identity.schema import MIGRATIONS
from floorwalker.identity.standing import standing

PROPERTY = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 100_000)
TABLES = (
    "silver.customer_map", "silver.customer_aliases", "silver.identity_evidence", "silver.customer_identifiers",
    "silver.identity_summary", "silver.customer_map_history", "silver.customer_ids", "silver.customer_levels",
)  # fmt: skip


def _apart(outcome: Outcome, a: list[str], b: list[str]) -> bool:
    return not {outcome.customer[one] for one in a} & {outcome.customer[one] for one in b}


@PROPERTY
@given(SEEDS)
def test_unmerging_a_merge_is_as_if_nothing_had_been(identify: Identify, seed: int) -> None:
    """Partition and ids: by cutting what was linked, and by taking the link back; in steps and amending."""
    rng = random.Random(seed)
    rows = worlds(rng)
    before = identify(rows, TIGHT)
    pairs = [rng.sample(customers, 2) for customers in by_world(before) if len(customers) > 1]
    links = [decide(before, "link", a, b, number) for number, (a, b) in enumerate(pairs)]
    merged = identify(rows, TIGHT, previous=before, decided=standing(links), amend=rng.random() < 0.5)
    assert all(merged.together(*a, *b) for a, b in pairs)
    cuts = [decide(before, "cut", a, b, 1000 + number) for number, (a, b) in enumerate(pairs)]
    amend = rng.random() < 0.5
    for later in (standing([*links, *cuts]), ()):
        undone = identify(rows, TIGHT, previous=merged, decided=later, amend=amend)
        assert undone.groups == before.groups
        assert undone.customer == before.customer
        # Only of customers that the merge itself made, out of what it displaced, is an alias left.
        left = {one for (one,) in undone.rows("SELECT customer_id FROM silver.customer_aliases")}
        assert not left & set(before.customer.values())


@PROPERTY
@given(SEEDS)
def test_the_later_decision_wins(identify: Identify, seed: int) -> None:
    rng = random.Random(seed)
    rows = worlds(rng)
    free = identify(rows, TIGHT)
    large = [max(customers, key=len) for customers in by_world(free)]
    halves = [(one[: len(one) // 2], one[len(one) // 2 :]) for one in large if len(one) > 1]
    cuts = [decide(free, "cut", a, b, number) for number, (a, b) in enumerate(halves)]
    cut = identify(rows, TIGHT, previous=free, decided=standing(cuts))
    assert all(_apart(cut, a, b) for a, b in halves)
    links = [decide(free, "link", a, b, 1000 + number) for number, (a, b) in enumerate(halves)]
    assert [one.kind for one in standing([*cuts, *links])] == ["link"] * len(halves)
    linked = identify(rows, TIGHT, previous=cut, decided=standing([*links, *cuts]))
    assert all(linked.together(*a, *b) for a, b in halves)
    assert identify(rows, TIGHT, decided=standing([*cuts, *links])).groups == linked.groups


@PROPERTY
@given(SEEDS)
def test_no_cut_that_stands_is_ever_crossed_and_links_hold_unless_cut(identify: Identify, seed: int) -> None:
    """With visits on devices among them, whatever else was decided."""
    rng = random.Random(seed)
    rows = worlds(rng)
    stands = standing(random_decisions(rng, identify(rows, TIGHT), 120))
    found = identify(rows, TIGHT, decided=stands)
    for one in stands:
        a, b = ([m.record_id for m in side] for side in (one.a, one.b))
        if one.kind == "cut":
            assert _apart(found, a, b), one
    kept = dict(
        found.rows("""
        SELECT rule_version, bool_and(accepted) FROM silver.identity_evidence WHERE kind = 'manual_link' GROUP BY 1
    """)
    )
    links = [one for one in stands if one.kind == "link"]
    assert sum(kept.values()) > 0.7 * len(links) > 0
    for one in links:
        if kept.get(one.decision_id):
            assert found.together(*(m.record_id for m in (*one.a, *one.b)))
    assert {reason for (reason,) in found.rows(
        "SELECT DISTINCT reason FROM silver.identity_evidence WHERE kind = 'manual_link' AND NOT accepted"
    )} <= {"a person's decision"}  # fmt: skip


@PROPERTY
@given(SEEDS)
def test_amending_gives_every_table_that_a_whole_run_gives(identify: Identify, seed: int) -> None:
    rng = random.Random(seed)
    rows = worlds(rng)
    free = identify(rows, TIGHT)
    made = random_decisions(rng, free, 40)
    before = identify(rows, TIGHT, previous=free, decided=standing(made[:20]))
    # A few worlds at a time: more are resolved whole.
    later = standing([*made[:20], *random_decisions(rng, free, 4, first=100)])
    whole = identify(rows, TIGHT, previous=before, decided=later)
    amended = identify(rows, TIGHT, previous=before, decided=later, amend=True)
    assert "silver.customer_map" in amended.context.merged and "silver.customer_map" not in whole.context.merged
    for table in TABLES:
        runs = ", since_run, until_run" if "history" in table or table.endswith("_ids") else ""
        left = f"* EXCLUDE ({runs.removeprefix(', ') or 'since_run'})" if runs or "aliases" in table else "*"
        query = f"SELECT {left} FROM {table} ORDER BY ALL"
        assert amended.rows(query) == whole.rows(query), table


def _kept(decisions: list[Decision]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript(MIGRATIONS[0])
    ids: dict[str, str] = {}
    for one in sorted(decisions, key=lambda one: one.kind == "undo"):
        if one.kind == "undo":
            try:
                ids[one.decision_id] = undo(database, ids[one.supersedes], at=one.at, actor=one.actor).decision_id
            except ConfigError as error:
                assert "taken back already" in str(error)
                ids[one.decision_id] = ids[one.supersedes]
        else:
            ids[one.decision_id] = add(database, one.kind, one.a, one.b, at=one.at, actor=one.actor).decision_id
    return database


@PROPERTY
@given(SEEDS)
def test_the_order_in_which_decisions_arrive_does_not_matter(identify: Identify, seed: int) -> None:
    rng = random.Random(seed)
    made = random_decisions(rng, identify(worlds(rng, 6), TIGHT), 60)
    shuffled = rng.sample(made, len(made))
    assert standing(made) == standing(shuffled)
    # One decision is taken back once: then arrival of the rest is all that differs.
    once = [one for one in made if one.kind != "undo"]
    assert active(_kept(once)) == active(_kept(rng.sample(once, len(once))))


@PROPERTY
@given(SEEDS)
def test_what_was_added_and_erased_has_never_been(identify: Identify, seed: int) -> None:
    """Erasing whole customers: what stands, and what becomes of the rest, is that of a world without them, by the same
    pinned statistics."""
    rng = random.Random(seed)
    rows = worlds(rng, 25)
    free = identify(rows, TIGHT)
    made = random_decisions(rng, free, 60)
    resolved = identify(rows, TIGHT, previous=free, decided=standing(made))
    gone = {one for customers in by_world(resolved) for one in rng.choice(customers)}
    database = _kept(made)
    database.execute("CREATE TEMP TABLE gone AS SELECT value FROM json_each(?)", [str(sorted(gone)).replace("'", '"')])
    database.execute("DELETE FROM identity_decision_records WHERE record_id IN (SELECT value FROM gone)")
    left = active(database)
    never = active(_kept(without(made, gone)))
    assert [one[1:] for one in left] == [one[1:] for one in never]
    (named,) = database.execute("SELECT count(*) FROM identity_decision_records JOIN gone ON value = record_id")
    assert named == (0,)
    rest = [row for row in rows if row["record_id"] not in gone]
    same = with_statistics(identify, resolved)
    after = identify(rest, TIGHT, previous=resolved, decided=left)
    fresh = identify(rest, TIGHT, previous=same, decided=never)
    assert after.groups == fresh.groups
    verdicts = """SELECT record_id, rule, identifier_key, accepted, reason FROM silver.identity_evidence ORDER BY ALL"""
    assert after.rows(verdicts) == fresh.rows(verdicts)
    # Decisions are told apart by what they were made of, so only their ids may differ.
    assert not {one for row in after.rows("SELECT record_id FROM silver.customer_map_history "
                                          "WHERE until_run IS NULL") for one in row} & gone  # fmt: skip


def test_a_visit_that_goes_to_somebody_else_leaves_the_id_with_whom_it_was_lent_to(identify: Identify) -> None:
    visit = record("0" * 32, device_id="d1")
    ann, bob = record("a" * 32, email="ann@lee.com", device_id="d1"), record("b" * 32, email="bob@lee.com")
    before = identify([visit, ann, bob])
    assert before.together(str(visit["record_id"]), str(ann["record_id"]))
    linked = standing([decide(before, "link", ["0" * 32], ["b" * 32], 1)])
    after = identify([visit, ann, bob], previous=before, decided=linked)
    assert after.customer["0" * 32] == after.customer["b" * 32] == before.customer["b" * 32]
    assert after.customer["a" * 32] == before.customer["a" * 32]
