"""`features`: what is known of customers, products and stores, how it is computed, and its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from floorwalker.app.commands.training import check, training
from floorwalker.app.output import json_option, show, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from floorwalker.profiles.features.definition import FeatureSet
    from floorwalker.profiles.features.describe import Card

ENTITY = click.option("--entity", default="", metavar="NAME", help="customer, product or store.")


@click.group()
def features() -> None:
    """List and explain the features, show a customer's values, write the catalogue page, make training sets."""


features.add_command(training)
features.add_command(check)


@features.command("list")
@ENTITY
@click.option("--group", default="", help="Only this group, such as recency or returns.")
@click.option("--search", default="", metavar="WORDS", help="Only those whose name or question has all the words.")
@json_option
@click.pass_obj
def list_features(folder: str, entity: str, group: str, search: str, as_json: bool) -> None:
    """Every feature with the question it answers.

    \b
    floorwalker features list --entity store
    floorwalker features list --group returns --search size
    """
    found = _cards(folder)
    for name, wanted in (("entity", entity), ("group", group)):
        found = _only(found, name, wanted)
    for word in search.lower().split():
        found = [one for one in found if word in f"{one.name} {one.question} {one.unit}".lower()]
    names = ("entity", "name", "question", "type", "unit", "window", "live", "purpose", "group")
    rows = [tuple(getattr(one, name) for name in names) for one in found]
    if found or as_json:
        table(names, rows, as_json)
    else:
        click.echo("no feature is like that")


@features.command("show")
@click.argument("name")
@ENTITY
@click.option("--sql", "with_sql", is_flag=True, help="Also the SQL that computes it.")
@json_option
@click.pass_obj
def show_feature(folder: str, name: str, entity: str, with_sql: bool, as_json: bool) -> None:
    """What a feature means, how and from what it is computed, and who may use it.

    \b
    floorwalker features show average_order
    floorwalker features show orders_30d --sql
    """
    from dataclasses import asdict

    from floorwalker.profiles.features.describe import card, choose, tree

    sets = _sets(folder)
    features = choose(sets, name, entity)
    one = card(features, name)
    document = asdict(one) | {"tree": tree(features, name)}
    if with_sql:
        document["sql"] = _sql(features, name)
    if as_json:
        show(document, True)
        return
    click.secho(f"{one.entity} feature {one.name}", bold=True)
    click.echo(f"{one.question}\n")
    default = "NULL where there is nothing" if one.default is None else f"{one.default} where there is nothing"
    show(
        {
            "type": one.type + (f", in {one.unit}" if one.unit else ""),
            "window": one.window,
            "source": f"{one.source}: {one.source_about}" if one.source else "other features",
            "default": default,
            "live": "yes" if one.live else f"batch only: {one.batch_only}",
            "purpose": one.purpose,
            "owner": one.owner,
            "tests": ", ".join(one.tests),
            "group": one.group,
            "table": one.table,
            "read by": ", ".join(one.read_by),
        },
        False,
    )
    click.echo("\n" + "\n".join(document["tree"]))
    others = [two.entity.name for two in sets if two is not features and name in {x.name for x in two.features}]
    for other in others:
        click.echo(f"\nThere is one of each {other}, too: --entity {other}")
    if with_sql:
        click.echo(f"\n{document['sql']}")


