"""The live stitcher of a project: on what its last run has published and pinned.

In: a project and its settings. Out: a `Stitcher` that goes on where the last process stopped.

    stitcher = open_stitcher(project, settings.identity)
    stitcher.position                                     where the caller goes on reading
    stitcher.add({"email": "ann@lee.com", "cookie_id": "k-81", "market": "GB", "source": "web"})
    stitcher.save("offset 4711")

Hubs that runs have pinned and identifiers in quarantine are barred; cuts of people hold; the rules are those of the
project's level of confidence. Without a published run it starts empty.
"""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from floorwalker.engines.database import open_database
from floorwalker.engines.lake import Lake
from floorwalker.identity import statistics
from floorwalker.identity.calibration import Pinned, levels_path
from floorwalker.identity.decisions import active
from floorwalker.identity.guards import known
from floorwalker.identity.quarantine import standing
from floorwalker.identity.schema import MIGRATIONS
from floorwalker.identity.stitching.published import TABLES, published
from floorwalker.identity.stitching.stitcher import Stitcher

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.identity.settings import IdentitySettings


def journal_path(state: Path) -> Path:
    """Where a project keeps what came since its last run."""
    return state / "live" / "identity.journal"


def open_stitcher(project: Project, settings: IdentitySettings, *, journal: bool = True) -> Stitcher:
    """Load the base and the journal; one process may have it open. Without a journal: the base alone, for a caller that
    keeps what comes itself."""
    pinned = statistics.load(project.state, statistics.basis_of(settings)).hubs
    barred = [statistics.number_of(one.code) for one in pinned]
    barred += [statistics.number_of(one.code) for one in standing(known(project).quarantine)]
    cut, path = None, levels_path(project.state)
    if path.exists():
        cut = msgspec.json.decode(path.read_bytes(), type=Pinned).cuts.get(settings.level)
    lake = Lake(project)
    if lake.pointer() is None:
        stitcher = Stitcher(settings, project.secret, barred=barred)
    else:
        with contextlib.closing(open_database(project, {"identity": MIGRATIONS})) as database:
            decided = active(database)
        with lake.read(TABLES) as connection:
            stitcher = published(connection, settings, project.secret, decided=decided, cut=cut, barred=barred)
    if journal:
        stitcher.keep(journal_path(project.state))
    # What was loaded stays as long as the process: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    return stitcher
