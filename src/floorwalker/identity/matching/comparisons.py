"""How two records are compared: for each kind of field, levels of agreement from exact to none.

In: which column is of which kind. Out: `Comparison`s, written once for every engine: a level is a condition over
`{l}` and `{r}` columns with a few named functions (`{jw}`, `{dl}`), which each dialect spells its own way.

>>> [c.name for c in comparisons({"forename": "given_name", "surname": "family_name", "zip": "postcode"})]
['given_name', 'family_name', 'place']
>>> comparisons({"born": "birth_date"})[0].levels[0].sql("duckdb")
'born_l = born_r'

A level of value v, counted down to 0 (none agrees), is what Splink calls gamma; -1 is unknown: a side says nothing.
Address and postcode are ONE comparison: people of a household share both at once, and counting one fact twice is what
makes unguarded matching merge families.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from floorwalker.errors import ConfigError, did_you_mean

FUNCTIONS = {
    "duckdb": {
        "jw": "jaro_winkler_similarity", "dl": "damerau_levenshtein", "words": "STRING_SPLIT",
        "common": "LIST_INTERSECT", "size": "LEN",
    },
    "spark": {
        "jw": "rapidfuzz_jaro_winkler", "dl": "damerau_levenshtein", "words": "SPLIT",
        "common": "ARRAY_INTERSECT", "size": "SIZE",
    },
}  # fmt: skip
"""Dialect -> how it spells similarity and lists; Spark's similarities come with `spark_scoring`."""


@dataclass(frozen=True)
class Level:
    """One degree of agreement. `condition`: SQL in which `[x]` is the left side's column x and `<x>` the right side's.

    `equal`: the columns that are equal in it; `frequency`: the column of which a rare value weighs more."""

    label: str
    condition: str
    equal: tuple[str, ...] = ()
    frequency: str = ""

    def sql(self, dialect: str) -> str:
        """The condition as an engine wants it."""
        return _in_dialect(self.condition, dialect)


@dataclass(frozen=True)
class Comparison:
    """One fact about two records. `levels`: best first, without 'unknown' and 'else'."""

    name: str
    kind: str
    columns: tuple[str, ...]
    unknown: str
    levels: tuple[Level, ...]

    def unknown_sql(self, dialect: str) -> str:
        """The condition under which a side says nothing."""
        return _in_dialect(self.unknown, dialect)

    @property
    def labels(self) -> tuple[str, ...]:
        """By value of gamma, 0 first."""
        return ("different", *(level.label for level in reversed(self.levels)))


def _in_dialect(condition: str, dialect: str) -> str:
    text = re.sub(r"<(\w+)>", r"\1_r", re.sub(r"\[(\w+)\]", r"\1_l", condition))
    return text.format(**FUNCTIONS[dialect])


def _within(column: str, slips: int) -> str:
    """At most so many slips apart; the lengths are looked at first, since distances are what comparing costs."""
    return (
        f"CASE WHEN ABS(LENGTH([{column}]) - LENGTH(<{column}>)) <= {slips} "
        f"THEN {{dl}}([{column}], <{column}>) <= {slips} ELSE FALSE END"
    )


def _alike(column: str, least: float) -> str:
    # A hair less: engines round the last digit in ways of their own.
    return f"{{jw}}([{column}], <{column}>) >= {least - 1e-7:.7f}"


def _missing(*columns: str) -> str:
    return " OR ".join(f"[{c}] IS NULL OR <{c}> IS NULL" for c in columns)


def _equal(column: str) -> str:
    return f"[{column}] = <{column}>"


def _given(name: str, column: str, family: str | None) -> Comparison:
    short = (
        f"(LENGTH([{column}]) = 1 OR LENGTH(<{column}>) = 1) AND SUBSTR([{column}], 1, 1) = SUBSTR(<{column}>, 1, 1)"
    )
    swapped = (Level("names exchanged", f"[{column}] = <{family}> AND [{family}] = <{column}>"),) if family else ()
    return Comparison(name, "given_name", (column,), _missing(column), (
        Level("equal", _equal(column), (column,), column),
        Level("initial", short),
        *swapped,
        Level("a slip apart", f"{_alike(column, 0.92)} OR {_within(column, 1)}"),
        Level("similar", _alike(column, 0.8)),
    ))  # fmt: skip


def _family(name: str, column: str, given: str | None) -> Comparison:
    swapped = (Level("names exchanged", f"[{column}] = <{given}> AND [{given}] = <{column}>"),) if given else ()
    return Comparison(name, "family_name", (column,), _missing(column), (
        Level("equal", _equal(column), (column,), column),
        *swapped,
        Level("a slip apart", f"{_alike(column, 0.92)} OR {_within(column, 1)}"),
        Level("similar", _alike(column, 0.8)),
    ))  # fmt: skip


def _birth(name: str, column: str) -> Comparison:
    exchanged = (
        f"SUBSTR([{column}], 1, 4) = SUBSTR(<{column}>, 1, 4) AND SUBSTR([{column}], 6, 2) = SUBSTR(<{column}>, 9, 2) "
        f"AND SUBSTR([{column}], 9, 2) = SUBSTR(<{column}>, 6, 2)"
    )
    return Comparison(name, "birth_date", (column,), _missing(column), (
        Level("equal", _equal(column), (column,), column),
        Level("a digit apart", f"({exchanged}) OR {_within(column, 1)}"),
        Level("two digits apart", _within(column, 2)),
        Level("same year", f"SUBSTR([{column}], 1, 4) = SUBSTR(<{column}>, 1, 4)"),
    ))  # fmt: skip


