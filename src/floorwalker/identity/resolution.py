"""Who is who, in a run: evidence gathered, resolved, and written, of all records or of those that a change concerns.

In: the tables of the step `identity.resolve` and what people have decided. Out: its tables, whole or merged; the same
either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import numpy as np
from numpy.typing import NDArray

from floorwalker.identity import (
    groups,
    history,
    manual,
    match,
    registry,
    rescoring,
    resolver,
    rules,
    summary,
    touched,
    written,
)
from floorwalker.identity.calibration import levels_path, pinned_levels
from floorwalker.identity.guards import Guards
from floorwalker.identity.partition import arrays, divide, gather
from floorwalker.identity.summary import stage

if TYPE_CHECKING:
    from floorwalker.engines.steps import StepContext
    from floorwalker.identity.guards import Known
    from floorwalker.identity.matching.model import Model
    from floorwalker.identity.settings import IdentitySettings
    from floorwalker.identity.standing import Standing

_TEMPORARY = (
    "people", "names", "hubs", "barred", "values", "pieces", "probable", "partition", "verdicts", "map", "aliases",
    "evidence", "churn", "groups", "rows", "sizes", "heavy",
    *manual.TABLES, *history.TABLES, *touched.TABLES,
)  # fmt: skip


def resolve(context: StepContext, settings: IdentitySettings, decided: Sequence[Standing], known: Known) -> None:
    """Write the tables. `known`: what is known to name nobody."""
    connection, guard = context.connection, Guards(context, settings, known)
    weighed = touched.find(context, decided, settings)
    while True:
        model = _gather_some(context, settings, weighed[0]) if weighed else _gather_all(context, settings, decided)
        manual.place_claims(connection)
        manual.add_pieces(connection)
        context.progress(0.5, "evidence gathered")
        gathered = gather(connection)
        labels, refused = resolver.resolve(gathered.people, gathered.evidence, settings)
        if not guard.took_out(gathered, labels, refused):
            break
        # What was taken out is compared with nobody either: that is seen to where all records are looked at.
        weighed = None
    partial = weighed is not None
    guard.pin(whole=not partial)
    context.progress(0.6, "evidence resolved")
    path = levels_path(context.project.state)
    pinned = pinned_levels(path, gathered, refused, _nodes_of_rules(connection), model, settings, partial)
    found = divide(connection, gathered, refused, pinned.cuts, settings.level, settings)
    context.progress(0.7, "customers resolved")
    rids = np.arange(len(found.labels), dtype=np.int32)
    stage(connection, "identity_partition", {"rid": rids, "label": found.labels})
    stage(connection, "identity_verdicts", found.verdicts)
    others = touched.others(connection) if partial else (0, 0)
    churn = registry.assign_ids(connection, context.project.secret, context.run_id, context.as_of, others)
    context.progress(0.8, "customer ids assigned")
    groups.make_groups(connection, found.levels, context.project.secret, settings)
    written.make_evidence(connection, model.id if model else "")
    if partial:
        rescoring.write(context, model)
    guard.write(partial)
    _write(context, partial)
    context.write("silver.identity_levels", written.curve(pinned))
    context.write("silver.identity_summary", summary.make(connection, churn, settings, partial))
    for table in _TEMPORARY:
        connection.execute(f"DROP TABLE IF EXISTS identity_{table}")
    context.progress(1.0, "customers written")


def _gather_all(context: StepContext, settings: IdentitySettings, decided: Sequence[Standing]) -> Model | None:
    """Everybody, and what brings them together."""
    connection = context.connection
    rules.make_people(connection)
    rules.make_hubs(connection, settings)
    context.progress(0.1, "identifiers counted")
    model = match.match(context, settings)
    context.progress(0.4, "probable pairs weighed")
    rules.make_pieces(connection, settings)
    manual.make_claims(connection, decided)
    return model


def _gather_some(context: StepContext, settings: IdentitySettings, model: Model | None) -> Model | None:
    """The same of those that are touched."""
    connection = context.connection
    touched.look_at(connection)
    with touched.narrowed(connection, "identity_looked_at"):
        rules.make_people(connection)
        rules.make_hubs(connection, settings)
        rules.make_pieces(connection, settings)
    touched.keep(connection)
    rescoring.place(connection)
    return model


def _nodes_of_rules(connection: duckdb.DuckDBPyConnection) -> dict[str, NDArray[np.uint64]]:
    """Rule -> nodes of its evidence, for the rules that levels are judged without."""
    rows = arrays(connection, "SELECT DISTINCT rule, node FROM identity_pieces WHERE rule LIKE 'loyalty%'")
    return {str(rule): rows["node"][rows["rule"] == rule] for rule in np.unique(rows["rule"])}


def _write(context: StepContext, partial: bool) -> None:
    """The tables of records and customers: whole, or the rows that were touched."""
    connection = context.connection
    records, customers = "identity_touched", "identity_touched_customers"
    if partial:
        touched.add_customers(connection)
    for table, key, rows in (
        ("silver.customer_map", "record_id", "identity_map ORDER BY record_id"),
        ("silver.customer_aliases", "customer_id", "identity_aliases ORDER BY customer_id"),
        ("silver.identity_evidence", "record_id", "identity_evidence ORDER BY tier, rule, identifier_key, record_id"),
        ("silver.customer_identifiers", "customer_id", f"({written.identifiers()}) ORDER BY customer_id, kind, key"),
        ("silver.customer_levels", "record_id", "identity_groups ORDER BY level, record_id"),
    ):
        if partial:
            # Few rows, which a merge looks at more than once.
            connection.execute(f"CREATE OR REPLACE TEMP TABLE identity_rows AS FROM {rows}")
            scope = records if key == "record_id" else customers
            keys, found = connection.sql(f"SELECT {key} FROM {scope}"), connection.sql("FROM identity_rows")
            # Of evidence, which is most of what is written, no model lives on what changed.
            context.merge(table, [key], keys, found, tell=table != "silver.identity_evidence")
        else:
            context.write(table, connection.sql(f"FROM {rows}"))
    for table, changes, scope in (
        (history.MAP, history.map_changes, records),
        (history.IDS, history.id_changes, customers),
    ):
        key, found = changes(connection, context.run_id, context.as_of, scope if partial else "")
        context.merge(table, [key], found.touched, found.rows)
