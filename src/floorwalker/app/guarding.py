"""The guards of identity, for people: what names nobody, what was taken out, learning anew.

In: a project. Out: the published records with their hubs, open for questions; statistics learned anew; a release.

    with open_guards(project) as guards:
        check(guards.connection, guards.settings)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.activation import actor as whoever_runs
from floorwalker.app.config import load_config
from floorwalker.app.identifying import open_tables
from floorwalker.app.state import open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.governance import audit
from floorwalker.governance.transactions import atomic
from floorwalker.identity import quarantine, rules, statistics
from floorwalker.identity.alarm import Alarm, judge
from floorwalker.identity.barred import Barred, barred
from floorwalker.identity.calibration import levels_path
from floorwalker.identity.explain.words import article, noun
from floorwalker.identity.match import model_path
from floorwalker.identity.metrics import history
from floorwalker.identity.statistics import Statistics

if TYPE_CHECKING:
    import sqlite3

    import duckdb

    from floorwalker.engines.project import Project
    from floorwalker.identity.quarantine import Quarantined
    from floorwalker.identity.settings import IdentitySettings

EVERYTHING = 1_000_000
"""More values than are ever barred."""


@dataclass(frozen=True)
class Open:
    """Published records, numbered, with their hubs (`rules`). `pinned`: as the last run left it."""

    connection: duckdb.DuckDBPyConnection
    settings: IdentitySettings
    pinned: Statistics


@contextmanager
def open_guards(project: Project, *, afresh: bool = False) -> Generator[Open]:
    """`afresh`: hubs by today's records alone, as if nothing were pinned. Raises NotFoundError before the first run."""
    settings = load_config(project).settings.identity
    pinned = statistics.load(project.state, statistics.basis_of(settings))
    with open_tables(Lake(project)) as connection:
        taken_out = [one.barred for one in quarantine.standing(quarantine.known(project))]
        statistics.stage(connection, [] if afresh else [*taken_out, *pinned.hubs])
        rules.make_people(connection)
        rules.make_hubs(connection, settings)
        yield Open(connection, settings, pinned)


class Learned(msgspec.Struct, frozen=True):
    """`added`, `dropped`: hubs that were not, or are no longer ones; `model`: is the matching model, with the levels,
    learned anew by the next run?"""

    before: str
    after: str
    hubs: int
    added: list[Barred]
    dropped: list[Barred]
    model: bool


def learn(project: Project, *, dry_run: bool = False) -> Learned:
    """Find the hubs anew in what has been published, and have model and levels learned by the next run. Raises
    StateError while a run is at work."""
    with run_lock(project, "learn"):
        with open_guards(project) as guards:
            standing = {one.code: one for one in barred(guards.connection, guards.pinned, EVERYTHING)}
        with open_guards(project, afresh=True) as guards:
            today = {one.code: one for one in barred(guards.connection, guards.pinned, EVERYTHING)}
            found = msgspec.structs.replace(
                guards.pinned, hubs=statistics.hubs(guards.connection), learned=guards.pinned.learned + 1
            )
        pinned = {hub.code for hub in guards.pinned.hubs}
        files = [path for path in (model_path(project.state), levels_path(project.state)) if path.exists()]
        told = Learned(
            guards.pinned.version,
            found.version,
            len(found.hubs),
            [one for code, one in today.items() if code not in pinned],
            [standing[hub.code] for hub in guards.pinned.hubs if hub.code not in today and hub.code in standing],
            bool(files),
        )
        if not dry_run:
            statistics.save(project.state, found)
            for path in files:
                path.unlink()
            with open_state(project) as state, atomic(state):
                detail = {"hubs": told.hubs, "added": len(told.added), "dropped": len(told.dropped)}
                audit.record(
                    state, project.secret, at=_now(), actor=whoever_runs(), action="identity.learn", detail=detail
                )
    return told


def release(project: Project, code: str) -> Quarantined:
    """Let an identifier count again from the next run on; noted in the audit trail."""
    with open_state(project) as state, atomic(state):
        found = quarantine.release(state, code, at=_now(), actor=whoever_runs())
        audit.record(
            state, project.secret, at=found.released_at, actor=found.released_by, action="identity.release",
            detail={"kind": found.kind, "customers": found.customers},
        )  # fmt: skip
    return found


def alarm_of(state: sqlite3.Connection, run_id: str, figures: Mapping[str, float], settings: IdentitySettings) -> Alarm:
    """The alarm of a run, by the figures of the runs before it."""
    past = [one.figures for one in history(state, settings.alarm.runs + 1) if one.run_id != run_id]
    return judge(figures, past, settings)


def warnings(
    state: sqlite3.Connection, run_id: str, figures: Mapping[str, float], settings: IdentitySettings
) -> list[str]:
    """What the guards have to say about a run that was just published."""
    taken_out: Sequence[Quarantined] = [
        one for one in quarantine.standing(quarantine.load(state)) if one.run_id == run_id
    ]
    lines = [
        f"quarantined: {article(noun(one.kind, 1))} that would have joined {one.customers} customers:"
        f" floorwalker identity quarantine release {one.code}"
        for one in taken_out
    ]
    alarm = alarm_of(state, run_id, figures, settings)
    return [*lines, *(f"{text}: floorwalker identity metrics" for text in alarm.warnings)]


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