@features.command("values")
@click.argument("customer")
@click.option("--feature", "names", multiple=True, metavar="NAME", help="Only this one; may be given again.")
@json_option
@click.pass_obj
def show_values(folder: str, customer: str, names: tuple[str, ...], as_json: bool) -> None:
    """The published values of a customer, found by id, e-mail, phone, loyalty id or name.

    \b
    floorwalker features values ann@example.com
    floorwalker features values ann@example.com --feature orders_30d --feature overdue
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.lookup import every_key
    from floorwalker.engines.lake import Lake
    from floorwalker.errors import NotFoundError
    from floorwalker.profiles.profile import fetch

    project = open_project(folder)
    features = next(one for one in _sets(folder) if one.entity.name == "customer")
    wanted = [features.feature(name) for name in names] or features.features
    lake = Lake(project)
    with lake.read() as connection:
        pointer = lake.pointer()
        if pointer is None or features.entity.table not in pointer.tables:
            raise NotFoundError("no features have been published yet", fix="floorwalker run")
        customer_id = fetch(connection, customer, every_key(project, connection))["customer_id"]
        cursor = connection.execute(f"SELECT * FROM {features.entity.table} WHERE customer_id = ?", [customer_id])
        columns = [column[0] for column in cursor.description or ()]
        found = cursor.fetchall()
    values = dict(zip(columns, found[0], strict=True)) if found else {}
    absent = [one.name for one in wanted if one.name not in columns]
    if names and absent:
        raise NotFoundError(
            f"the published run has no '{absent[0]}'", why="it was defined after it", fix="floorwalker run"
        )
    shown = [one for one in wanted if one.name in columns]
    if as_json:
        told = {one.name: values.get(one.name) for one in shown}
        show({"customer_id": customer_id, "as_of": values.get("as_of"), "values": told}, True)
        return
    click.echo(f"{customer_id}, as of {values.get('as_of')}")
    places = {group: place for place, group in enumerate(dict.fromkeys(one.group for one in shown))}
    rows = [
        (one.group, one.name, _value(values.get(one.name)), one.unit)
        for one in sorted(shown, key=lambda one: places[one.group])
    ]
    table(("group", "feature", "value", "unit"), rows)


@features.command("page")
@click.option("--out", type=click.Path(dir_okay=False), help="File (default: features.html in the project).")
@json_option
@click.pass_obj
def write_page(folder: str, out: str | None, as_json: bool) -> None:
    """Write the catalogue of all features as one HTML file, with figures of the published run where there is one.

    \b
    floorwalker features page --out features.html
    """
    from pathlib import Path

    from floorwalker import __version__
    from floorwalker.app.config import load_config, open_project
    from floorwalker.console.features_data import Published, features_data
    from floorwalker.console.features_page import html
    from floorwalker.engines.lake import Lake

    project = open_project(folder)
    settings = load_config(project).settings
    sets = _sets(folder)
    lake = Lake(project, memory_limit=settings.engine.memory_limit, threads=settings.engine.threads)
    pointer = lake.pointer()
    name = settings.project.name
    if pointer is None:
        data = features_data(name, __version__, sets, None)
    else:
        with lake.read([one.entity.table for one in sets if one.entity.table in pointer.tables]) as connection:
            published = Published(connection, pointer.run_id, pointer.as_of, pointer.reporting_currency)
            data = features_data(name, __version__, sets, published)
    path = Path(out) if out else project.root / "features.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html(data), encoding="utf-8")
    if as_json:
        counts = {one.entity.name: len(one.features) for one in sets}
        show({"path": str(path), "features": counts, "run_id": pointer.run_id if pointer else None}, True)
        return
    click.echo(f"wrote {path}: {sum(len(one.features) for one in sets)} features")


def _sets(folder: str) -> Sequence[FeatureSet]:
    from floorwalker.app.config import open_project
    from floorwalker.app.graph import feature_sets

    return feature_sets(open_project(folder))


def _cards(folder: str) -> list[Card]:
    from floorwalker.profiles.features.describe import cards

    return cards(_sets(folder))


def _only(found: list[Card], name: str, wanted: str) -> list[Card]:
    """Those whose `name` is `wanted`; NotFoundError with a hint when none is."""
    from floorwalker.errors import NotFoundError, did_you_mean

    if not wanted:
        return found
    known = dict.fromkeys(getattr(one, name) for one in found)
    if wanted not in known:
        raise NotFoundError(f"no {name} '{wanted}'", fix=did_you_mean(wanted, known))
    return [one for one in found if getattr(one, name) == wanted]


def _sql(features: FeatureSet, name: str) -> str:
    """The query of this feature alone, as a run has it for all of them."""
    from floorwalker.profiles.features.sql import models

    return models(features.with_inputs([name]))[-1].sql


def _value(value: object) -> str:
    """A value as text, so that numbers of many kinds can stand in one column."""
    from decimal import Decimal

    from floorwalker.app.output import plain

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return plain(value)
    return "-" if value is None else f"{value:,.4f}" if isinstance(value, float) else str(value)
