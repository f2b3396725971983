"""`audience`: who may be written to, and the file that goes to a provider."""

from __future__ import annotations

from pathlib import Path

import click

from floorwalker.app.output import json_option, show, table


@click.group()
def audience() -> None:
    """List audiences and export one to a file."""


@audience.command("list")
@json_option
@click.pass_obj
def list_all(folder: str, as_json: bool) -> None:
    """The audiences of policies/audiences.toml.

    \b
    floorwalker audience list
    """
    from floorwalker.app.config import open_project
    from floorwalker.channels.audiences import load_audiences

    found = load_audiences(open_project(folder).policies / "audiences.toml")
    rows = [(one.name, one.segment, one.channel, one.purpose, one.holdout, one.description) for one in found.values()]
    table(("name", "segment", "channel", "purpose", "holdout", "description"), rows, as_json)


@audience.command("export")
@click.argument("name")
@click.option("--to", "out", type=click.Path(dir_okay=False), help="File (default: exports/NAME-TIME.FORMAT).")
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl", "parquet"]), help="Default: by the file's ending.")
@click.option("--hashed", is_flag=True, help="SHA-256 of normalised addresses, as ad platforms take them.")
@click.option("--market", help="Only customers of this market.")
@click.option("--dry-run", is_flag=True, help="Count, write nothing.")
@json_option
@click.pass_obj
def export(
    folder: str,
    name: str,
    out: str | None,
    kind: str | None,
    hashed: bool,
    market: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write audience NAME to a file: purpose, suppression and hold-out applied, everyone accounted for.

    \b
    floorwalker audience export winback_email --to winback.csv
    """
    from floorwalker.app.activation import export_to_file
    from floorwalker.app.config import open_project

    report = export_to_file(
        open_project(folder), name, Path(out) if out else None, kind=kind, hashed=hashed, market=market, dry_run=dry_run
    )
    show(report, as_json)
