"""Features of a project: a training set for a past day is what was served on it; batch and live agree; leaks stop."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest
from tests.app.driving import run

from floorwalker.app.features import check_skew, make_training_set
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
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


def test_batch_and_live_agree_on_every_customer(shop_once):
    with Lake(Project(shop_once)).read() as connection:
        report = check_skew(connection)
    assert report.customers >= 3
    assert report.different == {}
    assert "agree in all" in report.words()


def test_a_difference_is_seen_and_named(shop_once):
    with Lake(Project(shop_once)).read() as connection:
        connection.execute(
            "CREATE TABLE gold.wrong AS SELECT * REPLACE (revenue + 1 AS revenue) FROM gold.customer_features"
        )
        connection.execute("DROP VIEW gold.customer_features")
        connection.execute("ALTER TABLE gold.wrong RENAME TO customer_features")
        report = check_skew(connection)
    assert report.different == {"revenue": report.customers}
    assert "differ between batch and live: revenue" in report.words()
