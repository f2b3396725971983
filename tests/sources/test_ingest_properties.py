"""Keys of rows follow from what was delivered, not from how: cut into any deliveries, in any order and format."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.desk import HEADER, RECEIVED, Desk, sales

from floorwalker.sources.files import Delivery, make_delivery
from floorwalker.sources.ingest import read_deliveries

NAMES = HEADER.split(",")
MAPPING = sales()
# One connection for all examples: to make one takes longer than an example.
DESK = duckdb.connect()

Row = tuple[str, ...]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1001", "1002", "A-3"]),
        st.sampled_from(["2011-07-01 12:00:00", "2011-03-27 01:30:00"]),
        st.sampled_from(["A1", "B2"]),
        st.sampled_from(["Mug", 'Mug, 5" "blue"', "Tée\nshirt", ""]),
        st.sampled_from(["1.0", "2.5"]),
        st.sampled_from(["2.55", "0.1"]),
        st.sampled_from(["17850", ""]),
    ),
    min_size=1,
    max_size=8,
)


def put(folder: Path, name: str, rows: list[Row], form: str) -> Delivery:
    """Write rows as a file; ids may look like floats, text may have blanks around it."""
    path = folder / f"{name}.{form}"
    if form == "csv":
        cells = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows]
        path.write_text("\n".join([HEADER, *(",".join(row) for row in cells)]) + "\n", encoding="latin-1")
    elif form == "jsonl":
        objects = [dict(zip(NAMES, row, strict=True)) for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in objects))
    else:
        types = ("VARCHAR", "TIMESTAMP", "VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE")
        cast = [f'CAST(nullif("{name}", \'\') AS {kind}) AS "{name}"' for name, kind in zip(NAMES, types, strict=True)]
        columns = ", ".join(f'"{name}"' for name in NAMES)
        marks = ", ".join(["(" + ", ".join(["?"] * len(NAMES)) + ")"] * len(rows))
        DESK.execute(
            f"COPY (SELECT {', '.join(cast)} FROM (VALUES {marks}) AS t({columns})) TO '{path}' (FORMAT parquet)",
            [cell for row in rows for cell in row],
        )
    return make_delivery(MAPPING, [path], folder)


def keys(deliveries: list[Delivery]) -> set[str]:
    result = read_deliveries(DESK, MAPPING, deliveries, RECEIVED)
    assert not result.refused
    assert all(one.quarantined == 0 for one in result.deliveries)
    rows = DESK.execute("SELECT event_id FROM incoming_order_lines").fetchall()
    found = {row[0] for row in rows}
    assert len(found) == len(rows)
    return found


@given(data=st.data(), rows=ROWS)
@settings(max_examples=15, deadline=None)
def test_any_overlapping_deliveries_in_any_order_and_format(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    whole = keys([put(folder, "whole", rows, "csv")])
    assert len(whole) == len(rows)
    # Equal rows are never split: whoever delivers a row delivers it as often as it is.
    kinds = sorted(Counter(rows).items())
    cuts = data.draw(st.lists(st.sets(st.sampled_from(range(len(kinds))), min_size=1), min_size=1, max_size=3))
    cuts.append(set(range(len(kinds))) - set().union(*cuts))
    parts = []
    for number, cut in enumerate(cuts):
        content = data.draw(
            st.permutations([row for index in sorted(cut) for row in [kinds[index][0]] * kinds[index][1]])
        )
        if content:
            form = data.draw(st.sampled_from(["csv", "jsonl", "parquet"]))
            parts.append(put(folder, f"part{number}", content, form))
    assert keys(data.draw(st.permutations(parts))) == whole


@given(rows=ROWS, spoilt=st.text('x,"\n\t\0é9', max_size=12), at=st.integers(0, 8))
@settings(max_examples=20, deadline=None)
def test_a_bad_row_never_changes_its_neighbours(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], spoilt: str, at: int
) -> None:
    folder = tmp_path_factory.mktemp("bad")
    # Unquoted neighbours: what a bad row opens must not be closed by a good one.
    plain = [(*row[:3], "Mug", *row[4:]) for row in rows]
    desk = Desk(folder)
    desk.connection = DESK
    good = [",".join(row) for row in plain]
    expected = keys([make_delivery(MAPPING, [desk.put("good.csv", "\n".join([HEADER, *good, ""]))], folder)])
    at = min(at, len(good))
    path = desk.put("bad.csv", "\n".join([HEADER, *good[:at], spoilt, *good[at:], ""]))
    result = read_deliveries(DESK, MAPPING, [make_delivery(MAPPING, [path], folder)], RECEIVED)
    found = {row[0] for row in DESK.execute("SELECT event_id FROM incoming_order_lines").fetchall()}
    assert found == expected
    account = result.deliveries[0]
    assert account.read == account.accepted + account.quarantined
    numbers = DESK.execute("SELECT row_number FROM incoming_quarantine").fetchall()
    assert len(set(numbers)) == len(numbers) == account.quarantined


@given(rows=ROWS, spoilt=st.integers(0, 7), column=st.integers(0, 5), form=st.sampled_from(["csv", "jsonl"]))
@settings(max_examples=12, deadline=None)
def test_a_bad_value_keeps_its_row_alone(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], spoilt: int, column: int, form: str
) -> None:
    folder = tmp_path_factory.mktemp("value")
    spoilt = min(spoilt, len(rows) - 1)
    bad = ("9.94E+14", "yesterday", "1e+5", "", "two", "cheap")[column]
    if column == 3:
        return
    changed = [*rows]
    changed[spoilt] = (*rows[spoilt][:column], bad, *rows[spoilt][column + 1 :])
    others = rows[:spoilt] + rows[spoilt + 1 :]
    expected = keys([put(folder, "others", others, form)]) if others else set()
    read_deliveries(DESK, MAPPING, [put(folder, "changed", changed, form)], RECEIVED)
    assert {row[0] for row in DESK.execute("SELECT event_id FROM incoming_order_lines").fetchall()} == expected
    rows_out = DESK.execute("SELECT row_number, reason FROM incoming_quarantine").fetchall()
    assert [number for number, _ in rows_out] == [spoilt + 1]
    assert (
        rows_out[0][1].startswith(NAMES[column].replace("no", "order_id").replace("at", "occurred_at")[:2])
        or column > 1
    )
