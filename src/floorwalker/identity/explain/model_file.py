"""The model's weights as a waterfall reads them: from the neutral model file of the matching step.

In: `state/identity/model.json`. Out: a `Model`, None where no model has been trained. Fields that a waterfall does not
need (m, u, term frequencies) are passed over.

>>> text = '{"prior_weight": -12.5, "comparisons": [{"name": "birth_date", "levels": [{"value": 1, "weight": 9.5}]}]}'
>>> read_model(text).comparisons[0].levels[0].weight
9.5
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from floorwalker.errors import StateError


class Level(msgspec.Struct, frozen=True):
    """An outcome of a comparison: the gamma it is known by, words, and its weight in bits."""

    value: int
    weight: float = 0.0
    label: str = ""


class Comparison(msgspec.Struct, frozen=True):
    """One thing that is compared."""

    name: str
    levels: list[Level]


class Model(msgspec.Struct, frozen=True):
    """`prior_weight`: bits that any two records start with."""

    comparisons: list[Comparison]
    prior_weight: float


def read_model(text: str | bytes) -> Model:
    """Raises StateError when the text is no model."""
    try:
        return msgspec.json.decode(text, type=Model)
    except msgspec.MsgspecError as error:
        raise StateError(
            "the model file cannot be read", why=str(error), fix="floorwalker run trains it anew"
        ) from None


def load_model(path: Path) -> Model | None:
    """The model of a project that has trained one."""
    return read_model(path.read_bytes()) if path.exists() else None
