"""What text is taken for, and what is not taken for anything."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from typing import Any

import duckdb
import pytest

from floorwalker.sources.conversions import MACROS, clean_layers, typed


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    found.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        found.execute(macro)
    return found


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "to", "options", "wanted"),
    [
        ("17850.0", "id", {}, "17850"),
        ("0017", "id", {}, "0017"),
        ("84029E", "id", {}, "84029E"),
        ("1E5", "id", {}, "1E5"),
        ("9.94E+14", "id", {}, None),
        ("9e+14", "id", {}, None),
        ("1.10", "id", {}, "1.10"),
        ("12.50", "money", {}, D("12.5000")),
        ("-3", "money", {}, D("-3.0000")),
        ("1,234.50", "money", {}, D("1234.5000")),
        ("1,234,567", "money", {}, D("1234567.0000")),
        ("1,234", "money", {}, None),
        ("12,5", "money", {}, None),
        ("12,5", "money", {"decimal": ","}, D("12.5000")),
        ("1.234,50", "money", {"decimal": ","}, D("1234.5000")),
        ("1.234", "money", {"decimal": ","}, None),
        ("£5", "money", {}, D("5.0000")),
        ("£5", "money", {"currency": "GBP"}, D("5.0000")),
        ("£5", "money", {"currency": "EUR"}, None),
        ("5 USD", "money", {"currency": "EUR"}, None),
        ("€ 1,234.50", "money", {"currency": "EUR"}, D("1234.5000")),
        ("1.234,50 EUR", "money", {"decimal": ",", "currency": "EUR"}, D("1234.5000")),
        ("1\u00a0234,50\u00a0€", "money", {"decimal": ","}, D("1234.5000")),
        ("1\u202f234 567,5", "money", {"decimal": ","}, D("1234567.5000")),
        ("1’234.50", "money", {}, D("1234.5000")),
        ("1 234", "money", {}, D("1234.0000")),
        ("12 34", "money", {}, None),
        ("1 2345", "money", {}, None),
        ("(1,234.50)", "money", {}, D("-1234.5000")),
        ("($5.00)", "money", {}, D("-5.0000")),
        ("5.00-", "money", {}, D("-5.0000")),
        ("$-5.00", "money", {}, D("-5.0000")),
        ("−5.00", "money", {}, D("-5.0000")),
        ("kr 5", "money", {"currency": "SEK"}, D("5.0000")),
        ("(5.00", "money", {}, None),
        ("-5.00-", "money", {}, None),
        ("--5", "money", {}, None),
        ("5 pieces", "quantity", {}, None),
        ("£5", "quantity", {}, None),
        ("2-", "quantity", {}, D("-2.000")),
        ("1 234", "integer", {}, 1234),
        ("4.00638E+12", "id", {}, None),
        ("4,00638E+12", "id", {}, None),
        ("4.00638e12", "id", {}, None),
        ("#REF!", "id", {}, None),
        ("########", "id", {}, None),
        ("#1001", "id", {}, "#1001"),
        ("1e40", "money", {}, None),
        ("3.0", "integer", {}, 3),
        ("3.5", "integer", {}, None),
        ("2.5", "quantity", {}, D("2.500")),
        ("inf", "number", {}, None),
        ("51.5", "number", {}, 51.5),
        ("Yes", "boolean", {}, True),
        ("0", "boolean", {}, False),
        ("maybe", "boolean", {}, None),
        ("1990-02-28", "date", {}, dt.date(1990, 2, 28)),
        ("1990-02-30", "date", {}, None),
        ("28.02.1990", "date", {"formats": ("%d.%m.%Y",)}, dt.date(1990, 2, 28)),
        ("2011-07-01 12:00", "timestamp", {"zone": "Europe/London"}, utc(2011, 7, 1, 11)),
        ("2011-07-01T12:00:00Z", "timestamp", {"zone": "Europe/London"}, utc(2011, 7, 1, 12)),
        ("2011-07-01T12:00:00+02:00", "timestamp", {"zone": "Europe/London"}, utc(2011, 7, 1, 10)),
        ("2011-07-01T12:00:00-0500", "timestamp", {}, utc(2011, 7, 1, 17)),
        ("2011-03-27 01:30", "timestamp", {"zone": "Europe/London"}, utc(2011, 3, 27, 1, 30)),
        ("7/1/2011 12:00", "timestamp", {"formats": ("iso", "%m/%d/%Y %H:%M")}, utc(2011, 7, 1, 12)),
        ("01.07.2011 12:00 +0200", "timestamp", {"formats": ("%d.%m.%Y %H:%M %z",)}, utc(2011, 7, 1, 10)),
        ("1300000000", "timestamp", {"formats": ("epoch",)}, utc(2011, 3, 13, 7, 6, 40)),
        ("1300000000123", "timestamp", {"formats": ("epoch_ms",)}, utc(2011, 3, 13, 7, 6, 40, 123000)),
        ("infinity", "timestamp", {}, None),
        ("99999-01-01", "timestamp", {}, None),
        ("yesterday", "timestamp", {}, None),
    ],
)
def test_text(connection: duckdb.DuckDBPyConnection, text: str, to: str, options: dict[str, Any], wanted: Any) -> None:
    read = typed(f"'{text}'", "VARCHAR", to, **options)
    assert connection.execute(read.select()).fetchone() == (wanted,)


@pytest.mark.parametrize(
    ("sql", "of", "to", "wanted"),
    [
        ("2.55::DOUBLE", "DOUBLE", "money", D("2.5500")),
        ("2.55::FLOAT", "FLOAT", "money", D("2.5500")),
        ("17850::INTEGER", "INTEGER", "id", "17850"),
        ("17850.0::DOUBLE", "DOUBLE", "id", "17850"),
        ("1e17::DOUBLE", "DOUBLE", "id", None),
        ("4.5::DOUBLE", "DOUBLE", "integer", None),
        ("DATE '2011-07-01'", "DATE", "timestamp", utc(2011, 6, 30, 23)),
        ("TIMESTAMPTZ '2011-07-01 12:00+00'", "TIMESTAMP WITH TIME ZONE", "timestamp", utc(2011, 7, 1, 12)),
        ("true", "BOOLEAN", "boolean", True),
    ],
)
def test_values_that_have_a_type(
    connection: duckdb.DuckDBPyConnection, sql: str, of: str, to: str, wanted: Any
) -> None:
    assert connection.execute(typed(sql, of, to, zone="Europe/London").select()).fetchone() == (wanted,)


def test_local_day_is_that_of_the_source(connection: duckdb.DuckDBPyConnection) -> None:
    read = typed("text", "VARCHAR", "timestamp", zone="Europe/London")
    helpers = ", ".join(f"{sql} AS {alias}" for alias, sql in read.first.items())
    sql = f"SELECT {read.day} FROM (SELECT {helpers} FROM (VALUES (?)) AS t(text))"
    for text in ("2011-07-01 00:30", "2011-06-30T23:30:00Z"):
        assert connection.execute(sql, [text]).fetchone() == (dt.date(2011, 7, 1),)


@pytest.mark.parametrize("text", [" x ", "\tx\t", "x\r\n", "\u00a0x\u00a0", " \t x \u00a0\t", "\u3000x"])
def test_blanks_around_text(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    sql = clean_layers("(SELECT ? AS it)", {"out": ("it", "VARCHAR")}, ("nan",))
    assert connection.execute(f"SELECT out FROM ({sql})", [text]).fetchone() == ("x",)
    assert connection.execute(f"SELECT out FROM ({sql})", [text.replace("x", "nan")]).fetchone() == (None,)
    assert connection.execute(f"SELECT out FROM ({sql})", [text.replace("x", "")]).fetchone() == (None,)
