"""The breaker: an identifier that would start a storm of merges is taken out before anything is published.

In: what a run has resolved, and the customers last published. Out: a `Storm`: the identifiers that would newly join
more customers than the setting allows, if they stand behind a good part of all that the run would join.

    storm = find(connection, gathered, labels, refused, settings)
    storm.found                 [("email", 17103829447361528870, 14)]

A person who has many accounts joins a few of them a year. One identifier that joins eleven customers in one run is a
till's, a call centre's or an import's default, too new or too nameless to be a hub. Nothing is taken out on a first
run, when nobody has been published, nor where a new source joins thousands by as many identifiers: then each has but a
small share.

Whom an identifier joins is whom it alone joins: what other evidence has brought together counts once. So the records
are put together without the suspects, and the least of these are given back as long as there are any that join few;
a suspect that joins many without their help is one. Customers of different components never meet, so each component's
answer is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.identity.resolver import PROBABLE, components
from floorwalker.identity.rules import RULES
from floorwalker.identity.statistics import PERSON

if TYPE_CHECKING:
    from floorwalker.identity.partition import Gathered
    from floorwalker.identity.settings import BreakerSettings

_NOBODY = -1


@dataclass(frozen=True)
class Storm:
    """`found`: (kind, hash of the value, customers it would join), in order. `joins`: customers that the whole run
    would join to others."""

    found: tuple[tuple[str, int, int], ...] = ()
    joins: int = 0


def find(
    connection: duckdb.DuckDBPyConnection,
    gathered: Gathered,
    labels: NDArray[np.int32],
    refused: NDArray[np.int8],
    settings: BreakerSettings,
) -> Storm:
    """What must be taken out; reads identity_people, identity_pieces and silver.customer_map_previous. `labels`,
    `refused`: see `resolver.resolve`."""
    if not settings.on:
        return Storm()
    published = _published(connection, len(labels))
    if published is None:
        return Storm()
    with_id = np.flatnonzero(published != _NOBODY)
    pairs = np.unique(np.stack([labels[with_id], published[with_id]]), axis=1)
    customers = np.bincount(pairs[0], minlength=len(labels))
    joins = int(np.maximum(customers - 1, 0).sum())
    heavy = customers > settings.customers
    if not heavy.any():
        return Storm((), joins)
    evidence = gathered.evidence
    said = np.flatnonzero((refused == 0) & (evidence.tier < PROBABLE) & heavy[labels[evidence.record]])
    # A published customer is one point, whatever had brought it together.
    count = len(labels)
    point = np.where(published == _NOBODY, np.arange(count), published + count)
    partner = evidence.partner[said]
    ties = partner >= 0
    nodes, node = np.unique(evidence.node[said], return_inverse=True)
    left = point[evidence.record[said]]
    right = np.where(ties, point[np.maximum(partner, 0)], node + 2 * count)
    told = _suspects(left, right, node, ~ties, len(nodes), count, settings.customers)
    joined = sum(customers - 1 for customers in told.values())
    if joined < settings.share * joins:
        return Storm((), joins)
    return Storm(_named(connection, {int(nodes[one]): customers for one, customers in told.items()}), joins)


def _published(connection: duckdb.DuckDBPyConnection, count: int) -> NDArray[np.int64] | None:
    """Number of the customer that each record was last published with; None where nobody was."""
    found = connection.sql("""
        SELECT p.rid, md5_number_lower(m.customer_id) AS customer
        FROM identity_people p JOIN silver.customer_map_previous m USING (record_id)
    """).to_arrow_table()
    if not len(found):
        return None
    numbers = np.full(count, _NOBODY, dtype=np.int64)
    numbers[found["rid"].to_numpy()] = np.unique(found["customer"].to_numpy(), return_inverse=True)[1]
    return numbers


def _suspects(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    node: NDArray[np.int64],
    identifies: NDArray[np.bool_],
    size: int,
    count: int,
    most: int,
) -> dict[int, int]:
    """Nodes that join more than `most` published customers, with how many. Points below `count` are new records, below
    twice that published customers, and above it nodes."""
    touches = np.unique(np.stack([node[identifies], left[identifies]]), axis=1)
    suspect = np.bincount(touches[0], minlength=size) > most
    while suspect.any():
        kept = ~(identifies & suspect[node])
        points, place = np.unique(np.concatenate([left[kept], right[kept], touches[1]]), return_inverse=True)
        ties = int(kept.sum())
        part = components(place[:ties], place[ties : 2 * ties], len(points))
        known = np.zeros(int(part.max(initial=-1)) + 1, dtype=bool)
        known[part[(points >= count) & (points < 2 * count)]] = True
        mine = suspect[touches[0]]
        reached = np.stack([touches[0][mine], part[place[2 * ties :]][mine]])
        reached = np.unique(reached[:, known[reached[1]]], axis=1)
        joined = np.bincount(reached[0], minlength=size)
        # What joins fewest may be what brings a new record to its customer, and so shows whom another suspect joins.
        few = suspect & (joined > 0) & (joined <= most)
        if not few.any():
            return {int(one): int(joined[one]) for one in np.flatnonzero(suspect & (joined > most))}
        suspect &= ~few | (joined > joined[few].min())
    return {}


def _named(connection: duckdb.DuckDBPyConnection, told: dict[int, int]) -> tuple[tuple[str, int, int], ...]:
    """The identifiers that nodes of evidence stand for; of one that stands behind several, the most it joins."""
    if not told:
        return ()
    columns = {"node": pa.array(list(told), pa.uint64()), "customers": pa.array(list(told.values()), pa.int64())}
    connection.register("identity_batch", pa.table(columns))
    guards = {rule.name: rule.guard for rule in RULES.values()}
    kind = " ".join(f"WHEN '{rule}' THEN '{guard}'" for rule, guard in guards.items() if guard)
    code = " ".join(f"WHEN '{rule}' THEN p.{guard}_code" for rule, guard in guards.items() if guard)
    found = connection.execute(f"""
        SELECT kind, code, max(customers) FROM (
            SELECT CASE i.rule {kind} ELSE '{PERSON}' END AS kind, CASE i.rule {code} ELSE i.node END AS code,
                   b.customers
            FROM identity_pieces i JOIN identity_batch b USING (node) JOIN identity_people p USING (rid)
        ) GROUP BY kind, code ORDER BY kind, code
    """).fetchall()
    connection.unregister("identity_batch")
    return tuple(found)
