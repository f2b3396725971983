"""Finding people, deciding for them, writing to them: with the consent they gave, and with reasons."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.app.driving import call, rows


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com",
        "email: ANN@Example.com",
        "020 7946 0018",
        "phone:+44 20 7946 0018",
        "customer_ref:1",
        "Miller",
    ],
)
def test_one_person_under_every_name(shop_once: Path, text: str) -> None:
    (found,) = call(shop_once, "customers", "search", text, "--json").json
    assert (found["given_name"], found["revenue"]) == ("Ann", "60.0000")
    record = call(shop_once, "customers", "show", text, "--json").json
    assert record["customer_id"] == found["customer_id"]
    assert record["consent"]["status"]["personalization"] == "granted"
    assert {one["kind"] for one in record["identity"]["identifiers"]} >= {"email", "phone", "customer_ref"}


def test_a_phone_is_read_as_the_market_of_its_owner_writes_it(shop_once: Path) -> None:
    (found,) = call(shop_once, "customers", "search", "01 677 0100", "--json").json
    assert found["given_name"] == "Cora"


def test_nobody_is_found(shop_once: Path) -> None:
    assert call(shop_once, "customers", "search", "zoe@example.com", "--json").json == []
    for words in (("customers", "show", "zoe@example.com"), ("erase", "--customer", "zoe@example.com", "--yes")):
        done = call(shop_once, *words)
        assert done.code == 1 and "no customer answers to" in done.err and "Traceback" not in done.err
    done = call(shop_once, "customers", "search", "emial:zoe@example.com")
    assert done.code == 1 and "did you mean 'email'?" in done.err


def test_segments_and_why_somebody_is_in_one(shop_once: Path) -> None:
    members = call(shop_once, "segments", "members", "newcomers", "--json").json
    assert members["customers"] == 3 and members["preview"][0]["revenue"] == "60.0000"
    why = call(shop_once, "segments", "why", "second_order_due", "--customer", "ann@example.com", "--json").json
    assert why["member"] is False
    assert next(one["actual"] for one in why["reasons"] if not one["passed"]) == {"orders": 2}
    listed = call(shop_once, "segments", "list", "--json").json
    assert {"kind": "rule", "segment": "newcomers", "customers": 3, "revenue": "105.00"} in listed
    done = call(shop_once, "segments", "members", "newcomer")
    assert done.code == 1 and "did you mean 'newcomers'?" in done.err


def test_who_refuses_personalisation_gets_what_everybody_gets(shop: Path) -> None:
    ann = call(shop, "decide", "--customer", "email:ann@example.com", "--json").json
    assert ann["personalized"] is True
    assert [item["product_id"] for item in ann["items"]] == ["D"], "the others she has bought"
    for somebody in ("email:bob@example.com", "email:cora@example.ie"):
        answer = call(shop, "decide", "--customer", somebody, "--json").json
        assert answer["personalized"] is False
        assert not [item for item in answer["items"] if "you bought" in item["reason"]["text"]]
    again = call(shop, "decide", "--replay", ann["decision_id"], "--json").json
    assert again["items"] == ann["items"]


def test_an_audience_of_a_segment_that_does_not_exist(shop: Path) -> None:
    file = shop / "policies" / "audiences.toml"
    file.write_text(file.read_text().replace('segment = "lapsed"', 'segment = "lapst"'))
    done = call(shop, "audience", "export", "winback_email", "--dry-run")
    assert done.code == 1 and "no segment 'lapst'" in done.err and "did you mean 'lapsed'" in done.err


def test_deciding_for_nobody_says_so(shop: Path) -> None:
    done = call(shop, "decide", "--customer", "email:zoe@example.com")
    assert done.code == 0
    assert "nobody answers to 'email:zoe@example.com'" in done.err
    assert call(shop, "decide", "--customer", "ann@example.com", "--json").json["personalized"] is True
    assert call(shop, "decide", "-k", "0").code == 2
    done = call(shop, "decide", "--customer", "emial:zoe@example.com")
    assert done.code == 1 and "did you mean 'email'?" in done.err
    done = call(shop, "decide", "--surface", "homepage")
    assert done.code == 1 and "did you mean 'home'?" in done.err


def test_an_audience_holds_only_who_may_be_written_to(demo_once: tuple[Path, str], tmp_path: Path) -> None:
    demo, _ = demo_once
    file = tmp_path / "winback.csv"
    report = call(demo, "audience", "export", "winback_email", "--to", str(file), "--json").json
    with file.open(newline="") as text:
        exported = list(csv.DictReader(text))
    assert len(exported) == report["exported"] > 0
    reasons = ("without_consent", "suppressed", "without_address", "held_out", "duplicate_address", "exported")
    assert sum(report[reason] for reason in reasons) == report["candidates"]
    allowed = dict(rows(demo, "SELECT customer_id, email FROM gold.customers WHERE marketing_email = 'granted'"
                              " AND orders > 0 AND recency_days > 180"))  # fmt: skip
    assert {row["customer_id"] for row in exported} <= set(allowed)
    assert len(exported) + report["held_out"] + report["without_address"] + report["duplicate_address"] == len(allowed)
    assert len({row["email"] for row in exported}) == len(exported)

    hashed = tmp_path / "winback.jsonl"
    call(demo, "audience", "export", "winback_email", "--to", str(hashed), "--hashed", "--json")
    text = hashed.read_text()
    assert len(text.splitlines()) == len(exported) and "@" not in text
    assert all(len(json.loads(line)["email_sha256"]) == 64 for line in text.splitlines())
    markets = dict(rows(demo, "SELECT customer_id, market FROM gold.customers"))
    ireland = call(demo, "audience", "export", "winback_email", "--dry-run", "--market", "IE", "--json").json
    assert ireland["exported"] == sum(markets[row["customer_id"]] == "IE" for row in exported)
    actions = [one["action"] for one in call(demo, "audit", "list", "--json").json]
    assert actions.count("audience.export") >= 2
    assert call(demo, "audit", "verify").code == 0
