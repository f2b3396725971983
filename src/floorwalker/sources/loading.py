"""Files of many deliveries, grouped by what they look like and loaded into one raw table a group.

In: a mapping and deliveries. Out: `Group`s of files with the same format and columns, the deliveries that had to be refused, and for
a group at a time the temporary tables `incoming_raw`, `incoming_parts` and `incoming_malformed`.

A group is what one scan reads: 305 daily files with one header are one scan. Groups end at `GROUP_BYTES`, so that the raw text of
a long history never lies in memory at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from floorwalker.errors import FloorwalkerError, SourceError
from floorwalker.sources.compile import Layout, layout_of, missing_columns, named_columns, routing_sql
from floorwalker.sources.conversions import literal, quoted
from floorwalker.sources.files import Delivery, file_format
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
    """One file: `number` is its place among all files read, `delivery` that of its delivery among the deliveries."""

    number: int
    delivery: int
    path: Path
    name: str
    bad: dict[int, str] = field(default_factory=dict)


@dataclass
class Group:
    """Files that one scan can read."""

    layout: Layout
    delimiter: str
    parts: list[Part] = field(default_factory=list)
    size: int = 0

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
    number = 0
    for index, delivery in enumerate(deliveries):
        try:
            seen = [_look(connection, mapping, file.path, file.name, scratch) for file in delivery.files]
        except SourceError as error:
            refused[index] = error
            continue
        for layout, delimiter, path, name, bad in seen:
            if not layout.columns:
                continue
            key = (layout.form, delimiter, tuple(layout.columns.items()))
            group = current.get(key)
            size = path.stat().st_size * (8 if layout.form == "parquet" or path.suffix in (".gz", ".zst") else 1)
            if group is None or group.size + size > GROUP_BYTES:
                group = current[key] = Group(layout, delimiter)
                groups.append(group)
            group.parts.append(Part(number, index, path, name, bad))
            group.size += size
            number += 1
    return groups, refused


def load_group(connection: duckdb.DuckDBPyConnection, mapping: Mapping, group: Group) -> None:
    """Fill `incoming_raw`, `incoming_parts` and `incoming_malformed` (fw_file, record, reason, raw) with a group's files."""
    connection.execute("DROP TABLE IF EXISTS incoming_rejects; DROP TABLE IF EXISTS incoming_scans")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_malformed (fw_file INTEGER, record BIGINT, reason VARCHAR, raw VARCHAR)"
    )
    read = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[group.layout.form](mapping, group)
    first, last = group.parts[0].number, group.parts[-1].number
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_files (fw_index BIGINT, fw_file INTEGER, fw_delivery INTEGER)"
    )
    connection.executemany(
        "INSERT INTO incoming_files VALUES (?, ?, ?)",
        [(index, part.number, part.delivery) for index, part in enumerate(group.parts)],
    )
    # Numbers in a group rise with the files, so that first + index is right whenever the group's files stand together.
    together = last - first + 1 == len(group.parts)
    file = f"CAST(fw_index + {first} AS INTEGER)" if together else "list_extract(fw_numbers, fw_index + 1)"
    if not together:
        read = f"SELECT *, {[part.number for part in group.parts]} AS fw_numbers FROM ({read})"
    columns = f"COLUMNS('^fw_(c[0-9]+|line)$'), {file} AS fw_file"
    route = routing_sql(mapping, group.layout)
    if group.layout.form == "jsonl":
        route = f"CASE WHEN fw_line IS NULL THEN {BLANK} WHEN NOT fw_object THEN {BAD_JSON} ELSE {route} END"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE incoming_raw AS SELECT {columns}, CAST({route} AS TINYINT) AS fw_map "
        f"FROM ({named_columns(mapping, group.layout, f'({read})')})"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE incoming_parts AS SELECT fw_file, fw_delivery, coalesce(fw_first, 0) AS fw_first "
        "FROM incoming_files LEFT JOIN (SELECT fw_file, min(rowid) AS fw_first FROM incoming_raw GROUP BY fw_file) USING (fw_file)"
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
) -> tuple[Layout, str, Path, str, dict[int, str]]:
    """A file's layout, delimiter, and where to read it."""
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
    else:
        prepared = prepare(path, form, mapping.encoding, mapping.delimiter, scratch)
        path, delimiter, bad = prepared.path, prepared.delimiter, prepared.bad
        names = mapping.names if form == "jsonl" else prepared.header
        layout = layout_of(names, ["VARCHAR"] * len(names), "jsonl" if form == "jsonl" else "csv")
    error = missing_columns(mapping, layout) if layout.columns else None
    if error is not None:
        error.what = f"{name}: {error.what}"
        raise error
    return layout, delimiter, path, name, bad


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
    objects = f"SELECT *, json_valid(fw_line) AND starts_with(ltrim(fw_line, ' ' || chr(9)), '{{') AS fw_object FROM ({lines})"
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
    """Lines DuckDB refused, and those `prepare` had put aside, by record number."""
    numbers = {str(part.path): part for part in group.parts}
    header = 1 if group.layout.form == "csv" else 0
    rejects = connection.execute(
        "SELECT file_path, line, min(error_type), any_value(csv_line) FROM incoming_rejects "
        "JOIN incoming_scans USING (scan_id, file_id) GROUP BY ALL ORDER BY ALL"
    )
    while rows := rejects.fetchmany(10_000):
        connection.cursor().executemany(
            "INSERT INTO incoming_malformed VALUES (?, ?, ?, ?)", list(_malformed(rows, numbers, header))
        )
    connection.execute("DROP TABLE incoming_rejects; DROP TABLE incoming_scans")


def _malformed(
    rows: list[tuple[str, int, str, str]], numbers: dict[str, Part], header: int
) -> Iterator[tuple[int, int, str, str]]:
    for path, line, kind, text in rows:
        part = numbers[path]
        record = line - header
        if record in part.bad:
            yield part.number, record, _OPEN_QUOTE, part.bad[record]
        else:
            yield part.number, record, _MALFORMED.get(kind, _OPEN_QUOTE), (text or "").strip("\r\n")
