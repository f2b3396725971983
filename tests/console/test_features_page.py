"""The catalogue page: complete, offline, accessible by structure, and no value of a person on it."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from tests.console.test_page import EVIL, Outline

from floorwalker.console import features_data as figures
from floorwalker.console import page as pages
from floorwalker.console.features_data import Published, features_data
from floorwalker.console.features_page import html
from floorwalker.profiles.catalogue import ALL, CUSTOMER

AS_OF = dt.date(2026, 3, 1)
VALUES = {
    "integer": "CAST(i % 40 AS BIGINT)",
    "quantity": "CAST(i AS DECIMAL(28,3))",
    "money": "CAST(i * i / 7 AS DECIMAL(28,4))",
    "rank": "CAST(0.5 AS DECIMAL(28,6))",
    "number": "CAST(i AS DOUBLE) / 400",
    "date": "DATE '2025-01-01' + CAST(i % 300 AS INTEGER)",
    "text": "'word ' || i % 7",
    "boolean": "i % 3 = 0",
}
OWN = {
    "orders_30d": "CAST(0 AS BIGINT)",
    "largest_order_365d": "CAST(NULL AS DECIMAL(28,4))",
    "preferred_channel": "CASE WHEN i < 390 THEN 'store' WHEN i < 397 THEN 'web' ELSE 'Quackenbush' END",
    "favourite_brand": "'brand ' || i",
    "postcode_area": "'Ermintrude ' || i % 3",
    "birth_date": "DATE '1931-07-05' + CAST(i AS INTEGER)",
}


@pytest.fixture(scope="module")
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA gold")
        for features in ALL:
            listed = ", ".join(f"{OWN.get(one.name, VALUES[one.type])} AS {one.name}" for one in features.features)
            key = features.entity.column
            connection.execute(
                f"CREATE TABLE {features.entity.table} AS SELECT 'c' || i AS {key}, {listed} FROM range(400) AS r(i)"
            )
        yield connection


@pytest.fixture(scope="module")
def data(lake: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    return features_data("A shop", "0.1.0", ALL, Published(lake, "run-7", AS_OF, "GBP"))


@pytest.fixture(scope="module")
def page(data: dict[str, Any]) -> str:
    return html(data)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def found(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one["figures"] for one in data["entities"][0]["features"] if one["name"] == name)


def test_the_figures_are_those_of_the_table(data: dict[str, Any]) -> None:
    orders = found(data, "orders_90d")
    assert (orders["kind"], orders["filled"], orders["rows"]) == ("spread", 400, 400)
    assert (orders["least"], orders["median"], orders["most"]) == (0, 19.5, 39)
    assert sum(orders["bars"]) == 400
    day = found(data, "first_order_on")
    assert (day["least"], day["most"], day["open"]) == ("2025-01-01", "2025-10-27", False)
    revenue = found(data, "revenue")
    assert revenue["most"] == pytest.approx(399 * 399 / 7, abs=0.001)
    assert (revenue["open"], sum(revenue["bars"])) == (True, 400)
    assert found(data, "preferred_channel")["top"] == [
        {"word": "store", "share": 0.975}, {"word": "web", "share": 0.0175}
    ]  # fmt: skip
    assert found(data, "preferred_channel")["others"] == pytest.approx(0.0075)
    assert found(data, "favourite_brand")["kind"] == "counts"
    assert found(data, "birth_date").keys() == {"kind", "filled", "distinct", "rows"}
    json.dumps(data, allow_nan=False)


def test_a_sample_is_the_same_every_time_and_close(lake: duckdb.DuckDBPyConnection, monkeypatch: Any) -> None:
    run = Published(lake, "r", AS_OF, "GBP")
    whole = found(features_data("x", "1", [CUSTOMER], run), "average_order")
    monkeypatch.setattr(figures, "SAMPLE", 200)
    first, second = (found(features_data("x", "1", [CUSTOMER], run), "average_order") for _ in range(2))
    assert first == second
    assert 120 < sum(first["bars"]) < 280
    assert first["median"] == pytest.approx(whole["median"], abs=0.15)
    assert (first["least"], first["most"]) == (whole["least"], whole["most"])


def test_every_feature_is_there_with_all_that_is_known(page: str, data: dict[str, Any]) -> None:
    articles = re.findall(r'<article class="feature" id="([^"]+)"(.*?)</article>', page, re.S)
    assert [key for key, _ in articles] != [] and len(articles) == sum(len(one.features) for one in ALL)
    inside = dict(articles)["customer.average_order"]
    for words in ("How much is an order of theirs on average?", "revenue / orders", "analytics", "floorwalker",
                  'href="#customer.revenue"', "served live", "number, GBP"):  # fmt: skip
        assert words in inside, words
    assert "a visit is known when it is over" in dict(articles)["customer.sessions_30d"]
    assert "Nothing in this run fills it." in dict(articles)["customer.largest_order_365d"]
    assert "The same for all: 0" in dict(articles)["customer.orders_30d"]
    assert "Too many different values" in dict(articles)["customer.favourite_brand"]
    assert "Personal: only counts" in dict(articles)["customer.birth_date"]


def test_no_word_of_a_few_and_nothing_personal(page: str) -> None:
    for secret in ("Quackenbush", "Ermintrude", "1931", "brand 7"):
        assert secret not in page


def test_structure(page: str, outline: Outline) -> None:
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(outline.headings))
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [str(one["href"])[1:] for one in outline.of("a")]
    assert set(targets) <= set(ids)
    assert all(one["role"] == "img" and one["aria-label"] for one in outline.of("svg"))
    assert all(cell["scope"] in ("col", "row") for cell in outline.of("th"))
    assert len(outline.of("caption")) == len(outline.of("table")) == 3
    # Every field has a label around it; without script there is no form that does nothing.
    form = re.search(r'<form class="filter" id="filter" hidden.*?</form>', page, re.S)
    assert form and form[0].count("<label") == len(re.findall(r"<(?:input|select)", form[0])) == 5


def test_nothing_is_fetched_and_only_its_script_may_run(page: str, outline: Outline) -> None:
    assert not re.search(r"(https?:)?//[a-z]", page.replace("// ", ""), re.I)
    assert "@import" not in page and "url(" not in page
    assert all("src" not in attributes for _, attributes in outline.elements)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert len(scripts) == 1
    assert pages.policy(scripts[0]).replace("'", "&#39;") in page


def test_markup_in_the_data_stays_text(data: dict[str, Any], page: str) -> None:
    told = json.loads(json.dumps(data))
    for entity in told["entities"]:
        for one in entity["features"]:
            for key in ("question", "unit", "owner", "computed", "where", "source_about", "batch_only"):
                one[key] = EVIL
            for word in (one["figures"] or {}).get("top", ()):
                word["word"] = EVIL
    told["project"] = EVIL
    evil = html(told)
    Outline(evil)
    assert "<script>alert" not in evil and "<img" not in evil
    assert evil.count("<script>") == page.count("<script>") == 1


def test_without_a_run_the_definitions_stand_alone() -> None:
    page = html(features_data("A shop", "0.1.0", ALL, None))
    assert "definitions only" in page and "<svg" not in page
    assert page.count('<article class="feature"') == sum(len(one.features) for one in ALL)


def test_columns_and_rows_may_be_absent(lake: duckdb.DuckDBPyConnection) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE SCHEMA gold; CREATE TABLE gold.customer_features (customer_id VARCHAR, orders BIGINT)"
        )
        page = html(features_data("A shop", "0.1.0", ALL, Published(connection, "r", AS_OF, "GBP")))
    assert "Nothing in this run fills it." in page
