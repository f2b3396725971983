"""What the values of a column look like: the evidence by which a mapping is guessed.

In: a DuckDB connection and SQL of one column of text. Out: `Facts`: how many values there are, how many differ, which
shares of them are e-mails, phone numbers, numbers, codes, words; how dates and numbers are written; some examples.

Shares are weighed by how often a value occurs, over up to `LOOK` different ones drawn evenly; the decimal mark and the
order of day and month, where one value in a thousand decides, are looked for in every different value of the sample.

>>> import duckdb
>>> facts = look(duckdb.connect(), "price", "SELECT unnest(['2,50', '1.234,00', NULL]) AS v")
>>> facts.decimal, facts.filled, facts.share["number"]
(',', 0.6667, 1.0)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from floorwalker.sources.guide.times import TimeReading, read_clock, read_times

LOOK = 400
FEW = 40
"""A column with up to this many different values may be one of words that mean something."""

_NUMBER = re.compile(
    r"(?P<front>[€$£¥₹]|[A-Z]{3}|R\$|kr)? ?(?P<sign>[+\-−]?) ?(?P<digits>\d[\d.,'’\xa0\u202f ]*)"
    r"(?P<back> ?([€$£¥%]|[A-Z]{3}|kr|zł))?"
)
_POSTCODE = re.compile(
    r"'?[A-Z]{0,2}-?\d{4,5}(-\d{3,4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{4} ?[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d"
    r"|\d{3} \d{2}",
    re.IGNORECASE,
)
_CURRENCIES = {
    *("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN", "ISK", "TRY", "UAH", "CAD"),
    *("AUD", "NZD", "JPY", "CNY", "HKD", "SGD", "INR", "KRW", "BRL", "MXN", "ZAR", "AED", "SAR", "ILS", "THB", "MYR"),
}
SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN", "R$": "BRL"}
_COUNTRIES = {
    *("united kingdom", "great britain", "england", "ireland", "eire", "france", "germany", "deutschland", "spain"),
    *("espana", "españa", "italy", "italia", "netherlands", "nederland", "belgium", "belgie", "belgië", "belgique"),
    *("austria", "osterreich", "österreich", "switzerland", "schweiz", "suisse", "portugal", "sweden", "sverige"),
    *("norway", "norge", "denmark", "danmark", "finland", "poland", "polska", "czech republic", "usa", "allemagne"),
    *("united states", "united states of america", "canada", "australia", "new zealand", "japan", "brazil", "mexico"),
    *(
        "frankreich",
        "italien",
        "spanien",
        "niederlande",
        "luxembourg",
        "luxemburg",
        "royaume-uni",
        "espagne",
        "pays-bas",
    ),
}
_TRUTH = {
    "true",
    "false",
    "yes",
    "no",
    "y",
    "n",
    "1",
    "0",
    "t",
    "f",
    "ja",
    "nein",
    "oui",
    "non",
    "si",
    "sì",
    "sí",
    "nee",
    "x",
    "o",
}
_GENDERS = {
    *("m", "f", "male", "female", "w", "d", "man", "woman", "mann", "frau", "herr", "homme", "femme", "h", "mme", "mr"),
    *("mrs", "ms", "hombre", "mujer", "uomo", "donna", "vrouw", "dhr", "mevr", "unknown", "other", "divers", "x", "u"),
}


def _is_number(value: str) -> bool:
    found = _NUMBER.fullmatch(value)
    return found is not None and (not found["front"] or found["front"] in SIGNS or found["front"] in _CURRENCIES)


def _is_phone(value: str) -> bool:
    digits = sum(char.isdigit() for char in value)
    if not 7 <= digits <= 15 or not re.fullmatch(r"'?\+?[\d\s().\-/]+( ?(x|ext\.?) ?\d+)?", value):
        return False
    return bool(re.match(r"'?(\+|0|\()", value)) or bool(re.search(r"\d[\s\-./)]+\d{2,}", value))


def _is_ean(value: str) -> bool:
    if len(value) not in (8, 12, 13, 14) or not value.isdigit():
        return False
    digits = [int(char) for char in reversed(value)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


_TESTS: dict[str, Callable[[str], bool]] = {
    "email": lambda value: bool(re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}", value)),
    "phone": _is_phone,
    "url": lambda value: bool(re.match(r"https?://|www\.|/\w", value)),
    "number": _is_number,
    "integer": lambda value: bool(re.fullmatch(r"[+\-−]?\d{1,15}(\.0+)?", value)),
    "ean": _is_ean,
    "currency": lambda value: value.upper() in _CURRENCIES,
    "country": lambda value: bool(re.fullmatch("[A-Z]{2,3}", value)) or value.lower() in _COUNTRIES,
    "truth": lambda value: value.lower() in _TRUTH,
    "gender": lambda value: value.lower().rstrip(".") in _GENDERS,
    "hash": lambda value: bool(re.fullmatch("[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}", value)),
    "uuid": lambda value: bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value)),
    "words": lambda value: bool(re.fullmatch(r"[^\W\d_][^\d@_]*", value)),
    "two_words": lambda value: bool(re.fullmatch(r"[^\W\d_][^\d@]*[ ,]+[^\W\d_][^\d@]*", value)),
    "code": lambda value: bool(re.fullmatch(r"#?[\w\-./:]{1,40}", value)),
    "postcode": lambda value: bool(_POSTCODE.fullmatch(value)),
    "street": lambda value: bool(re.search(r"[^\W\d_]{3,}.*\d|\d+.*[^\W\d_]{3,}", value)),
    "list": lambda value: value.startswith("[") and value.endswith("]"),
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """A column's evidence. `share`: of the filled values, by what they are; `words`: all of them where they are few."""

    name: str
    rows: int
    filled: float
    distinct: int
    share: dict[str, float]
    longest: int = 0
    decimal: str = "."
    decimal_sure: bool = True
    clean: bool = True
    """Numbers are plain: no currency sign, no blank between thousands."""
    grouped: bool = False
    """Some numbers have a mark between thousands and no decimals: "1,234", which alone could mean two things."""
    sign: str = ""
    negative: float = 0.0
    fraction: float = 0.0
    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0
    times: TimeReading | None = None
    clock: str | None = None
    words: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    runs: float = 0.0
    """Share of rows with the same value as the row before: lines of one order stand together."""
    of: str = "VARCHAR"
    many: dict[str, int] = field(default_factory=dict)

    @property
    def unique(self) -> float:
        """Different values for each filled row."""
        return self.distinct / max(self.rows * self.filled, 1)


