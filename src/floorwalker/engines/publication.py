"""What readers see: one pointer file that names a version of every table, replaced in one rename.

In: a project. Out: the `Pointer` in `state/published.json`. A reader sees the old run or the new one, never a mixture,
and a run that is killed leaves nothing visible.

>>> import tempfile
>>> from floorwalker.engines.project import Project
>>> publication = Publication(Project(tempfile.mkdtemp()))
>>> publication.write(run_id="r1", as_of="2026-01-01", versions={"gold.numbers": 0})
>>> publication.read().tables
{'gold.numbers': 0}
"""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

POINTER_VERSION = 1


@dataclass(frozen=True)
class Pointer:
    """Which run readers see: one version per table, and the serving bundle that belongs to them.

    `held_back`: models that the run could not bring up to date, each with the reason; their tables in `tables` are of
    an earlier run, or missing when there never was one.
    """

    run_id: str
    as_of: dt.date
    published_at: str
    tables: dict[str, int]
    reporting_currency: str = "GBP"
    bundle: str | None = None
    previous: dict[str, int] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)


class Publication:
    """The pointer of one project."""

    def __init__(self, project: Project) -> None:
        self.file = project.state / "published.json"

    def read(self) -> Pointer | None:
        """What readers see now; None before the first run."""
        try:
            raw = json.loads(self.file.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StateError(
                f"{self.file} is damaged",
                why=str(error),
                fix="bring it back from a backup, or remove it and run: the tables are still there",
            ) from None
        if raw["schema_version"] > POINTER_VERSION:
            raise StateError(
                "this project was published by a newer Floorwalker",
                why=f"published.json has version {raw['schema_version']}, this one knows {POINTER_VERSION}",
                fix="pip install --upgrade floorwalker",
            )
        del raw["schema_version"]
        return Pointer(as_of=dt.date.fromisoformat(raw.pop("as_of")), **raw)

    def write(
        self,
        *,
        run_id: str,
        as_of: dt.date | str,
        versions: Mapping[str, int],
        reporting_currency: str = "GBP",
        bundle: str | None = None,
        held_back: Mapping[str, str] | None = None,
    ) -> None:
        """Show readers these versions, all at once: one file, replaced by rename."""
        before = self.read()
        pointer = {
            "schema_version": POINTER_VERSION,
            "run_id": run_id,
            "as_of": str(as_of),
            "published_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "reporting_currency": reporting_currency,
            "bundle": bundle,
            "tables": dict(sorted(versions.items())),
            "previous": before.tables if before else {},
            "held_back": dict(sorted((held_back or {}).items())),
        }
        write_atomically(self.file, json.dumps(pointer, indent=1) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, finds the old text or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
