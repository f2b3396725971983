"""Identity in a run: two steps, from raw identifiers to customers.

In: silver.identity_records, and the map and aliases last published (silver.customer_map_previous,
silver.customer_aliases_previous; empty on the first run). Out:

- silver.normalised_records    the keys of each record
- silver.identity_evidence     every piece of evidence, accepted or refused with its reason
- silver.customer_map          every record exactly once, with its customer
- silver.customer_aliases      ids that were merged into others
- silver.customer_identifiers  what each customer can be reached or recognised by
- silver.identity_summary      the figures of the run

>>> [step.name for step in steps(IdentitySettings())]
['identity.normalise', 'identity.resolve']
"""

from __future__ import annotations

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from floorwalker.engines.steps import Step, StepContext
from floorwalker.identity import anonymous, registry, resolver, rules
from floorwalker.identity.records import OUTPUT, normalise_records
from floorwalker.identity.settings import GoldenSettings, HouseholdSettings, IdentitySettings

VERSION = "2"


def steps(settings: IdentitySettings) -> list[Step]:
    """The steps of the room, for `settings`."""
    # What is chosen from the records of a customer, and who lives together, changes nobody's customer.
    who = msgspec.structs.replace(settings, golden=GoldenSettings(), household=HouseholdSettings())
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
                "silver.customer_map_previous",
                "silver.customer_aliases_previous",
            ),
            writes=(
                "silver.identity_evidence",
                "silver.customer_map",
                "silver.customer_aliases",
                "silver.customer_identifiers",
                "silver.identity_summary",
            ),
            run=lambda context: _resolve(context, settings),
            version=VERSION,
            settings=text,
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
        "silver.customer_map": {"record_id": record, "customer_id": customer},
        "silver.customer_aliases": dict.fromkeys(("customer_id", "alias_of", "since_run", "since"), customer),
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


def _arrays(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, NDArray]:
    """Columns without NULL as numpy arrays."""
    table = connection.sql(query).to_arrow_table()
    return {name: table[name].to_numpy() for name in table.column_names}


def _people(connection: duckdb.DuckDBPyConnection) -> tuple[resolver.People, NDArray[np.bool_]]:
    """Constraints per record; a hub's value constrains nobody."""
    codes = ", ".join(f"{kind}_code" for kind in resolver.COUNTED)
    columns = _arrays(
        connection,
        f"SELECT {codes}, given_code, family_code, birth_code, words, known FROM identity_people ORDER BY rid",
    )
    hubs = _arrays(connection, "SELECT DISTINCT code FROM identity_hubs")["code"]
    for kind in resolver.COUNTED:
        columns[f"{kind}_code"] = np.where(
            np.isin(columns[f"{kind}_code"], hubs), np.uint64(0), columns[f"{kind}_code"]
        )
    people = resolver.People(
        codes={kind: columns[f"{kind}_code"] for kind in resolver.COUNTED},
        given=columns["given_code"],
        family=columns["family_code"],
        names=["", *_arrays(connection, "SELECT name FROM identity_names ORDER BY place")["name"].tolist()],
        birth=columns["birth_code"],
        words=columns["words"],
    )
    return people, columns["known"].astype(bool)


def _resolve(context: StepContext, settings: IdentitySettings) -> None:
    connection = context.connection
    rules.make_people(connection)
    rules.make_hubs(connection, settings)
    rules.make_pieces(connection, settings)
    context.progress(0.4, "evidence gathered")
    people, known = _people(connection)
    labels, verdicts = partition(connection, people, known, settings)
    context.progress(0.6, "customers resolved")
    _stage(connection, "identity_partition", {"rid": np.arange(len(labels), dtype=np.int32), "label": labels})
    _stage(connection, "identity_verdicts", verdicts)
    churn = registry.assign_ids(connection, context.project.secret, context.run_id, context.as_of)
    context.progress(0.8, "customer ids assigned")
    context.write("silver.customer_map", connection.sql("FROM identity_map ORDER BY record_id"))
    context.write("silver.customer_aliases", connection.sql("FROM identity_aliases ORDER BY customer_id"))
    _make_evidence(connection)
    context.write(
        "silver.identity_evidence",
        connection.sql("FROM identity_evidence ORDER BY tier, rule, identifier_key, record_id"),
    )
    context.write("silver.customer_identifiers", _identifiers(connection))
    context.write("silver.identity_summary", _summary(connection, churn, settings))
    for table in (
        "people", "names", "hubs", "values", "pieces", "partition", "verdicts", "map", "aliases", "evidence", "churn",
    ):  # fmt: skip
        connection.execute(f"DROP TABLE identity_{table}")
    context.progress(1.0, "customers written")


