"""What can be set in `[quality]` and `[lineage]`.

>>> QualitySettings().window
56
>>> hours("36h"), hours("2d")
(36.0, 48.0)
"""

from __future__ import annotations

import re

import msgspec

from floorwalker.errors import ConfigError


class QualitySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Watching what runs bring and make."""

    on: bool = True
    """Measure tables after each run and compare them with earlier runs."""
    window: int = 56
    """Days, and runs, that today is compared with; eight weeks know each weekday eight times."""
    sensitivity: float = 4.0
    """Robust standard deviations from what is usual at which something is odd; higher is quieter."""
    min_history: int = 8
    """Earlier days or runs needed before anything is called odd."""
    keep: int = 200
    """Measurements of a table that are kept; older ones are forgotten. Distributions are kept for the window."""
    sample: int = 20_000
    """Rows of a table that are looked at; larger tables are sampled, their rows still counted."""
    budget: float = 0.05
    """Share of a run's time that all of this may take, lineage and the comparison of batch and live included; a second
    at least. What does not fit waits for the next run, the longest unmeasured first; what sources newly brought is
    always measured."""
    skew_customers: int = 50
    """Customers whose features are computed anew by the live path after a run that made them, other ones each time, and
    compared with what was published; 0: none."""
    freshness: dict[str, str] = {}
    """Per source, how old its newest row may be when a run starts: `web = "36h"`, `stock = "2d"`."""


class LineageSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """OpenLineage events of runs."""

    events: bool = True
    """Write the events of each run to state/lineage/<run>.jsonl."""
    keep: int = 50
    """Runs whose events are kept."""
    url: str | None = None
    """Also send each event to this address (HTTP POST), for example http://localhost:5000/api/v1/lineage."""
    timeout: float = 5.0
    """Seconds to wait for it. A failure never stops a run: it is told once, and the rest of the run sends nothing."""
    namespace: str | None = None
    """Namespace of jobs and tables in the events; default: the project's name."""


def hours(text: str) -> float:
    """Hours of a time span such as '36h', '90min' or '2d'. ConfigError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|h|d)\s*", text)
    if not found:
        raise ConfigError(f"'{text}' is not a time span", why="[quality.freshness]", fix='"36h", "90min" or "2d"')
    return float(found[1]) * {"min": 1 / 60, "h": 1.0, "d": 24.0}[found[2]]
