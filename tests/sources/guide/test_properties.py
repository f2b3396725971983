"""Whatever a file holds: the mapping that is proposed parses, and reading the file by it accounts for every row."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.guide.trying import try_file

from floorwalker.sources.mapping import parse_mapping

NAMES = st.sampled_from(
    ["order_id", "Datum", "Qté", "Prix", "E-Mail", "sku", "Name", "Total", "item 1 sku", "item 1 qty", "item 2 sku",
     "item 2 qty", "Kunde", 'a "quoted" name', "it's", "x.y", "Punkte", "status", "Phone", "", "size", "where"]
)  # fmt: skip
CELLS = st.sampled_from(
    ["1", "2", "-1", "7,50", "1.234,50", "19.90", "€ 3", "03/05/2026", "21.05.2026 10:00", "2026-05-03", "1767225600",
     "ann@example.com", "Mug; blue", "MUG-1", "+44 7700 900123", "cancelled", "return", "yes", "", "N/A", "9.94E+14",
     'say "so"', "A:1:2.50; B:2:3", "[1, 2]", "Einlösung", "EUR", "two\nlines", "'quoted'"]
)  # fmt: skip


@given(st.lists(NAMES, min_size=1, max_size=7, unique=True), st.data(), st.sampled_from([",", ";", "\t"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_proposed_mapping_parses_and_accounts_for_every_row(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject, delimiter: str
) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=12))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    writer.writerows(rows)
    path: Path = tmp_path_factory.mktemp("any") / "file.csv"
    path.write_text(out.getvalue(), encoding="utf-8")
    tried = try_file(path)
    for name, text in tried.texts.items():
        if tried.proposal.drafts[0].missing:
            continue
        mapping = parse_mapping(text)
        found = tried.previews[name]
        refused = found.refused_rows
        assert refused == sum(found.refused.values())
        if not any(item.each for item in mapping.maps):
            assert found.read == len(rows)
        else:
            assert found.read >= len(rows)
