"""Every kind of trouble is found, said in a line, and comes with what to do; and the doctor changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from tests.app.driving import call

from floorwalker.app.doctor import installation
from floorwalker.app.doctor.examining import examine
from floorwalker.app.state import open_state
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a table, a log and a database, made without a run."""
    folder = tmp_path / "shop"
    assert call(folder, "init", str(folder), "--template", "online-retail").code == 0
    found = Project(folder)
    with open_state(found):
        pass
    lake = Lake(found)
    with lake.connect() as connection:
        version, _ = lake.replace("gold.numbers", pa.table({"n": [1, 2]}), connection)
    lake.publication.write(run_id="r1", as_of="2026-01-01", versions={"gold.numbers": version})
    log = open_log(found.state / LOG, partitions=1)
    with log.writer(0) as writer:
        writer.append([b"frame"])
    log.close()
    assert found.secret
    return found


def statuses(project: Project) -> dict[str, str]:
    """Check → its worst status."""
    found: dict[str, str] = {}
    rank = ("ok", "warn", "fail")
    for one in examine(project):
        found[one.check] = max(found.get(one.check, "ok"), one.status, key=rank.index)
        assert one.status == "ok" or one.fix, one
    return found


def digest(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".db-shm", ".db-wal")]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_sound_project_is_well_and_stays_as_it_was(project: Project) -> None:
    before = digest(project.root)
    found = statuses(project)
    assert [check for check, status in found.items() if status == "fail"] == []
    assert found["files"] == "warn", "the template's file is not there"
    assert {"python", "packages", "duckdb", "memory", "disk", "clock", "database", "published", "log"} <= set(found)
    after = digest(project.root)
    assert {path for path in before if before[path] != after.get(path)} == set()


def _text(name: str, text: str) -> Callable[[Project], None]:
    return lambda project: (project.root / name).write_text(text) and None


def _append(name: str, text: str) -> Callable[[Project], None]:
    return lambda project: (project.root / name).write_text((project.root / name).read_text() + text) and None


def _garbage(project: Project) -> None:
    data = bytearray(project.database.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    project.database.write_bytes(data)


def _newer(project: Project) -> None:
    with sqlite3.connect(project.database) as state:
        state.execute("UPDATE schema_versions SET version = 999 WHERE room = 'events'")


def _older(project: Project) -> None:
    with sqlite3.connect(project.database) as state:
        state.execute("UPDATE schema_versions SET version = 1 WHERE room = 'events'")


def _gone(project: Project) -> None:
    for path in (project.lake / "gold" / "numbers").glob("*.parquet"):
        path.unlink()


def _spoilt_log(project: Project) -> None:
    (path,) = (project.state / LOG).rglob("*.db")
    with sqlite3.connect(path) as log:
        (table,) = log.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone()
        blob = next(name for _, name, kind, *_ in log.execute(f"PRAGMA table_info({table})") if kind == "BLOB")
        log.execute(f"UPDATE {table} SET {blob} = zeroblob(length({blob}))")


@pytest.mark.parametrize(
    ("harm", "check", "status"),
    [
        (_text("floorwalker.toml", "[engine\n"), "settings", "fail"),
        (_text("floorwalker.toml", "[engin]\nthreads = 2\n"), "settings", "fail"),
        (_text("floorwalker.toml", '[engine]\nmemory_limit = "900TB"\n'), "memory", "fail"),
        (_text("floorwalker.toml", '[engine]\nmemory_limit = "much"\n'), "memory", "fail"),
        (_text("floorwalker.toml", '[live]\nurl = "redis://127.0.0.1:1/0"\n'), "live store", "fail"),
        (_text("mappings/bad.toml", "source = 7\n"), "mappings", "fail"),
        (_garbage, "database", "fail"),
        (_newer, "database", "fail"),
        (_older, "database", "warn"),
        (_gone, "published", "fail"),
        (_spoilt_log, "log", "fail"),
        (_text("state/published.json", "{"), "published", "fail"),
        (_text("state/published.json", '{"schema_version": 99}'), "published", "fail"),
        (lambda project: (project.state / "secret.key").chmod(0o644), "secret", "warn"),
    ],
)
def test_trouble_is_found(project: Project, harm: Callable[[Project], None], check: str, status: str) -> None:
    harm(project)
    assert statuses(project).get(check) == status


def test_a_clock_that_went_back_a_port_that_is_taken_and_something_left_over(project: Project) -> None:
    pointer = json.loads((project.state / "published.json").read_text())
    (project.state / "published.json").write_text(json.dumps(pointer | {"published_at": "2099-01-01T00:00:00+00:00"}))
    old = project.state / "tmp" / "old"
    old.parent.mkdir(exist_ok=True)
    old.write_text("")
    os.utime(old, (0, 0))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (project.root / "floorwalker.toml").write_text(f"[server]\nport = {taken.getsockname()[1]}\n")
        found = statuses(project)
    assert (found["clock"], found["ports"], found["left over"]) == ("fail", "warn", "warn")


def test_the_command_says_it_and_fails(project: Project) -> None:
    well = call(project.root, "doctor")
    assert well.code == 0 and "worth knowing" in well.out and "→" in well.out
    _gone(project)
    bad = call(project.root, "doctor", "--quiet", "--json")
    assert bad.code == 1
    told = json.loads(bad.out)
    assert {one["status"] for one in told} <= {"warn", "fail"}
    (gone,) = [one for one in told if one["check"] == "published"]
    assert "gold.numbers" in gone["says"] and "state/lake" in gone["fix"]
    assert call(project.root.parent, "doctor").code == 1, "no project at all"


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["duckdb>=2", "nosuchthing>=1", "click>=99", 'pyspark>=4; extra == "spark"']
    monkeypatch.setattr(installation.metadata, "requires", lambda name: needs)
    (bad,) = [one for one in installation.installation() if one.check == "packages"]
    assert "nosuchthing is missing" in bad.says and "click is" in bad.says and "pyspark" not in bad.says
