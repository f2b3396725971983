"""The page: complete, offline, accessible by structure, and no text of the data becomes markup."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import duckdb
import pytest
from tests.console import fixture

from floorwalker.console import page as pages
from floorwalker.console import page_segments
from floorwalker.console.parts import Missing, halves
from floorwalker.console.report import render, report_data

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Outline(HTMLParser):
    """Elements, headings, ids and references of a page; complains about what is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.feed(html)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open[-5:])
        self.open.pop()

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_ten_sections_in_order(page: str) -> None:
    keys = re.findall(r'<section id="([a-z]+)"', page)
    assert keys == [
        "headline",
        "channels",
        "identity",
        "rfm",
        "clusters",
        "revenue",
        "quality",
        "recommendations",
        "decision",
        "how",
    ]
    assert re.findall(r'<li><a href="#([a-z]+)"', page) == keys


def test_headings_never_skip_a_level(outline: Outline) -> None:
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(outline.headings))


def test_ids_are_unique_and_references_lead_somewhere(outline: Outline) -> None:
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in outline.elements:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in ids
        target = attributes.get("href") or ""
        if target.startswith("#"):
            assert target[1:] in ids


def test_language_and_images_have_names(outline: Outline) -> None:
    assert outline.of("html")[0]["lang"] == "en"
    drawings = outline.of("svg")
    assert len(drawings) > 30
    assert all(drawing["role"] == "img" and drawing["aria-labelledby"] for drawing in drawings)
    assert all(cell["scope"] in ("col", "row") for cell in outline.of("th"))


def test_every_chart_but_the_one_beside_its_table_has_its_numbers(page: str) -> None:
    figures = re.findall(r'<figure class="card[^>]*id="f-([^"]+)">(.*?)</figure>', page, re.S)
    assert len(figures) >= 15
    without = [key for key, inside in figures if "<details>" not in inside]
    assert without == ["silhouette"]


def test_nothing_is_fetched(page: str, outline: Outline) -> None:
    without_names = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[a-z]", without_names.replace("// ", ""), re.I)
    assert "@import" not in page
    assert "url(" not in page
    for tag, attributes in outline.elements:
        assert "src" not in attributes, tag
        assert (attributes.get("href") or "#").startswith(("#", "data:,")), tag
    rule = next(meta["content"] for meta in outline.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert rule is not None and rule.startswith("default-src 'none'")


def test_the_policy_names_exactly_the_script_that_is_there(page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert len(scripts) == 1
    assert pages.policy(scripts[0]).replace("'", "&#39;") in page


def poison(value: Any) -> Any:
    """The same data with markup in every text that can come from outside."""
    if isinstance(value, dict):
        return {
            key: inner if key in ("missing", "start", "until", "period") else poison(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [poison(inner) for inner in value]
    return value + EVIL if isinstance(value, str) else value


def test_markup_in_the_data_stays_text(data: dict[str, Any]) -> None:
    html = render(poison(json.loads(json.dumps(data))))
    assert html.count("<script>") == 1
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert not [name for _, attributes in Outline(html).elements for name in attributes if name.startswith("on")]


def test_a_product_called_script_is_shown_as_text(page: str) -> None:
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; Chelsea boot" in page


def test_no_names_or_addresses_of_people(shop: duckdb.DuckDBPyConnection, page: str, data: dict[str, Any]) -> None:
    assert shop.execute("SELECT count(*) FROM gold.customers WHERE email LIKE 'ermintrude%'").fetchone() == (3000,)
    for text in (page, json.dumps(data)):
        for word in (*fixture.SECRET_NAMES, "ermintrude", "quackenbush", "@quack"):
            assert word not in text


@pytest.mark.parametrize(
    "row", [{}, {"identity": {"precision": 0.9128, "recall": 0.8, "f1": 0.85, "largest_cluster": 9}}]
)
def test_identity_with_and_without_a_truth(shop: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> None:
    html = render(report_data(shop, row))
    assert ("0.913" in html) == bool(row)
    assert ("No precision or recall" in html) != bool(row)


def quality(best: dict[str, Any], chosen: dict[str, Any]) -> str:
    return page_segments.explain({"best": best, "chosen": chosen})


def test_the_sentence_about_silhouette_follows_the_numbers() -> None:
    raw = {"method": "raw", "k": 2, "silhouette": 0.896, "smallest": 26, "stability_mean": 0.39}
    log = {"method": "log", "k": 4, "silhouette": 0.332, "smallest": 725, "stability_mean": 0.82}
    told = quality(raw, log)
    assert "raw, k = 2: 0.896) is not the best segmentation" in told
    assert "26 outliers" in told
    assert "725 customers" in told
    assert "0.390, against 0.820" in told
    assert "also has the best silhouette" in quality(log, log)
    stable = quality({**raw, "smallest": 2000, "stability_mean": 0.99}, log)
    assert "outlier" not in stable
    assert "resampled" not in stable
    assert page_segments.explain({"best": raw, "chosen": None}) == "No clustering was chosen in this comparison."


def test_two_columns_keep_the_order_and_split_evenly() -> None:
    parts = [Missing(str(place), "x") for place in range(5)]
    left, right = halves(parts)
    assert [part.title for part in (*left, *right)] == ["0", "1", "2", "3", "4"]
    assert abs(len(left) - len(right)) == 1
    assert halves(parts[:1]) == [parts[:1]]


def test_not_personalised_is_said(shop: duckdb.DuckDBPyConnection) -> None:
    facts = fixture.facts()
    facts["decision"]["personalised"] = False
    assert "Not personalised: the customer has not agreed to it." in render(report_data(shop, facts))
