"""Segments: the shipped policy means what it says, quantities are exact, and every answer can be explained."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data import bench_data
from tests.steps import MemoryContext

import floorwalker
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.profiles.membership import explain, members, segment_names
from floorwalker.profiles.segments import CUSTOMER_COLUMNS, load_policy, measure, segment_steps

SHIPPED = Path(floorwalker.__file__).parent / "app/templates/shared/policies/segments.toml"
AS_OF = dt.date(2026, 1, 31)

NOBODY: dict[str, object] = {
    name: 0 if kind in ("BIGINT", "DECIMAL(28,4)", "DECIMAL(28,3)") else False if kind == "BOOLEAN" else None
    for name, kind in CUSTOMER_COLUMNS.items()
}


def customers(context: MemoryContext, people: dict[str, dict[str, object]]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in CUSTOMER_COLUMNS.items())
    context.connection.execute(f"CREATE OR REPLACE TABLE gold.customers ({columns})")
    for customer_id, facts in people.items():
        row = {**NOBODY, "customer_id": customer_id, **facts}
        context.connection.execute(
            f"INSERT INTO gold.customers VALUES ({', '.join('?' * len(CUSTOMER_COLUMNS))})",
            [row[name] for name in CUSTOMER_COLUMNS],
        )


def run(context: MemoryContext, policy: Path) -> dict[str, set[str]]:
    (step,) = segment_steps(policy)
    step.run(context)
    assert tuple(context.written) == step.writes
    context.written.clear()
    found: dict[str, set[str]] = {}
    for segment, customer_id in context.connection.execute("SELECT * FROM gold.segments").fetchall():
        found.setdefault(segment, set()).add(customer_id)
    return found


def policy_file(folder: Path, text: str) -> Path:
    path = folder / "segments.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def context(tmp_path: Path) -> MemoryContext:
    return MemoryContext(tmp_path, AS_OF)


def day(ago: int) -> dt.date:
    return AS_OF - dt.timedelta(days=ago)


def bought(ago: int, orders: int, revenue: int, *, web: int = 0, store: int = 0, first: int | None = None) -> dict:
    return {
        "recency_days": ago, "last_order_on": day(ago), "first_order_on": day(ago if first is None else first),
        "orders": orders, "revenue": revenue, "orders_web": web, "orders_store": store,
    }  # fmt: skip


PEOPLE: dict[str, dict[str, object]] = {
    "visitor": {},
    "lapsed": bought(300, 2, 80, store=2, first=400),
    "rich_web": bought(10, 6, 5000, web=6, first=500),
    "rich_both": bought(20, 9, 4000, web=4, store=5, first=500),
    "card_only": {**bought(100, 3, 90, store=3, first=700), "has_loyalty": True},
    "card_and_app": {**bought(100, 3, 90, store=3, first=700), "has_loyalty": True, "last_online_on": day(3)},
    "cart": {"carts_30d": 2, "last_online_on": day(1)},
    "cart_then_bought": {**bought(1, 1, 30, web=1), "carts_30d": 2, "last_online_on": day(1)},
    "new": bought(5, 1, 25, store=1),
    "second_due": bought(60, 1, 25, store=1),
    "bargains": {**bought(15, 4, 60, web=4, first=300), "discount_affinity": 0.75},
}


def test_the_shipped_segments_mean_what_they_say(context: MemoryContext) -> None:
    customers(context, PEOPLE)
    assert run(context, SHIPPED) == {
        "lapsed": {"lapsed"},
        "vip": {"rich_web"},
        "high_value_online_only": {"rich_web"},
        "loyalty_no_online": {"card_only"},
        "cart_abandoners": {"cart"},
        "newcomers": {"cart_then_bought", "new"},
        "second_order_due": {"second_due"},
        "discount_seekers": {"bargains"},
    }


def test_definitions_keep_the_rule_the_figures_and_the_size(context: MemoryContext) -> None:
    customers(context, PEOPLE)
    run(context, SHIPPED)
    row = context.connection.execute(
        "SELECT condition, resolved, customers FROM gold.segment_definitions WHERE segment = 'high_value_online_only'"
    ).fetchall()
    assert row == [
        (
            "revenue >= high_revenue AND orders_web + orders_app > 0 AND orders_store = 0",
            "revenue >= 4000.0000 AND orders_web + orders_app > 0 AND orders_store = 0",
            1,
        )
    ]


def test_each_answer_is_explained_and_agrees_with_the_table(context: MemoryContext) -> None:
    customers(context, PEOPLE)
    found = run(context, SHIPPED)
    for segment in segment_names(context.connection):
        for customer_id in PEOPLE:
            answer = explain(context.connection, segment, customer_id)
            assert answer.member == (customer_id in found[segment])
            assert answer.member == all(reason.passed for reason in answer.reasons)
    answer = explain(context.connection, "high_value_online_only", "rich_both")
    assert [(reason.condition, reason.actual, reason.passed) for reason in answer.reasons] == [
        ("revenue >= 4000.0000", {"revenue": Decimal("4000.0000")}, True),
        ("orders_web + orders_app > 0", {"orders_web": 4, "orders_app": 0}, True),
        ("orders_store = 0", {"orders_store": 5}, False),
    ]
    unknown = explain(context.connection, "lapsed", "visitor").reasons[1]
    assert (unknown.actual, unknown.passed) == ({"recency_days": None}, False)


def test_members_counts_all_and_shows_the_best_first(context: MemoryContext) -> None:
    customers(context, PEOPLE)
    run(context, SHIPPED)
    answer = members(context.connection, "newcomers", limit=1)
    assert (answer.customers, [one.customer_id for one in answer.preview]) == (2, ["cart_then_bought"])
    assert answer.description == "First order within the last 60 days."
    with pytest.raises(NotFoundError, match="no segment 'newcomer'") as refusal:
        members(context.connection, "newcomer")
    assert refusal.value.fix == "did you mean 'newcomers'?"
    with pytest.raises(NotFoundError, match="no customer"):
        explain(context.connection, "lapsed", "somebody")


def test_nobody_and_no_policy_give_empty_tables(context: MemoryContext, tmp_path: Path) -> None:
    customers(context, {})
    assert run(context, SHIPPED) == {}
    assert members(context.connection, "vip").customers == 0
    assert run(context, tmp_path / "absent.toml") == {}
    assert segment_names(context.connection) == []
    described = context.connection.execute("SELECT column_name FROM (DESCRIBE gold.segments)").fetchall()
    assert described == [("segment",), ("customer_id",)]


def test_a_changed_policy_rebuilds_the_step(tmp_path: Path) -> None:
    path = policy_file(tmp_path, '[segments.a]\nwhere = "orders > 0"')
    before = segment_steps(path)[0].settings
    policy_file(tmp_path, '[segments.a]\nwhere = "orders > 1"')
    assert segment_steps(path)[0].settings != before


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=40), st.sampled_from([0.01, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0]))
def test_a_top_share_holds_at_least_that_share_and_ties_only_beyond(tmp_path_factory, revenues, top: float) -> None:
    folder = tmp_path_factory.mktemp("quantity")
    context = MemoryContext(folder, AS_OF)
    context.connection.execute("CREATE TABLE gold.customers (customer_id VARCHAR, revenue BIGINT)")
    for i, revenue in enumerate(revenues):
        context.connection.execute("INSERT INTO gold.customers VALUES (?, ?)", [f"c{i}", revenue])
    policy = load_policy(
        policy_file(folder, f'[quantities.bar]\ncolumn = "revenue"\ntop = {top}'),
        {"customer_id": "VARCHAR", "revenue": "BIGINT"},
    )
    bar = measure(context.connection, policy, AS_OF)["bar"]
    place = -(-len(revenues) * round(top * 100) // 100)  # ceil, in integers
    assert bar == (sorted(revenues, reverse=True)[place - 1] if revenues else None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[segments.x]\nwhere = 'ordres > 0'", "did you mean 'orders'"),
        ("[segments.x]\nwhere = 'orders > 0'\nname = 'y'", "unknown key 'name'"),
        ("[segmets.x]\nwhere = 'orders > 0'", "did you mean 'segments'"),
        ("[segments.x]\ndescription = 'no rule'", "where"),
        ("[segments.x]\nwhere = 3", "Expected `str`"),
        ("[segments.'Big spenders']\nwhere = 'orders > 0'", "big_spenders"),
        ("segments = 3", "Expected `object`"),
        ("[segments.x]\nwhere = 'orders > 0", "not TOML"),
        ("[quantities.revenue]\ncolumn = 'revenue'\ntop = 0.1", "name of a column"),
        ("[quantities.bar]\ncolumn = 'revenu'\ntop = 0.1", "did you mean 'revenue'"),
        ("[quantities.bar]\ncolumn = 'city'\ntop = 0.1", "needs numbers or days"),
        ("[quantities.bar]\ncolumn = 'revenue'\ntop = 20", "<= 1"),
        ("[quantities.bar]\ncolumn = 'revenue'\ntop = 0.1\namong = 'orders'", "not true or false"),
    ],
)
def test_a_policy_that_cannot_be_used_says_why(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_policy(policy_file(tmp_path, text))
    assert says in str(refusal.value)


def test_a_condition_that_breaks_on_the_data_names_its_segment(context: MemoryContext, tmp_path: Path) -> None:
    customers(context, {"a": {"orders": 2**62}})
    with pytest.raises(ConfigError, match="segment 'overflows'"):
        run(context, policy_file(tmp_path, '[segments.overflows]\nwhere = "orders * orders > 1"'))


def test_online_retail_top_fifth_brings_three_quarters_of_revenue(context: MemoryContext, tmp_path: Path) -> None:
    path = bench_data("online_retail", "online_retail_2010_2011.parquet")
    context.connection.execute(
        f"""CREATE TABLE gold.customers AS SELECT CAST(CustomerID AS VARCHAR) AS customer_id,
          CAST(sum(CAST(Quantity AS DECIMAL(18,4)) * CAST(UnitPrice AS DECIMAL(18,4))) AS DECIMAL(28,4)) AS revenue
        FROM '{path}' WHERE CustomerID IS NOT NULL AND NOT starts_with(InvoiceNo, 'C')
          AND Quantity > 0 AND UnitPrice > 0 GROUP BY 1"""
    )
    found = run(
        context,
        policy_file(
            tmp_path,
            "[quantities.high_revenue]\ncolumn = 'revenue'\ntop = 0.2\n"
            "[segments.high]\nwhere = 'revenue >= high_revenue'",
        ),
    )
    assert len(found["high"]) == 868
    ((share,),) = context.connection.execute(
        "SELECT sum(revenue) FILTER (WHERE customer_id IN (SELECT customer_id FROM gold.segments)) / sum(revenue) "
        "FROM gold.customers"
    ).fetchall()
    assert float(share) == pytest.approx(0.746, abs=0.0005)
