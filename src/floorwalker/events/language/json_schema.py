"""The language as JSON Schema (draft 2020-12), for editors, other validators and code generators.

In: words. Out: the schema of one event or call, or of whatever may come (`envelope_schema`).

>>> from floorwalker.events.language.words import words
>>> schema = event_schema(words().events["Products Searched"], words())
>>> schema["properties"]["event"], schema["properties"]["properties"]["required"]
({'enum': ['Products Searched']}, ['query'])

A schema holds for exactly those events with which `Plan().judge` finds nothing wrong, warnings included: unknown
properties are allowed, null is the same as absent, and an id is what names somebody, not an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from floorwalker.events.language.fields import PATTERNS
from floorwalker.events.language.ready import NEEDS, PERSON_IDS
from floorwalker.events.language.words import Definition, Property, Words, payload_of

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NO_BLANK = r"\S"
Schema = dict[str, Any]

_TYPES: dict[str, tuple[str, ...]] = {
    "text": ("string",),
    "id": ("string", "integer"),
    "integer": ("integer",),
    "quantity": ("number", "string"),
    "money": ("number", "string"),
    "number": ("number",),
    "boolean": ("boolean",),
    "date": ("string",),
    "timestamp": ("string",),
    "list": ("array",),
    "object": ("object",),
}
_AN_ID: Schema = {"type": ["string", "integer"], "pattern": NO_BLANK}


def event_schema(one: Definition, words: Words) -> Schema:
    """The schema of one event, or of one call of the protocol, with what lies around its properties."""
    body = _body(one, words)
    kind: Schema = {"type": {"const": one.call}}
    if one.call == "track":
        names = [one.name, *one.aliases]
        kind["event"] = {"enum": names} if one.name != "track" else {"type": "string", "pattern": NO_BLANK}
    return {
        "$schema": DRAFT,
        "$id": f"urn:floorwalker:event:{_slug(one.name)}",
        "title": one.name,
        "description": one.about,
        "type": "object",
        "required": list(kind),
        **body,
        "properties": {**kind, **_around(words), **body["properties"]},
        "examples": [one.whole_example()],
        "$defs": _sets([one], words),
    }


def envelope_schema(words: Words) -> Schema:
    """The schema of anything that may come: the six calls, and each event that is known."""
    branches: list[Schema] = []
    bodies: Schema = {}
    for call, one in words.calls.items():
        if call == "track":
            then: Schema = {"required": ["event"], "properties": {"event": {"type": "string", "pattern": NO_BLANK}}}
        else:
            bodies[f"call-{call}"] = _body(one, words)
            then = {"$ref": f"#/$defs/call-{call}"}
        branches.append({"if": _is(type={"const": call}), "then": then})
    for name, one in words.events.items():
        bodies[f"event-{_slug(name)}"] = _body(one, words)
        names = {"enum": [name, *one.aliases]}
        branches.append(
            {"if": _is(type={"const": "track"}, event=names), "then": {"$ref": f"#/$defs/event-{_slug(name)}"}}
        )
    unknown = {"if": _is(type={"const": "track"}, event={"not": {"enum": list(words.names)}})}
    branches.append({**unknown, "then": _body(Definition(""), words)})
    return {
        "$schema": DRAFT,
        "$id": "urn:floorwalker:events",
        "title": "Event",
        "description": "What the collector takes: a call of the Segment protocol, and every event that is known.",
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(words.calls)}, **_around(words)},
        "allOf": branches,
        "$defs": {**bodies, **_sets([*words.calls.values(), *words.events.values()], words)},
    }


def _is(**properties: Schema) -> Schema:
    return {"required": list(properties), "properties": properties}


def _body(one: Definition, words: Words) -> Schema:
    """What one event or call needs: its ids, its properties or traits."""
    needs = ((PERSON_IDS,) if one.person else ()) + NEEDS.get(one.call, ())
    schema: Schema = {"allOf": [{"anyOf": [_is(**{name: _AN_ID}) for name in names]} for names in needs]}
    if not needs:
        schema = {}
    inner = _object(one.properties, words.sets)
    inner["type"] = ["object", "null"]
    properties = {} if one.call == "alias" else {payload_of(one.call): inner}
    required = [] if one.call == "alias" or "required" not in inner else [payload_of(one.call)]
    if one.call == "identify":
        properties["context"] = {"type": ["object", "null"], "properties": {"traits": inner}}
    if required:
        inner["type"] = "object"
        schema["required"] = required
        if one.call == "track":
            schema["required"] = ["type", "event", *required]
    return {**schema, "properties": properties}


def _around(words: Words) -> Schema:
    return {one.name: _property(one, words.sets) for one in words.envelope}


def _object(properties: Iterable[Property], sets: Mapping[str, tuple[Property, ...]]) -> Schema:
    made = tuple(properties)
    schema: Schema = {"type": "object", "properties": {one.name: _property(one, sets) for one in made}}
    required = [one.name for one in made if one.required]
    return {**schema, "required": required} if required else schema


def _property(one: Property, sets: Mapping[str, tuple[Property, ...]]) -> Schema:
    about: Schema = {"description": one.about} if one.about else {}
    if one.values:
        return {"enum": [*one.values, *([] if one.required else [None])], **about}
    types = [*_TYPES[one.type], *([] if one.required else ["null"])]
    schema: Schema = {"type": types if len(types) > 1 else types[0], **about}
    if one.type in PATTERNS:
        schema["pattern"] = PATTERNS[one.type]
    if one.required and "string" in types:
        schema["minLength"] = 1
    if one.type == "list":
        schema["items"] = {"$ref": f"#/$defs/set-{one.of}"} if one.of in sets else _item(one.of)
    return schema


def _item(type_: str) -> Schema:
    types = _TYPES[type_]
    schema: Schema = {"type": list(types) if len(types) > 1 else types[0]}
    return {**schema, "pattern": PATTERNS[type_]} if type_ in PATTERNS else schema


def _sets(definitions: Iterable[Definition], words: Words) -> Schema:
    """The sets that lists of these hold, and those that lists of them hold."""
    found: Schema = {}
    waiting = [one for definition in definitions for one in definition.properties]
    while waiting:
        name = waiting.pop().of
        if name in words.sets and f"set-{name}" not in found:
            found[f"set-{name}"] = _object(words.sets[name], words.sets)
            waiting += words.sets[name]
    return dict(sorted(found.items()))


def _slug(name: str) -> str:
    return re.sub(r"[\W_]+", "-", name).strip("-").lower()
