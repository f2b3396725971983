"""SDKs from npm, unmodified, in Node and in a real browser. `make setup-slow` installs them into `.sdks`."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.collect.collecting import Collecting, collecting, events, frames, make_project

HERE = Path(__file__).parent / "node"
MODULES = Path(__file__).parents[3] / ".sdks" / "node_modules"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not MODULES.exists(), reason="the SDKs of npm are not installed: make setup-slow"),
]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collecting]:
    with collecting(make_project(tmp_path_factory.mktemp("node") / "shop")) as running:
        yield running


def send(collector: Collecting, sdk: str) -> list[dict]:
    before = len(events(collector.folder))
    done = subprocess.run(
        ["node", str(HERE / "send.cjs"), sdk, collector.url, collector.key],
        env={**os.environ, "NODE_PATH": str(MODULES)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and "sent" in done.stdout, done.stderr
    return events(collector.folder)[before:]


def test_segment(collector: Collecting) -> None:
    found = send(collector, "segment")
    assert sorted(one["type"] for one in found) == ["alias", "group", "identify", "page", "track"]
    assert next(one for one in found if one["type"] == "track")["timestamp"] == "2026-03-01T12:00:00.000Z"


def test_rudderstack(collector: Collecting) -> None:
    found = send(collector, "rudder")
    assert sorted(one["type"] for one in found) == ["identify", "page", "track"]
    assert all(one["messageId"] and one["originalTimestamp"] for one in found)


def test_jitsu(collector: Collecting) -> None:
    send(collector, "jitsu")
    types = [frame.head.type for frame in frames(collector.folder) if frame.head.route.startswith("jitsu")]
    assert types == ["identify", "track", "page"]


def test_posthog(collector: Collecting) -> None:
    found = send(collector, "posthog")
    assert ("track", "Product Viewed") in [(one["type"], one.get("event")) for one in found]


SEGMENT = """<!doctype html><title>shop</title><script src="index.js"></script><script>
const [analytics] = [AnalyticsNext.AnalyticsBrowser.load(
  {{ writeKey: "{key}", cdnURL: "{url}" }},
  {{ integrations: {{ "Segment.io": {{ apiHost: "{host}/v1", protocol: "http", deliveryStrategy: {strategy} }} }} }},
)]
analytics.page("Home")
analytics.track("Product Viewed", {{ product_id: "p1" }})
analytics.identify("u1", {{ email: "ann@example.com" }})
</script>"""


RUDDER = """<!doctype html><title>shop</title><script src="index.js"></script><script>
const analytics = new rudderanalytics.RudderAnalytics()
analytics.load("{key}", "{url}", {{
  configUrl: "{url}", loadIntegration: false, destSDKBaseURL: "{url}", pluginsSDKBaseURL: "{url}", {strategy}
}})
analytics.page("Home")
analytics.track("Product Viewed", {{ product_id: "p1" }})
analytics.identify("u1", {{ email: "ann@example.com" }})
</script>"""
POSTHOG = """<!doctype html><title>shop</title><script src="array.full.no-external.js"></script><script>
posthog.init("{key}", {{ api_host: "{url}", autocapture: false, opt_out_useragent_filter: true, {strategy}
  disable_session_recording: true, capture_pageview: true, request_batching: false }})
posthog.capture("Product Viewed", {{ product_id: "p1" }})
posthog.identify("u1", {{ email: "ann@example.com" }})
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
@pytest.mark.parametrize("strategy", ["{}", '{ strategy: "batching", config: { size: 3, timeout: 500 } }'])
def test_segments_sdk_in_a_browser(collector: Collecting, tmp_path: Path, strategy: str) -> None:
    by_type = visit(collector, tmp_path, MODULES / "@segment/analytics-next/dist/umd", SEGMENT, strategy)
    assert by_type.keys() == {"page", "track", "identify"}
    assert by_type["track"]["properties"]["product_id"] == "p1" and by_type["identify"]["userId"] == "u1"
    assert by_type["page"]["context"]["page"]["url"].endswith("/shop.html")


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
@pytest.mark.parametrize(
    "strategy",
    ["", "useBeacon: true, beaconQueueOptions: { maxItems: 1, flushQueueInterval: 300 },"],
    ids=["requests", "beacon"],
)
def test_rudderstacks_sdk_in_a_browser(collector: Collecting, tmp_path: Path, strategy: str) -> None:
    sdk = MODULES / "@rudderstack/analytics-js/dist/npm/legacy/bundled/umd"
    by_type = visit(collector, tmp_path, sdk, RUDDER, strategy)
    assert by_type.keys() == {"page", "track", "identify"} and by_type["track"]["properties"]["product_id"] == "p1"


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
@pytest.mark.parametrize("strategy", ["", "disable_compression: true,"], ids=["packed", "plain"])
def test_posthogs_sdk_in_a_browser(collector: Collecting, tmp_path: Path, strategy: str) -> None:
    by_type = visit(collector, tmp_path, MODULES / "posthog-js/dist", POSTHOG, strategy)
    assert by_type["track"]["properties"]["product_id"] == "p1" and by_type["identify"]["userId"] == "u1"


def visit(collector: Collecting, tmp_path: Path, sdk: Path, page: str, strategy: str) -> dict[str, dict]:
    """What comes by type when a browser opens a page of another origin, so that it asks whether it may (CORS)."""
    shutil.copytree(sdk, tmp_path / "page")
    (tmp_path / "page" / "shop.html").write_text(
        page.format(key=collector.key, url=collector.url, host=collector.url.removeprefix("http://"), strategy=strategy)
    )
    before = len(events(collector.folder))
    with serving(tmp_path / "page") as address:
        process = subprocess.Popen(
            [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             f"--user-data-dir={tmp_path / 'profile'}", f"{address}/shop.html"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while len(events(collector.folder)) < before + 3 and time.monotonic() < deadline:
                time.sleep(0.3)
        finally:
            process.terminate()
            process.wait(20)
    found = events(collector.folder)[before:]
    assert "Mozilla" in frames(collector.folder)[-1].head.agent
    return {one.get("type") or kind: one for one, kind in zip(found, types(collector)[before:], strict=True)}


def types(collector: Collecting) -> list[str]:
    """Types of the events that count, as their routes say."""
    return [
        frame.head.type
        for frame in frames(collector.folder)
        for place, raw in enumerate(frame.events)
        if raw and place not in frame.head.refused
    ]


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The files of a folder, over HTTP."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
