"""Who is who in any table: records with columns of known kinds, without a project.

In: an Arrow table with `record_id` and columns, and the kind of each. Out: `Linked`: a group per record, and the
pairs that were weighed.

    linked = link(table, {"forename": "given_name", "surname": "family_name", "born": "birth_date", "zip": "postcode"})
    linked.groups        # record_id, group

People, companies, papers or products: the same matcher as a run's, learned from the table itself. A street number and
its street are one address. Words of a text that few records have are blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from floorwalker.errors import ConfigError
from floorwalker.identity.levels import Cut, Graph, Judged, choose_cut, curve, plan
from floorwalker.identity.matching.duckdb_scoring import edges
from floorwalker.identity.matching.model import Model
from floorwalker.identity.matching.training import learn
from floorwalker.identity.resolver import PROBABLE, Evidence, People, resolve_within, smallest_member

MOST_RECORDS = 60
"""No group grows beyond this: far larger ones are chains of chance."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Linked(NamedTuple):
    """`groups`: record_id, group (its smallest record_id). `pairs`: record_a, record_b, weight, probability. `cut`: the
    bits from which on pairs were taken. `precision`: expected share of right pairs within groups."""

    groups: pa.Table
    pairs: pa.Table
    model: Model
    cut: float
    precision: float


def link(
    records: pa.Table,
    fields: Mapping[str, str],
    *,
    precision: float = 0.99,
    between: str | None = None,
    threads: int | None = None,
) -> Linked:
    """Group the records. `fields`: column -> kind (`comparisons.KINDS`). `precision`: of the pairs of records within
    groups, the share that must be expected to be right. `between`: a column that names a record's source, where only
    records of different sources are to be linked. Deterministic.

    Raises ConfigError for an unknown kind, a missing column, or ids that are not unique."""
    with duckdb.connect() as connection:
        if threads:
            connection.execute(f"SET threads = {int(threads)}")
        used = _prepare(connection, records, fields)
        model = learn(connection, "link_records", used)
        edges(connection, model, "link_records", "link_edges")
        apart = f'x."{between}" <> y."{between}"' if between else "TRUE"
        found = connection.sql(
            "SELECT rid_a, rid_b, weight, hash(a.words, b.words) AS node FROM link_edges "
            "JOIN link_words a ON a.rid = rid_a JOIN link_words b ON b.rid = rid_b "
            "JOIN given x ON x.record_id = a.record_id JOIN given y ON y.record_id = b.record_id "
            f"WHERE {apart} ORDER BY rid_a, rid_b"
        ).to_arrow_table()
        ids = connection.sql("SELECT record_id FROM link_words ORDER BY rid").to_arrow_table()["record_id"]
    a, b, weight = (found[name].to_numpy() for name in ("rid_a", "rid_b", "weight"))
    labels, cut, expected = _group(len(ids), a, b, weight, found["node"].to_numpy(), model, precision)
    names = ids.combine_chunks()
    chance = 1 / (1 + np.exp2(-weight))
    return Linked(
        pa.table({"record_id": names, "group": names.take(pa.array(labels))}),
        pa.table({"record_a": names.take(pa.array(a)), "record_b": names.take(pa.array(b)), "weight": weight,
                  "probability": chance}),
        model,
        cut,
        expected,
    )  # fmt: skip


def _group(
    count: int, a: np.ndarray, b: np.ndarray, weight: np.ndarray, node: np.ndarray, model: Model, target: float
) -> tuple[np.ndarray, float, float]:  # fmt: skip
    rows = np.flatnonzero(weight >= 0)
    evidence = Evidence(
        a[rows].astype(np.int32), node[rows].astype(np.uint64), np.full(len(rows), PROBABLE, np.int8), weight[rows],
        b[rows].astype(np.int32),
    )  # fmt: skip
    nobody = np.zeros(count, np.int32)
    people = People({}, nobody, nobody, [""], nobody, np.arange(count, dtype=np.uint64))
    _, refused = resolve_within(people, evidence, {}, MOST_RECORDS)
    steps = curve(people, evidence, refused, plan([]), Judged([], None), model.match * count * (count - 1) / 2)
    cut = choose_cut(steps, target)
    expected = next(step.precision for step in steps if (step.tier, step.weight) == (cut.tier, cut.weight))
    graph = Graph.of(count, evidence, refused == 0)
    return smallest_member(graph.labels(Cut(cut.tier, cut.weight))), cut.weight, expected


