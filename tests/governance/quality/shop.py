"""A made-up source, day by day: steady but for chance, a weekly rhythm, and the faults that a test plants.

In: a seed. Out: rows of a day as a table of an in-memory DuckDB, measured as a run would measure them.
"""

from __future__ import annotations

import datetime as dt

import duckdb
import numpy as np
import pyarrow as pa

from floorwalker.governance.quality.history import Days, Past
from floorwalker.governance.quality.measure import Measure, measure

START = dt.date(2026, 1, 5)
WEEK = (1.0, 0.9, 0.95, 1.0, 1.2, 1.6, 1.3)
"""How busy Monday to Sunday are."""


class Shop:
    """Rows per day around `base`, lognormal with `noise`; columns: a number, a category, a flag, an optional text."""

    def __init__(self, seed: int, base: int = 3000, noise: float = 0.12) -> None:
        self.random = np.random.default_rng(seed)
        self.base, self.noise = base, noise
        self.connection = duckdb.connect()

    def rows(self, day: dt.date) -> int:
        busy = self.base * WEEK[day.weekday()] * np.exp(self.random.normal(0, self.noise))
        return int(self.random.poisson(busy))

    def counts(self, days: int) -> dict[dt.date, int]:
        return {day: self.rows(day) for day in (START + dt.timedelta(days=number) for number in range(days))}

    def day(
        self,
        rows: int,
        *,
        empty: float = 0.1,
        dearer: float = 1.0,
        countries: tuple[str, ...] = ("UK", "IE"),
        uk: float = 0.8,
    ) -> Measure:
        """A day's rows, measured."""
        shares = [uk, *[(1 - uk) / (len(countries) - 1)] * (len(countries) - 1)]
        amounts = np.round(self.random.lognormal(3, 0.8, rows) * dearer, 2)
        texts = np.where(self.random.random(rows) < empty, None, "x")
        self.connection.register(
            "incoming",
            pa.table(
                {
                    "source": pa.array(["web"] * rows),
                    "amount": pa.array(amounts),
                    "orders": pa.array(self.random.poisson(0.5, rows)),
                    "country": pa.array(self.random.choice(countries, rows, p=shares)),
                    "sold": pa.array(self.random.random(rows) < 0.9),
                    "coupon": pa.array(texts.tolist(), pa.string()),
                }
            ),
        )
        self.connection.execute("CREATE OR REPLACE TABLE bronze_lines AS SELECT * FROM incoming")
        (one,) = measure(self.connection, "bronze_lines", by_source=True)
        return one

    def past(self, runs: int) -> list[Past]:
        """Earlier runs, newest first."""
        return [past_of(self.day(rows)) for rows in reversed(self.counts(runs).values())]


def past_of(one: Measure) -> Past:
    return Past("earlier", one.rows, one.looked_at, 1, one.columns)


def days_of(counts: dict[dt.date, int], first: int = 57) -> Days:
    """The days of a source, of which the last `first` were seen when they were the newest."""
    newest = list(counts)[-first:]
    return Days(dict(counts), {day: counts[day] for day in newest})
