"""The words of the event language: every event with its aliases, properties and the kinds of record that it feeds.

In: `words/*.toml`, read once, when the first word is asked for. Out: `Definition`s by name.

>>> definition("Completed Order").name, definition("Completed Order").feeds[1]
('Order Completed', 'order_lines')
>>> definition("order completed"), suggestion("order completed"), suggestion("Order Compleeted")
(None, 'Order Completed', 'Order Completed')
>>> definition("Product Viewed").field("price").type
'money'

A name counts as it is written, or as an alias is. Another spelling is not taken silently: it is suggested.
"""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.events.vocabulary import KINDS

Type = Literal[
    "text", "id", "integer", "quantity", "money", "number", "boolean", "date", "timestamp", "list", "object"
]  # fmt: skip
"""What a property may be: the types of the vocabulary, a list (`of` says of what), or an object."""

_FOLDER = Path(__file__).parent / "words"
_NO_LETTER = re.compile(r"[\W_]+")


class Property(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One property of an event. `required`: it means little without. `personal`: it can name a person."""

    name: str
    type: Type = "text"
    of: str = ""
    """What a list holds: a type, or the name of a set of properties that each of its items has."""
    required: bool = False
    values: tuple[str, ...] = ()
    personal: bool = False
    about: str = ""


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event, or one call of the protocol (`call` differs from "track")."""

    name: str
    about: str = ""
    group: str = "custom"
    aliases: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    feeds: tuple[str, ...] = ()
    origin: str = "custom"
    call: str = "track"
    event: str = ""
    """The event that a call stands for: `page` is Page Viewed."""
    example: dict[str, Any] = {}
    context: dict[str, Any] = {}
    """Of the example: what its context says."""

    def field(self, name: str) -> Property:
        return next(one for one in self.properties if one.name == name)

    @property
    def person(self) -> bool:
        """Whether somebody did it. A change of stock or price is nobody's: it needs no id of a person."""
        return not self.feeds or any(KINDS[kind].person for kind in self.feeds)

    def whole_example(self) -> dict[str, Any]:
        """An event as an SDK would send it."""
        event: dict[str, Any] = {"type": self.call}
        if self.call == "track":
            event["event"] = self.name
        event |= {"messageId": "example-1", "timestamp": "2026-03-02T10:15:00.000Z", "anonymousId": "visitor-1"}
        event |= {"identify": {"userId": "customer-1"}, "alias": {"userId": "customer-1", "previousId": "visitor-1"},
                  "group": {"userId": "customer-1", "groupId": "company-1"}}.get(self.call, {})  # fmt: skip
        if self.context:
            event["context"] = self.context
        if self.call != "alias":
            event[payload_of(self.call)] = self.example
        return event


class Words(msgspec.Struct, frozen=True):
    """A set of definitions with what is needed to look them up."""

    events: dict[str, Definition]
    calls: dict[str, Definition]
    sets: dict[str, tuple[Property, ...]]
    envelope: tuple[Property, ...]
    """What any event may carry beside its properties or traits."""
    names: dict[str, str]
    """Every name and alias → the name."""
    folded: dict[str, str]
    """The same in small letters without spaces and signs."""

    def definition(self, name: str) -> Definition | None:
        found = self.names.get(name)
        return None if found is None else self.events[found]

    def suggestion(self, name: str) -> str:
        """The event that was perhaps meant; empty where none comes near."""
        same = self.folded.get(fold(name))
        if same:
            return same
        close = difflib.get_close_matches(fold(name[:100]), self.folded, n=1, cutoff=0.8)
        return self.folded[close[0]] if close else ""

    def joined(self, events: Mapping[str, Definition]) -> Words:
        """These words and others; one of the same name takes the other's place."""
        return _words({**self.events, **events}, self.calls, self.sets, self.envelope)


def payload_of(call: str) -> str:
    """Where a call carries its properties."""
    return "traits" if call in ("identify", "group") else "properties"


def fold(name: str) -> str:
    """A name as it is compared when one is suggested.

    >>> fold("order_completed") == fold("Order Completed") == fold("orderCompleted")
    True
    """
    return _NO_LETTER.sub("", name).casefold()


def definition(name: str) -> Definition | None:
    """The event of this name or alias, as it is written; None: nobody knows it."""
    return words().definition(name)


def suggestion(name: str) -> str:
    """The event that was perhaps meant; empty where none comes near."""
    return words().suggestion(name)


@functools.cache
def words() -> Words:
    """The words that come with Floorwalker."""
    documents = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.toml"))]
    written = {name: one for document in documents for name, one in document.get("sets", {}).items()}
    sets: dict[str, tuple[Property, ...]] = {}
    for name, one in written.items():  # a set stands below those that it uses
        sets[name] = properties_of(one, sets)
    events: dict[str, Definition] = {}
    calls: dict[str, Definition] = {}
    envelope: tuple[Property, ...] = ()
    for document in documents:
        for name, one in document.get("events", {}).items():
            events[name] = definition_of(name, {"origin": document["origin"], **one}, sets)
        for name, one in document.get("calls", {}).items():
            extra = {"origin": document["origin"], "call": name, "group": "calls"}
            calls[name] = definition_of(name, {**extra, **one}, sets)
        if "envelope" in document:
            envelope = properties_of(document["envelope"], sets)
    return _words(events, calls, sets, envelope)


def definition_of(name: str, written: Mapping[str, Any], sets: Mapping[str, tuple[Property, ...]]) -> Definition:
    """A definition from how it is written in TOML. Raises ConfigError for what cannot be meant."""
    own = {key: value for key, value in written.items() if key not in ("use", "required", "properties")}
    _known(own, Definition, ("use", "required", "properties"), "key")
    made = _convert({"name": name, **own}, Definition)
    for kind in made.feeds:
        if kind not in KINDS:
            raise ConfigError(f"no kind of record '{kind}'", fix=did_you_mean(kind, KINDS))
    return msgspec.structs.replace(made, properties=properties_of(written, sets))


def properties_of(written: Mapping[str, Any], sets: Mapping[str, tuple[Property, ...]]) -> tuple[Property, ...]:
    """Properties of the sets in `use`, then its own; those in `required` are required."""
    found: dict[str, Property] = {}
    for used in written.get("use", ()):
        if used not in sets:
            raise ConfigError(f"no set of properties '{used}'", fix=did_you_mean(str(used), sets))
        found |= {one.name: one for one in sets[used]}
    for name, one in written.get("properties", {}).items():
        found[name] = _property(name, one, sets)
    for name in written.get("required", ()):
        if name not in found:
            raise ConfigError(f"no property '{name}' to be required", fix=did_you_mean(str(name), found))
        found[name] = msgspec.structs.replace(found[name], required=True)
    return tuple(found.values())


def _property(name: str, written: Any, sets: Mapping[str, tuple[Property, ...]]) -> Property:
    if not isinstance(written, Mapping):
        raise ConfigError(f"property '{name}' is no table", fix=f'{name} = {{ type = "text" }}')
    _known(written, Property, (), f"key of property '{name}'")
    made = _convert({"name": name, **written}, Property)
    types = Type.__args__
    if made.type == "list" and made.of not in sets and made.of not in types[:-2]:
        raise ConfigError(
            f"property '{name}' is a list of '{made.of}'", fix=did_you_mean(made.of, [*sets, *types[:-2]])
        )
    if made.of and made.type != "list":
        raise ConfigError(f"property '{name}' is {made.type}, `of` is for lists", fix='type = "list"')
    if made.values and made.type not in ("text", "id"):
        raise ConfigError(f"property '{name}' is {made.type}, `values` are for text", fix="leave out values")
    return made


def _known(written: Mapping[str, Any], struct: type[msgspec.Struct], also: tuple[str, ...], what: str) -> None:
    known = [*(name for name in struct.__struct_fields__ if name != "name"), *also]
    for key in written:
        if key not in known:
            raise ConfigError(f"unknown {what} '{key}'", fix=did_you_mean(key, known))


def _convert(written: dict[str, Any], struct: type[Any]) -> Any:
    try:
        return msgspec.convert(written, struct)
    except msgspec.ValidationError as error:
        raise ConfigError(f"'{written['name']}': {error}") from None


def _words(
    events: dict[str, Definition],
    calls: dict[str, Definition],
    sets: dict[str, tuple[Property, ...]],
    envelope: tuple[Property, ...],
) -> Words:
    names = {alias: name for name, one in events.items() for alias in one.aliases} | {name: name for name in events}
    return Words(events, calls, sets, envelope, names, {fold(name): names[name] for name in names})