def _prepare(connection: duckdb.DuckDBPyConnection, records: pa.Table, fields: Mapping[str, str]) -> dict[str, str]:
    """link_records(rid, fields as text, blanks as NULL) and link_words(rid, record_id, words); the fields in use."""
    missing = [column for column in ("record_id", *fields) if column not in records.column_names]
    if missing:
        raise ConfigError(f"the table has no column {missing[0]!r}", fix=f"it has {', '.join(records.column_names)}")
    connection.register("given", records)
    ((total, different),) = connection.execute("SELECT count(*), count(DISTINCT record_id) FROM given").fetchall()
    if total != different:
        raise ConfigError(
            "record ids are not unique", why=f"{total:,} records, {different:,} ids", fix="give each record its own id"
        )
    used, columns = {}, []
    number = next((column for column, kind in fields.items() if kind == "street_number"), None)
    for place, (column, kind) in enumerate(fields.items()):
        name = column if _NAME.fullmatch(column) else f"field_{place}"
        text = f'lower(trim("{column}"::VARCHAR))'
        if kind == "address" and number:
            text = f"CASE WHEN {text} <> '' THEN concat_ws(' ', nullif(trim(\"{number}\"::VARCHAR), ''), {text}) END"
        if kind in ("number", "year"):
            text = f"TRY_CAST(nullif(regexp_replace({text}, '[^0-9.]', '', 'g'), '') AS DOUBLE)::VARCHAR"
        if kind == "text":
            text = f"trim(regexp_replace({text}, '[^\\pL\\pN]+', ' ', 'g'))"
        if kind == "street_number" and "address" in fields.values():
            continue
        used[name] = kind
        columns.append(f"nullif({text}, '') AS {name}")
    connection.execute(f"""
        CREATE TEMP TABLE link_plain AS
        SELECT (row_number() OVER (ORDER BY record_id))::INTEGER - 1 AS rid, record_id::VARCHAR AS record_id,
               {", ".join(columns)} FROM given
    """)
    words = [_rare_words(connection, column) for column, kind in list(used.items()) if kind == "text"]
    joins = "".join(f" LEFT JOIN {column} USING (rid)" for column in words)
    used |= dict.fromkeys(words, "word")
    fields_sql = ", ".join(used)
    connection.execute(
        f"CREATE TEMP TABLE link_records AS SELECT rid, {fields_sql} FROM link_plain{joins} ORDER BY rid"
    )
    listed = ", ".join(column for column in used if column not in words)
    connection.execute(
        f"CREATE TEMP TABLE link_words AS SELECT rid, record_id, md5_number_lower(concat_ws('|', {listed})) AS words "
        "FROM link_plain"
    )
    return used


def _rare_words(connection: duckdb.DuckDBPyConnection, column: str) -> str:
    """Make a table (rid, <column>_word) of each text's rarest word that another record has too."""
    name = f"{column}_word"
    connection.execute(f"""
        CREATE TEMP TABLE {name} AS
        WITH words AS (SELECT DISTINCT rid, unnest(string_split({column}, ' ')) AS word FROM link_plain),
        counted AS (SELECT word, count(*) AS records FROM words WHERE length(word) > 1 GROUP BY word)
        SELECT rid, arg_min(word, (records, word)) AS {name} FROM words JOIN counted USING (word)
        WHERE records > 1 GROUP BY rid
    """)
    return name