def partition(
    connection: duckdb.DuckDBPyConnection,
    people: resolver.People,
    known: NDArray[np.bool_],
    settings: IdentitySettings,
) -> tuple[NDArray[np.int32], dict[str, NDArray | pa.Array]]:
    """(label per record, verdict per piece) from identity_pieces: known records first, then anonymous visits.

    The partition equals the connected components of the accepted evidence."""
    strong = _arrays(
        connection,
        "SELECT rid, node, tier, weight FROM identity_pieces WHERE tier <> 3 AND blocked IS NULL "
        "ORDER BY rule, node, rid",
    )
    alone = np.full(len(strong["rid"]), -1, dtype=np.int32)
    evidence = resolver.Evidence(strong["rid"], strong["node"], strong["tier"], strong["weight"], alone)
    labels, refused = resolver.resolve(people, evidence, settings)
    weak = _arrays(
        connection,
        """
        SELECT i.rid, i.node, (CASE i.rule WHEN 'device_id' THEN 0 ELSE 1 END)::TINYINT AS kind,
               coalesce(epoch_us(p.first_seen), 0) AS first_seen, coalesce(epoch_us(p.last_seen), 0) AS last_seen
        FROM identity_pieces i JOIN identity_people p USING (rid)
        WHERE i.tier = 3 AND i.blocked IS NULL ORDER BY i.rule, i.node, i.rid
        """,
    )
    visits = anonymous.Visits(weak["rid"], weak["node"], weak["kind"], weak["first_seen"], weak["last_seen"])
    lent = anonymous.attach(labels, known, visits, settings)
    kept = lent == 0
    hashes, node = np.unique(visits.node[kept], return_inverse=True)
    count = len(people)
    left = np.concatenate([visits.record[kept], np.arange(count, dtype=np.int32)])
    right = np.concatenate([node + count, labels])
    final = resolver.smallest_member(resolver.components(left, right, count + len(hashes))[:count])
    words = np.array([*resolver.reasons(settings), *anonymous.reasons(settings)])
    codes = np.concatenate([refused.astype(np.int16), lent.astype(np.int16) + len(resolver.reasons(settings))])
    verdicts = {
        "rid": np.concatenate([evidence.record, visits.record]),
        "node": np.concatenate([evidence.node, visits.node]),
        "reason": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words.tolist())),
    }
    return final, verdicts


def _stage(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, NDArray | pa.Array]) -> None:
    arrow = pa.table(columns)
    connection.register("identity_batch", arrow)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM identity_batch")
    connection.unregister("identity_batch")


def _make_evidence(connection: duckdb.DuckDBPyConnection) -> None:
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
    """)


def _identifiers(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """Identifiers that name their customer: no hub's, and no device or cookie that is shared or another's."""
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
    return connection.sql(f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY customer_id, kind, key")


def _summary(
    connection: duckdb.DuckDBPyConnection, churn: registry.Churn, settings: IdentitySettings
) -> duckdb.DuckDBPyRelation:
    """silver.identity_summary(name, value): what the console shows and the breaker watches."""
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
    return connection.sql(f"""
        WITH sizes AS (
            SELECT m.customer_id, count(*) AS records, count(DISTINCT p.words) FILTER (p.known) AS word_sets
            FROM identity_map m JOIN identity_people p USING (record_id) GROUP BY m.customer_id
        )
        SELECT name, value::DOUBLE AS value FROM (
            SELECT 'records' AS name, (SELECT count(*) FROM identity_map) AS value
            UNION ALL SELECT 'customers', count(*) FROM sizes
            UNION ALL SELECT 'customers.one_record', count(*) FILTER (records = 1) FROM sizes
            UNION ALL SELECT 'largest_customer', coalesce(max(records), 0) FROM sizes
            UNION ALL SELECT 'largest_customer.word_sets', coalesce(max(word_sets), 0) FROM sizes
            UNION ALL SELECT 'customers.at_record_limit',
                count(*) FILTER (word_sets >= {settings.cluster_records}) FROM sizes
            UNION ALL SELECT 'records.anonymous', count(*) FILTER (NOT known) FROM identity_people
            UNION ALL SELECT 'records.without_identifier', count(*) FROM identity_people
                WHERE coalesce(loyalty_key, account_key, ref_key, email_key, phone_key, device_key, cookie_key) IS NULL
            UNION ALL SELECT 'accepted.' || rule, count(*) FROM identity_evidence WHERE accepted GROUP BY rule
            UNION ALL SELECT 'refused.' || reason, count(*) FROM identity_evidence WHERE NOT accepted GROUP BY reason
            UNION ALL SELECT 'hubs.' || kind, count(*) FROM identity_hubs GROUP BY kind
            UNION ALL SELECT name, value FROM identity_churn
        ) ORDER BY name
    """)
