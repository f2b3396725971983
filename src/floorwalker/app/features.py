"""Features of a project: training sets, as they are known now or as they were known at an earlier run, and skew checks.

In: a project, labels. Out: a `TrainingSet`; a `SkewReport` that compares batch with the live updater.

What a run served for its day it computed from the rows it had received. A late row changes that day's features
afterwards: right for analysis, wrong for training a model that had to decide without it. So `known_at` builds the
silver tables anew from what had been received until then (customers are those of today: a merge is not undone).
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from floorwalker.app.graph import all_models
from floorwalker.engines.lake import Lake, view_files
from floorwalker.errors import NotFoundError, did_you_mean
from floorwalker.governance.consent import load_consent_policy
from floorwalker.profiles.catalogue import ALL, CUSTOMER
from floorwalker.profiles.features.definition import FeatureSet
from floorwalker.profiles.features.live import Updater
from floorwalker.profiles.features.training import TrainingSet, training_set

if TYPE_CHECKING:
    from floorwalker.engines.models import SqlModel
    from floorwalker.engines.project import Project


def catalogue_of(entity: str) -> FeatureSet:
    """The features of an entity by its name."""
    for features in ALL:
        if features.entity.name == entity:
            return features
    names = [features.entity.name for features in ALL]
    raise NotFoundError(f"no features of '{entity}'", fix=did_you_mean(entity, names))


def make_training_set(
    project: Project,
    connection: duckdb.DuckDBPyConnection,
    labels: duckdb.DuckDBPyRelation,
    features: Sequence[str],
    *,
    entity: str = "customer",
    as_of: dt.date | None = None,
    known_at: dt.datetime | None = None,
    check_consent: bool = True,
) -> TrainingSet:
    """A training set of this project. `connection`: from `Lake.read`; `known_at`: only what was received by then."""
    features_of = catalogue_of(entity)
    if known_at is not None:
        rows_known_at(project, connection, known_at, features_of.with_inputs(features))
    consent = load_consent_policy(project.policies / "consent.toml") if check_consent else None
    return training_set(connection, labels, features, catalogue=features_of, as_of=as_of, consent=consent)


def rows_known_at(
    project: Project, connection: duckdb.DuckDBPyConnection, known_at: dt.datetime, features: FeatureSet
) -> list[str]:
    """Make the tables that features read anew, from bronze rows received until `known_at`; returns their names.

    They replace the published ones in this connection only, and exist in its memory (spilling to disk) until it closes.
    """
    lake = Lake(project)
    models = {model.name: model for model in all_models(project)}
    wanted = {one.source.table for one in features.features if one.source} | {features.entity.spine}
    wanted |= {f"silver.{features.entity.name}_{one.source.name}_days" for one in features.features if one.source}
    made: list[str] = []
    pointer = lake.pointer()
    published = pointer.tables if pointer else {}
    for name in _in_order(wanted & models.keys(), models):
        if name.startswith("bronze."):
            version = published.get(name, lake.version(name))
            view_files(connection, "bronze.floorwalker_all", lake.files(name, version))
            columns = connection.execute("SELECT * FROM bronze.floorwalker_all LIMIT 0").description
            listed = ", ".join(f'"{column[0]}"' for column in columns)
            sql = (
                f"SELECT {listed} FROM bronze.floorwalker_all WHERE received_at <= TIMESTAMPTZ '{known_at.isoformat()}'"
            )
        elif name in models:
            sql = models[name].sql
        else:
            continue
        connection.execute(f"CREATE OR REPLACE TEMP TABLE floorwalker_known AS {sql}")
        connection.execute(f"DROP VIEW IF EXISTS {name}")
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM floorwalker_known")
        made.append(name)
    connection.execute("DROP TABLE IF EXISTS floorwalker_known")
    connection.execute("DROP VIEW IF EXISTS bronze.floorwalker_all")
    return made


def _in_order(wanted: set[str], models: dict[str, SqlModel]) -> list[str]:
    """The wanted tables behind everything that they are made of."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order or name.startswith("meta."):
            return
        for read in models[name].reads if name in models else ():
            visit(read)
        order.append(name)

    for name in sorted(wanted):
        visit(name)
    return order


@dataclass
class SkewReport:
    """Batch against live: how many values of how many customers were compared, and where they differ."""

    as_of: dt.date
    customers: int
    values: int = 0
    different: dict[str, int] = field(default_factory=dict)
    """Customers for whom a feature differs, by feature."""

    @property
    def differences(self) -> int:
        return sum(self.different.values())

    def words(self) -> str:
        if not self.different:
            return f"{self.values:,} values of {self.customers:,} customers: batch and live agree in all of them"
        worst = sorted(self.different.items(), key=lambda one: (-one[1], one[0]))[:5]
        named = ", ".join(f"{name} ({n:,})" for name, n in worst)
        return f"{self.differences:,} of {self.values:,} values differ between batch and live: {named}"


def check_skew(connection: duckdb.DuckDBPyConnection, *, customers: int = 200, seed: int = 1) -> SkewReport:
    """Compute the features of some customers by the live path, from the published silver rows in random order, half as
    a base and half as what came after it, and compare them with the published table. `connection`: from `Lake.read`."""
    live = Updater(CUSTOMER)
    ((as_of,),) = connection.execute("SELECT as_of FROM meta.run").fetchall()
    chosen = [
        row[0]
        for row in connection.execute(
            "SELECT customer_id FROM gold.customer_features ORDER BY MD5(customer_id || CAST(? AS VARCHAR)) LIMIT ?",
            [seed, customers],
        ).fetchall()
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE floorwalker_chosen AS SELECT UNNEST(?::VARCHAR[]) AS customer_id", [chosen]
    )
    rows: dict[str, list[tuple[str, dict[str, Any]]]] = {one: [] for one in chosen}
    for table in live.tables:
        for customer, row in _rows(connection, f"SELECT * FROM {table}"):
            rows[customer].append((table, row))
    report = SkewReport(as_of, len(chosen))
    shuffle = random.Random(seed).shuffle
    for customer, served in _rows(connection, "SELECT * FROM gold.customer_features"):
        events = rows[customer]
        shuffle(events)
        half = len(events) // 2
        state = live.merge(live.replay(events[:half]), live.replay(events[half:]))
        for name, value in live.values(state, as_of).items():
            report.values += 1
            if value != served[name]:
                report.different[name] = report.different.get(name, 0) + 1
    connection.execute("DROP TABLE floorwalker_chosen")
    return report


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str, dict[str, Any]]]:
    """(customer, row) of the chosen customers."""
    found = connection.execute(f"SELECT * FROM ({sql}) SEMI JOIN floorwalker_chosen USING (customer_id)")
    names = [column[0] for column in found.description]
    place = names.index("customer_id")
    return [(values[place], dict(zip(names, values, strict=True))) for values in found.fetchall()]
