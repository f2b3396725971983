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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.errors import NotFoundError, StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

POINTER_VERSION = 1


@dataclass(frozen=True)
class Former:
    """What readers saw before: of which run, until when, and whether only a compaction took its place."""

    run_id: str
    as_of: str
    until: str
    tables: dict[str, int]
    compacted: bool = False


@dataclass(frozen=True)
class Pointer:
    """Which run readers see: one version per table, and the serving bundle that belongs to them.

    `held_back`: models that the run could not bring up to date, each with the reason; their tables in `tables` are of
    an earlier run, or missing when there never was one. `former`: what readers saw before, the newest first, as long as
    its files are kept.
    """

    run_id: str
    as_of: dt.date
    published_at: str
    tables: dict[str, int]
    reporting_currency: str = "GBP"
    bundle: str | None = None
    held_back: dict[str, str] = field(default_factory=dict)
    former: list[Former] = field(default_factory=list)
    log: dict[str, int] = field(default_factory=dict)
    """Per partition of the event log where the run ended: its tables have what came before."""

    @property
    def previous(self) -> dict[str, int]:
        """The tables of the run before this one; empty when none is kept."""
        return next((one.tables for one in self.former if not one.compacted), {})

    def at(self, run_id: str) -> Pointer:
        """What readers saw after a run, as long as it is kept. Raises NotFoundError."""
        if run_id == self.run_id:
            return self
        runs = {one.run_id: one for one in self.former if not one.compacted}
        if run_id not in runs:
            raise NotFoundError(
                f"run {run_id} is not kept", why="[lake] keep_runs and keep_days say what is",
                fix="kept: " + ", ".join([self.run_id, *runs]),
            )  # fmt: skip
        one = runs[run_id]
        return replace(self, run_id=run_id, as_of=dt.date.fromisoformat(one.as_of), tables=one.tables, bundle=None)


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
        former = [Former(**one) for one in raw.pop("former", [])]
        # Until compaction came, the pointer knew one earlier run.
        previous = raw.pop("previous", {})
        if previous and not former:
            former = [Former("", raw["as_of"], raw["published_at"], previous)]
        return Pointer(as_of=dt.date.fromisoformat(raw.pop("as_of")), former=former, **raw)

    def write(
        self,
        *,
        run_id: str,
        as_of: dt.date | str,
        versions: Mapping[str, int],
        reporting_currency: str = "GBP",
        bundle: str | None = None,
        held_back: Mapping[str, str] | None = None,
        log: Mapping[int, int] | None = None,
    ) -> None:
        """Show readers these versions, all at once: one file, replaced by rename. `log`: as in `Pointer`; None: the run
        has read nothing of it."""
        before = self.read()
        now = _now()
        self._put(
            Pointer(
                run_id=run_id,
                as_of=dt.date.fromisoformat(str(as_of)),
                published_at=now,
                tables=dict(versions),
                reporting_currency=reporting_currency,
                bundle=bundle,
                held_back=dict(held_back or {}),
                log={str(one): at for one, at in log.items()} if log is not None else before.log if before else {},
                former=[Former(before.run_id, str(before.as_of), now, before.tables), *before.former] if before else [],
            )
        )

    def move(self, versions: Mapping[str, int], *, forget: bool = False) -> None:
        """Show the same run in other versions of these tables, all at once: they were compacted.

        `forget`: it is as if these had been published in the first place, and nothing before them (erasure).
        """
        before = self.read()
        if before is None:
            return
        tables = {**before.tables, **versions}
        replaced = Former(before.run_id, str(before.as_of), _now(), before.tables, compacted=True)
        former = [] if forget else [replaced, *before.former]
        self._put(replace(before, tables=tables, former=former))

    def keep(self, former: Sequence[Former]) -> None:
        """Remember only these of what readers saw before: the files of the others are about to go."""
        before = self.read()
        if before is not None and before.former != list(former):
            self._put(replace(before, former=list(former)))

    def _put(self, pointer: Pointer) -> None:
        written = {
            "schema_version": POINTER_VERSION,
            **asdict(pointer),
            "as_of": str(pointer.as_of),
            "tables": dict(sorted(pointer.tables.items())),
            "held_back": dict(sorted(pointer.held_back.items())),
        }
        write_atomically(self.file, json.dumps(written, indent=1) + "\n")


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, finds the old text or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
