"""What was pulled, read by the run's own intake into the bronze tables, without the tables that are built on them.

In: a project's folder. Out: per mapping what came of it; rows of the bronze tables.
"""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

from tests.app.driving import call

from floorwalker.app.config import load_config
from floorwalker.app.intake import SourceResult, read_sources
from floorwalker.app.state import open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project

_NUMBERS = itertools.count(1)


def new_project(folder: Path, settings: str) -> Path:
    """A blank project with these settings added."""
    assert call(folder.parent, "init", str(folder), "--template", "blank").code == 0
    with (folder / "floorwalker.toml").open("a") as file:
        file.write(settings)
    return folder


def pulled(folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """`floorwalker pull --json`, by stream."""
    return {one["stream"]: one for one in call(folder, "pull", "--json", *arguments).json}


def take_in(folder: Path) -> dict[str, SourceResult]:
    """Read what is new. Each call is received a minute after the last."""
    project, number = Project(folder), next(_NUMBERS)
    at = dt.datetime(2026, 11, 28, tzinfo=dt.UTC) + dt.timedelta(minutes=number)
    (project.state / "tmp").mkdir(parents=True, exist_ok=True)
    settings = load_config(project).settings
    with open_state(project) as state:
        found = read_sources(
            project, settings, Lake(project), state, f"r{number}", at, lambda *_: None, set(), reload=False
        )
    assert not [one.refused for one in found if one.refused]
    return {one.mapping: one for one in found}


def bronze(folder: Path, sql: str) -> list[tuple[str | None, ...]]:
    """Rows of the bronze tables, every cell as text."""
    lake = Lake(Project(folder))
    with lake.connect() as connection:
        for word in sql.replace(",", " ").split():
            if word.startswith("bronze."):
                lake.view(connection, word)
        found = connection.execute(sql).fetchall()
    return [tuple(None if cell is None else str(cell) for cell in row) for row in found]
