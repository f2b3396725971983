"""The project's small tables migrate once, and refuse what a newer version wrote."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Manager
from threading import Barrier

import pytest

from floorwalker.engines.database import open_database
from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project
from floorwalker.errors import StateError

FIRST = ("CREATE TABLE toys (name TEXT)",)
SECOND = (*FIRST, "ALTER TABLE toys ADD COLUMN price INTEGER")


def test_migrations_run_once_and_in_order(tmp_path):
    project = Project(tmp_path)
    open_database(project, {"toys": FIRST}).execute("INSERT INTO toys VALUES ('bear')")
    database = open_database(project, {"toys": SECOND})
    assert database.execute("SELECT name, price FROM toys").fetchall() == [("bear", None)]
    assert open_database(project, {"toys": SECOND}).execute("SELECT version FROM schema_versions").fetchall() == [(2,)]


def test_a_migration_that_fails_leaves_nothing(tmp_path):
    project = Project(tmp_path)
    with pytest.raises(sqlite3.Error):
        open_database(project, {"toys": ("CREATE TABLE toys (name TEXT); CREATE TABLE toys (name TEXT)",)})
    database = open_database(project, {"toys": FIRST})
    assert database.execute("SELECT COUNT(*) FROM toys").fetchone() == (0,)


def test_a_newer_schema_is_refused(tmp_path):
    project = Project(tmp_path)
    open_database(project, {"toys": SECOND}).close()
    with pytest.raises(StateError, match="newer"):
        open_database(project, {"toys": FIRST})


SCRIPTS = tuple(f"CREATE TABLE t{number} (x TEXT);\nCREATE INDEX i{number} ON t{number} (x)" for number in range(20))


def _open(root: str, ready: Barrier) -> int:
    ready.wait()
    database = open_database(Project(root), {"toys": SCRIPTS})
    return database.execute("SELECT version FROM schema_versions").fetchone()[0]


def test_processes_that_open_a_new_project_at_once_wait_for_each_other(tmp_path):
    with Manager() as manager, ProcessPoolExecutor(4) as pool:
        for attempt in range(5):
            ready = manager.Barrier(4)
            opened = [pool.submit(_open, str(tmp_path / str(attempt)), ready) for _ in range(4)]
            assert [one.result() for one in opened] == [len(SCRIPTS)] * 4


def test_one_run_at_a_time(tmp_path):
    project = Project(tmp_path)
    with run_lock(project, "r1"), pytest.raises(StateError, match="r1"), run_lock(project, "r2"):
        raise AssertionError("two runs at once")
    with run_lock(project, "r3"):
        assert "r3" in (tmp_path / "state" / "run.lock").read_text()
