"""Batch = live: features of some customers computed anew by the live path, compared with those that a run published.

In: a connection that sees the silver tables, the live updater, the files of the table of features, a seed. Out: a
`SkewReport`. Every run that makes the features anew is checked so, with other customers each time (`[quality]`).

It stays cheap on a large lake. The customers stand side by side in a file, so that of a table of hundreds of columns
only the pages with their rows are read; of the silver tables only the columns that features look at. What does not fit
into the time given is left out and named, never guessed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq

from floorwalker.engines.sql_duckdb import quoted_list, set_run
from floorwalker.governance.quality.anomalies import Anomaly
from floorwalker.profiles.features.definition import FeatureSet
from floorwalker.profiles.features.live import Row, Updater

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.lake import Lake

_READING = 0.8
"""Share of the time that reading may take; the rest is for comparing."""
_BATCH = 5_000
"""Rows between two looks at the clock."""


@dataclass
class SkewReport:
    """Batch against live: how many values of how many customers were compared, and where they differ."""

    as_of: dt.date
    customers: int
    values: int = 0
    different: dict[str, int] = field(default_factory=dict)
    """Customers for whom a feature differs, by feature."""
    left_out: list[str] = field(default_factory=list)
    """Tables that could not be read in time: features that need them were not compared."""
    seconds: float = 0.0

    @property
    def differences(self) -> int:
        return sum(self.different.values())

    def words(self) -> str:
        left_out = f"; not read in time: {', '.join(self.left_out)}" if self.left_out else ""
        if not self.values:
            return f"batch and live were not compared{left_out or ': no customers'}"
        if not self.different:
            compared = f"{self.values:,} values of {self.customers:,} customers"
            return f"{compared}: batch and live agree in all of them{left_out}"
        return f"{self.differences:,} of {self.values:,} values differ between batch and live: {self.named()}{left_out}"

    def named(self, most: int = 5) -> str:
        """The features that differ, with the number of customers for whom they do."""
        worst = sorted(self.different.items(), key=lambda one: (-one[1], one[0]))
        more = f" and {len(worst) - most} more features" if len(worst) > most else ""
        return ", ".join(f"{name} ({n:,})" for name, n in worst[:most]) + more

    def anomalies(self, table: str) -> list[Anomaly]:
        """What is odd about it: any difference."""
        if not self.different:
            return []
        text = (
            f"what is served live is not what the run computed: of {self.customers:,} customers checked, values of"
            f" {table} differ in {self.named()}"
        )
        worst = max(sorted(self.different), key=lambda name: self.different[name])
        return [Anomaly("high", "skew", table, text, column=worst, size=float(self.differences))]


def check_skew(
    connection: duckdb.DuckDBPyConnection,
    live: Updater,
    files: Sequence[str],
    *,
    customers: int = 200,
    seed: int = 1,
    seconds: float | None = None,
) -> SkewReport:
    """Compute the features of some customers by the live path, from the published silver rows in random order, half as
    a base and half as what came after it, and compare them with the published table in `files`.

    `seconds`: about how long it may take; None: as long as it takes. `connection`: as from `Lake.read`.
    """
    clock = _Clock(connection, None if seconds is None else seconds * _READING)
    entity = live.features.entity
    ((as_of,),) = connection.execute("SELECT as_of FROM meta.run").fetchall()
    report = SkewReport(as_of, 0)
    served: dict[str, Row] = {}
    for source in _windows(files, customers, seed):
        names = [entity.column, *(one.name for one in live.features.features)]
        served |= {str(row[entity.column]): row for row in clock.rows(source, names)}
    if clock.late:
        report.left_out.append(entity.table)
        served = {}
    chosen = ", ".join("'" + one.replace("'", "''") + "'" for one in served)
    rows: dict[str, list[tuple[str, Row]]] = {one: [] for one in served}
    for table in live.tables if served else ():
        found = list(clock.rows(f"{table} WHERE {entity.column} IN ({chosen})", [entity.column, *live.columns(table)]))
        if clock.late:
            report.left_out.append(table)
        for row in () if clock.late else found:
            rows[str(row[entity.column])].append((table, row))
    if report.left_out and served:
        live = Updater(live.features.with_inputs(_without(live.features, report.left_out)))
    shuffle = random.Random(seed).shuffle
    until = time.perf_counter() + max((clock.left or 0.0) + (1 - _READING) * (seconds or 0.0), 0.1)
    for customer, row in served.items():
        if seconds is not None and report.customers and time.perf_counter() > until:
            break
        _compare(live, row, [one for one in rows[customer] if one[0] in live.tables], shuffle, report)
    report.seconds = time.perf_counter() - clock.started
    return report


def skew_of_run(
    lake: Lake,
    settings: Settings,
    features: FeatureSet,
    versions: Mapping[str, int],
    run_id: str,
    as_of: dt.date,
    seconds: float,
) -> SkewReport:
    """Check the tables that a run has just built; which customers follows from its id."""
    with lake.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        set_run(connection, run_id, as_of, settings.reporting_currency)
        live = Updater(features)
        for table in live.tables:
            lake.view(connection, table, versions[table])
        files = lake.files(features.entity.table, versions[features.entity.table])
        seed = int(hashlib.sha256(run_id.encode()).hexdigest()[:12], 16)
        return check_skew(
            connection, live, files, customers=settings.quality.skew_customers, seed=seed, seconds=seconds
        )


def _compare(live: Updater, served: Row, events: list[tuple[str, Row]], shuffle: Any, report: SkewReport) -> None:
    shuffle(events)
    half = len(events) // 2
    state = live.merge(live.replay(events[:half]), live.replay(events[half:]))
    report.customers += 1
    for name, value in live.values(state, report.as_of).items():
        report.values += 1
        if value != served[name]:
            report.different[name] = report.different.get(name, 0) + 1


def _windows(files: Sequence[str], customers: int, seed: int) -> list[str]:
    """Rows that stand side by side, from a place that the seed chooses: something to select from for each file."""
    counts = [(file, pq.read_metadata(file).num_rows) for file in sorted(files)]
    total = sum(rows for _, rows in counts)
    wanted = min(customers, total)
    start = random.Random(seed).randrange(total) if total else 0
    found = []
    for begin, end in ((start, min(start + wanted, total)), (0, max(start + wanted - total, 0))):
        before = 0
        for file, rows in counts:
            low, high = max(begin - before, 0), min(end - before, rows)
            if low < high:
                scan = f"read_parquet({quoted_list([file])}, file_row_number = true)"
                found.append(f"{scan} WHERE file_row_number >= {low} AND file_row_number < {high}")
            before += rows
    return found


def _without(features: FeatureSet, tables: Sequence[str]) -> list[str]:
    """Names of the features that can be had without some tables."""

    def whole(name: str) -> bool:
        sources = [one.source for one in features.with_inputs([name]).features if one.source]
        return all(source.table not in tables for source in sources)

    return [one.name for one in features.features if whole(one.name)]


class _Clock:
    """Reads rows until the time is over; `late` says that the last read was cut off."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float | None) -> None:
        self.connection, self.seconds = connection, seconds
        self.started, self.late = time.perf_counter(), False

    @property
    def left(self) -> float | None:
        return None if self.seconds is None else self.seconds - (time.perf_counter() - self.started)

    @property
    def over(self) -> bool:
        return self.left is not None and self.left <= 0

    def rows(self, source: str, names: Sequence[str]) -> Iterator[Row]:
        """Rows as dicts, each column under the very name that was asked for."""
        self.late = self.over
        if self.late:
            return
        listed = ", ".join(f'"{name}" AS "{name}"' for name in dict.fromkeys(names))
        keys = list(dict.fromkeys(names))
        try:
            with self._cut_off():
                found = self.connection.execute(f"SELECT {listed} FROM {source}")
                while batch := found.fetchmany(_BATCH):
                    if self.over:
                        self.late = True
                        return
                    yield from (dict(zip(keys, values, strict=True)) for values in batch)
        except (duckdb.InterruptException, RuntimeError):
            # On some of its paths the engine says of an interruption that it is an error.
            if not self.over:
                raise
            self.late = True

    @contextmanager
    def _cut_off(self) -> Generator[None]:
        """Interrupt the engine when the time is over."""
        left = self.left
        if left is None:
            yield
            return
        timer = threading.Timer(max(left, 0.01), self.connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
