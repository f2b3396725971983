"""`customers`, `segments`: finding people, their one record, and the groups they are in."""

from __future__ import annotations

from dataclasses import asdict

import click

from floorwalker.app.output import json_option, show, table


@click.group()
def customers() -> None:
    """Find customers and show their one record."""


@customers.command("search")
@click.argument("text")
@click.option("--limit", default=20, show_default=True)
@json_option
@click.pass_obj
def search(folder: str, text: str, limit: int, as_json: bool) -> None:
    """Customers that an id, e-mail, phone, loyalty id, `kind:value` or name may mean.

    \b
    floorwalker customers search ann@example.com
    floorwalker customers search "name:ann miller"
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup import every_key
    from floorwalker.engines.lake import Lake
    from floorwalker.profiles.profile import find

    project = open_project(folder)
    connection = Lake(project).read()
    ids = find(connection, text, every_key(project, connection), limit=limit)
    marks = ", ".join("?" for _ in ids)
    columns = "customer_id, given_name, family_name, email, phone, city, orders, revenue, last_order_on"
    rows = (
        connection.execute(f"SELECT {columns} FROM gold.customers WHERE customer_id IN ({marks})", ids).fetchall()
        if ids
        else []
    )
    table(columns.split(", "), sorted(rows, key=lambda row: ids.index(row[0])), as_json)


@customers.command("show")
@click.argument("text")
@click.option("--as-of", metavar="DAY", help="Who it was on a day, or after a run: its records then, and whose today.")
@json_option
@click.pass_obj
def show_customer(folder: str, text: str, as_of: str | None, as_json: bool) -> None:
    """The one record of a customer: identity, behaviour, segments, consent.

    \b
    floorwalker customers show email:ann@example.com --json
    floorwalker customers show c52aeapbigfmix3jjmwulhfu5uw --as-of 2026-03-01
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup import every_key
    from floorwalker.engines.lake import Lake
    from floorwalker.profiles.profile import fetch

    project = open_project(folder)
    if as_of:
        from floorwalker.app.lookback import customer_at

        show(customer_at(project, text, as_of), as_json)
        return
    connection = Lake(project).read()
    show(fetch(connection, text, every_key(project, connection)), as_json)


@click.group()
def segments() -> None:
    """List segments, their members, and why someone is in one."""


@segments.command("list")
@json_option
@click.pass_obj
def list_segments(folder: str, as_json: bool) -> None:
    """Rule segments and RFM segments with their sizes.

    \b
    floorwalker segments list
    """
    from floorwalker.app.config import open_project
    from floorwalker.engines.lake import Lake

    rows = (
        Lake(open_project(folder))
        .read()
        .execute(
            "SELECT 'rule' AS kind, s.segment, COUNT(*) AS customers, CAST(SUM(c.revenue) AS DECIMAL(28,2)) AS revenue"
            " FROM gold.segments AS s JOIN gold.customers AS c USING (customer_id) GROUP BY s.segment"
            " UNION ALL SELECT 'rfm', segment, COUNT(*), CAST(SUM(monetary) AS DECIMAL(28,2)) FROM gold.rfm"
            " GROUP BY segment UNION ALL SELECT 'lifecycle', lifecycle, COUNT(*), CAST(SUM(monetary) AS DECIMAL(28,2))"
            " FROM gold.rfm GROUP BY lifecycle ORDER BY 1, 3 DESC, 2"
        )
        .fetchall()
    )
    table(("kind", "segment", "customers", "revenue"), rows, as_json)


@segments.command("members")
@click.argument("name")
@click.option("--limit", default=20, show_default=True)
@json_option
@click.pass_obj
def show_members(folder: str, name: str, limit: int, as_json: bool) -> None:
    """What a rule segment means, how many are in it, and the first of them by revenue.

    \b
    floorwalker segments members lapsed
    """
    from floorwalker.app.config import open_project
    from floorwalker.engines.lake import Lake
    from floorwalker.profiles.membership import members

    with Lake(open_project(folder)).read() as connection:
        found = members(connection, name, limit)
    if as_json:
        show(asdict(found), True)
        return
    click.echo(f"{found.segment}: {found.customers:,} customers. {found.description}\n  where {found.condition}")
    names = ("customer_id", "orders", "revenue", "last_order_on")
    table(names, [tuple(getattr(one, name) for name in names) for one in found.preview])


@segments.command("why")
@click.argument("name")
@click.option("--customer", required=True, metavar="ID", help="Customer id, e-mail, phone or kind:value.")
@json_option
@click.pass_obj
def show_why(folder: str, name: str, customer: str, as_json: bool) -> None:
    """Why a customer is, or is not, in a rule segment: each condition with this customer's values.

    \b
    floorwalker segments why lapsed --customer ann@example.com
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup import every_key
    from floorwalker.engines.lake import Lake
    from floorwalker.profiles.membership import explain
    from floorwalker.profiles.profile import fetch

    project = open_project(folder)
    with Lake(project).read() as connection:
        customer_id = fetch(connection, customer, every_key(project, connection))["customer_id"]
        found = explain(connection, name, customer_id)
    if as_json:
        show(asdict(found), True)
        return
    click.echo(f"{found.customer_id} is {'in' if found.member else 'not in'} {found.segment}")
    rows = [
        (
            "yes" if one.passed else "no",
            one.condition,
            ", ".join(f"{key} = {value}" for key, value in one.actual.items()),
        )
        for one in found.reasons
    ]
    table(("holds", "condition", "this customer"), rows)
