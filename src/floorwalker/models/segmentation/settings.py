"""The `[segmentation]` section of floorwalker.toml: how cohorts are sought.

In: the section's keys. Out: a frozen struct; unknown keys and impossible values are refused when it is read.

>>> SegmentationSettings(k_max=6).candidates
(2, 3, 4, 5, 6)
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from floorwalker.errors import ConfigError

Positive = Annotated[int, msgspec.Meta(ge=1)]


class SegmentationSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What may be set; the defaults keep 20,000 customers within a few seconds on one core."""

    k_min: Annotated[int, msgspec.Meta(ge=2)] = 4
    """Fewest cohorts that may be chosen: two or three only say more, middling or less of everything, which a sort by
    spend says as well (they are still reported)."""
    k_max: Annotated[int, msgspec.Meta(ge=2, le=30)] = 8
    """Most cohorts tried: more names than this nobody keeps in mind."""
    minimum_share: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.03
    """Smallest cohort worth a campaign, as a share of the customers."""
    tolerance: Annotated[float, msgspec.Meta(ge=0)] = 0.02
    """Stabilities closer than this count as equal; the larger k then wins, for it says more."""
    seeds: Positive = 5
    """Starts of the k-means whose best fit counts."""
    bootstraps: Annotated[int, msgspec.Meta(ge=2)] = 10
    """Resamples that measure stability."""
    fit_rows: Positive = 50_000
    """Customers a fit may see; above it a seeded sample is fitted and everybody is assigned."""
    bootstrap_rows: Positive = 10_000
    """Customers a resample draws at most."""
    silhouette_rows: Positive = 10_000
    """Customers the silhouette is computed on; above it a seeded sample."""
    seed: int = 20_260_101
    track: bool = True
    """Log each run in MLflow."""

    def __post_init__(self) -> None:
        if self.k_min > self.k_max:
            raise ConfigError(
                f"segmentation: k_min = {self.k_min} is above k_max = {self.k_max}",
                why="no number of cohorts lies between them",
                fix="lower k_min or raise k_max",
            )

    @property
    def candidates(self) -> tuple[int, ...]:
        """Every k that is fitted and reported: from 2, so that a chosen k is seen beside the crude split."""
        return tuple(range(2, self.k_max + 1))
