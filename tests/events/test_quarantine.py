"""What does not fit is kept once, found again, and goes when a mended mapping takes it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sources.desk import HEADER, RECEIVED, Desk, sales

from floorwalker.errors import NotFoundError
from floorwalker.events.quarantine import (
    count_by_delivery,
    count_quarantine,
    discard_quarantine,
    keep_quarantine,
    list_quarantine,
    show_quarantine,
)
from floorwalker.events.schema import MIGRATIONS

GOOD = "1001,2011-07-01 12:00,A1,Mug,2,2.55,17850"


@pytest.fixture
def state() -> sqlite3.Connection:
    found = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        found.executescript(script)
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    bad = [GOOD.replace(",2,", ",two,"), GOOD.replace("2.55", "cheap"), "torn"]
    found.put("a.csv", "\n".join([HEADER, GOOD, *bad, ""]))
    found.put("b.csv", "\n".join([HEADER, GOOD.replace("A1", "B2"), bad[0], ""]))
    return found


def test_kept_once(state: sqlite3.Connection, desk: Desk) -> None:
    desk.read(sales())
    assert keep_quarantine(state, desk.connection, RECEIVED.isoformat()) == 4
    assert keep_quarantine(state, desk.connection, "2026-02-01T00:00:00+00:00") == 0
    assert [row.row_number for row in list_quarantine(state)] == [2, 4, 3, 2]
    assert {row.received_at for row in list_quarantine(state)} == {RECEIVED.isoformat()}


def test_listed_counted_shown(state: sqlite3.Connection, desk: Desk) -> None:
    desk.read(sales())
    keep_quarantine(state, desk.connection, RECEIVED.isoformat())
    assert [(one.source, one.reason, one.rows) for one in count_quarantine(state)] == [
        ("till", "quantity: cannot be read as a number", 2),
        ("till", "malformed line: too few fields", 1),
        ("till", "unit_price: cannot be read as a number", 1),
    ]
    assert count_quarantine(state, source="web") == []
    assert [(row[2], row[3]) for row in count_by_delivery(state)] == [("a.csv", 3), ("b.csv", 1)]
    assert [row.file for row in list_quarantine(state, reason="quantity")] == ["b.csv", "a.csv"]
    assert len(list_quarantine(state, source="till", limit=2, offset=3)) == 1
    delivery = desk.result.deliveries[1].delivery.delivery_id
    (row,) = list_quarantine(state, delivery_id=delivery)
    assert show_quarantine(state, row.id) == row
    assert (row.kind, row.mapping, row.received_at) == ("order_lines", "mapping", "2026-01-31T12:00:00+00:00")
    assert '"qty":"two"' in row.raw
    with pytest.raises(NotFoundError, match="no row 99 in quarantine"):
        show_quarantine(state, 99)
    assert discard_quarantine(state, [row.id, 99]) == 1


def test_a_mended_mapping_takes_rows_out(state: sqlite3.Connection, desk: Desk) -> None:
    desk.read(sales())
    keep_quarantine(state, desk.connection, RECEIVED.isoformat())
    mended = sales(quantity='{ column = "qty", map = { "two" = "2" } }')
    desk.read(mended)
    assert keep_quarantine(state, desk.connection, "2026-02-01T00:00:00+00:00") == 2
    assert [row.row_number for row in list_quarantine(state)] == [4, 3]
    assert len(desk.rows("1")) == 3, "the mended row joined, the others were known"


def test_another_mapping_of_the_same_file_settles_nothing(state: sqlite3.Connection, desk: Desk) -> None:
    desk.read(sales())
    keep_quarantine(state, desk.connection, RECEIVED.isoformat())
    other = replace(sales('brand = "Acme"'), path="mappings/other.toml")
    desk.read(other)
    keep_quarantine(state, desk.connection, RECEIVED.isoformat())
    assert sorted(row.mapping for row in list_quarantine(state)) == ["mapping"] * 4 + ["other"] * 4
