"""Files of many deliveries, grouped by what they look like and loaded into one raw table a group.

In: a mapping and deliveries. Out: `Group`s of files with the same format and columns, the deliveries that had to be
refused, and for a group at a time the temporary tables `incoming_raw`, `incoming_parts` and `incoming_malformed`.

A group is what one scan reads: 305 daily files with one header are one scan. Groups end at `GROUP_BYTES`, so that the
raw text of a long history never lies in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from floorwalker.errors import FloorwalkerError, SourceError
from floorwalker.sources.compile import Layout, named_columns, routing_sql
from floorwalker.sources.conversions import literal, quoted
from floorwalker.sources.files import Delivery
from floorwalker.sources.looking import FileFacts, look
from floorwalker.sources.mapping import Mapping

GROUP_BYTES = 1 << 30
NO_MAP, BAD_JSON, BLANK, TOTALS = -1, -2, -3, -4
"""Values of `fw_map` for rows that go to no map."""
PACKED, PACKING = 8, (".parquet", ".pq", ".gz", ".zst", ".bz2", ".xz", ".zip", ".tgz", ".xlsx", ".xlsm")
"""About how many times larger files with such endings are inside."""
LAST = 5
"""Among so many last rows of a file totals are looked for."""
_TOTALS = (
    r"((grand|overall|report) ?)?(sub-? ?)?totals?|sum|((gesamt|end|zwischen)-?)?summe|(ins)?gesamt|gesamtbetrag|totaal"
    r"|totale|totales|total general|total général|sous-total|somme|suma|soma|razem|итого|всего|合計|总计|總計"
)
_MALFORMED = {
    "MISSING COLUMNS": "malformed line: too few fields",
    "TOO MANY COLUMNS": "malformed line: too many fields",
    "INVALID ENCODING": "malformed line: not UTF-8",
    "LINE SIZE OVER MAXIMUM": "malformed line: too long",
}
_OPEN_QUOTE = "malformed line: quotes that do not match"


@dataclass(frozen=True)
class Part:
    """One file: `delivery` is the place of its delivery among the deliveries."""

    delivery: int
    path: Path
    name: str
    bad: dict[int, str] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)
    """Reasons of bad lines, where they are other than a quote that never closes."""


@dataclass
class Group:
    """Files that one scan can read. `first`: number of its first file among the files of all groups."""

    layout: Layout
    delimiter: str
    parts: list[Part] = field(default_factory=list)
    size: int = 0
    first: int = 0

    @property
    def numbers(self) -> list[int]:
        return list(range(self.first, self.first + len(self.parts)))

    @property
    def paths(self) -> str:
        return "[" + ", ".join(literal(str(part.path)) for part in self.parts) + "]"


def make_groups(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    deliveries: list[Delivery],
    scratch: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[list[Group], dict[int, FloorwalkerError], list[FileFacts]]:
    """Look into every file. A delivery with one unreadable file is refused whole; the others go on."""
    groups: list[Group] = []
    facts: list[FileFacts] = []
    current: dict[tuple[object, ...], Group] = {}
    refused: dict[int, FloorwalkerError] = {}
    for index, delivery in enumerate(deliveries):
        try:
            looks = [look(connection, mapping, file.path, file.name, scratch, progress) for file in delivery.files]
        except SourceError as error:
            refused[index] = error
            continue
        for seen in (seen for pieces in looks for seen in pieces):
            facts.append(seen.facts)
            layout, path = seen.layout, seen.path
            if not layout.columns:
                continue
            key = (layout.form, seen.delimiter, tuple(layout.columns.items()))
            group = current.get(key)
            size = path.stat().st_size * (PACKED if path.suffix in PACKING or layout.form == "parquet" else 1)
            if group is None or group.size + size > GROUP_BYTES:
                group = current[key] = Group(layout, seen.delimiter)
                groups.append(group)
            group.parts.append(Part(index, path, seen.name, seen.bad, seen.why))
            group.size += size
    first = 0
    for group in groups:
        group.first = first
        first += len(group.parts)
    return groups, refused, facts


def load_group(connection: duckdb.DuckDBPyConnection, mapping: Mapping, group: Group) -> None:
    """Fill `incoming_raw`, `incoming_files`, `incoming_parts`, `incoming_malformed` (fw_file, record, reason, raw)."""
    connection.execute("DROP TABLE IF EXISTS incoming_rejects; DROP TABLE IF EXISTS incoming_scans")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_malformed (fw_file INTEGER, record BIGINT, reason VARCHAR, raw VARCHAR)"
    )
    read = {"csv": _csv, "jsonl": _jsonl, "fixed": _fixed, "parquet": _parquet}[group.layout.form](mapping, group)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_files AS SELECT unnest($1::BIGINT[]) AS fw_index, "
        "unnest($2::INTEGER[]) AS fw_file, unnest($3::INTEGER[]) AS fw_delivery, unnest($4::VARCHAR[]) AS file",
        [
            list(range(len(group.parts))),
            group.numbers,
            [part.delivery for part in group.parts],
            [part.name for part in group.parts],
        ],
    )
    columns = f"COLUMNS('^fw_(c[0-9]+|line)$'), CAST(fw_index + {group.first} AS INTEGER) AS fw_file"
    route = routing_sql(mapping, group.layout)
    if group.layout.form == "jsonl":
        route = f"CASE WHEN fw_line IS NULL THEN {BLANK} WHEN NOT fw_object THEN {BAD_JSON} ELSE {route} END"
    if group.layout.form == "fixed":
        route = f"CASE WHEN trim(coalesce(fw_line, '')) = '' THEN {BLANK} ELSE {route} END"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE incoming_raw AS SELECT {columns}, CAST({route} AS TINYINT) AS fw_map "
        f"FROM ({named_columns(mapping, group.layout, f'({read})')})"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_parts AS SELECT fw_file, fw_delivery, "
        "coalesce(fw_first, 0) AS fw_first, fw_last FROM incoming_files LEFT JOIN "
        "(SELECT fw_file, min(rowid) AS fw_first, max(rowid) AS fw_last FROM incoming_raw GROUP BY fw_file) "
        "USING (fw_file)"
    )
    if group.layout.form in ("csv", "fixed") and mapping.shape.totals == "refuse":
        _find_totals(connection, group)
    if group.layout.form != "parquet":
        _collect_malformed(connection, group)


def raw_json(group: Group) -> str:
    """A relation (fw_rowid, raw) that gives a group's rows as JSON text, in the file's own columns and words."""
    layout = group.layout
    if layout.form == "jsonl":
        return "SELECT rowid AS fw_rowid, fw_line AS raw FROM incoming_raw"
    if layout.form in ("csv", "fixed"):
        return f"SELECT rowid AS fw_rowid, {_object(layout)} AS raw FROM incoming_raw"
    read = ", ".join(f"{quoted(name)} AS {column}" for name, (column, _) in layout.columns.items())
    first = "SELECT fw_index, fw_first FROM incoming_files JOIN incoming_parts USING (fw_file)"
    return (
        f"SELECT fw_row + fw_first AS fw_rowid, {_object(layout)} AS raw FROM (SELECT file_index AS fw_index, "
        f"file_row_number AS fw_row, {read} FROM read_parquet({group.paths})) JOIN ({first}) USING (fw_index)"
    )


def _rejecting(form: str) -> str:
    return (
        f"auto_detect=false, nullstr='', store_rejects=true, rejects_table='incoming_rejects', "
        f"rejects_scan='incoming_scans', rejects_limit=0, {form}"
    )


def _csv(mapping: Mapping, group: Group) -> str:
    columns = ", ".join(f"'{column}': 'VARCHAR'" for column, _ in group.layout.columns.values())
    form = _rejecting(f"header=true, delim={literal(group.delimiter)}, quote='\"', escape='\"'")
    return f"SELECT file_index AS fw_index, * FROM read_csv({group.paths}, columns={{{columns}}}, {form})"


def _fixed(mapping: Mapping, group: Group) -> str:
    """Lines as one text column, cut by their fields' places."""
    fields = zip(mapping.shape.fields, group.layout.columns.values(), strict=True)
    columns = ", ".join(f"substr(fw_line, {start}, {width}) AS {column}" for (_, start, width), (column, _) in fields)
    form = _rejecting("header=false, delim=chr(31), quote='', escape=''")
    lines = f"SELECT file_index AS fw_index, * FROM read_csv({group.paths}, columns={{'fw_line': 'VARCHAR'}}, {form})"
    return f"SELECT fw_index, fw_line, {columns} FROM ({lines})"


