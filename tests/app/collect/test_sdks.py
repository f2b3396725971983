"""Unmodified SDKs from PyPI, told nothing but another host: what they send is stored, and retries make no doubles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.collect.collecting import Collecting, collecting, events, frames, make_project

WHEN = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collecting]:
    with collecting(make_project(tmp_path_factory.mktemp("sdks") / "shop")) as running:
        yield running


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_segment(collector: Collecting, packed: bool) -> None:
    from segment.analytics.client import Client

    failed: list[object] = []
    before = len(events(collector.folder))
    client = Client(
        collector.key,
        host=collector.url,
        gzip=packed,
        on_error=lambda error, batch: failed.append(error),
        max_retries=1,
    )
    client.identify("u1", {"email": "ann@example.com"})
    client.track("u1", "Order Completed", {"order_id": "o1", "products": [{"product_id": "p1"}]}, timestamp=WHEN)
    client.page("u1", "Docs", "Home")
    client.group("u1", "g1", {"name": "Household"})
    client.alias("a1", "u1")
    for n in range(250):
        client.track("u1", "Product Viewed", {"product_id": f"p{n}"})
    client.shutdown()
    found = events(collector.folder)[before:]
    assert not failed and len(found) == 255
    assert [one["type"] for one in found[:5]] == ["identify", "track", "page", "group", "alias"]
    assert found[1]["timestamp"].startswith("2026-03-01T12:00:00")


def test_rudderstack(collector: Collecting) -> None:
    from rudderstack.analytics.client import Client

    failed: list[object] = []
    before = len(events(collector.folder))
    client = Client(collector.key, host=collector.url, on_error=lambda error, batch: failed.append(error), gzip=True)
    client.identify("u1", {"email": "ann@example.com"})
    client.track("u1", "Product Added", {"product_id": "p1"})
    client.shutdown()
    found = events(collector.folder)[before:]
    assert not failed and [one["type"] for one in found] == ["identify", "track"]
    assert found[0]["context"]["traits"]["email"] == "ann@example.com"


def test_posthog(collector: Collecting) -> None:
    from posthog import Posthog

    before = len(events(collector.folder))
    client = Posthog(collector.key, host=collector.url, gzip=True, disable_geoip=False)
    client.capture("Product Viewed", distinct_id="d1", properties={"product_id": "p1"}, timestamp=WHEN)
    client.capture("$pageview", distinct_id="d1", properties={"$current_url": "https://shop.example/x"})
    client.set(distinct_id="d1", properties={"email": "ann@example.com"})
    client.shutdown()
    found = events(collector.folder)[before:]
    assert [(one["type"], one.get("event")) for one in found[:2]] == [("track", "Product Viewed"), ("page", None)]
    assert found[1]["properties"]["url"] == "https://shop.example/x"
    assert all(one["anonymousId"] == "d1" for one in found[:2])


def test_what_an_sdk_could_not_store_it_sends_again(tmp_path: Path) -> None:
    """The disk is full, the SDK keeps its events; there is room again, and they come, once each."""
    from segment.analytics.client import Client

    folder = make_project(tmp_path / "shop")
    limit = folder / "floorwalker.toml"
    limit.write_text(limit.read_text() + "\n[collect]\nevents_per_second = 50\n")
    with collecting(folder) as collector:
        client = Client(collector.key, host=collector.url, max_retries=10, upload_interval=0.05, upload_size=60)
        for n in range(300):
            client.track("u1", "Product Viewed", {"n": n})
        client.shutdown()
        found = events(folder)
        assert sorted(one["properties"]["n"] for one in found) == list(range(300))
        assert len({one["messageId"] for one in found}) == 300
        # More than one attempt was needed: the rate is 50 a second, 100 at once.
        assert len(frames(folder)) >= 5
