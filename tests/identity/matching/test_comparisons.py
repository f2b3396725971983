"""Levels of agreement, each shown on a pair that is in it, and the same whichever record stands first."""

from __future__ import annotations

import duckdb
import pytest
from tests.identity.matching.conftest import Shop
from tests.identity.matching.shop import table

from floorwalker.errors import ConfigError
from floorwalker.identity.match import FIELDS
from floorwalker.identity.matching.comparisons import KINDS, comparisons
from floorwalker.identity.matching.vectors import compare

EXAMPLES = {
    "given_name": [
        ("william", "william", "equal"), ("w", "william", "initial"), ("wiliam", "william", "a slip apart"),
        ("marina", "mariette", "similar"), ("ann", "zoe", "different"), (None, "zoe", "unknown"),
    ],
    "birth_date": [
        ("1980-03-04", "1980-03-04", "equal"), ("1980-03-04", "1980-04-03", "a digit apart"),
        ("1980-03-04", "1981-03-04", "a digit apart"), ("1980-03-04", "1991-03-04", "two digits apart"),
        ("1980-03-04", "1980-12-27", "same year"), ("1980-03-04", "1951-12-27", "different"),
    ],
    "email": [
        ("ann@x.com", "ann@x.com", "equal"), ("ann@x.com", "anm@x.com", "a slip apart"),
        ("annlee@mail.com", "annlee@work.org", "same before the @"), ("ann@x.com", "zoe@y.org", "different"),
    ],
    "phone": [
        ("+447400123456", "+447400123456", "equal"), ("+447400123456", "+447400123546", "a digit apart"),
        ("+447400123456", "+447400123499", "two digits apart"), ("+447400123456", "+447555987654", "different"),
    ],
    "text": [
        ("red wool scarf", "red wool scarf", "equal"), ("red wool scarf", "scarf wool red long", "90% of the words"),
        ("red wool scarf", "red cotton scarf", "50% of the words"), ("red wool scarf", "blue jeans", "different"),
    ],
    "number": [
        ("100", "100", "equal"), ("100", "101", "near"), ("100", "115", "not far"), ("100", "200", "different"),
        ("0", "0.0", "near"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", EXAMPLES)
def test_each_level_has_its_pairs(kind: str) -> None:
    from splink import DuckDBAPI

    examples = EXAMPLES[kind]
    with duckdb.connect(config={"threads": "1"}) as connection:
        table(connection, "crowd", [{"field": value} for one, two, _ in examples for value in (one, two)])
        connection.execute(
            f"CREATE TEMP TABLE looked_at AS SELECT 2 * i AS join_key_l, 2 * i + 1 AS join_key_r, '0' AS match_key "
            f"FROM range({len(examples)}) AS numbers(i)"
        )
        (definition,) = comparisons({"field": kind})
        found = compare(DuckDBAPI(connection=connection), "crowd", "looked_at", [definition])
        gammas = connection.sql(f"SELECT gamma_{definition.name} FROM {found} ORDER BY rid_l").fetchall()
    labels = [definition.labels[gamma] if gamma >= 0 else "unknown" for (gamma,) in gammas]
    assert labels == [label for _, _, label in examples]


def test_it_does_not_matter_which_record_stands_first(shop: Shop) -> None:
    from splink import DuckDBAPI

    connection = shop.connection
    # Ids the other way round turn every pair round.
    connection.execute("CREATE OR REPLACE TEMP TABLE turned AS SELECT * REPLACE (-rid AS rid) FROM match_records")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE some_pairs AS SELECT a.rid AS join_key_l, b.rid AS join_key_r, '0' AS match_key
        FROM match_records a JOIN match_records b ON a.rid < b.rid AND a.postcode = b.postcode
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE turned_pairs AS
        SELECT -join_key_r AS join_key_l, -join_key_l AS join_key_r, match_key FROM some_pairs
    """)
    definitions = comparisons(FIELDS)
    columns = ", ".join(f"gamma_{one.name}" for one in definitions)
    api = DuckDBAPI(connection=connection)
    plain = compare(api, "match_records", "some_pairs", definitions)
    turned = compare(api, "turned", "turned_pairs", definitions)
    one = connection.sql(f"SELECT rid_l, rid_r, {columns} FROM {plain} ORDER BY ALL").fetchall()
    two = connection.sql(f"SELECT -rid_r AS a, -rid_l AS b, {columns} FROM {turned} ORDER BY ALL").fetchall()
    for name in (plain, turned):
        connection.execute(f"DROP TABLE {name}")
    assert one == two and len(one) > 1000


def test_household_facts_are_one_comparison_and_a_kind_must_be_known() -> None:
    assert [one.name for one in comparisons({"street": "address", "zip": "postcode"})] == ["place"]
    with pytest.raises(ConfigError, match="no kind of field is called 'surname'"):
        comparisons({"name": "surname"})
    for kind in KINDS:
        for one in comparisons({"field": kind}):
            assert len(one.labels) == len(one.levels) + 1 == len(set(one.labels))
