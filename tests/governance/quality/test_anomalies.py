"""On a steady source hardly anything is called odd; planted faults are, in words a shopkeeper understands."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from tests.governance.quality.shop import START, Shop, days_of, past_of

from floorwalker.governance.quality.anomalies import (
    compared,
    lateness,
    quarantined,
    staleness,
    volumes,
)
from floorwalker.governance.quality.history import Days, Past
from floorwalker.governance.quality.measure import ColumnMeasure, Measure
from floorwalker.governance.quality.settings import QualitySettings

SETTINGS = QualitySettings()
KEY = ("bronze.lines", "web")


def checked(counts: dict[dt.date, int], *, first: bool = True):
    """The volume check of a run that brought the last day."""
    newest = max(counts)
    days = days_of(counts) if first else Days(dict(counts))
    return volumes({KEY: days}, {KEY: newest - dt.timedelta(days=1)}, {KEY}, SETTINGS)


def test_volume_of_steady_sources_is_seldom_odd():
    odd = checks = 0
    for seed, (base, noise) in enumerate([(10_000, 0.12), (500, 0.2), (40, 0.3), (5, 0.3)]):
        shop = Shop(seed, base, noise)
        for _ in range(250):
            odd += len(checked(shop.counts(70)))
            checks += 2
    assert odd / checks < 0.005, f"{odd} of {checks}"


@pytest.mark.parametrize(("factor", "least"), [(0.1, 1.0), (0.4, 0.98), (2.5, 0.98)])
def test_a_day_with_far_fewer_or_more_rows_is_found(factor, least):
    shop, found = Shop(7, 10_000, 0.12), 0
    for _ in range(100):
        counts = shop.counts(70)
        counts[max(counts)] = int(counts[max(counts)] * factor)
        found += bool(checked(counts))
    assert found >= least * 100


def test_the_sentence_names_source_day_and_what_is_usual():
    shop = Shop(1, 10_000, 0.05)
    counts = shop.counts(65)
    tuesday = max(counts)
    assert tuesday.weekday() == 1
    counts[tuesday] = 1204
    (one,) = checked(counts)
    assert one.severity == "high" and one.source == "web"
    assert one.text.startswith(f"web brought 1,204 rows to bronze.lines for Tuesday {tuesday}; usual on a Tuesday: ")
    assert one.text.endswith("(8 Tuesdays)")


def test_a_day_without_any_row_and_one_that_was_not_over():
    shop = Shop(2, 3000, 0.1)
    counts = shop.counts(70)
    missing = max(counts) - dt.timedelta(days=1)
    del counts[missing]
    (one,) = volumes({KEY: Days(counts)}, {KEY: missing - dt.timedelta(days=1)}, {KEY}, SETTINGS)
    assert f"web brought 0 rows to bronze.lines for {missing:%A} {missing}" in one.text
    # deliveries that end at noon: the newest day always has half its rows, and that is usual
    half = {day: rows // 2 for day, rows in counts.items()}
    assert volumes({KEY: Days(counts, half)}, {KEY: max(counts)}, {KEY}, SETTINGS) == []
    assert volumes({KEY: Days(counts)}, {}, set(), SETTINGS) == [], "nothing brought, nothing checked"


def test_nothing_is_odd_before_there_is_a_history():
    shop = Shop(3)
    counts = shop.counts(8)
    counts[max(counts)] = 1
    assert checked(counts) == []
    assert compared(shop.day(500, empty=1.0), shop.past(7), SETTINGS) == []


def test_a_source_that_stops_is_late_by_its_own_rhythm():
    daily = Days({START + dt.timedelta(days=n): 10 for n in range(60)})
    weekly = Days({START + dt.timedelta(days=7 * n): 10 for n in range(20)})
    as_of = daily.newest + dt.timedelta(days=1)
    assert staleness({KEY: daily}, as_of, SETTINGS) == []
    assert staleness({KEY: daily}, as_of + dt.timedelta(days=1), SETTINGS) == [], "one day late may happen"
    (one,) = staleness({KEY: daily}, as_of + dt.timedelta(days=2), SETTINGS)
    assert "2 days before the run's; usual gap: 1 day, at most 1 day" in one.text
    after = weekly.newest + dt.timedelta(days=1)
    assert staleness({KEY: weekly}, after + dt.timedelta(days=9), SETTINGS) == []
    assert len(staleness({KEY: weekly}, after + dt.timedelta(days=12), SETTINGS)) == 1


def test_a_limit_that_somebody_set_is_kept_to():
    now = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
    newest = {"web": ("bronze.browse_events", now - dt.timedelta(hours=40)), "shop": ("bronze.order_lines", now)}
    (one, other) = lateness(newest, {"web": 36.0, "shop": 36.0, "app": 1.0}, now)
    assert other.text.startswith("the newest row of web is of 2026-02-28 20:00 UTC, 40 hours before this run")
    assert one.source == "app" and "nothing yet" in one.text


def test_quarantine_that_grows_is_found():
    steady = [(1000, 3 + number % 3) for number in range(20)]
    assert quarantined({"till": steady}, SETTINGS) == []
    (one,) = quarantined({"till": [*steady, (1000, 380)]}, SETTINGS)
    assert (
        one.text.startswith("38% of what till delivered went to quarantine; usual: 0% to ") and one.severity == "high"
    )


def test_columns_of_steady_sources_are_seldom_odd():
    odd = checks = 0
    for seed, base in enumerate((3000, 400)):
        shop = Shop(seed, base)
        past = shop.past(28)
        for rows in shop.counts(60).values():
            one = shop.day(rows)
            odd += len(compared(one, past, SETTINGS))
            checks += len(one.columns)
            past = [past_of(one), *past[:27]]
    assert odd / checks < 0.002, f"{odd} of {checks}"


@pytest.mark.parametrize(
    ("fault", "kind", "column", "words"),
    [
        ({"empty": 0.45}, "empty", "coupon", "coupon is empty in 4"),
        ({"dearer": 3.0}, "drift", "amount", "amount of what web brought to bronze_lines is spread otherwise"),
        ({"dearer": 0.01}, "drift", "amount", "usually up to"),
        ({"uk": 0.3}, "drift", "country", "% (stability index "),
        ({"countries": ("UK", "IE", "United Kingdom")}, "category", "country", "never seen before: 'United Kingdom' ("),
    ],
)
def test_planted_faults_are_found(fault, kind, column, words):
    for seed in range(5):
        shop = Shop(seed)
        found = compared(shop.day(3000, **fault), shop.past(28), SETTINGS)
        assert [(one.kind, one.column) for one in found] == [(kind, column)], (seed, found)
        assert words in found[0].text, found[0].text


def test_values_that_are_new_by_nature_are_no_news():
    shop = Shop(4)
    past = []
    for week in range(12):
        past.insert(0, past_of(shop.day(2000, countries=(f"campaign {week}", f"campaign {week + 1}"))))
    found = compared(shop.day(2000, countries=("campaign 12", "campaign 13")), past, SETTINGS)
    assert [one for one in found if one.kind == "category"] == []


def test_columns_that_come_go_or_change():
    shop = Shop(5)
    one, past = shop.day(100), shop.past(1)
    columns = dict(one.columns)
    gone = replace(one, columns={name: column for name, column in columns.items() if name != "country"})
    assert [(it.severity, it.text) for it in compared(gone, past, SETTINGS)] == [
        ("high", "bronze_lines has no column country any more")
    ]
    other = replace(one, columns=columns | {"orders": replace(columns["orders"], type="VARCHAR")})
    assert "bronze_lines.orders is VARCHAR; until now it was BIGINT" in compared(other, past, SETTINGS)[0].text
    more = replace(one, columns=columns | {"size": replace(columns["country"], name="size")})
    assert [it.severity for it in compared(more, past, SETTINGS)] == ["low"]


def test_a_table_that_shrinks_is_found_and_one_that_grows_as_ever_is_not():
    past = [Past(f"r{number}", 50_000 - 400 * number, 0, number) for number in range(20)]
    column = {"id": ColumnMeasure("id", "VARCHAR", 0.0, 10)}
    past = [replace(one, columns=column) for one in past]
    assert compared(Measure("gold.customers", 50_400, 0, column), past, SETTINGS) == []
    (one,) = compared(Measure("gold.customers", 31_000, 0, column), past, SETTINGS)
    assert (one.kind == "rows" and one.severity == "medium") or one.severity == "high"
    assert one.text.startswith("gold.customers has 31,000 rows, 50,000 in the run before; usual now: ")