def _find_totals(connection: duckdb.DuckDBPyConnection, group: Group) -> None:
    """Take those of each file's last rows from their maps whose first word says that they sum up the others."""
    first = ", ".join(f"nullif(trim({column}), '')" for column, _ in group.layout.columns.values())
    ends = connection.execute("SELECT fw_first, fw_last FROM incoming_parts WHERE fw_last IS NOT NULL").fetchall()
    last = [row for begin, end in ends for row in range(max(begin, end - LAST + 1), end + 1)]
    found = connection.execute(
        f"SELECT rowid FROM incoming_raw WHERE rowid IN ({', '.join(map(str, last)) or 'NULL'}) AND fw_map >= 0 "
        f"AND regexp_full_match(lower(coalesce({first})), {literal(f'({_TOTALS}) *:?')})"
    ).fetchall()
    if found:
        listed = ", ".join(str(row[0]) for row in found)
        connection.execute(f"UPDATE incoming_raw SET fw_map = {TOTALS} WHERE rowid IN ({listed})")


def _jsonl(mapping: Mapping, group: Group) -> str:
    """Lines as one text column, so that a bad one stands alone; `a.b` is tried as a path, then as a key with a dot."""
    paths = [
        literal("/" + name.replace("~", "~0").replace("/", "~1").replace(".", "/")) for name in group.layout.columns
    ]
    keys = [literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in group.layout.columns]
    found = f"json_extract_string(fw_line, [{', '.join(paths + keys)}])"
    columns = ", ".join(
        f"coalesce(fw_found[{index + 1}], fw_found[{index + 1 + len(paths)}]) AS {column}"
        for index, (column, _) in enumerate(group.layout.columns.values())
    )
    form = _rejecting("header=false, delim=chr(31), quote='', escape=''")
    lines = f"SELECT file_index AS fw_index, * FROM read_csv({group.paths}, columns={{'fw_line': 'VARCHAR'}}, {form})"
    is_object = "json_valid(fw_line) AND starts_with(ltrim(fw_line, ' ' || chr(9)), '{')"
    objects = f"SELECT *, {is_object} AS fw_object FROM ({lines})"
    return (
        f"SELECT fw_index, fw_line, fw_object, {columns} FROM "
        f"(SELECT *, CASE WHEN fw_object THEN {found} END AS fw_found FROM ({objects}))"
    )


