"""Single values in Python are those that a database reads."""

from __future__ import annotations

import math
import random
import struct
import zoneinfo
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from tests.sources.collected.odd_events import TEXTS

from floorwalker.sources.collected import values
from floorwalker.sources.collected.flatten import time_sql
from floorwalker.sources.conversions import MACROS, clean_layers, signs_of, typed

RNG = random.Random(7)


def _connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect(config={"threads": 1})
    made.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        made.execute(macro)
    return made


CONNECTION = _connection()


def by_database(texts: list[str], sql: str, first: str = "SELECT * FROM given") -> list[Any]:
    CONNECTION.register("given", pa.table({"it": pa.array(texts, pa.string())}))
    return [one for (one,) in CONNECTION.execute(f"SELECT {sql} FROM ({first})").fetchall()]


def digits(most: int) -> str:
    return "".join(RNG.choice("0123456789954") for _ in range(RNG.randrange(most)))


def numbers() -> list[str]:
    found = []
    for _ in range(20_000):
        whole = RNG.choice(("", "0", "00")) + digits(RNG.choice((3, 6, 22)))
        if RNG.random() < 0.2:
            whole = RNG.choice((",", ".")).join(digits(5)[:3] for _ in range(RNG.randrange(1, 4)))
        part = RNG.choice(("", ".", ",", "." + digits(RNG.choice((5, 9, 40)))))
        power = RNG.choice(("", "", "", f"e{RNG.randrange(-30, 30)}", f"E+{RNG.randrange(20)}"))
        text = RNG.choice(("", "", "-", "+")) + whole + part + power
        if RNG.random() < 0.05:
            at = RNG.randrange(len(text) + 1)
            text = text[:at] + RNG.choice("_ ,.e-\tx") + text[at:]
        found.append(text)
    return [*found, *TEXTS]


def printed() -> list[str]:
    """Amounts with currencies, minuses and brackets about them, and what is nearly that."""
    found = []
    for _ in range(20_000):
        marks = [
            RNG.choice(("", "", "-", "−", "(", ")", "€", "$", "EUR", "eur", "US$", "kr", "ſEK", " ", "\xa0"))
            for _ in range(6)
        ]
        inner = RNG.choice((" ", "\xa0", "\u202f", "'", "’", ",", ".")).join(
            digits(5)[:3] for _ in range(RNG.randrange(1, 4))
        )
        found.append("".join(marks[:3]) + inner + RNG.choice(("", ".5", ",25", ".")) + "".join(marks[3:]))
    return found


NUMBERS = [*numbers(), *printed()]


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize(
    ("to", "width", "scale", "currency"), [("quantity", 18, 3, ""), ("money", 18, 4, ""), ("money", 18, 4, "EUR")]
)
def test_numbers(to: str, width: int, scale: int, currency: str, decimal: str) -> None:
    expected = by_database(NUMBERS, typed("it", "VARCHAR", to, decimal=decimal, currency=currency).value)
    signs = signs_of(currency) if to == "money" else ""
    found = [values.decimals(text, width, scale, decimal, signs) for text in NUMBERS]
    assert list(map(repr, found)) == list(map(repr, expected))


@pytest.mark.parametrize("decimal", [".", ","])
def test_whole_numbers_and_any(decimal: str) -> None:
    usual = [
        "4",
        "-4.5",
        "1e3",
        "1.5e-3",
        "1,234.5",
        "1.234,5",
        "1,234",
        "1,234,567",
        "x",
        "-",
        "nan",
        "inf",
        "1e400",
        ".5",
    ]
    for to, read, texts in (("integer", values.whole, NUMBERS), ("number", values.number, usual)):
        sql = typed("it", "VARCHAR", to, decimal=decimal)
        first = ", ".join(f"{one} AS {alias}" for alias, one in sql.first.items())
        expected = by_database(texts, sql.value, f"SELECT *, {first} FROM given")
        assert [read(text, decimal) for text in texts] == expected


def test_amounts() -> None:
    picks = ["0", "1", "-1", "2.5", "0.001", "1.00005", "99999999.999", "100000000000", "99999999999999", "333.333"]
    given = [
        f"{quantity} {price} {discount}"
        for quantity in picks
        for price in picks
        for discount in ("", "0.5", "99999999999999.9999", "-99999999999999.9999")
    ]
    cast = "TRY_CAST(split_part(it, ' ', {}) AS DECIMAL(18, {}))"
    parts = [cast.format(*one) for one in ((1, 3), (2, 4), (3, 4))]
    sql = f"TRY(CAST({parts[0]} * {parts[1]} - coalesce({parts[2]}, 0) AS DECIMAL(18, 4)))"
    expected = by_database(given, sql)
    for text, one in zip(given, expected, strict=True):
        quantity, price, discount = (
            values.decimals(part, 18, scale) for part, scale in zip(text.split(" "), (3, 4, 4), strict=True)
        )
        assert quantity is not None and price is not None
        assert values.amount(quantity, price, discount) == one, text


