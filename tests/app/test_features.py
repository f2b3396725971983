"""Features of a project: a training set for a past day is what was served on it; features of
its own are in all of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest
from tests.app.driving import call, run

from floorwalker.app.features import catalogue_of, make_training_set
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.errors import NotFoundError
from floorwalker.profiles.catalogue import CUSTOMER

NAMES = [one.name for one in CUSTOMER.features]
LATER = """receipt;line;sold_at;sku;name;qty;price;email;card
R4;1;03/02/2026 11:00;B;Scarf;2;20,00;ann@example.com;
R5;1;06/01/2026 10:00;E;Gloves;1;15,00;ann@example.com;
R2;2;10/01/2026 09:30;D;Vase;1;10,00;;L-77
"""
"""A new day, a receipt that comes late, and a line that is delivered again with another price."""


def features_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, tuple]:
    rows = connection.execute(f"SELECT customer_id, {', '.join(NAMES)} FROM {table}").fetchall()
    return {row[0]: row[1:] for row in rows}


def training(project: Project, day: dt.date, known_at: dt.datetime | None) -> dict[str, tuple]:
    with Lake(project).read() as connection:
        labels = connection.sql(f"SELECT customer_id, DATE '{day}' AS as_of FROM gold.customers")
        made = make_training_set(project, connection, labels, NAMES, known_at=known_at, check_consent=False)
        made.relation.create("memory.main.made")
        return features_of(connection, "memory.main.made")


@pytest.fixture
def served(shop: Path) -> tuple[Project, dt.date, dt.datetime, dict[str, tuple]]:
    """A shop after its first run, what that run served, and then a second run with newer, late and corrected rows."""
    project = Project(shop)
    with Lake(project).read() as connection:
        ((day,),) = connection.execute("SELECT as_of FROM meta.run").fetchall()
        before = features_of(connection, "gold.customer_features")
    received = dt.datetime.now(dt.UTC)
    (shop / "data" / "till_2026_02.csv").write_text(LATER)
    assert run(shop)["rows_new"] == 3
    return project, day, received, before


def test_a_training_set_of_a_past_day_is_what_was_served_on_it(served):
    project, day, received, before = served
    assert training(project, day, received) == before


def test_without_known_at_late_and_corrected_rows_count(served):
    project, day, _, before = served
    now = training(project, day, None)
    place = NAMES.index("revenue")
    changed = {
        (str(before[one][place]), str(now[one][place])) for one in before if before[one][place] != now[one][place]
    }
    assert changed == {("60.0000", "75.0000"), ("42.0000", "40.0000")}


OWN = """[features.till_orders]
description = "How many orders did they place at the till?"
source = "orders"
aggregate = "count"
where = "channel = 'store'"
type = "integer"
default = 0
[features.till_share]
description = "Which share of their orders?"
type = "number"
expression = "till_orders / orders"
"""


def test_features_of_a_project_s_own_are_in_training_sets_and_checks(shop: Path) -> None:
    (shop / "features").mkdir(exist_ok=True)
    (shop / "features" / "own.toml").write_text(OWN)
    # Before a run has made them, the published table is not blamed for it.
    early = call(shop, "features", "check")
    assert early.code == 1 and "the published run has no 'till_orders'" in early.err
    with (shop / "data" / "consents.csv").open("a") as file:
        file.write("ann@example.com,analytics,granted,2026-01-01\n")
    assert run(shop)["status"] == "published"
    ann = call(shop, "features", "values", "ann@example.com", "--feature", "till_share", "--json").json
    assert ann["values"] == {"till_share": 0.5}
    labels = shop / "labels.csv"
    # On 1 February the web order of that day does not count yet.
    labels.write_text(
        f"customer_id,as_of,label\n{ann['customer_id']},2026-02-01,0\n{ann['customer_id']},2026-02-02,1\n"
    )
    chosen = ("--feature", "till_orders", "--feature", "till_share")
    told = call(shop, "features", "training", str(labels), "--out", str(shop / "set.csv"), *chosen, "--json").json
    assert (told["rows"], told["features"]) == (2, 2)
    made = (shop / "set.csv").read_text().splitlines()
    assert made == [
        "customer_id,as_of,label,till_orders,till_share",
        f"{ann['customer_id']},2026-02-01,0,1,1.0",
        f"{ann['customer_id']},2026-02-02,1,1,0.5",
    ]
    everything = call(shop, "features", "training", str(labels), "--out", str(shop / "all.parquet"), "--json").json
    assert everything["features"] == len(NAMES) + 2
    checked = call(shop, "features", "check", "--json").json
    assert checked["different"] == {} and checked["customers"] >= 3
    own = [one.name for one in catalogue_of(Project(shop), "customer").features[-2:]]
    assert own == ["till_orders", "till_share"]


def test_an_entity_that_nobody_knows_is_hinted_at(shop_once: Path) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'customer'"):
        catalogue_of(Project(shop_once), "custmer")
