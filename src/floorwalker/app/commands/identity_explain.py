"""`identity explain`: why records are one person, why two are not, and what the model makes of a pair."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option


@click.command()
@click.argument("who", required=False)
@click.option("--not", "other", metavar="ID", help="Why this one is not the same person.")
@click.option("--pair", nargs=2, metavar="ID ID", help="Two records side by side, with the model's waterfall.")
@click.option("--graph", "as_graph", is_flag=True, help="The identity graph as JSON, for a page.")
@click.option("--masked", is_flag=True, help="Do not show identifiers and names in full.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1), help="Lines per list, records of a graph."
)
@click.option("--offset", default=0, type=click.IntRange(0), help="Record at which a graph's part begins.")
@json_option
@click.pass_obj
def explain(
    folder: str,
    who: str | None,
    other: str | None,
    pair: tuple[str, str] | None,
    as_graph: bool,
    masked: bool,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """Why WHO is one person; with --not, why two are not; with --pair, what a model makes of two records.

    An ID is a customer id, an earlier one, a record id (its first letters are enough), an e-mail address, a phone
    number, or kind:value.

    \b
    floorwalker identity explain ann@example.com
    floorwalker identity explain ann@example.com --not bob@example.com
    floorwalker identity explain --pair 747baedc 8917a1f0
    floorwalker identity explain loyalty_id:6301249082955 --graph --limit 50
    """
    from floorwalker.app import explaining
    from floorwalker.app.config import open_project
    from floorwalker.app.identifying import open_identity
    from floorwalker.identity import explain as explained

    if (who is None) == (pair is None):
        raise click.UsageError("say whom: floorwalker identity explain ID, or --pair ID ID")
    if other is not None and who is None:
        raise click.UsageError("--not wants two: floorwalker identity explain ID --not ID")
    clear = not masked
    with open_identity(open_project(folder)) as tables:
        connection = tables.connection
        if pair is not None:
            records = tables.pair_of(*map(tables.find, pair))
            compared = explained.pair(connection, *records, tables.model, score=tables.score, clear=clear)
            _print_json(compared) if as_json else explaining.print_pair(compared)
            return
        party = tables.find(who or "")
        if other is not None:
            apart = explained.why_not(connection, party, tables.find(other), score=tables.score, clear=clear)
            _print_json(apart) if as_json else explaining.print_why_not(apart)
            return
        customer = explained.one_customer(party)
        if as_graph:
            _print_json(explained.graph(connection, customer, clear=clear, limit=limit, offset=offset))
            return
        found = explained.why(connection, customer, clear=clear, limit=limit)
        _print_json(found) if as_json else explaining.print_why(found, who or "")


def _print_json(found: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
