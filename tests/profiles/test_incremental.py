"""Incremental runs: whatever arrives, in whatever order, the tables are those of a full rebuild.

The control is no run at all: each model's query on the same bronze rows, one after the other, in a DuckDB of its own.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.bronze import completed, insert, write_bronze

from floorwalker.app.graph import own_models
from floorwalker.app.pipeline import REMEMBERED
from floorwalker.engines.incremental import read_incremental
from floorwalker.engines.lake import LAYERS, Lake
from floorwalker.engines.models import SqlModel
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, BuildResult, plan
from floorwalker.engines.sql_duckdb import set_run
from floorwalker.engines.steps import Step
from floorwalker.events.vocabulary import KINDS, LAKE_TYPES
from floorwalker.identity.golden import golden_step
from floorwalker.identity.household_steps import household_step
from floorwalker.identity.settings import GoldenSettings, HouseholdSettings

AS_OF = dt.date(2026, 3, 1)
PEOPLE = [{"email": "ann@x.org"}, {"email": "bob@x.org"}, {"loyalty_id": "L3"}, {"cookie_id": "k4"}]
RATES = [{"currency": "EUR", "rate": 0.5, "rate_date": "2020-01-01"}]
MODELS = own_models()
NAMES = {model.name for model in MODELS}
INCREMENTAL = [model.name for model in MODELS if read_incremental(model.name, model.document)]
PRECEDENCE = ("shop", "till")


def steps(moves: dict[str, str], policy: GoldenSettings) -> list[Step]:
    """The steps below the models, identity's own but for who is who."""
    return [identity(moves), golden_step(policy), household_step(HouseholdSettings())]


def identity(moves: dict[str, str]) -> Step:
    """Stands in for identity: one customer per identifier, but for records that `moves` gives to another."""

    def resolve(context: Any) -> None:
        moved = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in sorted(moves.items()))
        named = "'c-' || COALESCE(email, loyalty_id, cookie_id)"
        customer = f"CASE {named} {moved} ELSE {named} END" if moved else named
        context.write(
            "silver.customer_map",
            context.connection.sql(f"SELECT record_id, {customer} AS customer_id FROM silver.identity_records"),
        )
        context.write(
            "silver.customer_identifiers",
            context.connection.sql(
                " UNION ALL ".join(
                    f"SELECT {customer} AS customer_id, '{kind}' AS kind, MAX({kind}) AS value, {kind} AS key,"
                    " COUNT(*) AS records, 'shop' AS sources, MIN(first_seen) AS first_seen, MAX(last_seen) AS"
                    f" last_seen FROM silver.identity_records WHERE {kind} IS NOT NULL GROUP BY 1, {kind}"
                    for kind in ("email", "loyalty_id", "phone")
                )
            ),
        )
        context.write(
            "silver.normalised_records",
            context.connection.sql(
                "SELECT record_id, LOWER(given_name) AS given_name_key, LOWER(family_name) AS family_name_key,"
                " birth_date, LOWER(address) AS address_key, LOWER(postcode) AS postcode_key, email AS email_key,"
                " phone AS phone_key, loyalty_id AS loyalty_key FROM silver.identity_records"
            ),
        )
        context.write(
            "silver.customer_aliases",
            context.connection.sql("SELECT NULL::VARCHAR AS customer_id, NULL::VARCHAR AS alias_of WHERE FALSE"),
        )

    tables = (
        "silver.customer_map", "silver.customer_identifiers", "silver.normalised_records", "silver.customer_aliases",
    )  # fmt: skip
    return Step("identity", ("silver.identity_records",), tables, resolve, settings=repr(sorted(moves.items())))


