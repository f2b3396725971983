"""The review queue: the few pairs of records that a person should look at, because much hangs on them.

In: silver.identity_pairs, silver.identity_evidence, silver.customer_map, silver.normalised_records. Out:
silver.identity_review, best first, of bounded size. Three kinds of pairs matter:

    join      two customers of some size whose most alike records a model all but joins
    bridge    a pair that alone holds two halves of a customer together, and was accepted by a narrow margin
    conflict  a model is sure, and a constraint says the opposite: two cards, two names, two birth dates

What comes first is the chance that what stands now is wrong, times the effect of an answer. The chance that two
customers are one is the mean over all pairs of their records that can be compared, those that the model found too
unlike to keep counting as 0: the most alike pair alone promises too much, since it is the best of many. Of a bridge it
is the pair's own. The effect is the records that would change their customer, and more where much was bought: times
(1 + their revenue / mean revenue of those who bought). Two customers are asked about once, with their most alike
records, and not at all where a person has cut them; a pair that a person has linked is no bridge.
"""

from __future__ import annotations

import math

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from floorwalker.engines.steps import Step, StepContext
from floorwalker.identity.bridges import bridges
from floorwalker.identity.explain.pieces import CUT, MODEL, has
from floorwalker.identity.explain.waterfall import thresholds
from floorwalker.identity.explain.words import BELOW
from floorwalker.identity.resolver import components, limits_of
from floorwalker.identity.rules import KEYS, KNOWN
from floorwalker.identity.settings import IdentitySettings

TABLE = "silver.identity_review"
_SURE = math.log2(99)
"""Bits of the probability .99: what is accepted where no level of confidence says more."""


VERSION = "1"


def step(settings: IdentitySettings) -> Step:
    """The step that builds the queue; it comes after the customers' orders, because money counts."""
    return Step(
        "identity.review",
        reads=(
            "silver.identity_pairs",
            "silver.identity_matched",
            "silver.identity_evidence",
            "silver.identity_levels",
            "silver.customer_map",
            "silver.normalised_records",
            "silver.customer_orders",
        ),
        writes=(TABLE,),
        run=lambda context: _run(context, settings),
        version=VERSION,
        settings=msgspec.json.encode([settings.review, settings.level]).decode(),
        lineage={TABLE: {name: _LINEAGE.get(name, _WEIGHED) for name in _COLUMNS}},
    )


_COLUMNS = (
    "review_id", "kind", "record_a", "record_b", "customer_a", "customer_b", "weight", "probability", "chance",
    "doubt", "records", "revenue", "effect", "score", "pairs", "reason",
)  # fmt: skip
_WEIGHED = ("silver.identity_pairs.weight", "silver.identity_pairs.probability", "silver.customer_map.customer_id")
_LINEAGE = {
    "record_a": ("silver.identity_pairs.record_a",),
    "record_b": ("silver.identity_pairs.record_b",),
    "customer_a": ("silver.customer_map.customer_id",),
    "customer_b": ("silver.customer_map.customer_id",),
    "revenue": ("silver.customer_orders.revenue",),
    "effect": ("silver.customer_map.customer_id", "silver.customer_orders.revenue"),
    "score": (*_WEIGHED, "silver.customer_orders.revenue"),
    "reason": ("silver.identity_evidence.reason",),
}


def _run(context: StepContext, settings: IdentitySettings) -> None:
    context.write(TABLE, build(context.connection, settings))
    for table in _TEMPORARY:
        context.connection.execute(f"DROP TABLE IF EXISTS {table}")
    context.progress(1.0, "review queue built")


_TEMPORARY = ("review_sizes", "review_pairs", "review_band", "review_bridges", "review_found")


def accepted_from(connection: duckdb.DuckDBPyConnection, level: str) -> float | None:
    """The weight from which a pair joins at a level: None where none does, what is usual where there are no levels."""
    return thresholds(connection).get(level, _SURE)


