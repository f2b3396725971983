"""The lineage of a whole project: nothing dangles, what was checked by hand stays so, and it is quick."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.app.driving import call

from floorwalker.app.graph import BRONZE, build_graph
from floorwalker.app.lineage import project_lineage
from floorwalker.app.scaffold import make_project
from floorwalker.app.settings import Settings
from floorwalker.engines.lineage import GIVEN, Lineage, lineage_of, table_of
from floorwalker.engines.models import SqlModel, parse_model
from floorwalker.engines.project import Project
from floorwalker.engines.relations import Known, Relation
from floorwalker.engines.runner import plan, writes_of
from floorwalker.events.vocabulary import KINDS
from floorwalker.identity.golden import CRITERIA


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo's project before its first run."""
    return Project(make_project(tmp_path_factory.mktemp("demo") / "demo", template="demo"))


@pytest.fixture(scope="module")
def found(demo: Project) -> Lineage:
    return project_lineage(demo, Settings())


def test_every_column_of_every_model_begins_in_bronze_or_is_a_constant(demo: Project, found: Lineage) -> None:
    graph = build_graph(demo, Settings())
    known = {f"bronze.{kind.name}.{column}" for kind in KINDS.values() for column in kind.names}
    known |= {f"{table}.{column}" for table, columns in GIVEN.items() for column in columns}
    dangling = []
    for name, node in graph.nodes.items():
        for table in writes_of(node):
            assert found.columns[table], f"{table} has no columns"
            for column in found.columns[table]:
                for one in found.above(f"{table}.{column}"):
                    exists = (
                        one in known
                        or one.startswith(("file:", "segment:"))
                        or one.endswith(".*")
                        or one.rpartition(".")[2] in found.columns.get(table_of(one), ())
                    )
                    if not exists:
                        dangling.append((f"{table}.{column}", one))
        if isinstance(node, SqlModel):
            assert name not in found.unknown
    assert dangling == []


def test_constants_are_few_and_known(found: Lineage) -> None:
    constants = {
        node
        for node, inputs in found.up.items()
        if not inputs and not node.endswith(".*") and node.startswith(("silver.", "gold."))
    }
    assert constants == {
        "silver.consents.purpose",  # the list of purposes
        "silver.customer_identifiers.kind",  # the rule's name
        *(f"silver.golden_policy.{name}" for name in ("attribute", *CRITERIA)),  # the settings' words
        *(f"silver.golden_sources.{name}" for name in ("source", "place", "unverified")),
        "silver.golden_fields.attribute",
        "silver.golden_fields.part_of",
        "silver.household_evidence.kind",
        "silver.customer_levels.level",  # the setting's names
        "gold.funnel.position",
        "gold.funnel.step",
        "gold.segment_definitions.description",  # the policy's words
    }


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("gold.customers.revenue", {"silver.customer_orders.revenue": "value"}),
        (
            "silver.order_lines.amount_reporting",
            {
                "bronze.order_lines.amount": "value",
                "bronze.order_lines.currency": "condition",
                "meta.run.reporting_currency": "condition",
                "silver.exchange_rates.rate": "value",
            },
        ),
        ("gold.rfm.monetary", {"gold.customers.revenue": "value"}),
        (
            "gold.customers.recency_days",
            {"silver.customer_orders.last_order_on": "value", "meta.run.as_of": "value"},
        ),
        ("gold.customers.personalization", {"gold.consents.purpose": "condition", "gold.consents.status": "value"}),
        ("segment:newcomers", {"gold.customers.first_order_on": "condition", "meta.run.as_of": "condition"}),
        # a quantity stands for its column, and for those among whom it is taken
        ("segment:high_value_online_only", {f"gold.customers.{name}": "condition" for name in
         ("orders", "orders_app", "orders_store", "orders_web", "revenue")}),
        ("audience:winback_email", {
            "segment:lapsed": "condition", "gold.consents.purpose": "condition", "gold.consents.status": "condition",
            **{f"gold.customers.{name}": "value" for name in
               ("customer_id", "email", "given_name", "language", "favourite_category")}}),
        ("bronze.browse_events.session_id", {"file:web_clicks.session": "value", "file:app_events.session": "value"}),
        ("bundle:profiles.revenue", {"gold.customers.revenue": "value"}),
        ("bundle:profiles.lifecycle", {"gold.rfm.lifecycle": "value"}),
    ],
)  # fmt: skip
def test_inputs_checked_by_hand(found: Lineage, node: str, expected: dict[str, str]) -> None:
    assert found.inputs(node) == expected


