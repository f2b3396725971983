"""A matching model: what was learned, in a file that no engine owns.

In: the result of training. Out: `Model`, saved as JSON and read back; its id is a hash of its content.

The model is Fellegi and Sunter's (1969), with one more class. Two records are of one person (match), of two people of
one household, or of strangers; in each class, comparisons are independent. `m`, `h`, `u` are the chances of a
comparison's levels in the three; the weight of a pair in bits is

    log2 P(match | levels) - log2 P(not | levels)  =  -log2( 2^-w + 2^-v )
    w = prior_weight + sum of log2(m/u) + rarity of equal values        (against strangers: what Splink computes)
    v = household_weight + sum of log2(m/h)                              (against the household)

and, where hard ids told how good these are, the lesser of it and a + b * weight (`calibration`): doubt is learned,
never confidence.

Without the second class a shared surname, address and phone count as three facts although they are one: almost all
wrong pairs of the classical model on retail records are members of one family.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from floorwalker.errors import StateError
from floorwalker.identity.matching.blocking import Block
from floorwalker.identity.matching.comparisons import Comparison, comparisons

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Chances = Sequence[NDArray[np.float64]]

FORMAT = 1
"""Version of the file."""


class LevelParameters(msgspec.Struct, frozen=True):
    """A level's chances. `value`: gamma, 0 where all differs. `weight`: log2(m/u); `against_household`: log2(m/h)."""

    value: int
    label: str
    m: float
    u: float
    h: float

    @property
    def weight(self) -> float:
        return math.log2(self.m / self.u)

    @property
    def against_household(self) -> float:
        return math.log2(self.m / self.h)


class ComparisonParameters(msgspec.Struct, frozen=True):
    """A comparison's levels, by value."""

    name: str
    levels: tuple[LevelParameters, ...]


class Model(msgspec.Struct, frozen=True):
    """`fields`: column -> kind. `match`, `household`: share of all pairs of records; household 0: no such class.
    `records`: how many it was learned on. `frequencies`: column -> value -> share of records, for values that are not
    rare; a value that is missing here counts as `rare`."""

    fields: dict[str, str]
    comparisons: tuple[ComparisonParameters, ...]
    match: float
    household: float
    records: int
    blocks: tuple[Block, ...]
    oversized: tuple[tuple[int, str], ...]
    frequencies: dict[str, dict[str, float]]
    rare: float
    calibration: tuple[float, float] = (0.0, 1.0)
    format: int = FORMAT

    @property
    def prior_weight(self) -> float:
        """Bits for a match before anything is compared."""
        return math.log2(self.match / (1 - self.match))

    @property
    def household_weight(self) -> float:
        """Bits for a match against the household before anything is compared."""
        return math.log2(self.match / self.household) if self.household else math.inf

    @property
    def id(self) -> str:
        """A hash of the content: the same data and settings give the same id."""
        return "m" + hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:15]

    def definitions(self) -> list[Comparison]:
        """How the comparisons are made."""
        return comparisons(self.fields)

    def save(self, path: Path) -> None:
        """Write the file; whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self, order="sorted")))
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read it back. Raises StateError for a file that is none, or of another format."""
        try:
            model = msgspec.json.decode(path.read_bytes(), type=cls)
        except (msgspec.MsgspecError, OSError) as error:
            raise StateError(
                "the matching model cannot be read", why=str(error), fix="remove it: the next run learns it anew"
            ) from None
        if model.format != FORMAT:
            raise StateError(
                f"the matching model is of format {model.format}, this version reads {FORMAT}",
                fix="remove it: the next run learns it anew",
            )
        return model


def parameters(
    definitions: Sequence[Comparison], m: Chances, u: Chances,
    h: Chances,
) -> tuple[ComparisonParameters, ...]:  # fmt: skip
    """Chances by comparison and gamma, as the model keeps them: nine digits, so that a file read back is equal."""
    short = lambda x: float(f"{x:.9g}")  # noqa: E731
    return tuple(
        ComparisonParameters(
            one.name,
            tuple(
                LevelParameters(value, label, short(m[k][value]), short(u[k][value]), short(h[k][value]))
                for value, label in enumerate(one.labels)
            ),
        )
        for k, one in enumerate(definitions)
    )


def probability(weight: float) -> float:
    """Of a match, from bits.

    >>> probability(0.0), round(probability(4.25), 2)
    (0.5, 0.95)
    """
    return 1 / (1 + 2.0**-weight) if weight > -1000 else 0.0
