"""A person taken out of the live side: by the live process, or, where none is at work, with the whole store.

In: a project and a subject. Out: how many records went. What the live side holds follows from the last run and the log:
without a process it is simply removed, and made again without the person when one starts. A process that is at work is
asked by a file, forgets, writes its store anew, and removes the file.

    state/live/forget.json        ids, and keyed hashes of identifiers
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from floorwalker.app.config import load_config
from floorwalker.app.live_path import generations
from floorwalker.errors import StateError
from floorwalker.events.frames import Subjects
from floorwalker.profiles.live.forgetting import Forget, store_records

if TYPE_CHECKING:
    from floorwalker.engines.live_store.interface import LiveStore
    from floorwalker.engines.project import Project
    from floorwalker.governance.subject import Subject

PATIENCE = 120.0
"""Seconds that a live process has to forget somebody."""


def request_path(project: Project) -> Path:
    """Where the live process is asked."""
    return generations.folder(project) / "forget.json"


def erase_live(project: Project, subject: Subject, patience: float = PATIENCE) -> int:
    """Raises StateError when a live process is at work and does not do it in time."""
    name = generations.current(project)
    if name is None:
        return 0
    settings = load_config(project).settings.live
    try:
        store = generations.open_generation(project, settings, name, writing=True)
    except StateError:
        return _ask(project, subject, patience)
    with store:
        found = len(store_records(store, set(subject.record_ids)))
        found += sum(store.get("base", one.encode()) is not None for one in subject.customer_ids)
        if not found and not _names(store, subject, project):
            return 0
        store.clear()
    (generations.folder(project) / "current").unlink(missing_ok=True)
    for path in generations.folder(project).glob("*~*"):
        shutil.rmtree(path)
    return found


def asked(project: Project, subject: Subject) -> Forget:
    """What the live process is asked to forget."""
    return Forget(list(subject.customer_ids), list(subject.record_ids), _indexed(project, subject))


def _indexed(project: Project, subject: Subject) -> list[tuple[str, str]]:
    subjects = Subjects(project.secret)
    return [
        (one.kind, subjects.hash(one.kind, one.key).to_bytes(8, "big").hex())
        for one in subject.identifiers
        if one.exclusive and one.key
    ]


def _names(store: LiveStore, subject: Subject, project: Project) -> bool:
    keys = [bytes.fromhex(index) for _, index in _indexed(project, subject)]
    customers = [one.encode() for one in subject.customer_ids]
    known = store.get_many("identifiers", keys) if keys else []
    return any(one is not None for one in (*known, *store.get_many("customers", customers)))


def _ask(project: Project, subject: Subject, patience: float) -> int:
    path = request_path(project)
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(asked(project, subject)))
    with new.open() as file:
        os.fsync(file.fileno())
    new.replace(path)
    until = time.monotonic() + patience
    while path.exists():
        if time.monotonic() > until:
            raise StateError(
                "the live process did not forget the person in time",
                why=f"it had {patience:.0f} seconds",
                fix="see that it is at work, or end it, and erase again",
            )
        time.sleep(0.05)
    return len(subject.record_ids)
