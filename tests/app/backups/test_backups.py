"""A project goes into one file and comes back the same; a copy that is not whole is refused; the erased stay away."""

from __future__ import annotations

import hashlib
import shutil
import signal
import time
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run, start
from tests.app.shop import make_shop
from tests.profiles.live.stepping import RECEIVED, framed

from floorwalker.app.backups import making
from floorwalker.app.backups.archive import read_manifest, unpack, write_archive
from floorwalker.app.erasing import erase
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project
from floorwalker.errors import SourceError, StateError

FRAME = framed([{"type": "track", "event": "Product Viewed", "anonymousId": "k", "messageId": "m"}], RECEIVED)


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A shop that has run once and collected something, and its backup."""
    folder = make_shop(tmp_path_factory.mktemp("kept") / "shop")
    run(folder)
    log = open_log(Project(folder).state / LOG, partitions=1)
    with log.writer(0) as writer:
        writer.append([FRAME])
        told = call(folder, "backup", str(folder.parent / "shop.tar.zst"), "--json").json
    log.close()
    assert told["files"] > 100 and told["run_id"]
    return folder, folder.parent / "shop.tar.zst"


def test_a_backup_comes_back_as_the_same_project(kept: tuple[Path, Path], tmp_path: Path) -> None:
    folder, archive = kept
    assert archive.stat().st_mode & 0o077 == 0, "it holds personal data and keys"
    assert "is whole" in call(folder, "backup", str(archive), "--verify").out
    back = tmp_path / "again"
    assert call(tmp_path, "restore", str(archive), str(back)).code == 0
    asked = "SELECT given_name, orders, revenue FROM gold.customers ORDER BY ALL"
    assert rows(back, asked) == rows(folder, asked)
    assert Project(back).secret == Project(folder).secret
    log = open_log(Project(back).state / LOG)
    assert [one.frame for one in log.read(0, 0)] == [FRAME]
    log.close()
    # It goes on: nothing is new, and what the retailer delivers is read as before.
    shutil.copytree(folder / "data", back / "data")
    result = run(back)
    assert {one["source"]: one["rows_new"] for one in result["sources"] if one["rows_new"]}.keys() <= {"collector"}
    assert [one for one in call(back, "doctor", "--json").json if one["status"] == "fail"] == []


def test_whoever_was_erased_since_does_not_come_back(kept: tuple[Path, Path], tmp_path: Path) -> None:
    folder, archive = kept
    shop = tmp_path / "shop"
    assert call(tmp_path, "restore", str(archive), str(shop)).code == 0
    ((ann,),) = rows(shop, "SELECT customer_id FROM gold.customers WHERE given_name = 'Ann'")
    erase(Project(shop), ann)
    refused = call(tmp_path, "restore", str(archive), str(shop))
    assert refused.code == 1 and "not empty" in refused.err
    told = call(tmp_path, "restore", str(archive), str(shop), "--replace", "--json").json
    assert told["erased"] == 1 and Path(told["aside"]).exists()
    assert rows(shop, "SELECT count(*) FROM gold.customers WHERE given_name = 'Ann'") == [(0,)]
    assert erase(Project(shop), "bob@example.com", dry_run=True).findings, "others are there"
    assert call(shop, "erase", "--customer", "ann@example.com").code == 1, "nobody answers to it"
    # Delivered once more, they stay out.
    shutil.copytree(folder / "data", shop / "data")
    run(shop, "--reload")
    assert rows(shop, "SELECT count(*) FROM gold.customers WHERE given_name = 'Ann'") == [(0,)]


def test_of_another_project_it_cannot_be_told_who_was_erased(
    kept: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, archive = kept
    monkeypatch.delenv("FLOORWALKER_SECRET", raising=False)
    other = make_shop(tmp_path / "other")
    (other / "state" / "secret.key").write_text("of another project")
    run(other)
    erase(Project(other), "ann@example.com")
    before = tree(other)
    refused = call(tmp_path, "restore", str(archive), str(other), "--replace")
    assert refused.code == 1 and "another secret" in refused.err
    after = tree(other)
    assert {name for name in before if before[name] != after.get(name)} <= {"state/run.lock"}
    assert not [path for path in tmp_path.iterdir() if "restoring" in path.name]


@pytest.mark.parametrize("harm", ["cut", "flipped", "grown", "text", "empty"])
def test_a_copy_that_is_not_whole_changes_nothing(kept: tuple[Path, Path], tmp_path: Path, harm: str) -> None:
    folder, archive = kept
    data = bytearray(archive.read_bytes())
    if harm == "cut":
        data = data[: len(data) // 2]
    elif harm == "flipped":
        data[len(data) // 2] ^= 0xFF
    elif harm == "grown":
        data[100:100] = b"more"
    elif harm == "text":
        data = bytearray(b"no archive at all\n" * 100)
    else:
        data = bytearray()
    copy = tmp_path / "copy.tar.zst"
    copy.write_bytes(data)
    assert call(folder, "backup", str(copy), "--verify").code == 1
    refused = call(tmp_path, "restore", str(copy), str(tmp_path / "new"))
    assert refused.code == 1 and "copy.tar.zst" in refused.err and "Traceback" not in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["copy.tar.zst"]


def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("../out", "/tmp/out"):
        archive = tmp_path / "bad.tar.zst"
        write_archive(archive, [(name, tmp_path / "file")], {})
        with pytest.raises(SourceError, match="no archive of ours"):
            unpack(archive, tmp_path / "into")
    assert not (tmp_path / "out").exists()


def test_a_file_that_shrinks_while_it_is_read_leaves_no_archive(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)

    def shrinking():
        yield "one", tmp_path / "file"
        yield "gone", tmp_path / "nowhere"

    with pytest.raises(StateError, match="cannot be written"):
        write_archive(tmp_path / "a.tar.zst", shrinking(), {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_not_while_a_run_is_at_work_nor_into_the_state_nor_over_another(
    kept: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, archive = kept
    assert "there already" in call(folder, "backup", str(archive)).err
    assert "does not belong" in call(folder, "backup", str(folder / "state" / "x.tar.zst")).err
    with run_lock(Project(folder), "r"):
        assert "another run is at work" in call(folder, "backup", str(tmp_path / "x.tar.zst")).err
    assert not list(tmp_path.iterdir())


def test_killed_in_the_middle_nothing_is_half_there(kept: tuple[Path, Path], tmp_path: Path) -> None:
    folder, archive = kept
    for wait in (0.4, 0.9, 1.4):
        process = start(folder, "backup", str(tmp_path / "b.tar.zst"), "--force")
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.communicate()
        if (tmp_path / "b.tar.zst").exists():
            read_manifest(tmp_path / "b.tar.zst")
    assert call(folder, "backup", str(tmp_path / "b.tar.zst"), "--force").code == 0
    assert read_manifest(tmp_path / "b.tar.zst").files.keys() == read_manifest(archive).files.keys()


def test_databases_are_copied_while_they_are_written_to(kept: tuple[Path, Path], tmp_path: Path) -> None:
    folder, _ = kept
    log = open_log(Project(folder).state / LOG, partitions=1)
    with log.writer(0) as writer:
        taken = 0

        def copied():
            nonlocal taken
            for name, path in making._copied(Project(folder), tmp_path):
                writer.append([FRAME])
                taken += 1
                yield name, path

        write_archive(tmp_path / "w.tar.zst", copied(), {})
    log.close()
    unpack(tmp_path / "w.tar.zst", tmp_path / "out")
    log = open_log(tmp_path / "out" / "state" / LOG)
    stored = log.read(0, 0)
    log.close()
    assert taken > 100 and len(stored) >= taken - 1 and stored[-1].frame == FRAME


def test_a_project_that_a_collector_writes_to_is_not_replaced(kept: tuple[Path, Path], tmp_path: Path) -> None:
    _, archive = kept
    shop = tmp_path / "shop"
    assert call(tmp_path, "restore", str(archive), str(shop)).code == 0
    log = open_log(Project(shop).state / LOG)
    with log.writer(0):
        refused = call(tmp_path, "restore", str(archive), str(shop), "--replace")
    log.close()
    assert refused.code == 1 and "a collector is at work" in refused.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]
