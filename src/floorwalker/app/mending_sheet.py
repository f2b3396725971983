"""Rows of quarantine as a sheet: out to whoever knows what they should have been, and back.

In: rows of files. Out: a CSV with a column that says what is wrong and one that says which row it is, before the row's
own columns; rows of several sources have the columns of all. Back: rows by their number.

    write_sheet(rows, Path("refused.csv"))
    read_sheet(Path("refused.csv"))               # {17: {"qty": "2", …}}
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from floorwalker.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floorwalker.events.quarantine import QuarantinedRow

ID, WHY, PLACE, LINE = "floorwalker_row", "floorwalker_error", "floorwalker_place", "floorwalker_line"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTE = "'"


def write_sheet(rows: Sequence[QuarantinedRow], file: Path, names: Sequence[str] = ()) -> int:
    """Write rows; how many. `names`: columns to write in any case, where a line that is no row can be put right. What a
    spreadsheet would take for a formula is written as text."""
    decoded = [(row, msgspec.json.decode(row.raw)) for row in rows]
    columns = list(dict.fromkeys(name for _, one in decoded if isinstance(one, dict) for name in one))
    any_line = any(not isinstance(one, dict) for _, one in decoded)
    if any_line:
        columns = list(dict.fromkeys((*columns, *names)))
    head = [ID, WHY, PLACE, *([LINE] if any_line else []), *columns]
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(head)
        for row, one in decoded:
            known: dict[str, Any] = one if isinstance(one, dict) else {LINE: one}
            known = known | {ID: row.id, WHY: row.reason, PLACE: f"{row.file} row {row.row_number}"}
            writer.writerow([_safe(known.get(name)) for name in head])
    return len(decoded)


def read_sheet(file: Path) -> dict[int, dict[str, str]]:
    """Rows by their number in quarantine. Raises SourceError for a file that `write_sheet` did not write."""
    with file.open(encoding="utf-8-sig", newline="") as given:
        text = given.readline()
        mark = max(",;\t", key=text.count)
        reader = csv.DictReader([text, *given], delimiter=mark)
        if ID not in (reader.fieldnames or ()):
            fix = "floorwalker quarantine export writes such files"
            raise SourceError(f"{file.name} has no column {ID}", why="it says which row is which", fix=fix)
        found = {}
        for number, row in enumerate(reader, 1):
            if not str(row[ID]).strip().isdigit():
                raise SourceError(f"{file.name} row {number}: {ID} is no number", fix="leave that column as it was")
            own = {
                name: _plain(value)
                for name, value in row.items()
                if name not in (ID, WHY, PLACE, LINE, None) and value not in (None, "")
            }
            found[int(row[ID])] = own
    return found


def _safe(value: Any) -> str:
    text = "" if value is None else str(value)
    is_number = text[:1] in "+-" and text[1:].replace(".", "", 1).replace(",", "", 1).isdigit()
    return _QUOTE + text if text.startswith(_FORMULA) and not is_number else text


def _plain(text: str) -> str:
    return text[1:] if text.startswith(_QUOTE) and text[1:].startswith(_FORMULA) else text
