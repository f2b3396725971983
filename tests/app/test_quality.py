"""A run is watched: what it brings is compared with what is usual, events tell what it read and wrote."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.app.driving import call, run
from tests.governance.test_openlineage import check_event

from floorwalker.app.lineage import project_lineage
from floorwalker.app.quality import private_columns
from floorwalker.app.scaffold import make_project
from floorwalker.app.settings import Settings
from floorwalker.app.state import open_state
from floorwalker.engines.project import Project

MAPPING = """source = "web"
files = "data/clicks_*.csv"
channel = "web"
[[maps]]
kind = "browse_events"
[maps.columns]
occurred_at = "at"
event_name = { column = "what", map = { view = "Product Viewed", cart = "Product Added" } }
cookie_id = "cookie"
product_id = "sku"
query = "words"
email = "mail"
"""
START = dt.date(2026, 1, 5)


def deliver(folder: Path, days: range, rows: int = 60) -> None:
    """One file with so many clicks on each of these days."""
    lines = ["at,what,cookie,sku,words,mail"]
    for number in days:
        day = START + dt.timedelta(days=number)
        busy = rows * 2 if day.weekday() == 6 else rows
        for row in range(busy + number % 3):
            what = "cart" if row % 5 == 0 else "view"
            mail = f"mailbox{row % 9}@example.com" if row % 3 == 0 else ""
            lines.append(f"{day}T10:{row % 60:02}:00Z,{what},k{row % 25},P{row % 7},shoes,{mail}")
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / f"clicks_{days.start:03}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def web_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with ten weeks of clicks, run once. Only to be read."""
    folder = make_project(tmp_path_factory.mktemp("web") / "web", template="blank")
    (folder / "mappings" / "web.toml").write_text(MAPPING)
    settings = folder / "floorwalker.toml"
    settings.write_text(settings.read_text() + "\n[segmentation]\ntrack = false\n")
    deliver(folder, range(71))
    first = run(folder)
    assert first["anomalies"] == [] and first["notes"] == []
    return folder


@pytest.fixture
def web(web_once: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(web_once, tmp_path / "web"))


def test_a_thin_day_is_told_with_what_it_may_touch(web: Path) -> None:
    deliver(web, range(71, 72))
    assert run(web)["anomalies"] == []
    deliver(web, range(72, 74), rows=6)
    day = START + dt.timedelta(days=72)
    (one,) = run(web)["anomalies"]
    assert one["kind"] == "volume" and one["severity"] == "high" and one["table"] == "bronze.browse_events"
    assert one["text"].startswith(
        f"web brought 6 rows to bronze.browse_events for {day:%A} {day}; usual on a {day:%A}: "
    )
    assert {"segment:cart_abandoners", "gold.customers"} & set(one["touches"])
    told = call(web, "quality")
    assert "1 odd" in told.out and "web brought 6 rows" in told.out and "may touch: " in told.out
    assert "odd (high): web brought" not in told.out
    now = call(web, "quality", "--json").json
    assert now["anomalies"][0]["text"] == one["text"] and now["tests"]
    assert {row["status"] for row in now["tests"]} == {"pass"}
    (fresh,) = now["freshness"]
    assert (fresh["source"], fresh["newest"], fresh["usual_gap_days"]) == ("web", str(START + dt.timedelta(days=73)), 1)
    # Nothing new: nothing is measured or told again.
    again = run(web)
    assert again["status"] == "unchanged" and again["anomalies"] == []


def test_history_of_a_table_and_of_a_column(web: Path) -> None:
    deliver(web, range(71, 72))
    run(web)
    rows = call(web, "quality", "history", "bronze.browse_events.event_name", "--json").json
    assert [row["source"] for row in rows[:2]] == ["web", "web"]
    assert set(rows[0]["shape"]) == {"Product Viewed", "Product Added"}
    tables = call(web, "quality", "history", "bronze.browse_events", "--json").json
    whole = [row["rows"] for row in tables if row["source"] == ""]
    brought = [row["rows"] for row in tables if row["source"] == "web"]
    assert whole[0] - whole[1] == brought[0]
    assert "Product Viewed" in call(web, "quality", "history", "bronze.browse_events.event_name").out
    assert "did you mean 'bronze.browse_events'?" in call(web, "quality", "history", "bronze.browse_event").err
    assert "did you mean 'event_name'?" in call(web, "quality", "history", "bronze.browse_events.event_nam").err


def test_no_value_that_could_name_somebody_is_kept(web_once: Path) -> None:
    with open_state(Project(web_once)) as state:
        kept = state.execute("SELECT column_name, low, high, shape FROM quality_columns").fetchall()
    text = json.dumps(kept)
    assert "mailbox" not in text and "k1" not in text and "shoes" not in text
    assert any(name == "email" for name, *_ in kept)


def test_privacy_follows_the_lineage() -> None:
    project = Project("/nonexistent")
    found = project_lineage(project, Settings())
    columns = found.columns["gold.customers"]
    private = private_columns("gold.customers", columns, found)
    assert {
        "customer_id",
        "email",
        "phone",
        "given_name",
        "family_name",
        "postcode",
        "loyalty_id",
        "birth_year",
    } <= private
    assert not {"revenue", "orders", "country", "has_loyalty", "favourite_category"} & private - {"has_loyalty"}
    assert "value" in private_columns("silver.customer_identifiers", ["value", "key", "kind"], found)
    assert private_columns("custom.unknown", ["anything"], found) == {"anything"}
    assert private_columns("gold.customers", ["revenue"], None) == {"revenue"}


