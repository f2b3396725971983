"""Erasing a person of this project: found by any identifier, removed from every store, proven gone.

In: a project and an identifier. Out: an `ErasureReport`.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from floorwalker.app.activation import actor
from floorwalker.app.lookup import every_key
from floorwalker.app.state import open_state
from floorwalker.app.stores import handlers
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.governance.erasure import ErasureReport, Subject, erase_customer, find_subject, finish_pending
from floorwalker.profiles.profile import fetch

if TYPE_CHECKING:
    from floorwalker.engines.project import Project


def erase(project: Project, identifier: str, *, reason: str = "request", dry_run: bool = False) -> ErasureReport:
    """Erase whoever `identifier` names (customer id, e-mail, `kind:value`, …).

    Raises NotFoundError when nobody or several people answer to it, StateError while a run is at work.
    """
    with run_lock(project, "erase"), open_state(project) as state:
        finish(project, state)
        with Lake(project).read() as connection:
            record = fetch(connection, identifier, every_key(project, connection))
            subject = find_subject(connection, record["customer_id"], aliases=record["identity"]["aliases"])
        return erase_customer(
            project,
            subject,
            connection=state,
            at=_now(),
            actor=actor(),
            reason=reason,
            handlers=handlers(),
            dry_run=dry_run,
        )


def finish(project: Project, state: sqlite3.Connection) -> list[ErasureReport]:
    """Finish erasures that were cut off; every run begins with it. The caller holds the run lock."""

    def resolve(customer_ids: Sequence[str], record_ids: Sequence[str]) -> Subject:
        with Lake(project).read() as connection:
            return find_subject(connection, customer_ids[0], aliases=customer_ids[1:], record_ids=record_ids)

    return finish_pending(project, connection=state, at=_now(), actor=actor(), handlers=handlers(), resolve=resolve)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
