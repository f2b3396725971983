"""Relations that are kept: the same after a file as before it, and found anew when anything they stand on changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from floorwalker.engines import lineage_cache
from floorwalker.engines.columns import columns_of
from floorwalker.engines.lineage_cache import Relations

TABLES = {"silver.lines": ("price", "quantity", "kind", "sold_on"), "silver.days": None}
QUERIES = (
    "SELECT price * quantity AS amount FROM silver.lines WHERE kind = 'sale'",
    "SELECT kind, SUM(d.money) AS m FROM silver.lines AS l LEFT JOIN silver.days AS d ON d.day = sold_on GROUP BY 1",
    "SELECT COUNT(*) AS n FROM silver.days HAVING COUNT(*) > 1",
    "SELECT price FROM silver.lines UNION ALL SELECT money FROM silver.days",
)


def test_what_is_read_back_is_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lineage" / "columns.json"
    first = Relations(file)
    found = [first.of(sql, TABLES) for sql in QUERIES]
    assert found == [columns_of(sql, dict(sorted(TABLES.items()))) for sql in QUERIES]
    assert (first.save(), first.save()) == (len(QUERIES), 0)

    def never(*_: object) -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(lineage_cache, "columns_of", never)
    lineage_cache._found.cache_clear()
    again = Relations(file)
    assert [again.of(sql, TABLES) for sql in QUERIES] == found
    assert again.save() == 0


def test_other_columns_of_an_input_are_another_question(tmp_path: Path) -> None:
    file = tmp_path / "columns.json"
    star = "SELECT * FROM silver.lines"
    first = Relations(file)
    assert list(first.of(star, {"silver.lines": ("price",)}).columns) == ["price"]
    first.save()
    later = Relations(file)
    assert list(later.of(star, {"silver.lines": ("price", "size")}).columns) == ["price", "size"]
    assert later.save() == 1


def test_other_code_finds_everything_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "columns.json"
    first = Relations(file)
    first.of(QUERIES[0], TABLES)
    assert first.save() == 1
    monkeypatch.setattr(lineage_cache, "_reader", lambda: "another version")
    second = Relations(file)
    second.of(QUERIES[0], TABLES)
    assert second.save() == 1


def test_what_is_no_longer_asked_for_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "columns.json"
    first = Relations(file)
    for sql in QUERIES:
        first.of(sql, TABLES)
    first.save()
    full = file.stat().st_size
    second = Relations(file)
    second.of("SELECT price FROM silver.lines", TABLES)
    second.save()
    assert file.stat().st_size < full / 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"influences": [["a"]], "relations": {}}', "\x00"])
def test_a_file_that_cannot_be_used_costs_only_time(tmp_path: Path, text: str) -> None:
    file = tmp_path / "columns.json"
    file.write_text(text)
    found = Relations(file)
    assert found.of(QUERIES[0], TABLES).columns["amount"].inputs
    assert found.save() == 1


def test_a_query_that_cannot_be_followed_still_says_what_it_reads(tmp_path: Path) -> None:
    found = Relations(tmp_path / "columns.json").of("SELECT FROM WHERE (", TABLES)
    assert (found.known, found.tables) == (False, ("silver.days", "silver.lines"))