def build(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> duckdb.DuckDBPyRelation:
    """silver.identity_review as a relation over temporary tables (`_TEMPORARY`) of the connection."""
    review, cut = settings.review, accepted_from(connection, settings.level)
    # A level that takes no pairs is not sure of any: all that are likely are in question.
    accept = _SURE if cut is None else cut
    joined = math.inf if cut is None else cut
    revenue = (
        "SELECT customer_id, revenue::DOUBLE AS revenue FROM silver.customer_orders"
        if has(connection, "silver.customer_orders")
        else "SELECT NULL::VARCHAR AS customer_id, NULL::DOUBLE AS revenue WHERE FALSE"
    )
    compared = (
        "record_id IN (SELECT record_id FROM silver.identity_matched)"
        if has(connection, "silver.identity_matched")
        else "known"
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE review_sizes AS
        SELECT customer_id, count(*) FILTER (known) AS records, count(*) FILTER ({compared}) AS compared,
               coalesce(any_value(o.revenue), 0.0) AS revenue
        FROM silver.customer_map
        JOIN (SELECT record_id, {KNOWN} AS known FROM silver.normalised_records) USING (record_id)
        LEFT JOIN ({revenue}) o USING (customer_id)
        GROUP BY customer_id
    """)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE review_pairs AS
        SELECT p.record_a, p.record_b, p.weight, p.probability, a.customer_id AS customer_a,
               b.customer_id AS customer_b, least(a.customer_id, b.customer_id) AS one,
               greatest(a.customer_id, b.customer_id) AS two
        FROM silver.identity_pairs p
        JOIN silver.customer_map a ON a.record_id = p.record_a JOIN silver.customer_map b ON b.record_id = p.record_b
    """)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE review_band AS
        SELECT p.*, e.accepted, e.reason
        FROM review_pairs p
        LEFT JOIN (
            SELECT record_id, identifier_key, accepted, reason FROM silver.identity_evidence WHERE rule = '{MODEL}'
        ) e ON e.record_id = p.record_a AND e.identifier_key = p.record_b
        ANTI JOIN (
            SELECT least(a.customer_id, b.customer_id) AS one, greatest(a.customer_id, b.customer_id) AS two
            FROM silver.identity_evidence c
            JOIN silver.customer_map a USING (record_id) JOIN silver.customer_map b ON b.record_id = c.identifier_key
            WHERE c.kind = '{CUT}' AND c.identifier_kind = 'record'
        ) decided ON decided.one = p.one AND decided.two = p.two
        WHERE p.weight >= ?
        """,
        [accept - review.below],
    )
    _find_bridges(connection, accept, review.above, review.records)
    _find_joins(connection, settings, accept, joined)
    return connection.sql(f"""
        WITH mean AS (SELECT greatest(avg(revenue), 1e-9) AS revenue FROM review_sizes WHERE revenue > 0),
        weighed AS (
            SELECT f.*, f.records * (1 + coalesce(f.revenue / (SELECT revenue FROM mean), 0)) AS effect,
                   CASE kind WHEN 'bridge' THEN 1 - chance ELSE chance END AS doubt
            FROM review_found f
        )
        SELECT 'q' || left(md5(record_a || '|' || record_b), 10) AS review_id, {", ".join(_COLUMNS[1:])}
        FROM (SELECT *, doubt * effect AS score FROM weighed)
        ORDER BY score DESC, record_a, record_b LIMIT {review.size}
    """)


def _find_joins(
    connection: duckdb.DuckDBPyConnection, settings: IdentitySettings, accept: float, joined: float
) -> None:
    """review_found: pairs across two customers, one per two customers, and the bridges. `joined`: the weight from which
    pairs are taken, `accept`: from which the model is sure."""
    review = settings.review
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE review_found AS
        WITH across AS (
            SELECT b.*, least(x.records, y.records) AS records, x.compared * y.compared AS compared,
                   (least((x.records, x.revenue), (y.records, y.revenue)))[2] AS revenue,
                   CASE WHEN weight >= $accept AND NOT accepted AND NOT starts_with(reason, '{BELOW}') THEN 'conflict'
                        WHEN weight < $joined THEN 'join' END AS kind
            FROM review_band b
            JOIN review_sizes x ON x.customer_id = b.customer_a
            JOIN review_sizes y ON y.customer_id = b.customer_b
            WHERE b.customer_a <> b.customer_b
        ), best AS (
            SELECT *, count(*) OVER couple AS pairs FROM across
            WHERE kind = 'conflict' OR kind = 'join' AND records >= $least
            WINDOW couple AS (PARTITION BY one, two)
            QUALIFY row_number() OVER (PARTITION BY one, two ORDER BY weight DESC, record_a, record_b) = 1
        ), hindered AS ({_hindered(settings)}
        ), chances AS (
            SELECT one, two, sum(probability) AS right FROM review_pairs SEMI JOIN best USING (one, two)
            GROUP BY one, two
        )
        SELECT kind, record_a, record_b, customer_a, customer_b, weight, probability,
               least(c.right / greatest(compared, 1), 1.0) AS chance, records::BIGINT AS records, revenue, pairs,
               coalesce(reason, '') AS reason
        FROM best JOIN chances c USING (one, two)
        WHERE c.right / greatest(compared, 1) >= $chance
          AND (kind = 'conflict' OR NOT EXISTS (FROM hindered h WHERE h.one = best.one AND h.two = best.two))
        UNION ALL
        SELECT 'bridge', record_a, record_b, customer_id, customer_id, weight, probability, probability, records,
               revenue, 1, '' FROM review_bridges
        """,
        {"accept": accept, "joined": joined, "least": review.records, "chance": review.chance},
    )


_ANY = 1_000_000
"""Of identifiers with a limit for some days only, two customers may hold any number together; what these refused is
known from pairs."""


