"""The erasure journal: what has begun and must be finished, and the receipts of what is done. SQLite, no clear text.

In: steps of an erasure. Out: rows that survive kill -9. A pending row holds surrogate ids (they mean nothing outside
the project) and keyed hashes; the receipt that replaces it holds keyed hashes only.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from floorwalker.governance.decode import Finding
from floorwalker.governance.handlers import Receipt
from floorwalker.governance.transactions import atomic


@dataclass(frozen=True)
class Pending:
    """An erasure that is not finished. `receipts`: of the stores that are done."""

    erasure_id: str
    started_at: str
    actor: str
    reason: str
    customer_ids: tuple[str, ...]
    record_ids: tuple[str, ...]
    hashes: frozenset[str]
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True)
class StoredReceipt:
    """A finished attempt. `subjects`: keyed hashes of the customer_ids; `proven`: the search found nothing."""

    erasure_id: str
    subjects: tuple[str, ...]
    started_at: str
    finished_at: str
    actor: str
    reason: str
    proven: bool
    receipts: tuple[Receipt, ...]
    findings: tuple[Finding, ...]


def begin(
    connection: sqlite3.Connection,
    erasure_id: str,
    *,
    at: str,
    actor: str,
    reason: str,
    customer_ids: Sequence[str],
    record_ids: Sequence[str],
    hashes: Iterable[str],
) -> Pending:
    """Note that an erasure has begun. One that is pending for any of these ids is continued, with everything known.

    What the stores have already done counts only as long as no record has come to light that they did not know of.
    """
    with atomic(connection):
        known = [row for row in pending(connection) if set(row.customer_ids) & set(customer_ids)]
        if known:
            erasure_id, at, actor, reason = known[0].erasure_id, known[0].started_at, known[0].actor, known[0].reason
        all_customers = dict.fromkeys([*customer_ids, *(c for row in known for c in row.customer_ids)])
        all_records = sorted({*record_ids, *(r for row in known for r in row.record_ids)})
        all_hashes = sorted({*hashes, *(h for row in known for h in row.hashes)})
        grown = not known or len(all_records) > len(known[0].record_ids)
        for row in known[1:]:
            connection.execute("DELETE FROM erasure_pending WHERE erasure_id = ?", (row.erasure_id,))
        done = [] if grown else [asdict(receipt) for receipt in known[0].receipts]
        connection.execute(
            "INSERT OR REPLACE INTO erasure_pending VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (erasure_id, at, actor, reason, *map(json.dumps, (list(all_customers), all_records, all_hashes, done))),
        )
    return next(row for row in pending(connection) if row.erasure_id == erasure_id)


def note(connection: sqlite3.Connection, erasure_id: str, receipts: Sequence[Receipt]) -> None:
    """Keep the receipts of the stores that are done so far."""
    with atomic(connection):
        connection.execute(
            "UPDATE erasure_pending SET receipts = ? WHERE erasure_id = ?",
            (json.dumps([asdict(receipt) for receipt in receipts]), erasure_id),
        )


def pending(connection: sqlite3.Connection) -> list[Pending]:
    """Erasures to be finished, oldest first."""
    rows = connection.execute(
        "SELECT erasure_id, started_at, actor, reason, customer_ids, record_ids, hashes, receipts"
        " FROM erasure_pending ORDER BY started_at, erasure_id"
    ).fetchall()
    return [
        Pending(
            *row[:4],
            customer_ids=tuple(json.loads(row[4])),
            record_ids=tuple(json.loads(row[5])),
            hashes=frozenset(json.loads(row[6])),
            receipts=_receipts(row[7]),
        )
        for row in rows
    ]


def finish(connection: sqlite3.Connection, result: StoredReceipt) -> None:
    """Write the receipt. Proven: the pending row goes. Not proven: it stays, and the next attempt starts anew."""
    with atomic(connection):
        connection.execute(
            "INSERT OR REPLACE INTO erasure_receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                result.erasure_id,
                json.dumps(result.subjects),
                result.started_at,
                result.finished_at,
                result.actor,
                result.reason,
                int(result.proven),
                json.dumps([asdict(receipt) for receipt in result.receipts]),
                json.dumps([asdict(finding) for finding in result.findings]),
            ),
        )
        if result.proven:
            connection.execute("DELETE FROM erasure_pending WHERE erasure_id = ?", (result.erasure_id,))
        else:
            connection.execute("UPDATE erasure_pending SET receipts = '[]' WHERE erasure_id = ?", (result.erasure_id,))


def stored_receipts(connection: sqlite3.Connection) -> list[StoredReceipt]:
    """All receipts, oldest first."""
    rows = connection.execute(
        "SELECT erasure_id, subjects, started_at, finished_at, actor, reason, proven, receipts, findings"
        " FROM erasure_receipts ORDER BY started_at, erasure_id"
    ).fetchall()
    return [
        StoredReceipt(
            row[0],
            tuple(json.loads(row[1])),
            *row[2:6],
            proven=bool(row[6]),
            receipts=_receipts(row[7]),
            findings=tuple(Finding(**finding) for finding in json.loads(row[8])),
        )
        for row in rows
    ]


def _receipts(text: str) -> tuple[Receipt, ...]:
    return tuple(Receipt(one["store"], one["removed"], one["detail"], tuple(one["told"])) for one in json.loads(text))
