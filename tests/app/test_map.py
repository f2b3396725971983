"""`floorwalker map` by its command line: preview, questions on a terminal, what is written; from a file to a report."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.app.driving import call, command, environment, rows
from tests.sources.guide.trying import EXPORTS

from floorwalker.app.guiding import source_name
from floorwalker.app.scaffold import make_project
from floorwalker.sources.exports import exports
from floorwalker.sources.mapping import load_mapping

UNCLEAR = "order_id,date,sku,qty,price,email\n" + "".join(
    f"{n},{day}/2026,A{n},1,2.50,ann{n}@example.com\n"
    for n, day in enumerate(["03/05", "07/02", "01/09", "11/04", "02/02", "09/10"] * 3)
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_project(tmp_path / "shop", template="blank")
    (folder / "data").mkdir()
    for path in EXPORTS.iterdir():
        shutil.copy(path, folder / "data")
    (folder / "data" / "unclear.csv").write_text(UNCLEAR)
    return folder


def test_it_shows_and_writes(shop: Path) -> None:
    done = call(shop, "map", str(shop / "data/ventes_2026-03.csv"), "--yes")
    assert done.code == 0, done.err
    assert "looked at all of the file: 297 rows, 13 columns" in done.out
    assert "of 297 rows 21 returns, 276 order_lines, 0 refused" in done.out
    assert "wrote mappings/ventes.toml" in done.out
    text = (shop / "mappings/ventes.toml").read_text()
    assert 'files = "data/ventes_2026-03.csv"' in text
    assert '# files = "data/ventes_*.csv"' in text
    mapping = load_mapping(shop / "mappings/ventes.toml")
    assert (mapping.source, mapping.kinds) == ("ventes", ("returns", "order_lines"))
    # A card number is a person's: neither the screen nor the file shows one.
    assert "29***" in done.out
    assert not [line for line in (done.out + text).splitlines() if "290000" in line or "2901000" in line]
    # Nothing had been read: the project reckons in the currency of its first file from now on.
    assert 'currency = "EUR"' in (shop / "floorwalker.toml").read_text()


def test_a_mapping_is_not_written_over_unless_it_is_said(shop: Path) -> None:
    file = str(shop / "data/punktekonto.txt")
    assert call(shop, "map", file, "--yes").code == 0
    kept = shop / "mappings/punktekonto_customers.toml"
    kept.write_text("# mine\n")
    again = call(shop, "map", file, "--yes")
    assert again.code == 1
    assert "is there already" in again.err
    assert "--force" in again.err
    assert kept.read_text() == "# mine\n"
    assert call(shop, "map", file, "--yes", "--out", "mappings/partner.toml", "--source", "points").code == 0
    assert load_mapping(shop / "mappings/partner.toml").source == "points"
    assert (shop / "mappings/partner_customers.toml").exists()
    assert call(shop, "map", file, "--yes", "--force").code == 0
    assert kept.read_text() != "# mine\n"


def test_questions_without_a_terminal_say_how_to_go_on(shop: Path) -> None:
    done = command(shop, "map", str(shop / "data/unclear.csv"))
    assert done.code == 1
    assert "which comes first" in done.err
    assert "--yes" in done.err
    assert not list((shop / "mappings").glob("*.toml"))


def test_questions_are_asked_on_a_terminal(shop: Path) -> None:
    for answer, form in (("2", "%m/%d/%Y"), ("1", "%d/%m/%Y")):
        main, other = pty.openpty()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "floorwalker.app.cli",
                "-p",
                str(shop),
                "map",
                str(shop / "data/unclear.csv"),
                "--force",
            ],
            stdin=other,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        os.write(main, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
        os.close(main)
        os.close(other)
        assert process.returncode == 0, err
        assert "which comes first" in out + err
        assert "ann0@" not in out
        column = load_mapping(shop / "mappings/unclear.toml").maps[0].mapped["occurred_at"]
        assert column.formats == (form,)


def test_a_dry_run_needs_no_project_and_leaves_nothing(tmp_path: Path) -> None:
    done = call(tmp_path, "map", str(EXPORTS / "orders_export.csv"), "--dry-run")
    assert done.code == 0, done.err
    assert "order_lines" in done.out
    assert list(tmp_path.iterdir()) == []
    without = call(tmp_path, "map", str(EXPORTS / "orders_export.csv"), "--yes")
    assert without.code == 1
    assert "is not a project" in without.err


def test_json_tells_all(shop: Path) -> None:
    found = call(shop, "map", str(shop / "data/punktekonto.txt"), "--json", "--dry-run").json
    assert found["kinds"][0]["kind"] == "loyalty_events"
    (loyalty, customers) = found["maps"]
    assert (loyalty["kind"], customers["kind"]) == ("loyalty_events", "customers")
    columns = {one["target"]: one for one in customers["columns"]}
    assert columns["family_name"]["column"] == "Name"
    assert all(0 < one["confidence"] <= 1 and one["why"] for one in columns.values())
    assert all(len(one) == 4 and one.endswith("***") for one in columns["family_name"]["examples"])
    assert found["previews"]["punktekonto"] == {
        "read": 260, "accepted": {"loyalty_events": 260}, "skipped": 0, "refused": {},
    }  # fmt: skip
    assert found["written"] == []


def test_refused_rows_are_counted_with_their_reasons(shop: Path) -> None:
    path = shop / "data/bad.csv"
    good = [f"{n},2026-05-{n % 28 + 1:02d},A{n},1,2.50" for n in range(60)]
    path.write_text(
        "\n".join(["order_id,date,sku,qty,price", *good, "x,2026-05-03,A,two,1", "9.94E+14,2026-05-03,A,1,1"])
    )
    done = call(shop, "map", str(path), "--yes")
    assert done.code == 0, done.err
    assert "of 62 rows 60 order_lines, 2 refused" in done.out
    assert "quantity: cannot be read as a number" in done.out
    assert "order_id: id destroyed by a spreadsheet" in done.out


def test_a_known_export_is_recognised(shop: Path) -> None:
    sample = Path(__file__).parents[1] / "sources/exports/samples/klaviyo_profiles.csv"
    shutil.copy(sample, shop / "data/people.csv")
    done = call(shop, "map", str(shop / "data/people.csv"))
    assert done.code == 0, done.err
    assert "known by its header" in done.out
    assert "wrote mappings/klaviyo_profiles.toml" in done.out
    assert "wrote mappings/klaviyo_consents.toml" in done.out
    assert load_mapping(shop / "mappings/klaviyo_consents.toml").files == ("data/people.csv",)
    guessed = call(shop, "map", str(shop / "data/people.csv"), "--guess", "--yes", "--out", "people").out
    assert "known by its header" not in guessed


def test_known_exports_are_listed_and_shown(tmp_path: Path) -> None:
    listed = call(tmp_path, "map", "--list", "--json").json
    assert [one["export"] for one in listed] == [one.name for one in exports()]
    assert 'kind = "order_lines"' in call(tmp_path, "map", "--show", "shopify_orders").out
    unknown = call(tmp_path, "map", "--show", "shopify_order")
    assert "did you mean 'shopify_orders'?" in unknown.err
    assert call(tmp_path, "map").code == 2


def test_what_cannot_be_mapped_says_why(shop: Path) -> None:
    (shop / "data/times.csv").write_text("order_id,sku,price\n" + "".join(f"{n},A{n},2.50\n" for n in range(20)))
    done = call(shop, "map", str(shop / "data/times.csv"), "--yes", "--kind", "order_lines")
    assert done.code == 1
    assert "no column was found for occurred_at" in done.err
    assert "unknown kind 'orders'" in call(shop, "map", str(shop / "data/times.csv"), "--yes", "--kind", "orders").err


def test_sources_are_named_after_files() -> None:
    assert source_name(Path("data/orders_export_2026-03-01.csv.gz")) == "orders"
    assert source_name(Path("Kassenbons März.csv")) == "kassenbons_märz"
    assert source_name(Path("export.csv")) == "export"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "query", "expected"),
    [
        ("ventes_2026-03.csv", "SELECT count(*), sum(orders) FROM gold.customers", [(32, 45)]),
        ("punktekonto.txt", "SELECT count(*), count(family_name) FROM gold.customers", [(60, 60)]),
        ("orders_export.csv", "SELECT count(*), sum(orders) FROM gold.customers", [(29, 66)]),
    ],
)
def test_from_a_file_to_a_report(
    file: str, query: str, expected: list[tuple[int, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOORWALKER__SEGMENTATION__TRACK", "false")
    folder = tmp_path / "shop"
    assert call(tmp_path, "init", str(folder), "--template", "blank").code == 0
    (folder / "data").mkdir()
    shutil.copy(EXPORTS / file, folder / "data")
    assert call(folder, "map", str(folder / "data" / file), "--yes").code == 0
    ran = call(folder, "run")
    assert ran.code == 0, ran.err
    assert " 0 quarantined" in ran.out
    assert (folder / "report.html").stat().st_size > 10_000
    assert rows(folder, query) == expected
