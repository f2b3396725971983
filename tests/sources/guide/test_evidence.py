"""What single values and names give away: dates and their order, decimal marks, names in many spellings, samples."""

from __future__ import annotations

import datetime as dt
import gzip
import tomllib
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.errors import SourceError
from floorwalker.sources.guide.facts import look
from floorwalker.sources.guide.names import meanings, words_of
from floorwalker.sources.guide.preview import masked
from floorwalker.sources.guide.sample import ROWS, SMALL, take_sample
from floorwalker.sources.guide.times import read_clock, read_times
from floorwalker.sources.guide.written import toml_text

DESK = duckdb.connect()


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        (["2026-05-03", "2026-05-04T10:00:00Z"], ()),
        (["03.05.2026 09:12", "21.05.2026 17:40"], ("%d.%m.%Y %H:%M",)),
        (["5/23/26, 9:12 PM"], ("%m/%d/%y, %I:%M %p",)),
        (["23-May-26"], ("%d-%b-%y",)),
        (["May 3, 2026 9:12:05 AM"], ("%b %d, %Y %I:%M:%S %p",)),
        (["20260503"], ("%Y%m%d",)),
        (["1767225600"], ("epoch",)),
        (["1767225600123"], ("epoch_ms",)),
        (["2026-05-03 09:12:00 +0100"], ("%Y-%m-%d %H:%M:%S %z",)),
        (["2026-05-03 09:12:00 UTC"], ("%Y-%m-%d %H:%M:%S UTC",)),
        (["23/05/2026 à 09h12"], ("%d/%m/%Y à %Hh%M",)),
        (["23.05.2026 09:12 Uhr"], ("%d.%m.%Y %H:%M Uhr",)),
        (["23/05/2026", "24/05/2026 10:30"], ("%d/%m/%Y", "%d/%m/%Y %H:%M")),
    ],
)
def test_times_are_read_as_they_are_written(values: list[str], formats: tuple[str, ...]) -> None:
    reading = read_times(dict.fromkeys(values, 1))
    assert reading is not None
    assert reading.formats == formats
    for value in values:
        found = [DESK.execute("SELECT try_strptime(?, ?)", [value, one]).fetchone()[0]
                 for one in formats if not one.startswith("epoch")]  # fmt: skip
        assert not found or any(found)


@given(
    st.lists(st.dates(dt.date(1950, 1, 1), dt.date(2059, 12, 31)), min_size=1),
    st.sampled_from(["/", ".", "-"]),
    st.booleans(),
    st.sampled_from(["", " %H:%M", " %H:%M:%S"]),
)
@settings(max_examples=60, deadline=None)
def test_a_sure_order_of_day_and_month_is_the_right_one(days, mark, day_first, clock) -> None:
    form = f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y"
    reading = read_times({day.strftime(form + clock): 1 for day in days})
    assert reading is not None
    if reading.sure:
        assert reading.day_first is day_first
        assert reading.formats == (form + clock,)


def test_what_is_no_time() -> None:
    for words in (["Mug", "Tee"], ["12", "14"], ["32/13/2026"], ["1.5", "2.75"], ["2026", "2027"], ["", ""]):
        assert read_times(dict.fromkeys(words, 1)) is None
    assert read_clock({"09:12": 3, "17:40": 1}) == "%H:%M"
    assert read_clock({"9:12 PM": 1}) == "%I:%M %p"
    assert read_clock({"7.50": 1}) is None


@pytest.mark.parametrize(
    ("values", "decimal", "sure", "clean", "grouped"),
    [
        (["1.50", "2", "1000.00"], ".", True, True, False),
        (["1,50", "2", "1.000,00"], ",", True, True, False),
        (["1,234", "5,678"], ".", False, True, True),
        (["1,234", "5,678.50"], ".", True, True, True),
        (["€ 1.234,50", "€ 2,00"], ",", True, False, False),
        (["1 234,50", "12,5"], ",", True, False, False),
        (["$1,234.50"], ".", True, False, False),
        (["-2,50", "3,00"], ",", True, True, False),
    ],
)
def test_decimal_marks_are_decided_by_the_column(values, decimal, sure, clean, grouped) -> None:
    facts = look(DESK, "amount", f"SELECT unnest({values!r}) AS v")
    assert (facts.decimal, facts.decimal_sure, facts.clean, facts.grouped) == (decimal, sure, clean, grouped)
    assert facts.share["number"] == 1.0


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("custEmailAddr", "email"),
        ("E-Mail-Adresse", "email"),
        ("KUNDEN_NR", "customer_ref"),
        ("Kunden-Nr.", "customer_ref"),
        ("n° de ticket", "order_id"),
        ("Order #", "order_id"),
        ("orderID", "order_id"),
        ("Qté", "quantity"),
        ("Stück", "quantity"),
        ("Stueck", "quantity"),
        ("prix_unitaire", "unit_price"),
        ("Geburtsdatum", "birth_date"),
        ("fecha de nacimiento", "birth_date"),
        ("Codice a barre", "product_id"),
        ("Klantnummer", "customer_ref"),
        ("Reciept Number", "order_id"),
        ("billing_postcode", "postcode"),
        ("Handynr", "phone"),
    ],
)
def test_names_in_many_spellings(name: str, target: str) -> None:
    found = meanings(name)
    assert found[target].score >= 0.6, found
    assert (
        found[target].score == max(one.score for key, one in found.items() if "." not in key)
        or found[target].score > 0.9
    )


def test_words_of_a_name() -> None:
    assert words_of("Straße und HausNr.") == ("strasse", "und", "haus", "nr")
    assert words_of("ORDER_ID") == words_of("order id") == words_of("orderId") == ("order", "id")


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_is_toml(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert tomllib.loads(f"it = {toml_text(text)}")["it"] == text


def test_masks_keep_little() -> None:
    assert masked("ann@example.com") == "a***@example.com"
    assert masked(None) is None
    assert masked("7081100000413") == "70***13"
    assert masked("Smith") == "S***"


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_file_is_sampled_all_over(packed: bool, tmp_path: Path) -> None:
    # The format of the date changes half-way through: a sample of the start would not see it.
    half = 110_000
    lines = ["no,day,name,mail"]
    lines += [f'{n},2026-01-{n % 28 + 1:02d},"Mug, {n}",a{n}@example.com' for n in range(half)]
    lines += [f'{n},{n % 28 + 1:02d}/01/2026,"Mug, {n}",a{n}@example.com' for n in range(half, 2 * half)]
    content = ("\n".join(lines) + "\n").encode()
    assert len(content) > SMALL
    path = tmp_path / ("big.csv.gz" if packed else "big.csv")
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    connection = duckdb.connect()
    sample = take_sample(connection, path, scratch)
    assert not sample.whole
    assert 1000 < sample.rows <= ROWS
    assert sample.path.stat().st_size <= SMALL + (1 << 20)
    early, late = connection.execute(
        "SELECT count(*) FILTER (fw_c1 LIKE '2026%'), count(*) FILTER (fw_c1 LIKE '%/2026') FROM guide_sample"
    ).fetchone()
    assert early > sample.rows * 0.3
    assert late > sample.rows * 0.3
    assert early + late == sample.rows


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "no,day\n", "no rows"),
        ("a.jsonl", "[1, 2]\n", "no lines of JSON"),
        ("a.pdf", "x", "cannot tell the format"),
        ("a.parquet", "x", "as Parquet"),
    ],
)
def test_files_that_tell_nothing(name: str, content: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(SourceError, match=what):
        take_sample(duckdb.connect(), path, tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        take_sample(duckdb.connect(), tmp_path / "none.csv", tmp_path)
