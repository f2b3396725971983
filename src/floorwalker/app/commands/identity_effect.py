"""What the commands that decide have in common: into effect at once, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from floorwalker.app.output import progress_bars, to_json

if TYPE_CHECKING:
    from floorwalker.app.deciding import Made
    from floorwalker.app.pipeline import RunResult
    from floorwalker.engines.project import Project
    from floorwalker.identity.decisions import Decision

note_option = click.option("--note", default="", help="Why; kept with the decision. No names, please.")
later_option = click.option("--later", is_flag=True, help="Let the next run put it into effect.")


def effect(project: Project, later: bool, as_json: bool) -> RunResult | None:
    """Put what was decided into effect; None where that is left to the next run."""
    from floorwalker.app.config import load_config
    from floorwalker.app.deciding import take_effect
    from floorwalker.errors import StateError

    if later:
        return None
    try:
        with progress_bars("identity") as progress:
            return take_effect(project, load_config(project).settings, progress)
    except StateError as error:
        # The decision is kept all the same: whatever run comes next obeys it.
        if "another run is at work" not in error.what:
            raise
        if not as_json:
            click.secho(f"{error.what}: the next one puts the decision into effect", fg="yellow", err=True)
        return None


def told(
    project: Project,
    made: Sequence[Made],
    lines: Iterable[str],
    result: RunResult | None,
    as_json: bool,
    about: Decision | None = None,
) -> None:
    """Say what was decided and what came of it. `about`: the decision whose people are shown, if it is another."""
    from floorwalker.app.identifying import open_identity

    shown = [about] if about else [one.decision for one in made]
    records = sorted({member.record_id for one in shown for member in (*one.a, *one.b)})
    with open_identity(project) as tables:
        rows = tables.connection.execute(
            "SELECT c.customer_id, c.records, c.orders, c.revenue FROM gold.customers c WHERE c.customer_id IN ("
            "SELECT customer_id FROM silver.customer_map WHERE record_id IN (SELECT unnest(?::VARCHAR[])))"
            " ORDER BY c.records DESC, c.customer_id",
            [records],
        ).fetchall()
    names = ("customer_id", "records", "orders", "revenue")
    customers = [dict(zip(names, row, strict=True)) for row in rows]
    seconds = round(sum(result.seconds.values()), 2) if result else None
    if as_json:
        click.echo(to_json(_document(made, result, seconds, customers), 2))
    else:
        for line in lines:
            click.echo(line)
        for one in made:
            for other in one.against:
                click.echo(f"  it takes records out of {other}, which is older")
        if result is None:
            click.echo("kept; the next run puts it into effect: floorwalker run")
        else:
            click.echo(f"in effect after {seconds:.1f} s ({result.status}, run {result.run_id}):")
            for one in customers:
                click.echo(
                    f"  {one['customer_id']}  {one['records']:>4} records  {one['orders']:>4} orders"
                    f"  revenue {one['revenue']:,.2f}"
                )
        for one in made:
            if one.decision.kind != "undo":
                click.echo(f"take it back: floorwalker identity undo {one.decision.decision_id}")
    if result is not None and result.build.held_back:
        for name, error in result.build.errors.items():
            click.secho(f"held back {name}: {error}", fg="red", err=True)
        raise SystemExit(1)


def _document(
    made: Sequence[Made], result: RunResult | None, seconds: float | None, customers: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "decisions": [
            {
                "decision_id": one.decision.decision_id,
                "kind": one.decision.kind,
                "a": [member.record_id for member in one.decision.a],
                "b": [member.record_id for member in one.decision.b],
                "takes_back": one.decision.supersedes or None,
                "against": list(one.against),
            }
            for one in made
        ],
        "in_effect": result is not None,
        "run_id": result.run_id if result else None,
        "seconds": seconds,
        "customers": customers,
    }
