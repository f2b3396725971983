"""The loop: chunk after chunk of people, each written to the files of all systems, then forgotten.

In: a folder, how many customers, a seed. Out: the files listed in the package's docstring, and a summary of what was
written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from floorwalker.errors import ConfigError
from floorwalker.sources.simulator.catalogue import make_world
from floorwalker.sources.simulator.catalogue_files import product_names, write_catalogue
from floorwalker.sources.simulator.chunk import CHUNK, Counters, make_chunk
from floorwalker.sources.simulator.days import Days
from floorwalker.sources.simulator.files import Files
from floorwalker.sources.simulator.mailing import make_campaigns
from floorwalker.sources.simulator.noise import RESEARCH_HARD, NoiseProfile
from floorwalker.sources.simulator.occasions import Occasions
from floorwalker.sources.simulator.office_files import write_consents, write_helpdesk, write_truth
from floorwalker.sources.simulator.online_files import write_app, write_email, write_shop, write_web
from floorwalker.sources.simulator.store_files import write_loyalty, write_partner, write_till

EVENTS_PER_CUSTOMER = 38.0
"""Order lines, clicks and e-mail events a person has in a year at `activity` 1."""


@dataclass(frozen=True)
class SimulationSummary:
    """What was written. `rows`: rows by file, months together ("till/receipts_*.csv"); `total` leaves out the truth."""

    out: Path
    customers: int
    seed: int
    start: date
    end: date
    rows: dict[str, int]

    @property
    def total(self) -> int:
        return sum(rows for path, rows in self.rows.items() if not path.startswith("truth/"))


def simulate(
    out: Path,
    *,
    customers: int,
    seed: int = 1,
    days: int = 365,
    end: date = date(2026, 6, 30),
    events_per_customer: float = EVENTS_PER_CUSTOMER,
    products: int = 2000,
    stores: int = 40,
    noise: NoiseProfile = RESEARCH_HARD,
    progress: Callable[[float, str], None] | None = None,
) -> SimulationSummary:
    """Write the raw files of a retailer with `customers` people below `out`, which must be new or empty.

    `events_per_customer`: order lines, clicks and e-mail events per person and year, on average; it scales buying,
    browsing and mailing alike (500,000 customers at 20 make 10 million events). `days` up to and including `end` are
    simulated. The same arguments give the same bytes. `progress` is told the share done, 0…1, and a line of text.

    Raises ConfigError for a folder with something in it, or numbers that make no world.
    """
    if customers < 1 or days < 7 or events_per_customer <= 0 or products < 100 or stores < 2:
        raise ConfigError(
            "the simulator cannot make such a retailer",
            why=f"{customers=}, {days=}, {events_per_customer=}, {products=}, {stores=}",
            fix="at least 1 customer, 7 days, 100 products, 2 stores and some events",
        )
    if out.exists() and any(out.iterdir()):
        raise ConfigError(
            f"{out} is not empty",
            why="simulated files would mix with others",
            fix="name a new folder, or empty this one",
        )
    calendar = Days(end, days)
    activity = events_per_customer / EVENTS_PER_CUSTOMER
    world = make_world(seed, calendar, products=products, stores=stores)
    occasions = Occasions(world, seed)
    campaigns = make_campaigns(calendar, activity)
    names: pa.Array = product_names(world)
    counters = Counters.fresh()
    with Files(out) as files:
        write_catalogue(files, world, seed)
        for number, first in enumerate(range(0, customers, CHUNK)):
            count = min(CHUNK, customers - first)
            chunk = make_chunk(seed, number, count, world, occasions, campaigns, noise, activity, counters)
            write_till(files, chunk, world, names)
            write_loyalty(files, chunk, world)
            write_partner(files, chunk, world, activity)
            write_shop(files, chunk, world, names)
            write_app(files, chunk, world)
            write_web(files, chunk, world)
            write_email(files, chunk, world, campaigns)
            write_helpdesk(files, chunk, world)
            write_consents(files, chunk, world)
            write_truth(files, chunk)
            if progress is not None:
                progress((first + count) / customers, f"{first + count:,} of {customers:,} customers")
    return SimulationSummary(out, customers, seed, calendar.start, end, dict(sorted(files.rows.items())))
