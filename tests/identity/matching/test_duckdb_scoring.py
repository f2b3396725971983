"""Whatever part of the records is new, its pairs and those kept are those of scoring everything, bit for bit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.identity.matching.conftest import Shop

from floorwalker.identity.matching.duckdb_scoring import edges


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.02, 0.98))
def test_new_pairs_and_kept_pairs_are_all_pairs(shop: Shop, seed: int, share: float) -> None:
    connection = shop.connection
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE newcomers AS
        FROM match_records WHERE hash(rid, {seed}) % 1000 < {round(share * 1000)}
    """)
    connection.execute("CREATE OR REPLACE TEMP TABLE staying AS FROM match_records ANTI JOIN newcomers USING (rid)")
    edges(connection, shop.model, "match_records", "edges_all")
    edges(connection, shop.model, "staying", "edges_kept")
    made = edges(connection, shop.model, "match_records", "edges_new", new="newcomers")
    ((total, kept),) = connection.sql(
        "SELECT (SELECT count(*) FROM edges_all), (SELECT count(*) FROM edges_kept)"
    ).fetchall()
    assert made + kept == total > 2000
    for one, two in (("edges_all", "edges_both"), ("edges_both", "edges_all")):
        both = "(FROM edges_new UNION ALL FROM edges_kept)"
        query = " EXCEPT ALL ".join(f"FROM {both if name == 'edges_both' else name}" for name in (one, two))
        assert connection.sql(query).fetchall() == []


def test_nobody_new_makes_no_pairs(shop: Shop) -> None:
    shop.connection.execute("CREATE OR REPLACE TEMP TABLE nobody AS FROM match_records LIMIT 0")
    assert edges(shop.connection, shop.model, "match_records", "edges_new", new="nobody") == 0
    columns = [f"gamma_{one.name}" for one in shop.model.comparisons]
    assert shop.connection.table("edges_new").columns == ["rid_a", "rid_b", "weight", "against_strangers", *columns]


def test_nothing_but_the_edges_is_left_behind(shop: Shop) -> None:
    tables = "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views() WHERE NOT internal"
    before = set(shop.connection.sql(tables).fetchall())
    edges(shop.connection, shop.model, "match_records", "edges_alone")
    assert set(shop.connection.sql(tables).fetchall()) - before == {("edges_alone",)}
