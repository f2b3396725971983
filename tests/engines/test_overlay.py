"""A scratch copy of the published tables: the same rows, and nothing of the project is written through it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from floorwalker.engines.lake import Lake
from floorwalker.engines.overlay import PREFIX, YOUNG, overlay, remove_abandoned
from floorwalker.engines.project import Project


def made(root: Path) -> tuple[Project, Lake]:
    """A lake with two published versions of a table, and a third that nobody has seen."""
    project = Project(root)
    lake = Lake(project)
    with lake.connect() as connection:
        for number in (1, 2, 3):
            lake.replace("gold.numbers", connection.sql(f"SELECT {number} AS x"), connection)
            if number == 2:
                lake.publish(run_id="r", as_of="2026-01-01", versions={"gold.numbers": 1})
    (project.state / "models").mkdir()
    (project.state / "models" / "one.json").write_text("{}")
    return project, lake


def rows(lake: Lake, name: str = "gold.numbers") -> list[tuple]:
    with lake.connect() as connection:
        lake.view(connection, name)
        return connection.execute(f"FROM {name} ORDER BY ALL").fetchall()


def test_it_begins_as_published_and_writes_elsewhere(tmp_path: Path) -> None:
    project, lake = made(tmp_path)
    before = {path: path.read_bytes() for path in project.state.rglob("*") if path.is_file()}
    with overlay(project, {"gold.numbers": 1}, copied=("models", "matching")) as scratch:
        copy = Lake(scratch)
        assert (rows(copy), copy.version("gold.numbers")) == ([(2,)], 1)
        assert scratch.secret == project.secret and not (scratch.state / "secret.key").exists()
        with copy.connect() as connection:
            copy.replace("gold.numbers", connection.sql("SELECT 9 AS x"), connection)
            copy.merge("gold.numbers", ["x"], connection.sql("SELECT 9 AS x"), connection.sql("SELECT 8 AS x"),
                       connection)  # fmt: skip
        (scratch.state / "models" / "one.json").write_text("changed")
        assert rows(copy) == [(8,)] and rows(lake) == [(3,)]
    after = {path: path.read_bytes() for path in project.state.rglob("*") if path.is_file()}
    assert {path.name for path in after.keys() - before.keys()} <= {"secret.key"}
    assert all(after[path] == before[path] for path in before)
    assert list((project.state / "tmp").iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_it_goes_whatever_happens(tmp_path: Path, error: type[BaseException]) -> None:
    project, _ = made(tmp_path)
    with pytest.raises(error), overlay(project, {"gold.numbers": 1}):
        raise error
    assert list((project.state / "tmp").iterdir()) == []


def test_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    project, _ = made(tmp_path)
    monkeypatch.setattr(os, "link", refuse)
    with overlay(project, {"gold.numbers": 1}) as scratch:
        assert rows(Lake(scratch)) == [(2,)]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    project, _ = made(tmp_path)
    temporary = project.state / "tmp"
    left = temporary / f"{PREFIX}left"
    left.mkdir()
    with overlay(project, {"gold.numbers": 1}) as scratch:
        assert left.exists(), "it may have been made this moment"
        held = scratch.state.parent
        for folder in (left, held):
            os.utime(folder, (0, 0))
        assert remove_abandoned(temporary) == 1 and YOUNG > 0
        assert not left.exists() and held.exists()


def test_a_version_that_is_gone_is_said(tmp_path: Path) -> None:
    project, lake = made(tmp_path)
    shutil.rmtree(lake.path("gold.numbers"))
    with pytest.raises(FileNotFoundError), overlay(project, {"gold.numbers": 1}):
        pass
    assert list((project.state / "tmp").iterdir()) == []
