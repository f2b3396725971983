"""Identity in a run: two steps, from raw identifiers to customers.

In: silver.identity_records, and the map and aliases last published (silver.customer_map_previous,
silver.customer_aliases_previous; empty on the first run). Out:

- silver.normalised_records    the keys of each record
- silver.identity_pairs        pairs of records that a model weighed (silver.identity_matched: of which records)
- silver.identity_evidence     every piece of evidence, accepted or refused with its reason
- silver.customer_map          every record exactly once, with its customer
- silver.customer_aliases      ids that were merged into others
- silver.customer_levels       who is together at other levels of confidence (silver.identity_levels: where these end)
- silver.customer_identifiers  what each customer can be reached or recognised by
- silver.customer_map_history  every record's customers, from run to run
- silver.customer_ids          what every customer id stood for, from run to run
- silver.identity_summary      the figures of the run

What people have decided is part of the input. Where nothing else has changed since the last publication, only the
records that it can concern are resolved anew (`touched`), and the tables are merged. What the guards have found
(`guards`) is part of the input, too.

>>> [step.name for step in steps(IdentitySettings())]
['identity.normalise', 'identity.resolve']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.engines.steps import Step, StepContext
from floorwalker.identity import groups, history, manual, match, registry, resolver, rules, statistics, touched
from floorwalker.identity.calibration import Pinned, levels_path, pinned_levels
from floorwalker.identity.decisions import digest
from floorwalker.identity.guards import Guards, Known
from floorwalker.identity.matching.model import Model
from floorwalker.identity.partition import arrays, divide, gather
from floorwalker.identity.records import OUTPUT, normalise_records
from floorwalker.identity.settings import (
    AlarmSettings,
    GoldenSettings,
    HouseholdSettings,
    IdentitySettings,
    ReviewSettings,
)

if TYPE_CHECKING:
    from floorwalker.identity.standing import Standing

VERSION = "5"
NOTHING = Known()
_PREVIOUS = (
    "silver.customer_map_previous", "silver.customer_aliases_previous", "silver.identity_evidence_previous",
    "silver.identity_summary_previous", "silver.identity_pairs_previous", "silver.identity_matched_previous",
    f"{history.MAP}_previous", f"{history.IDS}_previous",
)  # fmt: skip
REMEMBERED = {
    "silver.customer_map": pa.schema([("record_id", pa.string()), ("customer_id", pa.string())]),
    "silver.customer_aliases": pa.schema(
        [("customer_id", pa.string()), ("alias_of", pa.string()), ("since_run", pa.string()), ("since", pa.date32())]
    ),
    "silver.identity_evidence": pa.schema(
        [
            *((name, pa.string()) for name in ("record_id", "rule", "rule_version")), ("tier", pa.int32()),
            *((name, pa.string()) for name in ("identifier_kind", "identifier_key")), ("weight", pa.float64()),
            *((name, pa.string()) for name in ("kind", "source")), ("first_seen", pa.timestamp("us", "UTC")),
            ("accepted", pa.bool_()), ("reason", pa.string()),
        ]
    ),
    "silver.identity_summary": pa.schema([("name", pa.string()), ("value", pa.float64())]),
    history.MAP: history.MAP_SCHEMA,
    history.IDS: history.IDS_SCHEMA,
    **match.MEMORY,
}  # fmt: skip
"""Tables of the last published run that the room reads, as `<table>_previous`, with the columns they have while there
is none."""


def steps(settings: IdentitySettings, decided: Sequence[Standing] = (), known: Known = NOTHING) -> list[Step]:
    """The steps of the room, for `settings` and what people have decided (`decisions.active`); `known`: what is
    known to name nobody (`guards.known`)."""
    # What is chosen from the records of a customer, and who lives together, changes nobody's customer.
    who = msgspec.structs.replace(
        settings,
        golden=GoldenSettings(),
        household=HouseholdSettings(),
        review=ReviewSettings(),
        alarm=AlarmSettings(),
    )
    text = msgspec.json.encode(who).decode()
    return [
        Step(
            "identity.normalise",
            reads=("silver.identity_records",),
            writes=("silver.normalised_records",),
            run=lambda context: _normalise(context, settings),
            version=VERSION,
            settings=text,
            lineage=_lineage_of_records(),
        ),
        Step(
            "identity.resolve",
            reads=(
                "silver.identity_records",
                "silver.normalised_records",
                *_PREVIOUS,
            ),
            writes=(
                "silver.identity_pairs",
                "silver.identity_matched",
                "silver.identity_evidence",
                "silver.customer_map",
                "silver.customer_aliases",
                "silver.customer_levels",
                "silver.identity_levels",
                "silver.customer_identifiers",
                history.MAP,
                history.IDS,
                "silver.identity_summary",
            ),
            run=lambda context: _resolve(context, settings, decided, known),
            version=VERSION,
            settings=text + known.digest,
            amendments=digest(decided),
            lineage=_lineage_of_customers(),
        ),
    ]


def _lineage_of_records() -> dict[str, dict[str, tuple[str, ...]]]:
    written_in = tuple(f"silver.identity_records.{name}" for name in ("market", "country"))
    keys: dict[str, tuple[str, ...]] = {key: (f"silver.identity_records.{field}",) for key, field in OUTPUT.items()}
    keys["phone_key"] = (*keys["phone_key"], *written_in)
    keys["initial_key"] = keys["given_name_key"]
    return {"silver.normalised_records": {"record_id": ("silver.identity_records.record_id",), **keys}}


def _lineage_of_customers() -> dict[str, dict[str, tuple[str, ...]]]:
    """A customer follows from every key; identifiers and evidence quote them."""
    raw, record = "silver.identity_records.", ("silver.identity_records.record_id",)
    keys = tuple(f"silver.normalised_records.{key}" for key in OUTPUT)
    seen = (f"{raw}first_seen", f"{raw}last_seen")
    customer = (*keys, *record, *seen)
    said = tuple(raw + OUTPUT[key] for key in rules.KEYS.values())
    found = (
        "rule",
        "rule_version",
        "tier",
        "identifier_kind",
        "identifier_key",
        "weight",
        "kind",
        "accepted",
        "reason",
    )
    return {
        "silver.identity_pairs": {
            **dict.fromkeys(("record_a", "record_b"), record),
            **dict.fromkeys(("weight", "probability", "model", "against_strangers", *match.GAMMAS), keys),
        },
        "silver.identity_matched": {"record_id": record, "said": keys, "model": keys},
        "silver.identity_levels": dict.fromkeys(
            ("step", "name", "tier", "weight", "customers", "pairs", "wrong_pairs", "precision", "recall", "levels"),
            keys,
        ),
        "silver.customer_levels": {"record_id": record, "level": (), "customer_id": customer},
        "silver.customer_map": {"record_id": record, "customer_id": customer},
        "silver.customer_aliases": dict.fromkeys(("customer_id", "alias_of", "since_run", "since"), customer),
        history.MAP: {"record_id": record, **dict.fromkeys(history.MAP_SCHEMA.names[1:], customer)},
        history.IDS: dict.fromkeys(history.IDS_SCHEMA.names, customer),
        "silver.identity_evidence": {
            "record_id": record,
            "source": (f"{raw}source",),
            "first_seen": seen[:1],
            **dict.fromkeys(found, (*keys, *seen)),
        },
        "silver.customer_identifiers": {
            "customer_id": customer,
            "kind": (),
            "value": (*said, f"{raw}last_seen"),
            "key": keys,
            "records": record,
            "sources": (f"{raw}source",),
            "first_seen": seen[:1],
            "last_seen": seen[1:],
        },
        "silver.identity_summary": dict.fromkeys(("name", "value"), customer),
    }


def _normalise(context: StepContext, settings: IdentitySettings) -> None:
    context.write("silver.normalised_records", normalise_records(context.connection, settings))
    context.connection.execute("DROP TABLE IF EXISTS identity_normalised")
    context.progress(1.0, "records normalised")


def _resolve(context: StepContext, settings: IdentitySettings, decided: Sequence[Standing], known: Known) -> None:
    connection, guards = context.connection, Guards(context, settings, known)
    partial = context.since is not None and touched.find(connection, decided, settings)
    while True:
        model = _gather_evidence(context, settings, decided, partial)
        gathered = gather(connection)
        labels, refused = resolver.resolve(gathered.people, gathered.evidence, settings)
        if not guards.took_out(gathered, labels, refused):
            break
        # What was taken out is compared with nobody either: that is seen to where all records are looked at.
        partial = False
    guards.pin(whole=not partial)
    context.progress(0.6, "evidence resolved")
    path = levels_path(context.project.state)
    pinned = pinned_levels(path, gathered, refused, _nodes_of_rules(connection), model, settings, partial)
    found = divide(connection, gathered, refused, pinned.cuts, settings.level, settings)
    context.progress(0.7, "customers resolved")
    rids = np.arange(len(found.labels), dtype=np.int32)
    _stage(connection, "identity_partition", {"rid": rids, "label": found.labels})
    _stage(connection, "identity_verdicts", found.verdicts)
    others = touched.others(connection) if partial else (0, 0)
    churn = registry.assign_ids(connection, context.project.secret, context.run_id, context.as_of, others)
    context.progress(0.8, "customer ids assigned")
    groups.make_groups(connection, found.levels, context.project.secret, settings)
    _make_evidence(connection, model.id if model else "")
    _write(context, partial)
    context.write("silver.identity_levels", _curve(pinned))
    context.write("silver.identity_summary", _summary(connection, churn, settings, partial))
    for table in _TEMPORARY:
        connection.execute(f"DROP TABLE IF EXISTS identity_{table}")
    context.progress(1.0, "customers written")


def _gather_evidence(
    context: StepContext, settings: IdentitySettings, decided: Sequence[Standing], partial: bool
) -> Model | None:
    """identity_people, identity_hubs, identity_pieces, identity_probable; the model that weighed the latter."""
    connection = context.connection
    if partial:
        touched.look_at(connection)
        with touched.narrowed(connection, "SELECT record_id FROM identity_looked_at"):
            rules.make_people(connection)
            rules.make_hubs(connection, settings)
            rules.make_pieces(connection, settings)
        touched.keep(connection)
        model = match.take_over(context)
    else:
        rules.make_people(connection)
        rules.make_hubs(connection, settings)
        context.progress(0.1, "identifiers counted")
        model = match.match(context, settings)
        context.progress(0.4, "probable pairs weighed")
        rules.make_pieces(connection, settings)
        manual.make_claims(connection, decided)
    manual.place_claims(connection)
    manual.add_pieces(connection)
    context.progress(0.5, "evidence gathered")
    return model


def _nodes_of_rules(connection: duckdb.DuckDBPyConnection) -> dict[str, NDArray[np.uint64]]:
    """Rule -> nodes of its evidence, for the rules that levels are judged without."""
    rows = arrays(connection, "SELECT DISTINCT rule, node FROM identity_pieces WHERE rule LIKE 'loyalty%'")
    return {str(rule): rows["node"][rows["rule"] == rule] for rule in np.unique(rows["rule"])}


_TEMPORARY = (
    "people", "names", "hubs", "barred", "values", "pieces", "probable", "partition", "verdicts", "map", "aliases",
    "evidence", "churn", "groups", "rows",
    *manual.TABLES, *history.TABLES, *touched.TABLES,
)  # fmt: skip


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
        ("silver.customer_identifiers", "customer_id", f"({_identifiers()}) ORDER BY customer_id, kind, key"),
        ("silver.customer_levels", "record_id", "identity_groups ORDER BY level, record_id"),
    ):
        if partial:
            # Few rows, which a merge looks at more than once.
            connection.execute(f"CREATE OR REPLACE TEMP TABLE identity_rows AS FROM {rows}")
            scope = records if key == "record_id" else customers
            context.merge(
                table, [key], connection.sql(f"SELECT {key} FROM {scope}"), connection.sql("FROM identity_rows")
            )
        else:
            context.write(table, connection.sql(f"FROM {rows}"))
    for table, changes, scope in (
        (history.MAP, history.map_changes, records),
        (history.IDS, history.id_changes, customers),
    ):
        key, found = changes(connection, context.run_id, context.as_of, scope if partial else "")
        context.merge(table, [key], found.touched, found.rows)


def _curve(pinned: Pinned) -> pa.Table:
    """silver.identity_levels: the curve, and which step ends which level."""
    steps = pinned.steps
    ends = [
        sorted(name for name, cut in pinned.cuts.items() if (cut.tier, cut.weight) == (step.tier, step.weight))
        for step in steps
    ]
    return pa.table(
        {
            "step": pa.array(range(len(steps)), pa.int32()),
            "name": pa.array([step.name for step in steps], pa.string()),
            "tier": pa.array([step.tier for step in steps], pa.int32()),
            "weight": pa.array([step.weight for step in steps], pa.float64()),
            "customers": pa.array([step.customers for step in steps], pa.int64()),
            "pairs": pa.array([step.pairs for step in steps], pa.int64()),
            "wrong_pairs": pa.array([step.wrong for step in steps], pa.int64()),
            "precision": pa.array([step.precision for step in steps], pa.float64()),
            "recall": pa.array([step.recall for step in steps], pa.float64()),
            "levels": pa.array([",".join(names) or None for names in ends], pa.string()),
        }
    )


def _stage(
    connection: duckdb.DuckDBPyConnection, table: str, columns: pa.Table | dict[str, NDArray | pa.Array]
) -> None:
    arrow = columns if isinstance(columns, pa.Table) else pa.table(columns)
    connection.register("identity_batch", arrow)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM identity_batch")
    connection.unregister("identity_batch")


def _make_evidence(connection: duckdb.DuckDBPyConnection, model: str) -> None:
    key = " ".join(f"WHEN '{rule.name}' THEN {rule.key}" for rule in rules.RULES.values())
    kind = " ".join(f"WHEN '{rule.name}' THEN '{rule.identifier_kind}'" for rule in rules.RULES.values())
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_evidence AS
        SELECT p.record_id, i.rule, '{rules.VERSION}' AS rule_version, i.tier::INTEGER AS tier,
               CASE i.rule {kind} END AS identifier_kind, CASE i.rule {key} END AS identifier_key, i.weight,
               'det' AS kind,
               p.source, p.first_seen, coalesce(v.reason = '', FALSE) AS accepted,
               nullif(coalesce(v.reason, i.blocked), '') AS reason
        FROM identity_pieces i
        JOIN identity_people p USING (rid)
        LEFT JOIN identity_verdicts v ON v.rid = i.rid AND v.node = i.node
        WHERE i.partner < 0
        UNION ALL
        SELECT a.record_id, 'model', '{model}', {resolver.PROBABLE}, 'record', b.record_id, e.weight, 'prob', a.source,
               a.first_seen, v.reason = '', nullif(v.reason, '')
        FROM identity_probable e
        JOIN identity_people a ON a.rid = e.rid_a
        JOIN identity_people b ON b.rid = e.rid_b
        JOIN identity_verdicts v ON v.rid = e.rid_a AND v.node = md5_number_lower(a.record_id || b.record_id)
    """)
    manual.add_evidence(connection)


