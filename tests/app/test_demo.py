"""The demo from end to end, at a size that takes seconds."""

from __future__ import annotations

import json
from pathlib import Path

from tests.app.driving import call, rows


def test_the_demo_ends_with_numbers_and_a_report(demo_once: tuple[Path, str]) -> None:
    folder, out = demo_once
    for word in ("records", "customers", "identity", "revenue", "segments", "recommender", "audience", "decision"):
        assert f"\n{word}" in out, out
    assert "next:" in out and "because you" in out
    page = (folder / "report.html").read_text()
    assert page.lstrip().startswith("<!") and "http://" not in page.replace("http://www.w3.org", "")
    report = json.loads((folder / "report.json").read_text())
    text = json.dumps(report)
    (customers,) = rows(folder, "SELECT COUNT(*) FROM gold.customers")[0]
    assert customers > 300 and f"{customers}" in text
    assert report["project"] == "demo" and report["run"]["as_of"] == "2026-07-01"


def test_the_demo_does_not_touch_a_folder_it_has_not_made(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = call(tmp_path, "demo", "--out", str(tmp_path), "--customers", "100")
    assert done.code == 1 and "the demo did not make it" in done.err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_status_and_report_of_the_published_run(demo_once: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = demo_once
    status = call(folder, "status", "--json").json
    assert status["published"]["run_id"] == status["runs"][0]["run_id"]
    assert sum(one["rows_read"] for one in status["sources"]) == status["runs"][0]["rows_new"]
    done = call(folder, "report", "--out", str(tmp_path / "again.html"))
    assert done.code == 0 and (tmp_path / "again.json").exists()