def _parquet(mapping: Mapping, group: Group) -> str:
    needed = {group.layout.find(name) for name in mapping.names}
    columns = [f"{quoted(name)} AS {column}" for name, (column, _) in group.layout.columns.items() if name in needed]
    # COLUMNS() of load_group needs one column to find, even where a mapping has only constants.
    columns = columns or ["1 AS fw_c0"]
    return f"SELECT file_index AS fw_index, {', '.join(columns)} FROM read_parquet({group.paths})"


def _object(layout: Layout) -> str:
    pairs = ", ".join(f"{literal(name)}: CAST({column} AS VARCHAR)" for name, (column, _) in layout.columns.items())
    return f"CAST(to_json({{{pairs}}}) AS VARCHAR)"


def _collect_malformed(connection: duckdb.DuckDBPyConnection, group: Group) -> None:
    """Lines DuckDB refused, and in place of the stand-ins those `prepare` had put aside, by record number."""
    header = 1 if group.layout.form == "csv" else 0
    aside = [
        (number, record, text, part.why.get(record, _OPEN_QUOTE))
        for number, part in zip(group.numbers, group.parts, strict=True)
        for record, text in part.bad.items()
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_aside AS "
        "SELECT unnest($1::INTEGER[]) AS fw_file, unnest($2::BIGINT[]) AS record, unnest($3::VARCHAR[]) AS raw, "
        "unnest($4::VARCHAR[]) AS told",
        [list(column) for column in zip(*aside, strict=True)] or [[], [], [], []],
    )
    paths = [str(part.path) for part in group.parts]
    whys = " ".join(f"WHEN {literal(kind)} THEN {literal(why)}" for kind, why in _MALFORMED.items())
    connection.execute(
        f"""
        INSERT INTO incoming_malformed
        SELECT fw_file, record,
               CASE WHEN a.raw IS NOT NULL THEN a.told
                    ELSE CASE why {whys} ELSE {literal(_OPEN_QUOTE)} END END,
               coalesce(a.raw, trim(words, chr(10) || chr(13)), '')
        FROM (
          SELECT fw_file, line - {header} AS record, min(error_type) AS why, min(csv_line) AS words
          FROM incoming_rejects
          JOIN incoming_scans USING (scan_id, file_id)
          JOIN (SELECT unnest($1::VARCHAR[]) AS file_path, unnest($2::INTEGER[]) AS fw_file) USING (file_path)
          GROUP BY ALL
        )
        LEFT JOIN incoming_aside AS a USING (fw_file, record)""",
        [paths, group.numbers],
    )
    connection.execute("DROP TABLE incoming_rejects; DROP TABLE incoming_scans; DROP TABLE incoming_aside")
