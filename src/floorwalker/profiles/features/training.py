"""Training sets: for each labelled row the features as they were on its own day, never a day later.

In: a connection that sees the published tables, labels (`customer_id`, `as_of`, and whatever else), names of features.
Out: the labels with the features beside them, as one relation.

    labels = connection.sql("SELECT customer_id, DATE '2026-03-01' AS as_of, bought_within_60_days FROM …")
    made = training_set(connection, labels, ["orders_90d", "days_since_order"])
    made.relation.write_parquet("training.parquet")

Every row looks back from its own `as_of`: only days before it count, in the same SQL that makes the table of features,
so a set for the day of a run is what that run served. Customers that were merged since are found by their old ids.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.governance.consent import ConsentPolicy, allowed_sql
from floorwalker.profiles.features.definition import Feature, FeatureSet
from floorwalker.profiles.features.sql import Spine, query

_LABELS = "floorwalker_labels"
_ROWS = "floorwalker_training"
CELLS = 35_000_000
"""Labels × features that are computed in one query: 100,000 labels with all features of a customer take 1.3 GB."""
ROW_PURPOSE = "analytics"
"""What a customer must allow to be in a training set at all."""


@dataclass(frozen=True)
class TrainingSet:
    """The rows, and what was left out. A small set's `relation` is computed when it is read."""

    relation: duckdb.DuckDBPyRelation
    features: tuple[Feature, ...]
    labelled: int
    unknown: int
    """Labels whose customer does not exist (any more): they have no row."""
    without_consent: int
    """Labels whose customer does not allow analytics: they have no row either."""
    hidden: Mapping[str, int]
    """Per other purpose: rows in which its features are NULL, because the customer does not allow it."""


def training_set(
    connection: duckdb.DuckDBPyConnection,
    labels: duckdb.DuckDBPyRelation,
    features: Sequence[str],
    *,
    catalogue: FeatureSet,
    as_of: dt.date | None = None,
    consent: ConsentPolicy | None = None,
    cells: int = CELLS,
) -> TrainingSet:
    """Features of labelled rows, each as of its own day. `as_of` is for labels without such a column.

    `consent`: leave out customers who do not allow analytics, and of the others the features (as NULL) whose purpose
    they do not allow (`Feature.purpose`). More than `cells` values are computed at once, a slice of entities at a time.
    Raises ConfigError for labels without the columns, or of a day that the tables do not reach; NotFoundError for
    features that do not exist.
    """
    if not features:
        raise ConfigError("a training set needs features", fix="name some, or all of the catalogue's")
    chosen = tuple(catalogue.feature(name) for name in dict.fromkeys(features))
    entity = catalogue.entity.column
    _take_in(connection, labels, entity, as_of, [one.name for one in chosen])
    labelled, unknown = _check_labels(connection, catalogue)
    asked = consent is not None and entity == "customer_id"
    purposes = sorted({ROW_PURPOSE, *(one.purpose for one in chosen)}) if asked else []
    rules = "".join(
        f", {allowed_sql(purpose, consent or ConsentPolicy(), customer_id='l.customer_id')} AS may_{purpose}"
        for purpose in purposes
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_LABELS} AS SELECT l.*{rules} FROM {_LABELS} AS l WHERE l.known")
    refused = 0
    if asked:
        refused = _count(connection, f"NOT may_{ROW_PURPOSE}")
        connection.execute(f"DELETE FROM {_LABELS} WHERE NOT may_{ROW_PURPOSE}")
    others = [purpose for purpose in purposes if purpose != ROW_PURPOSE]
    hidden = {purpose: n for purpose in others if (n := _count(connection, f"NOT may_{purpose}"))}
    wanted = catalogue.with_inputs(one.name for one in chosen)
    listed = ", ".join(
        f"CASE WHEN l.may_{one.purpose} THEN f.{one.name} END AS {one.name}"
        if one.purpose in hidden
        else f"f.{one.name}"
        for one in chosen
    )
    own = [name for name in labels.columns if name not in (entity, "as_of")]
    kept = "".join(f', l."{name}"' for name in own)

    def rows(some: str) -> str:
        """The set's rows of the labels where `some` holds."""
        spine = Spine(f"SELECT DISTINCT l.{entity}, l.as_of FROM {_LABELS} AS l WHERE {some}", (entity, "as_of"), True)
        return (
            f"SELECT l.{entity}, l.as_of{kept}, {listed} FROM {_LABELS} AS l"
            f" JOIN ({query(wanted, spine)}) AS f ON f.{entity} = l.{entity} AND f.as_of = l.as_of WHERE {some}"
        )

    parts = -(-(labelled - unknown - refused) * len(wanted.features) // cells)
    if parts <= 1:
        relation = connection.sql(rows("TRUE"))
    else:
        for part in range(parts):
            made = rows(f"hash(l.{entity}) % {parts} = {part}")
            into = f"INSERT INTO {_ROWS}" if part else f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS"
            connection.execute(f"{into} {made}")
        relation = connection.table(_ROWS)
    return TrainingSet(relation, chosen, labelled, unknown, refused, hidden)


def _take_in(
    connection: duckdb.DuckDBPyConnection,
    labels: duckdb.DuckDBPyRelation,
    entity: str,
    as_of: dt.date | None,
    features: Sequence[str],
) -> None:
    """The labels as a table, ids as they are now, with whether each id is known."""
    if entity not in labels.columns:
        raise ConfigError(f"the labels have no column {entity}", why="they have " + ", ".join(labels.columns))
    if "as_of" not in labels.columns and as_of is None:
        raise ConfigError(
            "the labels do not say from which day each looks back", fix="a column as_of, or one day for all of them"
        )
    clash = sorted(set(labels.columns) & set(features))
    if clash:
        raise ConfigError(f"the labels have a column {clash[0]}, which is a feature too", fix="rename it in the labels")
    day = f"DATE '{as_of}'" if "as_of" not in labels.columns else "CAST(l.as_of AS DATE)"
    own = "".join(f', l."{name}"' for name in labels.columns if name not in (entity, "as_of"))
    alias = entity == "customer_id" and _exists(connection, "silver.customer_aliases")
    current = f"COALESCE(a.alias_of, l.{entity})" if alias else f"l.{entity}"
    join = f" LEFT JOIN silver.customer_aliases AS a ON a.customer_id = l.{entity}" if alias else ""
    labels.create_view("floorwalker_given", replace=True)
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_LABELS} AS"
            f" SELECT CAST({current} AS VARCHAR) AS {entity}, {day} AS as_of{own}, TRUE AS known"
            f" FROM floorwalker_given AS l{join}"
        )
    except duckdb.ConversionException as error:
        raise ConfigError("a label's as_of is no day", why=str(error).splitlines()[0], fix="YYYY-MM-DD") from None
    finally:
        connection.execute("DROP VIEW floorwalker_given")


