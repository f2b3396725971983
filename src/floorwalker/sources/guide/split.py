"""Rows of sales that are none: goods brought back, and orders that were cancelled.

In: the draft of a map to order lines and the facts of its columns. Out: the maps in their order (returns before sales),
whether what no map takes is skipped, and what to tell the reader.

Returns are rows with a quantity (or, where there is none, an amount) below zero, or whose type or status says so.
Orders that were cancelled or never paid were no sales: their rows are taken by no map.

>>> [bool(RETURNED.search(word)) for word in ("return", "Retoure", "sale")], bool(VOID.search("storniert"))
([True, True, False], True)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import duckdb

from floorwalker.sources.conversions import literal, quoted
from floorwalker.sources.guide.draft import Choice, MapDraft
from floorwalker.sources.guide.fill import number_sql
from floorwalker.sources.guide.matching import Candidate, Match
from floorwalker.sources.guide.names import meanings

RETURNED = re.compile(
    r"(?i)^(item )?(return|refund|retour|rückgabe|rueckgabe|remboursement|devoluci|reso$|rimborso|retournering|credit)"
)
VOID = re.compile(r"(?i)^(cancel|void|storn|annul|fail|abgebrochen|geannuleerd|expired|declin|rejected)")
_SAID = (
    "status",
    "type",
    "event name",
    "state",
    "art",
    "typ",
    "statut",
    "estado",
    "stato",
    "soort",
    "vorgang",
    "line type",
)
_KEPT = (
    *(
        "occurred_at",
        "customer_ref",
        "account_id",
        "loyalty_id",
        "email",
        "phone",
        "language",
        "order_id",
        "product_id",
    ),
    *("product_name", "quantity", "unit_price", "amount", "currency", "store_id", "country"),
)


def part_rows(
    connection: duckdb.DuckDBPyConnection,
    sales: MapDraft,
    matches: Mapping[str, Match],
    candidates: Mapping[str, Candidate],
) -> tuple[tuple[MapDraft, ...], str, list[str]]:
    """The maps, `rest`, and notes."""
    used = {found.column for found in matches.values()}
    returned, void, notes = "", "", []
    for name, candidate in candidates.items():
        facts = candidate.facts
        if name in used or not facts.words or candidate.expression or not _says_what(name):
            continue
        back = [word for word in facts.words if RETURNED.search(word)]
        none = [word for word in facts.words if VOID.search(word)]
        if back and len(back) < len(facts.words) and not returned:
            returned = f"{quoted(name)} IN ({', '.join(map(literal, back))})"
        if none and not void:
            void = f"{quoted(name)} IN ({', '.join(map(literal, none))})"
            notes.append(f"rows with {', '.join(none)} in '{name}' are no sales: they are skipped")
    count = matches.get("quantity") or matches.get("amount") or matches.get("unit_price")
    counted = candidates[count.column] if count else None
    if counted is not None and counted.facts.negative > 0 and not sales.each and not returned:
        returned = f"{number_sql(counted)} < 0"
    maps = []
    if returned:
        choices = tuple(_positive(choice, candidates) for choice in sales.choices if choice.target in _KEPT)
        maps.append(MapDraft("returns", choices, returned, sales.each, "goods brought back"))
        notes.append(f"rows where {returned} are returns")
    where = f"NOT coalesce({void}, false)" if void else ""
    maps.append(replace(sales, where=where, about="sales"))
    return tuple(maps), "skip" if void else "", notes


def _says_what(name: str) -> bool:
    found = meanings(name)
    keys = ("tickets.status", "event_name", "consents.status")
    return any(found[key].score >= 0.5 for key in keys if key in found) or name.lower() in _SAID


def _positive(choice: Choice, candidates: Mapping[str, Candidate]) -> Choice:
    """Quantities and amounts of returns count up."""
    candidate = candidates.get(choice.column)
    if choice.target not in ("quantity", "amount", "unit_price") or candidate is None or not candidate.facts.negative:
        return choice
    if "value" in choice.entry:
        return choice
    return replace(choice, entry={"expression": f"abs({number_sql(candidate)})"})
