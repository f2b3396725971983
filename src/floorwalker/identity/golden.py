"""Whose word counts: the policy of the golden record, as tables that the SQL of the golden record reads.

In: `[identity.golden]`. Out: a step that writes

- silver.golden_policy   per attribute the place of each criterion in its order, 1 the first, 0: does not count
- silver.golden_sources  per source that the settings name its `place` in their rank, and `unverified` (0 or 1)

The values themselves are chosen in SQL (`profiles/sql/silver/golden_fields.sql`), in a batch and on any engine; a
setting reaches it like data, so that a change of policy rebuilds the golden record and nothing of identity.

>>> [row for row in policy(GoldenSettings(order=("source", "recency"))) if row["attribute"] == "address"]
[{'attribute': 'address', 'verified': 0, 'source': 1, 'recency': 2, 'completeness': 0, 'frequency': 0}]
>>> ranks(GoldenSettings(sources=("crm", "shop"), verified_sources=("desk",)))[1:]
[{'source': 'shop', 'place': 2, 'unverified': 1}, {'source': 'desk', 'place': 1000000, 'unverified': 0}]
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pyarrow as pa

from floorwalker.engines.steps import Step, StepContext
from floorwalker.errors import ConfigError
from floorwalker.identity.settings import Criterion, GoldenSettings

CRITERIA: tuple[str, ...] = get_args(Criterion)
ATTRIBUTES = ("name", "birth_date", "gender", "address", "language", "market", "email", "phone", "loyalty_id")
"""What is chosen apart. Given and family name, and the parts of an address, always come from one record."""
UNRANKED = 1_000_000
"""Place of a source that the settings do not name; the SQL knows it too."""

_POLICY = pa.schema([("attribute", pa.string()), *((criterion, pa.int32()) for criterion in CRITERIA)])
_SOURCES = pa.schema([("source", pa.string()), ("place", pa.int32()), ("unverified", pa.int32())])


def policy(settings: GoldenSettings) -> list[dict[str, Any]]:
    """One row per attribute: the place of each criterion in its order. Raises ConfigError for an order that is empty or
    names a criterion twice."""
    found = []
    for attribute in ATTRIBUTES:
        order = getattr(settings, attribute) or settings.order
        if not order or len(set(order)) < len(order):
            raise ConfigError(
                f"identity.golden: the order of '{attribute}' {'names a criterion twice' if order else 'is empty'}",
                fix=f"an order of {', '.join(CRITERIA)}, without those that are not to count",
            )
        places = {criterion: order.index(criterion) + 1 if criterion in order else 0 for criterion in CRITERIA}
        found.append({"attribute": attribute, **places})
    return found


def ranks(settings: GoldenSettings) -> list[dict[str, Any]]:
    """One row per source that the settings name. Raises ConfigError for one that is ranked twice."""
    if len(set(settings.sources)) < len(settings.sources):
        raise ConfigError("identity.golden.sources names a source twice", fix="name each once, the best first")
    named = dict.fromkeys((*settings.sources, *settings.verified_sources))
    return [
        {
            "source": source,
            "place": settings.sources.index(source) + 1 if source in settings.sources else UNRANKED,
            "unverified": int(source not in settings.verified_sources),
        }
        for source in named
    ]


def golden_step(settings: GoldenSettings) -> Step:
    """The step that writes the policy. Raises ConfigError for one that cannot be meant."""
    orders, sources = policy(settings), ranks(settings)

    def write(context: StepContext) -> None:
        context.write("silver.golden_policy", pa.Table.from_pylist(orders, schema=_POLICY))
        context.write("silver.golden_sources", pa.Table.from_pylist(sources, schema=_SOURCES))
        context.progress(1.0, "policy written")

    constant: dict[str, dict[str, tuple[str, ...]]] = {
        "silver.golden_policy": dict.fromkeys(_POLICY.names, ()),
        "silver.golden_sources": dict.fromkeys(_SOURCES.names, ()),
    }
    return Step(
        "identity.golden",
        reads=(),
        writes=("silver.golden_policy", "silver.golden_sources"),
        run=write,
        settings=msgspec.json.encode(settings).decode(),
        lineage=constant,
    )
