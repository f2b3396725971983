"""A tracking plan that cannot be meant is refused with file, line and the word that was perhaps meant."""

from __future__ import annotations

import pytest

from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError
from floorwalker.events.language.plan_file import load_plan, parse_plan, read_plan

OWN = """
[custom."Locker Opened"]
about = "took a parcel out"
aliases = ["Opened Locker"]
[custom."Locker Opened".properties]
locker_id = { type = "id", required = true }
[events."Locker Opened"]
missing_properties = "quarantine"
[events."Product Viewed".properties]
colour = { values = ["red", "blue"] }
"""


def event(name, **properties):
    return {"type": "track", "event": name, "userId": "7", "properties": properties}


@pytest.mark.parametrize(
    ("text", "line", "what", "fix"),
    [
        ("unknown_event = 'drop'", 1, "unknown key 'unknown_event'", "'unknown_events'"),
        ("\nunknown_events = 'deny'", 2, "unknown_events: Invalid enum value 'deny'", ""),
        ('[events."Product Viewed"]\nactions = "drop"', 2, "unknown key 'actions'", "'action'"),
        ('[events."Product Viewed"]\naction = "no"', 2, "Invalid enum value 'no'", ""),
        ('[events."Product Viewed"]\ndrop = "x"', 2, "Expected `array`", ""),
        ("\n[events.'Prodct Viewed']", 2, "no event 'Prodct Viewed'", "'Product Viewed'"),
        ('[events."Viewed Product"]', 1, "'Viewed Product' is an alias", "'Product Viewed'"),
        ('[events."Product Shared"]\ndrop = ["recipent"]', 2, "no property 'recipent' to drop", "'recipient'"),
        ('[events."Product Shared"]\nrequire = ["share_vai"]', 2, "no property 'share_vai'", "'share_via'"),
        ('[events."Product Shared"]\ndrop = ["url"]\nrequire = ["url"]', 2, "both required and dropped", "one of them"),
        ('drop=["traits.age"]\n[calls.identify]\nrequire = ["age"]', 2, "both required and dropped", "one of them"),
        ('[events."Order Completed"]\ndrop = ["products.nme"]', 2, "'products' has no 'nme'", "'name'"),
        ('[events."Order Completed"]\ndrop = ["total.x"]', 2, "'total' is money", "'total'"),
        ("[calls.identfy]", 1, "no call 'identfy'", "'identify'"),
        ("[calls.track]", 1, "no call 'track'", "[events."),
        ("events = 3", 1, "'events' is a section", "[events."),
        ("[events]\nx = 1", 2, "'events.x' is no table", "[events."),
        ('drop = ["recipient"]', 1, "'recipient' cannot be dropped", "context, properties"),
        ('drop = ["userId"]', 1, "'userId' cannot be dropped", "context"),
        ('drop = ["properties"]', 1, "would leave nothing", "properties.…"),
        ('[custom."Order Completed"]', 1, "is in the vocabulary", "[events."),
        ('[custom."X"]\naliases = ["Product Viewed"]', 1, "is an event already", "leave"),
        ('[custom."X".properties]\ny = { typ = "id" }', 1, "unknown key of property 'y' 'typ'", "'type'"),
        ('[custom."X"]\nfeeds = ["order_line"]', 1, "no kind of record 'order_line'", "'order_lines'"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, line, what, fix):
    with pytest.raises(ConfigError) as error:
        parse_plan(text)
    assert what in error.value.what and fix in error.value.fix
    assert error.value.why == f"policies/tracking.toml:{line}"


def test_toml_that_is_none():
    with pytest.raises(ConfigError, match=r"policies/tracking.toml is not valid TOML"):
        parse_plan("[events")


def test_events_and_properties_of_the_shops_own():
    plan = parse_plan(OWN)
    assert plan.judge(event("Opened Locker", locker_id=3)).name == "Locker Opened"
    assert plan.judge(event("Locker Opened")).action == "quarantine"
    assert plan.judge(event("Product Viewed", product_id=1, colour="red")).problems == ()
    (problem,) = plan.judge(event("Product Viewed", product_id=1, colour="green")).problems
    assert problem.where == "properties.colour"
    assert load_plan(Project("nowhere")).words.definition("Locker Opened") is None


def test_what_one_event_says_beats_what_all_say():
    plan = parse_plan('wrong_types = "quarantine"\n[events."Product Viewed"]\nwrong_types = "warn"')
    assert plan.judge(event("Product Viewed", product_id=1, price="x")).action == "allow"
    assert plan.judge(event("Product Added", product_id=1, price="x")).action == "quarantine"


def test_without_a_file_everything_is_taken(tmp_path):
    project = Project(tmp_path)
    assert load_plan(project).judge(event("Anything", a=1)).action == "allow"
    project.policies.mkdir()
    (project.policies / "tracking.toml").write_text("unknown_events = 'drop'")
    assert load_plan(project).judge(event("Anything", a=1)).action == "drop"


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_plan(tmp_path / "plan.toml")