def _check_labels(connection: duckdb.DuckDBPyConnection, catalogue: FeatureSet) -> tuple[int, int]:
    """(labels, labels of unknown entities), after refusing days that are missing or not reached yet."""
    entity = catalogue.entity
    connection.execute(
        f"UPDATE {_LABELS} SET known = FALSE WHERE {entity.column} IS NULL"
        f" OR {entity.column} NOT IN (SELECT {entity.column} FROM {entity.spine} WHERE {entity.column} IS NOT NULL)"
    )
    ((total, unknown, missing, newest, known_to),) = connection.execute(
        f"SELECT COUNT(*), COUNT(*) FILTER (WHERE NOT known), COUNT(*) FILTER (WHERE as_of IS NULL), MAX(as_of),"
        f" (SELECT as_of FROM meta.run) FROM {_LABELS}"
    ).fetchall()
    if missing:
        raise ConfigError(f"{missing:,} labels have no as_of")
    if newest is not None and newest > known_to:
        raise ConfigError(
            f"a label looks back from {newest}, but the tables only reach to {known_to}",
            why="features of days that have not been collected would be wrong without a sign",
            fix="floorwalker run, or leave those labels out",
        )
    if total and unknown == total:
        raise NotFoundError(
            f"none of the {total:,} labels is of a known {entity.name}", fix=f"is {entity.column} the right column?"
        )
    return int(total), int(unknown)


def _count(connection: duckdb.DuckDBPyConnection, condition: str) -> int:
    return int(connection.execute(f"SELECT COUNT(*) FROM {_LABELS} WHERE {condition}").fetchall()[0][0])


def _exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    schema, _, name = table.partition(".")
    found = connection.execute(
        "SELECT 1 FROM duckdb_views() WHERE schema_name = ? AND view_name = ?"
        " UNION ALL SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?",
        [schema, name, schema, name],
    ).fetchall()
    return bool(found)
