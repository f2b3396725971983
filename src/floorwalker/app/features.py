"""Features of a project, its own ones included: training sets, as known now or as they were known at an earlier run.

In: a project, labels. Out: a `TrainingSet`; `published_skew` compares batch with the live updater.

What a run served for its day it computed from the rows it had received. A late row changes that day's features
afterwards: right for analysis, wrong for training a model that had to decide without it. So `known_at` builds the
silver tables anew from what had been received until then (customers are those of today: a merge is not undone).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from floorwalker.app.graph import all_models, feature_sets
from floorwalker.app.skew import SkewReport, check_skew
from floorwalker.engines.lake import Lake, view_files
from floorwalker.errors import NotFoundError, did_you_mean
from floorwalker.governance.consent import load_consent_policy
from floorwalker.profiles.features.definition import FeatureSet
from floorwalker.profiles.features.live import Updater
from floorwalker.profiles.features.training import TrainingSet, training_set

if TYPE_CHECKING:
    from floorwalker.engines.models import SqlModel
    from floorwalker.engines.project import Project


def catalogue_of(project: Project, entity: str) -> FeatureSet:
    """The features of an entity by its name, with those that the project adds."""
    sets = feature_sets(project)
    for features in sets:
        if features.entity.name == entity:
            return features
    raise NotFoundError(f"no features of '{entity}'", fix=did_you_mean(entity, [one.entity.name for one in sets]))


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
    features_of = catalogue_of(project, entity)
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


def published_skew(project: Project, *, customers: int = 200, seed: int = 1) -> SkewReport:
    """Whether batch and live agree on the published run; the features are those that it was made with."""
    lake = Lake(project)
    features = catalogue_of(project, "customer")
    with lake.read() as connection:
        pointer = lake.pointer()
        table = features.entity.table
        if pointer is None or table not in pointer.tables:
            raise NotFoundError("no features have been published yet", fix="floorwalker run")
        version = pointer.tables[table]
        there = {one.name for one in lake.schema(table, version).fields}
        absent = [one.name for one in features.features if one.name not in there]
        if absent:
            raise NotFoundError(
                f"the published run has no '{absent[0]}'", why="it was defined after it", fix="floorwalker run"
            )
        return check_skew(connection, Updater(features), lake.files(table, version), customers=customers, seed=seed)
