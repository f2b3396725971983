"""Who is together at the other levels of confidence, as far as it differs from the customers.

In: labels per level, and `identity_map` beside `identity_people`. Out: silver.customer_levels(record_id, level,
customer_id): one row for each known record whose group at the level is not its customer. A stricter level splits a
customer: the part with most records keeps the customer's id, another gets an id of its own, made from its smallest
record. A looser one joins customers: the group goes by the id of the one with most records.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.identity import registry
from floorwalker.identity.settings import IdentitySettings

SCHEMA = pa.schema([("record_id", pa.string()), ("level", pa.string()), ("customer_id", pa.string())])


def make_groups(
    connection: duckdb.DuckDBPyConnection,
    levels: Mapping[str, NDArray[np.int32]],
    secret: bytes,
    settings: IdentitySettings,
) -> None:
    """Make the temporary table identity_groups."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE identity_groups (record_id VARCHAR, level VARCHAR, customer_id VARCHAR)"
    )
    for level in sorted(levels):
        if level != settings.level:
            _add(connection, level, levels[level], secret)


def _add(connection: duckdb.DuckDBPyConnection, level: str, labels: NDArray[np.int32], secret: bytes) -> None:
    connection.register("identity_batch", pa.table({"rid": np.arange(len(labels), dtype=np.int32), "label": labels}))
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_level AS
        WITH cells AS (
            SELECT b.label, m.customer_id, count(*) AS records
            FROM identity_batch b JOIN identity_people p USING (rid) JOIN identity_map m USING (record_id)
            WHERE p.known GROUP BY b.label, m.customer_id
        )
        SELECT label, arg_min(customer_id, (-records, customer_id)) AS customer_id, max(records) AS records,
               count(*) AS customers
        FROM cells GROUP BY label
    """)
    connection.unregister("identity_batch")
    # Of the groups that go by one customer only the largest keeps its id; the others are parts split off.
    connection.register("identity_batch", pa.table({"rid": np.arange(len(labels), dtype=np.int32), "label": labels}))
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_parts AS
        SELECT l.label, p.record_id AS anchor FROM (
            SELECT label, row_number() OVER (PARTITION BY customer_id ORDER BY records DESC, label) AS place
            FROM identity_level
        ) l JOIN identity_people p ON p.rid = l.label WHERE l.place > 1
    """)
    parts = connection.sql("SELECT label, anchor FROM identity_parts ORDER BY label").to_arrow_table()
    ids = [registry.new_id(secret, f"{level}:{anchor}") for anchor in parts["anchor"].to_pylist()]
    connection.register("identity_ids", pa.table({"label": parts["label"], "own_id": pa.array(ids, pa.string())}))
    connection.execute(
        """
        INSERT INTO identity_groups
        SELECT p.record_id, ?, coalesce(i.own_id, l.customer_id)
        FROM identity_batch b
        JOIN identity_level l USING (label)
        JOIN identity_people p ON p.rid = b.rid
        JOIN identity_map m ON m.record_id = p.record_id
        LEFT JOIN identity_ids i ON i.label = b.label
        WHERE p.known AND coalesce(i.own_id, l.customer_id) <> m.customer_id
        """,
        [level],
    )
    for name in ("identity_batch", "identity_ids"):
        connection.unregister(name)
    connection.execute("DROP TABLE identity_level")
    connection.execute("DROP TABLE identity_parts")
