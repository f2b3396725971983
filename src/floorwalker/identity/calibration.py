"""The levels' cuts of a project: judged when there is news, pinned until then.

In: what was gathered and resolved, the model, the settings. Out: `Pinned` (state/matching/levels.json): the curve and
each level's cut. They are judged again when the model, the rules or the targets change: a model that was learned anew
on more records brings new cuts, because thresholds that hold a precision rise with size.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.identity import resolver, rules
from floorwalker.identity.levels import Cut, Step, choose_cut, curve, judge_rules, plan
from floorwalker.identity.matching.model import Model
from floorwalker.identity.partition import Gathered
from floorwalker.identity.settings import IdentitySettings

HARD = "loyalty_id"
"""The kind of identifier that an authority gives, one per person."""
_OF_HARD = ("loyalty_id", "loyalty_initial")


class Pinned(msgspec.Struct, frozen=True):
    """`basis`: what the cuts were judged on; another basis asks for another judgement."""

    basis: str
    records: int
    cuts: dict[str, Cut]
    steps: list[Step]


def levels_path(state: Path) -> Path:
    """Where a project keeps them."""
    return state / "matching" / "levels.json"


def pinned_levels(
    path: Path, gathered: Gathered, refused: NDArray[np.int8], nodes: dict[str, NDArray[np.uint64]],
    model: Model | None, settings: IdentitySettings, partial: bool,
) -> Pinned:  # fmt: skip
    """The pinned cuts if they stand on this basis, else new ones, pinned. `nodes`: rule -> nodes of its evidence;
    `partial`: not all records are at hand, so that their number says nothing.

    Raises ConfigError for levels that cannot be."""
    check_levels(settings)
    records = int(gathered.known.sum())
    basis = _basis(model, settings)
    if path.exists():
        pinned = msgspec.json.decode(path.read_bytes(), type=Pinned)
        if pinned.basis == basis and (partial or _as_many(records, pinned, settings)):
            return pinned
    steps = plan((rule.tier, rule.weight, rule.name) for rule in rules.chosen(settings) if rule.tier < 3)
    people, evidence = gathered.people, gathered.evidence
    hidden = np.isin(evidence.node, np.concatenate([nodes.get(rule, np.empty(0, np.uint64)) for rule in _OF_HARD]))
    judged = judge_rules(
        people, evidence, hidden, HARD, [cut for cut, _ in steps if cut.tier < resolver.PROBABLE],
        resolver.limits_of(settings), settings.cluster_records,
    )  # fmt: skip
    modelled = model.match * model.records * (model.records - 1) / 2 if model else 0.0
    found = curve(people, evidence, refused, steps, judged, modelled)
    cuts = {name: choose_cut(found, target) for name, target in settings.levels.items()}
    pinned = Pinned(basis, records, cuts, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(pinned)))
    temporary.replace(path)
    return pinned


def stands(state: Path, model: Model | None, records: int, settings: IdentitySettings) -> bool:
    """Whether the pinned cuts hold for so many records that name anybody."""
    path = levels_path(state)
    if not path.exists():
        return False
    pinned = msgspec.json.decode(path.read_bytes(), type=Pinned)
    return pinned.basis == _basis(model, settings) and _as_many(records, pinned, settings)


def _as_many(records: int, pinned: Pinned, settings: IdentitySettings) -> bool:
    return 1 / 2 <= records / max(pinned.records, 1) <= 1 + settings.relearn_growth


def check_levels(settings: IdentitySettings) -> None:
    """Raises ConfigError where a target is no share, or the project's level is not among them."""
    if settings.level not in settings.levels:
        raise ConfigError(
            f"[identity] level = {settings.level!r} is not one of its levels",
            fix=did_you_mean(settings.level, settings.levels),
        )
    for name, target in settings.levels.items():
        if not 0.5 <= target < 1:
            raise ConfigError(
                f"[identity.levels] {name} = {target} is no precision",
                fix="a share from 0.5 to below 1, such as 0.99",
            )


def _basis(model: Model | None, settings: IdentitySettings) -> str:
    text = msgspec.json.encode([model.id if model else None, rules.VERSION, settings], order="sorted")
    return hashlib.sha256(text).hexdigest()[:16]
