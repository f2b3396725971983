"""The shop's service in memory, with one key of each kind."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from tests.decisions.shop import AS_OF, PEOPLE, RUN, c, market, normalise, project_of
from tests.identity.explain.tables import Tables

from floorwalker.app.http.service import App, create_app
from floorwalker.app.identifying import NEEDED
from floorwalker.engines.database import open_database
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.governance import keys
from floorwalker.identity.review import TABLE, build
from floorwalker.identity.settings import IdentitySettings, ReviewSettings
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
    for name, (kind, scopes, where) in CALLS.items():
        token = keys.create_key(database, name, kind, scopes, market=where, now=NOW)
        headers[name] = {"authorization": f"Bearer {token}"}
    database.close()
    return headers


def identity_of(project: Project) -> None:
    """Publish the tables of identity: of each person a till's and a web shop's record, tied by e-mail. Ann, Bob and Eve
    (of France) share a phone, and none of them has it."""
    names = {f"{name}-{source}": name for name in PEOPLE for source in ("till", "web")}
    shop = Tables(
        [
            f"{record} {record.split('-')[1]} email={name}@example.com given_name={name}"
            for record, name in names.items()
        ]
    )
    for record, name in names.items():
        shop.tie(record, "email", f"{name}@example.com")
    for name in ("ann", "bob", "eve"):
        shop.tie(f"{name}-till", "phone_alone", "+442079460000", refused="different first names")
    shop.customers(*(f"{name}-till {name}-web" for name in PEOPLE))
    for one, two in product(("till", "web"), repeat=2):
        shop.below(f"ann-{one}", f"bob-{two}", 4.0 + (one == two == "web")).below(f"ann-{one}", f"eve-{two}", 5.1)
    connection = shop.connection
    for number, name in enumerate(PEOPLE, 1):
        connection.execute(
            "UPDATE silver.customer_map SET customer_id = ? WHERE customer_id = ?", [c(name), f"c{number}"]
        )
    connection.execute("INSERT INTO silver.customer_aliases VALUES (?, ?, 'run-0', '2026-05-01')", [c("old"), c("ann")])
    connection.execute("CREATE TABLE gold.customers (customer_id VARCHAR, market VARCHAR)")
    connection.executemany("INSERT INTO gold.customers VALUES (?, ?)", [(c(name), market(name)) for name in PEOPLE])
    connection.execute("CREATE TABLE silver.identity_summary AS SELECT 'records' AS name, 24.0 AS value")
    queue = build(connection, IdentitySettings(review=ReviewSettings(records=2)))
    written = {name: connection.table(name) for name in (*NEEDED, "silver.identity_pairs")} | {TABLE: queue}
    lake = Lake(project)
    versions = {name: lake.replace(name, data, connection)[0] for name, data in written.items()}
    lake.publish(run_id=RUN, as_of=AS_OF, versions=versions, bundle=RUN)


def app_of(folder: Path, *, loopback: bool = False) -> tuple[App, dict[str, dict[str, str]]]:
    """The application, and headers by name of key."""
    project = project_of(folder)
    (project.state / "published.json").unlink()
    identity_of(project)
    headers = keys_of(project)
    return create_app(project, normaliser=normaliser, allow_loopback_without_key=loopback, settle=False), headers