def test_from_a_file_to_an_audience_and_back(found: Lineage) -> None:
    below = found.below("file:shop_orders.line.total")
    assert {"bronze.order_lines.amount", "gold.customers.revenue", "gold.rfm.segment", "segment:vip"} <= below
    assert "bundle:profiles.revenue" in below and "gold.customers.email" not in below
    assert "audience:winback_email" in found.below("file:shop_orders.placed_at")
    assert "file:shop_orders.line.total" in found.roots("gold.customers.revenue")
    assert "file:email_events.recipient" not in found.roots("gold.customers.revenue")
    # and in rows: whoever reads a source's orders
    assert {"gold.customers", "bundle:profiles"} <= found.tables_below("bronze.order_lines")


def test_filters_are_told_with_what_they_touch(found: Lineage) -> None:
    texts = {one.text for one in found.influences["silver.customer_orders.revenue"]}
    assert any("is_sale" in text for text in texts), texts
    assert "silver.customer_orders.revenue" in found.influenced("silver.order_lines.is_sale")["silver.customer_orders"]


def wide(columns: int) -> list[SqlModel]:
    """A model of windows over a daily table, as generated features are: one sum per column, wide and flat."""
    days = parse_model(
        "silver.customer_days",
        "SELECT customer_id, occurred_on, CAST(SUM(amount) AS DECIMAL(28,4)) AS amount, COUNT(*) AS n"
        " FROM bronze.order_lines JOIN silver.map USING (record_id) GROUP BY customer_id, occurred_on",
    )
    sums = ", ".join(
        f"CAST(SUM(CASE WHEN d.occurred_on >= q.as_of - INTERVAL {number + 1} DAY AND d.occurred_on < q.as_of"
        f" THEN d.amount ELSE 0 END) AS DECIMAL(28,4)) AS amount_{number}d"
        for number in range(columns)
    )
    joined = (
        f"WITH sums AS (SELECT d.customer_id, {sums} FROM silver.customer_days AS d CROSS JOIN meta.run AS q"
        " GROUP BY d.customer_id) SELECT s.customer_id, "
        + ", ".join(f"COALESCE(s.amount_{number}d, 0) AS amount_{number}d" for number in range(columns))
        + " FROM sums AS s"
    )
    return [days, parse_model("gold.features", joined)]


def test_a_model_of_250_columns_takes_no_time() -> None:
    models = wide(250)
    graph = plan(models, [], [*BRONZE, "silver.map"], trusted={model.name for model in models})
    start = time.perf_counter()
    found = lineage_of(graph, {**{f"bronze.{kind.name}": kind.names for kind in KINDS.values()}, "silver.map": None})
    seconds = time.perf_counter() - start
    assert seconds < 5, seconds
    assert found.inputs("silver.customer_days.amount") == {"bronze.order_lines.amount": "value"}
    assert found.inputs("gold.features.amount_249d") == {
        "silver.customer_days.occurred_on": "condition",
        "meta.run.as_of": "condition",
        "silver.customer_days.amount": "value",
    }


