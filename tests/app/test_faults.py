"""What goes wrong around a run: a disk that is full, a folder that cannot be written, a clock that was put back.

Each is told in a sentence, what was published stays, and afterwards a run goes on as if nothing had been.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.driving import call, command, environment, rows, run
from tests.app.shop import make_shop

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
FIGURES = "SELECT given_name, orders, revenue FROM gold.customers ORDER BY ALL"


@pytest.fixture(scope="module")
def shop_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("faults") / "shop")
    run(folder)
    return folder


@pytest.fixture
def small_disk(tmp_path: Path, shop_run: Path) -> Iterator[Path]:
    """The shop on a disk of its own, with little room left."""
    if not IS_ROOT:
        pytest.skip("a disk of a few megabytes needs root to be mounted")
    disk = tmp_path / "disk"
    disk.mkdir()
    used = sum(path.stat().st_size for path in shop_run.rglob("*") if path.is_file())
    size = used + (64 << 20)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk in memory")
    try:
        shutil.copytree(shop_run, disk / "shop")
        yield disk / "shop"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_and_what_was_published_stays(small_disk: Path) -> None:
    before = rows(small_disk, FIGURES)
    more = "".join(f"Q{number};1;03/02/2026 11:00;B;Scarf;1;20,00;q{number}@example.com;\n" for number in range(30_000))
    till = next((small_disk / "data").glob("till_1.csv")).read_text(encoding="latin-1")
    (small_disk / "data" / "till_2.csv").write_text(till.splitlines()[0] + "\n" + more)
    filler = small_disk.parent / "filler"
    free = shutil.disk_usage(small_disk).free
    filler.write_bytes(bytes(max(free - (2 << 20), 0)))
    done = command(small_disk, "run", "--no-report")
    assert done.code != 0 and "Traceback" not in done.err and "error:" in done.err, done.err
    assert any(word in done.err.lower() for word in ("space", "full", "disk")), done.err
    assert rows(small_disk, FIGURES) == before, "readers have what was published"
    assert call(small_disk, "doctor", "--quiet").code == 1
    filler.unlink()
    assert run(small_disk)["status"] == "published"
    lines = "SELECT count(*), count(DISTINCT order_id) FROM bronze.order_lines WHERE order_id LIKE 'Q%'"
    assert rows(small_disk, lines) == [(30_000, 30_000)], "nothing lost, nothing twice"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user can reach: those of pytest are their owner's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_folder_that_cannot_be_written_is_told(shop_run: Path, open_folder: Path) -> None:
    folder = open_folder / "shop"
    shutil.copytree(shop_run, folder)
    for path in (folder / "state", *(one for one in (folder / "state").rglob("*") if one.is_dir())):
        path.chmod(0o555)
    for path in (one for one in (folder / "state").rglob("*") if one.is_file()):
        path.chmod(0o444)
    folder.chmod(0o755)
    nobody = {"user": 65534, "group": 65534} if IS_ROOT else {}
    places = (*open_folder.parents, *Path(sys.executable).resolve().parents, *Path(__file__).parents)
    if IS_ROOT and not all(place.stat().st_mode & 0o005 for place in places):
        pytest.skip("another user can reach neither Python nor the tests")
    done = subprocess.run(
        [sys.executable, "-m", "floorwalker.app.cli", "-p", str(folder), "run", "--no-report"],
        env=environment(HOME=str(open_folder)), capture_output=True, text=True, check=False, cwd=folder, **nobody,
    )  # fmt: skip
    for path in (folder / "state", *(one for one in (folder / "state").rglob("*") if one.is_dir())):
        path.chmod(0o755)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "error:" in done.stderr and ("permission" in done.stderr.lower() or "read" in done.stderr.lower())


def test_a_clock_that_was_put_back_turns_nothing_round(shop_run: Path, tmp_path: Path) -> None:
    """The last word on a line counts, and the last word is what was delivered last, whatever the clock says."""
    from floorwalker.app.state import open_state
    from floorwalker.engines.project import Project

    folder = tmp_path / "shop"
    shutil.copytree(shop_run, folder)
    with open_state(Project(folder)) as state:
        # As if everything had been read in a year that the clock had by mistake.
        state.execute("UPDATE deliveries SET received_at = '2031-01-01T00:00:00+00:00'")
    till = (folder / "data" / "till_1.csv").read_text(encoding="latin-1").splitlines()
    (folder / "data" / "till_2.csv").write_text(f"{till[0]}\nR9;1;03/02/2026 11:05;B;Scarf;1;20,00;dora@example.com;\n")
    result = run(folder)
    assert any("the clock says" in note for note in result["notes"])
    received = rows(folder, "SELECT min(received_at) FROM bronze.order_lines WHERE order_id = 'R9'")[0][0]
    assert received.year == 2031


def test_two_runs_at_once(shop_run: Path) -> None:
    from floorwalker.engines.lock import run_lock
    from floorwalker.engines.project import Project

    with run_lock(Project(shop_run), "the first"):
        second = command(shop_run, "run", "--no-report")
    assert second.code == 1 and "another run is at work" in second.err and "the first" in second.err


def test_a_file_that_is_replaced_while_it_is_read_counts_when_it_is_whole(
    shop_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from floorwalker.app import intake

    folder = tmp_path / "shop"
    shutil.copytree(shop_run, folder)
    till = (folder / "data" / "till_1.csv").read_text(encoding="latin-1").splitlines()[0]
    row = "{0};1;03/02/2026 11:05;B;Scarf;1;20,00;dora@example.com;\n"
    half, whole = folder / "data" / "till_2.csv", f"{till}\n{row.format('H1')}{row.format('H2')}"
    half.write_text(f"{till}\n{row.format('H1')}")
    (folder / "data" / "till_3.csv").write_text(f"{till}\n{row.format('N1')}")
    real, done = intake.read_deliveries, []

    def meanwhile(*given, **more):
        found = real(*given, **more)
        if not done and any(one.name.endswith("till_2.csv") for one in given[2]):
            done.append(half.write_text(whole))
        return found

    monkeypatch.setattr(intake, "read_deliveries", meanwhile)
    (told,) = [one for one in run(folder)["sources"] if one["mapping"] == "till"]
    assert "changed while it was read" in told["refused"]["data/till_2.csv"] and told["rows_new"] == 1
    orders = "SELECT order_id FROM bronze.order_lines WHERE order_id IN ('H1', 'H2', 'N1') ORDER BY 1"
    assert rows(folder, orders) == [("N1",)]
    run(folder)
    assert rows(folder, orders) == [("H1",), ("H2",), ("N1",)]

    # And one that is taken away before it is read refuses itself alone.
    (gone := folder / "data" / "till_4.csv").write_text(f"{till}\n{row.format('G1')}")
    (folder / "data" / "till_5.csv").write_text(f"{till}\n{row.format('G2')}")

    def without(*given, **more):
        gone.unlink(missing_ok=True)
        return real(*given, **more)

    monkeypatch.setattr(intake, "read_deliveries", without)
    (told,) = [one for one in run(folder)["sources"] if one["mapping"] == "till"]
    assert list(told["refused"]) == ["data/till_4.csv"] and told["rows_new"] == 1
