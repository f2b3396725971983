"""Policies: the rules, weights and merchandising a decision obeys, from `policies/decision.toml`.

In: TOML text. Out: a `Policy` whose digest names exactly these rules, also in every decision record.

>>> policy = parse_policy('version = 1\\n[surfaces.home]\\nk = 5\\nsources = ["popular"]')
>>> policy.surfaces["home"].k
5
>>> parse_policy('[surfaces.home]\\nsources = ["popular"]\\nkk = 5')
Traceback (most recent call last):
...
floorwalker.errors.ConfigError: unknown key 'kk' in [surfaces.home]
  why: policies/decision.toml
  try: did you mean 'k'?
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from floorwalker.errors import ConfigError, did_you_mean

Source = Literal["recommended", "similar", "popular"]

FAMILY = {"recommended": "collaborative", "similar": "content", "popular": "exploration"}
"""Which weight a source of candidates has."""

MAX_K = 100


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much each family of candidates counts. The prior: 70 / 20 / 10."""

    collaborative: float = 0.7
    content: float = 0.2
    exploration: float = 0.1


class Objectives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an item is ranked by. The prior: 50 / 25 / 15 / 10."""

    relevance: float = 0.5
    revenue: float = 0.25
    margin: float = 0.15
    clearance: float = 0.1


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What keeps an item out of a list. A cap of 0 is no cap."""

    exclude_bought: bool = True
    exclude_out_of_stock: bool = True
    category_cap: int = 0
    brand_cap: int = 0


