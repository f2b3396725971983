"""The step: tables it writes, promises that hold for every customer, consent, empty inputs, the saved model."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.steps import MemoryContext

from floorwalker.errors import ConfigError
from floorwalker.models.recommend.item_knn import ItemKNN
from floorwalker.models.recommend.popularity import Popularity
from floorwalker.models.recommend.settings import RecommendSettings
from floorwalker.models.recommend.steps import steps

AS_OF = dt.date(2026, 6, 30)
TABLES = ("recommendations", "similar_products", "popular_products", "recommender_quality")


def shop(folder: Path, customers: int = 400, products: int = 60, seed: int = 5) -> MemoryContext:
    """Customers of six tastes in two markets; every seventh product is inactive; the last customers bought nothing."""
    context = MemoryContext(folder, AS_OF)
    draw = np.random.default_rng(seed)
    buyers = np.arange(int(customers * 0.9))
    who = np.repeat(buyers, draw.integers(2, 12, len(buyers)))
    what = (who % 6) * (products // 6) + draw.integers(0, products // 6, len(who))
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    when = [start + dt.timedelta(minutes=int(minute)) for minute in draw.integers(0, 180 * 24 * 60, len(who))]
    touched = pa.table(
        {
            "customer": who,
            "product": what,
            "moment": pa.array(when, pa.timestamp("us", "UTC")),
            "looked": draw.random(len(who)) < 0.3,
        }
    )
    context.connection.register("touched", touched)
    context.connection.execute(
        f"""
        CREATE TABLE gold.customer_products AS
        SELECT
          printf('c%04d', customer) AS customer_id, printf('p%03d', product) AS product_id,
          max(moment) FILTER (NOT looked) AS last_bought_at,
          max(moment) FILTER (looked) AS last_viewed_at, max(moment) AS last_at
        FROM touched GROUP BY ALL;
        CREATE TABLE gold.products AS
        SELECT
          printf('p%03d', i) AS product_id, i % 7 <> 3 AS is_active,
          CASE WHEN i % 5 = 0 THEN 0 WHEN i % 5 = 1 THEN 9 END::DECIMAL(18, 3) AS stock
        FROM range({products}) AS x (i);
        CREATE TABLE gold.customers AS
        SELECT
          printf('c%04d', i) AS customer_id, CASE i % 2 WHEN 0 THEN 'de' ELSE 'fr' END AS market,
          CASE WHEN i % 10 = 0 THEN 'denied' WHEN i % 10 = 1 THEN 'unknown' ELSE 'granted' END AS personalization
        FROM range({customers}) AS x (i);
        """
    )
    return context


def run(context: MemoryContext, settings: RecommendSettings | None = None, **more: object) -> MemoryContext:
    (step,) = steps(settings or RecommendSettings(), **more)
    step.run(context)
    assert set(context.written) == set(step.writes) == {f"gold.{name}" for name in TABLES}
    return context


def rows(context: MemoryContext, query: str) -> list[tuple]:
    return context.connection.execute(query).fetchall()


def test_promises_of_every_list(tmp_path: Path) -> None:
    context = run(shop(tmp_path), RecommendSettings(top=15))
    gaps = "SELECT customer_id FROM gold.recommendations GROUP BY 1 HAVING max(rank) <> count(*) OR max(rank) > 15"
    assert rows(context, gaps) == []
    twice = "SELECT 1 FROM gold.recommendations GROUP BY customer_id, product_id HAVING count(*) > 1"
    assert rows(context, twice) == []
    inactive = "SELECT 1 FROM gold.recommendations JOIN gold.products USING (product_id) WHERE NOT is_active"
    assert rows(context, inactive) == []
    bought = """
        SELECT 1 FROM gold.recommendations AS r JOIN gold.customer_products AS p USING (customer_id, product_id)
        JOIN gold.customers AS c USING (customer_id)
        WHERE p.last_bought_at IS NOT NULL AND c.personalization = 'granted'
    """
    assert rows(context, bought) == []
    assert rows(context, "SELECT count(DISTINCT customer_id) FROM gold.recommendations") == [(400,)]
    falling = """
        SELECT 1 FROM (
          SELECT model, lag(model) OVER w AS model_before, score > lag(score) OVER w AS rises
          FROM gold.recommendations WINDOW w AS (PARTITION BY customer_id ORDER BY rank)
        ) WHERE (model = model_before AND model = 'knn' AND rises) OR (model = 'knn' AND model_before = 'popular')
    """
    assert rows(context, falling) == []


def test_because_is_something_the_customer_touched(tmp_path: Path) -> None:
    context = run(shop(tmp_path))
    assert rows(context, "SELECT DISTINCT model, because_product_id IS NULL FROM gold.recommendations ORDER BY 1") == [
        ("knn", False),
        ("popular", True),
    ]
    strange = """
        SELECT 1 FROM gold.recommendations AS r
        ANTI JOIN gold.customer_products AS p
          ON p.customer_id = r.customer_id AND p.product_id = r.because_product_id
        WHERE r.model = 'knn'
    """
    assert rows(context, strange) == []


def test_without_leave_or_history_the_list_is_the_popular_one_of_the_market(tmp_path: Path) -> None:
    context = run(shop(tmp_path), RecommendSettings(top=10))
    query = """
        SELECT DISTINCT r.customer_id FROM gold.recommendations AS r JOIN gold.customers USING (customer_id)
        WHERE personalization <> 'granted' AND r.model = 'knn'
    """
    assert rows(context, query) == []
    different = """
        SELECT r.customer_id FROM gold.recommendations AS r
        JOIN gold.customers AS c USING (customer_id)
        LEFT JOIN gold.popular_products AS p ON p.market = c.market AND p.rank = r.rank
        WHERE (c.personalization = 'denied' OR c.customer_id >= 'c0360') AND r.product_id IS DISTINCT FROM p.product_id
    """
    assert rows(context, different) == []


def test_the_policy_may_allow_those_who_never_said(tmp_path: Path) -> None:
    context = run(shop(tmp_path), absent_personalization="allow")
    query = """
        SELECT count(DISTINCT customer_id) > 20 FROM gold.recommendations JOIN gold.customers USING (customer_id)
        WHERE personalization = 'unknown' AND model = 'knn'
    """
    assert rows(context, query) == [(True,)]


def test_customers_without_leave_are_not_learned_from(tmp_path: Path) -> None:
    run(shop(tmp_path / "all"))
    context = shop(tmp_path / "less")
    context.connection.execute(
        "DELETE FROM gold.customer_products WHERE customer_id IN "
        "(SELECT customer_id FROM gold.customers WHERE personalization <> 'granted')"
    )
    run(context)
    folders = [tmp_path / name / "state" / "models" / "recommend" / "run-test" / "knn" for name in ("all", "less")]
    whole, less = (ItemKNN.load(folder).similar.toarray() for folder in folders)
    np.testing.assert_array_equal(whole, less)


def test_repeat_purchases_bring_products_back(tmp_path: Path) -> None:
    context = run(shop(tmp_path), RecommendSettings(repeat_purchases=True))
    again = """
        SELECT count(*) > 100 FROM gold.recommendations JOIN gold.customer_products AS p USING (customer_id, product_id)
        WHERE p.last_bought_at IS NOT NULL AND model = 'knn'
    """
    assert rows(context, again) == [(True,)]


def test_known_empty_stock_can_be_left_out(tmp_path: Path) -> None:
    context = run(shop(tmp_path), RecommendSettings(in_stock_only=True))
    for table, column in (
        ("recommendations", "product_id"),
        ("similar_products", "similar_product_id"),
        ("popular_products", "product_id"),
    ):
        empty = f"SELECT 1 FROM gold.{table} AS t JOIN gold.products AS p ON t.{column} = p.product_id WHERE stock = 0"
        assert rows(context, empty) == []


def test_signals_change_what_taste_is_read_from(tmp_path: Path) -> None:
    viewers = """
        SELECT count(*) FROM (
          SELECT customer_id FROM gold.customer_products JOIN gold.customers USING (customer_id)
          WHERE personalization = 'granted' GROUP BY 1 HAVING bool_and(last_bought_at IS NULL)
        ) JOIN (SELECT DISTINCT customer_id FROM gold.recommendations WHERE model = 'knn') USING (customer_id)
    """
    found = {}
    for signals in ("bought", "bought_else_viewed", "both"):
        context = shop(tmp_path / signals)
        context.connection.execute(
            "UPDATE gold.customer_products SET last_bought_at = NULL WHERE customer_id IN ('c0002', 'c0003')"
        )
        found[signals] = rows(run(context, RecommendSettings(signals=signals)), viewers)[0][0]
    assert found["bought"] == 0
    assert found["bought_else_viewed"] >= 2
    assert found["both"] >= 2


def test_quality_is_measured_beside_popularity(tmp_path: Path) -> None:
    context = run(shop(tmp_path))
    found = dict(
        rows(context, "SELECT model || ' ' || protocol, value FROM gold.recommender_quality WHERE metric = 'ndcg@10'")
    )
    assert set(found) == {
        f"{model} {protocol}"
        for model in ("knn", "popular", "popular_recent")
        for protocol in ("leave-one-out B", "time split 28 days")
    }
    assert found["knn leave-one-out B"] > 2 * found["popular leave-one-out B"]
    bad = "SELECT 1 FROM gold.recommender_quality WHERE users < 1 OR NOT value BETWEEN 0 AND 1"
    assert rows(context, bad) == []


def test_the_same_input_gives_the_same_tables(tmp_path: Path) -> None:
    first, second = run(shop(tmp_path / "a")), run(shop(tmp_path / "b"))
    for table in TABLES:
        assert rows(first, f"FROM gold.{table} ORDER BY ALL") == rows(second, f"FROM gold.{table} ORDER BY ALL")


@pytest.mark.parametrize("empty", ["customer_products", "products", "customers"])
def test_empty_inputs_write_tables_with_their_columns(tmp_path: Path, empty: str) -> None:
    full = run(shop(tmp_path / "full", 60))
    context = shop(tmp_path / "empty", 60)
    context.connection.execute(f"DELETE FROM gold.{empty}")
    run(context)
    for table in TABLES:
        assert rows(context, f"DESCRIBE gold.{table}") == rows(full, f"DESCRIBE gold.{table}")
    assert rows(context, "SELECT count(*) FROM gold.recommendations") == [(0,)]


def test_the_models_are_saved_and_tracked(tmp_path: Path) -> None:
    told: list[tuple] = []
    run(shop(tmp_path), track=lambda *words: told.append(words))
    ((name, params, metrics, folder),) = told
    assert name == "recommend"
    assert folder == tmp_path / "state" / "models" / "recommend" / "run-test"
    assert params["neighbours"] == 500
    assert metrics["knn/leave-one-out_B/ndcg_at_10"] > 0
    assert ItemKNN.load(folder / "knn").similar.nnz > 0
    assert Popularity.load(folder / "popular").scores.sum() > 0


def test_lists_longer_than_a_hundred_are_refused() -> None:
    with pytest.raises(ConfigError, match="top = 101"):
        steps(RecommendSettings(top=101))


def _score(context: MemoryContext, **more: object) -> bool:
    (step,) = steps(RecommendSettings(**more))
    assert step.score is not None
    return step.score(context)


def test_lists_by_the_model_that_stands_for_those_who_changed(tmp_path: Path) -> None:
    """Two customers become one and are parted again: nothing is fitted, and everybody else's list is not touched."""
    context = run(shop(tmp_path))
    inputs = ("gold.customers", "gold.customer_products", "gold.products")
    context.keep(*inputs, "gold.recommendations")
    before = rows(context, "FROM gold.recommendations ORDER BY ALL")
    moved = "UPDATE gold.customer_products SET customer_id = '{}' WHERE customer_id = '{}' AND product_id IN ({})"
    of = "SELECT product_id FROM gold.customer_products WHERE customer_id ="
    theirs = [product for (product,) in rows(context, f"{of} 'c0002' EXCEPT {of} 'c0003'")]
    listed = ", ".join(f"'{product}'" for product in theirs)
    context.connection.execute(moved.format("c0003", "c0002", listed))
    assert _score(context)
    assert context.written[-1] == context.merged[-1] == "gold.recommendations"
    rest = "FROM gold.recommendations WHERE customer_id NOT IN ('c0002', 'c0003') ORDER BY ALL"
    assert rows(context, rest) == [row for row in before if row[0] not in ("c0002", "c0003")]
    mine = rows(context, "SELECT rank, product_id FROM gold.recommendations WHERE customer_id = 'c0003' ORDER BY 1")
    assert [rank for rank, _ in mine] == list(range(1, len(mine) + 1))
    bought = rows(context, f"{of} 'c0003' AND last_bought_at IS NOT NULL")
    assert set(theirs) & {product for (product,) in bought}
    assert not {product for _, product in mine} & {product for (product,) in bought}

    context.keep(*inputs, "gold.recommendations")
    context.connection.execute(moved.format("c0002", "c0003", listed))
    assert _score(context)
    assert rows(context, "FROM gold.recommendations ORDER BY ALL") == before


def test_a_model_of_other_products_is_not_asked(tmp_path: Path) -> None:
    context = run(shop(tmp_path))
    inputs = ("gold.customers", "gold.customer_products", "gold.products", "gold.recommendations")
    context.keep(*inputs)
    context.connection.execute("UPDATE gold.products SET is_active = FALSE WHERE product_id = 'p001'")
    assert not _score(context)
    context.keep(*inputs)
    context.connection.execute("INSERT INTO gold.products VALUES ('p999', TRUE, NULL)")
    assert not _score(context)
    other = shop(tmp_path / "other")
    other.keep(*inputs[:3])
    assert not _score(other), "nothing has been fitted there"
