"""A check counts everything, keeps as much as it is asked to, and says what was perhaps meant."""

from __future__ import annotations

from floorwalker.events.language.check import OTHERS, UNKNOWN_KEPT, check
from floorwalker.events.language.plan import Plan
from floorwalker.events.language.plan_file import parse_plan
from floorwalker.events.language.reading import Item


def track(name, **properties):
    return {"type": "track", "event": name, "userId": "7", "properties": properties}


def items(*events):
    return [Item(f"line {number}", event) for number, event in enumerate(events, 1)]


def test_figures_by_event():
    found = items(
        track("Product Viewed", product_id=1, proudct_id=2, colour="red"),
        track("Viewed Product", colour="blue"),
        track("Locker Opened"),
        track("prodct viewed"),
        {"type": "identify", "userId": "7"},
        {"type": "group", "userId": "7"},
        7,
        {"type": "track", "userId": "7"},
    )
    report = check([*found, Item("line 9", fault="is no JSON")], Plan())
    assert (report.events, report.unreadable, report.quarantined, report.dropped) == (8, 1, 3, 0)
    assert not report.clean
    viewed = report.by_event["Product Viewed"]
    assert (viewed.events, viewed.with_problems, viewed.known) == (2, 1, True)
    assert viewed.undefined == {"colour": 2, "proudct_id": 1} and viewed.meant == {"proudct_id": "product_id"}
    assert report.by_event["identify"].known and not report.by_event["Locker Opened"].known
    assert report.by_event["prodct viewed"].suggestion == "Product Viewed"
    assert {"(no object)", "(no name)"} <= report.by_event.keys()


def test_problems_beyond_the_limit_are_counted():
    report = check(items(*[track("Product Viewed")] * 7), Plan(), keep=2)
    assert report.problems == 7 and [one.where for one in report.found] == ["line 1", "line 2"]
    assert report.clean


def test_a_flood_of_names_is_bounded():
    report = check(items(*[track(f"Event {number}") for number in range(UNKNOWN_KEPT + 50)]), Plan(), keep=0)
    assert len(report.by_event) == UNKNOWN_KEPT + 1 and report.by_event[OTHERS].events == 50
    many = {f"p{number}": 1 for number in range(UNKNOWN_KEPT + 50)}
    report = check(items(track("Product Viewed", product_id=1, **many)), Plan())
    assert report.by_event["Product Viewed"].undefined[OTHERS] == 50


def test_what_a_plan_drops_is_counted():
    plan = parse_plan('unknown_events = "drop"')
    report = check(items(track("Locker Opened"), track("Product Viewed", product_id=1)), plan)
    assert (report.dropped, report.quarantined, report.clean) == (1, 0, True)
