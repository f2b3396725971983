"""From what a project says of a source to something that reads it: a REST interface, a database, a remote folder.

In: a `Pull`. Out: its streams, and an open `Reader`.

>>> [one.name for one in streams_of(Pull("shop", "shopify", streams=("orders",)))]
['orders']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.sources.connectors.definition import Stream, load_connector, stream_of
from floorwalker.sources.connectors.pulling import Reader
from floorwalker.sources.connectors.quiet import need_dlt
from floorwalker.sources.connectors.settings import Pull


def streams_of(pull: Pull, own: Path | None = None) -> list[Stream]:
    """The streams to pull: those that are named, else all."""
    if pull.connector == "sql":
        if not pull.tables:
            raise ConfigError(f"pulls.{pull.name} has no tables", fix='add [[pulls.NAME.tables]] with name = "…"')
        found = [_in_order(stream_of(dict(table), f"pulls.{pull.name}.tables")) for table in pull.tables]
    else:
        found = list(load_connector(pull.connector, own).streams)
    known = {one.name: one for one in found}
    return [known[name] if name in known else _missing(pull, name, known) for name in pull.streams] or found


def open_reader(
    pull: Pull, root: Path, own: Path | None = None, notice: Callable[[str], None] = lambda _: None
) -> Reader:
    """The system, ready to be read. Raises ConfigError for a secret that is not set."""
    need_dlt()
    secrets = pull.secret_values()
    if pull.connector == "sql":
        from floorwalker.sources.connectors.sql import SqlReader

        return SqlReader(pull.name, {**pull.options, **secrets})
    from floorwalker.sources.connectors.rest import RestReader

    connector = load_connector(pull.connector, own)
    for name in pull.options:
        if name not in connector.options and name not in ("url", "backoff"):
            raise ConfigError(
                f"unknown key 'pulls.{pull.name}.{name}'",
                fix=did_you_mean(name, ["url", *connector.options, *(f"{one}_env" for one in connector.secrets)]),
            )
    backoff = float(pull.options.get("backoff", 1))
    return RestReader(pull.name, connector, {**pull.options, **secrets}, notice=notice, backoff=backoff)


def _in_order(stream: Stream) -> Stream:
    """A database is asked for the cursor's order."""
    return replace(stream, cursor=replace(stream.cursor, ordered=True)) if stream.cursor else stream


def _missing(pull: Pull, name: str, known: dict[str, Stream]) -> Stream:
    raise ConfigError(f"{pull.connector} has no stream '{name}'", fix="known: " + ", ".join(sorted(known)))
