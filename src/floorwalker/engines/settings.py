"""What can be set in `[lake]`: how far back versions are kept, and when small files are joined.

>>> LakeSettings().keep_runs, LakeSettings(target_mb=1).target_bytes
(2, 1048576)
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class LakeSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Upkeep of the lake."""

    keep_runs: Count = 2
    """Published runs whose files are kept, the one that readers see included."""
    keep_days: NotNegative = 0
    """Also kept: runs that readers still saw so many days ago."""
    grace_minutes: NotNegative = 10
    """A file that is not needed any more stays this long: somebody may just be reading it."""
    compact: Literal["auto", "off"] = "auto"
    """Join small files at the end of a run: `auto`, when a table has `compact_files` of them, or `off`."""
    compact_files: Annotated[int, msgspec.Meta(ge=2)] = 16
    """Small files of a table that a run waits for before it joins them."""
    target_mb: Count = 128
    """Files are joined up to this size, or about a million rows; a file below half of both is small."""

    @property
    def target_bytes(self) -> int:
        return self.target_mb << 20
