"""Grouping persons by what they share: the rule once more one by one, whatever the order, and never too many."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.identity.households import FULL, TOO_MANY, Shared, group, reasons

PERSONS = 12
pieces = st.lists(
    st.tuples(st.integers(0, PERSONS - 1), st.integers(0, 9)), min_size=1, max_size=40, unique=True
)  # (person, value); values 0 to 4 are addresses, the others phones


def shared(rows: list[tuple[int, int]]) -> Shared:
    """Evidence with values numbered as they come in the order of kinds."""
    values = sorted({value for _, value in rows})
    return Shared(
        np.array([person for person, _ in rows], np.int32),
        np.array([values.index(value) for _, value in rows], np.int32),
        np.array([int(value > 4) for value in values], np.int8),
    )


def one_by_one(rows: list[tuple[int, int]], size: int) -> tuple[list[int], dict[int, int]]:
    """The rule as it is told: value by value, joining whole households or nobody."""
    members: dict[int, set[int]] = {}
    for person, value in rows:
        members.setdefault(value, set()).add(person)
    house = [{person} for person in range(PERSONS)]
    refused = {}
    for value in sorted(members, key=lambda value: (value > 4, len(members[value]), value)):
        together = set().union(*(house[person] for person in members[value]))
        if len(members[value]) > size:
            refused[value] = TOO_MANY
        elif len(together) > size:
            refused[value] = FULL
        else:
            for person in together:
                house[person] = together
    return [min(one) for one in house], refused


@settings(max_examples=300, deadline=None)
@given(pieces, st.integers(1, 5))
def test_it_is_what_joining_one_by_one_gives(rows: list[tuple[int, int]], size: int) -> None:
    labels, refused = group(PERSONS, shared(rows), size)
    expected, why = one_by_one(rows, size)
    assert labels.tolist() == expected
    values = sorted({value for _, value in rows})
    assert {values[at]: int(code) for at, code in enumerate(refused) if code} == why
    assert np.bincount(labels).max() <= size


@settings(max_examples=100, deadline=None)
@given(pieces, st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[tuple[int, int]], size: int, random) -> None:
    before = group(PERSONS, shared(rows), size)
    random.shuffle(rows)
    after = group(PERSONS, shared(rows), size)
    assert [one.tolist() for one in before] == [one.tolist() for one in after]


@settings(max_examples=100, deadline=None)
@given(pieces, st.integers(0, PERSONS - 1))
def test_without_one_person_the_others_are_as_if_that_person_had_never_been(rows, gone: int) -> None:
    """And whoever shared a value without that person's help still lives together."""
    rest = [row for row in rows if row[0] != gone]
    if not rest:
        return
    labels, _ = group(PERSONS, shared(rest), PERSONS)
    expected, _ = one_by_one(rest, PERSONS)
    assert labels.tolist() == expected
    for value in {value for _, value in rest}:
        assert len({labels[person] for person, of in rest if of == value}) == 1


def test_a_block_of_flats_joins_nobody_and_a_small_household_in_it_stays() -> None:
    rows = [(person, 0) for person in range(6)] + [(0, 1), (1, 1)]
    labels, refused = group(PERSONS, shared(rows), 5)
    assert labels.tolist()[:6] == [0, 0, 2, 3, 4, 5]
    assert [reasons(5)[code] for code in refused] == ["more than 5 persons", ""]


def test_the_address_goes_before_the_phone_when_both_do_not_fit() -> None:
    rows = [(0, 7), (1, 7), (1, 2), (2, 2), (3, 2)]
    labels, refused = group(PERSONS, shared(rows), 3)
    assert labels.tolist()[:4] == [0, 1, 1, 1]
    assert [reasons(3)[code] for code in refused] == ["", "household of more than 3"]


def test_nobody_shares_anything() -> None:
    nothing = Shared(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int8))
    assert [one.tolist() for one in group(3, nothing, 12)] == [[0, 1, 2], []]
    assert [one.tolist() for one in group(0, nothing, 12)] == [[], []]
