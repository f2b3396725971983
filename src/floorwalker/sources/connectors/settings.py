"""What a project says of a source that is pulled: `[pulls.NAME]` in floorwalker.toml.

In: the table, as TOML gives it. Out: a `Pull`: connector, options, and the names of the variables that hold secrets. A
secret in the file itself is refused, and its value is never repeated.

    [pulls.shop]
    connector = "shopify"
    url = "https://acme.myshopify.com"
    token_env = "SHOPIFY_TOKEN"
    streams = ["orders"]                    # default: all of the connector's
    since = "2024-01-01"                    # how far the first pull looks back

>>> read_pull("shop", {"connector": "shopify", "token_env": "SHOPIFY_TOKEN"}).secrets
{'token': 'SHOPIFY_TOKEN'}
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from floorwalker.errors import ConfigError, did_you_mean

_SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key|credential|access_?key)s?$")
_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
OWN = ("connector", "streams", "since", "tables", "keep_days")


@dataclass(frozen=True)
class Pull:
    """A source that is pulled. `options` fill the connector's {names}; `secrets`: {name} → environment variable."""

    name: str
    connector: str
    options: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    streams: tuple[str, ...] = ()
    since: dt.datetime | None = None
    tables: tuple[dict[str, Any], ...] = ()
    """For databases and remote folders: a stream each."""
    keep_days: float = 30
    """Delivery files that a run has read are removed after so many days; 0: never."""

    def secret_values(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """The secrets themselves. Raises ConfigError for a variable that is not set."""
        values = os.environ if environ is None else environ
        for name, variable in self.secrets.items():
            if not values.get(variable):
                raise ConfigError(
                    f"pulls.{self.name} needs the environment variable {variable}",
                    why=f"{name}_env names it, and it is not set",
                    fix=f"export {variable}=…",
                )
        return {name: values[variable] for name, variable in self.secrets.items()}


def read_pulls(tables: Mapping[str, Mapping[str, Any]]) -> list[Pull]:
    """All of a project's sources, by name."""
    return [read_pull(name, table) for name, table in sorted(tables.items())]


def read_pull(name: str, table: Mapping[str, Any]) -> Pull:
    """One of them, checked."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"'{name}' cannot be the name of a source", fix="letters, digits, - and _")
    _refuse_secrets(name, table)
    if not table.get("connector"):
        raise ConfigError(f"pulls.{name} has no connector", fix='add connector = "…"; floorwalker pull --list')
    if "sources" in table or "stream" in table:
        wrong = "sources" if "sources" in table else "stream"
        raise ConfigError(f"unknown key 'pulls.{name}.{wrong}'", fix=did_you_mean(wrong, OWN))
    options, secrets = {}, {}
    for key, value in table.items():
        if key in OWN:
            continue
        if not isinstance(value, str | int | float):
            raise ConfigError(f"pulls.{name}.{key} must be a text or a number")
        (secrets if key.endswith("_env") else options)[key.removesuffix("_env")] = str(value)
    streams = table.get("streams", ())
    if isinstance(streams, str):
        streams = (streams,)
    return Pull(
        name=name,
        connector=str(table["connector"]),
        options=options,
        secrets=secrets,
        streams=tuple(streams),
        since=as_time(table["since"], f"pulls.{name}.since") if "since" in table else None,
        tables=tuple(table.get("tables", ())),
        keep_days=float(table.get("keep_days", 30)),
    )


def as_time(value: Any, what: str) -> dt.datetime:
    """A day or a time as UTC; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise ConfigError(f"{what} is no time", fix="2026-01-31 or 2026-01-31T08:00:00Z") from None
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    raise ConfigError(f"{what} is no time", fix="2026-01-31 or 2026-01-31T08:00:00Z")


def _refuse_secrets(name: str, table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, str) and _SECRET.search(key) and not key.endswith("_env"):
            raise ConfigError(
                f"pulls.{name} holds a secret in the file: '{key}'",
                why="files are copied, backed up and shown; secrets come from the environment",
                fix=f'take it out, make it invalid where it was issued, and write {key}_env = "VARIABLE"',
            )
        if isinstance(value, str) and _IN_URL.search(value):
            raise ConfigError(
                f"pulls.{name}.{key} holds a password in the address",
                why="files are copied, backed up and shown; secrets come from the environment",
                fix='take it out and write password_env = "VARIABLE"',
            )
