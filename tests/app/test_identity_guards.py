"""`floorwalker identity preflight`, `blocked`, `quarantine` and `learn`, driven as people drive them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run

from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project
from floorwalker.governance import audit

HEADER = "id,first,last,email,phone,card,market,since\n"
HUB = "norfolk@counter.example"


def deliver(folder: Path, name: str, lines: list[str]) -> None:
    (folder / "data" / f"{name}.csv").write_text(HEADER + "".join(f"{line}\n" for line in lines))
    mapping = folder / "mappings" / "crm.toml"
    mapping.write_text(mapping.read_text().replace("data/crm.csv", "data/crm*.csv"))


@pytest.fixture
def stormy(shop: Path) -> Path:
    """Twelve customers without a name, published; then every one of them gets the same address."""
    deliver(shop, "crm2", [f"{n},,,,,,UK,2026-01-03" for n in range(100, 112)])
    run(shop)
    deliver(shop, "crm3", [f"{n},,,front@counter.example,,,UK,2026-01-04" for n in range(100, 112)])
    return shop


@pytest.mark.slow
def test_a_storm_is_told_kept_and_released(stormy: Path) -> None:
    customers = "SELECT count(DISTINCT customer_id) FROM silver.customer_map"
    ((before,),) = rows(stormy, customers)
    said = call(stormy, "run", "--no-report")
    assert "quarantined: a email" not in said.out
    assert "quarantined: an e-mail address that would have joined 12 customers" in said.out
    assert rows(stormy, customers) == [(before,)]
    (one,) = call(stormy, "identity", "quarantine", "list", "--json").json
    assert (one["kind"], one["customers"], one["released_at"]) == ("email", 12, "")
    assert one["code"] in call(stormy, "identity", "quarantine").out
    found = call(stormy, "identity", "blocked", "--json").json["barred"]
    assert [(row["value"], row["because"], row["records"]) for row in found] == [
        ("f…@counter.example", "quarantine", 12)
    ]
    assert "email 1" in call(stormy, "identity", "metrics").out
    assert call(stormy, "identity", "metrics", "--json").json["quarantined"] == {"email": 1}
    assert run(stormy)["status"] == "unchanged"
    assert call(stormy, "identity", "quarantine", "release").code == 2
    assert "nothing in quarantine is called 'ffff'" in call(stormy, "identity", "quarantine", "release", "ffff").err
    assert "is released" in call(stormy, "identity", "quarantine", "release", one["code"]).out
    assert call(stormy, "identity", "resolve").code == 0
    assert rows(stormy, customers) == [(before - 11,)]
    assert "released" in call(stormy, "identity", "quarantine").out
    with sqlite3.connect(Project(stormy).database) as database:
        assert [entry.action for entry in audit.entries(database)][:1] == ["identity.release"]


@pytest.mark.slow
def test_hubs_stay_until_learned_anew(shop: Path) -> None:
    names = ["Dan,Hill", "Eve,Moss", "Fay,Lund", "Gus,Park", "Hal,Reed"]
    deliver(shop, "crm2", [f"{n},{name},{HUB},,,UK,2026-01-03" for n, name in enumerate(names, 200)])
    run(shop)
    (hub,) = call(shop, "identity", "blocked", "--json").json["barred"]
    assert (hub["value"], hub["names"], hub["because"]) == ("n…@counter.example", 5, "pinned")
    dry = call(shop, "identity", "learn", "--dry-run", "--json").json
    assert (dry["added"], dry["dropped"], dry["hubs"]) == ([], [], 1) and dry["before"] == dry["after"]
    # Three of them are erased: a household is left, but what was a counter's stays one.
    for number in (200, 201, 202):
        (record,) = rows(shop, f"SELECT record_id FROM silver.normalised_records WHERE ref_key = 'crm:{number}'")
        (customer,) = rows(shop, f"SELECT customer_id FROM silver.customer_map WHERE record_id = '{record[0]}'")
        assert call(shop, "erase", "--customer", customer[0], "--yes").code == 0
    run(shop)
    assert [one["because"] for one in call(shop, "identity", "blocked", "--json").json["barred"]] == ["pinned"]
    with run_lock(Project(shop), "test"):
        assert "another run is at work" in call(shop, "identity", "learn").err
    said = call(shop, "identity", "learn").out
    assert "0 hubs, 0 new, 1 no longer" in said and "n…@counter.example" in said
    assert run(shop)["status"] == "published"
    assert call(shop, "identity", "blocked", "--json").json["barred"] == []


def test_preflight_says_what_is_fit(shop: Path) -> None:
    lines = [f"{n},,,{HUB},0000000000,,UK,2026-01-03" for n in range(300, 340)]
    deliver(shop, "crm2", lines)
    run(shop)
    found = call(shop, "identity", "preflight", "--json").json
    kinds = {one["kind"]: one for one in found["kinds"]}
    assert kinds["email"]["verdict"] == "crowded"
    assert (kinds["email"]["barred_values"], kinds["email"]["barred_records"]) == (1, 40)
    assert kinds["email"]["offenders"][0]["value"] == "n…@counter.example"
    assert kinds["phone"]["verdict"] == "placeholders" and kinds["phone"]["unusable"] >= 40
    assert kinds["cookie_id"]["records"] > 0 and kinds["account_id"]["verdict"] == "absent"
    said = call(shop, "identity", "preflight").out
    assert "norfolk" not in said and "ann@" not in said
    assert "email: crowded: see floorwalker identity blocked" in said
    written = call(shop, "identity", "blocked", "--json").json["placeholders"]
    assert ("phone", "000…000", 40) in {(one["kind"], one["value"], one["records"]) for one in written}