def test_the_command(shop_once: Path) -> None:
    done = call(shop_once, "lineage", "gold.customers.revenue")
    assert done.code == 0, done.err
    assert "silver.customer_orders.revenue" in done.out and "file:till.price" in done.out
    assert "segment:vip (condition)" in done.out
    told = call(shop_once, "lineage", "gold.customers.revenue", "--up", "--json").json
    assert "down" not in told and told["up"]["gold.customers.revenue"] == {"silver.customer_orders.revenue": "value"}
    assert "file:till.qty" in told["roots"]
    # a table's rows, a bare name, and a slip
    assert "gold.customers" in call(shop_once, "lineage", "bronze.order_lines", "--down", "--all").out
    assert "did you mean 'gold.customers.revenue'?" in call(shop_once, "lineage", "revenue").err
    assert "did you mean 'revenue'?" in call(shop_once, "lineage", "gold.customers.revenu").err
    assert "did you mean 'audience:winback_email'?" in call(shop_once, "lineage", "audience:winback_emial").err


def test_a_feature_goes_back_to_the_columns_of_files(found: Lineage) -> None:
    roots = found.roots("gold.customer_features.revenue_30d")
    assert {"file:shop_orders.line.total", "file:till_receipts.total", "file:shop_orders.placed_at"} <= roots
    assert not any(one.startswith("file:web_clicks.url") for one in roots)
    below = found.below("file:shop_orders.line.total")
    assert {"gold.customer_features.revenue_30d", "gold.customer_features.average_order"} <= below
    # and on to people: scores, segments, audiences
    assert {"gold.rfm.monetary", "gold.clusters.cluster", "segment:vip"} <= below
    scores = found.roots("gold.recommendations.score")
    assert {"file:web_clicks.sku", "file:shop_orders.line.sku"} <= scores


def test_a_slip_in_a_bare_name_is_hinted_at(shop_once: Path) -> None:
    for slip, meant in (
        ("revenue_365", "gold.customer_features.revenue_365d"),
        ("order_30d", "gold.customer_features.orders_30d"),
        ("file:till.pric", "price"),
        ("segment:vp", "segment:vip"),
    ):
        assert f"did you mean '{meant}'?" in call(shop_once, "lineage", slip).err


def test_a_renamed_column_of_a_file_is_followed_at_once(shop: Path) -> None:
    assert "file:till.price" in call(shop, "lineage", "gold.customers.revenue", "--json").json["roots"]
    mapping = shop / "mappings" / "till.toml"
    mapping.write_text(mapping.read_text().replace('column = "price"', 'column = "cost"'))
    roots = call(shop, "lineage", "gold.customers.revenue", "--json").json["roots"]
    assert "file:till.cost" in roots and "file:till.price" not in roots
    gone = call(shop, "lineage", "file:till.price")
    assert gone.code == 1 and "file:till has no column 'price'" in gone.err and "known: card, cost" in gone.err


def test_only_queries_that_changed_are_parsed_again(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from floorwalker.engines import lineage_cache

    asked: list[str] = []
    read = lineage_cache.columns_of

    def counted(sql: str, known: Known) -> Relation:
        asked.append(sql)
        return read(sql, known)

    monkeypatch.setattr(lineage_cache, "columns_of", counted)
    lineage_cache._found.cache_clear()
    before = project_lineage(Project(shop), Settings())
    assert asked == []
    (shop / "sql" / "mine.sql").write_text("SELECT customer_id, revenue * 2 AS twice FROM gold.customers\n")
    after = project_lineage(Project(shop), Settings())
    assert len(asked) == 1 and "twice" in asked[0]
    assert after.inputs("custom.mine.twice") == {"gold.customers.revenue": "value"}
    assert {node: after.up[node] for node in before.up} == before.up
    file = shop / "state" / "lineage" / "columns.json"
    file.write_text(file.read_text()[:1000])
    assert project_lineage(Project(shop), Settings()).up == after.up


def test_own_models_and_their_sources_are_in_it(shop: Path) -> None:
    (shop / "sql" / "mine.sql").write_text(
        "SELECT customer_id, revenue * 2 AS twice FROM gold.customers WHERE orders > 1\n"
    )
    told = call(shop, "lineage", "custom.mine.twice", "--json").json
    assert told["up"]["custom.mine.twice"] == {"gold.customers.revenue": "value"}
    assert [one["text"] for one in told["influences"]] == ["orders > 1"]
