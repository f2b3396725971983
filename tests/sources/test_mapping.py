"""A mapping that cannot be meant is refused with file, line and the word that was perhaps meant."""

from __future__ import annotations

import pytest
from tests.sources.desk import SALES, sales

from floorwalker.errors import ConfigError
from floorwalker.sources.mapping import Defaults, load_mapping, parse_mapping

GOOD = SALES.format(options="")


@pytest.mark.parametrize(
    ("change", "what", "line", "fix"),
    [
        (("market =", "markt ="), "unknown key: 'markt'", 5, "market"),
        (('kind = "order_lines"', 'kind = "order_line"'), "unknown kind 'order_line'", 10, "order_lines"),
        (("product_name =", "product_nam ="), "no column 'product_nam'", 15, "product_name"),
        (('"name"', '{ colum = "name" }'), "unknown option of 'product_name': 'colum'", 15, "column"),
        (('product_id = "sku"\n', ""), "needs the column 'product_id'", 10, "product_id"),
        (('occurred_at = "at"\n', ""), "needs the column 'occurred_at'", 10, "occurred_at"),
        (('"name"', '{ expression = "upper(name\'" }'), "the SQL of 'product_name' does not parse", 15, ""),
        (('"name"', '{ expression = "max(name)" }'), "expression over one row", 15, ""),
        (('"name"', '{ expression = "(SELECT 1)" }'), "expression over one row", 15, ""),
        (('"name"', '{ column = "name", value = "x" }'), "needs one of column, expression, value", 15, ""),
        (('"name"', '{ column = "name", hash = "md5" }'), "cannot arrive hashed", 15, ""),
        (('"name"', '{ column = "name", formats = ["%d"] }'), "is not a time", 15, ""),
        (('"Europe/London"', '"Europe/Lodnon"'), "unknown time zone", 4, "Europe/London"),
        (('channel = "store"', 'format = "xml"'), "format = 'xml' is not one of", 6, "auto"),
        (('channel = "store"', 'encoding = "utf-9"'), "unknown encoding 'utf-9'", 6, "latin-1"),
        (('channel = "store"', 'delimiter = "||"'), "not one character", 6, "|"),
        (('channel = "store"', "channel = 3"), "'channel' must be text", 6, ""),
        (('customer_ref = "customer"', 'record_id = "customer"'), "is filled by Floorwalker", 18, ""),
    ],
)
def test_refused_with_line_and_hint(change: tuple[str, str], what: str, line: int, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_mapping(GOOD.replace(*change), path="mappings/till.toml")
    assert what in str(caught.value)
    assert f"mappings/till.toml line {line}" in caught.value.why
    assert fix in caught.value.fix


def test_not_toml_and_not_there(tmp_path) -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        parse_mapping("source =")
    with pytest.raises(ConfigError, match="cannot read the mapping"):
        load_mapping(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="no 'files'"):
        parse_mapping('source = "x"')


def test_project_defaults_yield_to_the_mapping() -> None:
    mapping = parse_mapping(GOOD, Defaults(market="DE", brand="Acme", currency="EUR", time_zone="Europe/Berlin"))
    assert mapping.defaults == Defaults("Europe/London", "store", "UK", "Acme", currency="GBP")
    assert mapping.order_scope == "till"


def test_names_come_from_columns_expressions_and_where() -> None:
    mapping = sales(quantity='{ expression = "abs(as_number(qty)) + as_number(customer.extra)" }')
    assert {"no", "at", "sku", "qty", "customer.extra"} <= set(mapping.names)
    assert mapping.maps[0].mapped["quantity"].numbers == ("customer.extra", "qty")
    lambdas = sales(product_name='{ expression = "list_first(list_transform([name], word -> word || sku))" }')
    assert "word" not in lambdas.names


def test_digest_follows_meaning_not_layout() -> None:
    same = parse_mapping("# a remark\n" + GOOD.replace('files = "*"', 'files = "other"'))
    assert same.digest == parse_mapping(GOOD).digest
    assert parse_mapping(GOOD.replace('"name"', '"title"')).digest != same.digest
