"""`erase`, `audit`: a person's right to be forgotten, and the trail of who did what."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, show, table


@click.command()
@click.option("--customer", required=True, metavar="ID", help="Customer id, e-mail, phone or kind:value.")
@click.option("--reason", default="request", show_default=True, help="Kept in the receipt.")
@click.option("--dry-run", is_flag=True, help="Only show where the person is found.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def erase(folder: str, customer: str, reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase a person from every store, and prove it by decoding every store afterwards.

    \b
    floorwalker erase --customer email:ann@example.com --dry-run
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.erasing import erase as carry_out

    if not dry_run and not yes:
        click.confirm("Erase this person for good? It cannot be undone", abort=True, err=True)
    report = carry_out(open_project(folder), customer, reason=reason, dry_run=dry_run)
    show(
        {
            "erasure_id": report.erasure_id or None,
            "dry_run": report.dry_run,
            "proven": report.proven,
            "suppressed_hashes": report.suppressed,
            "stores": [
                {"store": one.store, "removed": one.removed, "detail": one.detail or None} for one in report.receipts
            ],
            "tell": list(report.told),
            "found": [{"store": one.store, "place": one.place, "kind": one.kind} for one in report.findings],
        },
        as_json,
    )
    if not dry_run and not report.proven:
        raise SystemExit(1)


@click.group()
def audit() -> None:
    """Who did what, and whether the log is intact."""


@audit.command("list")
@click.option("--action", help="Only this kind of act.")
@click.option("--limit", default=50, show_default=True)
@json_option
@click.pass_obj
def list_entries(folder: str, action: str | None, limit: int, as_json: bool) -> None:
    """The newest entries first.

    \b
    floorwalker audit list --action audience.export
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.governance.audit import entries

    with open_state(open_project(folder)) as state:
        found = entries(state, action=action, limit=limit)
    rows = [(one.number, one.at, one.actor, one.action, one.subject, dict(one.detail)) for one in found]
    table(("number", "at", "actor", "action", "subject", "detail"), rows, as_json)


@audit.command("verify")
@click.pass_obj
def verify(folder: str) -> None:
    """Check the chain of hashes: an entry that was changed or taken out is found.

    \b
    floorwalker audit verify
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.governance.audit import broken

    project = open_project(folder)
    with open_state(project) as state:
        number = broken(state, project.secret)
    if number is not None:
        click.secho(f"the log is broken at entry {number}", fg="red", err=True)
        raise SystemExit(1)
    click.echo("the log is intact")
