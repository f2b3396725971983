"""How a customer falls apart."""

from __future__ import annotations

import pytest
from tests.identity.conftest import Identify, Outcome
from tests.identity.deciding import decide
from tests.identity.population import record

from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.identity.parting import known_records, parts, split_off
from floorwalker.identity.standing import standing

ANN = {"given_name": "Ann", "family_name": "Lee"}


def _groups(found: Outcome, of: str, count: int = 0) -> list[list[str]]:
    return [part.records for part in parts(found.context.connection, found.customer[of], count).parts]


def test_it_falls_apart_at_its_weakest_evidence(identify: Identify) -> None:
    """Two people, each held by a card and a mailbox, joined by a household's phone."""
    found = identify([
        record("a1", loyalty_id="1", email="a@lee.com", **ANN), record("a2", loyalty_id="1", source="web"),
        record("a3", email="a@lee.com", phone="07400 900001", **ANN),
        record("b1", account_id="x", phone="07400 900001", **ANN), record("b2", account_id="x"),
    ])  # fmt: skip
    assert found.together("a1", "a2", "a3", "b1", "b2")
    parted = parts(found.context.connection, found.customer["a1"])
    assert [part.records for part in parted.parts] == [["a1", "a2", "a3"], ["b1", "b2"]]
    assert [(joint.rule, joint.key) for joint in parted.joints] == [("phone_initial", "+447400900001|a")]
    assert (parted.parts[0].names, parted.parts[0].sources, parted.parts[0].cards) == (
        ["Ann Lee"],
        ["shop", "web"],
        ["1"],
    )
    assert _groups(found, "a1", 3) == [["a1", "a2"], ["b1", "b2"], ["a3"]]
    assert [len(group) for group in _groups(found, "a1", 5)] == [1] * 5
    with pytest.raises(ConfigError, match="6 parts"):
        parts(found.context.connection, found.customer["a1"], 6)
    with pytest.raises(NotFoundError):
        parts(found.context.connection, "nobody")


def test_of_evidence_trusted_alike_the_largest_group_that_needs_none_stays(identify: Identify) -> None:
    shared = {"email": "fam@lee.com"}
    found = identify([
        *(record(f"a{n}", account_id="x", **shared) for n in range(3)), record("b0", account_id="y", **shared),
        record("b1", account_id="y", **shared), record("c", **shared),
    ])  # fmt: skip
    assert _groups(found, "c") == [["a0", "a1", "a2"], ["b0", "b1", "c"]]
    assert _groups(found, "c", 3) == [["a0", "a1", "a2"], ["b0", "b1"], ["c"]]


def test_what_people_linked_comes_apart_there_and_visits_follow_their_devices(identify: Identify) -> None:
    rows = [
        record("a1", loyalty_id="1", cookie_id="c1"), record("a2", loyalty_id="1"), record("v", cookie_id="c1"),
        record("b1", loyalty_id="2"), record("b2", loyalty_id="2"), record("c", loyalty_id="3"),
    ]  # fmt: skip
    before = identify(rows)
    links = [decide(before, "link", ["a1", "a2"], ["b1", "b2"], 1), decide(before, "link", ["b1"], ["c"], 2)]
    found = identify(rows, previous=before, decided=standing(links))
    parted = parts(found.context.connection, found.customer["a1"])
    assert [part.records for part in parted.parts] == [["a1", "a2"], ["b1", "b2"], ["c"]]
    assert {joint.decision_id for joint in parted.joints} == {"d0001", "d0002"}
    assert parted.visits == 1
    assert known_records(found.context.connection, found.customer["a1"]) == ["a1", "a2", "b1", "b2", "c"]
    # Asked for another number of parts, all its evidence counts, the people's links most.
    assert len(_groups(found, "a1", 2)) == 2


def test_records_that_are_named_leave(identify: Identify) -> None:
    found = identify([record(name, loyalty_id="1", cookie_id="c1") for name in "abc"] + [record("v", cookie_id="c1")])
    connection, customer = found.context.connection, found.customer["a"]
    assert [part.records for part in split_off(connection, customer, ["b"]).parts] == [["a", "c"], ["b"]]
    assert [part.records for part in split_off(connection, customer, ["v"]).parts] == [["a", "b", "c"], ["v"]]
    with pytest.raises(ConfigError, match="all the records"):
        split_off(connection, customer, ["a", "b", "c", "v"])
    with pytest.raises(NotFoundError, match="is not of"):
        split_off(connection, customer, ["z"])


def test_a_customer_of_visits_alone(identify: Identify) -> None:
    found = identify([record("u", cookie_id="c1"), record("v", cookie_id="c1", device_id="d1"),
                      record("w", device_id="d1")])  # fmt: skip
    assert len(_groups(found, "u")) == 2
    assert known_records(found.context.connection, found.customer["u"]) == ["u", "v", "w"]
