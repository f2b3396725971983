"""The log of exports, and what erasure needs of it: who once received a person's data.

In: an `AudienceReport`. Out: a row in SQLite; later, for a person, the recipients to be told and the files to be
rewritten.

The members of an export are kept as sorted keyed 64-bit hashes of customer_id (8 bytes each): without the project's
secret they name nobody, with it they answer "was she in it?".
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from floorwalker.channels.audiences import Audience
from floorwalker.channels.export import AudienceReport
from floorwalker.governance.files_store import FilesHandler
from floorwalker.governance.handlers import Receipt
from floorwalker.governance.suppression import hash_identifier
from floorwalker.governance.transactions import atomic

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.governance.subject import Subject


@dataclass(frozen=True)
class Export:
    """One file that was written. `recipient`: as the audience names it, else its channel."""

    export_id: str
    at: str
    run_id: str | None
    audience: str
    channel: str
    purpose: str
    recipient: str
    file: str
    rows: int


def default_path(project: Project, audience: str, *, at: str, format: str) -> Path:
    """exports/<audience>-<time>.<format> in the project; the time as given, without signs that file names dislike."""
    stamp = "".join(character for character in at if character.isalnum())
    return project.root / "exports" / f"{audience}-{stamp}.{format}"


def log_export(
    connection: sqlite3.Connection, project: Project, audience: Audience, report: AudienceReport, *,
    at: str, run_id: str | None = None,
) -> Export:  # fmt: skip
    """Note that a file was written. A dry run has no file and is not logged: ValueError."""
    if report.file is None:
        raise ValueError("a dry run wrote nothing")
    path = report.file.resolve()
    file = path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path)
    counts = {name: value for name, value in asdict(report).items() if name not in ("members", "file")}
    export = Export(
        hash_identifier(project.secret, "export", f"{at} {audience.name} {file}")[:26],
        at,
        run_id,
        audience.name,
        audience.channel,
        audience.purpose,
        audience.recipient or audience.channel,
        file,
        report.exported,
    )
    with atomic(connection):
        connection.execute(
            "INSERT OR REPLACE INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                export.export_id, at, run_id, export.audience, export.channel, export.purpose, export.recipient, file,
                report.format, int(report.hashed), report.exported, json.dumps(counts, sort_keys=True), report.members,
            ),
        )  # fmt: skip
    return export


def exports(connection: sqlite3.Connection, *, audience: str | None = None) -> list[Export]:
    """Exports, newest first."""
    rows = connection.execute(
        "SELECT export_id, at, run_id, audience, channel, purpose, recipient, file, rows FROM exports"
        " WHERE ?1 IS NULL OR audience = ?1 ORDER BY at DESC, export_id",
        (audience,),
    ).fetchall()
    return [Export(*row) for row in rows]


def exports_of(connection: sqlite3.Connection, secret: bytes, customer_ids: Iterable[str]) -> list[Export]:
    """Exports that contained the person (any of their ids), newest first."""
    wanted = np.array(
        sorted(int(hash_identifier(secret, "customer_id", one)[:16], 16) for one in customer_ids), np.dtype("<u8")
    )
    found = []
    for export in exports(connection):
        blob = connection.execute("SELECT members FROM exports WHERE export_id = ?", (export.export_id,)).fetchone()[0]
        members = np.frombuffer(blob, np.dtype("<u8"))
        at = np.searchsorted(members, wanted)
        if np.any(members[at[at < len(members)]] == wanted[at < len(members)]):
            found.append(export)
    return found


class ExportsHandler(FilesHandler):
    """Erasure from exports/: the person's lines go, and the receipt names who was sent them."""

    def __init__(self) -> None:
        super().__init__("exports", "exports")

    def erase(self, project: Project, subject: Subject) -> Receipt:
        receipt = super().erase(project, subject)
        if not project.database.exists():
            return receipt
        connection = sqlite3.connect(f"file:{project.database}?mode=ro", uri=True)
        try:
            logged = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'exports'").fetchone()
            sent = exports_of(connection, project.secret, subject.customer_ids) if logged else []
        finally:
            connection.close()
        return replace(receipt, told=tuple(f"{one.recipient}: {one.audience}, {one.at}" for one in sent))