class World:
    """A lake that is run incrementally, delivery by delivery."""

    def __init__(self, folder: Path, share: float = 1.0) -> None:
        self.lake = Lake(Project(folder), memory_limit="500MB", threads=1)
        write_bronze(self.lake, {"exchange_rates": RATES})
        self.moves: dict[str, str] = {}
        self.policy = GoldenSettings()
        self.number, self.share = 0, share

    def deliver(self, kind: str, rows: list[dict[str, Any]]) -> None:
        """Append rows as a delivery does: a file of their own."""
        with self.lake.connect() as connection:
            columns = ", ".join(f"{column.name} {LAKE_TYPES[column.type]}" for column in KINDS[kind].columns)
            connection.execute(f"CREATE TEMP TABLE incoming ({columns})")
            for row in rows:
                self.number += 1
                insert(connection, KINDS[kind].names, completed(kind, 1000 + self.number, row))
            self.lake.append(f"bronze.{kind}", connection.sql("SELECT * FROM incoming"), connection)

    def delete(self, kind: str, where: str) -> None:
        """Rewrite a bronze table without some rows, as erasure does."""
        with self.lake.connect() as connection:
            self.lake.view(connection, f"bronze.{kind}")
            rest = connection.sql(f"SELECT * FROM bronze.{kind} WHERE ({where}) IS NOT TRUE")
            self.lake.replace(f"bronze.{kind}", rest, connection)

    def run(self) -> BuildResult:
        versions = {f"bronze.{kind}": self.lake.version(f"bronze.{kind}") or 0 for kind in KINDS}
        graph = plan(MODELS, steps(self.moves, self.policy), versions, trusted=NAMES)
        result = self.build(versions).run(graph)
        self.lake.publish(run_id="r", as_of=AS_OF, versions=result.versions)
        return result

    def build(self, versions: dict[str, int]) -> Build:
        pointer = self.lake.pointer()
        before = {"silver.households": pointer.tables["silver.households"] if pointer else None}
        return Build(
            self.lake, "r", AS_OF, "GBP", precedence=PRECEDENCE, versions=dict(versions), share=self.share, small=0,
            previous=before, empty=REMEMBERED,
        )  # fmt: skip

    def check(self) -> None:
        """The published tables are those of a full rebuild, row for row."""
        found = self.lake.read()
        whole = rebuilt(self)
        for name in INCREMENTAL:
            query = f"SELECT * FROM {name}"
            columns = [row[:2] for row in whole.execute(f"DESCRIBE {name}").fetchall()]
            assert [row[:2] for row in found.execute(f"DESCRIBE {name}").fetchall()] == columns, name
            left, right = (Counter(one.execute(query).fetchall()) for one in (found, whole))
            assert left == right, f"{name}: too many {left - right}, missing {right - left}"


def rebuilt(world: World) -> duckdb.DuckDBPyConnection:
    """Every model's query on the bronze rows, in memory, without runner, lake or merge."""
    lake = world.lake
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for layer in (*LAYERS, "meta"):
        connection.execute(f"CREATE SCHEMA {layer}")
    for kind in KINDS:
        lake.view(connection, f"bronze.{kind}")
    set_run(connection, "r", AS_OF, "GBP", PRECEDENCE)

    # Household ids come from earlier runs: the one thing that a rebuild from nothing cannot know.
    lake.view(connection, "silver.households", lake.pointer().tables["silver.households"])
    connection.execute("ALTER VIEW silver.households RENAME TO households_previous")

    class Context:
        def __init__(self) -> None:
            self.connection, self.project, self.as_of = connection, lake.project, AS_OF

        def write(self, table: str, data: duckdb.DuckDBPyRelation | pa.Table) -> None:
            (data if isinstance(data, duckdb.DuckDBPyRelation) else connection.from_arrow(data)).create(table)

        def progress(self, done: float, text: str = "") -> None:
            pass

    graph = plan(
        MODELS, steps(world.moves, world.policy), [f"bronze.{kind}" for kind in KINDS], trusted=NAMES
    )  # fmt: skip
    for name in graph.order:
        node = graph.nodes[name]
        if isinstance(node, SqlModel):
            connection.execute(f"CREATE TABLE {name} AS {node.sql}")
        else:
            node.run(Context())
    return connection


def moment(day: int, hour: int = 12) -> str:
    return f"{dt.date(2025, 12, 1) + dt.timedelta(days=day)} {hour:02}:00:00+00"


def line(person: dict, order: int, product: str, day: int, **more: Any) -> dict[str, Any]:
    return {
        **person, "order_id": str(order), "product_id": product, "product_name": product, "quantity": 1,
        "unit_price": 10, "occurred_at": moment(day), **more,
    }  # fmt: skip


def statuses(result: BuildResult) -> dict[str, str]:
    return {node.name: node.status for node in result.nodes}


@pytest.fixture
def world(tmp_path) -> World:
    world = World(tmp_path)
    for number, person in enumerate(PEOPLE):
        world.deliver("order_lines", [line(person, number, f"P{number}", 10 + number)])
        world.deliver("browse_events", [{**person, "event_name": "Product Viewed", "product_id": "P1"}])
    world.deliver("products", [{"product_id": f"P{n}", "name": "x", "category": "c", "price": n + 1} for n in range(4)])
    world.run()
    world.check()
    return world


def test_a_late_line_touches_its_own_customer_and_nothing_else(world):
    world.share = 0.3
    world.deliver("order_lines", [line(PEOPLE[0], 50, "P1", 1)])
    done = statuses(world.run())
    assert done["silver.order_lines"] == done["silver.customer_orders"] == done["gold.customers"] == "incremental"
    assert done["silver.stock"] == done["silver.consents"] == "unchanged"
    world.check()
    rows = world.lake.read().execute(
        "SELECT orders, first_order_on FROM gold.customers WHERE customer_id = 'c-ann@x.org'"
    )
    assert rows.fetchall() == [(2, dt.date(2025, 12, 2))]


