"""`floorwalker events`: outside of a project too, and with a project's own plan."""

from __future__ import annotations

import json

import pytest
from tests.app.driving import call

GOOD = {"type": "track", "event": "Product Viewed", "userId": "7", "properties": {"product_id": "P-10"}}
BAD = {"type": "track", "event": "Product Viewed", "properties": {"proudct_id": "P-10"}}


@pytest.fixture
def sent(tmp_path):
    def write(*lines):
        path = tmp_path / "sent.jsonl"
        path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
        return str(path)

    return write


def test_events_that_would_be_taken(tmp_path, sent):
    done = call(tmp_path, "events", "check", sent(GOOD, {**GOOD, "event": "product viewed"}))
    assert done.code == 0 and "did you mean 'Product Viewed'?" in done.out
    assert done.out.endswith("2 events, 0 to quarantine, 0 dropped; 1 problems\n")


def test_events_that_would_not(tmp_path, sent):
    done = call(tmp_path, "events", "check", sent(GOOD, "{oops", BAD))
    assert done.code == 1
    assert "error   line 2: no event: is no JSON" in done.out
    assert "error   line 3: Product Viewed: userId and anonymousId are missing" in done.out
    assert "proudct_id (did you mean product_id?)" in done.out


def test_as_json(tmp_path, sent):
    done = call(tmp_path, "events", "check", sent(BAD), "--json", "--limit", "1")
    report = json.loads(done.out)
    assert done.code == 1 and (report["events"], report["quarantined"], report["problems"]) == (1, 1, 2)
    assert report["found"] == [
        {"at": "line 1", "event": "Product Viewed", "action": "quarantine", "severity": "error", "kind": "protocol",
         "where": "", "what": "userId and anonymousId are missing",
         "fix": "send the id of the login as userId, or that of the visitor or device as anonymousId"}
    ]  # fmt: skip
    assert report["by_event"][0]["meant"] == {"proudct_id": "product_id"}


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "sent.gz").write_bytes(b"\x1f\x8b\x08broken")
    for name in ("sent.gz", "nowhere.jsonl"):
        done = call(tmp_path, "events", "check", str(tmp_path / name))
        assert done.code == 2 and done.err


def test_the_plan_of_the_project_or_another(tmp_path, sent):
    path = sent(GOOD)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tracking.toml").write_text('[events."Product Viewed"]\naction = "quarantine"')
    (tmp_path / "other.toml").write_text('[events."Product Viewed"]\naction = "drop"\n[custom."Locker Opened"]')
    assert call(tmp_path, "events", "check", path).code == 1
    other = ("--plan", str(tmp_path / "other.toml"))
    assert call(tmp_path, "events", "check", path, *other, "--json").json["dropped"] == 1
    assert call(tmp_path, "events", "list", "--group", "custom", *other, "--json").json[0]["event"] == "Locker Opened"
    (tmp_path / "other.toml").write_text("unknown_event = 'drop'")
    done = call(tmp_path, "events", "check", path, *other)
    assert done.code == 1 and "other.toml:1" in done.err and "'unknown_events'" in done.err


def test_list_show_and_schema(tmp_path):
    rows = call(tmp_path, "events", "list", "--json").json
    assert {"Order Completed", "identify"} <= {row["event"] for row in rows}
    assert "Points Earned" in call(tmp_path, "events", "list", "--group", "loyalty").out
    assert "did you mean 'loyalty'" in call(tmp_path, "events", "list", "--group", "loyality").err
    assert "list of line" in call(tmp_path, "events", "show", "Completed Order").out
    shown = call(tmp_path, "events", "show", "Order Completed", "--json").json
    assert shown["example"]["event"] == "Order Completed" and shown["feeds"]
    assert "did you mean 'Order Completed'?" in call(tmp_path, "events", "show", "order completed").err
    assert call(tmp_path, "events", "schema", "identify").json["title"] == "identify"
    out = tmp_path / "schemas" / "events.json"
    assert call(tmp_path, "events", "schema", "--out", str(out)).code == 0
    assert json.loads(out.read_text())["title"] == "Event"
