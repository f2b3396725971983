"""Audiences: a segment bound to a channel, a purpose and a hold-out, written in policies/audiences.toml.

    [audiences.winback_email]
    description = "Lapsed customers, to be won back by e-mail"
    segment = "lapsed"                 # a segment of gold.segments
    channel = "email"                  # email, sms, ads, file
    purpose = "marketing_email"        # whose consent is needed
    holdout = 0.05                     # this share never receives it, so that its effect can be measured
    recipient = "Example Mailing Ltd"  # who gets the file; told when a person asks to be erased
    columns = ["given_name", "language"]

In: the file. Out: `Audience`s, checked: a misspelt key or a purpose that does not fit the channel is an error with a
hint, not an audience that quietly goes wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from floorwalker.errors import ConfigError, NotFoundError, did_you_mean
from floorwalker.governance.consent import known_purpose, read_toml, refuse_unknown

CHANNEL_PURPOSE: Mapping[str, str | None] = {
    "email": "marketing_email",
    "sms": "marketing_sms",
    "ads": "ads",
    "file": None,
}
"""Channels, and the purpose each needs; None: any, named in the audience. A 'file' carries customer_ids, no address."""

ADDRESS_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "sms": ("phone",),
    "ads": ("email", "phone"),
    "file": (),
}
_KEYS = ("segment", "channel", "purpose", "holdout", "description", "columns", "recipient")


@dataclass(frozen=True)
class Audience:
    """One entry of audiences.toml. `columns`: what goes with the address, columns of gold.customers."""

    name: str
    segment: str
    channel: str
    purpose: str
    holdout: float = 0.0
    description: str = ""
    columns: tuple[str, ...] = ()
    recipient: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Columns of gold.customers that hold an address of the channel; one of them must be there."""
        return ADDRESS_COLUMNS[self.channel]


def load_audiences(path: Path) -> dict[str, Audience]:
    """Read audiences.toml: {name: Audience}; no file, no audiences. ConfigError where an entry cannot be used."""
    if not path.exists():
        return {}
    raw = read_toml(path)
    refuse_unknown(raw, ("audiences",), path.name)
    entries = raw.get("audiences", {})
    if not isinstance(entries, dict):
        raise ConfigError("'audiences' must hold tables", why=path.name, fix="[audiences.winback_email]")
    return {name: _audience(name, entry, f"{path.name} [audiences.{name}]") for name, entry in sorted(entries.items())}


def find_audience(audiences: Mapping[str, Audience], name: str) -> Audience:
    """The audience of that name; NotFoundError names the closest one."""
    if name not in audiences:
        raise NotFoundError(f"no audience '{name}'", why="policies/audiences.toml", fix=did_you_mean(name, audiences))
    return audiences[name]


def _audience(name: str, entry: Any, where: str) -> Audience:
    if not isinstance(entry, dict):
        raise ConfigError(f"audience '{name}' must be a table", why=where, fix=f"[audiences.{name}]")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        # The name becomes a file name and the seed of the hold-out.
        raise ConfigError(f"'{name}' cannot name an audience", why=where, fix="lower-case letters, digits, _ and -")
    refuse_unknown(entry, _KEYS, where)
    for key in ("segment", "channel", "purpose"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise ConfigError(f"audience '{name}' has no {key}", why=where, fix=f'{key} = "…"')
    channel, purpose = entry["channel"], known_purpose(entry["purpose"])
    if channel not in CHANNEL_PURPOSE:
        raise ConfigError(f"unknown channel '{channel}'", why=where, fix=did_you_mean(channel, CHANNEL_PURPOSE))
    if CHANNEL_PURPOSE[channel] not in (None, purpose):
        raise ConfigError(
            f"channel {channel} cannot go out under purpose {purpose}",
            why=f"{where}: consent for {purpose} is not consent to be written to",
            fix=f'purpose = "{CHANNEL_PURPOSE[channel]}"',
        )
    holdout = entry.get("holdout", 0.0)
    if isinstance(holdout, bool) or not isinstance(holdout, int | float) or not 0 <= holdout < 1:
        raise ConfigError(f"hold-out {holdout!r} is not a share", why=where, fix="0.05 for five in a hundred")
    columns = entry.get("columns", [])
    if not isinstance(columns, list) or not all(
        isinstance(column, str) and column.isidentifier() for column in columns
    ):
        raise ConfigError("'columns' must be a list of column names", why=where, fix='columns = ["given_name"]')
    texts = {key: entry.get(key, "") for key in ("description", "recipient")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise ConfigError(f"'{key}' must be text", why=where, fix=f'{key} = "…"')
    return Audience(
        name, entry["segment"], channel, purpose, float(holdout), columns=tuple(dict.fromkeys(columns)), **texts
    )
