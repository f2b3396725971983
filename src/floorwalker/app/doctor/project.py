"""Is the project itself sound: settings, mappings and the files they name, what waits, and how the last run ended.

In: a project. Out: findings, and the settings where they can be read.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from glob import glob
from typing import TYPE_CHECKING

from floorwalker.app.config import load_config
from floorwalker.app.doctor.finding import Finding, fail, ok, warn
from floorwalker.app.intake import load_mappings
from floorwalker.errors import FloorwalkerError
from floorwalker.sources.collected import COLLECTED

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project

_OLD = 7
"""Days after which a row in quarantine is told of."""


def settings_of(project: Project) -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be read."""
    try:
        config = load_config(project)
    except FloorwalkerError as error:
        says = f"{error.what} ({error.why})" if error.why else error.what
        return None, [fail("settings", says, error.fix or f"mend {project.config_file.name}")]
    return config.settings, [ok("settings", f"{project.config_file.name} is understood")]


def sources(project: Project, settings: Settings) -> Iterator[Finding]:
    """Mappings, and whether there are files for them."""
    try:
        mappings = [one for one in load_mappings(project, settings) if one.path != str(COLLECTED)]
    except FloorwalkerError as error:
        yield fail("mappings", f"{error.what} ({error.why})", error.fix or "mend the mapping")
        return
    if not mappings:
        fix = "floorwalker map FILE proposes one; floorwalker collect takes events without"
        yield warn("mappings", "there is none: no file will be read", fix)
        return
    without = [
        mapping.name
        for mapping in mappings
        if not any(glob(pattern, root_dir=project.root, recursive=True) for pattern in mapping.files)  # noqa: PTH207
    ]
    yield ok("mappings", f"{len(mappings)} are understood")
    if without:
        yield warn("files", f"none for {', '.join(without)}", "put files where `files` of the mapping says")


def history(project: Project) -> Iterator[Finding]:
    """How the last run ended, and what waits in quarantine. Reads the database as it is."""
    if not project.database.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{project.database}?mode=ro", uri=True, timeout=5)) as state:
            last = state.execute("SELECT run_id, status, message FROM runs ORDER BY started_at DESC LIMIT 1").fetchone()
            waiting, oldest = state.execute("SELECT count(*), min(received_at) FROM quarantine").fetchone()
    except sqlite3.Error:
        return  # told where databases are looked at
    if last and last[1] not in ("published", "unchanged", "running"):
        yield warn("last run", f"{last[0]} ended as '{last[1]}': {last[2] or ''}".rstrip(": "), "floorwalker run")
    if waiting:
        days = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(oldest)).days
        says = f"{waiting:,} rows wait, the oldest for {days} days"
        fix = "floorwalker quarantine count, quarantine fix"
        yield warn("quarantine", says, fix) if days >= _OLD else ok("quarantine", says)