def look(connection: duckdb.DuckDBPyConnection, name: str, column: str, of: str = "VARCHAR") -> Facts:
    """The facts of one column; `column` is SQL of a relation with one column `v`, in the order of the rows."""
    counted = connection.execute(f"SELECT count(*), count(v), count(DISTINCT v) FROM ({column})").fetchone()
    rows, filled, distinct = counted or (0, 0, 0)
    if not filled:
        return Facts(name, rows, 0.0, 0, {}, of=of)
    found = connection.execute(
        f"SELECT v, count(*) AS n FROM ({column}) WHERE v IS NOT NULL GROUP BY v ORDER BY hash(v), v LIMIT 20000"
    ).fetchall()
    every = dict(found)
    step = max(len(found) // LOOK, 1)
    some = dict(found[::step][:LOOK])
    total = sum(some.values())
    share = {
        test: round(sum(count for value, count in some.items() if check(value)) / total, 4)
        for test, check in _TESTS.items()
    }
    more: dict[str, Any] = {}
    if share["number"] > 0.5:
        more |= _numbers(every, some)
    in_order: list[str] = []
    if _may_be_times(some):
        ordered = connection.execute(f"SELECT v FROM ({column}) WHERE v IS NOT NULL LIMIT 4000").fetchall()
        in_order = [row[0] for row in ordered]
    times = read_times(every, in_order) if in_order else None
    repeated = connection.execute(
        f"SELECT count(*) FILTER (v = before) FROM (SELECT v, lag(v) OVER () AS before FROM ({column}))"
    ).fetchone()
    frequent = sorted(every.items(), key=lambda item: (-item[1], item[0]))
    return Facts(
        name,
        rows,
        round(filled / rows, 4),
        distinct,
        share,
        longest=max(map(len, some)),
        times=times,
        clock=read_clock(some) if times is None else None,
        words=tuple(value for value, _ in frequent) if distinct <= FEW else (),
        examples=_examples([value for value, _ in frequent], list(some)),
        runs=round(repeated[0] / max(rows - 1, 1), 4) if repeated else 0.0,
        of=of,
        many=dict(frequent[:FEW]) if distinct <= FEW else {},
        **more,
    )


def _may_be_times(some: dict[str, int]) -> bool:
    return read_times(dict(list(some.items())[:60])) is not None


def _examples(frequent: list[str], drawn: list[str]) -> tuple[str, ...]:
    """Three values: the most frequent, and two that differ from it in length."""
    rest = sorted((value for value in drawn if value != frequent[0]), key=lambda value: (len(value), value))
    return tuple(dict.fromkeys([frequent[0], *rest[len(rest) // 2 : len(rest) // 2 + 1], *rest[-1:]]))[:3]


def _numbers(every: dict[str, int], some: dict[str, int]) -> dict[str, Any]:
    """How numbers are written, and how large they are."""
    comma: Counter[bool] = Counter()
    for value in every:
        mark = _decimal_of(value)
        if mark is not None:
            comma[mark == ","] += 1
    decimal = "," if comma[True] > comma[False] else "."
    sure = bool(comma) and min(comma.values() if len(comma) > 1 else [0]) <= 0.02 * sum(comma.values())
    unclear = any("," in value for value in some) and not comma
    signs: Counter[str] = Counter()
    numbers, clean = [], True
    for value, count in some.items():
        found = _NUMBER.fullmatch(value)
        if found is None:
            continue
        sign = (found["front"] or found["back"] or "").strip()
        signs[SIGNS.get(sign, sign)] += count
        bare = re.sub(r"[^\d.,]", "", found["digits"])
        group, point = (".", ",") if decimal == "," else (",", ".")
        bare = bare.replace(group, "").replace(point, ".")
        clean = clean and not sign and not re.search(r"['’\s]|−", value.strip()) and "+" not in value
        try:
            number = float(bare)
        except ValueError:
            continue
        numbers += [-number if found["sign"] in ("-", "−") else number] * min(count, 50)
    ordered = sorted(numbers) or [0.0]
    sign = next((one for one, _ in signs.most_common() if one and one != "%"), "")
    return {
        "decimal": decimal,
        "decimal_sure": (sure or not comma) and not unclear,
        "clean": clean,
        "grouped": any(_decimal_of(value) is None and ("." if decimal == "," else ",") in value for value in every),
        "sign": sign if len(sign) == 3 else "",
        "negative": round(sum(number < 0 for number in ordered) / len(ordered), 4),
        "fraction": round(sum(number != int(number) for number in ordered) / len(ordered), 4),
        "low": ordered[0],
        "middle": ordered[len(ordered) // 2],
        "high": ordered[int(len(ordered) * 0.98)],
    }


def _decimal_of(value: str) -> str | None:
    """The decimal mark that a number gives away, None where it could be either.

    >>> _decimal_of("1.234,50"), _decimal_of("2,5"), _decimal_of("1,234"), _decimal_of("12")
    (',', ',', None, None)
    """
    dot, comma = value.rfind("."), value.rfind(",")
    if dot >= 0 and comma >= 0:
        return "," if comma > dot else "."
    mark = "," if comma >= 0 else "." if dot >= 0 else ""
    if not mark:
        return None
    digits = re.sub(r"\D*$", "", value)
    if value.count(mark) > 1:
        return "." if mark == "," else ","
    behind = len(digits) - digits.rfind(mark) - 1
    if behind != 3 or re.match(r"\D*0\D", digits):
        return mark
    return None
