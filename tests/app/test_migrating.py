"""A project of an earlier version is moved forward, after it was said how; one of a newer version is left alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.app.driving import call

from floorwalker.app.intake import make_bronze
from floorwalker.app.state import ROOMS, open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.events.vocabulary import KINDS


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project as an earlier Floorwalker left it: a room's tables fewer, a column of bronze missing."""
    folder = tmp_path / "shop"
    assert call(folder, "init", str(folder), "--template", "blank").code == 0
    found = Project(folder)
    with open_state(found):
        pass
    make_bronze(Lake(found))
    with sqlite3.connect(found.database) as state:
        state.execute("DROP TABLE mended")
        state.execute("UPDATE schema_versions SET version = ? WHERE room = 'events'", (len(ROOMS["events"]) - 1,))
    lake, kind = Lake(found), KINDS["stores"]
    with lake.connect() as connection:
        lake.view(connection, "bronze.stores")
        kept = ", ".join(name for name in kind.names if name != kind.names[-1])
        lake.replace("bronze.stores", connection.sql(f"SELECT {kept} FROM bronze.stores"), connection)
    return found


def test_what_is_behind_is_said_then_done_then_nothing_is_left(project: Project) -> None:
    said = call(project.root, "migrate", "--dry-run", "--json").json
    needed = {one["store"]: one for one in said if one["would be done"] != "nothing to do"}
    assert set(needed) == {"database: events", "bronze.stores"}
    assert needed["database: events"]["becomes"] == str(len(ROOMS["events"]))
    assert KINDS["stores"].names[-1] in needed["bronze.stores"]["would be done"]
    again = call(project.root, "migrate", "--dry-run", "--json").json
    assert again == said, "nothing was done"
    assert "bronze.stores" in call(project.root, "migrate").out
    assert "nothing to do" in call(project.root, "migrate").out
    assert set(KINDS["stores"].names) <= {field.name for field in Lake(project).open("bronze.stores").schema().fields}


def test_a_newer_project_is_left_as_it_is(project: Project) -> None:
    with sqlite3.connect(project.database) as state:
        state.execute("UPDATE schema_versions SET version = 99 WHERE room = 'keys'")
    refused = call(project.root, "migrate")
    assert refused.code == 1 and "newer Floorwalker" in refused.err and "keys has version 99" in refused.err
    with sqlite3.connect(project.database) as state:
        found = dict(state.execute("SELECT room, version FROM schema_versions"))
    assert found["events"] == len(ROOMS["events"]) - 1
