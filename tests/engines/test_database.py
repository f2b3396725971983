"""The project's small tables migrate once, and refuse what a newer version wrote."""

from __future__ import annotations

import sqlite3

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


def test_one_run_at_a_time(tmp_path):
    project = Project(tmp_path)
    with run_lock(project, "r1"), pytest.raises(StateError, match="r1"), run_lock(project, "r2"):
        raise AssertionError("two runs at once")
    with run_lock(project, "r3"):
        assert "r3" in (tmp_path / "state" / "run.lock").read_text()
