"""Segments: named rules over gold.customers, and who is in them.

In: policies/segments.toml and gold.customers. Out: gold.segments (segment, customer_id) and gold.segment_definitions
(each rule as text, as evaluated with its quantities, and its size), so that a rule can be asked and explained later,
live too.

    [quantities.high_revenue]          # the revenue of the last customer in the best fifth of those who bought
    column = "revenue"
    top = 0.2
    among = "orders > 0"

    [segments.high_value_online_only]
    description = "The top 20 % by revenue who never bought in a store."
    where = "revenue >= high_revenue AND orders_store = 0"

A quantity is exact and the same on every engine: the value of the customer at place ceil(top × n), ordered by the
column from the top, ties by customer_id, unknown values left out. Among nobody it is NULL: no comparison with it holds.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pyarrow as pa

from floorwalker.engines.messages import impersonal
from floorwalker.engines.steps import Step, StepContext
from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.profiles.conditions import Condition, parse, resolve

if TYPE_CHECKING:
    import duckdb

CUSTOMER_COLUMNS: dict[str, str] = {
    name: kind
    for kind, names in {
        "VARCHAR": "customer_id market given_name family_name email phone city postcode country gender language "
        "loyalty_id loyalty_tier sources channels favourite_category second_category favourite_brand preferred_channel "
        "size_top size_bottom size_shoe personalization marketing_email analytics ads",
        "INTEGER": "birth_year recency_days",
        "BIGINT": "loyalty_points records orders lines returns orders_store orders_web orders_app distinct_products "
        "views_30d carts_30d emails_received emails_opened emails_clicked tickets",
        "DECIMAL(28,3)": "units",
        "DECIMAL(28,4)": "revenue average_order returned_amount revenue_store revenue_web revenue_app",
        "DOUBLE": "brand_affinity discount_affinity price_sensitivity",
        "DATE": "first_order_on last_order_on last_online_on",
        "TIMESTAMPTZ": "first_seen last_seen",
        "BOOLEAN": "has_loyalty",
    }.items()
    for name in names.split()
}
"""The columns of gold.customers, to check a policy before there is a lake; a run checks against the table itself."""

SEGMENTS = pa.schema([("segment", pa.string()), ("customer_id", pa.string())])
DEFINITIONS = pa.schema(
    [
        ("segment", pa.string()),
        ("description", pa.string()),
        ("condition", pa.string()),
        ("resolved", pa.string()),
        ("customers", pa.int64()),
    ]
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = {"as_of": "DATE"}


class QuantityRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A figure computed once per run: the value of `column` that the best `top` share of customers reach."""

    column: str
    top: Annotated[float, msgspec.Meta(ge=0.0001, le=1)]
    among: str = "TRUE"
    description: str = ""


class SegmentRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A segment as written: `where` is one condition over gold.customers."""

    where: str
    description: str = ""


class _Policy(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    quantities: dict[str, QuantityRule] = {}
    segments: dict[str, SegmentRule] = {}


@dataclass(frozen=True)
class Quantity:
    """A checked quantity."""

    name: str
    rule: QuantityRule
    among: Condition


@dataclass(frozen=True)
class Segment:
    """A checked segment: its name, what it means, and its condition as data."""

    name: str
    description: str
    condition: Condition


@dataclass(frozen=True)
class SegmentPolicy:
    """A checked policy file."""

    quantities: tuple[Quantity, ...] = ()
    segments: tuple[Segment, ...] = ()


def load_policy(path: Path, columns: Mapping[str, str] = CUSTOMER_COLUMNS) -> SegmentPolicy:
    """Read and check policies/segments.toml against `columns` (name → DuckDB type); no file means no segments.

    ConfigError for unknown keys, names and columns, and for anything but a condition, naming the segment.
    """
    if not path.exists():
        return SegmentPolicy()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not TOML", why=str(error), fix="put conditions in quotes") from error
    _check_keys(path.name, content)
    try:
        policy = msgspec.convert(content, _Policy)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path.name} cannot be used", why=str(error)) from error
    quantities = tuple(_quantity(path.name, name, rule, columns) for name, rule in sorted(policy.quantities.items()))
    known = {**columns, **_RESERVED, **{one.name: columns[one.rule.column] for one in quantities}}
    return SegmentPolicy(
        quantities,
        tuple(
            Segment(
                _checked_name(path.name, "segment", name),
                rule.description,
                parse(rule.where, known, f"{path.name}: segment '{name}'"),
            )
            for name, rule in sorted(policy.segments.items())
        ),
    )


def measure(connection: duckdb.DuckDBPyConnection, policy: SegmentPolicy, as_of: dt.date) -> dict[str, Any]:
    """The policy's quantities on gold.customers, and as_of: what `resolve` puts into the conditions."""
    values: dict[str, Any] = {"as_of": as_of}
    for one in policy.quantities:
        among = resolve(one.among.tree, values)
        # A decimal, so that 0.7 of 10 customers is place 7 and no rounding error makes it 8; and not PERCENTILE_DISC,
        # which is approximate on some engines.
        share = f"CAST('{one.rule.top:.6f}' AS DECIMAL(9, 6))"
        rows = connection.execute(
            f"""WITH ranked AS (
              SELECT {one.rule.column} AS value, COUNT(*) OVER () AS people,
                ROW_NUMBER() OVER (ORDER BY {one.rule.column} DESC, customer_id) AS place
              FROM gold.customers WHERE ({among}) AND {one.rule.column} IS NOT NULL
            ) SELECT value FROM ranked WHERE place = CEIL(people * {share})"""
        ).fetchall()
        values[one.name] = rows[0][0] if rows else None
    return values


