"""A map with `each`: an order whose lines stand in one row becomes a row for every line; each is accounted for."""

from __future__ import annotations

import json
from decimal import Decimal as D

import pytest
from tests.sources.desk import Desk

from floorwalker.errors import ConfigError
from floorwalker.sources.mapping import parse_mapping

SIDE_BY_SIDE = """
source = "shop"
files = "*.csv"
[[maps]]
kind = "order_lines"
each = '''[CASE WHEN sku1 IS NOT NULL THEN {'sku': sku1, 'qty': qty1, 'price': price1} END,
           CASE WHEN sku2 IS NOT NULL THEN {'sku': sku2, 'qty': qty2, 'price': price2} END]'''
[maps.columns]
order_id = "no"
occurred_at = "at"
product_id = { expression = "item.sku" }
quantity = { expression = "item.qty" }
unit_price = { expression = "as_number(item.price)" }
email = "mail"
"""
HEADER = "no,at,mail,sku1,qty1,price1,sku2,qty2,price2\n"


def test_columns_side_by_side(desk: Desk) -> None:
    desk.put(
        "a.csv",
        HEADER
        + "1,2026-01-05,ann@example.com,A,1,2.50,B,2,3\n"
        + "2,2026-01-05,bob@example.com,A,1,2.50,,,\n"
        + "3,2026-01-05,,,,,,,\n"
        + "4,2026-01-05,,A,1,2,B,two,cheap\n"
        + "5,2026-01-05,,A,1,2,A,1,2\n",
    )
    result = desk.read(parse_mapping(SIDE_BY_SIDE))
    assert desk.rows("order_id, product_id, quantity, unit_price, email") == [
        ("1", "A", D(1), D("2.5"), "ann@example.com"),
        ("1", "B", D(2), D(3), "ann@example.com"),
        ("2", "A", D(1), D("2.5"), "bob@example.com"),
        ("4", "A", D(1), D(2), None),
        ("5", "A", D(1), D(2), None),
        ("5", "A", D(1), D(2), None),
    ]
    # A row without a line is not lost; a bad line leaves its neighbours in the same row alone.
    assert [number for number, _ in desk.quarantine()] == [3, 4]
    assert desk.quarantine()[0][1].startswith("product_id: missing")
    assert "quantity: cannot be read" in desk.quarantine()[1][1]
    counts = result.kinds["order_lines"]
    assert (counts.read, counts.accepted, counts.quarantined) == (8, 6, 2)
    events = desk.rows("event_id")
    assert len(set(events)) == len(events)
    assert desk.read(parse_mapping(SIDE_BY_SIDE)).kinds["order_lines"].accepted == 6
    assert len(desk.rows("event_id")) == 6


def test_lines_in_one_cell_and_in_json(desk: Desk) -> None:
    text = """
    source = "shop"
    files = "{0}"
    [[maps]]
    kind = "order_lines"
    each = '''{1}'''
    [maps.columns]
    order_id = "no"
    occurred_at = "at"
    product_id = {{ expression = "{2}" }}
    quantity = {{ expression = "{3}" }}
    unit_price = {{ expression = "{4}" }}
    """
    # The column itself is called item: within the map, item is what `each` yields.
    desk.put("cell.csv", "no,at,item\n1,2026-01-05,A:1:2.50; B:2:3\n")
    cell = text.format(
        "cell.csv",
        "list_transform(string_split(item, ';'), lambda x: string_split(x, ':'))",
        "item[1]",
        "item[2]",
        "item[3]",
    )
    desk.read(parse_mapping(cell))
    lines = [{"sku": "A", "qty": 1, "price": 2.5}, {"sku": "B", "qty": 2, "price": 3}]
    desk.put(
        "order.jsonl", json.dumps({"no": 2, "at": "2026-01-05", "lines": lines}) + '\n{"no":3,"at":"2026-01-06"}\n'
    )
    rows = text.format(
        "order.jsonl",
        "CAST(lines AS JSON[])",
        "item->>'sku'",
        "item->>'qty'",
        "item->>'price'",
    )
    desk.read(parse_mapping(rows))
    assert desk.rows("order_id, product_id, quantity, unit_price") == [
        ("1", "A", D(1), D("2.5")),
        ("1", "B", D(2), D(3)),
        ("2", "A", D(1), D("2.5")),
        ("2", "B", D(2), D(3)),
    ]
    assert [number for number, _ in desk.quarantine()] == [2]


def test_each_must_be_an_expression_over_the_row() -> None:
    with pytest.raises(ConfigError, match="the SQL of 'each'"):
        parse_mapping(SIDE_BY_SIDE.replace("each = '''[", "each = '''[[(("))


def test_a_mapping_without_each_keeps_its_digest() -> None:
    plain = parse_mapping('source="s"\nfiles="*.csv"\n[[maps]]\nkind="stores"\ncolumns={store_id="no"}')
    assert plain.digest == "70016b799f2e8afd3dd06ef93f4636ae4eed1ca533a6fce8cc4556d7f73ed841"


def test_a_column_of_an_item_comes_from_where_the_items_are() -> None:
    columns = parse_mapping(SIDE_BY_SIDE).maps[0].mapped
    assert columns["product_id"].names == ("price1", "price2", "qty1", "qty2", "sku1", "sku2")
    assert columns["email"].names == ("mail",)
