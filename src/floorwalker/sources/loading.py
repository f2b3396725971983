"""Files of many deliveries, grouped by what they look like and loaded into one raw table a group.

In: a mapping and deliveries. Out: `Group`s of files with the same format and columns, the deliveries that had to be
refused, and for a group at a time the temporary tables `incoming_raw`, `incoming_parts` and `incoming_malformed`.

A group is what one scan reads: 305 daily files with one header are one scan. Groups end at `GROUP_BYTES`, so that the
raw text of a long history never lies in memory at once.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from floorwalker.errors import FloorwalkerError, SourceError
from floorwalker.sources.compile import Layout, layout_of, missing_columns, named_columns, routing_sql
from floorwalker.sources.conversions import literal, quoted
from floorwalker.sources.debezium.unwrapping import unwrapped
from floorwalker.sources.files import MENDED, Delivery, file_format
from floorwalker.sources.lines import prepare
from floorwalker.sources.mapping import Mapping

GROUP_BYTES = 1 << 30
NO_MAP, BAD_JSON, BLANK = -1, -2, -3
"""Values of `fw_map` for rows that go to no map."""
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
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, deliveries: list[Delivery], scratch: Path
) -> tuple[list[Group], dict[int, FloorwalkerError]]:
    """Look into every file. A delivery with one unreadable file is refused whole; the others go on."""
    groups: list[Group] = []
    current: dict[tuple[object, ...], Group] = {}
    refused: dict[int, FloorwalkerError] = {}
    for index, delivery in enumerate(deliveries):
        try:
            seen = [_look(connection, mapping, file.path, file.name, scratch) for file in delivery.files]
        except SourceError as error:
            refused[index] = error
            continue
        for layout, delimiter, path, name, bad, why in seen:
            if not layout.columns:
                continue
            key = (layout.form, delimiter, tuple(layout.columns.items()))
            group = current.get(key)
            size = path.stat().st_size * (8 if layout.form == "parquet" or path.suffix in (".gz", ".zst") else 1)
            if group is None or group.size + size > GROUP_BYTES:
                group = current[key] = Group(layout, delimiter)
                groups.append(group)
            group.parts.append(Part(index, path, name, bad, why))
            group.size += size
    first = 0
    for group in groups:
        group.first = first
        first += len(group.parts)
    return groups, refused


def load_group(connection: duckdb.DuckDBPyConnection, mapping: Mapping, group: Group) -> None:
    """Fill `incoming_raw`, `incoming_files`, `incoming_parts`, `incoming_malformed` (fw_file, record, reason, raw)."""
    connection.execute("DROP TABLE IF EXISTS incoming_rejects; DROP TABLE IF EXISTS incoming_scans")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_malformed (fw_file INTEGER, record BIGINT, reason VARCHAR, raw VARCHAR)"
    )
    read = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[group.layout.form](mapping, group)
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
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE incoming_raw AS SELECT {columns}, CAST({route} AS TINYINT) AS fw_map "
        f"FROM ({named_columns(mapping, group.layout, f'({read})')})"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_parts AS SELECT fw_file, fw_delivery, coalesce(fw_first, 0) AS fw_first "
        "FROM incoming_files "
        "LEFT JOIN (SELECT fw_file, min(rowid) AS fw_first FROM incoming_raw GROUP BY fw_file) USING (fw_file)"
    )
    if group.layout.form != "parquet":
        _collect_malformed(connection, group)


def raw_json(group: Group) -> str:
    """A relation (fw_rowid, raw) that gives a group's rows as JSON text, in the file's own columns and words."""
    layout = group.layout
    if layout.form == "jsonl":
        return "SELECT rowid AS fw_rowid, fw_line AS raw FROM incoming_raw"
    if layout.form == "csv":
        return f"SELECT rowid AS fw_rowid, {_object(layout)} AS raw FROM incoming_raw"
    read = ", ".join(f"{quoted(name)} AS {column}" for name, (column, _) in layout.columns.items())
    first = "SELECT fw_index, fw_first FROM incoming_files JOIN incoming_parts USING (fw_file)"
    return (
        f"SELECT fw_row + fw_first AS fw_rowid, {_object(layout)} AS raw FROM (SELECT file_index AS fw_index, "
        f"file_row_number AS fw_row, {read} FROM read_parquet({group.paths})) JOIN ({first}) USING (fw_index)"
    )


def _look(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, path: Path, name: str, scratch: Path
) -> tuple[Layout, str, Path, str, dict[int, str], dict[int, str]]:
    """A file's layout, delimiter, where to read it, and what of it is put aside and why."""
    why: dict[int, str] = {}
    form = file_format(mapping, path)
    if set(str(path)) & set("*?[]{}"):
        # DuckDB would take these for a pattern.
        plain = scratch / f"{len(list(scratch.iterdir()))}{''.join(path.suffixes[-2:])}"
        path = Path(shutil.copyfile(path, plain))
    if form == "parquet":
        try:
            found = connection.sql(f"SELECT * FROM read_parquet({literal(str(path))}) LIMIT 0")
        except duckdb.Error as error:
            raise SourceError(f"{name} cannot be read as Parquet", why=str(error).splitlines()[0]) from error
        layout, delimiter, bad = layout_of(found.columns, map(str, found.types), "parquet"), "", {}
    elif form == "debezium":
        changes = unwrapped(path, mapping.change_key, scratch)
        path, delimiter, bad, why = changes.path, "", changes.bad, changes.why
        layout = layout_of(mapping.names, ["VARCHAR"] * len(mapping.names), "jsonl")
    else:
        encoding = "utf-8" if path.name.endswith(MENDED) else mapping.encoding
        prepared = prepare(path, form, encoding, mapping.delimiter, scratch)
        path, delimiter, bad = prepared.path, prepared.delimiter, prepared.bad
        names = mapping.names if form == "jsonl" else prepared.header
        layout = layout_of(names, ["VARCHAR"] * len(names), "jsonl" if form == "jsonl" else "csv")
    error = missing_columns(mapping, layout) if layout.columns else None
    if error is not None:
        error.what = f"{name}: {error.what}"
        raise error
    return layout, delimiter, path, name, bad, why


def _rejecting(form: str) -> str:
    return (
        f"auto_detect=false, nullstr='', store_rejects=true, rejects_table='incoming_rejects', "
        f"rejects_scan='incoming_scans', rejects_limit=0, {form}"
    )


def _csv(mapping: Mapping, group: Group) -> str:
    columns = ", ".join(f"'{column}': 'VARCHAR'" for column, _ in group.layout.columns.values())
    form = _rejecting(f"header=true, delim={literal(group.delimiter)}, quote='\"', escape='\"'")
    return f"SELECT file_index AS fw_index, * FROM read_csv({group.paths}, columns={{{columns}}}, {form})"


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
