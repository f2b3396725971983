"""The same events by both paths: the live profiles before a run say what the run then publishes, and go on from it."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.app.collect.collecting import make_project
from tests.app.driving import call, rows, run, start
from tests.profiles.live.stepping import RECEIVED, events_of, framed, steps_of

from floorwalker.app.config import load_config
from floorwalker.app.erasing import erase
from floorwalker.app.live_path import generations
from floorwalker.app.live_path.following import Follower
from floorwalker.app.live_path.shelf import LiveShelf
from floorwalker.app.lookup import normaliser
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.errors import StateError
from floorwalker.profiles.live.reading import LiveProfiles

RANKED = ("rank", "price_level", "cheap", "premium", "priced", "aspiration")
"""Features that know a product's place in the catalogue: of products that only orders tell of, a run makes one."""


class Shop:
    """A project whose log grows without a collector."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(make_project(folder))
        self.log = open_log(self.project.state / LOG, partitions=2)
        self.settings = load_config(self.project).settings
        self.shelf = LiveShelf(self.project, normaliser(self.project), clock=lambda: 0.0)

    def collect(self, events: list[dict[str, Any]], rng: random.Random) -> None:
        for step in steps_of(events, rng):
            for partition, stored in step:
                with self.log.writer(partition) as writer:
                    writer.append([one.frame for one in stored])

    def follow(self) -> dict[str, int]:
        """Bring the live side up to date; what became of the events."""
        with Follower(self.project, self.settings) as follower:
            follower.catch_up()
            return dict(follower.applier.counts)

    def profiles(self) -> LiveProfiles:
        self.shelf._next = float("-inf")
        found = self.shelf.profiles()
        assert found is not None
        return found

    def published(self) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
        """Customers with how many records they have, and their features."""
        names = [one.name for one in self.profiles().updater.features.features]
        found = rows(self.project.root, f"SELECT customer_id, {', '.join(names)} FROM gold.customer_features")
        records = rows(self.project.root, "SELECT customer_id, count(*) FROM silver.customer_map GROUP BY customer_id")
        return dict(records), {customer: dict(zip(names, values, strict=True)) for customer, *values in found}

    def consents(self) -> bool:
        """Whether live profiles allow what the last run says that people do."""
        found: dict[str, dict[str, str]] = {customer: {} for customer in self.published()[0]}
        for customer, purpose, status in rows(
            self.project.root, "SELECT customer_id, purpose, status FROM gold.consents"
        ):
            found[customer][purpose] = status
        assert any(found.values())
        live = {customer: self.profiles().profile(customer) for customer in found}
        return {customer: one.consents for customer, one in live.items() if one} == found

    def differences(self, without: tuple[str, ...] = ()) -> list[str]:
        """Features in which live profiles are not what the last run says."""
        profiles, as_of = self.profiles(), self._as_of()
        found = set()
        for customer, features in self.published()[1].items():
            live = profiles.profile(customer, as_of)
            assert live is not None, customer
            found |= {
                name
                for name, value in features.items()
                if live.features[name] != value and not any(word in name for word in without)
            }
        return sorted(found)

    def _as_of(self) -> Any:
        pointer = Lake(self.project).pointer()
        assert pointer is not None
        return pointer.as_of


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_batch_equals_stream(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    shop = Shop(tmp_path / "shop")
    events = events_of(rng, 400, people=9)
    again = [*events, *rng.sample(events, 60)]
    rng.shuffle(again)
    shop.collect(again, rng)
    assert shop.follow() == {"applied": 400, "duplicate": 60}
    before = {customer.decode(): len(joined) // 16 for customer, joined in shop.profiles().store.items("customers")}
    run(shop.project.root)
    assert before == shop.published()[0], "who is who"
    assert shop.differences(without=RANKED) == [] and shop.consents()
    assert shop.shelf.name == "none~1"

    # On the base of the run: nothing came since, and everything is known.
    assert shop.follow() == {} and shop.profiles().store.count("records") == 0
    assert (shop.shelf.name or "").startswith(f"{generations.run_of(shop.shelf.name or '')}~2")
    assert shop.differences() == [] and shop.consents()
    known = call(shop.project.root, "live", "show", "email:u1@example.com", "--features").json
    assert known["records"] == 0 and known["features"]["orders"] > 0, "whom only the run knows by this address"

    # What comes then is added to it, as the next run will.
    more = events_of(rng, 120, people=12, first=1000)
    shop.collect([*more, *rng.sample(events, 10)], rng)
    assert shop.follow() == {"applied": 120, "duplicate": 10}, "the window goes on over the run"
    customers = {customer for customer, _ in shop.profiles().store.items("customers")}
    run(shop.project.root)
    assert customers <= {customer.encode() for customer in shop.published()[0]}
    assert shop.differences(without=RANKED) == [] and shop.consents()

    _forgets(shop, rng)


def _forgets(shop: Shop, rng: random.Random) -> None:
    """Somebody is erased, without a live process and while one is at work, and does not come back."""
    shop.collect([_looks("u1"), _looks("u2"), _looks("u3")], rng)
    shop.follow()
    ann, bob = (shop.profiles().find("account_id", name) for name in ("u1", "u2"))
    assert ann and bob and shop.profiles().profile(ann)
    assert erase(shop.project, ann).findings == ()
    assert generations.current(shop.project) is None, "no process was at work: it is made again"
    with Follower(shop.project, shop.settings) as follower:
        follower.catch_up()
        profiles = shop.profiles()
        assert profiles.find("account_id", "u1") is None and profiles.profile(ann) is None
        found = profiles.profile(bob)
        assert found and found.context.viewed[0] == "p-of-u2"

    shop.shelf.close()
    process = start(shop.project.root, "live", "--worker")
    try:
        _until(lambda: _is_written(shop))
        assert erase(shop.project, bob).findings == ()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[1] == "" and process.returncode == 0
    shop.collect([_looks(name) | {"messageId": f"{name}-again"} for name in ("u1", "u2", "u3")], rng)
    assert shop.follow()["suppressed"] == 2
    assert [shop.profiles().find("account_id", name) is None for name in ("u1", "u2", "u3")] == [True, True, False]
    told = call(shop.project.root, "live", "show", "account_id:u3")
    assert told.json["context"]["viewed"][0] == "p-of-u3"


def _is_written(shop: Shop) -> bool:
    """A process has the current generation open."""
    name = generations.current(shop.project)
    if name is None:
        return False
    try:
        generations.open_generation(shop.project, shop.settings.live, name, writing=True).close()
    except StateError:
        return True
    return False


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def _looks(user: str) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "userId": user, "anonymousId": f"phone-of-{user}",
        "messageId": f"look-{user}", "properties": {"product_id": f"p-of-{user}"},
    }  # fmt: skip


def test_frames_of_the_made_up_shop_are_as_the_collector_makes_them() -> None:
    assert framed([_looks("u1")], RECEIVED).startswith(b"FW")
