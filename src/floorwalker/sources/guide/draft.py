"""What a guided mapping consists of before it is written.

In: nothing. Out: `Choice` (one column of the vocabulary and what fills it), `MapDraft` (one [[maps]]), `Draft` (one
file), `Doubt` (a question), `Said` (what somebody answered), `Proposal` (all of it).

>>> Choice("email", {"column": "Mail"}, "Mail", 0.9, "the name means 'mail'").entry
{'column': 'Mail'}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from floorwalker.sources.guide.matching import UNSURE


@dataclass(frozen=True)
class Choice:
    """`entry`: as in [maps.columns]; `column`: what people call where it comes from, "" for a constant."""

    target: str
    entry: dict[str, Any]
    column: str
    confidence: float
    why: str
    examples: tuple[str, ...] = ()
    rivals: tuple[tuple[str, float], ...] = ()
    doubt: str = ""

    @property
    def unsure(self) -> bool:
        return self.confidence < UNSURE or bool(self.doubt)


@dataclass(frozen=True)
class MapDraft:
    """One [[maps]]. `about`: which rows it takes, in words."""

    kind: str
    choices: tuple[Choice, ...]
    where: str = ""
    each: str = ""
    about: str = ""


@dataclass(frozen=True)
class Draft:
    """One mapping file; `suffix` tells the second and third for the same data from the first."""

    maps: tuple[MapDraft, ...]
    suffix: str = ""
    rest: str = ""
    missing: tuple[str, ...] = ()
    """Columns that the kind needs and nothing fills: the mapping cannot be written."""


@dataclass(frozen=True)
class Doubt:
    """A question. `options`: (what is shown, what it means); the first is what is taken if nobody answers."""

    key: tuple[str, ...]
    text: str
    options: tuple[tuple[str, str], ...]
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What somebody settled, by the key of the doubt."""

    answers: dict[tuple[str, ...], str] = field(default_factory=dict)

    def get(self, *key: str) -> str | None:
        return self.answers.get(key)

    def columns(self, kind: str) -> dict[str, str]:
        """target → column ("" for none) of a kind."""
        return {key[2]: value for key, value in self.answers.items() if key[:2] == ("column", kind)}


@dataclass(frozen=True)
class Proposal:
    """`options`: keys of the file's head with why; `kinds`: every kind that was considered, best first."""

    file: str
    drafts: tuple[Draft, ...]
    options: dict[str, tuple[str, str]]
    kinds: tuple[tuple[str, float], ...]
    doubts: tuple[Doubt, ...] = ()
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
