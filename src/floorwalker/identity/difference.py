"""How two resolutions of the same records differ: who would be joined, who would part, and by what.

In: a connection with the tables of both, as `before.customer_map`, `after.customer_map` and so on (`TABLES`). Out: a
`Difference`; identifiers in its examples are masked.

    found = difference(connection, examples=5)
    found.joins.customers, found.joins.into      customers that would become one with others, and in how many
    found.joins.examples[0].by                   "e-mail address a…@example.com"

Customers are compared by their records, so what an id is called does not matter. Anonymous visits follow devices, and
are counted apart: that a visit goes to somebody else joins and parts nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from floorwalker.identity.explain import words
from floorwalker.identity.explain.pieces import CUT, MODEL
from floorwalker.identity.rules import KNOWN

if TYPE_CHECKING:
    import duckdb

TABLES = (
    "silver.customer_map", "silver.normalised_records", "silver.identity_evidence", "silver.identity_levels",
    "silver.identity_summary",
)  # fmt: skip
"""What is compared, of either side."""

Side = Literal["before", "after"]


class Part(msgspec.Struct, frozen=True):
    """A customer on the side where there are several: id, records, and masked words by which one knows them."""

    customer_id: str
    records: int
    names: list[str]
    identifiers: list[str]


class Example(msgspec.Struct, frozen=True):
    """A customer that `parts` would become, or that would become `parts`. `by`: the evidence that joins them; `why`:
    what keeps it from joining them on the side where they are apart."""

    customer_id: str
    parts: list[Part]
    by: str
    why: str = ""


class Regrouped(msgspec.Struct, frozen=True):
    """`customers` become `into` others."""

    customers: int
    into: int
    examples: list[Example]


class Difference(msgspec.Struct, frozen=True):
    """`customers`, `largest` (records): before and after. `changed`: records that name somebody and change customer id;
    `visits`: anonymous ones. `ids_kept`: share of all records that keep their id."""

    records: int
    customers: tuple[int, int]
    largest: tuple[int, int]
    changed: int
    visits: int
    ids_kept: float
    ids: dict[str, int]
    joins: Regrouped
    splits: Regrouped

    @property
    def nothing(self) -> bool:
        """Whether everybody stays who they are."""
        return not (self.changed or self.visits or self.joins.customers or self.splits.customers)


def difference(connection: duckdb.DuckDBPyConnection, examples: int = 5) -> Difference:
    """Compare; `examples` of joins and of splits, those of most records first."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE difference_moved AS
        SELECT record_id, b.customer_id AS before_id, a.customer_id AS after_id, coalesce(x.known, y.known) AS known
        FROM before.customer_map b JOIN after.customer_map a USING (record_id)
        LEFT JOIN (SELECT record_id, {KNOWN} AS known FROM before.normalised_records) x USING (record_id)
        LEFT JOIN (SELECT record_id, {KNOWN} AS known FROM after.normalised_records) y USING (record_id)
    """)
    ((records, changed, visits),) = connection.execute("""
        SELECT count(*), count(*) FILTER (before_id <> after_id AND known),
               count(*) FILTER (before_id <> after_id AND NOT known)
        FROM difference_moved
    """).fetchall()
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE difference_parts AS
        SELECT before_id, after_id, count(*) AS records FROM difference_moved WHERE known GROUP BY before_id, after_id
    """)
    found = Difference(
        records=records,
        customers=(_customers(connection, "before"), _customers(connection, "after")),
        largest=(_largest(connection, "before"), _largest(connection, "after")),
        changed=changed,
        visits=visits,
        ids_kept=1 - (changed + visits) / records if records else 1.0,
        ids=_ids(connection),
        joins=_regrouped(connection, "after", examples),
        splits=_regrouped(connection, "before", examples),
    )
    for table in ("moved", "parts"):
        connection.execute(f"DROP TABLE difference_{table}")
    return found


def _customers(connection: duckdb.DuckDBPyConnection, side: Side) -> int:
    return connection.execute(f"SELECT count(DISTINCT customer_id) FROM {side}.customer_map").fetchall()[0][0]


def _largest(connection: duckdb.DuckDBPyConnection, side: Side) -> int:
    ((records,),) = connection.execute(
        f"SELECT max(n) FROM (SELECT count(*) AS n FROM {side}.customer_map GROUP BY customer_id)"
    ).fetchall()
    return records or 0


