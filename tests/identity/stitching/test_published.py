"""A stitcher that starts from the last run: published customers stand, new records come to them by the rules."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.identity.population import record
from tests.identity.stitching.batch import by_a_run, normalised
from tests.identity.stitching.crowds import DATED, DEFAULT, SCHEMES, TIGHT, crowd, hidden
from tests.identity.stitching.test_stitcher import SECRET, customers

from floorwalker.identity.decisions import Member
from floorwalker.identity.levels import Cut
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.standing import Standing
from floorwalker.identity.stitching.published import published
from floorwalker.identity.stitching.stitcher import Stitcher

Rows = list[dict[str, object]]


def based(rows: Rows, given_map: dict[str, str], chosen: IdentitySettings, **options: object) -> Stitcher:
    connection = normalised(rows, chosen)
    names = pa.table({"record_id": list(given_map), "customer_id": list(given_map.values())})
    connection.register("map", names)
    connection.execute("CREATE TABLE silver.customer_map AS FROM map")
    stitcher = published(connection, chosen, SECRET, **options)
    connection.close()
    return stitcher


def groups(of: dict[str, str | None]) -> set[frozenset[str]]:
    found: dict[str | None, set[str]] = {}
    for one, customer in of.items():
        found.setdefault(customer, set()).add(one)
    return {frozenset(group) for group in found.values()}


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([DEFAULT, TIGHT, DATED]))
def test_what_is_published_stands_as_if_a_person_had_linked_it(seed: int, chosen: IdentitySettings) -> None:
    rng = random.Random(seed)
    rows = hidden(rng, crowd(rng, 12))
    old, new = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    before = by_a_run(old, chosen, SECRET)
    visits = {str(row["record_id"]) for row in rows if not any(row[field] for field in NAMING)}
    # Two customers that only a model could have joined.
    one, two = rng.sample(sorted({customer for name, customer in before.items() if name not in visits}), 2)
    before = {name: one if customer == two else customer for name, customer in before.items()}
    known = [sorted(group) for group in groups({n: c for n, c in before.items() if n not in visits}) if len(group) > 1]
    links = [
        Standing(f"d{n}", "link", "2026-01-01T00:00:00+00:00", (Member(group[0]),), tuple(map(Member, group[1:])))
        for n, group in enumerate(known)
    ]
    stitcher = based(old, before, chosen, schemes=SCHEMES)
    assert customers(stitcher) == before
    for row in [*new, *old]:
        stitcher.add(row)
    # What nothing new has touched is as published: a run would look at it again.
    stitcher._resolve(row for name, row in stitcher.held.rows.items() if name not in visits)
    stitcher._lend(stitcher.held.rows[name] for name in visits)
    assert groups(customers(stitcher)) == groups(by_a_run(rows, chosen, SECRET, links))


NAMING = (
    "loyalty_id", "account_id", "customer_ref", "email", "phone", "given_name", "family_name"
)  # fmt: skip


def test_the_id_with_more_records_stays_and_the_other_goes_over_into_it() -> None:
    rows = [record(f"r{n}", email="ann@lee.com", account_id=f"a{n}") for n in range(3)]
    rows.append(record("s0", loyalty_id="card7"))
    stitcher = based(rows, {"r0": "cold", "r1": "cold", "r2": "cold", "s0": "cfew"}, DEFAULT)
    assert stitcher.add({"record_id": "a", "email": "ann@lee.com", "loyalty_id": "card7"}) == "cold"
    assert stitcher.moves() == [("cfew", "cold")]
    assert stitcher.current("cfew") == "cold"
    # Without the record that joined them they are two again, each under its own id.
    stitcher.forget(["a"])
    assert (stitcher.customer_of("s0"), stitcher.current("cfew")) == ("cfew", "cfew")


def test_visits_carry_no_id_off_from_records_that_name_somebody() -> None:
    rows = [record("r0", email="ann@lee.com"), *(record(f"v{n}", cookie_id="c", device_id=f"d{n}") for n in range(3))]
    stitcher = based(rows, {"r0": "cknown", "v0": "cvisits", "v1": "cvisits", "v2": "cvisits"}, DEFAULT)
    assert stitcher.add({"record_id": "a", "email": "ann@lee.com", "cookie_id": "c"}) == "cknown"
    assert stitcher.moves() == [("cvisits", "cknown")]


def test_what_people_have_cut_stays_apart() -> None:
    rows = [record("r0", email="ann@lee.com"), record("s0", loyalty_id="card7")]
    cut = Standing("d", "cut", "2026-01-01T00:00:00+00:00", (Member("r0"),), (Member("s0"),))
    stitcher = based(rows, {"r0": "cone", "s0": "ctwo"}, DEFAULT, decided=[cut])
    stitcher.add({"record_id": "a", "email": "ann@lee.com", "loyalty_id": "card7"})
    assert stitcher.customer_of("r0") != stitcher.customer_of("s0")


def test_rules_below_the_projects_level_are_silent() -> None:
    rows = [record("r0", email="ann@lee.com"), record("r1", phone="07400 910001", given_name="Ann")]
    stitcher = based(rows, {"r0": "cone", "r1": "ctwo"}, DEFAULT, cut=Cut(1, 20.000001))
    assert stitcher.add({"record_id": "a", "email": "ann@lee.com"}) == "cone"
    assert stitcher.add({"record_id": "b", "phone": "07400 910001", "given_name": "Ann"}) != "ctwo"


@pytest.mark.parametrize("gone", ["r0", "r1", "r2"])
def test_a_published_id_outlives_the_record_that_carried_it(gone: str) -> None:
    rows = [record(f"r{n}", email="ann@lee.com", account_id=f"a{n}") for n in range(3)]
    stitcher = based(rows, {"r0": "cold", "r1": "cold", "r2": "cold"}, DEFAULT)
    assert stitcher.forget([gone]) == 1
    assert set(customers(stitcher).values()) == {"cold"}
    assert stitcher.customer_of(gone) is None
