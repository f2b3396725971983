"""Erasing people from the ledger of decisions.

In: the ledger's folder and customer ids (current and former). Out: how many decisions became stubs.

A stub keeps what names nobody: the decision's id, surface, run, policy and how many items were shown, so that counts
and outcomes still add up. Customer, request, features, candidates, items and reasons go; the file is rewritten, so that
no freed page and no write-ahead log keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from floorwalker.decisions.ledger import customer_hash, open_ledger
from floorwalker.decisions.record import unpack_record


def erase_decisions(folder: Path, customer_ids: Collection[str]) -> int:
    """Turn the decisions of these customers into stubs; returns how many. Running it again does nothing."""
    connection = open_ledger(folder)
    try:
        connection.execute("BEGIN IMMEDIATE")
        names = sorted(set(customer_ids))
        connection.executemany(
            "INSERT OR IGNORE INTO erased_customers VALUES (?)", [(customer_hash(name),) for name in names]
        )
        theirs = f"SELECT number FROM subjects WHERE customer_id IN ({','.join('?' * len(names))})"
        numbers = connection.execute(theirs, names).fetchall()
        for number in numbers:
            record = connection.execute("SELECT record FROM decisions WHERE number = ?", number).fetchone()[0]
            connection.execute(
                "UPDATE decisions SET record = NULL, erased = ? WHERE number = ?", (_stub(record), *number)
            )
        connection.executemany("DELETE FROM subjects WHERE number = ?", numbers)
        erased = len(numbers)
        connection.execute("COMMIT")
        if erased:
            connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return erased
    finally:
        connection.close()


def _stub(data: bytes) -> str:
    record = unpack_record(data)
    return json.dumps(
        {"surface": record.surface, "run_id": record.run_id, "policy": record.policy, "items": len(record.items)}
    )
