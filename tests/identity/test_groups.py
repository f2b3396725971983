"""Groups of other levels: the part with most records keeps the customer's id, other parts have lasting ids."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.identity.groups import make_groups
from floorwalker.identity.registry import new_id
from floorwalker.identity.resolver import smallest_member
from floorwalker.identity.settings import IdentitySettings

SECRET = b"a key of the tests"


def _groups(
    customers: list[int], levels: dict[str, list[int]], known: list[bool] | None = None
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """(record -> customer, level -> record -> group where it differs). Record n is called r<n>."""
    records = [f"r{n:02d}" for n in range(len(customers))]
    named = dict(zip(records, [f"c{customer}" for customer in customers], strict=True))
    with duckdb.connect(config={"threads": "1"}) as connection:
        tables = {
            "identity_people": {
                "rid": pa.array(range(len(records)), pa.int32()), "record_id": records,
                "known": known or [True] * len(records),
            },
            "identity_map": {"record_id": records, "customer_id": list(named.values())},
        }  # fmt: skip
        for name, columns in tables.items():
            connection.register("incoming", pa.table(columns))
            connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM incoming")
            connection.unregister("incoming")
        labels = {name: smallest_member(np.array(of)) for name, of in levels.items()}
        make_groups(connection, labels, SECRET, IdentitySettings())
        found: dict[str, dict[str, str]] = {name: {} for name in levels}
        for record, level, group in connection.sql("FROM identity_groups").fetchall():
            found[level][record] = group
    return named, found


def test_the_largest_part_keeps_the_id_and_the_others_have_their_own() -> None:
    named, found = _groups([1, 1, 1, 1, 1, 2], {"transactional": [0, 0, 1, 1, 1, 5], "crm": [0] * 6})
    part = new_id(SECRET, "transactional:r00")
    assert found == {"transactional": {"r00": part, "r01": part}, "crm": {}}
    assert part not in named.values()


def test_a_group_of_customers_goes_by_the_one_with_most_records() -> None:
    _, found = _groups([1, 2, 2, 3], {"ads": [0, 0, 0, 3]})
    assert found == {"ads": {"r00": "c2"}}


def test_a_part_keeps_its_id_when_records_come_that_are_not_its_own() -> None:
    _, before = _groups([1, 1, 1, 1, 1], {"transactional": [0, 0, 1, 1, 1]})
    _, after = _groups([1, 1, 1, 1, 1, 1, 4], {"transactional": [0, 0, 1, 1, 1, 1, 9]})
    assert before == after
    # The part is the same one at another level, but not the same group.
    _, other = _groups([1, 1, 1, 1, 1], {"strict": [0, 0, 1, 1, 1]})
    assert set(other["strict"].values()).isdisjoint(before["transactional"].values())


def test_records_that_name_nobody_are_in_no_group() -> None:
    _, found = _groups([1, 1, 2], {"transactional": [0, 1, 2], "ads": [0, 1, 0]}, known=[True, False, True])
    assert found == {"transactional": {}, "ads": {"r02": "c1"}}


CUSTOMERS = st.lists(st.integers(0, 5), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(CUSTOMERS, st.data())
def test_records_share_an_id_at_a_level_just_when_the_level_joins_them(customers: list[int], data) -> None:
    size = len(customers)
    parts = data.draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    joined = data.draw(st.lists(st.integers(0, 2), min_size=6, max_size=6))
    levels = {
        "transactional": [3 * customer + part for customer, part in zip(customers, parts, strict=True)],
        "ads": [joined[customer] for customer in customers],
    }
    named, found = _groups(customers, levels)
    for level, labels in levels.items():
        ids = [found[level].get(record, customer) for record, customer in named.items()]
        pairs = {(label, group) for label, group in zip(labels, ids, strict=True)}
        assert len(pairs) == len(set(labels)) == len(set(ids))
