"""Steps: any order, any batching and any repetition give the same profiles; the same steps the same bytes."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.profiles.live.stepping import READER, RECEIVED, Live, events_of, steps_of

SEEDS = st.integers(0, 1 << 32)
_settings = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_settings
@given(SEEDS)
def test_order_batching_and_repetition_do_not_matter(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    events = events_of(rng, rng.randint(1, 80))
    one, two = (Live(tmp_path_factory.mktemp("live")) for _ in range(2))
    for step in steps_of(events, rng):
        one.applier.apply(step)
    again = [*events, *rng.sample(events, len(events) // 3)]
    rng.shuffle(again)
    for step in steps_of(again, rng, partitions=3):
        two.applier.apply(step)
    assert one.known() == two.known()
    assert dict(one.store.items("customer_of")).keys() == dict(two.store.items("customer_of")).keys()
    assert two.applier.counts["duplicate"] == len(events) // 3
    one.close()
    two.close()


@_settings
@given(SEEDS)
def test_the_same_steps_give_the_same_bytes_however_often_it_was_interrupted(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    steps = steps_of(events_of(rng, rng.randint(1, 120)), rng)
    whole, folder = Live(tmp_path_factory.mktemp("live")), tmp_path_factory.mktemp("live")
    cut = Live(folder)
    for number, step in enumerate(steps):
        whole.applier.apply(step)
        cut.applier.apply(step)
        if rng.random() < 0.3:
            cut.close()
            cut = Live(folder)
            cut.applier.warm([one for done in steps[: number + 1] for one in done])
    assert whole.tables() == cut.tables()
    whole.close()
    cut.close()


def test_a_visitor_who_says_who_they_are_is_one_customer_with_their_past(tmp_path: Path) -> None:
    live = Live(tmp_path)
    looked = {"type": "track", "event": "Product Viewed", "anonymousId": "k1", "properties": {"product_id": "p1"}}
    live.apply(looked | {"messageId": "1"}, looked | {"messageId": "2", "anonymousId": "k2"})
    anonymous = live.profiles.find("cookie_id", "k1")
    assert anonymous and anonymous != live.profiles.find("cookie_id", "k2")
    live.apply({"type": "identify", "userId": "u1", "anonymousId": "k1", "messageId": "3"})
    live.apply(
        {"type": "identify", "userId": "u1", "anonymousId": "k2", "messageId": "4", "traits": {"email": "Ann@lee.com"}}
    )
    ann = live.profiles.find("email", "ann@lee.com")
    assert ann and {live.profiles.find("cookie_id", one) for one in ("k1", "k2")} == {ann}
    found = live.profiles.profile(anonymous)
    assert found and found.customer_id == ann, "the id that was given before is still answered"
    assert found.features["views_7d"] == 2 and found.context.viewed == ["p1"]
    live.close()


def test_many_rows_of_one_record_are_kept_apart_and_read_together(tmp_path: Path) -> None:
    live = Live(tmp_path)
    looked = {"type": "track", "event": "Product Viewed", "anonymousId": "k1"}
    for start in range(0, 600, 50):
        live.apply(
            *(looked | {"messageId": f"m{n}", "properties": {"product_id": f"p{n}"}} for n in range(start, start + 50))
        )
    assert live.store.count("rows") > 3
    found = live.profiles.profile(live.profiles.find("cookie_id", "k1") or "")
    assert found and found.features["products_viewed_30d"] == 600
    live.close()


def test_what_does_not_count_is_counted_apart(tmp_path: Path) -> None:
    live = Live(tmp_path)
    event = {"type": "page", "anonymousId": "k1", "messageId": "1"}
    live.apply(event, event)
    live.apply(event, at=RECEIVED + 3 * 86_400_000_000)
    assert live.applier.counts == {"applied": 2, "duplicate": 1}, "beyond the window it is new again"
    live.close()


def test_an_event_that_nobody_foresaw_does_not_take_its_neighbours_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, read = Live(tmp_path), READER.read

    def breaks(head: Any, place: int, *rest: Any) -> Any:
        if place == 1:
            raise OverflowError
        return read(head, place, *rest)

    monkeypatch.setattr(live.applier, "reader", SimpleNamespace(read=breaks))
    looked = {"type": "track", "event": "Product Viewed", "anonymousId": "k1"}
    long = {"product_id": "p1", "category": "c" * 70_000}
    live.apply(*(looked | {"messageId": str(number), "properties": long} for number in range(3)))
    assert +live.applier.counts == {"applied": 2, "failed": 1} and live.applier.positions == {0: 1}
    found = live.profiles.profile(live.profiles.find("cookie_id", "k1") or "")
    assert found and found.features["views_7d"] == 2 and len(found.context.favourite_categories[0]) == 70_000
    live.close()
