"""Events follow the OpenLineage schema (required fields of spec 2-0-2), and sending them never fails a run."""

from __future__ import annotations

import datetime as dt
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from floorwalker.engines.lineage import lineage_of
from floorwalker.engines.models import parse_model
from floorwalker.engines.runner import plan
from floorwalker.governance.openlineage import (
    Emitter,
    Job,
    assertions_facet,
    column_lineage_facet,
    dataset,
    error_facet,
    facet,
    parent_facet,
    run_event,
    schema_facet,
    sql_job,
    trim,
    uuid_of,
)

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def check_event(event: dict[str, Any]) -> None:
    """What spec 2-0-2 requires of a RunEvent and its facets."""
    assert event["eventType"] in ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
    assert dt.datetime.fromisoformat(event["eventTime"]).utcoffset() is not None
    assert uuid.UUID(event["run"]["runId"])
    assert event["job"]["namespace"] and event["job"]["name"]
    for key in ("producer", "schemaURL"):
        assert ":" in event[key]
    check_facets(event["run"]["facets"])
    check_facets(event["job"]["facets"])
    for one in (*event["inputs"], *event["outputs"]):
        assert one["namespace"] and one["name"]
        for key in ("facets", "inputFacets", "outputFacets"):
            check_facets(one.get(key, {}))
    assert not any("outputFacets" in one for one in event["inputs"])
    assert not any("inputFacets" in one for one in event["outputs"])


def check_facets(facets: dict[str, Any]) -> None:
    for name, content in facets.items():
        assert content["_producer"] and f"/{name[0].upper()}{name[1:]}".replace("/Sql", "/SQL") in content["_schemaURL"]
        if name == "schema":
            assert all(one["name"] for one in content["fields"])
        if name == "columnLineage":
            for one in content["fields"].values():
                check_inputs(one["inputFields"])
            check_inputs(content.get("dataset", []))
        if name == "dataQualityAssertions":
            assert all(one["assertion"] and isinstance(one["success"], bool) for one in content["assertions"])
        if name == "outputStatistics":
            assert isinstance(content["rowCount"], int)
        if name == "parent":
            assert uuid.UUID(content["run"]["runId"]) and content["job"]["namespace"] and content["job"]["name"]
        if name == "errorMessage":
            assert content["message"] and content["programmingLanguage"]
        if name == "sql":
            assert content["query"]
        if name == "jobType":
            assert content["processingType"] and content["integration"]


def check_inputs(inputs: list[dict[str, Any]]) -> None:
    for one in inputs:
        assert one["namespace"] and one["name"] and one["field"]
        assert all(it["type"] in ("DIRECT", "INDIRECT") for it in one["transformations"])


def an_event() -> dict[str, Any]:
    lines = dataset("shop", "gold.customers", schema=schema_facet([("revenue", "decimal(28,4)")]))
    lines["outputFacets"] = {"outputStatistics": facet("outputStatistics", rowCount=3)}
    tested = dataset("shop", "gold.customers")
    tested["inputFacets"] = {"dataQualityAssertions": assertions_facet([("revenue not_null", True, "revenue")])}
    return run_event(
        "COMPLETE",
        NOW,
        sql_job("shop", "gold.customers", "SELECT 1"),
        uuid_of("shop", "r1", "gold.customers"),
        inputs=[tested],
        outputs=[lines],
        run_facets={"parent": parent_facet("shop", "run", uuid_of("shop", "r1")), "errorMessage": error_facet("x")},
    )


def test_events_have_what_the_schema_requires():
    check_event(json.loads(json.dumps(an_event())))


def test_a_run_s_id_follows_from_ours():
    assert uuid_of("shop", "r1") == uuid_of("shop", "r1") != uuid_of("shop", "r2")
    assert uuid.UUID(uuid_of("shop", "r1")).version == 5


def test_column_lineage_says_how_each_input_is_used():
    model = parse_model(
        "gold.t",
        "SELECT l.email, CAST(SUM(CASE WHEN l.country = 'UK' THEN l.amount END) AS DECIMAL(28,4)) AS uk, COUNT(*) AS n"
        " FROM bronze.lines AS l WHERE l.sold GROUP BY l.email",
    )
    known = {"bronze.lines": ("email", "country", "amount", "sold")}
    content = column_lineage_facet(lineage_of(plan([model], [], list(known)), known), "gold.t", "shop")
    used = {
        (column, one["field"]): (one["transformations"][0]["type"], one["transformations"][0]["subtype"])
        for column, about in content["fields"].items()
        for one in about["inputFields"]
    }
    assert used == {
        ("email", "email"): ("DIRECT", "IDENTITY"),
        ("uk", "amount"): ("DIRECT", "TRANSFORMATION"),
        ("uk", "country"): ("INDIRECT", "CONDITION"),
    }
    around = {(one["field"], one["transformations"][0]["subtype"]) for one in content["dataset"]}
    assert around == {("sold", "FILTER"), ("email", "GROUP_BY")}
    check_facets({"columnLineage": content})


class _Catalogue(BaseHTTPRequestHandler):
    """Takes events, or refuses them."""

    taken: list[dict[str, Any]] = []  # noqa: RUF012
    status = 201

    def do_POST(self) -> None:
        type(self).taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def catalogue() -> Iterator[tuple[type[_Catalogue], str]]:
    kind = type("Catalogue", (_Catalogue,), {"taken": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kind, f"http://127.0.0.1:{server.server_port}/api/v1/lineage"
    server.shutdown()
    server.server_close()


def test_events_are_written_and_sent(tmp_path, catalogue):
    kind, url = catalogue
    emitter = Emitter(tmp_path / "lineage", "r1", url=url)
    emitter.emit([an_event(), an_event()])
    assert len((tmp_path / "lineage" / "r1.jsonl").read_text().splitlines()) == 2
    assert len(kind.taken) == 2 and emitter.problem == ""
    check_event(kind.taken[0])


def test_a_catalogue_that_refuses_is_told_once_and_left_alone(tmp_path, catalogue):
    kind, url = catalogue
    kind.status = 500
    emitter = Emitter(tmp_path, "r1", url=url)
    emitter.emit([an_event(), an_event(), an_event()])
    assert len(kind.taken) == 1 and "not sent" in emitter.problem
    assert len((tmp_path / "r1.jsonl").read_text().splitlines()) == 3, "the file has them all"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "no address", "ftp://127.0.0.1/x"])
def test_an_address_that_does_not_answer_stops_nothing(tmp_path, url):
    emitter = Emitter(tmp_path, "r1", url=url, timeout=0.5)
    emitter.emit([an_event()])
    assert "not sent" in emitter.problem and emitter.path.exists()


def test_only_the_newest_runs_are_kept(tmp_path):
    for number in range(5):
        (tmp_path / f"2026010{number}T000000-aaaaaa.jsonl").touch()
    assert trim(tmp_path, 2) == 3
    assert sorted(path.name[:8] for path in tmp_path.iterdir()) == ["20260103", "20260104"]
    assert trim(tmp_path / "absent", 2) == 0


def test_a_job_without_sql_is_a_step():
    assert "sql" not in sql_job("shop", "rfm").facets and isinstance(sql_job("shop", "rfm"), Job)
