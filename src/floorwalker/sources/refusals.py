"""What goes to quarantine while a group of files is read: rows with reasons, rows no map takes, lines that are no rows.

In: the tables a loaded and staged group leaves (`incoming_raw`, `incoming_malformed`, `incoming_staged_<kind>`).
Out: rows of `incoming_quarantine`, each with where it stood and what it said.

A row's number is its place among the records of its file, the refused ones counted:

    no,qty          header
    1,2             row 1
    2               row 2, malformed
    3,two           row 3, its quantity cannot be read
"""

from __future__ import annotations

import duckdb

from floorwalker.sources.compile import staged_name
from floorwalker.sources.conversions import literal
from floorwalker.sources.loading import BAD_JSON, NO_MAP, TOTALS, Group, raw_json
from floorwalker.sources.mapping import Mapping

QUARANTINE = """
CREATE OR REPLACE TEMP TABLE incoming_quarantine (
  fw_delivery INTEGER, source VARCHAR, mapping VARCHAR, kind VARCHAR, delivery_id VARCHAR, fingerprint VARCHAR,
  content VARCHAR, file VARCHAR, row_number BIGINT, reason VARCHAR, raw VARCHAR
)"""

# The n-th good row stands behind as many refused lines as came before it.
_GAPS = """
CREATE OR REPLACE TEMP TABLE incoming_gaps AS
SELECT fw_file, good, max(turn) AS shift
FROM (
  SELECT fw_file, turn, record - turn AS good
  FROM (
    SELECT fw_file, record, row_number() OVER (PARTITION BY fw_file ORDER BY record) AS turn FROM incoming_malformed
  )
)
GROUP BY fw_file, good"""

_BAD_ROWS = """
SELECT b.fw_file, b.kind, b.fw_row + coalesce(g.shift, 0) AS row_number, b.reason, r.raw
FROM incoming_bad AS b
JOIN incoming_parts AS p ON p.fw_file = b.fw_file
JOIN ({raw}) AS r ON r.fw_rowid = b.fw_row + p.fw_first - 1
ASOF LEFT JOIN incoming_gaps AS g ON g.fw_file = b.fw_file AND g.good < b.fw_row
UNION ALL"""

_INSERT = """
INSERT INTO incoming_quarantine
SELECT fw_delivery, source, mapping, kind, delivery_id, fingerprint, content, file, row_number, reason, raw
FROM (
  {rows}
  SELECT fw_file, '' AS kind, record AS row_number, reason, CAST(to_json(raw) AS VARCHAR) AS raw FROM incoming_malformed
)
JOIN incoming_files USING (fw_file)
JOIN incoming_deliveries USING (fw_delivery)
ORDER BY fw_file, row_number"""


def put_aside(connection: duckdb.DuckDBPyConnection, mapping: Mapping, group: Group) -> None:
    """Add what a group's files hold that fits nowhere. Raw rows are looked up only where there are any."""
    within = f"fw_file BETWEEN {group.numbers[0]} AND {group.numbers[-1]}"
    bad = [
        f"SELECT {literal(kind)} AS kind, fw_file, fw_row, fw_reason AS reason FROM {staged_name(kind)} "
        f"WHERE fw_reason IS NOT NULL AND NOT fw_suppressed AND {within}"
        for kind in mapping.kinds
    ]
    names = {NO_MAP: "no map matches", BAD_JSON: "invalid JSON line", TOTALS: "a row of totals, not a record"}
    unrouted = [code for code in names if code != NO_MAP or mapping.rest != "skip"]
    bad += [
        f"SELECT '' AS kind, fw_file, incoming_raw.rowid - fw_first + 1 AS fw_row, {literal(names[code])} AS reason "
        f"FROM incoming_raw JOIN incoming_parts USING (fw_file) WHERE fw_map = {code}"
        for code in unrouted
    ]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE incoming_bad AS {' UNION ALL '.join(bad)}")
    connection.execute(_GAPS)
    any_bad = connection.execute("SELECT 1 FROM incoming_bad LIMIT 1").fetchone() is not None
    connection.execute(_INSERT.format(rows=_BAD_ROWS.format(raw=raw_json(group)) if any_bad else ""))


def skipped_rows(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> list[tuple[int, int]]:
    """(delivery, rows) of what no map takes, where the mapping lets such rows pass."""
    if mapping.rest != "skip":
        return []
    return connection.execute(
        "SELECT fw_delivery, count(*) FROM incoming_raw JOIN incoming_parts USING (fw_file) "
        f"WHERE fw_map = {NO_MAP} GROUP BY fw_delivery ORDER BY fw_delivery"
    ).fetchall()