def _identifiers() -> str:
    """SQL: identifiers that name their customer: no hub's, and no device or cookie that is shared or another's."""
    parts = []
    for kind, column in rules.KEYS.items():
        field = OUTPUT[column]
        refused = (
            f"NOT EXISTS (SELECT 1 FROM identity_hubs h WHERE h.kind = '{kind}' AND h.code = p.{kind}_code)"
            if kind in resolver.COUNTED
            else f"NOT EXISTS (SELECT 1 FROM identity_evidence e WHERE e.record_id = p.record_id AND e.rule = '{kind}' "
            "AND NOT e.accepted)"
        )
        parts.append(f"""
            SELECT m.customer_id, '{kind}' AS kind, arg_max(r.{field}, (r.last_seen, r.record_id)) AS value,
                   p.{column} AS key, count(*) AS records,
                   string_agg(DISTINCT r.source, ',' ORDER BY r.source) AS sources,
                   min(r.first_seen) AS first_seen, max(r.last_seen) AS last_seen
            FROM identity_people p
            JOIN identity_map m USING (record_id)
            JOIN silver.identity_records r USING (record_id)
            WHERE p.{column} IS NOT NULL AND {refused}
            GROUP BY m.customer_id, p.{column}
        """)
    return " UNION ALL ".join(parts)


