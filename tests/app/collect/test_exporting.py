"""From the log into the bronze tables: every event once, whatever comes twice and whenever it is cut off."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.app.collect.collecting import make_project
from tests.app.driving import call
from tests.kafka_broker import OPTIONS, shared_hosts

from floorwalker.app.collect import exporting
from floorwalker.app.collect.exporting import Exported, clear, export
from floorwalker.app.collect.log import project_log
from floorwalker.app.config import load_config
from floorwalker.app.intake import SourceResult, make_bronze, read_sources
from floorwalker.app.state import open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.events.frames import Head, Subjects
from floorwalker.events.wire.framing import frame_of
from floorwalker.events.wire.segment import read

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


class Shop:
    """A project with a log of two partitions: in files, or in a topic of Kafka where a test says so."""

    def __init__(self, folder: Path, *, on_kafka: bool = False) -> None:
        self.project = Project(make_project(folder))
        if on_kafka:
            with self.project.config_file.open("a") as file:
                file.write(f'\n[collect.log]\nurl = "kafka://{shared_hosts()}/{uuid.uuid4().hex}?{OPTIONS}"\n')
        self.lake = Lake(self.project)
        self.log = project_log(self.project, partitions=2)
        self.runs = 0
        make_bronze(self.lake)

    def came(self, *events: dict[str, Any], partition: int = 0, at: dt.datetime = NOW, source: str = "web") -> None:
        head = Head(int(at.timestamp() * 1e6), source)
        framed = frame_of(read(msgspec.json.encode({"batch": events})), head, Subjects(b"key"))
        with self.log.writer(partition) as writer:
            writer.append([framed.frame])

    def export(self) -> Exported:
        with open_state(self.project) as state:
            return export(self.project, self.lake, state)

    def take_in(self) -> list[SourceResult]:
        self.runs += 1
        with open_state(self.project) as state:
            export(self.project, self.lake, state)
            read_now = read_sources(
                self.project, load_config(self.project).settings, self.lake, state, f"run{self.runs}", NOW,
                lambda *_: None, set(), False,
            )  # fmt: skip
        clear(self.project, read_now)
        return read_now

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.lake.connect() as connection:
            for table in ("collected_events", "browse_events", "order_lines", "customers", "consents"):
                self.lake.view(connection, f"bronze.{table}")
            return connection.sql(query).fetchall()

    def ids(self) -> Counter[str]:
        return Counter(one for (one,) in self.rows("SELECT message_id FROM bronze.collected_events"))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop")
    yield made
    made.log.close()


def page(message: str, **more: Any) -> dict[str, Any]:
    return {"type": "page", "anonymousId": "a1", "messageId": message, "properties": {"url": "/"}, **more}


def test_what_was_sent_is_in_the_tables_typed(shop: Shop) -> None:
    shop.came(
        {"type": "identify", "userId": "u1", "messageId": "1", "traits": {
            "email": "Ann@Example.com", "firstName": "Ann", "birthday": "1980-03-04T00:00:00Z"}},
        {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "2",
         "timestamp": "2026-03-01T10:00:00Z", "properties": {"order_id": 17850.0, "currency": "GBP", "products": [
             {"product_id": "p1", "price": 9.99, "quantity": 2}, {"product_id": "p2", "price": "5", "quantity": 1}]}},
        {"type": "track", "event": "Segment Consent Preference Updated", "userId": "u1", "messageId": "3",
         "context": {"consent": {"categoryPreferences": {"ads": False}}}},
    )  # fmt: skip
    (result,) = shop.take_in()
    assert (result.source, result.rows_quarantined, result.rows_known) == ("collector", 0, 0)
    assert shop.rows("SELECT order_id, product_id, quantity, unit_price, amount, occurred_at FROM bronze.order_lines"
                     " ORDER BY product_id") == [
        ("17850", "p1", 2, Decimal("9.99"), Decimal("19.98"), dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)),
        ("17850", "p2", 1, Decimal(5), Decimal(5), dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)),
    ]  # fmt: skip
    assert shop.rows("SELECT email, given_name, birth_date, account_id FROM bronze.customers") == [
        ("Ann@Example.com", "Ann", dt.date(1980, 3, 4), "u1")
    ]
    assert shop.rows("SELECT purpose, status, account_id FROM bronze.consents") == [("ads", "denied", "u1")]
    assert shop.ids() == Counter(["1", "2", "3"])
    assert not (shop.project.state / "collected").exists()


def test_an_event_that_comes_twice_counts_once(shop: Shop) -> None:
    """In one request, in another, through another worker, after a run, with a fresh time of sending."""
    shop.came(page("m1"), page("m1"), page("m2"))
    shop.came(page("m1"), at=NOW + dt.timedelta(seconds=3))
    shop.came(page("m2"), partition=1)
    shop.take_in()
    assert shop.ids() == Counter(["m1", "m2"])
    shop.came(page("m1"), page("m3"), partition=1, at=NOW + dt.timedelta(seconds=9))
    shop.export()
    shop.came(page("m3"), at=NOW + dt.timedelta(seconds=11))
    shop.take_in()
    assert shop.ids() == Counter(["m1", "m2", "m3"])
    assert shop.rows("SELECT count(*) FROM bronze.browse_events") == [(3,)]
    # Another source's ids are its own.
    shop.came(page("m1"), source="app")
    shop.take_in()
    assert shop.ids()["m1"] == 2


def test_what_does_not_count_is_in_quarantine_once(shop: Shop) -> None:
    shop.came(page("m1"), {"type": "page", "messageId": "m2"}, page("m3"))
    shop.export()
    with open_state(shop.project) as state:
        assert state.execute("SELECT source, file, row_number, reason FROM quarantine").fetchall() == [
            ("collector", "log 0/0", 2, "it has neither userId nor anonymousId")
        ]
    shop.take_in()
    assert shop.ids() == Counter(["m1", "m3"])
    shown = call(shop.project.root, "quarantine", "list", "--json").json
    assert len(shown) == 1


@pytest.mark.parametrize("where", ["before the file", "after the file", "after the rows"])
def test_cut_off_at_any_place_nothing_is_lost_or_doubled(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    shop.came(page("m1"), page("m2"), {"type": "page"})

    class Cut(Exception):
        pass

    def cut(*_: Any, **__: Any) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        if where == "before the file":
            patch.setattr(exporting.Path, "replace", cut)
        elif where == "after the file":
            patch.setattr(exporting, "_quarantined", cut)
        else:
            from floorwalker.app import intake

            patch.setattr(intake, "keep_quarantine", cut)
        with pytest.raises(Cut):
            shop.take_in()
    shop.came(page("m3"), page("m1"))
    shop.take_in()
    assert shop.ids() == Counter(["m1", "m2", "m3"])
    with open_state(shop.project) as state:
        assert state.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)


@pytest.mark.slow
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_shuffled_doubled_and_delayed_events_make_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    sent = [
        page(f"m{n}", anonymousId=f"a{rng.randrange(3)}", timestamp=(NOW - dt.timedelta(minutes=n)).isoformat())
        for n in range(12)
    ]
    plain, wild = (Shop(tmp_path_factory.mktemp("shop") / "shop") for _ in range(2))
    plain.came(*sent)
    plain.take_in()
    again = [*sent, *rng.choices(sent, k=10)]
    rng.shuffle(again)
    while again:
        wild.came(*again[: (size := rng.randrange(1, 6))], partition=rng.randrange(2))
        again = again[size:]
        if rng.random() < 0.3:
            rng.choice((wild.export, wild.take_in))()
    wild.take_in()
    query = "SELECT event_name, cookie_id, url, occurred_at FROM bronze.browse_events ORDER BY ALL"
    assert wild.ids() == plain.ids() and wild.rows(query) == plain.rows(query)


def test_nothing_is_exported_where_nothing_was_collected(tmp_path: Path) -> None:
    project = Project(make_project(tmp_path / "shop"))
    with open_state(project) as state:
        assert isinstance(state, sqlite3.Connection)
        assert export(project, Lake(project), state) == Exported()
