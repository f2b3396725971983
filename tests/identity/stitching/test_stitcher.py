"""The live stitcher gives what a run's rules give for the same records, in whatever order they come."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.identity.stitching.batch import by_a_run
from tests.identity.stitching.crowds import DATED, DEFAULT, SCHEMES, TIGHT, crowd, hidden

from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.statistics import Hub, code_of
from floorwalker.identity.stitching.saying import LOYALTY, NAME_BIRTH, PHONE, number
from floorwalker.identity.stitching.stitcher import Stitcher

FEW = settings(max_examples=5, deadline=None)
SEEDS = st.integers(0, 100_000)
CHOICES = st.sampled_from([DEFAULT, TIGHT, DATED])
SECRET = b"the same key for every project of the tests"


def stitched(rows: Iterable[dict[str, object]], chosen: IdentitySettings) -> Stitcher:
    stitcher = Stitcher(chosen, SECRET, schemes=SCHEMES)
    for row in rows:
        stitcher.add(row)
    return stitcher


def customers(stitcher: Stitcher) -> dict[str, str | None]:
    return {one: stitcher.customer_of(one) for one in stitcher.held.rows}


@FEW
@given(SEEDS, CHOICES)
def test_a_run_and_the_stitcher_agree(seed: int, chosen: IdentitySettings) -> None:
    rng = random.Random(seed)
    rows = crowd(rng, 12)
    assert customers(stitched(rows, chosen)) == by_a_run(rows, chosen, SECRET)


@FEW
@given(SEEDS)
def test_values_that_are_known_to_be_nobodys_are_barred(seed: int) -> None:
    rng = random.Random(seed)
    rows = crowd(rng, 12)
    emails = [f"email|{row['email']}" for row in rows if row["email"]]
    codes = {number(text) for text in rng.sample(emails, 4)}
    held = stitched(rows, DEFAULT).held
    codes |= {held.code[slot] for kind in (LOYALTY, NAME_BIRTH, PHONE) for slot in held.slots[kind] if slot % 3 == 1}
    kinds = ("email", "loyalty_id", "phone", "person")
    hubs = [Hub(kind, code_of(code), "said so") for code in sorted(codes) for kind in kinds]
    found = Stitcher(DEFAULT, SECRET, barred=codes)
    for row in rows:
        found.add(row)
    assert customers(found) == by_a_run(rows, DEFAULT, SECRET, barred=hubs)


@FEW
@given(SEEDS)
def test_hashed_values_meet_clear_ones_whichever_came_first(seed: int) -> None:
    rng = random.Random(seed)
    rows = hidden(rng, crowd(rng, 12))
    found = stitched(rows, DEFAULT)
    assert customers(found) == by_a_run(rows, DEFAULT, SECRET)
    gone = {str(row["record_id"]) for row in rng.sample(rows, len(rows) // 4)}
    found.forget(gone)
    left = [row for row in rows if row["record_id"] not in gone]
    assert customers(found) == by_a_run(left, DEFAULT, SECRET)
    assert not gone & {*found.tokens.told, *found.tokens.born}


@FEW
@given(SEEDS, CHOICES)
def test_order_duplicates_and_forgetting_change_nothing(seed: int, chosen: IdentitySettings) -> None:
    rng = random.Random(seed)
    rows = crowd(rng, 12)
    others = [row | {"record_id": f"{row['record_id']}x"} for row in rng.sample(rows, len(rows) // 3)]
    changed = [row | {"email": None, "account_id": "new"} for row in rng.sample(rows, len(rows) // 5)]
    mixed = [*rows, *others, *changed]
    rng.shuffle(mixed)
    found = stitched([*mixed, *rows], chosen)
    assert found.forget([str(row["record_id"]) for row in others]) == len(others)
    assert customers(found) == customers(stitched(rows, chosen))
