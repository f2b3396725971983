"""Figures of the live path: written by the live process, told by others."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.app.collect.collecting import collecting, make_project

from floorwalker.app.live_path.telling import (
    BOUNDS,
    PAUSE,
    LivePathCollector,
    Telling,
    path_of,
    read_progress,
)
from floorwalker.engines.project import Project

STATE = {"generation": "none~1", "counts": {"applied": 7, "duplicate": 2}, "lag": 3, "window_ids": 9}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "state" / "live").mkdir(parents=True)
    return Project(tmp_path)


def test_what_is_told_is_what_prometheus_reads(project: Project) -> None:
    telling = Telling(lambda: STATE)
    telling.applied([1_000_000, 2_000_000], now=2_004_000)
    telling.tell(path_of(project))
    own = CollectorRegistry()
    own.register(LivePathCollector(project))
    text = generate_latest(own).decode()
    assert 'floorwalker_live_events_total{verdict="applied"} 7.0' in text
    assert 'floorwalker_live_events_total{verdict="failed"} 0.0' in text
    assert 'floorwalker_live_freshness_seconds_bucket{le="0.005"} 1.0' in text
    assert 'floorwalker_live_freshness_seconds_bucket{le="1.0"} 1.0' in text
    assert 'floorwalker_live_freshness_seconds_bucket{le="+Inf"} 2.0' in text
    assert "floorwalker_live_lag_frames 3.0" in text and "floorwalker_live_window_ids 9.0" in text


def test_it_is_told_once_a_second_and_only_by_the_one_that_is_read(project: Project) -> None:
    telling = Telling(lambda: STATE)
    telling.tell(path_of(project))
    path_of(project).unlink()
    telling.tell(path_of(project))
    assert read_progress(project) is None
    Telling(lambda: None).tell(path_of(project))
    assert read_progress(project) is None
    assert PAUSE == 1.0 and list(BOUNDS) == sorted(BOUNDS)


@pytest.mark.parametrize("text", [b"", b"{", b'{"lag": 1}'])
def test_a_file_that_cannot_be_read_is_no_figures(project: Project, text: bytes) -> None:
    path_of(project).write_bytes(text)
    own = CollectorRegistry()
    own.register(LivePathCollector(project))
    assert generate_latest(own) == b""


def test_a_disk_that_is_full_does_not_end_the_live_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Telling(lambda: STATE).tell(tmp_path / "nowhere" / "progress.json")
    assert "could not be written" in caplog.text


def test_two_workers_of_a_collector_and_its_live_path_answer_together(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop")
    with collecting(folder, "--live", "--workers", "2") as collector:
        headers = {"authorization": f"Bearer {collector.server_key}"}
        event = {"event": "Product Viewed", "anonymousId": "k", "properties": {"product_id": "p"}}
        for number in range(20):
            # A connection each: so both workers get some.
            with httpx.Client(base_url=collector.url, timeout=20) as client:
                sent = client.post("/v1/track", json=event | {"messageId": f"m{number}"}, auth=(collector.key, ""))
                assert sent.status_code == 200
        wanted = (
            'floorwalker_collect_events_total{verdict="accepted"} 20.0',
            "floorwalker_collect_frames_total 20.0",
            'floorwalker_live_events_total{verdict="applied"} 20.0',
            "floorwalker_live_lag_frames 0.0",
            "floorwalker_collect_unread 20.0",
        )
        until = time.monotonic() + 60
        while missing := [one for one in wanted if one not in _metrics(collector.url, headers)]:
            assert time.monotonic() < until, missing
            time.sleep(0.2)


def _metrics(url: str, headers: dict[str, str]) -> str:
    return httpx.get(f"{url}/metrics", headers=headers, timeout=20).text
