"""Every store of personal data and how a person is erased from it.

In: nothing. Out: `handlers()`, one per store; a test fails when a file under `state/` belongs to none of them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.app.collect.erasing import CollectedHandler
from floorwalker.app.live_path.erasing import erase_live
from floorwalker.channels.exports import ExportsHandler
from floorwalker.channels.schema import IMPERSONAL_TABLES as CHANNELS
from floorwalker.decisions.erasure import erase_decisions
from floorwalker.engines.lake import Lake
from floorwalker.governance.decode import Finding, search_file
from floorwalker.governance.files_store import FilesHandler, PlainStateHandler, ScratchHandler
from floorwalker.governance.handlers import Handler, Receipt
from floorwalker.governance.lake_store import LakeHandler
from floorwalker.governance.needles import Needles
from floorwalker.governance.quality.schema import IMPERSONAL_TABLES as QUALITY
from floorwalker.governance.quality.schema import PERSONAL_COLUMNS as QUALITY_TEXTS
from floorwalker.governance.schema import IMPERSONAL_TABLES as GOVERNANCE
from floorwalker.governance.sqlite_store import PersonalTable, SqliteHandler
from floorwalker.identity.decisions import ANCHORS
from floorwalker.identity.metrics import IMPERSONAL_TABLES as IDENTITY_METRICS
from floorwalker.identity.schema import DECISIONS, RECORDS
from floorwalker.identity.schema import IMPERSONAL_TABLES as IDENTITY
from floorwalker.identity.stitching.journal import erase as erase_from_journal
from floorwalker.identity.stitching.opening import journal_path
from floorwalker.profiles.bundle.erasure import erase_from_bundles
from floorwalker.sources.connectors.landing import PULLED

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.governance.subject import Subject

_HEX = re.compile("([0-9a-f]{2})+")
PERSONAL_TABLES = (
    PersonalTable("quarantine", ("raw", "reason"), source_column="source"),
    PersonalTable("mended", ("raw",), source_column="source"),
    # Carried out, a request goes with the person.
    PersonalTable("privacy_requests", ("customer_ref", "email", "phone"), source_column="pull"),
    *(PersonalTable(table, columns) for table, columns in QUALITY_TEXTS),
    # A decision that loses all records of a side goes with them: see the trigger in identity/schema.py.
    PersonalTable(RECORDS, ("record_id", *ANCHORS)),
    PersonalTable(DECISIONS, ("note", "customer_a", "customer_b"), action="redact"),
)
"""Tables of the project's database that hold what was received, or could quote it."""

IMPERSONAL_TABLES = (
    *GOVERNANCE,
    *CHANNELS,
    *QUALITY,
    *IDENTITY,
    *IDENTITY_METRICS,
    "api_keys",
    "runs",
    "deliveries",
    "pull_cursors",
    "log_positions",
    "log_again",
)
"""Tables of the project's database that name nobody. A new table must join one list or the other: a test asks."""


class _Folder:
    """A store that is a folder under state/: how to find a person in it; subclasses say how to remove them."""

    name = ""
    folder = ""

    def owns(self, path: Path) -> bool:
        return path.parts[:1] == (self.folder,)

    def files(self, project: Project) -> list[Path]:
        root = project.state / self.folder
        return sorted(path for path in root.rglob("*") if path.is_file()) if root.exists() else []

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        needles = Needles.of(subject, project.secret)
        return [
            found
            for path in self.files(project)
            for found in search_file(path, needles, store=self.name, root=project.state)
        ]


class BundlesHandler(_Folder):
    """The serving bundles of the runs that are kept."""

    name = folder = "bundles"

    def erase(self, project: Project, subject: Subject) -> Receipt:
        return Receipt(self.name, erase_from_bundles(project.bundles, subject.customer_ids))


class DecisionsHandler(_Folder):
    """The ledger of decisions: an erased one keeps a stub that names nobody."""

    name = folder = "decisions"

    def erase(self, project: Project, subject: Subject) -> Receipt:
        ledger = project.state / self.folder
        return Receipt(self.name, erase_decisions(ledger, subject.customer_ids) if ledger.exists() else 0)


class ModelsHandler(_Folder):
    """Fitted models hold products and totals, no people: the search proves it. One that names somebody is removed
    whole; the next run fits it again."""

    name = folder = "models"

    def erase(self, project: Project, subject: Subject) -> Receipt:
        needles = Needles.of(subject, project.secret)
        naming = [
            path for path in self.files(project) if search_file(path, needles, store=self.name, root=project.state)
        ]
        for folder in sorted({path.parent for path in naming}):
            shutil.rmtree(folder)
        return Receipt(self.name, len(naming))


class MatchingHandler(ModelsHandler):
    """The matching model knows names that several records have: one that only this person has goes with the model,
    which the next run learns anew."""

    name = folder = "matching"


class StatisticsHandler(ModelsHandler):
    """Pinned statistics of identity: hashes of values that crowds share."""

    name = folder = "identity"


class LiveHandler(_Folder):
    """The live profiles, and what a live stitcher has learned since the last run."""

    name = folder = "live"

    def erase(self, project: Project, subject: Subject) -> Receipt:
        forgotten = erase_live(project, subject)
        return Receipt(self.name, forgotten + erase_from_journal(journal_path(project.state), subject.record_ids))

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        found = super().search(project, subject)
        # Records are named by the bytes of their ids there.
        names = [bytes.fromhex(one) for one in subject.record_ids if _HEX.fullmatch(one)]
        for path in self.files(project) if names else ():
            data = path.read_bytes() if path.suffix == ".mdb" else b""
            if any(name in data for name in names):
                found.append(Finding(self.name, path.relative_to(project.state).as_posix(), "record_id"))
        return found


class TrackingHandler(ModelsHandler):
    """MLflow's database and artifacts: parameters, figures and models without people."""

    name = "tracking"
    folder = "mlflow"

    def owns(self, path: Path) -> bool:
        return path.parts[0] == "mlflow" or path.parts[0].startswith("mlflow.db")


class ReportHandler:
    """report.html and report.json show one decision as an example: they go when it is this person's."""

    name = "report"
    files = ("report.html", "report.json")

    def owns(self, path: Path) -> bool:
        return path.parts[0] in self.files

    def erase(self, project: Project, subject: Subject) -> Receipt:
        found = self.search(project, subject)
        for name in self.files if found else ():
            (project.root / name).unlink(missing_ok=True)
        return Receipt(self.name, len(found), "the next report is written without them" if found else "")

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        needles = Needles.of(subject, project.secret)
        files = [project.root / name for name in self.files if (project.root / name).exists()]
        return [found for path in files for found in search_file(path, needles, store=self.name, root=project.root)]


def handlers() -> Sequence[Handler]:
    """The stores, in any order: erasure sorts them."""
    return (
        LakeHandler(Lake),
        SqliteHandler(PERSONAL_TABLES),
        BundlesHandler(),
        DecisionsHandler(),
        ModelsHandler(),
        MatchingHandler(),
        StatisticsHandler(),
        LiveHandler(),
        CollectedHandler(),
        TrackingHandler(),
        ExportsHandler(),
        ScratchHandler(),
        FilesHandler("lineage", "state/lineage"),
        FilesHandler(PULLED, f"state/{PULLED}"),
        ReportHandler(),
        PlainStateHandler(),
    )