def _hindered(settings: IdentitySettings) -> str:
    """SQL: couples of `best` that no level would join, because a constraint refused a pair of theirs, or because they
    hold too many identifiers together."""
    kinds = " UNION ".join(
        f"SELECT customer_id, '{kind}' AS kind, {KEYS[kind]} AS key, {_ANY if limit.days else limit.most} AS most"
        f" FROM held WHERE {KEYS[kind]} IS NOT NULL"
        for kind, limit in limits_of(settings).items()
    )
    return f"""
        WITH couples AS (SELECT one, two FROM best WHERE kind = 'join'),
        held AS (
            SELECT m.customer_id, n.* FROM silver.customer_map m JOIN silver.normalised_records n USING (record_id)
            WHERE m.customer_id IN (SELECT one FROM couples UNION SELECT two FROM couples)
        ), kinds AS ({kinds}), sides AS (
            SELECT c.one, c.two, 1 AS side, k.* FROM couples c JOIN kinds k ON k.customer_id = c.one
            UNION ALL SELECT c.one, c.two, 2 AS side, k.* FROM couples c JOIN kinds k ON k.customer_id = c.two
        )
        SELECT one, two FROM (
            SELECT one, two, kind, count(DISTINCT key) AS together, any_value(most) AS most,
                   count(*) FILTER (side = 1) AS first, count(*) FILTER (side = 2) AS second
            FROM sides GROUP BY one, two, kind
        ) WHERE first > 0 AND second > 0 AND together > greatest(most, first, second)
        UNION
        SELECT one, two FROM review_band
        WHERE NOT accepted AND NOT starts_with(reason, '{BELOW}') AND NOT starts_with(reason, 'limit records ')
    """


def _find_bridges(connection: duckdb.DuckDBPyConnection, accept: float, margin: float, least: int) -> None:
    """review_bridges: pairs taken by less than `margin` bits that alone hold `least` records or more on either side."""
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE review_bridges AS
        SELECT b.record_a, b.record_b, b.weight, b.probability, b.customer_a AS customer_id, s.records, s.revenue,
               row_number() OVER (ORDER BY b.record_a, b.record_b) - 1 AS place
        FROM review_band b JOIN review_sizes s ON s.customer_id = b.customer_a
        WHERE b.accepted AND b.customer_a = b.customer_b AND b.weight < ? AND s.records >= ?
        """,
        [accept + margin, 2 * least],
    )
    points = connection.sql(f"""
        SELECT m.record_id, row_number() OVER (ORDER BY m.record_id) - 1 AS point, n.known
        FROM silver.customer_map m
        JOIN (SELECT record_id, {KNOWN} AS known FROM silver.normalised_records) n USING (record_id)
        WHERE m.customer_id IN (SELECT customer_id FROM review_bridges)
    """).to_arrow_table()
    connection.register("review_points", points)
    held = _arrays(
        connection,
        f"""
        SELECT p.point AS one, coalesce(q.point, -1) AS two, hash(e.rule, e.identifier_key) AS node
        FROM silver.identity_evidence e JOIN review_points p USING (record_id)
        LEFT JOIN review_points q ON e.identifier_kind = 'record' AND q.record_id = e.identifier_key
        WHERE e.accepted AND e.kind <> '{CUT}' AND NOT EXISTS (
            FROM review_bridges b
            WHERE e.rule = '{MODEL}' AND b.record_a = e.record_id AND b.record_b = e.identifier_key)
        """,
    )
    asked = _arrays(
        connection,
        "SELECT p.point AS one, q.point AS two FROM review_bridges b JOIN review_points p ON p.record_id = b.record_a"
        " JOIN review_points q ON q.record_id = b.record_b ORDER BY b.place",
    )
    connection.unregister("review_points")
    count = points.num_rows
    hashes, node = np.unique(held["node"], return_inverse=True)
    other = np.where(held["two"] >= 0, held["two"], node + count)
    # What hangs together without the pairs that are asked about is one point: only those can be bridges.
    part = components(held["one"], other, count + len(hashes))[:count]
    known = np.bincount(part, weights=points["known"].to_numpy(), minlength=int(part.max(initial=-1)) + 1)
    found, side = bridges(part[asked["one"]], part[asked["two"]], known.astype(np.int64))
    good = found & (side >= least)
    arrow = pa.table({"place": np.flatnonzero(good), "side": side[good]})
    connection.register("review_good", arrow)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE review_bridges AS
        SELECT b.* EXCLUDE (records, revenue, place), g.side::BIGINT AS records,
               b.revenue * g.side / b.records AS revenue
        FROM review_bridges b JOIN review_good g USING (place)
    """)
    connection.unregister("review_good")


def _arrays(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, np.ndarray]:
    table = connection.sql(query).to_arrow_table()
    return {name: table[name].to_numpy() for name in table.column_names}
