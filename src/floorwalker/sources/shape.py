"""How a source's files are laid out and how they arrive: what a mapping says beside its columns.

In: a mapping's TOML, already parsed. Out: `Shape` (sheets, members, header, fields of fixed width, totals) and
`Arrival` (which files are whole, and in what order they are read). Whatever cannot be meant is told by `fail`.

    sheet = "Sales"                 # of a workbook; a list, or "*" for every sheet; default: those that fit
    members = "orders/*.csv"        # of an archive; default: all whose ending is known
    header_row = 4                  # default: the first of the top lines that has every column the mapping reads
    totals = "keep"                 # default: a last row that says "Total" is put aside
    order = "time"                  # default: by name
    complete = ".done"              # orders.csv counts once orders.csv.done is there
    settle = 60                     # a file counts once it has not changed for so many seconds
    fields = [{ name = "sku", start = 1, width = 8 }]        # with format = "fixed"; also as [[fields]]

>>> read_shape({"sheet": "Sales"}, print).sheets
('Sales',)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

KEYS = ("sheet", "members", "header_row", "skip_lines", "totals", "fields", "order", "complete", "settle")
"""Keys of a mapping that this module reads."""
Fail = Callable[..., Any]


@dataclass(frozen=True)
class Shape:
    """`header_row`: its line, counted from 1; 0: to be found. `fields`: (name, start from 1, width)."""

    sheets: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    header_row: int = 0
    totals: str = "refuse"
    fields: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Arrival:
    """`complete`: ending of the marker that says a file is whole. `settle`: seconds it must have been left alone."""

    order: str = "name"
    complete: str = ""
    settle: float = 0.0


def read_shape(document: Mapping[str, Any], fail: Fail) -> Shape:
    """Check and take what a mapping says of its files' layout; `fail(what, key, fix=…)` raises."""
    skip, row = (_whole(document, key, fail) for key in ("skip_lines", "header_row"))
    if skip and row:
        fail("header_row and skip_lines say the same thing", "skip_lines", fix="keep one of them")
    fields = _fields(document, fail)
    if fields and row:
        fail("lines of fixed width have no header to name columns", "header_row", fix="skip_lines = 1")
    fixed = document.get("format") == "fixed"
    if fixed != bool(fields):
        fail("format fixed and fields come together", "fields" if fields else "format",
             fix='format = "fixed" and [[fields]] with name, start and width')  # fmt: skip
    return Shape(
        sheets=_texts(document, "sheet", fail),
        members=_texts(document, "members", fail),
        header_row=skip + 1 if skip else row,
        totals=_choice(document, "totals", ("refuse", "keep"), fail),
        fields=fields,
    )


def read_arrival(document: Mapping[str, Any], fail: Fail) -> Arrival:
    """The same of how files arrive."""
    complete = document.get("complete", "")
    if not isinstance(complete, str) or (complete and not complete.startswith(".")):
        fail("'complete' must be the ending of a marker file", "complete", fix='complete = ".done"')
    settle = document.get("settle", 0)
    if isinstance(settle, bool) or not isinstance(settle, int | float) or settle < 0:
        fail("'settle' must be a number of seconds", "settle", fix="settle = 60")
    return Arrival(_choice(document, "order", ("name", "time"), fail), complete, float(settle))


def check_formats(formats: tuple[str, ...], target: str, index: int, fail: Fail) -> None:
    """Refuse formats by which a date could be read two ways."""
    if twice := read_two_ways(formats):
        fail(f"'{target}' could be read two ways: {twice[0]} and {twice[1]}", target, index,
             fix="keep the one the source means; 03/04/2026 is either 3 April or 4 March")  # fmt: skip


def read_two_ways(formats: tuple[str, ...]) -> tuple[str, str] | None:
    """Two formats of which one takes for the day what the other takes for the month: no row could tell them apart.

    >>> read_two_ways(("iso", "%d/%m/%Y", "%m/%d/%Y"))
    ('%d/%m/%Y', '%m/%d/%Y')
    """
    bare = [form.replace("%-d", "%d").replace("%e", "%d").replace("%-m", "%m") for form in formats]
    for at, one in enumerate(bare):
        swapped = one.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
        if swapped != one and swapped in bare[at + 1 :]:
            return formats[at], formats[bare.index(swapped, at + 1)]
    return None


def _texts(document: Mapping[str, Any], key: str, fail: Fail) -> tuple[str, ...]:
    value = document.get(key, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        fail(f"'{key}' must be text or a list of texts", key)
    return tuple(value)


def _choice(document: Mapping[str, Any], key: str, choices: tuple[str, ...], fail: Fail) -> str:
    value = document.get(key, choices[0])
    if value not in choices:
        fail(f"{key} = {value!r} is not one of {', '.join(choices)}", key)
    return value


def _whole(document: Mapping[str, Any], key: str, fail: Fail) -> int:
    value = document.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        fail(f"'{key}' must be a whole number", key)
    return value


def _fields(document: Mapping[str, Any], fail: Fail) -> tuple[tuple[str, int, int], ...]:
    entries = document.get("fields", [])
    if not isinstance(entries, list):
        fail("'fields' must be a list of tables", "fields", fix="write each as [[fields]]")
    found = []
    for entry in entries:
        sizes = [entry.get(key) for key in ("start", "width")] if isinstance(entry, dict) else []
        whole = all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes)
        if not sizes or set(entry) != {"name", "start", "width"} or not whole or not isinstance(entry["name"], str):
            fail(f"a field is no {{ name, start, width }}: {entry}", "fields", fix='name = "sku", start = 1, width = 8')
        found.append((entry["name"], *sizes))
    return tuple(found)
