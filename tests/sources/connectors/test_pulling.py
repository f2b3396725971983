"""Cursors, chunks and deliveries without a system at the other end: what any order of changes and accidents gives."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.errors import SourceError
from floorwalker.sources.connectors import pulling
from floorwalker.sources.connectors.cursors import number, seconds, time_of, value_of, written
from floorwalker.sources.connectors.definition import CursorRule, Stream
from floorwalker.sources.connectors.pulling import Asked, Page, pull_stream
from floorwalker.sources.connectors.rows import exploded
from floorwalker.sources.connectors.settings import Pull
from floorwalker.sources.schema import MIGRATIONS

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RULE = CursorRule("at", overlap_minutes=5)
PULL = Pull("it", "none")


class Table:
    """A system: rows with the minute of their last change; a read may break after some pages."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.minute = 0
        self.breaks_after: int | None = None

    def change(self, key: int, value: int) -> None:
        self.minute += 1
        at = (BEGIN + dt.timedelta(minutes=self.minute)).isoformat()
        self.rows[key] = {"id": key, "value": value, "at": at}

    def pages(self, stream: Stream, start: Decimal | None, token: str = "") -> Iterator[Page]:
        found = [one for one in self.rows.values() if start is None or (value_of(RULE, one) or 0) >= start]
        if stream.cursor and stream.cursor.ordered:
            found.sort(key=lambda one: one["at"])
        for place, one in enumerate(found):
            if place == self.breaks_after:
                raise SourceError("it broke")
            yield Page([one])

    def clock(self) -> Decimal | None:
        return seconds(BEGIN + dt.timedelta(minutes=self.minute))


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(1, 4), st.integers(0, 2)),
        st.tuples(st.just("pull"), st.booleans(), st.none()),
        st.tuples(st.just("break"), st.integers(0, 3), st.none()),
    ),
    max_size=30,
)


@given(ACTS, st.booleans())
@settings(deadline=None)
def test_the_last_delivered_word_on_each_row_is_its_state(acts: list[tuple], ordered: bool) -> None:
    table, state = Table(), sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        state.executescript(script)
    rule = CursorRule("at", overlap_minutes=5, ordered=ordered)
    stream = Stream("rows", key=("id",), cursor=rule, rows={"rows": ()})
    pulling.CHUNK, was = 2, pulling.CHUNK
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "it"
        turn = 0
        try:
            for act, one, two in [*acts, ("pull", False, None)]:
                turn += 1
                asked = Asked(BEGIN + dt.timedelta(days=1, seconds=turn), full=act == "pull" and one)
                if act == "change":
                    table.change(one, two)
                else:
                    table.breaks_after = one if act == "break" else None
                    try:
                        pull_stream(table, PULL, stream, state, folder, asked)
                    except SourceError:
                        assert act == "break"
        finally:
            pulling.CHUNK = was
        told: dict[int, dict[str, Any]] = {}
        for path in sorted(folder.glob("rows/*.jsonl")):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            assert len({line["id"] for line in lines}) == len(lines), "one word per row in a file"
            told |= {line["id"]: line for line in lines}
        assert told == table.rows
        # And there is nothing more to bring.
        again = pull_stream(table, PULL, stream, state, folder, Asked(BEGIN + dt.timedelta(days=2)))
        assert (again.new, again.files) == (0, 0)


@given(st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2100, 1, 1)), st.integers(-720, 720))
def test_instants_compare_whatever_zone_they_are_written_in(naive: dt.datetime, minutes: int) -> None:
    aware = naive.replace(tzinfo=dt.UTC)
    there = aware.astimezone(dt.timezone(dt.timedelta(minutes=minutes)))
    value = number(RULE, there.isoformat())
    assert value == number(RULE, aware) == number(RULE, naive.isoformat())
    assert value is not None and time_of(value) == aware
    # What is asked for is never later than what is meant.
    assert dt.datetime.fromisoformat(written(RULE, value)) <= aware


def test_what_says_no_time_is_no_time() -> None:
    for value in (None, True, {}, [], "soon", "2026-13-01"):
        assert number(RULE, value) is None
    assert number(CursorRule("n", type="number"), "NaN") is None


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=3))
def test_every_element_of_a_list_within_lists_is_a_line(groups: list[list[int]]) -> None:
    record = {"id": 1, "a": [{"b": [{"c": one} for one in group]} for group in groups]}
    lines = list(exploded(record, ("a", "b")))
    assert [line["a"]["b"]["c"] for line in lines] == [one for group in groups for one in group]
    assert all(line["id"] == 1 for line in lines)
