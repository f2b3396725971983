"""What a decision means for records told in other words, for records that are gone, and for anonymous visits."""

from __future__ import annotations

import datetime as dt

from tests.identity.conftest import Identify, Outcome
from tests.identity.deciding import decide
from tests.identity.population import EPOCH, record

from floorwalker.identity.standing import standing

SHARED = {"email": "family@lee.com", "given_name": "Ann", "family_name": "Lee"}
MOTHER = record("m1", source="crm", customer_ref="1", loyalty_id="71", **SHARED)
DAUGHTER = record("d1", source="crm", customer_ref="2", **SHARED)


def _cut(found: Outcome, a: list[str], b: list[str]) -> tuple:
    return standing([decide(found, "cut", a, b, 1)])


def test_a_corrected_row_is_not_the_person_it_was_cut_from(identify: Identify) -> None:
    """Nothing ties the row to its old self any more (another card than the one a customer may have), and its mailbox
    is that of the person it was cut from: by its number the cut holds for it too."""
    mother = record("m1", source="crm", customer_ref="1", loyalty_id="71", email="mother@lee.com")
    daughter = record("d1", source="crm", customer_ref="2", email="daughter@lee.com")
    before = identify([mother, daughter])
    cut = _cut(before, ["m1"], ["d1"])
    corrected = record("m2", source="crm", customer_ref="1", loyalty_id="99", email="daughter@lee.com")
    after = identify([mother, daughter, corrected], previous=before, decided=cut)
    assert not after.together("m2", "m1") and not after.together("m2", "d1")
    # Without its number nothing tells the new words from a stranger's, and evidence decides.
    stranger = record("m2", source="pos", loyalty_id="99", email="daughter@lee.com")
    assert identify([mother, daughter, stranger], previous=before, decided=cut).together("m2", "d1")


def test_a_cut_does_not_reach_a_record_that_a_person_has_linked(identify: Identify) -> None:
    corrected = record("m2", source="crm", customer_ref="1", loyalty_id="99", **SHARED)
    before = identify([MOTHER, DAUGHTER])
    cut = decide(before, "cut", ["m1"], ["d1"], 1)
    grown = identify([MOTHER, DAUGHTER, corrected], previous=before, decided=standing([cut]))
    both = standing([cut, decide(grown, "link", ["m2"], ["d1"], 2)])
    after = identify([MOTHER, DAUGHTER, corrected], previous=grown, decided=both)
    assert after.together("m2", "d1") and not after.together("m1", "d1")


def test_a_number_that_both_sides_or_others_had_says_nothing(identify: Identify) -> None:
    shared = [record(name, source="crm", customer_ref="5", **SHARED) for name in ("a", "b", "c")]
    before = identify(shared)
    after = identify(shared, previous=before, decided=_cut(before, ["a"], ["b"]))
    assert not after.together("a", "b")
    assert after.together("a", "c") or after.together("b", "c")


def test_a_link_does_not_spread_to_other_words(identify: Identify) -> None:
    one, two = record("a", customer_ref="1", given_name="Ann"), record("b", customer_ref="2", given_name="Ann")
    before = identify([one, two])
    link = standing([decide(before, "link", ["a"], ["b"], 1)])
    other = record("c", customer_ref="1", given_name="Rupert")
    after = identify([one, two, other], previous=before, decided=link)
    assert after.together("a", "b") and not after.together("a", "c")


def test_records_that_are_gone_are_stood_for_by_their_surest_key(identify: Identify) -> None:
    """The bronze tables were loaded anew under another mapping: every record has another id."""
    rows = [
        MOTHER,
        DAUGHTER,
        record("x", email="xena@lee.com"),
        record("y", phone="07400 900001"),
        record("z", **SHARED),
    ]
    before = identify(rows)
    decisions = [
        decide(before, "cut", ["m1"], ["d1"], 1), decide(before, "link", ["x"], ["y"], 2),
        decide(before, "cut", ["z"], ["x"], 3),
    ]  # fmt: skip
    renamed = [row | {"record_id": "n" + str(row["record_id"])} for row in rows]
    after = identify(renamed, decided=standing(decisions))
    assert not after.together("nm1", "nd1")
    assert after.together("nx", "ny")
    kept = after.rows("SELECT DISTINCT rule_version FROM silver.identity_evidence WHERE rule = 'person' ORDER BY 1")
    assert kept == [("d0001",), ("d0002",), ("d0003",)]
    # Where no key is left, a decision rests.
    gone = identify([record("n", given_name="Ann")], decided=standing(decisions))
    assert gone.rows("SELECT 1 FROM silver.identity_evidence WHERE rule = 'person'") == []


