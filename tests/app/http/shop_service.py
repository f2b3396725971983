"""The shop's service in memory, with one key of each kind."""

from __future__ import annotations

from pathlib import Path

from tests.decisions.shop import normalise, project_of

from floorwalker.app.http.service import App, create_app
from floorwalker.engines.database import open_database
from floorwalker.engines.project import Project
from floorwalker.governance import keys
from floorwalker.profiles.bundle.reader import Normalise

NOW = "2026-05-31T12:00:00Z"
CALLS = {
    "browser": ("browser", [], ""),
    "collect": ("browser", ["collect"], ""),
    "server": ("server", [], ""),
    "decide": ("server", ["decide"], ""),
    "france": ("server", [], "FR"),
    "admin": ("admin", [], ""),
}


def normaliser(project: Project) -> Normalise:
    """The shop's own normalisation."""
    return normalise


def keys_of(project: Project) -> dict[str, dict[str, str]]:
    """Headers per name in CALLS, of keys made in this project."""
    database = open_database(project, {"keys": keys.MIGRATIONS})
    headers = {}
    for name, (kind, scopes, market) in CALLS.items():
        token = keys.create_key(database, name, kind, scopes, market=market, now=NOW)
        headers[name] = {"authorization": f"Bearer {token}"}
    database.close()
    return headers


def app_of(folder: Path, *, loopback: bool = False) -> tuple[App, dict[str, dict[str, str]]]:
    """The application, and headers by name of key."""
    project = project_of(folder)
    headers = keys_of(project)
    return create_app(project, normaliser=normaliser, allow_loopback_without_key=loopback), headers
