"""Who is in a segment, and why somebody is or is not: what the command line and the console ask of a published run.

In: a connection that sees gold.customers, gold.segments and gold.segment_definitions. Out: a count with a few members,
or one line per condition with the customer's actual values.

    members(connection, "lapsed").customers
    for reason in explain(connection, "lapsed", customer_id).reasons:
        print(reason.condition, reason.actual, reason.passed)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from floorwalker.errors import NotFoundError, did_you_mean
from floorwalker.profiles.conditions import parse

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Member:
    """One customer in a preview: no name, no address."""

    customer_id: str
    orders: int
    revenue: Any
    last_order_on: Any


@dataclass(frozen=True)
class Members:
    """A segment as published: what it means, how many are in it, and the first of them by revenue."""

    segment: str
    description: str
    condition: str
    customers: int
    preview: tuple[Member, ...]


@dataclass(frozen=True)
class Reason:
    """One of the conditions joined by AND: as evaluated, what the customer has, and whether it holds."""

    condition: str
    actual: dict[str, Any]
    passed: bool


@dataclass(frozen=True)
class Explanation:
    """Why a customer is, or is not, in a segment: in it exactly when every reason passed."""

    segment: str
    customer_id: str
    member: bool
    reasons: tuple[Reason, ...]


def segment_names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """All segments of the published run, in order, empty ones too."""
    return [
        name for (name,) in connection.execute("SELECT segment FROM gold.segment_definitions ORDER BY 1").fetchall()
    ]


def members(connection: duckdb.DuckDBPyConnection, segment: str, limit: int = 20) -> Members:
    """Count and preview of a segment, the largest revenue first; NotFoundError when the run has no such segment."""
    description, condition, _, customers = _definition(connection, segment)
    rows = connection.execute(
        """SELECT c.customer_id, c.orders, c.revenue, c.last_order_on
        FROM gold.segments AS s JOIN gold.customers AS c ON c.customer_id = s.customer_id
        WHERE s.segment = ? ORDER BY c.revenue DESC NULLS LAST, c.customer_id LIMIT ?""",
        [segment, limit],
    ).fetchall()
    return Members(segment, description, condition, customers, tuple(Member(*row) for row in rows))


def explain(connection: duckdb.DuckDBPyConnection, segment: str, customer_id: str) -> Explanation:
    """Each condition of the segment as the published run evaluated it, the customer's values, and whether it holds.

    NotFoundError for a segment or customer the run does not know.
    """
    _, _, resolved, _ = _definition(connection, segment)
    described = connection.execute("SELECT column_name, column_type FROM (DESCRIBE gold.customers)").fetchall()
    condition = parse(
        resolved, {name.lower(): kind for name, kind in described}, f"segment '{segment}'", longest=1_000_000
    )
    answers = ", ".join(f"COALESCE({part.sql}, FALSE)" for part in condition.parts)
    values = "".join(f', "{name}"' for name in condition.names)
    rows = connection.execute(
        f"SELECT {answers}{values} FROM gold.customers WHERE customer_id = ?", [customer_id]
    ).fetchall()
    if not rows:
        raise NotFoundError(f"no customer '{customer_id}' in the published run", fix="search for the customer first")
    passed = rows[0][: len(condition.parts)]
    actual = dict(zip(condition.names, rows[0][len(condition.parts) :], strict=True))
    reasons = tuple(
        Reason(part.sql, {name: actual[name] for name in part.names}, bool(holds))
        for part, holds in zip(condition.parts, passed, strict=True)
    )
    return Explanation(segment, customer_id, all(passed), reasons)


def _definition(connection: duckdb.DuckDBPyConnection, segment: str) -> tuple[str, str, str, int]:
    rows = connection.execute(
        "SELECT description, condition, resolved, customers FROM gold.segment_definitions WHERE segment = ?", [segment]
    ).fetchall()
    if not rows:
        raise NotFoundError(f"no segment '{segment}'", fix=did_you_mean(segment, segment_names(connection)))
    return rows[0]
