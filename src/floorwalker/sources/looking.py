"""A look into a delivered file before it is loaded: what it holds, and where each part of it is to be read.

In: a file and its mapping. Out: `Seen` pieces (one for a plain file, one per sheet or member otherwise), each with its
columns, the lines put aside, and `facts` for people: format, encoding, line ends, delimiter, rows above the header.

    look(connection, mapping, path, "data/orders.csv", scratch)[0].facts.encoding
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from floorwalker.errors import SourceError
from floorwalker.sources.compile import Layout, layout_of, missing_columns
from floorwalker.sources.conversions import literal
from floorwalker.sources.debezium.unwrapping import unwrapped
from floorwalker.sources.lines import prepare
from floorwalker.sources.mapping import Mapping
from floorwalker.sources.packed.unpacking import Piece, look_inside

_ENCODINGS = {"iso8859-1": "latin-1"}


@dataclass(frozen=True)
class FileFacts:
    """What was found out about a file. `header_row`: its line, from 1; 0: it has none. `passed`: sheets not read."""

    name: str
    format: str
    encoding: str = ""
    line_ends: str = ""
    delimiter: str = ""
    header_row: int = 0
    repeated: tuple[str, ...] = ()
    """Columns of one name; the mapping's own name means the first of them."""
    passed: tuple[str, ...] = ()


@dataclass
class Seen:
    """A piece of a file, ready to be loaded."""

    layout: Layout
    delimiter: str
    path: Path
    name: str
    facts: FileFacts
    bad: dict[int, str] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)


def look(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    path: Path,
    name: str,
    scratch: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Seen]:
    """Every piece of a file. Raises `SourceError` where one cannot be read or lacks a column."""

    def lacks(names: tuple[str, ...]) -> float:
        layout = layout_of(names, ["VARCHAR"] * len(names), "csv")
        return sum(layout.find(one) is None for one in mapping.names) / max(len(mapping.names), 1)

    inside = look_inside(mapping, path, name, lacks, scratch)
    seen = []
    for piece in inside.pieces:
        if piece.form == "parquet":
            found = _parquet(connection, piece, scratch)
            progress(piece.path.stat().st_size)
        elif piece.form == "debezium":
            found = _changes(mapping, piece, scratch)
            progress(piece.path.stat().st_size)
        else:
            found = _text(mapping, piece, tuple(inside.passed), lambda names: not lacks(names), scratch, progress)
        error = missing_columns(mapping, found.layout) if found.layout.columns else None
        if error is not None:
            error.what = f"{piece.name}: {error.what}"
            raise error
        seen.append(found)
    return seen


def _parquet(connection: duckdb.DuckDBPyConnection, piece: Piece, scratch: Path) -> Seen:
    path = _plain_name(piece.path, scratch)
    try:
        found = connection.sql(f"SELECT * FROM read_parquet({literal(str(path))}) LIMIT 0")
    except duckdb.Error as error:
        raise SourceError(f"{piece.name} cannot be read as Parquet", why=str(error).splitlines()[0]) from error
    layout = layout_of(found.columns, map(str, found.types), "parquet")
    return Seen(layout, "", path, piece.name, FileFacts(piece.name, "parquet"))


def _changes(mapping: Mapping, piece: Piece, scratch: Path) -> Seen:
    changes = unwrapped(piece.path, mapping.change_key, scratch)
    layout = layout_of(mapping.names, ["VARCHAR"] * len(mapping.names), "jsonl")
    return Seen(layout, "", changes.path, piece.name, FileFacts(piece.name, "debezium"), changes.bad, changes.why)


def _text(
    mapping: Mapping,
    piece: Piece,
    passed: tuple[str, ...],
    fits: Callable[[tuple[str, ...]], bool],
    scratch: Path,
    progress: Callable[[int], None],
) -> Seen:
    row = mapping.shape.header_row if piece.form != "jsonl" and not piece.sheet else 0
    prepared = prepare(
        _plain_name(piece.path, scratch),
        piece.form,
        piece.encoding or mapping.encoding,
        piece.delimiter or mapping.delimiter,
        scratch,
        header_row=row,
        fits=fits,
        progress=progress,
    )
    if piece.form == "jsonl":
        names, form = mapping.names, "jsonl"
    elif piece.form == "fixed":
        names, form = tuple(name for name, _, _ in mapping.shape.fields), "fixed"
    else:
        names, form = prepared.header, "csv"
    facts = FileFacts(
        piece.name,
        "xlsx" if piece.sheet else piece.form,
        "" if piece.sheet else _ENCODINGS.get(prepared.encoding, prepared.encoding),
        "" if piece.sheet else prepared.line_ends,
        prepared.delimiter if form == "csv" and not piece.sheet else "",
        (piece.above if piece.sheet else prepared.titles) + 1 if form == "csv" else 0,
        tuple(dict.fromkeys(name for name in names if name and names.count(name) > 1)) if form == "csv" else (),
        passed,
    )
    layout = layout_of(names, ["VARCHAR"] * len(names), form)
    return Seen(layout, prepared.delimiter, prepared.path, piece.name, facts, prepared.bad, prepared.why)


def _plain_name(path: Path, scratch: Path) -> Path:
    """The same file under a name that DuckDB does not take for a pattern."""
    if not set(str(path)) & set("*?[]{}"):
        return path
    return Path(shutil.copyfile(path, scratch / f"{len(list(scratch.iterdir()))}{''.join(path.suffixes[-2:])}"))