def _summary(
    connection: duckdb.DuckDBPyConnection, churn: registry.Churn, settings: IdentitySettings, partial: bool
) -> duckdb.DuckDBPyRelation:
    """silver.identity_summary(name, value): what the console shows and the breaker watches. `partial`: not all records
    were looked at; what no decision can change is as it was."""
    registered = {
        "ids.kept": churn.kept,
        "ids.created": churn.created,
        "ids.merged": churn.merged,
        "ids.split": churn.split,
        "ids.revived": churn.revived,
        "ids.stability": churn.stability,
    }
    _stage(
        connection,
        "identity_churn",
        {"name": pa.array(list(registered)), "value": pa.array(list(registered.values()), pa.float64())},
    )
    customers, evidence = "identity_map", "identity_evidence"
    people = "SELECT record_id, words, known FROM identity_people"
    standing = f"""
        SELECT 'records' AS name, count(*) AS value FROM identity_people
        UNION ALL SELECT 'records.anonymous', count(*) FILTER (NOT known) FROM identity_people
        UNION ALL SELECT 'records.without_identifier', count(*) FROM identity_people
            WHERE coalesce({", ".join(rules.KEYS.values())}) IS NULL
        UNION ALL SELECT CASE WHEN starts_with(reason, '{statistics.QUARANTINED}') THEN 'quarantined.'
                              ELSE 'hubs.' END || kind, count(*) FROM identity_hubs GROUP BY ALL
    """
    if partial:
        customers, evidence = "silver.customer_map", "silver.identity_evidence"
        people = f"SELECT record_id, {rules.WORDS} AS words, {rules.KNOWN} AS known FROM silver.normalised_records"
        standing = """
            SELECT name, value FROM silver.identity_summary_previous
            WHERE NOT regexp_matches(name, '^((ids|accepted|refused|decisions)[.]|customers|largest_customer)')
        """
    return connection.sql(f"""
        WITH sizes AS (
            SELECT m.customer_id, count(*) AS records, count(DISTINCT p.words) FILTER (p.known) AS word_sets
            FROM {customers} m JOIN ({people}) p USING (record_id) GROUP BY m.customer_id
        )
        SELECT name, value::DOUBLE AS value FROM (
            {standing}
            UNION ALL SELECT 'customers', count(*) FROM sizes
            UNION ALL SELECT 'customers.one_record', count(*) FILTER (records = 1) FROM sizes
            UNION ALL SELECT 'largest_customer', coalesce(max(records), 0) FROM sizes
            UNION ALL SELECT 'largest_customer.word_sets', coalesce(max(word_sets), 0) FROM sizes
            UNION ALL SELECT 'customers.at_record_limit',
                count(*) FILTER (word_sets >= {settings.cluster_records}) FROM sizes
            UNION ALL SELECT 'accepted.' || rule, count(*) FROM {evidence}
                WHERE accepted AND kind <> '{manual.CUT}' GROUP BY rule
            UNION ALL SELECT 'refused.' || reason, count(*) FROM {evidence} WHERE NOT accepted GROUP BY reason
            UNION ALL SELECT 'decisions.' || CASE kind WHEN '{manual.CUT}' THEN 'cut' ELSE 'link' END,
                count(DISTINCT rule_version) FROM {evidence} WHERE rule = '{manual.RULE}' GROUP BY kind
            UNION ALL SELECT name, value FROM identity_churn
        ) ORDER BY name
    """)
