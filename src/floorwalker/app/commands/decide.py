"""`decide`, `serve`, `keys`: one decision on the command line, or all of them over HTTP."""

from __future__ import annotations

import click

from floorwalker.app.output import json_option, show, table


@click.command()
@click.option("--customer", metavar="ID", help="Customer id, e-mail or kind:value; none: an unknown visitor.")
@click.option("--surface", default="home", show_default=True, help="home, product, cart, email, till, associate.")
@click.option("-k", "--items", "k", type=click.IntRange(1, 1000), help="How many items (default: the surface's).")
@click.option("--product", help="The product shown (surface product).")
@click.option("--cart", multiple=True, metavar="PRODUCT", help="Products in the cart.")
@click.option("--store", help="Store whose stock counts.")
@click.option("--market", help="Market of an unknown visitor.")
@click.option("--seed", default=0, show_default=True)
@click.option("--replay", metavar="DECISION", help="Decide an earlier decision again from its record.")
@json_option
@click.pass_obj
def decide(
    folder: str,
    customer: str | None,
    surface: str,
    k: int | None,
    product: str | None,
    cart: tuple[str, ...],
    store: str | None,
    market: str | None,
    seed: int,
    replay: str | None,
    as_json: bool,
) -> None:
    """One decision for one customer, with reasons.

    \b
    floorwalker decide --customer email:ann@example.com --surface home
    """
    from decimal import Decimal

    from floorwalker.app.config import open_project
    from floorwalker.app.lookup import normaliser
    from floorwalker.app.output import plain
    from floorwalker.decisions.once import decide_once, parse_identifier, replay_once
    from floorwalker.errors import NotFoundError, did_you_mean
    from floorwalker.profiles.profile import KINDS

    project = open_project(folder)
    kind = parse_identifier(customer)[0] if customer else "customer_id"
    if kind not in ("customer_id", *KINDS):
        raise NotFoundError(f"unknown kind of identifier '{kind}'", fix=did_you_mean(kind, ("customer_id", *KINDS)))
    if replay:
        decision = replay_once(project, replay)
    else:
        decision = decide_once(
            project,
            customer,
            surface,
            k,
            product_id=product,
            cart=list(cart),
            store_id=store,
            market=market,
            seed=seed,
            normalise=normaliser(project),
        )
    answer = decision.as_dict()
    if customer and not replay and not answer["customer_id"]:
        # As in a shop: whoever is not recognised is served like a visitor. A person at a prompt may have mistyped.
        click.secho(f"nobody answers to '{customer}': decided for an unknown visitor", fg="yellow", err=True)
    if as_json:
        show(answer, as_json)
        return
    who = answer["customer_id"] or "an unknown visitor"
    kind = "personalised" if answer["personalized"] else "not personalised"
    click.echo(f"{surface} for {who} ({kind}), decision {answer['decision_id']}")
    rows = [
        (place, item["product_id"], item["name"], plain(Decimal(item["price"] or 0)), item["reason"]["text"])
        for place, item in enumerate(answer["items"], 1)
    ]
    table(("", "product", "name", "price", "reason"), rows)


@click.command()
@click.option("--host", help="Address to listen on (default: [server] host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: [server] port).")
@click.option("--workers", type=click.IntRange(1), help="Worker processes (default: [server] workers).")
@click.option("--allow-loopback-without-key", is_flag=True, help="Let this machine in without a key.")
@click.pass_obj
def serve(
    folder: str, host: str | None, port: int | None, workers: int | None, allow_loopback_without_key: bool
) -> None:
    """Start the HTTP service: /v1/decide, /v1/profiles/{id}, /v1/identity/…, /health, /ready, /metrics, /openapi.json.

    \b
    floorwalker keys create --kind server web && floorwalker serve --port 8181
    """
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.http.service import serve as listen
    from floorwalker.app.lookup import normaliser

    project = open_project(folder)
    settings = load_config(project).settings.server
    host, port = host or settings.host, port if port is not None else settings.port
    check_free(host, port)
    click.echo(f"listening on http://{host}:{port} (Ctrl-C ends it)", err=True)
    listen(
        project,
        host,
        port,
        workers or settings.workers,
        allow_loopback_without_key,
        normaliser=normaliser,
        settle=settings.settle,
    )


def check_free(host: str, port: int) -> None:
    """Raise ConfigError when the address cannot be listened on: the server itself would fail deep in its workers."""
    import socket

    from floorwalker.errors import ConfigError

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}",
            why=error.strerror or str(error),
            fix="another --port or --host, or end what listens there",
        ) from None


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command("create")
@click.argument("name")
@click.option("--kind", required=True, help="browser (public), server or admin.")
@click.option("--scope", multiple=True, help="collect, decide, read, admin (default: all the kind may have).")
@click.option("--market", default="", help="The only market it works for.")
@json_option
@click.pass_obj
def create(folder: str, name: str, kind: str, scope: tuple[str, ...], market: str, as_json: bool) -> None:
    """Make a key; it is shown once.

    \b
    floorwalker keys create web --kind browser
    """
    import datetime as dt

    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.governance.keys import create_key

    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    with open_state(open_project(folder)) as state:
        token = create_key(state, name, kind, scope, market=market, now=now)
    show({"name": name, "kind": kind, "key": token}, as_json)


@keys.command("list")
@json_option
@click.pass_obj
def list_all(folder: str, as_json: bool) -> None:
    """Every key without its secret.

    \b
    floorwalker keys list
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.governance.keys import list_keys

    with open_state(open_project(folder)) as state:
        found = list_keys(state)
    rows = [
        (one.key_id, one.name, one.kind, " ".join(sorted(one.scopes)), one.market, one.created_at, one.revoked_at)
        for one in found
    ]
    table(("key_id", "name", "kind", "scopes", "market", "created_at", "revoked_at"), rows, as_json)


@keys.command("revoke")
@click.argument("key_id")
@click.pass_obj
def revoke(folder: str, key_id: str) -> None:
    """Revoke a key; services notice within a second.

    \b
    floorwalker keys revoke 3f2a9c0d1e4b
    """
    import datetime as dt

    from floorwalker.app.config import open_project
    from floorwalker.app.state import open_state
    from floorwalker.governance.keys import revoke_key

    with open_state(open_project(folder)) as state:
        revoke_key(state, key_id, now=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    click.echo(f"revoked {key_id}")