@pytest.mark.slow
def test_a_record_that_moves_takes_its_rows_along(world):
    world.moves = {"c-bob@x.org": "c-ann@x.org"}
    done = statuses(world.run())
    assert done["silver.order_lines"] == done["silver.browse_events"] == done["gold.customers"] == "incremental"
    assert done["silver.returns"] == "incremental"  # looked at, and nothing of it touched
    world.check()
    world.moves = {}
    world.run()
    world.check()


def test_a_policy_of_the_golden_record_reaches_every_customer_and_no_other_input_is_read_anew(world):
    who = {"loyalty_id": "L3", "family_name": "X", "postcode": "E1"}
    world.deliver("customers", [{**who, "given_name": "Ann", "source": "shop", "occurred_at": moment(2)}])
    world.deliver("customers", [{**who, "given_name": "Anne", "source": "till", "occurred_at": moment(1)}])
    world.run()
    world.check()
    named = "SELECT given_name, family_name FROM gold.customers WHERE customer_id = 'c-L3'"
    assert world.lake.read().execute(named).fetchall() == [("Ann", "X")]
    world.policy = GoldenSettings(sources=("till",))
    done = statuses(world.run())
    assert (done["silver.golden_fields"], done["gold.customers"]) == ("incremental", "incremental")
    assert done["silver.identity_records"] == done["silver.order_lines"] == "unchanged"
    world.check()
    assert world.lake.read().execute(named).fetchall() == [("Anne", "X")]


@pytest.mark.slow
def test_an_order_that_another_source_reports_too_is_counted_once(world):
    world.deliver("order_lines", [line({}, 0, "P0", 10, source="till", order_key="shop:0")])
    world.run()
    world.check()
    assert world.lake.read().execute("SELECT COUNT(*) FROM silver.order_lines").fetchall() == [(4,)]


@pytest.mark.slow
def test_rows_that_are_deleted_leave_every_table(world):
    world.delete("order_lines", "email = 'ann@x.org'")
    world.delete("browse_events", "email = 'ann@x.org'")
    done = statuses(world.run())
    assert done["silver.order_lines"] == "incremental"
    world.check()
    found = world.lake.read()
    assert found.execute("SELECT COUNT(*) FROM gold.customers WHERE customer_id = 'c-ann@x.org'").fetchall() == [(0,)]


@pytest.mark.slow
def test_when_many_keys_are_touched_all_is_built_anew(world):
    world.share = 0.3
    world.deliver("order_lines", [line(person, 60 + n, "P1", 5) for n, person in enumerate(PEOPLE)])
    assert statuses(world.run())["silver.customer_orders"] == "built"
    world.check()


@pytest.mark.slow
def test_a_run_that_was_killed_half_way_is_continued_by_what_it_left(world):
    before = dict(world.lake.pointer().tables)
    world.deliver("order_lines", [line(PEOPLE[0], 70, "P2", 7)])
    versions = {f"bronze.{kind}": world.lake.version(f"bronze.{kind}") for kind in KINDS}
    graph = plan(MODELS, steps(world.moves, world.policy), versions, trusted=NAMES)
    world.build(versions).run(graph, only=[name for name in graph.order if not name.startswith("gold.")])
    assert world.lake.pointer().tables == before
    world.deliver("order_lines", [line(PEOPLE[1], 71, "P2", 8)])
    done = statuses(world.run())
    assert done["gold.customers"] == done["gold.customer_products"] == "incremental"
    world.check()


