"""Rotating and retiring the keys by which customers are looked up, with the served index brought along.

In: a project. Out: new keys in `state/lookup.keys`, the published bundle with entries of all valid keys, an entry in
the audit trail.

    rotate(project)             a new current key; tokens of the ones before are still answered
    retire(project, "k1")       tokens of k1 are answered no more, and the key itself is gone

At every moment the service finds identifiers: a rotation keeps the keys that the served index knows, and a key is
retired before its entries go. Customer ids do not depend on these keys.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from floorwalker.app.activation import actor
from floorwalker.app.state import open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.governance import audit
from floorwalker.identity.lookup_keys import LookupKeys
from floorwalker.profiles.bundle.layout import DONE
from floorwalker.profiles.bundle.reindex import kids_of, reindex_bundle

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

_TABLE = "silver.customer_identifiers"


def rotate(project: Project) -> LookupKeys:
    """Make a new current key. Raises StateError while a run is at work, ConfigError for keys of the environment."""
    return _change(project, "rotate")


def retire(project: Project, kid: str) -> LookupKeys:
    """End a key. Raises NotFoundError for one that is not valid, ConfigError for the current one."""
    return _change(project, "retire", kid)


def apply(project: Project) -> bool:
    """Bring the served index to the keys as they are; whether there was anything to do."""
    with run_lock(project, "keys apply"):
        return index_by_keys(project, Lake(project))


def index_by_keys(project: Project, lake: Lake) -> bool:
    """The same for who holds the run lock."""
    keys, pointer = LookupKeys.load(project), lake.pointer()
    if pointer is None or pointer.bundle is None or _TABLE not in pointer.tables:
        return False
    path = project.bundles / pointer.bundle
    if not (path / DONE).exists() or _fits(kids_of(path), keys):
        return False
    with lake.read([_TABLE]) as connection:
        reindex_bundle(connection, path, keys)
    return True


def _fits(kids: tuple[str, ...], keys: LookupKeys) -> bool:
    """Whether an index is as these keys want it; one from before keys had ids is as good as one of the first alone."""
    return sorted(kids or ("k1",)) == sorted(keys.valid)


def _change(project: Project, action: str, kid: str = "") -> LookupKeys:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    with run_lock(project, f"keys {action}"), open_state(project) as state:
        before = LookupKeys.load(project)
        keys = before.without(kid, now) if kid else before.rotated(now)
        keys.save(project)
        audit.record(
            state, project.secret, at=now, actor=actor(), action=f"identity.keys.{action}",
            detail={"key": kid or keys.current},
        )  # fmt: skip
        index_by_keys(project, Lake(project))
    return keys
