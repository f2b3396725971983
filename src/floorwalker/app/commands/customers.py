"""`customers`, `segments`: finding people, their one record, and the groups they are in."""

from __future__ import annotations

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
    from floorwalker.app.lookup import normaliser
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.project import Project
    from floorwalker.profiles.profile import find

    project = Project(folder)
    connection = Lake(project).read()
    ids = find(connection, text, normaliser(project), limit=limit)
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
@json_option
@click.pass_obj
def show_customer(folder: str, text: str, as_json: bool) -> None:
    """The one record of a customer: identity, behaviour, segments, consent.

    \b
    floorwalker customers show email:ann@example.com --json
    """
    from floorwalker.app.lookup import normaliser
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.project import Project
    from floorwalker.profiles.profile import fetch

    project = Project(folder)
    show(fetch(Lake(project).read(), text, normaliser(project)), as_json)


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
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.project import Project

    rows = (
        Lake(Project(folder))
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


@segments.command("show")
@click.argument("name")
@click.option("--limit", default=10, show_default=True, help="Members shown, the best first.")
@json_option
@click.pass_obj
def show_segment(folder: str, name: str, limit: int, as_json: bool) -> None:
    """What a rule segment means, how many are in it, and the first of them.

    \b
    floorwalker segments show lapsed
    """
    from dataclasses import asdict

    from floorwalker.engines.lake import Lake
    from floorwalker.engines.project import Project
    from floorwalker.profiles.membership import members

    show(asdict(members(Lake(Project(folder)).read(), name, limit)), as_json)


@segments.command("why")
@click.argument("name")
@click.argument("customer")
@json_option
@click.pass_obj
def why(folder: str, name: str, customer: str, as_json: bool) -> None:
    """Why CUSTOMER is, or is not, in rule segment NAME: each condition with the customer's value.

    \b
    floorwalker segments why lapsed email:ann@example.com
    """
    from dataclasses import asdict

    from floorwalker.app.lookup import normaliser
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.project import Project
    from floorwalker.profiles.membership import explain
    from floorwalker.profiles.profile import fetch

    project = Project(folder)
    connection = Lake(project).read()
    customer_id = fetch(connection, customer, normaliser(project))["customer_id"]
    show(asdict(explain(connection, name, customer_id)), as_json)
