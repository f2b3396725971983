"""Exporting an audience of the published run, with everything that must be asked and noted on the way.

In: a project and an audience's name. Out: the file, an entry in the log of exports and in the audit trail, the counts.
"""

from __future__ import annotations

import datetime as dt
import getpass
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floorwalker.app.state import open_state
from floorwalker.channels.audiences import find_audience, load_audiences
from floorwalker.channels.export import export_audience
from floorwalker.channels.exports import default_path, log_export
from floorwalker.engines.lake import Lake
from floorwalker.errors import ConfigError, NotFoundError, did_you_mean
from floorwalker.governance import audit, suppression
from floorwalker.governance.consent import load_consent_policy
from floorwalker.profiles.membership import segment_names

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

FORMATS = ("csv", "jsonl", "parquet")


def export_to_file(
    project: Project,
    name: str,
    out: Path | None,
    *,
    kind: str | None = None,
    hashed: bool = False,
    market: str | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Export audience `name`; returns what became of each candidate. `kind`: csv, jsonl or parquet.

    Raises NotFoundError for an unknown audience or segment, ConfigError for a file name that says no format.
    """
    audiences = load_audiences(project.policies / "audiences.toml")
    audience = find_audience(audiences, name)
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    ending = out.suffix.removeprefix(".") if out else "csv"
    kind = kind or ending
    if kind not in FORMATS:
        raise ConfigError(f"what format is '{out}'?", fix="end it in .csv, .jsonl or .parquet, or say --format")
    path = out or default_path(project, name, at=at, format=kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    lake = Lake(project)
    pointer = lake.pointer()
    with lake.read() as connection, open_state(project) as state:
        defined = segment_names(connection)
        if audience.segment not in defined:
            raise NotFoundError(
                f"no segment '{audience.segment}' in the published run",
                why=f"audience '{name}' in policies/audiences.toml asks for it",
                fix=f"{did_you_mean(audience.segment, defined)}; a new segment needs a run first",
            )
        report = export_audience(
            connection,
            name,
            audiences,
            load_consent_policy(project.policies / "consent.toml"),
            path,
            secret=project.secret,
            hashed=hashed,
            format=kind,
            market=market,
            suppressed=suppression.as_arrow(state),
            dry_run=dry_run,
        )
        if not dry_run:
            run_id = pointer.run_id if pointer else None
            log_export(state, project, audience, report, at=at, run_id=run_id)
            audit.record(
                state,
                project.secret,
                at=at,
                actor=actor(),
                action="audience.export",
                detail={"audience": name, "exported": report.exported, "hashed": hashed},
            )
    counts = asdict(report)
    del counts["members"]
    return counts


def actor() -> str:
    """Who runs the command, for the audit trail."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
