"""A bounded part of a file, taken from all over it: what a mapping is guessed from and tried on.

In: a file as it was delivered, of any size. Out: a `Sample`: a smaller file of the same format in a scratch folder (the
file itself where it is small), and its rows as text in the table `guide_sample` of a DuckDB connection.

Text is taken in blocks of whole lines, the first with the header and the others evenly spaced; packed text is read
through once, and of Parquet rows are drawn with a fixed seed. So a file of 20 GB costs some megabytes, and what changes
half-way through it (a new date format, a column that fills up later) is seen.

>>> spread(100, 10, 3)
[0, 45, 90]
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from floorwalker.errors import SourceError
from floorwalker.sources.compile import layout_of
from floorwalker.sources.conversions import literal, quoted
from floorwalker.sources.lines import prepare
from floorwalker.sources.mapping import NULL_VALUES, Mapping
from floorwalker.sources.packed.unpacking import look_inside

BLOCK = 256 << 10
BLOCKS = 24
SMALL = BLOCK * BLOCKS
"""A text file up to this many bytes is its own sample."""
ROWS = 20_000
TABLE = "guide_sample"
_READ = 8 << 20
_DEPTH = 4


@dataclass(frozen=True)
class Sample:
    """`path`: the sample as a file; `columns`: the delivered names and, in TABLE, the column and DuckDB's type."""

    path: Path
    form: str
    delimiter: str
    columns: dict[str, tuple[str, str]]
    rows: int
    whole: bool
    """Whether the sample is all of the file."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)


def take_sample(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> Sample:
    """Look into a file. Raises `SourceError` when it cannot be read or holds no rows."""
    if not path.is_file():
        raise SourceError(f"no such file: {path}", fix="give the path of one file")
    inner = scratch / "pieces"
    inner.mkdir(exist_ok=True)
    # Of an archive or a workbook the largest piece; of its first rows the one with most words is the header.
    inside = look_inside(Mapping("guide", (), ()), path, path.name, lambda row: 1 / (1 + sum(map(bool, row))), inner)
    largest = max(inside.pieces, key=lambda piece: piece.path.stat().st_size)
    path, form = largest.path, largest.form
    if form == "parquet":
        return _parquet(connection, path, scratch)
    plain = path.suffix.lower() not in (".gz", ".zst")
    whole = plain and path.stat().st_size <= SMALL
    part = path
    if not whole:
        part = scratch / ((path.name if plain else path.stem) or "sample")
        whole = _cut(path, part, plain, form)
    scratch_lines = scratch / "lines"
    scratch_lines.mkdir(exist_ok=True)
    found = prepare(part, form, "auto", "", scratch_lines)
    if form == "jsonl":
        columns, rows = _lines(connection, found.path)
    else:
        if not found.header:
            raise SourceError(f"{path.name} is empty")
        columns, rows = _csv(connection, found.path, found.header, found.delimiter)
    if not rows:
        raise SourceError(f"{path.name} has a header but no rows", fix="give a file with some rows in it")
    return Sample(part, form, found.delimiter if form == "csv" else "", columns, rows, whole)


def spread(size: int, block: int, number: int) -> list[int]:
    """Where `number` blocks start that lie evenly over `size` bytes, the first at the start, the last at the end."""
    last = max(size - block, 0)
    return [last * turn // max(number - 1, 1) for turn in range(number)]


def _cut(path: Path, part: Path, plain: bool, form: str) -> bool:
    """Write blocks of whole lines; whether they are all of the file."""
    try:
        blocks, whole = (_plain_blocks(path), False) if plain else _packed_blocks(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path.name} cannot be read", why=str(error)) from error
    with part.open("wb") as out:
        head = blocks[0] if whole or len(blocks) == 1 else blocks[0][: blocks[0].rfind(b"\n") + 1] or blocks[0]
        out.write(head)
        fields = _fields(head) if form != "jsonl" else 0
        for block in blocks[1:]:
            out.write(block if whole else _whole_lines(block, fields))
    return whole


def _plain_blocks(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        start = file.read(BLOCK)
        if b"\0" in start:
            # Two bytes a letter: line ends of later blocks cannot be told, so the start must do.
            return [start + file.read(SMALL - BLOCK)]
        found = [start]
        for at in spread(path.stat().st_size, BLOCK, BLOCKS)[1:]:
            file.seek(at)
            found.append(file.read(BLOCK))
    return found


def _packed_blocks(path: Path) -> tuple[list[bytes], bool]:
    """The start and blocks from further on, ever wider apart the longer the text is."""
    found: list[tuple[int, bytes]] = []
    every, at, total = BLOCK, 0, 0
    packed = {".gz": "gzip", ".zst": "zstd"}[path.suffix.lower()]
    with pa.input_stream(str(path), compression=packed) as stream:
        while chunk := stream.read(BLOCK):
            if at % every == 0:
                found.append((at, chunk))
                if len(found) > BLOCKS:
                    every *= 2
                    found = [one for one in found if one[0] % every == 0]
            at += BLOCK
            total += len(chunk)
    blocks = [chunk for _, chunk in found]
    return blocks or [b""], sum(map(len, blocks)) == total


def _fields(head: bytes) -> tuple[int, str]:
    """How many fields the header has, and what divides them."""
    first = head.lstrip(b"\xef\xbb\xbf\r\n").split(b"\n", 1)[0].decode("latin-1")
    delimiter = max(",;\t|", key=first.count)
    return len(next(csv.reader(io.StringIO(first), delimiter=delimiter), [])), delimiter


def _whole_lines(block: bytes, header: tuple[int, str] | int) -> bytes:
    """A block without the record it starts in and the one it ends in."""
    start, end = block.find(b"\n") + 1, block.rfind(b"\n") + 1
    if not header:
        return block[start:end]
    fields, delimiter = header if isinstance(header, tuple) else (0, ",")
    while 0 < start < end:
        stop = block.index(b"\n", start)
        line = block[start:stop].decode("latin-1")
        if line.count('"') % 2 == 0 and len(next(csv.reader([line], delimiter=delimiter), [])) == fields:
            return block[start:end]
        start = stop + 1
    return b""


def _csv(
    connection: duckdb.DuckDBPyConnection, path: Path, header: tuple[str, ...], delimiter: str
) -> tuple[dict[str, tuple[str, str]], int]:
    layout = layout_of(header, ["VARCHAR"] * len(header), "csv")
    columns = ", ".join(f"'{column}': 'VARCHAR'" for column, _ in layout.columns.values())
    form = f"header=true, delim={literal(delimiter)}, quote='\"', escape='\"', auto_detect=false, nullstr=''"
    read = f"read_csv({literal(str(path))}, columns={{{columns}}}, {form}, ignore_errors=true, null_padding=false)"
    return layout.columns, _load(connection, f"SELECT * FROM {read}", layout.columns)


def _lines(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[dict[str, tuple[str, str]], int]:
    """Objects as columns: keys within objects joined by dots, lists as they stand."""
    form = "header=false, delim=chr(31), quote='', escape='', auto_detect=false, ignore_errors=true"
    lines = f"SELECT it FROM read_csv({literal(str(path))}, columns={{'it': 'VARCHAR'}}, {form}) LIMIT {ROWS}"
    objects = f"SELECT it FROM ({lines}) WHERE json_valid(it) AND starts_with(ltrim(it), '{{')"
    shape = connection.execute(f"SELECT json_group_structure(CAST(it AS JSON)) FROM ({objects})").fetchone()
    names = list(_paths(json.loads(shape[0]), "", 0)) if shape and shape[0] else []
    if not names:
        raise SourceError(
            "the file holds no lines of JSON", why="every line must be one object", fix='jq -c ".[]" in > out'
        )
    layout = layout_of(names, ["VARCHAR"] * len(names), "jsonl")
    paths = [literal("/" + "/".join(part.replace("~", "~0") for part in name.split("."))) for name in names]
    found = f"SELECT json_extract_string(it, [{', '.join(paths)}]) AS found FROM ({objects})"
    rows = ", ".join(f"found[{index + 1}] AS {column}" for index, (column, _) in enumerate(layout.columns.values()))
    return layout.columns, _load(connection, f"SELECT {rows} FROM ({found})", layout.columns)


def _paths(shape: object, prefix: str, depth: int) -> Iterator[str]:
    if isinstance(shape, dict) and depth < _DEPTH:
        for key, inner in shape.items():
            # A key with a dot or slash of its own has no name in a mapping's expressions.
            if "/" not in key and "." not in key:
                yield from _paths(inner, f"{prefix}.{key}" if prefix else key, depth + 1)
    elif prefix:
        yield prefix


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> Sample:
    read = f"read_parquet({literal(str(path))})"
    try:
        counted = connection.execute(f"SELECT count(*) FROM {read}").fetchone()
        rows = counted[0] if counted else 0
        part, whole = path, rows <= ROWS
        if not whole:
            part = scratch / path.name
            drawn = f"SELECT * FROM {read} USING SAMPLE reservoir({ROWS} ROWS) REPEATABLE (1)"
            connection.execute(f"COPY ({drawn}) TO {literal(str(part))} (FORMAT parquet)")
        found = connection.sql(f"SELECT * FROM read_parquet({literal(str(part))}) LIMIT 0")
    except duckdb.Error as error:
        raise SourceError(f"{path.name} cannot be read as Parquet", why=str(error).splitlines()[0]) from error
    if not rows:
        raise SourceError(f"{path.name} has no rows", fix="give a file with some rows in it")
    layout = layout_of(found.columns, map(str, found.types), "parquet")
    listed = ", ".join(
        f"CAST({quoted(name)} AS VARCHAR) AS {column}"
        for name, (column, _) in zip(found.columns, layout.columns.values(), strict=True)
    )
    _load(connection, f"SELECT {listed} FROM read_parquet({literal(str(part))})", layout.columns)
    return Sample(part, "parquet", "", layout.columns, min(rows, ROWS), whole)


def _load(connection: duckdb.DuckDBPyConnection, rows: str, columns: dict[str, tuple[str, str]]) -> int:
    """Keep at most ROWS rows, from all over what is read, with nothing where words mean nothing."""
    words = ", ".join(literal(word) for word in NULL_VALUES)
    listed = ", ".join(
        f"CASE WHEN trim({column}) NOT IN ({words}) THEN trim({column}) END AS {column}"
        for column, _ in columns.values()
    )
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE guide_all AS {rows}")
    counted = connection.execute("SELECT count(*) FROM guide_all").fetchone()
    number = counted[0] if counted else 0
    step = max(-(-number // ROWS), 1)
    kept = f"SELECT {listed} FROM guide_all WHERE rowid % {step} = 0 ORDER BY rowid"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {TABLE} AS {kept}")
    connection.execute("DROP TABLE guide_all")
    return -(-number // step)