people = st.sampled_from(PEOPLE)
products = st.sampled_from(["P0", "P1", "P2", "P3"])
days = st.integers(0, 89)
order = st.integers(0, 6)
sold = st.builds(
    lambda person, number, product, day, money, source, size: (
        "order_lines",
        line(person, number, product, day, currency=money, source=source, order_key=f"shop:{number}", size=size),
    ),
    people, order, products, days, st.sampled_from(["GBP", "EUR"]), st.sampled_from(["shop", "till"]),
    st.sampled_from([None, "M", "L"]),
)  # fmt: skip
visit = st.builds(
    lambda person, product, day, name: (
        "browse_events",
        {**person, "event_name": name, "product_id": product, "occurred_at": moment(day)},
    ),
    st.one_of(people, st.just({})), products, days, st.sampled_from(["Product Viewed", "Product Added"]),
)  # fmt: skip
back = st.builds(
    lambda person, product, day, money: (
        "returns",
        {**person, "product_id": product, "quantity": 1, "unit_price": 5, "currency": money,
         "occurred_at": moment(day)},
    ),
    people, products, days, st.sampled_from(["GBP", "EUR"]),
)  # fmt: skip
mail = st.builds(
    lambda person, day, name: ("email_events", {**person, "event_name": name, "occurred_at": moment(day)}),
    people, days, st.sampled_from(["Email Sent", "Email Opened", "Unsubscribed"]),
)  # fmt: skip
points = st.builds(
    lambda person, day, many: (
        "loyalty_events",
        {**person, "event_name": "Points Earned", "points": many, "tier": "gold", "occurred_at": moment(day)},
    ),
    people, days, st.integers(1, 9),
)  # fmt: skip
word = st.builds(
    lambda person, day, name, family, born, phone, home, source: (
        "customers",
        {**person, "given_name": name, "family_name": family, "birth_date": born, "phone": phone, "address": home,
         "postcode": "E1", "source": source, "occurred_at": moment(day)},
    ),
    people, days, st.sampled_from(["Ann", "A", "Bob", None]), st.sampled_from(["X", "Y"]),
    st.sampled_from([None, "1990-01-01", "1990-05-06"]), st.sampled_from([None, "+441", "+442"]),
    st.sampled_from([None, "1 High St", "2 Low St"]), st.sampled_from(["shop", "till"]),
)  # fmt: skip
policies = st.builds(
    lambda sources, verified, name: GoldenSettings(sources=sources, verified_sources=verified, name=name),
    st.sampled_from([(), ("till", "shop")]), st.sampled_from([(), ("till",)]), st.sampled_from([(), ("frequency",)]),
)  # fmt: skip
said = st.builds(
    lambda person, day, status: (
        "consents", {**person, "purpose": "ads", "status": status, "occurred_at": moment(day)}
    ),
    people, days, st.sampled_from(["granted", "denied"]),
)  # fmt: skip
help_ = st.builds(
    lambda person, day: ("tickets", {**person, "ticket_id": f"t{day}", "occurred_at": moment(day)}), people, days
)
priced = st.builds(
    lambda product, day, price, category: (
        "products",
        {"product_id": product, "name": "x", "category": category, "garment": "top", "brand_name": "Oak",
         "price": price, "occurred_at": moment(day)},
    ),
    products, days, st.integers(1, 5), st.sampled_from(["a", "b"]),
)  # fmt: skip
rate = st.builds(
    lambda day, value: (
        "exchange_rates",
        {"currency": "EUR", "rate": value, "rate_date": moment(day)[:10], "occurred_at": moment(day)},
    ),
    days, st.sampled_from([0.5, 0.75, 2.0]),
)  # fmt: skip
count = st.builds(
    lambda product, day, many: ("stock", {"product_id": product, "quantity": many, "occurred_at": moment(day)}),
    products, days, st.integers(0, 9),
)  # fmt: skip
event = st.one_of(sold, sold, visit, back, mail, points, word, said, help_, priced, rate, count)
happening = st.one_of(
    st.lists(event, min_size=1, max_size=8).map(lambda rows: ("deliver", rows)),
    st.tuples(st.sampled_from(["c-ann@x.org", "c-bob@x.org"]), st.sampled_from(["c-bob@x.org", "c-L3", "c-k4"])).map(
        lambda pair: ("move", pair)
    ),
    st.sampled_from(["email = 'ann@x.org'", "loyalty_id = 'L3'"]).map(lambda where: ("delete", where)),
    policies.map(lambda policy: ("policy", policy)),
)


def happen(world: World, what: str, how: Any) -> None:
    if what == "deliver":
        kinds: dict[str, list] = {}
        for kind, row in how:
            kinds.setdefault(kind, []).append(row)
        for kind, rows in kinds.items():
            world.deliver(kind, rows)
            if len(rows) > 1:
                # The same row again, word for word: a delivery that was sent twice under another name.
                world.deliver(kind, rows[:1])
    elif what == "move":
        world.moves = dict([how])
    elif what == "policy":
        world.policy = how
    else:
        for kind in ("order_lines", "browse_events", "customers"):
            world.delete(kind, how)


def drive(folder: Path, runs: list[list[tuple[str, Any]]]) -> None:
    world = World(folder)
    for happenings in runs:
        for what, how in happenings:
            happen(world, what, how)
        world.run()
        world.check()


runs = st.lists(st.lists(happening, min_size=1, max_size=3), min_size=2, max_size=4)


@pytest.mark.slow
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)  # without shrinking: each step is a run
@given(runs)
def test_whatever_happens_the_incremental_result_is_a_full_rebuild(tmp_path_factory, runs):
    drive(tmp_path_factory.mktemp("world"), runs)
