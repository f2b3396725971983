"""Fields: whether properties are what they should be, quickly; and if not, what is wrong, in words.

In: properties as defined, and what an event carries. Out: yes or no (`holds`), or every `Fault`.

>>> from floorwalker.events.language.words import definition, words
>>> fields = Fields(definition("Product Viewed").properties, words().sets)
>>> fields.holds({"product_id": "P-10", "price": 9.99}), fields.holds({"product_id": "P-10", "price": "cheap"})
(True, False)
>>> [(one.where, one.what) for one in fields.faults({"price": "cheap"}, "properties")]
[('properties.price', 'is text, not an amount of money'), ('properties.product_id', 'is missing')]

null is the same as absent, and so is an empty text where something is required. Properties that are not defined are
no fault. The pattern of a type is the one that its JSON Schema has, so both say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from floorwalker.events.language.paths import Path, joined
from floorwalker.events.language.words import Property

_DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:[.,][0-9]+)?)?"
PATTERNS = {
    "money": r"^-?[0-9]+(?:\.[0-9]+)?$",
    "quantity": r"^-?[0-9]+(?:\.[0-9]+)?$",
    "date": rf"^{_DAY}(?:[T ][0-9:.,Z+-]*)?$",
    "timestamp": rf"^{_DAY}[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?$",
}
"""What a text must look like. Money and quantities may come as numbers or, exact, as text."""

SAID = {
    "text": "a text",
    "id": "an id: a text or a whole number",
    "integer": "a whole number",
    "quantity": "a quantity",
    "money": "an amount of money",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a time",
    "list": "a list",
    "object": "an object",
}
HINTS = {
    "text": 'send it in quotes: "…"',
    "id": 'send it as text: "P-10"',
    "integer": "send a whole number: 3",
    "quantity": "send a number: 2 or 0.5",
    "money": 'send a number or exact text, point as decimal mark, without currency: 9.99 or "9.99"',
    "number": "send a number, not in quotes: 4.5",
    "boolean": "send true or false, not in quotes",
    "date": 'send ISO 8601: "2026-03-02"',
    "timestamp": 'send ISO 8601 with zone: "2026-03-02T10:15:00Z"',
    "list": "send a list: […]",
    "object": "send an object: {…}",
}
Test = Callable[[Any], bool]
_NUMBERS = (int, float, Decimal)


class Fault(NamedTuple):
    """One thing that is wrong. `kind`: wrong_type, wrong_value or missing."""

    kind: str
    where: str
    what: str
    fix: str


class Fields:
    """The properties of one thing, made ready. `gone`: paths that are dropped, hence neither looked at nor missed."""

    __slots__ = ("_lists", "_plain", "_tests", "properties", "required")

    def __init__(
        self,
        properties: Iterable[Property],
        sets: Mapping[str, tuple[Property, ...]],
        gone: Sequence[Path] = (),
    ) -> None:
        kept = [one for one in properties if (one.name,) not in gone]
        self.properties = {one.name: one for one in kept}
        self.required = tuple(one.name for one in kept if one.required)
        self._lists: dict[str, Fields] = {
            one.name: Fields(sets[one.of], sets, [path[1:] for path in gone if path[0] == one.name and path[1:]])
            for one in kept
            if one.of in sets
        }
        self._tests = {one.name: self._test(one) for one in kept}
        self._plain = {one.name: (type(None), *(() if one.values else PLAIN.get(one.type, ()))) for one in kept}

    def holds(self, value: Mapping[str, Any]) -> bool:
        """Whether nothing is wrong."""
        plain = self._plain
        for name, one in value.items():
            types = plain.get(name)
            if types is not None and type(one) not in types and not self._tests[name](one):
                return False
        for name in self.required:
            one = value.get(name)
            if one is None or one == "":
                return False
        return True

    def faults(self, value: Mapping[str, Any], where: str) -> Iterator[Fault]:
        """Everything that is wrong; nothing, where `holds`."""
        yield from self.wrong(value, where)
        yield from self.missing(value, where)

    def wrong(self, value: Mapping[str, Any], where: str) -> Iterator[Fault]:
        """What is there and not what it should be."""
        for name, one in value.items():
            if one is None or name not in self._tests or self._tests[name](one):
                continue
            if one == "" and name in self.required:
                continue
            yield from self._explained(self.properties[name], one, joined(where, name))

    def missing(self, value: Mapping[str, Any], where: str) -> Iterator[Fault]:
        """What is required and absent."""
        for name in self.required:
            if absent(value.get(name)):
                yield Fault("missing", joined(where, name), "is missing", _to_send(self.properties[name]))

    def _test(self, one: Property) -> Test:
        if one.values:
            allowed = frozenset(one.values)
            return lambda value: type(value) is str and value in allowed
        if one.type != "list":
            return TESTS[one.type]
        inner = self._lists.get(one.name)
        if inner is not None:
            holds = inner.holds
            return lambda value: (
                isinstance(value, list | tuple) and all(isinstance(item, Mapping) and holds(item) for item in value)
            )
        item_test = TESTS[one.of]
        return lambda value: isinstance(value, list | tuple) and all(item_test(item) for item in value)

    def _explained(self, one: Property, value: Any, where: str) -> Iterator[Fault]:
        if one.values:
            yield Fault(
                "wrong_value", where, "is none of the values it may have", "send one of " + ", ".join(one.values)
            )
        elif one.type != "list" or not isinstance(value, list | tuple):
            yield Fault("wrong_type", where, f"is {a_kind_of(value)}, not {SAID[one.type]}", HINTS[one.type])
        elif one.name in self._lists:
            for place, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from self._lists[one.name].faults(item, f"{where}[{place}]")
                else:
                    yield Fault(
                        "wrong_type", f"{where}[{place}]", f"is {a_kind_of(item)}, not an object", HINTS["object"]
                    )
        else:
            for place, item in enumerate(value):
                if not TESTS[one.of](item):
                    what = f"is {a_kind_of(item)}, not {SAID[one.of]}"
                    yield Fault("wrong_type", f"{where}[{place}]", what, HINTS[one.of])


def absent(value: Any) -> bool:
    """null is the same as absent, and so is an empty text."""
    return value is None or (type(value) is str and not value)


def a_kind_of(value: Any) -> str:
    """What a value is, without saying which: it may be somebody's.

    >>> a_kind_of("ann@example.com"), a_kind_of([1]), a_kind_of(True)
    ('text', 'a list', 'true or false')
    """
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text" if value else "empty"
    if isinstance(value, _NUMBERS):
        return "a number"
    if isinstance(value, Mapping):
        return "an object"
    return "null" if value is None else "a list" if isinstance(value, list | tuple) else "something else"


def _to_send(one: Property) -> str:
    if one.values:
        return "send one of " + ", ".join(one.values)
    return f"send it: {one.about}" if one.about else f"send it: {SAID[one.type]}"


def _matches(pattern: str) -> Test:
    found = re.compile(pattern.removeprefix("^").removesuffix("$")).fullmatch
    return lambda value: type(value) is str and found(value) is not None


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_number(value: Any) -> bool:
    return type(value) in _NUMBERS


def _is_whole(value: Any) -> bool:
    kind = type(value)
    return kind is int or (kind is float and value.is_integer()) or (kind is Decimal and value == value.to_integral())


def _is_exact(pattern: str) -> Test:
    matches = _matches(pattern)
    return lambda value: type(value) in _NUMBERS or matches(value)


TESTS: dict[str, Test] = {
    "text": _is_text,
    "id": lambda value: type(value) is str or _is_whole(value),
    "integer": _is_whole,
    "quantity": _is_exact(PATTERNS["quantity"]),
    "money": _is_exact(PATTERNS["money"]),
    "number": _is_number,
    "boolean": lambda value: type(value) is bool,
    "date": _matches(PATTERNS["date"]),
    "timestamp": _matches(PATTERNS["timestamp"]),
    "list": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}
"""Whether a value is of a type; `true` is not a number."""
PLAIN: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "id": (str, int),
    "integer": (int,),
    "quantity": (int, float),
    "money": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
}
"""Types that pass without a test: nearly all values do."""
