"""JSON Schema says what `judge` says: of every example, and of any event at all."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from tests.events.language.made_up import WORDS, events
from tests.events.language.schema_checker import valid

from floorwalker.events.language.json_schema import DRAFT, envelope_schema, event_schema
from floorwalker.events.language.plan import Plan
from floorwalker.events.language.plan_file import parse_plan

EVERY = {**WORDS.events, **WORDS.calls}
SCHEMAS = {name: event_schema(one, WORDS) for name, one in EVERY.items()}
ENVELOPE = envelope_schema(WORDS)
PLAN = Plan()


@pytest.mark.parametrize("name", EVERY)
def test_every_example_is_good(name):
    example = EVERY[name].whole_example()
    if name == "track":
        example["event"] = "Locker Opened"
    assert valid(SCHEMAS[name], example) and valid(ENVELOPE, example)
    verdict = PLAN.judge(example)
    assert verdict.action == "allow" and (not verdict.problems or name == "track")


@settings(max_examples=400, deadline=None)
@given(events())
def test_a_schema_holds_where_nothing_is_wrong(event):
    fine = not [one for one in PLAN.judge(event).problems if one.kind != "unknown_event"]
    assert valid(ENVELOPE, event) == fine
    name = event.get("event") if event["type"] == "track" else event["type"]
    one = WORDS.definition(name) if event["type"] == "track" and isinstance(name, str) else WORDS.calls.get(str(name))
    if one is not None and one.call == event["type"]:
        assert valid(SCHEMAS[one.name], event) == fine


@pytest.mark.parametrize("schema", [*SCHEMAS.values(), ENVELOPE], ids=lambda schema: schema["title"])
def test_a_schema_is_whole(schema):
    assert schema["$schema"] == DRAFT
    text = json.dumps(schema)
    assert {f"#/$defs/{name}" for name in schema["$defs"]} == set(re.findall(r'"\$ref": "([^"]+)"', text))


def test_events_of_a_plan_have_a_schema():
    plan = parse_plan('[custom."Locker Opened"]\n[custom."Locker Opened".properties]\nlocker = { required = true }')
    schema = event_schema(plan.words.events["Locker Opened"], plan.words)
    event = {"type": "track", "event": "Locker Opened", "userId": "7", "properties": {"locker": "3"}}
    assert valid(schema, event) and valid(envelope_schema(plan.words), event)
    assert not valid(schema, {**event, "properties": {}}) and not valid(schema, {**event, "properties": None})
