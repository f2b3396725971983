"""What can be set in floorwalker.toml: one struct per section, each owned by its room.

In: nothing. Out: `Settings`, whose defaults are the product's defaults.

>>> Settings().run.as_of
'data'
"""

from __future__ import annotations

from typing import Any

import msgspec

from floorwalker.app.collect.settings import CollectSettings
from floorwalker.app.live_path.settings import LiveSettings
from floorwalker.engines.settings import LakeSettings
from floorwalker.governance.quality.settings import LineageSettings, QualitySettings
from floorwalker.identity.settings import IdentitySettings
from floorwalker.models.recommend.settings import RecommendSettings
from floorwalker.models.segmentation.settings import SegmentationSettings
from floorwalker.sources.connectors.settings import read_pulls


class _Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A section: unknown keys are errors."""


class ProjectSection(_Section, frozen=True):
    """Who this project belongs to."""

    name: str = "shop"


class DefaultsSection(_Section, frozen=True):
    """What a record gets where its mapping and its row say nothing."""

    market: str = "UK"
    brand: str | None = None
    legal_entity: str | None = None
    currency: str = "GBP"
    time_zone: str = "UTC"
    language: str | None = None


class EngineSection(_Section, frozen=True):
    """What the batch side may use. `memory_limit` bounds DuckDB: at most 60 % of the memory you want to give. `url` is
    where SQL models run: 'duckdb', 'spark://local[2]' or 'spark://HOST:7077'; `spark` holds any of Spark's settings."""

    memory_limit: str = "2GB"
    threads: int | None = None
    url: str = "duckdb"
    spark: dict[str, str] = {}


class RunSection(_Section, frozen=True):
    """The day a run looks back from: 'data' (the day after the newest event), 'today' (UTC), or a date."""

    as_of: str = "data"
    reporting_currency: str | None = None
    report: bool = True
    pull: bool = False
    """Pull every source of [pulls] before files are read."""


class OrdersSection(_Section, frozen=True):
    """The same sale once: which source is believed when several report one order (first is best)."""

    precedence: tuple[str, ...] = ()


class ServerSection(_Section, frozen=True):
    """Where `floorwalker serve` listens."""

    host: str = "127.0.0.1"
    port: int = 8181
    workers: int = 1
    settle: bool = True
    """Decisions about who is who that come over HTTP take effect at once, by a process of their own; false: with the
    next run."""


class Settings(_Section, frozen=True):
    """The whole of floorwalker.toml."""

    project: ProjectSection = ProjectSection()
    defaults: DefaultsSection = DefaultsSection()
    engine: EngineSection = EngineSection()
    lake: LakeSettings = LakeSettings()
    run: RunSection = RunSection()
    orders: OrdersSection = OrdersSection()
    identity: IdentitySettings = IdentitySettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    recommend: RecommendSettings = RecommendSettings()
    server: ServerSection = ServerSection()
    collect: CollectSettings = CollectSettings()
    live: LiveSettings = LiveSettings()
    quality: QualitySettings = QualitySettings()
    lineage: LineageSettings = LineageSettings()
    pulls: dict[str, dict[str, Any]] = {}
    """Systems that data is pulled from, a table each: `floorwalker pull --list`."""

    def __post_init__(self) -> None:
        # Here, so that no command goes on with, or shows, a file that holds a secret.
        read_pulls(self.pulls)

    @property
    def reporting_currency(self) -> str:
        return self.run.reporting_currency or self.defaults.currency
