"""Households in a run: who is together and why, ids that last, and one member's leaving that changes nothing else."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.steps import MemoryContext

from floorwalker.app.pipeline import REMEMBERED
from floorwalker.identity.household_steps import household_step, new_household_id
from floorwalker.identity.settings import HouseholdSettings

Person = tuple[str, str | None, str | None, str | None, tuple[str, ...]]
"""(customer, family name, address, postcode, phones), all as keys."""


class Found:
    """What a run of the step wrote."""

    def __init__(self, context: MemoryContext) -> None:
        self.context = context
        rows = context.connection.sql("FROM silver.households").fetchall()
        self.key = {customer: key for customer, key, _ in rows}
        self.members = {customer: members for customer, _, members in rows}
        assert len(self.key) == len(rows), "a customer is in one household"

    @property
    def groups(self) -> set[frozenset[str]]:
        return {frozenset(one for one in self.key if self.key[one] == key) for key in self.key.values()}

    def evidence(self, kind: str) -> set[tuple[str, bool, str | None]]:
        query = f"SELECT customer_id, accepted, reason FROM silver.household_evidence WHERE kind = '{kind}'"
        return set(self.context.connection.sql(query).fetchall())


Live = Callable[..., Found]


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """live(people, previous=Found, size=12, aliases={old: new}) -> Found."""
    folder: Path = tmp_path_factory.mktemp("households")

    def run(
        people: Iterable[Person], previous: Found | None = None, size: int = 12, aliases: dict[str, str] | None = None
    ) -> Found:
        context = MemoryContext(folder, dt.date(2026, 1, 1))
        context.connection.execute("SET threads = 1")
        people = list(people)
        fields = [
            (customer, attribute, key)
            for customer, family, address, postcode, _ in people
            for attribute, key in (("family_name", family), ("address", address), ("postcode", postcode))
            if key is not None
        ]
        phones = [(customer, "phone", key) for customer, *_, keys in people for key in keys]
        for table, names, rows in (
            ("golden_fields", ("customer_id", "attribute", "key"), fields),
            ("customer_identifiers", ("customer_id", "kind", "key"), phones),
            ("customer_aliases", ("customer_id", "alias_of"), list((aliases or {}).items())),
        ):
            columns = {name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)}
            context.write(f"silver.{table}", pa.table(columns))
        last = previous.context.connection.sql("FROM silver.households").to_arrow_table() if previous else None
        empty = REMEMBERED["silver.households"].empty_table()
        context.write("silver.households_previous", last if last is not None else empty)
        household_step(HouseholdSettings(size=size)).run(context)
        assert context.connection.sql("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall() == []
        return Found(context)

    return run


def at_home(customer: str, family: str = "lee", address: str = "1 high st", *phones: str) -> Person:
    return customer, family, address, "E11AA", phones


def with_phone(customer: str, phone: str, postcode: str | None = None) -> Person:
    return customer, None, None, postcode, (phone,)


def test_one_family_name_at_one_address(live: Live) -> None:
    found = live([at_home("c1"), at_home("c2"), at_home("c3", "stone"), at_home("c4", "lee", "2 high st"),
                  ("c5", "lee", None, "E11AA", ()), ("c6", None, "1 high st", "E11AA", ())])  # fmt: skip
    assert found.groups == {frozenset(one) for one in (("c1", "c2"), ("c3",), ("c4",), ("c6",))}
    assert found.members == {"c1": 2, "c2": 2, "c3": 1, "c4": 1, "c6": 1}, "c5 has no address: nobody knows"
    assert found.evidence("address") == {("c1", True, None), ("c2", True, None)}
    assert all(re.fullmatch("h[a-z2-7]{26}", key) for key in found.key.values())


def test_a_shared_phone_unless_postcodes_contradict_it(live: Live) -> None:
    found = live([with_phone("c1", "+1", "E1"), with_phone("c2", "+1", "E1"), with_phone("c3", "+2"),
                  with_phone("c4", "+2", "E1"), with_phone("c5", "+3", "E1"), with_phone("c6", "+3", "M1"),
                  with_phone("c7", "+3"), with_phone("c8", "+3", "M1"), with_phone("c9", "+4")])  # fmt: skip
    assert found.groups == {frozenset(one) for one in (("c1", "c2"), ("c3", "c4"), ("c6", "c8"))}
    apart = "persons at different postcodes"
    assert found.evidence("phone") == {
        *((one, True, None) for one in ("c1", "c2", "c3", "c4", "c6", "c8")),
        *((one, False, apart) for one in ("c5", "c7")),
    }  # fmt: skip


def test_a_phone_joins_two_family_names_at_one_address(live: Live) -> None:
    found = live([at_home("c1", "lee", "1 high st", "+1"), at_home("c2"), at_home("c3", "stone", "1 high st", "+1")])
    assert found.groups == {frozenset(("c1", "c2", "c3"))}


def test_a_block_of_flats_and_an_office_phone_join_nobody(live: Live) -> None:
    flats = [at_home(f"c{number:02}") for number in range(13)]
    office = [with_phone(f"d{number:02}", "+1") for number in range(13)]
    found = live([*flats, *office])
    assert set(found.members.values()) == {1} and len(found.members) == 13
    assert {reason for _, _, reason in found.evidence("address")} == {"more than 12 persons"}
    assert {reason for _, _, reason in found.evidence("phone")} == {"more than 12 persons"}
    assert set(live(flats[:12]).members.values()) == {12}
    assert set(live([*flats, *office], size=13).members.values()) == {13}


def test_a_value_that_would_make_a_household_too_large_joins_nobody(live: Live) -> None:
    found = live(
        [at_home("c1"), at_home("c2"), at_home("c3", "lee", "1 high st", "+1"), with_phone("c4", "+1")], size=3
    )
    assert found.groups == {frozenset(("c1", "c2", "c3"))}
    assert found.evidence("phone") == {(one, False, "household of more than 3") for one in ("c3", "c4")}


def test_the_value_itself_is_not_told(live: Live) -> None:
    found = live(
        [at_home("c1", "lee", "1 high st", "+447700900123"), at_home("c2", "lee", "1 high st", "+447700900123")]
    )
    rows = found.context.connection.sql("FROM silver.household_evidence").fetchall()
    assert len({row[3] for row in rows}) == 2 and all(re.fullmatch("[0-9a-f]{64}", row[3]) for row in rows)
    plain = found.context.connection.execute("SELECT sha256('phone|+447700900123')").fetchall()[0][0]
    assert plain not in {row[3] for row in rows}


def test_a_household_keeps_its_id_while_members_come_and_go(live: Live) -> None:
    first = live([at_home("c3"), at_home("c4")])
    (key,) = set(first.key.values())
    assert key == new_household_id(first.context.project.secret, "c3")
    grown = live([at_home("c1"), at_home("c2"), at_home("c3"), at_home("c4")], first)
    assert set(grown.key.values()) == {key}, "a smaller member does not rename it"
    shrunk = live([at_home("c2"), at_home("c4")], grown)
    assert set(shrunk.key.values()) == {key}
    assert live([at_home("c2"), at_home("c4")]).key != shrunk.key, "from nothing it would have another"


def test_who_gave_the_id_and_moves_out_gets_another(live: Live) -> None:
    before = live([at_home("c1"), at_home("c2"), at_home("c3")])
    after = live([at_home("c1", "lee", "9 low rd"), at_home("c2"), at_home("c3")], before)
    assert after.key["c2"] == after.key["c3"] == before.key["c1"] != after.key["c1"]
    assert live([at_home("c1", "lee", "9 low rd"), at_home("c2"), at_home("c3")], after).key == after.key


def test_of_two_that_become_one_the_larger_keeps_its_id(live: Live) -> None:
    before = live([at_home("c1"), at_home("c2", "stone"), at_home("c3", "stone")])
    after = live([at_home("c1", "lee", "1 high st", "+1"), at_home("c2", "stone", "1 high st", "+1"),
                  at_home("c3", "stone")], before)  # fmt: skip
    assert set(after.key.values()) == {before.key["c2"]}
    apart = live([at_home("c1"), at_home("c2", "stone"), at_home("c3", "stone")], after)
    assert apart.key["c2"] == apart.key["c3"] == before.key["c2"] != apart.key["c1"]


def test_a_customer_that_was_merged_into_another_brings_its_household_along(live: Live) -> None:
    before = live([at_home("c1"), at_home("c2")])
    after = live([at_home("c0")], before, aliases={"c1": "c0"})
    assert after.key == {"c0": before.key["c1"]}


@pytest.mark.parametrize("gone", ["c1", "c2", "c3"])
def test_the_erasure_of_a_member_takes_that_member_and_nothing_else(live: Live, gone: str) -> None:
    home = [at_home("c1", "lee", "1 high st", "+1"), at_home("c2", "lee", "1 high st", "+1"), at_home("c3"),
            at_home("c9", "stone", "9 low rd")]  # fmt: skip
    before = live(home)
    # What erasure does: the person's rows go from every table, those of the last publication too.
    for table in ("households", "household_evidence"):
        before.context.connection.execute(f"DELETE FROM silver.{table} WHERE customer_id = '{gone}'")
    after = live([one for one in home if one[0] != gone], before)
    rest = {customer: key for customer, key in before.key.items() if customer != gone}
    assert after.key == rest
    assert [after.members[one] for one in rest] == [2, 2, 1]


def test_what_only_the_erased_person_joined_is_apart_as_if_that_person_had_never_been(live: Live) -> None:
    bridge = [at_home("c1"), at_home("c2", "lee", "1 high st", "+1"), with_phone("c3", "+1"), at_home("c4")]
    before = live(bridge)
    assert len(before.groups) == 1
    after = live([one for one in bridge if one[0] != "c2"], before)
    assert after.groups == {frozenset(("c1", "c4"))} and after.key["c1"] == before.key["c1"]


def test_nobody(live: Live) -> None:
    found = live([])
    assert found.key == {} and found.evidence("phone") == set()


homes = st.lists(
    st.tuples(
        st.sampled_from([None, "lee", "stone"]), st.sampled_from([None, "1 high st", "2 high st"]),
        st.sampled_from([None, "E1", "M1"]), st.lists(st.sampled_from(["+1", "+2", "+3"]), max_size=2, unique=True),
    ),
    min_size=1, max_size=9,
).map(lambda rows: [(f"c{number}", *row[:3], tuple(row[3])) for number, row in enumerate(rows)])  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(homes, homes, st.integers(2, 4), st.randoms(use_true_random=False))
def test_customers_stay_who_they_are_and_order_does_not_matter(live: Live, old, new, size: int, random) -> None:
    before = live(old, size=size)
    found = live(new, before, size=size)
    assert set(found.key) <= {person[0] for person in new}, "no customer is made, joined or renamed"
    assert max(found.members.values(), default=0) <= size
    assert all(found.members[one] == sum(key == found.key[one] for key in found.key.values()) for one in found.key)
    again = live(random.sample(new, len(new)), before, size=size)
    assert again.key == found.key and again.evidence("phone") == found.evidence("phone")
    assert live(new, found, size=size).key == found.key, "a run without news changes no id"