class Surface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place that asks. None: as in the policy's own section."""

    sources: tuple[Source, ...]
    k: int = 20
    weights: Weights | None = None
    exclude_bought: bool | None = None
    exclude_out_of_stock: bool | None = None
    category_cap: int | None = None
    brand_cap: int | None = None


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Products by id, category or brand, on some surfaces (none named: on all)."""

    products: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()


class Boost(Match, frozen=True, forbid_unknown_fields=True):
    """As Match, with the factor that multiplies a score."""

    factor: float = 1.0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    surfaces: dict[str, Surface]
    version: int = 1
    weights: Weights = Weights()
    objectives: Objectives = Objectives()
    rules: Rules = Rules()
    exclude: tuple[Match, ...] = ()
    pin: tuple[Match, ...] = ()
    boost: tuple[Boost, ...] = ()


class Policy(msgspec.Struct, frozen=True):
    """A policy that has been checked. `text` and `absent_personalization` are all it depends on."""

    version: int
    digest: str
    text: str
    absent_personalization: bool
    """Whether a person who never said anything about personalization gets it (policies/consent.toml)."""
    surfaces: dict[str, Surface]
    weights: dict[str, Weights]
    """Per surface."""
    rules: dict[str, Rules]
    """Per surface."""
    objectives: Objectives
    exclude: tuple[Match, ...]
    pin: tuple[Match, ...]
    boost: tuple[Boost, ...]


def load_policy(policies: Path) -> Policy:
    """The policy of a project: `decision.toml` (the built-in one when absent) and the consent rule of `consent.toml`.

    Raises ConfigError when either cannot be used.
    """
    path = policies / "decision.toml"
    text = path.read_text("utf-8") if path.exists() else default_text()
    return parse_policy(text, absent_personalization=_absent_personalization(policies / "consent.toml"))


def default_text() -> str:
    """The decision policy a new project starts with."""
    path = Path(__file__).parent.parent / "app" / "templates" / "shared" / "policies" / "decision.toml"
    return path.read_text("utf-8")


def parse_policy(text: str, *, absent_personalization: bool = False) -> Policy:
    """Check a policy. Raises ConfigError naming the section and key that is wrong."""
    where = "policies/decision.toml"
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("the decision policy is not TOML", why=f"{where}: {error}") from error
    _check_keys(data)
    try:
        file = msgspec.convert(data, _File)
    except msgspec.ValidationError as error:
        raise ConfigError("the decision policy has a value that cannot be used", why=f"{where}: {error}") from error
    _check_values(file)
    names = list(file.surfaces)
    digest = hashlib.blake2b(f"{absent_personalization}\n{text}".encode(), digest_size=16).hexdigest()
    return Policy(
        version=file.version,
        digest=digest,
        text=text,
        absent_personalization=absent_personalization,
        surfaces=file.surfaces,
        weights={name: file.surfaces[name].weights or file.weights for name in names},
        rules={name: _rules_of(file, name) for name in names},
        objectives=file.objectives,
        exclude=file.exclude,
        pin=file.pin,
        boost=file.boost,
    )


def _rules_of(file: _File, name: str) -> Rules:
    own = {rule: getattr(file.surfaces[name], rule) for rule in Rules.__struct_fields__}
    return msgspec.structs.replace(file.rules, **{rule: value for rule, value in own.items() if value is not None})


def _check_keys(data: dict[str, Any]) -> None:
    sections: list[tuple[str, Any, type[msgspec.Struct]]] = [("the top level", data, _File)]
    for name, kind in (("weights", Weights), ("objectives", Objectives), ("rules", Rules)):
        sections.append((f"[{name}]", data.get(name, {}), kind))
    surfaces = data.get("surfaces", {})
    if not isinstance(surfaces, dict) or not surfaces:
        raise ConfigError("the decision policy has no surface", why="policies/decision.toml", fix="add [surfaces.home]")
    for name, surface in surfaces.items():
        sections.append((f"[surfaces.{name}]", surface, Surface))
        if isinstance(surface, dict) and isinstance(surface.get("weights"), dict):
            sections.append((f"[surfaces.{name}] weights", surface["weights"], Weights))
    for name, kind in (("exclude", Match), ("pin", Match), ("boost", Boost)):
        entries = data.get(name, [])
        sections += [(f"[[{name}]]", entry, kind) for entry in (entries if isinstance(entries, list) else [])]
    for where, section, kind in sections:
        for key in section if isinstance(section, dict) else ():
            if key not in kind.__struct_fields__:
                raise ConfigError(
                    f"unknown key '{key}' in {where}",
                    why="policies/decision.toml",
                    fix=did_you_mean(key, kind.__struct_fields__),
                )


def _check_values(file: _File) -> None:
    def refuse(what: str, fix: str = "") -> None:
        raise ConfigError(what, why="policies/decision.toml", fix=fix)

    weights = [file.weights] + [surface.weights for surface in file.surfaces.values() if surface.weights]
    for group in (*weights, file.objectives):
        values = msgspec.structs.astuple(group)
        if any(not math.isfinite(value) or value < 0 for value in values) or sum(values) <= 0:
            refuse("weights and objectives are numbers from 0 up, and one of them above 0")
    for name, surface in file.surfaces.items():
        if not 1 <= surface.k <= MAX_K:
            refuse(f"[surfaces.{name}] k is {surface.k}", f"a number from 1 to {MAX_K}")
        if not surface.sources:
            refuse(f"[surfaces.{name}] has no sources", "known: " + ", ".join(FAMILY))
        rules = _rules_of(file, name)
        if rules.category_cap < 0 or rules.brand_cap < 0:
            refuse(f"[surfaces.{name}] has a cap below 0", "0 is no cap")
    for match in (*file.exclude, *file.pin, *file.boost):
        for name in match.surfaces:
            if name not in file.surfaces:
                refuse(f"no surface '{name}'", did_you_mean(name, file.surfaces))
    for boost in file.boost:
        if not math.isfinite(boost.factor) or boost.factor < 0:
            refuse(f"a boost's factor is {boost.factor}", "a number from 0 up")


def _absent_personalization(path: Path) -> bool:
    """`[absent] personalization` of the consent policy: deny unless it says allow."""
    if not path.exists():
        return False
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("the consent policy is not TOML", why=f"policies/consent.toml: {error}") from error
    absent = data.get("absent", {})
    word = absent.get("personalization", "deny") if isinstance(absent, dict) else absent
    if word not in ("allow", "deny"):
        raise ConfigError(
            f"[absent] personalization is {word!r}", why="policies/consent.toml", fix='use "allow" or "deny"'
        )
    return word == "allow"