@pytest.mark.slow
def test_a_limit_on_freshness_and_turning_it_off(web: Path) -> None:
    settings = web / "floorwalker.toml"
    text = settings.read_text()
    settings.write_text(text + '[quality.freshness]\nweb = "36h"\n')
    (one,) = run(web)["anomalies"]
    assert one["kind"] == "freshness" and "[quality.freshness] allows 36" in one["text"]
    settings.write_text(text + '[quality.freshness]\nweb = "soon"\n')
    done = run(web)
    assert done["anomalies"] == [] and "'soon' is not a time span" in done["notes"][0]
    settings.write_text(text + "[quality]\non = false\n[lineage]\nevents = false\n")
    before = len(list((web / "state" / "lineage").iterdir()))
    deliver(web, range(71, 72), rows=3)
    assert run(web)["anomalies"] == []
    assert len(list((web / "state" / "lineage").iterdir())) == before


def events(folder: Path) -> list[dict[str, Any]]:
    """Events of the newest run."""
    newest = max((folder / "state" / "lineage").glob("*.jsonl"))
    return [json.loads(line) for line in newest.read_text().splitlines()]


def test_events_of_a_run_follow_the_schema(web_once: Path) -> None:
    found = events(web_once)
    for event in found:
        check_event(event)
    by_job: dict[str, list[str]] = {}
    for event in found:
        by_job.setdefault(event["job"]["name"], []).append(event["eventType"])
    assert all(kinds == ["START", "COMPLETE"] for kinds in by_job.values()), by_job
    assert {"run", "source.web", "gold.customers", "rfm", "gold.customers.tests"} <= set(by_job)
    done = next(one for one in found if one["job"]["name"] == "gold.customers" and one["eventType"] == "COMPLETE")
    (table,) = done["outputs"]
    assert table["name"] == "gold.customers" and table["outputFacets"]["outputStatistics"]["rowCount"] > 0
    revenue = table["facets"]["columnLineage"]["fields"]["revenue"]["inputFields"]
    assert [(one["name"], one["field"]) for one in revenue] == [("silver.customer_orders", "revenue")]
    assert {"name": "revenue", "type": "decimal(28,4)"} in table["facets"]["schema"]["fields"]
    assert done["run"]["facets"]["parent"]["run"]["runId"] == found[0]["run"]["runId"]
    assert "mailbox" not in json.dumps(found)


def test_a_run_that_fails_says_so(web: Path) -> None:
    (web / "mappings" / "web.toml").write_text(MAPPING.replace('"sku"', '"skew"'))
    (web / "sql").mkdir(exist_ok=True)
    (web / "sql" / "mine.sql").write_text("SELECT 'x' AS x FROM gold.customers\n")
    (web / "sql" / "mine.toml").write_text('[columns.x]\ntests = ["unique"]\n')
    call(web, "run")
    found = events(web)
    for event in found:
        check_event(event)
    failed = {event["job"]["name"]: event for event in found if event["eventType"] == "FAIL"}
    assert "custom.mine" in failed
    assert "test 'x unique' failed" in failed["custom.mine"]["run"]["facets"]["errorMessage"]["message"]
    told = [event for event in found if event["job"]["name"] == "custom.mine.tests"]
    (asked,) = told[-1]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert asked == {"assertion": "x unique", "success": False, "column": "x"}


@pytest.mark.slow
def test_a_failing_test_is_in_the_history_until_it_passes(web: Path) -> None:
    (web / "sql").mkdir(exist_ok=True)
    (web / "sql" / "mine.sql").write_text("SELECT event_name FROM silver.browse_events\n")
    (web / "sql" / "mine.toml").write_text('[columns.event_name]\ntests = ["unique", "not_null"]\n')
    assert call(web, "run", "--no-report").code == 1
    mine = [row for row in call(web, "quality", "--json").json["tests"] if row["table"] == "custom.mine"]
    assert {row["test"]: row["status"] for row in mine} == {"event_name unique": "fail", "event_name not_null": "pass"}
    assert "1 do not" in call(web, "quality").out and "event_name unique" in call(web, "quality").out
    (web / "sql" / "mine.sql").write_text("SELECT DISTINCT event_name FROM silver.browse_events\n")
    assert run(web)["status"] == "published"
    mine = [row for row in call(web, "quality", "--json").json["tests"] if row["table"] == "custom.mine"]
    assert {(row["test"], row["status"], row["not_passed"], row["runs"]) for row in mine} == {
        ("event_name unique", "pass", 1, 2),
        ("event_name not_null", "pass", 0, 2),
    }


@pytest.mark.slow
def test_quality_that_breaks_does_not_break_the_run(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    def broken(*_: Any, **__: Any) -> None:
        raise duckdb.Error("no")

    monkeypatch.setattr("floorwalker.app.quality.measure", broken)
    deliver(web, range(71, 72))
    done = run(web)
    assert done["status"] == "published" and done["notes"] == ["quality was not measured: Error"]
