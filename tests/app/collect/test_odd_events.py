"""Whatever an event holds, it is in the lake or in quarantine, and its neighbours are in the lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.app.collect.test_exporting import Shop, page

from floorwalker.app.state import open_state

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("x" * 3000), st.just("\u0000"),
    st.sampled_from(["infinity", "-infinity", "now", "epoch", "0000-00-00", "2026-02-30", "2026-13-01T00:00:00Z",
                     "290309-12-22", "9999-12-31T23:59:59Z", "0001-01-01", "1e400", "NaN", "-", "{}", "[]", "null",
                     "1,99", "£5", "2026-01-01T25:00:00", "2026-01-01T00:00:00+99:00", "-99999999999999999999"]),
    st.sampled_from([1e308, -1e308, 1e18, -1e18, 2**63, 2**64, -(2**63), 10**400, 0.1, float("inf"), float("nan")]),
    st.lists(st.integers(0, 3), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=3),
    st.just([[[[]]]]), st.just({"a": {"b": {"c": [None, {"d": "e"}]}}}),
)  # fmt: skip
NAMES = st.sampled_from([
    "Order Completed", "Order Refunded", "Product Viewed", "Consent Updated", "Unsubscribed", "Email Opened",
    "Store Sale Completed", "Points Earned", "Service Contacted", "Experiment Viewed", "Stock Changed",
    "Price Changed", "Made Up",
])  # fmt: skip
PROPERTIES = st.dictionaries(
    st.sampled_from(["products", "order_id", "coupon", "purpose", "status", "price", "quantity", "currency", "url",
                     "points", "email", "phone", "loyalty_id", "ticket_id", "product_id", "valid_from", "discount"]),
    ODD | st.lists(st.dictionaries(st.sampled_from(["product_id", "price", "quantity"]), ODD, max_size=3), max_size=3),
    max_size=5,
)  # fmt: skip
CONTEXT = st.dictionaries(
    st.sampled_from(["traits", "device", "externalIds", "consent", "page", "locale", "sessionId", "channel"]),
    ODD | st.dictionaries(st.sampled_from(["id", "email", "categoryPreferences", "url"]), ODD, max_size=3), max_size=3,
)  # fmt: skip
EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "page", "identify", "screen", "group", "alias"]), "event": NAMES},
    optional={
        "properties": ODD | PROPERTIES, "traits": ODD | PROPERTIES, "context": ODD | CONTEXT, "timestamp": ODD,
        "originalTimestamp": ODD, "sentAt": ODD, "userId": ODD, "anonymousId": ODD, "previousId": ODD, "groupId": ODD,
        "name": ODD, "messageId": ODD,
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("odd") / "shop")
    yield made
    made.log.close()


# Not shrunk: an example takes a second, and the message of the database says what is wrong.
@settings(
    max_examples=10, deadline=None, phases=[Phase.generate], report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.lists(EVENT, min_size=20, max_size=60), ODD, st.integers(0, 10**12))
def test_nothing_in_an_event_stops_the_others(shop: Shop, events: list[dict[str, Any]], sent: Any, number: int) -> None:
    from floorwalker.events.frames import Head, Subjects
    from floorwalker.events.wire.framing import frame_of
    from floorwalker.events.wire.segment import read

    good = [page(f"good-{number}-{place}", anonymousId=f"a{place}") for place in range(2)]
    body = json.dumps({"batch": [good[0], *events, good[1]], "sentAt": sent}).encode()
    before = shop.ids().total()
    with open_state(shop.project) as state:
        (aside,) = state.execute("SELECT count(*) FROM quarantine WHERE file LIKE 'log %'").fetchone()
    framed = frame_of(read(body), Head(1_772_366_400_000_000, f"web{number}"), Subjects(b"key"))
    with shop.log.writer(0) as writer:
        writer.append([framed.frame])
    shop.take_in()
    ids = shop.ids()
    assert all(ids[one["messageId"]] == 1 for one in good)
    with open_state(shop.project) as state:
        (now,) = state.execute("SELECT count(*) FROM quarantine WHERE file LIKE 'log %'").fetchone()
    # Events with one message id count once: here most have none, and get one.
    assert ids.total() - before + now - aside <= len(events) + 2
    assert ids.total() - before + now - aside >= len({json.dumps(e.get("messageId")) for e in events}) // 2
