"""From the tables of evidence to customers: the partition at every level of confidence, and a verdict per piece.

In: the temporary tables `identity_people`, `identity_hubs`, `identity_pieces` (see `rules`) and `identity_probable`
(see `match`), and the levels' cuts. Out: a `Partition`.

The partition of a level equals the connected components of the evidence that is accepted down to its cut. The
customer map is that of the chosen level; anonymous visits are lent to its customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.identity import anonymous, manual, resolver
from floorwalker.identity.levels import Cut, Graph
from floorwalker.identity.limits import MICROSECONDS_PER_DAY
from floorwalker.identity.settings import IdentitySettings

LEAST_WEIGHT = 0.0
"""Bits from which on a probable pair is evidence: it is more likely right than wrong."""


@dataclass(frozen=True)
class Gathered:
    """What there is to resolve: people (a hub's value constrains nobody), who names anybody, and evidence but for
    visits."""

    people: resolver.People
    known: NDArray[np.bool_]
    evidence: resolver.Evidence
    pair: NDArray[np.uint64]
    """Per piece: its node, or for a pair a hash of the two records' ids, under which verdicts are kept."""


@dataclass(frozen=True)
class Partition:
    """`labels`: per record, anonymous visits included. `levels`: per level, of what is known. `verdicts`: a table of
    rid, node, reason ('' accepted) of all evidence."""

    labels: NDArray[np.int32]
    levels: dict[str, NDArray[np.int32]]
    verdicts: pa.Table


def below_level(level: str) -> str:
    """Why evidence that breaks no constraint is not used by the customers of a level."""
    return f"below level {level}"


def arrays(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, NDArray]:
    """Columns without NULL as numpy arrays."""
    table = connection.sql(query).to_arrow_table()
    return {name: table[name].to_numpy() for name in table.column_names}


def gather(connection: duckdb.DuckDBPyConnection) -> Gathered:
    """Read the tables; rows in a fixed order."""
    people, known = _people(connection)
    strong = arrays(
        connection,
        "SELECT rid, node, tier, weight, partner FROM identity_pieces WHERE tier <> 3 AND blocked IS NULL "
        "ORDER BY rule, node, rid",
    )
    # The order of evidence follows what records say, never what they are called.
    probable = arrays(
        connection,
        f"""
        SELECT CASE WHEN (a.words, a.rid) <= (b.words, b.rid) THEN a.rid ELSE b.rid END AS record,
               CASE WHEN (a.words, a.rid) <= (b.words, b.rid) THEN b.rid ELSE a.rid END AS partner,
               md5_number_lower(least(a.words, b.words) || ' ' || greatest(a.words, b.words)) AS node,
               md5_number_lower(a.record_id || b.record_id) AS pair, weight
        FROM identity_probable JOIN identity_people a ON a.rid = rid_a JOIN identity_people b ON b.rid = rid_b
        WHERE weight >= {LEAST_WEIGHT!r} ORDER BY rid_a, rid_b
        """,
    )
    evidence = resolver.Evidence(
        record=np.concatenate([strong["rid"], probable["record"]]).astype(np.int32),
        node=np.concatenate([strong["node"], probable["node"]]).astype(np.uint64),
        tier=np.concatenate([strong["tier"], np.full(len(probable["node"]), resolver.PROBABLE, dtype=np.int8)]),
        weight=np.concatenate([strong["weight"], probable["weight"]]),
        partner=np.concatenate([strong["partner"], probable["partner"]]).astype(np.int32),
    )
    return Gathered(people, known, evidence, np.concatenate([strong["node"], probable["pair"]]).astype(np.uint64))


def _people(connection: duckdb.DuckDBPyConnection) -> tuple[resolver.People, NDArray[np.bool_]]:
    """Constraints per record; a hub's value constrains nobody."""
    codes = ", ".join(f"{kind}_code" for kind in resolver.COUNTED)
    columns = arrays(
        connection,
        f"SELECT {codes}, given_code, family_code, birth_code, words, known,"
        f" coalesce(floor(epoch_us(first_seen) / {MICROSECONDS_PER_DAY})::INTEGER, 0) AS days"
        " FROM identity_people ORDER BY rid",
    )
    hubs = arrays(connection, "SELECT DISTINCT code FROM identity_hubs")["code"]
    for kind in resolver.COUNTED:
        columns[f"{kind}_code"] = np.where(
            np.isin(columns[f"{kind}_code"], hubs), np.uint64(0), columns[f"{kind}_code"]
        )
    people = resolver.People(
        codes={kind: columns[f"{kind}_code"] for kind in resolver.COUNTED},
        given=columns["given_code"],
        family=columns["family_code"],
        names=["", *arrays(connection, "SELECT name FROM identity_names ORDER BY place")["name"].tolist()],
        birth=columns["birth_code"],
        words=columns["words"],
        cuts=manual.cuts(connection),
        days=columns["days"],
    )
    return people, columns["known"].astype(bool)


def divide(
    connection: duckdb.DuckDBPyConnection,
    gathered: Gathered,
    refused: NDArray[np.int8],
    cuts: Mapping[str, Cut],
    level: str,
    settings: IdentitySettings,
) -> Partition:
    """The partition of every level, from the resolver's verdicts. `level`: whose partition the customers are."""
    people, evidence = gathered.people, gathered.evidence
    count = len(people)
    graph = Graph.of(count, evidence, refused == 0)
    levels = {name: resolver.smallest_member(graph.labels(cut)) for name, cut in cuts.items()}
    labels = levels[level]
    below = (refused == 0) & ~cuts[level].keeps(evidence.tier, evidence.weight)
    visits = _visits(connection)
    lent = anonymous.attach_apart(labels, gathered.known, visits, people.cuts, settings)
    kept = lent == 0
    hashes, node = np.unique(visits.node[kept], return_inverse=True)
    left = np.concatenate([visits.record[kept], np.arange(count, dtype=np.int32)])
    right = np.concatenate([node + count, labels])
    final = resolver.smallest_member(resolver.components(left, right, count + len(hashes))[:count])
    reasons = resolver.reasons(settings)
    words = [*reasons, *anonymous.reasons(settings), below_level(level)]
    codes = np.where(below, len(words) - 1, refused.astype(np.int16))
    probable = evidence.tier == resolver.PROBABLE
    first = np.where(probable, np.minimum(evidence.record, evidence.partner), evidence.record)
    verdicts = pa.table(
        {
            "rid": np.concatenate([first, visits.record]),
            "node": np.concatenate([gathered.pair, visits.node]),
            "reason": pa.DictionaryArray.from_arrays(
                pa.array(np.concatenate([codes, lent.astype(np.int16) + len(reasons)])), pa.array(words)
            ),
        }
    )
    return Partition(final, levels, verdicts)


def _visits(connection: duckdb.DuckDBPyConnection) -> anonymous.Visits:
    kinds = " ".join(f"WHEN '{kind}' THEN {place}" for place, kind in enumerate(anonymous.KINDS))
    weak = arrays(
        connection,
        f"""
        SELECT i.rid, i.node, (CASE i.rule {kinds} END)::TINYINT AS kind,
               coalesce(epoch_us(p.first_seen), 0) AS first_seen, coalesce(epoch_us(p.last_seen), 0) AS last_seen
        FROM identity_pieces i JOIN identity_people p USING (rid)
        WHERE i.tier = 3 AND i.blocked IS NULL ORDER BY i.rule, i.node, i.rid
        """,
    )
    return anonymous.Visits(weak["rid"], weak["node"], weak["kind"], weak["first_seen"], weak["last_seen"])