def _ids(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """What becomes of customer ids, as the run would note it."""
    rows = connection.execute(
        "SELECT substr(name, 5), value FROM after.identity_summary WHERE name LIKE 'ids.%' AND name <> 'ids.stability'"
        " ORDER BY name"
    ).fetchall()
    return {name: int(value) for name, value in rows}


def _regrouped(connection: duckdb.DuckDBPyConnection, whole: Side, examples: int) -> Regrouped:
    """Customers that are one on the side `whole` and several on the other."""
    one, several = f"{whole}_id", f"{'before' if whole == 'after' else 'after'}_id"
    groups = f"SELECT {one} AS id, count(*) AS parts, sum(records) - max(records) AS effect FROM difference_parts"
    groups += f" GROUP BY {one} HAVING count(*) > 1"
    ((wholes, parts),) = connection.execute(
        f"SELECT count(*), coalesce(sum(parts), 0)::BIGINT FROM ({groups})"
    ).fetchall()
    chosen = connection.execute(f"{groups} ORDER BY effect DESC, id LIMIT ?", [examples]).fetchall()
    shown = [_example(connection, whole, one, several, customer) for customer, _, _ in chosen]
    return Regrouped(*((parts, wholes) if whole == "after" else (wholes, parts)), shown)


def _example(connection: duckdb.DuckDBPyConnection, whole: Side, one: str, several: str, customer: str) -> Example:
    parts = connection.execute(
        f"SELECT {several}, records FROM difference_parts WHERE {one} = ? ORDER BY records DESC, {several} LIMIT 4",
        [customer],
    ).fetchall()
    shown = [Part(part, records, *_words(connection, one, several, customer, part)) for part, records in parts]
    by, why = _bridge(connection, whole, one, several, customer)
    return Example(customer, shown, by, why)


def _words(
    connection: duckdb.DuckDBPyConnection, one: str, several: str, customer: str, part: str
) -> tuple[list[str], list[str]]:
    rows = connection.execute(
        f"""
        SELECT DISTINCT given_name_key, family_name_key, email_key, phone_key, loyalty_key
        FROM after.normalised_records JOIN difference_moved USING (record_id)
        WHERE {one} = ? AND {several} = ? AND known ORDER BY ALL NULLS LAST LIMIT 50
        """,
        [customer, part],
    ).fetchall()
    names, identifiers = [], []
    for given, family, *values in rows:
        name = [words.masked(kind, text) for kind, text in (("given_name", given), ("family_name", family)) if text]
        names += [" ".join(name)] if name else []
        kinds = zip(("email", "phone", "loyalty_id"), values, strict=True)
        identifiers += [words.masked(kind, text) for kind, text in kinds if text]
    return list(dict.fromkeys(names))[:3], list(dict.fromkeys(identifiers))[:4]


def _bridge(
    connection: duckdb.DuckDBPyConnection, whole: Side, one: str, several: str, customer: str
) -> tuple[str, str]:
    """The surest evidence, accepted on the side where they are one, that ties two of the parts; and what became of it
    on the other side."""
    other: Side = "before" if whole == "after" else "after"
    rows = connection.execute(
        f"""
        WITH members AS (SELECT record_id, {several} AS part FROM difference_moved WHERE {one} = $customer),
        ends AS (
            SELECT e.rule, e.tier, e.weight, e.identifier_kind, m.part,
                   CASE e.identifier_kind WHEN 'record' THEN e.record_id || '|' || e.identifier_key
                        ELSE e.identifier_key END AS tie
            FROM {whole}.identity_evidence e JOIN members m USING (record_id) WHERE e.accepted AND e.kind <> $cut
            UNION ALL
            SELECT e.rule, e.tier, e.weight, e.identifier_kind, m.part, e.record_id || '|' || e.identifier_key
            FROM {whole}.identity_evidence e JOIN members m ON m.record_id = e.identifier_key
            WHERE e.accepted AND e.identifier_kind = 'record' AND e.kind <> $cut
        )
        SELECT rule, identifier_kind, tie, max(weight) FROM ends GROUP BY rule, tier, identifier_kind, tie
        HAVING count(DISTINCT part) > 1 ORDER BY tier, max(weight) DESC, tie LIMIT 1
        """,
        {"customer": customer, "cut": CUT},
    ).fetchall()
    if not rows:
        return "several pieces of evidence together", ""
    rule, kind, tie, weight = rows[0]
    if kind == "record":
        by = f"{words.through(rule)}, {weight:.1f} bits" if rule == MODEL else words.through(rule)
        record, _, key = tie.partition("|")
    else:
        by, (record, key) = f"{words.through(rule)} {words.value(rule, tie, clear=False)}", ("", tie)
    reasons = connection.execute(
        f"""
        SELECT reason FROM {other}.identity_evidence
        WHERE rule = ? AND identifier_key = ? AND (record_id = ? OR ? = '') AND NOT accepted
        GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 1
        """,
        [rule, key, record, record],
    ).fetchall()
    if reasons and reasons[0][0]:
        return by, words.refusal(reasons[0][0])
    return by, "" if whole == "after" else "it is no evidence any more"
