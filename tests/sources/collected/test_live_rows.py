"""Events as rows without a database are the rows that a run makes of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.app.collect.test_exporting import Shop
from tests.sources.collected.odd_events import Odd

from floorwalker.app.config import load_config
from floorwalker.app.intake import load_mappings
from floorwalker.app.state import open_state
from floorwalker.events.frames import Frame, pack
from floorwalker.events.language.words import words
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.collected import COLLECTED
from floorwalker.sources.collected.live_rows import LiveRows, batch_context

_OF_THE_RUN = ("event_id", "source", "delivery_id", "schema_version", "received_at")
Found = Counter[tuple[Any, ...]]


def by_a_run(shop: Shop, frames: list[Frame]) -> tuple[Found, Found]:
    """Rows in the bronze tables, and what is in quarantine."""
    with shop.log.writer(0) as writer:
        for one in frames:
            writer.append([pack(one.head, one.events)])
    shop.take_in()
    rows: Found = Counter()
    with shop.lake.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for kind in KINDS.values():
            shop.lake.view(connection, f"bronze.{kind.name}")
            names = [name for name in kind.names if name not in _OF_THE_RUN]
            columns = ", ".join("epoch_us(occurred_at)" if name == "occurred_at" else f'"{name}"' for name in names)
            for row in connection.sql(f"SELECT {columns} FROM bronze.{kind.name}").fetchall():
                rows[kind.name, *sorted((name, repr(one)) for name, one in zip(names, row, strict=True)
                                        if one is not None)] += 1  # fmt: skip
    with open_state(shop.project) as state:
        aside = state.execute("SELECT kind, reason FROM quarantine WHERE file NOT LIKE 'log %'").fetchall()
    return rows, Counter(aside)


def by_one(shop: Shop, frames: list[Frame]) -> tuple[Found, Found]:
    """The same without a database. Of equal message ids the first counts."""
    (mapping,) = [
        one for one in load_mappings(shop.project, load_config(shop.project).settings) if one.source == "collector"
    ]
    reader = LiveRows(mapping, words())
    rows: Found = Counter()
    aside: Found = Counter()
    seen = set()
    for frame in frames:
        shared = batch_context(frame.head)
        for place, raw in enumerate(frame.events):
            found = reader.read(frame.head, place, raw, shared)
            if found is None or (found.source, found.message_id) in seen:
                continue
            seen.add((found.source, found.message_id))
            for kind, values in found.rows:
                told = sorted((name, repr(value)) for name, value in values.items() if value is not None)
                rows[kind, *told] += 1
            aside.update((kind, reason) for kind, reason in found.refused)
    return rows, aside


def compare(folder: Path, frames: list[Frame], mapping: str = "", more: str = "") -> int:
    shop = Shop(folder / "shop")
    if mapping:
        (shop.project.mappings / COLLECTED.name).write_text(mapping)
    run, run_aside = by_a_run(shop, frames)
    one, one_aside = by_one(shop, frames)
    shop.log.close()
    assert sorted((run - one).elements()) == sorted((one - run).elements())
    assert run_aside == one_aside
    return run.total()


@settings(
    max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(st.integers(0, 10**9), st.sampled_from([0.05, 0.2]))
def test_rows_are_those_of_a_run(tmp_path_factory: pytest.TempPathFactory, seed: int, oddness: float) -> None:
    frames = Odd(seed, oddness).frames(400)
    assert compare(tmp_path_factory.mktemp("same"), frames) > 200
