"""What the report is told besides the tables: facts of the run that no table holds. All of them may be missing.

In: the dictionary the command line assembles. Out: the same, checked: an unknown key is an error, not a silent gap.

>>> check_facts({"projekt": "shop"})
Traceback (most recent call last):
    ...
floorwalker.errors.ConfigError: the report knows no fact 'projekt'
  try: did you mean 'project'?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from floorwalker.errors import ConfigError, did_you_mean


class Source(TypedDict, total=False):
    name: str
    kind: str
    rows: int
    quarantined: int


class Quarantined(TypedDict, total=False):
    source: str
    reason: str
    rows: int


class DataTest(TypedDict, total=False):
    """`status` is 'pass', 'fail', 'warn' or 'skip'; `failures` counts offending rows."""

    model: str
    test: str
    status: str
    failures: int
    detail: str


class Odd(TypedDict, total=False):
    """Something unusual about the run, in words; `severity` is 'high', 'medium' or 'low'."""

    severity: str
    kind: str
    table: str
    column: str
    source: str
    text: str
    also: list[str]
    touches: list[str]


class Fresh(TypedDict, total=False):
    """The newest day a source has brought to a table; days are ISO 8601 text."""

    source: str
    table: str
    newest: str
    rows_that_day: int
    age_days: int
    usual_gap_days: int | None


class Truth(TypedDict, total=False):
    """How well identity did against a known truth; given only when one is known. `naive`: the same for a plain rule."""

    precision: float
    recall: float
    f1: float
    largest_cluster: int
    name: str
    naive: Truth


class Item(TypedDict, total=False):
    product_id: str
    name: str
    price: float
    reason: str


class DecisionFact(TypedDict, total=False):
    customer_id: str
    surface: str
    policy: str
    personalised: bool
    items: list[Item]


class Audience(TypedDict, total=False):
    """`excluded` counts people by reason: {'no consent to marketing_email': 120, 'hold-out': 40}."""

    name: str
    candidates: int
    exported: int
    excluded: dict[str, int]
    path: str


class Facts(TypedDict, total=False):
    """All a report may be told. Times are ISO 8601 text; `seconds` maps a stage to how long it took."""

    project: str
    run_id: str
    started: str
    seconds: dict[str, float]
    records_in: int
    sources: list[Source]
    quarantine: list[Quarantined]
    identity: Truth
    data_tests: list[DataTest]
    anomalies: list[Odd]
    freshness: list[Fresh]
    skew: str
    decision: DecisionFact
    audience: Audience
    next: list[str]
    tables: dict[str, int]
    version: str
    limits: list[str]


def check_facts(facts: Mapping[str, Any]) -> Facts:
    """The facts, or a ConfigError that names the key nobody would have shown."""
    for key in facts:
        if key not in Facts.__annotations__:
            raise ConfigError(f"the report knows no fact {key!r}", fix=did_you_mean(key, Facts.__annotations__))
    return Facts(**facts)  # type: ignore[typeddict-item]
