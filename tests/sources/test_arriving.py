"""Files are read once they are whole: not while they are copied, without their marker, or just changed."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sources.desk import HEADER, Desk, sales

from floorwalker.errors import ConfigError
from floorwalker.sources.arriving import arrived
from floorwalker.sources.files import find_deliveries
from floorwalker.sources.shape import Arrival

LINE = "1001,2011-07-01 12:00,A1,Mug,2,2.55,17850"


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_names_of_files_on_their_way(desk: Desk) -> None:
    for name in ("a.csv", "b.csv.part", "~$a.xlsx", "c.csv.filepart", "d.tmp", "e.crdownload", "a.csv.done"):
        desk.put(name, f"{HEADER}\n{LINE}\n")
    waiting: list[str] = []
    found = find_deliveries(sales(), desk.folder, waiting)
    assert [one.name for one in found] == ["a.csv"]
    assert waiting == ["b.csv.part", "c.csv.filepart", "d.tmp", "e.crdownload", "~$a.xlsx"]


def test_order_markers_and_a_pause(tmp_path: Path) -> None:
    for age, name in ((30, "b.csv"), (20, "a.csv"), (10, "c.csv")):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    paths = sorted(tmp_path.glob("*.csv"))
    assert names(arrived(paths, Arrival())[0]) == ["a.csv", "b.csv", "c.csv"]
    assert names(arrived(paths, Arrival(order="time"))[0]) == ["b.csv", "a.csv", "c.csv"]
    (tmp_path / "a.csv.ok").touch()
    (tmp_path / "c.ok").touch()
    whole, waiting = arrived(sorted(tmp_path.iterdir()), Arrival(complete=".ok"))
    assert (names(whole), names(waiting)) == (["a.csv", "c.csv"], ["b.csv"])
    # Setting a file's time back does not make it old: it was changed now.
    assert names(arrived(paths, Arrival(settle=60))[1]) == ["a.csv", "b.csv", "c.csv"]
    assert names(arrived(paths, Arrival(settle=60), now=time.time() + 61)[0]) == ["a.csv", "b.csv", "c.csv"]


def test_the_way_files_arrive_is_no_part_of_what_they_say(desk: Desk) -> None:
    desk.put("a.csv", f"{HEADER}\n{LINE}\n")
    (plain,) = desk.found(sales())
    (ordered,) = desk.found(sales('order = "time"'))
    (shaped,) = desk.found(sales("header_row = 1"))
    assert plain.fingerprint == ordered.fingerprint != shaped.fingerprint
    assert replace(sales(), arrival=Arrival("time", ".ok", 5)).digest == sales().digest


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ('complete = "done"', "complete"),
        ("settle = -1", "settle"),
        ('order = "size"', "order"),
        ("header_row = -1", "header_row"),
        ("header_row = 2\nskip_lines = 1", "skip_lines"),
        ('format = "fixed"', "fields"),
        ('format = "fixed"\nskip_lines = 1\nfields = [{ name = "no", start = 0, width = 4 }]', "field"),
        ('format = "fixed"\nheader_row = 1\nfields = [{ name = "no", start = 1, width = 4 }]', "header"),
        ('totals = "drop"', "totals"),
        ("sheet = 3", "sheet"),
    ],
)
def test_what_cannot_be_meant(options: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        sales(options)
    assert "line" in str(caught.value)
