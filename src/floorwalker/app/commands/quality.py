"""`quality`: what is odd about the data, how fresh each source is, which tests pass, and how a column has been."""

from __future__ import annotations

from typing import Any

import click

from floorwalker.app.output import json_option, show, table


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def quality(ctx: click.Context, as_json: bool) -> None:
    """What is odd about the last run, how fresh each source is, and which tests pass.

    \b
    floorwalker quality
    """
    if ctx.invoked_subcommand is not None:
        return
    from floorwalker.app.config import open_project
    from floorwalker.app.quality import current
    from floorwalker.app.state import open_state
    from floorwalker.governance.quality.history import skew_words

    with open_state(open_project(ctx.obj)) as state:
        now = current(state)
    if as_json:
        show(now, True)
        return
    if now["run_id"] is None:
        click.echo("nothing has been measured yet: floorwalker run, with [quality] on = true")
        return
    found = now["anomalies"]
    click.echo(f"run {now['run_id']}, as of {now['as_of']}: " + ("nothing odd" if not found else f"{len(found)} odd"))
    for one in found:
        click.secho(f"  {one['severity']:<7}", fg={"high": "red", "medium": "yellow"}.get(one["severity"]), nl=False)
        click.echo(one["text"])
        for text in one["also"][:3]:
            click.echo(f"         also: {text}")
        if len(one["also"]) > 3:
            click.echo(f"         also: {len(one['also']) - 3} more")
        if one["touches"]:
            click.echo(f"         may touch: {', '.join(one['touches'])}")
    if now["skew"]:
        click.echo(f"batch = live: {skew_words(now['skew'])}")
    click.echo()
    names = ("source", "table", "newest", "rows_that_day", "age_days", "usual_gap_days")
    table(names, [tuple(row[name] for name in names) for row in now["freshness"]], title="freshness")
    tests = now["tests"]
    bad = [row for row in tests if row["status"] != "pass"]
    click.echo(f"\ntests: {len(tests) - len(bad)} pass, {len(bad)} do not")
    if bad:
        names = ("table", "test", "status", "failures", "not_passed", "runs")
        table(names, [tuple(row[name] for name in names) for row in bad])


@quality.command("skew")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Comparisons at most.")
@json_option
@click.pass_obj
def skew(folder: str, limit: int, as_json: bool) -> None:
    """Whether the live path gave what runs computed, run by run, newest first.

    \b
    floorwalker quality skew
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.governance.quality.history import skews

    with open_state(open_project(folder)) as state:
        found = skews(state, limit)
    if as_json:
        show(found, True)
        return
    if not found:
        click.echo("nothing has been compared yet: floorwalker run, with [quality] skew_customers above 0")
        return
    names = ("run_id", "as_of", "customers", "compared", "differences", "seconds")
    rows = [(*(row[name] for name in names), ", ".join(sorted(row["different"])[:5])) for row in found]
    table((*names, "features that differ"), rows)


@quality.command("history")
@click.argument("name", metavar="TABLE[.COLUMN]")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Measurements at most.")
@json_option
@click.pass_obj
def history_of(folder: str, name: str, limit: int, as_json: bool) -> None:
    """How a table or a column has been, run by run, newest first.

    \b
    floorwalker quality history gold.customers
    floorwalker quality history bronze.order_lines.amount
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.errors import NotFoundError, did_you_mean
    from floorwalker.governance.quality.history import column_history, measures_of

    layer, _, rest = name.partition(".")
    measured, _, column = rest.partition(".")
    with open_state(open_project(folder)) as state:
        known = {row[0] for row in state.execute("SELECT DISTINCT table_name FROM quality_tables")}
        of = f"{layer}.{measured}"
        if of not in known:
            raise NotFoundError(f"no measurement of {of}", fix=did_you_mean(of, known) if known else "floorwalker run")
        if column:
            rows = column_history(state, of, column, limit)
            columns = {
                row[0]
                for row in state.execute(
                    "SELECT DISTINCT column_name FROM quality_columns JOIN quality_tables ON number = measure"
                    " WHERE table_name = ?",
                    (of,),
                )
            }
            if not rows:
                raise NotFoundError(f"no measurement of {name}", fix=did_you_mean(column, columns))
        else:
            rows = measures_of(state, of, limit)
    if as_json:
        show(rows, True)
        return
    if column:
        names = ("run_id", "source", "rows", "empty", "distinct", "low", "high", "mean", "values")
        listed = [
            (
                *(row[name] for name in names[:3]),
                f"{row['empty']:.1%}",
                *(row[name] for name in names[4:8]),
                _shape(row["shape"]),
            )
            for row in rows
        ]
        table(names, listed)
    else:
        table(tuple(rows[0]), [tuple(row.values()) for row in rows])


def _shape(shape: Any) -> str:
    """A category's values, or a number's median and the middle half."""
    if isinstance(shape, dict):
        shares = sorted(shape.items(), key=lambda pair: -pair[1])
        shown = ", ".join(f"{value or 'others'} {share:.0%}" for value, share in shares[:4])
        return shown + (f", and {len(shares) - 4} more" if len(shares) > 4 else "")
    if isinstance(shape, list):
        return f"half {shape[5]:g} to {shape[15]:g}, median {shape[10]:g}"
    return ""