def test_a_value_of_a_crowd_stands_for_nobody(identify: Identify) -> None:
    crowd = [record(f"c{n}", email="norfolk@counter.com", given_name=name, family_name=name)
             for n, name in enumerate(("Ann", "Bob", "Cora", "Dan", "Eve"))]  # fmt: skip
    before = identify([record("a", email="norfolk@counter.com"), record("b", email="b@lee.com")])
    link = standing([decide(before, "link", ["a"], ["b"], 1)])
    after = identify([*crowd, record("b", email="b@lee.com")], decided=link)
    assert len(after.groups) == 6


def test_a_decision_is_evidence_with_its_id_and_its_time(identify: Identify) -> None:
    rows = [record("a", loyalty_id="1"), record("b", loyalty_id="2"), record("c", loyalty_id="2")]
    before = identify(rows)
    decided = standing([decide(before, "link", ["a"], ["b"], 1), decide(before, "cut", ["a"], ["c"], 2)])
    after = identify(rows, previous=before, decided=decided)
    assert after.together("a", "b") and not after.together("a", "c")
    told = after.rows("""
        SELECT record_id, identifier_key, rule_version, tier, kind, accepted, reason, strftime(first_seen, '%H:%M')
        FROM silver.identity_evidence WHERE rule = 'person' ORDER BY kind
    """)
    assert told == [
        ("a", "c", "d0002", -1, "manual_cut", True, "a person's decision", "00:02"),
        ("a", "b", "d0001", -1, "manual_link", True, None, "00:01"),
    ]
    figures = dict(after.rows("FROM silver.identity_summary"))
    assert (figures["decisions.link"], figures["decisions.cut"], figures["accepted.person"]) == (1, 1, 1)


def _seen(days: int) -> dict[str, dt.datetime]:
    return {"first_seen": EPOCH + dt.timedelta(days), "last_seen": EPOCH + dt.timedelta(days)}


def test_a_visit_that_is_cut_off_is_on_its_own_and_a_linked_one_goes_along(identify: Identify) -> None:
    rows = [
        record("k", email="k@lee.com", cookie_id="c1"), record("v1", cookie_id="c1", **_seen(1)),
        record("v2", cookie_id="c1", device_id="t1", **_seen(2)), record("o", email="o@lee.com", cookie_id="c2"),
        record("w", cookie_id="c2", **_seen(3)),
    ]  # fmt: skip
    before = identify(rows)
    assert before.together("k", "v1", "v2") and before.together("o", "w")
    cut = identify(rows, previous=before, decided=_cut(before, ["v1"], ["k"]))
    assert cut.together("k", "v2") and not cut.together("k", "v1") and not cut.together("v1", "v2")
    assert cut.rows(
        "SELECT reason FROM silver.identity_evidence WHERE record_id = 'v1' AND rule = 'cookie_id'"
    ) == [("a person's decision",)]  # fmt: skip
    # Linked to another customer a visit is that customer's, whatever its cookie says, and brings nobody along.
    moved = standing([decide(before, "link", ["v1"], ["o"], 1)])
    after = identify(rows, previous=before, decided=moved)
    assert after.together("o", "v1", "w") and not after.together("o", "k")


def test_a_cut_larger_than_anybody_looks_at_is_told_record_by_record(identify: Identify) -> None:
    rows = [record(f"r{n:03}", loyalty_id="1", email=f"{n}@lee.com") for n in range(210)]
    before = identify(rows)
    names = [str(row["record_id"]) for row in rows]
    after = identify(rows, previous=before, decided=_cut(before, names[:105], names[105:]))
    told = after.rows("SELECT count(*), count(DISTINCT record_id), count(DISTINCT identifier_key) "
                      "FROM silver.identity_evidence WHERE kind = 'manual_cut'")  # fmt: skip
    assert told == [(209, 105, 105)]