def test_texts() -> None:
    ends = ["", " ", "\t", "\n", "\v", "\f", "\r", "\xa0", "\u3000", "\x00", "\x1c", "\x85", "a", "é", "\u200b"]
    texts = [a + b + "x" + c + d for a in ends for b in ends for c in ends for d in ends] + list(TEXTS)
    texts += [a + word + b for word in ("", "nan", "NULL", "null", "-") for a in ends for b in ends]
    nulls = ("", "nan", "NULL")
    cleaned = clean_layers("given", {"clean": ("it", "VARCHAR")}, nulls)
    clean = values.Cleaner(nulls)
    expected = by_database(texts, "clean", cleaned)
    assert [clean(text) for text in texts] == expected == [clean.odd(text) for text in texts]
    assert [values.trimmed(text) for text in texts] == by_database(texts, "trim(it)")
    ids = [*NUMBERS, *TEXTS]
    assert [values.as_id(text) for text in ids] == by_database(ids, "as_id(it)")
    assert [values.boolean(text) for text in ids] == by_database(ids, typed("it", "VARCHAR", "boolean").value)


def test_letters() -> None:
    letters = [chr(one) for one in range(1, 0x30000) if not 0xD800 <= one < 0xE000]
    assert [values.lower(one) for one in letters] == by_database(letters, "lower(it)")
    assert [values.upper(one) for one in letters] == by_database(letters, "upper(it)")


def test_floats() -> None:
    found = [struct.unpack("<d", RNG.randbytes(8))[0] for _ in range(5000)]
    found += [RNG.uniform(-1, 1) * 10 ** RNG.randrange(-12, 30) for _ in range(5000)]
    found += [10.0**power for power in range(-12, 30)] + [0.0, -0.0]
    found = [one for one in found if math.isfinite(one)]
    assert [values.text_of(one) for one in found] == by_database([repr(one) for one in found], "it::JSON->>'$'")


DAYS = (
    *("2026-03-04", "2026-3-4", "2026/03/04", "2026-03/04", "2026 03 04", "2026\\3\\4", "26-03-04", "12026-03-04"),
    *("-2026-03-04", "02026-03-04", "2026-0003-04", "2026-03-004", "1-1-1", "0001-01-01", "0001-01-02", "9999-12-30"),
    *("9999-12-31", "0000-01-01", "2026-02-30", "2026-13-01", "epoch", "EPOCH", "infinity", "now", "today", "20260304"),
    *("2026-03", "2026", "2026-03-04x", "2026-03-04T", "2026-03-04T10", "2026-03-04T1:2"),
    *("2026-03-04 10:11:12.1234567"),
    *("2026-03-04T10:11Z", "2026-03-04T23:59:59+01", "2026-03-04T00:00:00-05:30", "2026-03-04T00:30+0100"),
    *("2026-03-04Z"),
    *("2026-03-04T24:00:00", "2026-03-04T24:00:01", "2026-03-04T10:60", "2026-03-04 10:11:60", "+2026-03-04"),
    *("2026-03-29T02:30:00", "2026-10-25T02:30:00", "1980-03-04T00:00:00.000Z", "2026-W01-1"),
    *("2026-03-04T10:11:12.", "2026-03-04T10:11:", "2026-03-04t10:11", "2026-03-04T10:11:12.5z", "2026-03-04  10:11"),
)  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_days(zone: str) -> None:
    local = zoneinfo.ZoneInfo(zone)
    days = list(DAYS)
    for to in ("date", "timestamp"):
        sql = typed("it", "VARCHAR", to, zone=zone)
        first = ", ".join(f"{one} AS {alias}" for alias, one in sql.first.items())
        wanted = f"CASE WHEN {sql.value} IS NOT NULL THEN [epoch_us({sql.value}), hours] END"
        inner = f"SELECT *, {sql.hour or 'NULL'} AS hours FROM (SELECT *, {first} FROM given)"
        expected = by_database(days, sql.value if to == "date" else wanted, inner)
        if to == "date":
            found: list[Any] = [values.date(text, local) for text in days]
        else:
            found = [None if (at := values.instant(text, local)) is None else [at[0], at[2]] for text in days]
        assert [one for one in zip(days, expected, found, strict=True) if one[1] != one[2]] == []


def test_moments() -> None:
    texts = [*TEXTS, *DAYS]
    for _ in range(3000):
        number = RNG.choice((1_772_366_300, 1_772_366_300_123, 5, 10**11, 10**14))
        texts.append(f"{RNG.choice(('', '-'))}{number + RNG.randrange(1000)}{RNG.choice(('', '.5', '.' + digits(11)))}")
        at = f"2026-03-0{RNG.randrange(10)}{RNG.choice('TTT_ ')}{RNG.randrange(26):02}:{RNG.randrange(62):02}"
        at += RNG.choice(("", f":{RNG.randrange(62):02}", f":11.{digits(11)}", ":11.123"))
        texts.append(at + RNG.choice(("", "Z", "Z", "Z", "+01:00", "-0730", "+15", "+16:00", "z")))
    expected = by_database(texts, f"epoch_us({time_sql('it')})")
    wrong = [(text, one, values.moment(text)) for text, one in zip(texts, expected, strict=True)
             if one != values.moment(text)]  # fmt: skip
    assert wrong == []


def test_the_first_of_equal_names_and_what_is_nearly_json() -> None:
    assert values.decoded(b'{"a":NaN,"b":[1,],"c":"x,}",}') == {"a": "NaN", "b": [1], "c": "x,}"}
    assert values.text_of(values.decoded(b'{"a":1e400}')["a"]) == "1e400"
    assert values.decoded(b'{"a":NaN,"b":1,"b":2}')["b"] == 1
    assert values.decoded(b"{") is values.MISSING is values.decoded(b"")
    assert values.amount(Decimal(2), Decimal("9.99"), None) == Decimal("19.98")
