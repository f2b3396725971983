"""Who enters and who leaves segments and audiences when customers are made up anew.

In: a connection on the tables before, another on those after, and which record was and is whose. Out: a `Movement` per
segment and audience.

    movements(before, after, audiences, consent_policy, secret=secret, suppressed=erased)

Customers are compared by their records: two members that become one customer have neither entered nor left. A customer
enters when nobody it was before was a member, and leaves when nothing it becomes is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec
import pyarrow as pa

from floorwalker.channels.audiences import Audience
from floorwalker.channels.export import receivers

if TYPE_CHECKING:
    import duckdb

    from floorwalker.governance.consent import ConsentPolicy

Kind = Literal["audience", "segment", "rfm"]

_MEMBERS: dict[Kind, str] = {"segment": "gold.segments", "rfm": "gold.rfm"}


class Movement(msgspec.Struct, frozen=True):
    """A segment, or who receives an audience (consent, hold-out and double addresses looked at): members before and
    after, and how many of them enter and leave."""

    kind: Kind
    name: str
    before: int
    after: int
    enter: int
    leave: int

    @property
    def nothing(self) -> bool:
        """Whether nobody moves and nobody is counted otherwise."""
        return not self.enter and not self.leave and self.before == self.after


def movements(
    before: duckdb.DuckDBPyConnection,
    after: duckdb.DuckDBPyConnection,
    audiences: Mapping[str, Audience],
    consent_policy: ConsentPolicy,
    *,
    secret: bytes,
    suppressed: pa.Table | None = None,
) -> list[Movement]:
    """Audiences, rule segments and RFM segments by name. `after` also has both sides' maps of records
    (before.customer_map, after.customer_map)."""
    found = []
    for name in audiences:
        sides = [
            receivers(one, name, audiences, consent_policy, secret=secret, suppressed=suppressed)
            for one in (before, after)
        ]
        found.append(_movement(after, "audience", name, *sides))
    for kind, table in _MEMBERS.items():
        if not all(_has(one, table) for one in (before, after)):
            continue
        members = f"SELECT segment, customer_id FROM {table} WHERE segment IS NOT NULL"
        sides = [_by_name(one.sql(members).to_arrow_table()) for one in (before, after)]
        found += [
            _movement(after, kind, name, sides[0].get(name, []), sides[1].get(name, []))
            for name in sorted(sides[0].keys() | sides[1].keys())
        ]
    return found


def _movement(
    connection: duckdb.DuckDBPyConnection, kind: Kind, name: str, before: Iterable[str], after: Iterable[str]
) -> Movement:
    sides = [pa.table({"customer_id": pa.array(side, pa.string())}) for side in (before, after)]
    connection.register("members_before", sides[0])
    connection.register("members_after", sides[1])
    ((enter, leave),) = connection.execute("""
        WITH was AS (SELECT record_id FROM before.customer_map SEMI JOIN members_before USING (customer_id)),
             becomes AS (SELECT record_id FROM after.customer_map SEMI JOIN members_after USING (customer_id))
        SELECT (SELECT count(*) FROM members_after WHERE customer_id NOT IN (
                    SELECT customer_id FROM after.customer_map SEMI JOIN was USING (record_id))),
               (SELECT count(*) FROM members_before WHERE customer_id NOT IN (
                    SELECT customer_id FROM before.customer_map SEMI JOIN becomes USING (record_id)))
    """).fetchall()
    connection.unregister("members_before")
    connection.unregister("members_after")
    return Movement(kind, name, sides[0].num_rows, sides[1].num_rows, enter, leave)


def _by_name(members: pa.Table) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for segment, customer in zip(*(column.to_pylist() for column in members.columns), strict=True):
        found.setdefault(segment, []).append(customer)
    return found


def _has(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    schema, _, name = table.partition(".")
    return bool(
        connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", [schema, name]
        ).fetchall()
    )
