"""`identity map`: whose records are, and whose they were."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, table


@click.command("map")
@click.argument("text", nargs=-1)
@click.option("--as-of", metavar="DAY", help="A day such as 2026-03-01, or the id of a run (default: now).")
@click.option("--changed", is_flag=True, help="Only records that belong to another customer today.")
@click.option("--limit", default=20, show_default=True)
@json_option
@click.pass_obj
def show_map(folder: str, text: tuple[str, ...], as_of: str | None, changed: bool, limit: int, as_json: bool) -> None:
    """Whose records are, or were: of TEXT (a record, a customer id of now or then), or of everybody.

    \b
    floorwalker identity map --as-of 2026-03-01 --changed
    """
    from floorwalker.app.config import open_project
    from floorwalker.engines.lake import Lake
    from floorwalker.identity.history import moments

    with Lake(open_project(folder)).read(("silver.customer_map", *_HISTORY)) as connection:
        rows = moments(connection, as_of, text, changed=changed, limit=limit)
    table(("record_id", "customer_id", "since", "until", "customer_today"), rows, as_json)


_HISTORY = ("silver.customer_map_history", "silver.customer_ids")

# The group looks a command up by its name.
map = show_map
