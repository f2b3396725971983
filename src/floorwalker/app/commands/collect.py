"""`collect`, `tail`: take events from SDKs, and watch them come."""

from __future__ import annotations

import click

from floorwalker.app.commands.decide import check_free
from floorwalker.app.output import table


@click.command()
@click.option("--host", help="Address to listen on (default: [collect] host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: [collect] port).")
@click.option("--workers", type=click.IntRange(1), help="Worker processes (default: [collect] workers).")
@click.option("--live/--no-live", default=None, help="Keep profiles fresh beside it (default: [live] on).")
@click.option("--allow-loopback-without-key", is_flag=True, help="Let this machine in without a key.")
@click.pass_obj
def collect(
    folder: str,
    host: str | None,
    port: int | None,
    workers: int | None,
    live: bool | None,
    allow_loopback_without_key: bool,
) -> None:
    """Start the collector: SDKs of Segment and RudderStack need another host and nothing else.

    \b
    floorwalker keys create --kind browser shop-page
    floorwalker collect --port 8282
    curl -u KEY: http://127.0.0.1:8282/v1/track -d '{"event": "Product Viewed", "userId": "u1"}'
    """
    import msgspec

    from floorwalker.app.collect.service import serve_collector
    from floorwalker.app.config import load_config, open_project
    from floorwalker.app.live_path.supervising import beside

    project = open_project(folder)
    loaded = load_config(project).settings
    settings = loaded.collect
    settings = msgspec.structs.replace(
        settings,
        host=host or settings.host,
        port=port if port is not None else settings.port,
        workers=workers or settings.workers,
    )
    check_free(settings.host, settings.port)
    click.echo(f"collecting on http://{settings.host}:{settings.port} (Ctrl-C ends it)", err=True)
    with beside(project, loaded.live.on if live is None else live):
        serve_collector(project, settings, allow_loopback_without_key=allow_loopback_without_key)


@click.command()
@click.option("-n", "--last", default=10, show_default=True, type=click.IntRange(0), help="Events to begin with.")
@click.option("-f", "--follow", is_flag=True, help="Go on as they come, until Ctrl-C.")
@click.option("--event", "name", help="Only events with this name or of this type.")
@click.option("--refused", is_flag=True, help="Only those in quarantine.")
@click.option("--clear", is_flag=True, help="Show identifiers whole.")
@click.option("--json", "json_", is_flag=True, help="One line of JSON per event.")
@click.pass_obj
def tail(folder: str, last: int, follow: bool, name: str | None, refused: bool, clear: bool, json_: bool) -> None:
    """Show the events that come in: when, from which source, who (masked), what, and why one is in quarantine.

    \b
    floorwalker tail -f --event "Order Completed"
    """
    import msgspec

    from floorwalker.app.collect.tailing import Line, following, newest
    from floorwalker.app.config import open_project

    project = open_project(folder)

    def wanted(line: Line) -> bool:
        return (not name or name in (line.event, line.type)) and (not refused or bool(line.refused))

    lines, ends = newest(project, last, wanted, clear=clear)
    if json_:
        for line in lines:
            click.echo(msgspec.json.encode(line).decode())
    elif lines or not follow:
        table(("received", "source", "type", "event", "who", "quarantined because"), [_row(line) for line in lines])
    if follow:
        try:
            for line in following(project, ends, wanted, clear=clear):
                click.echo(
                    msgspec.json.encode(line).decode() if json_ else "  ".join(part for part in _row(line) if part)
                )
        except KeyboardInterrupt:
            return


def _row(line: object) -> tuple[str, ...]:
    return tuple(getattr(line, name) for name in ("received_at", "source", "type", "event", "who", "refused"))
