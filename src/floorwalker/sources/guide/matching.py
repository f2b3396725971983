"""Which column of a file fills which column of a kind: names and values together, solved as one assignment.

In: a kind and the candidates (columns of the file, or of the lines within its rows). Out: for each column of the kind
that something fits, a `Match` with its confidence and what that is made of.

The score of a pair is `read × (1 − (1 − name) × (1 − points))`: how far the values can be read, times the chance that
the name or the values point there. All pairs are settled at once by the assignment of greatest sum (the Hungarian
method), so that a column is used once and the second-best goes where it fits best. The confidence is the score, lowered
where another free column would do as well, or where the reading of dates or decimals is a guess: 1 is an exact name and
values that can all be read, 0.7 is worth a look, below 0.35 nothing is proposed.

>>> from floorwalker.sources.guide.facts import Facts
>>> facts = Facts("mail", 9, 1.0, 9, {"email": 1.0, "phone": 0.0, "words": 0.0})
>>> match("consents", {"Contact": Candidate("Contact", facts)}, ("email",))["email"].confidence
0.92
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.guide.facts import Facts
from floorwalker.sources.guide.names import Meaning, meanings, score_of
from floorwalker.sources.guide.targets import HELPERS, Fit, fit
from floorwalker.sources.mapping import SET_BY_FLOORWALKER, needs_time

LEAST = 0.35
"""Pairs that score less are not proposed."""
UNSURE = 0.7
"""Choices below this are asked about, or marked in the file."""
_NEVER = {*SET_BY_FLOORWALKER, "channel", "market", "brand", "legal_entity", "purposes", "fingerprint", "order_key"}


@dataclass(frozen=True)
class Candidate:
    """A column that may be used. `expression`: how a mapping reads it where it is no column of the file."""

    name: str
    facts: Facts
    expression: str = ""
    label: str = ""
    """Its name where that says nothing about the meaning by itself."""


@dataclass(frozen=True)
class Match:
    """A column for a target. `rivals`: other columns that were considered, with their scores, best first."""

    target: str
    column: str
    score: float
    confidence: float
    meaning: Meaning
    fit: Fit
    rivals: tuple[tuple[str, float], ...] = ()
    said: bool = field(default=False)
    """Whether a person chose it."""

    @property
    def why(self) -> str:
        """In words: the name and the values."""
        if self.said:
            return f"as you said; {self.fit.why}"
        name = f"the name means '{self.meaning.phrase}'" if self.meaning.score else "the name says nothing"
        if 0 < self.meaning.score < 1:
            name = f"the name is like '{self.meaning.phrase}' ({self.meaning.score:.2f})"
        return f"{name}; {self.fit.why}"


def targets_of(kind: str) -> tuple[str, ...]:
    """What a mapping to `kind` can fill by looking, and the helpers that its columns can be made of."""
    own = [name for name in KINDS[kind].names if name not in _NEVER]
    helpers = {"customers": ("full_name",), "order_lines": ("order_total", "time_of_day")}
    return (*own, *helpers.get(kind, ("time_of_day",) if needs_time(KINDS[kind]) else ()))


def match(
    kind: str,
    candidates: Mapping[str, Candidate],
    targets: Iterable[str] = (),
    said: Mapping[str, str] | None = None,
) -> dict[str, Match]:
    """The best assignment of candidates to the kind's columns. `said`: target → column, or "" for none, as settled."""
    wanted = list(targets) or list(targets_of(kind))
    names = list(candidates)
    said = {target: column for target, column in (said or {}).items() if target in wanted}
    if not names or not wanted:
        return {}
    meant = {name: meanings(candidates[name].label or name) for name in names}
    pairs: dict[tuple[int, int], tuple[float, Meaning, Fit]] = {}
    scores = np.zeros((len(wanted), len(names)))
    weighed = np.zeros_like(scores)
    required = _required(kind)
    for row, target in enumerate(wanted):
        for place, name in enumerate(names):
            meaning = _own_meaning(meant[name], kind, target)
            found = fit(kind, target, candidates[name].facts)
            score = min(found.read, 1.0) ** 1.5 * (1 - (1 - meaning.score) * (1 - found.points))
            scores[row, place] = score
            pairs[row, place] = (score, meaning, found)
            chosen = said.get(target)
            if chosen is not None:
                # What a person said is not weighed: that pair, or none for this target.
                weighed[row, place] = 100.0 if chosen == name else 0.0
            elif score >= LEAST and name not in said.values():
                weighed[row, place] = score * (1.3 if target in required else 0.75 if target in HELPERS else 1.0)
    rows, places = linear_sum_assignment(weighed, maximize=True)
    taken = {int(place): int(row) for row, place in zip(rows, places, strict=True) if weighed[row, place] > 0}
    matches = {}
    for place, row in taken.items():
        score, meaning, found = pairs[row, place]
        target = wanted[row]
        others = sorted(
            ((names[other], round(float(scores[row, other]), 2)) for other in range(len(names)) if other != place),
            key=lambda pair: (-pair[1], pair[0]),
        )
        # A rival counts as far as it is free, or used for something that it fits less.
        free = [
            scores[row, other]
            for other in range(len(names))
            if other != place and (other not in taken or scores[taken[other], other] < scores[row, other])
        ]
        margin = score - max(free, default=0.0)
        confidence = score * (1 - 0.35 * max(0.0, 1 - max(margin, 0.0) / 0.25))
        confidence *= _certainty(target, candidates[names[place]].facts, kind)
        by_hand = target in said
        matches[target] = Match(
            target,
            names[place],
            round(score, 3),
            1.0 if by_hand else round(min(confidence, 0.99), 2),
            meaning,
            found,
            tuple(pair for pair in others[:3] if pair[1] >= 0.2),
            by_hand,
        )
    return {target: matches[target] for target in wanted if target in matches}


def _own_meaning(found: dict[str, Meaning], kind: str, target: str) -> Meaning:
    """What a name scores for a target; less where it clearly means something else, be that of another kind."""
    meaning = score_of(found, kind, target)
    behind = max((other.score for other in found.values()), default=0.0) - meaning.score - 0.1
    if behind <= 0:
        return meaning
    return meaning._replace(score=round(meaning.score * max(0.3, 1 - 2.5 * behind), 3))


def _required(kind: str) -> set[str]:
    about = KINDS[kind]
    needed = {column.name for column in about.columns if column.required and column.name not in SET_BY_FLOORWALKER}
    return needed | ({"occurred_at"} if needs_time(about) else set())


def _certainty(target: str, facts: Facts, kind: str) -> float:
    """How sure the reading of the values is, whatever they mean."""
    if target in HELPERS:
        return 1.0
    of = KINDS[kind].column(target).type
    if of in ("timestamp", "date") and facts.times is not None and not facts.times.sure:
        return 0.7
    return 0.8 if of in ("money", "quantity", "number") and not facts.decimal_sure else 1.0
