"""Settings of identity as they would be: the project's own with some changed, checked as those of a file are.

In: the project's settings; `key=value` texts or values by dotted key, and the `[identity]` section of another file.
Out: `Amended`: the settings, and what differs, before and after.

>>> amended = amend(Settings(), {"identity.hub_names": 5, "identity.levels.crm": "0.98"})
>>> [(one.key, one.before, one.after) for one in amended.changes]
[('identity.hub_names', 3, 5), ('identity.levels.crm', 0.99, 0.98)]
>>> amended.settings.identity.hub_names
5
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from floorwalker.app.config import check_keys, flatten, parse_value, set_key
from floorwalker.app.settings import Settings
from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.identity.calibration import check_levels
from floorwalker.identity.normalise import Normaliser
from floorwalker.identity.rules import chosen
from floorwalker.identity.settings import IdentitySettings

SECTION = "identity"


class Change(msgspec.Struct, frozen=True):
    """A setting that differs; None where it is not set."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Amended:
    """The settings as they would be, and what is different in them."""

    settings: Settings
    changes: list[Change]


def parse_sets(texts: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as people type them; values may be JSON, lists may be written with commas.

    >>> parse_sets(["identity.hub_names=5", "identity.rules=email,loyalty_id"])
    {'identity.hub_names': 5, 'identity.rules': 'email,loyalty_id'}
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"'{text}' sets nothing", why="a setting is key=value", fix="identity.hub_names=5")
        found[key.strip()] = parse_value(value.strip())
    return found


def amend(settings: Settings, values: Mapping[str, Any], base: IdentitySettings | None = None) -> Amended:
    """`settings` with the identity of `base` (None: its own), and in it `values` by dotted key.

    Raises ConfigError for what is no setting of identity, or none that can be."""
    known = dict(flatten(IdentitySettings()))
    raw = msgspec.to_builtins(base or settings.identity)
    for key, value in values.items():
        section, _, inner = key.partition(".")
        if section != SECTION or not inner:
            raise ConfigError(
                f"unknown setting '{key}'",
                why="what-if changes settings of [identity]",
                fix=did_you_mean(key, [f"{SECTION}.{name}" for name in known]),
            )
        listed = isinstance(known.get(inner), tuple)
        if listed and isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        set_key(raw, inner.split("."), value, key)
    check_keys(IdentitySettings, raw, f"{SECTION}.", {})
    try:
        identity = msgspec.convert(raw, IdentitySettings, strict=False)
    except msgspec.ValidationError as error:
        place = str(error).partition("`$.")[2].partition("`")[0]
        raise ConfigError(f"{SECTION}.{place}: {str(error).split(' - at')[0]}") from None
    _check(identity)
    before, after = _settings(settings.identity), _settings(identity)
    changes = [
        Change(f"{SECTION}.{key}", before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    return Amended(msgspec.structs.replace(settings, identity=identity), changes)


def _settings(struct: IdentitySettings) -> dict[str, Any]:
    """Every setting by its dotted key; entries of tables such as `levels` one by one."""
    found: dict[str, Any] = {}
    for key, value in flatten(struct):
        if isinstance(value, dict):
            found.update({f"{key}.{name}": one for name, one in value.items()})
        else:
            found[key] = value
    return found


def _check(settings: IdentitySettings) -> None:
    """What a run would only find when it is at it."""
    chosen(settings)
    check_levels(settings)
    Normaliser(settings)
