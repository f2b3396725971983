"""Batch = live: every run checks it on some customers, tells a difference in words, and takes only the time it may."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from tests.app.driving import call, run
from tests.app.test_features import LATER

from floorwalker.app.features import published_skew
from floorwalker.app.skew import SkewReport, _windows, check_skew
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.profiles.catalogue import CUSTOMER
from floorwalker.profiles.features.live import Updater

TABLE = CUSTOMER.entity.table


def files_of(folder: Path) -> list[str]:
    lake = Lake(Project(folder))
    return lake.files(TABLE)


def corrupt(folder: Path) -> None:
    """Publish another value of one feature, as a fault in batch would."""
    lake = Lake(Project(folder))
    with lake.read() as connection:
        wrong = connection.sql(f"SELECT * REPLACE (revenue + 1 AS revenue) FROM {TABLE}")
        version, _ = lake.replace(TABLE, wrong, connection)
    pointer = lake.pointer()
    assert pointer
    lake.publish(run_id=pointer.run_id, as_of=pointer.as_of, versions={**pointer.tables, TABLE: version})


def test_batch_and_live_agree_on_every_customer(shop_once: Path) -> None:
    report = published_skew(Project(shop_once))
    assert report.customers >= 3 and report.values == report.customers * len(Updater(CUSTOMER).features.features)
    assert report.different == {} and report.anomalies(TABLE) == []
    assert "agree in all" in report.words()


def test_a_wrong_value_that_was_published_is_seen_and_named(shop: Path) -> None:
    corrupt(shop)
    report = published_skew(Project(shop))
    assert report.different == {"revenue": report.customers}
    assert "differ between batch and live: revenue" in report.words()
    done = call(shop, "features", "check")
    assert done.code == 1 and "revenue" in done.out


@pytest.mark.slow
def test_every_run_that_makes_the_features_anew_checks_them(shop: Path) -> None:
    first = call(shop, "quality", "--json").json["skew"]
    assert first["customers"] >= 3 and first["differences"] == 0 and first["left_out"] == []
    (shop / "data" / "till_2026_02.csv").write_text(LATER)
    done = run(shop)
    newest, before = call(shop, "quality", "skew", "--json").json
    assert (newest["run_id"], before["run_id"]) == (done["run_id"], first["run_id"])
    assert "batch = live: " in call(shop, "quality").out and " agree" in call(shop, "status").out
    assert call(shop, "report").code == 0
    assert "Features computed by batch and by the live path" in (shop / "report.html").read_text(encoding="utf-8")
    # A run that makes no features has nothing to check.
    run(shop)
    assert len(call(shop, "quality", "skew", "--json").json) == 2


def test_a_live_path_that_computes_something_else_is_an_anomaly(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Updater.values

    def wrong(self: Updater, *arguments: object) -> dict[str, object]:
        return {**right(self, *arguments), "orders": 99}  # type: ignore[arg-type]

    monkeypatch.setattr(Updater, "values", wrong)
    (shop / "data" / "till_2026_02.csv").write_text(LATER)
    done = run(shop)
    (one,) = [one for one in done["anomalies"] if one["kind"] == "skew"]
    assert one["severity"] == "high" and one["table"] == TABLE and one["column"] == "orders"
    assert one["text"].startswith("what is served live is not what the run computed") and "orders (" in one["text"]
    told = call(shop, "quality").out
    assert "what is served live is not what the run computed" in told and "differ: orders (" in told
    assert done["status"] == "published"


@pytest.mark.slow
def test_a_check_that_breaks_does_not_break_the_run(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("ann@example.com")

    monkeypatch.setattr(Updater, "values", broken)
    (shop / "data" / "till_2026_02.csv").write_text(LATER)
    done = run(shop)
    assert done["status"] == "published" and done["notes"] == ["batch and live were not compared: TypeError"]


@pytest.mark.slow
def test_it_can_be_turned_off(shop: Path) -> None:
    settings = shop / "floorwalker.toml"
    settings.write_text(settings.read_text() + "\n[quality]\nskew_customers = 0\n")
    (shop / "data" / "till_2026_02.csv").write_text(LATER)
    assert run(shop)["status"] == "published"
    assert len(call(shop, "quality", "skew", "--json").json) == 1


def test_what_is_not_read_in_time_is_left_out_and_named(shop_once: Path) -> None:
    with Lake(Project(shop_once)).read() as connection:
        nothing = check_skew(connection, Updater(CUSTOMER), files_of(shop_once), seconds=0.0)
    assert nothing.values == 0 and nothing.left_out == [TABLE]
    assert nothing.words() == f"batch and live were not compared; not read in time: {TABLE}"
    assert nothing.anomalies(TABLE) == []


def test_features_of_tables_that_were_left_out_are_not_compared(
    shop_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from floorwalker.app import skew

    read = skew._Clock.rows

    def slow(self: skew._Clock, source: str, names: list[str]):
        if source.startswith("silver.views"):
            self.late = True
            return iter(())
        return read(self, source, names)

    monkeypatch.setattr(skew._Clock, "rows", slow)
    with Lake(Project(shop_once)).read() as connection:
        report = check_skew(connection, Updater(CUSTOMER), files_of(shop_once))
    whole = len(Updater(CUSTOMER).features.features) * report.customers
    assert report.left_out == ["silver.views"] and 0 < report.values < whole
    assert report.different == {}


def test_the_rows_of_a_check_stand_side_by_side_and_go_round(tmp_path: Path) -> None:
    files = []
    with duckdb.connect() as connection:
        for place in range(3):
            files.append(str(tmp_path / f"{place}.parquet"))
            connection.execute(f"COPY (SELECT range + {place * 10} AS n FROM range(10)) TO '{files[-1]}'")
        seen: set[int] = set()
        for seed in range(60):
            parts = _windows(files, 4, seed)
            found = [row[0] for part in parts for row in connection.execute(f"SELECT n FROM {part}").fetchall()]
            assert len(found) == 4 and len({(n - min(found)) % 30 for n in found}) == 4
            seen |= set(found)
    assert seen == set(range(30))
    assert _windows(files, 100, 3) and _windows([], 4, 1) == []


def test_words_of_a_report() -> None:
    import datetime as dt

    report = SkewReport(dt.date(2026, 1, 1), 50, 700, {"b": 3, "a": 3, "c": 9})
    assert report.words() == "15 of 700 values differ between batch and live: c (9), a (3), b (3)"
    (one,) = report.anomalies(TABLE)
    assert one.column == "c" and "of 50 customers checked" in one.text