def segment_steps(policy_path: Path) -> list[Step]:
    """The step that writes gold.segments and gold.segment_definitions; a changed policy file rebuilds it."""
    return [
        Step(
            "segments",
            reads=("gold.customers",),
            writes=("gold.segments", "gold.segment_definitions"),
            run=partial(_write_segments, policy_path=policy_path),
            version="1",
            settings=policy_path.read_text(encoding="utf-8") if policy_path.exists() else "",
            # What a segment's name and size follow from stands in the policy: `floorwalker lineage` reads it there.
            lineage={
                "gold.segments": {"segment": (), "customer_id": ("gold.customers.customer_id",)},
                "gold.segment_definitions": dict.fromkeys(DEFINITIONS.names, ()),
            },
        )
    ]


def _write_segments(context: StepContext, policy_path: Path) -> None:
    connection = context.connection
    described = connection.execute("SELECT column_name, column_type FROM (DESCRIBE gold.customers)").fetchall()
    policy = load_policy(policy_path, dict(described))
    values = measure(connection, policy, context.as_of)
    resolved = {one.name: resolve(one.condition.tree, values) for one in policy.segments}
    if not resolved:
        context.write("gold.segments", SEGMENTS.empty_table())
        context.write("gold.segment_definitions", DEFINITIONS.empty_table())
        return
    sizes = _sizes(connection, resolved)
    arms = [
        f"SELECT '{name}' AS segment, customer_id FROM gold.customers WHERE {where}" for name, where in resolved.items()
    ]
    context.write("gold.segments", connection.sql(" UNION ALL ".join(arms) + " ORDER BY segment, customer_id"))
    rows = [
        (one.name, one.description, one.condition.sql, resolved[one.name], sizes[one.name]) for one in policy.segments
    ]
    context.write(
        "gold.segment_definitions", pa.table([list(column) for column in zip(*rows, strict=True)], schema=DEFINITIONS)
    )


def _sizes(connection: duckdb.DuckDBPyConnection, resolved: Mapping[str, str]) -> dict[str, int]:
    """Customers in each segment; also the place where a condition that cannot be computed is named."""
    import duckdb

    sizes = {}
    for name, where in resolved.items():
        try:
            ((sizes[name],),) = connection.execute(f"SELECT count(*) FROM gold.customers WHERE {where}").fetchall()
        except duckdb.Error as error:
            raise ConfigError(
                f"segment '{name}' cannot be computed",
                why=impersonal(str(error), where).splitlines()[0],
                fix=f"look at: {where}",
            ) from error
    return sizes


def _quantity(file: str, name: str, rule: QuantityRule, columns: Mapping[str, str]) -> Quantity:
    where = f"{file}: quantity '{_checked_name(file, 'quantity', name)}'"
    if name in columns or name in _RESERVED:
        raise ConfigError(f"{where} has the name of a column", why="a condition could mean either", fix=f"top_{name}")
    if rule.column not in columns:
        raise ConfigError(f"{where}: unknown column '{rule.column}'", fix=did_you_mean(rule.column, columns))
    if not re.match(r"DECIMAL|.*INT|DOUBLE|FLOAT|DATE$", columns[rule.column]):
        raise ConfigError(
            f"{where}: '{rule.column}' is {columns[rule.column]}",
            why="a top share needs numbers or days",
            fix="revenue",
        )
    return Quantity(name, rule, parse(rule.among, {**columns, **_RESERVED}, where))


def _checked_name(file: str, what: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{file}: a {what} cannot be called {name!r}",
            why="names are small letters, digits and underscores, a letter first",
            fix=re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "my_segment",
        )
    return name


def _check_keys(file: str, content: Mapping[str, Any]) -> None:
    """Unknown keys, with the one that was meant: msgspec would only say that there is one."""
    known: dict[str, type[msgspec.Struct]] = {"quantities": QuantityRule, "segments": SegmentRule}
    for section, entries in content.items():
        if section not in known:
            raise ConfigError(f"{file}: unknown section '{section}'", fix=did_you_mean(section, known))
        fields = known[section].__struct_fields__
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            for key in entry if isinstance(entry, dict) else ():
                if key not in fields:
                    raise ConfigError(f"{file}: [{section}.{name}]: unknown key '{key}'", fix=did_you_mean(key, fields))
