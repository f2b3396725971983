"""Whom somebody means: a record, a customer, an earlier customer id, or whoever holds an identifier.

In: a connection on the published tables, words as people type them, and the project's normalisation. Out: a `Party`
with the records meant and the customers they belong to today. Identifiers are looked up in the records themselves,
so that an address that names nobody (a hub) is found too.

    find(connection, "email:ann@example.com", keys).customers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from floorwalker.errors import NotFoundError, did_you_mean
from floorwalker.identity.explain.waterfall import best_pair
from floorwalker.identity.registry import customer_of
from floorwalker.identity.rules import KEYS

if TYPE_CHECKING:
    import duckdb

Normalise = Callable[[str, str], Sequence[str]]
"""(kind, value as typed) -> the keys it may be matched by."""

MOST = 10_000
"""Records that an identifier is followed to; beyond, it names nobody anyway."""


class Party(NamedTuple):
    """`kind`: record, customer or a kind of identifier; `records` are those meant, `customers` whose they are.
    `became`: the customer that an earlier id stands for today, '' for any other."""

    text: str
    kind: str
    records: list[str]
    customers: list[str]
    became: str = ""


def find(connection: duckdb.DuckDBPyConnection, text: str, keys: Normalise) -> Party:
    """Whom `text` means. Raises NotFoundError when nobody, or a kind of identifier that does not exist."""
    text = text.strip()
    kind, colon, value = text.partition(":")
    if not colon:
        kind, value = "", text
    if kind and kind not in (*KEYS, "record", "customer", "customer_id"):
        raise NotFoundError(
            f"unknown kind of identifier '{kind}'", fix=did_you_mean(kind, (*KEYS, "customer_id", "record"))
        )
    if kind in ("", "record") and (party := _record(connection, text, value)):
        return party
    if kind in ("", "customer", "customer_id") and (party := _customer(connection, text, value)):
        return party
    if kind in ("", *KEYS):
        kinds = [kind] if kind else [one for one in KEYS if ("@" in value) == (one == "email")]
        for one in kinds:
            if party := _holders(connection, text, one, [value, *keys(one, value)]):
                return party
    raise NotFoundError(
        f"nobody answers to '{text}'",
        why="no record, customer or identifier of the published tables",
        fix="floorwalker customers search TEXT",
    )


def one_customer(party: Party) -> str:
    """The customer meant. Raises NotFoundError when it is several."""
    if len(party.customers) == 1:
        return party.customers[0]
    listed = ", ".join(party.customers[:5])
    raise NotFoundError(
        f"{len(party.customers):,} customers answer to '{party.text}'",
        why=listed + (", …" if len(party.customers) > 5 else ""),
        fix=f"ask for one of them, or why two are not one: explain {party.customers[0]} --not {party.customers[1]}",
    )


def closest(connection: duckdb.DuckDBPyConnection, mine: Sequence[str], theirs: Sequence[str]) -> tuple[str, str]:
    """Of two groups of records the two that are most alike: by a model, else by what they share, else the first."""
    row = best_pair(connection, mine, theirs)
    if row is not None:
        pair = (row["record_a"], row["record_b"])
        return pair if row["record_a"] in mine else pair[::-1]
    shared = connection.execute(
        """
        SELECT a.record_id, b.record_id FROM silver.identity_evidence a
        JOIN silver.identity_evidence b USING (rule, identifier_key)
        WHERE a.record_id IN (SELECT unnest(?::VARCHAR[])) AND b.record_id IN (SELECT unnest(?::VARCHAR[]))
          AND a.record_id <> b.record_id
        ORDER BY a.tier, a.weight + b.weight DESC, a.record_id, b.record_id LIMIT 1
        """,
        [list(mine), list(theirs)],
    ).fetchone()
    return shared or (mine[0], next((record for record in theirs if record != mine[0]), mine[0]))


def _record(connection: duckdb.DuckDBPyConnection, text: str, value: str) -> Party | None:
    row = connection.execute("SELECT customer_id FROM silver.customer_map WHERE record_id = ?", [value]).fetchone()
    return Party(text, "record", [value], [row[0]]) if row else None


def _customer(connection: duckdb.DuckDBPyConnection, text: str, value: str) -> Party | None:
    today = customer_of(connection, value)
    found = connection.execute(
        "SELECT record_id FROM silver.customer_map WHERE customer_id = ? ORDER BY record_id", [today]
    ).fetchall()
    became = today if today != value else ""
    return Party(text, "customer", [record for (record,) in found], [today], became) if found else None


def _holders(connection: duckdb.DuckDBPyConnection, text: str, kind: str, keys: Sequence[str]) -> Party | None:
    marks = ", ".join("?" for _ in keys)
    found = connection.execute(
        f"""
        SELECT n.record_id, m.customer_id FROM silver.normalised_records n JOIN silver.customer_map m USING (record_id)
        WHERE n.{KEYS[kind]} IN ({marks}) ORDER BY n.record_id LIMIT {MOST}
        """,
        list(keys),
    ).fetchall()
    if not found:
        return None
    return Party(text, kind, [record for record, _ in found], sorted({customer for _, customer in found}))
