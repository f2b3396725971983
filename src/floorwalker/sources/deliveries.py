"""The log of deliveries: which files have been read, and what came of them.

In: the project's database. Out: what is known, so that a run reads only what is new.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from floorwalker.sources.ingest import DeliveryResult


def known_deliveries(state: sqlite3.Connection, source: str) -> set[str]:
    """Fingerprints of the deliveries of a source that have been read with today's mapping or an earlier one."""
    rows = state.execute("SELECT fingerprint FROM deliveries WHERE source = ?", (source,)).fetchall()
    return {row[0] for row in rows}


def sources_read(state: sqlite3.Connection) -> list[dict[str, Any]]:
    """Per source: deliveries and rows so far."""
    cursor = state.execute(
        "SELECT source, COUNT(*) AS deliveries, SUM(rows_read) AS rows_read, SUM(rows_new) AS rows_new,"
        " SUM(rows_known) AS rows_known, SUM(rows_quarantined) AS quarantined, MAX(received_at) AS last_read"
        " FROM deliveries GROUP BY source ORDER BY source"
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def received_after(state: sqlite3.Connection, now: dt.datetime) -> dt.datetime:
    """When what is read now counts as received: now, but after everything that was read before. Of two rows on one
    thing the one received later is believed, so a clock that was put back must not turn them round.

    >>> state = sqlite3.connect(":memory:")
    >>> _ = state.execute("CREATE TABLE deliveries (received_at TEXT)")
    >>> now = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    >>> received_after(state, now) == now
    True
    >>> _ = state.execute("INSERT INTO deliveries VALUES ('2026-01-06T00:00:00+00:00')")
    >>> received_after(state, now).isoformat()
    '2026-01-06T00:00:02+00:00'
    """
    (last,) = state.execute("SELECT MAX(received_at) FROM deliveries").fetchone()
    # It is kept in whole seconds, and deliveries of a run are microseconds apart.
    return max(now, dt.datetime.fromisoformat(last) + dt.timedelta(seconds=2)) if last else now


def note_delivery(
    state: sqlite3.Connection, outcome: DeliveryResult, rows_new: int, run_id: str, received_at: dt.datetime
) -> None:
    """Note that a delivery has been read. Reading it again replaces its row."""
    state.execute(
        "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            outcome.delivery.delivery_id,
            outcome.delivery.fingerprint,
            outcome.delivery.source,
            outcome.delivery.name,
            received_at.isoformat(timespec="seconds"),
            run_id,
            outcome.read,
            rows_new,
            outcome.accepted - rows_new,
            outcome.quarantined,
            outcome.suppressed,
        ),
    )