def _email(name: str, column: str) -> Comparison:
    local = f"SUBSTR([{column}], 1, INSTR([{column}], '@') - 1) = SUBSTR(<{column}>, 1, INSTR(<{column}>, '@') - 1)"
    # No level for addresses that are merely similar: people of one name have similar ones.
    return Comparison(name, "email", (column,), _missing(column), (
        Level("equal", _equal(column), (column,)),
        Level("a slip apart", _within(column, 1)),
        Level("same before the @", local),
    ))  # fmt: skip


def _number(name: str, column: str, kind: str) -> Comparison:
    return Comparison(name, kind, (column,), _missing(column), (
        Level("equal", _equal(column), (column,)),
        Level("a digit apart", _within(column, 1)),
        Level("two digits apart", _within(column, 2)),
    ))  # fmt: skip


def _sentence(name: str, column: str) -> Comparison:
    """Titles and descriptions: by the share of the shorter one's words that the other has too."""
    one, two = (f"{{words}}({side}, ' ')" for side in (f"[{column}]", f"<{column}>"))
    shared = f"{{size}}({{common}}({one}, {two})) * 1.0 / LEAST({{size}}({one}), {{size}}({two}))"
    return Comparison(name, "text", (column,), _missing(column), (
        Level("equal", _equal(column), (column,)),
        *(Level(f"{share:.0%} of the words", f"{shared} >= {share}") for share in (0.9, 0.7, 0.5, 0.3)),
    ))  # fmt: skip


def _amount(name: str, column: str, kind: str, near: float) -> Comparison:
    """Numbers as text: how far apart, as a share of the larger."""
    one, two = (f"CAST({side} AS DOUBLE)" for side in (f"[{column}]", f"<{column}>"))
    apart = f"ABS({one} - {two}) / GREATEST(ABS({one}), ABS({two}), 1e-9)"
    return Comparison(name, kind, (column,), _missing(column), (
        Level("equal", _equal(column), (column,)),
        Level("near", f"{apart} <= {near}"),
        Level("not far", f"{apart} <= {10 * near}"),
    ))  # fmt: skip


def _text(name: str, column: str, kind: str) -> Comparison:
    return Comparison(name, kind, (column,), _missing(column), (
        Level("equal", _equal(column), (column,), column),
        Level("a slip apart", f"{_alike(column, 0.92)} OR {_within(column, 2)}"),
        Level("similar", _alike(column, 0.8)),
    ))  # fmt: skip


def _category(name: str, column: str) -> Comparison:
    return Comparison(
        name, "category", (column,), _missing(column), (Level("equal", _equal(column), (column,), column),)
    )


def _place(name: str, address: str | None, postcode: str | None) -> Comparison:
    if address is None or postcode is None:
        column = address or postcode or ""
        return _text(name, column, "address") if address else _number(name, column, "postcode")
    near_address = f"{_alike(address, 0.92)} OR {_within(address, 2)}"
    near_postcode = _within(postcode, 1)
    nothing = f"([{address}] IS NULL OR <{address}> IS NULL) AND ([{postcode}] IS NULL OR <{postcode}> IS NULL)"
    return Comparison(name, "place", (address, postcode), nothing, (
        Level("address and postcode equal", f"{_equal(address)} AND {_equal(postcode)}", (address, postcode)),
        Level("address and postcode a slip apart", f"({near_address}) AND ({near_postcode})"),
        Level("address equal", _equal(address), (address,)),
        Level("postcode equal", _equal(postcode), (postcode,)),
        Level("address a slip apart", near_address),
        Level("postcode a slip apart", near_postcode),
    ))  # fmt: skip


_SINGLE: dict[str, Callable[[str, str], Comparison]] = {
    "birth_date": _birth,
    "email": _email,
    "category": _category,
    "street_number": _category,
    "phone": lambda name, column: _number(name, column, "phone"),
    "id": lambda name, column: _number(name, column, "id"),
    "hard_id": lambda name, column: _number(name, column, "hard_id"),
    "place": lambda name, column: _text(name, column, "city"),
    "text": _sentence,
    "number": lambda name, column: _amount(name, column, "number", 0.02),
    "year": lambda name, column: _amount(name, column, "year", 0.0005),
}

KINDS = ("given_name", "family_name", "address", "postcode", "word", *_SINGLE)
"""Kinds of fields. `hard_id`: an authority gives one per person (a loyalty card), so that equal and different ids are
labels to learn from; `id`: anything else that is typed; `word`: makes blocks and is not compared."""


def comparisons(fields: Mapping[str, str]) -> list[Comparison]:
    """The comparisons for columns of these kinds (column -> kind, one column each of names, address, postcode).

    Raises ConfigError for a kind that is not one of KINDS."""
    for kind in fields.values():
        if kind not in KINDS:
            raise ConfigError(f"no kind of field is called {kind!r}", fix=did_you_mean(kind, KINDS))
    of = lambda kind: next((column for column, k in fields.items() if k == kind), None)  # noqa: E731
    given, family, address, postcode = (of(k) for k in ("given_name", "family_name", "address", "postcode"))
    made = []
    if given:
        made.append(_given("given_name", given, family))
    if family:
        made.append(_family("family_name", family, given))
    if address or postcode:
        made.append(_place("place", address, postcode))
    made += [_SINGLE[kind](column, column) for column, kind in fields.items() if kind in _SINGLE]
    return made
