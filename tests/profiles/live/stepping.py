"""A live path without a project: made-up events, framed, applied in steps.

In: events as SDKs send them. Out: `Live`: the store, the applier, the profiles.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from floorwalker.engines.event_log.interface import Stored
from floorwalker.engines.live_store.opening import open_store
from floorwalker.events.frames import Head, Subjects, pack
from floorwalker.events.language.words import words
from floorwalker.identity.normalise import Normaliser
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.stitching.stitcher import Stitcher
from floorwalker.profiles.catalogue import CUSTOMER
from floorwalker.profiles.features.live import Updater
from floorwalker.profiles.live.applying import Applier
from floorwalker.profiles.live.layout import KEPT, TABLES
from floorwalker.profiles.live.reading import LiveProfiles
from floorwalker.profiles.live.window import Window
from floorwalker.sources.collected import COLLECTED
from floorwalker.sources.collected.live_rows import LiveRows
from floorwalker.sources.mapping import Defaults, load_mapping

SECRET = b"a secret of the tests"
NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
RECEIVED = int(NOW.timestamp() * 1e6)
UPDATER = Updater(CUSTOMER)
READER = LiveRows(load_mapping(COLLECTED, Defaults(currency="GBP", market="UK")), words(), KEPT)
Step = list[tuple[int, list[Stored]]]


class Live:
    """One generation in a folder; opened again, it goes on."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(folder, TABLES, writing=True)
        settings = IdentitySettings(default_region="GB")
        self.applier = Applier(
            self.store, Stitcher(settings, SECRET), READER, Window(86_400, 1 << 20), Subjects(SECRET),
            source="collector",
        )  # fmt: skip
        self.applier.restore()
        normaliser = Normaliser(settings)
        self.profiles = LiveProfiles(
            self.store, UPDATER, Subjects(SECRET), lambda kind, value: _key(normaliser, kind, value), "GBP",
            clock=lambda: NOW,
        )  # fmt: skip

    def apply(self, *events: dict[str, Any], at: int = RECEIVED) -> None:
        """Events in a step of their own."""
        offset = self.applier.positions.get(0, 0)
        self.applier.apply([(0, [Stored(offset, at, framed(events, at))])])

    def close(self) -> None:
        self.store.close()

    def tables(self, *without: str) -> dict[str, list[tuple[bytes, bytes]]]:
        """Everything in the store."""
        return {table: list(self.store.items(table)) for table in TABLES if table not in without}

    def known(self) -> dict[str, Any]:
        """What it says of everybody, whatever the order in which it came to know it."""
        found = {}
        for customer, _ in self.store.items("customers"):
            one = self.profiles.profile(customer.decode())
            assert one is not None
            found[customer.decode()] = (one.records, one.events, one.features, one.context.favourite_categories)
        return found


def _key(normaliser: Normaliser, kind: str, value: str) -> str | None:
    return normaliser.phone(value, "GB") if kind == "phone" else getattr(normaliser, kind)(value)


def framed(events: Sequence[dict[str, Any]], at: int) -> bytes:
    return pack(Head(received_at=at, source="web", market="UK"), [json.dumps(one).encode() for one in events])


def steps_of(events: Sequence[dict[str, Any]], rng: random.Random, *, partitions: int = 2) -> list[Step]:
    """The events in frames, the frames on partitions, in steps of any size; in the order of `events` per partition."""
    offsets = dict.fromkeys(range(partitions), 0)
    steps: list[Step] = []
    rest, at = list(events), RECEIVED
    while rest:
        step: Step = []
        for partition in range(partitions):
            stored = []
            for _ in range(rng.randrange(3)):
                some, rest = rest[: (size := rng.randint(1, 5))], rest[size:]
                if some:
                    at += 1000
                    stored.append(Stored(offsets[partition], at, framed(some, at)))
                    offsets[partition] += 1
            if stored:
                step.append((partition, stored))
        if step:
            steps.append(step)
    return steps


def events_of(rng: random.Random, number: int, people: int = 5, first: int = 0) -> list[dict[str, Any]]:
    """A shop's events: some people, with several cookies each, who sometimes say who they are. `first`: number of the
    first message and order."""
    return [_event(rng, first + place, people) for place in range(number)]


def _event(rng: random.Random, place: int, people: int) -> dict[str, Any]:
    who = rng.randrange(people)
    at = NOW - dt.timedelta(minutes=rng.randrange(60 * 24 * 60))
    event: dict[str, Any] = {
        "messageId": f"m{place}",
        "anonymousId": f"cookie-{who}-{rng.randrange(2)}" if rng.random() < 0.9 else "kiosk",
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "sentAt": None,
    }
    if rng.random() < 0.3:
        event["userId"] = f"u{who}"
    product = {
        "product_id": f"p{rng.randrange(8)}", "category": rng.choice(("Hats", "Coats", None)), "currency": "GBP",
        "price": rng.choice((10, 12.5, "7.25", None)), "quantity": rng.choice((None, 1, 2)),
    }  # fmt: skip
    kind = rng.random()
    if kind < 0.5:
        name = rng.choice(("Product Viewed", "Product Viewed", "Product Added", "Product Removed"))
        return event | {"type": "track", "event": name, "properties": product}
    if kind < 0.6:
        return event | {"type": rng.choice(("page", "screen")), "name": "Home"}
    if kind < 0.7:
        traits = {"email": f"u{who}@example.com", "firstName": "Ann", "lastName": f"Lee{who}"}
        return event | {"type": "identify", "userId": f"u{who}", "traits": traits}
    if kind < 0.82:
        lines = [product | {"price": rng.choice((5, 9.99))} for _ in range(rng.randint(1, 3))]
        ordered = {"order_id": f"o{place}", "currency": "GBP", "coupon": rng.choice((None, "C1")), "products": lines}
        return event | {"type": "track", "event": "Order Completed", "properties": ordered}
    if kind < 0.88:
        told = {"order_id": f"o{rng.randrange(place + 1)}", "currency": "GBP", "products": [product | {"price": 5}]}
        return event | {"type": "track", "event": "Order Refunded", "properties": told}
    if kind < 0.94:
        mail = {"email_id": f"e{rng.randrange(20)}", "campaign_id": f"c{rng.randrange(3)}"}
        name = rng.choice(("Email Delivered", "Email Opened", "Email Link Clicked"))
        return event | {"type": "track", "event": name, "userId": f"u{who}", "properties": mail}
    if kind < 0.97:
        told = {
            "purpose": rng.choice(("ads", "profiling", "marketing_email", "all")),
            "status": rng.choice(("granted", "denied", "withdrawn")),
        }
        name = rng.choice(("Consent Updated", "Unsubscribed"))
        return event | {"type": "track", "event": name, "userId": f"u{who}", "properties": told}
    points = {"points": rng.randrange(50), "loyalty_id": f"L{who}"}
    return event | {"type": "track", "event": "Points Earned", "userId": f"u{who}", "properties": points}
