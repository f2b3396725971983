"""Search a file for a person by decoding it: what is inside Parquet, SQLite, LMDB, archives and compressed files.

In: a path and `Needles`. Out: `Finding`s: where (file and place in it), and what kind of trace; never the trace itself.

    Parquet, Arrow IPC     every text, binary and integer column, nested ones too; the footer's key-value metadata
    SQLite, WAL, journal   every cell of every table; then free pages, gaps in pages, and the log as raw bytes
    LMDB                   every key and value of every database, values as MessagePack; then the file as raw bytes
    zip, npz, gz, zst, bz2, xz   unpacked, and searched again by what they hold
    npy                    text arrays (UTF-32) and byte arrays
    JSON, JSON lines       with escapes resolved, so that "\\u00e9" and "\\/" hide nothing
    all else               as text at word boundaries, and as raw bytes (pickles, models, logs)

A file that cannot be decoded is itself a finding ('unreadable'): what cannot be read cannot be proven clean.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from floorwalker.governance.needles import Needles, is_surrogate_column, kind_of
from floorwalker.governance.sqlite_pages import MAGIC as SQLITE_MAGIC
from floorwalker.governance.sqlite_pages import leftover_regions

_DEPTH = 6  # archives within archives
_TEXT_BATCH = 20_000


@dataclass(frozen=True, order=True)
class Finding:
    """A trace of the person: the store, the place in it, and its kind ('email', 'record_id', …, or 'unreadable')."""

    store: str
    place: str
    kind: str


def search_file(path: Path, needles: Needles, *, store: str, root: Path) -> list[Finding]:
    """All traces in one file. Never raises for damaged content: that becomes an 'unreadable' finding."""
    place = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    try:
        found = set(_search_path(path, needles, place))
    except (OSError, ValueError, EOFError, pa.ArrowException, sqlite3.Error, lmdb.Error, zipfile.BadZipFile) as error:
        # The class only: messages of decoders may quote content.
        found = {(f"{place} ({type(error).__name__})", "unreadable")}
    # A name can carry a person too: exports/ann@example.com.csv
    found |= {(place, kind) for kind in needles.in_text(place)}
    return sorted(Finding(store, at, kind) for at, kind in found)


def search_sqlite(path: Path, needles: Needles, *, place: str, skip: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """Traces in a SQLite database: living rows by table and column, then what earlier rows left. `skip`: tables."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        for table in tables:
            if table not in set(skip):
                yield from _search_rows(connection, table, needles, f"{place}:{table}")
    finally:
        connection.close()
    for region in leftover_regions(path.read_bytes()):
        for kind in needles.in_raw(region, bounded=False):
            yield f"{place}: free space", kind
    for suffix in ("-wal", "-journal"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            for kind in needles.in_raw(beside.read_bytes(), bounded=False):
                yield f"{place}{suffix}", kind


def _search_rows(connection: sqlite3.Connection, table: str, needles: Needles, place: str) -> Iterator[tuple[str, str]]:
    cursor = connection.execute(f'SELECT * FROM "{table}"')
    columns = [column[0] for column in cursor.description]
    source = columns.index("source") if "source" in columns else None
    while rows := cursor.fetchmany(_TEXT_BATCH):
        for index, column in enumerate(columns):
            texts = [text for row in rows for text in texts_of(row[index])]
            for kind in needles.in_texts(texts, column=column):
                yield f"{place}.{column}", kind
            if kind_of(column):
                for row in rows:
                    scope = row[source] if source is not None else None
                    for kind in needles.in_cells([str(row[index] or "")], column, scope):
                        yield f"{place}.{column}", kind


def _search_path(path: Path, needles: Needles, place: str) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        start = file.read(32)
    if start.startswith(SQLITE_MAGIC):
        yield from search_sqlite(path, needles, place=place)
    elif start[16:20] == b"\xde\xc0\xef\xbe":
        yield from _search_lmdb(path, needles, place)
    elif start.startswith(b"PAR1"):
        with pq.ParquetFile(path) as parquet:
            yield from _search_parquet(parquet, needles, place)
    else:
        yield from _search_bytes(path.read_bytes(), needles, place, _DEPTH)


def _search_bytes(data: bytes, needles: Needles, place: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth == 0:
        yield f"{place} (packed too deep)", "unreadable"
    elif data.startswith(b"PAR1"):
        yield from _search_parquet(pq.ParquetFile(io.BytesIO(data)), needles, place)
    elif data.startswith(b"ARROW1"):
        for batch in _ipc_batches(data):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                yield from _search_column(column, name, needles, place)
    elif data.startswith(b"\x93NUMPY"):
        array = np.load(io.BytesIO(data), allow_pickle=False) if data[6:7] in b"\x01\x02\x03" else np.empty(0)
        yield from _search_numpy(array, data, needles, place)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from _search_bytes(archive.read(name), needles, f"{place}/{name}", depth - 1)
    elif (unpacked := _unpack(data)) is not None:
        yield from _search_bytes(unpacked, needles, place, depth - 1)
    else:
        yield from _search_text(data, needles, place)


def _unpack(data: bytes) -> bytes | None:
    """The content of a compressed file, else None."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return stream.read()
    if data.startswith(b"BZh"):
        return bz2.decompress(data)
    if data.startswith(b"\xfd7zXZ\x00"):
        return lzma.decompress(data)
    return None


def _search_text(data: bytes, needles: Needles, place: str) -> Iterator[tuple[str, str]]:
    for kind in needles.in_raw(data):
        yield place, kind
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = data.decode(encoding, "replace")
    for kind in needles.in_text(text):
        yield place, kind
    pieces = list(_json_texts(text))
    for kind in needles.in_texts(pieces):
        yield place, kind


def _json_texts(text: str) -> Iterator[str]:
    """Strings of a JSON document, or of JSON lines; nothing when it is neither."""
    if text.lstrip()[:1] not in ("{", "["):
        return
    try:
        yield from texts_of(json.loads(text))
    except (ValueError, RecursionError):
        for line in text.splitlines():
            try:
                yield from texts_of(json.loads(line))
            except (ValueError, RecursionError):
                continue  # the line was searched as text already


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a decoded value, keys included; JSON inside text and MessagePack inside bytes are opened."""
    if isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            try:
                yield from texts_of(json.loads(value))
            except (ValueError, RecursionError):
                return
    elif isinstance(value, bytes | bytearray | memoryview):
        yield from _binary_texts(bytes(value))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_of(key)
            yield from texts_of(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _binary_texts(data: bytes) -> Iterator[str]:
    try:
        unpacked = _unpack(data)
    except (OSError, EOFError, ValueError, lzma.LZMAError, pa.ArrowException):
        unpacked = None
    data = data if unpacked is None else unpacked
    yield data.decode("utf-8", "replace")
    try:
        decoded = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return
    if not isinstance(decoded, int | float | bool | None):
        yield from texts_of(decoded)


def _search_parquet(parquet: pq.ParquetFile, needles: Needles, place: str) -> Iterator[tuple[str, str]]:
    for key, value in (parquet.metadata.metadata or {}).items():
        if key != b"ARROW:schema":
            for kind in needles.in_raw(key + b" " + value):
                yield f"{place}: metadata", kind
    names = parquet.schema_arrow.names
    scoped = "source" in names and [name for name in names if kind_of(name)]
    for group in range(parquet.num_row_groups):
        for name in names:
            chunks = parquet.read_row_group(group, columns=[name]).column(0)
            for chunk in chunks.chunks:
                yield from _search_column(chunk, name, needles, place, scoped=bool(scoped))
        for name in scoped or ():
            pairs = parquet.read_row_group(group, columns=list(dict.fromkeys(["source", name])))
            for row in pairs.group_by(["source", name]).aggregate([]).to_pylist():
                for kind in needles.in_cells([str(row[name] or "")], name, row["source"]):
                    yield f"{place}.{name}", kind


def _search_column(
    array: pa.Array, name: str, needles: Needles, place: str, *, scoped: bool = False
) -> Iterator[tuple[str, str]]:
    for leaf in _leaves(array):
        if pa.types.is_binary(leaf.type) or pa.types.is_large_binary(leaf.type):
            texts = pa.array([t for v in leaf.to_pylist() if v for t in _binary_texts(v)], pa.large_string())
        elif _is_text(leaf.type) or (pa.types.is_integer(leaf.type) and (kind_of(name) or is_surrogate_column(name))):
            texts = leaf.cast(pa.large_string())
        else:
            continue
        distinct = texts.unique().drop_null()
        for kind in needles.in_array(distinct, name):
            yield f"{place}.{name}", kind
        if kind_of(name) and not scoped:
            for kind in needles.in_cells(distinct.to_pylist(), name):
                yield f"{place}.{name}", kind


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    if isinstance(array, pa.DictionaryArray):
        yield from _leaves(array.dictionary)
    elif isinstance(array, pa.ExtensionArray):
        yield from _leaves(array.storage)
    elif pa.types.is_struct(array.type):
        for index in range(array.type.num_fields):
            yield from _leaves(array.field(index))
    elif pa.types.is_map(array.type):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        yield from _leaves(array.flatten())
    else:
        yield array


def _ipc_batches(data: bytes) -> Iterator[pa.RecordBatch]:
    reader = pa.ipc.open_file(pa.BufferReader(data))
    for index in range(reader.num_record_batches):
        yield reader.get_batch(index)


def _search_numpy(array: np.ndarray, data: bytes, needles: Needles, place: str) -> Iterator[tuple[str, str]]:
    if array.dtype.kind == "U":
        texts = np.unique(array).tolist()
    elif array.dtype.kind == "S":
        texts = [value.decode("utf-8", "replace") for value in np.unique(array).tolist()]
    else:
        texts = []
    for kind in needles.in_texts(texts) | needles.in_raw(data):
        yield place, kind


def _search_lmdb(path: Path, needles: Needles, place: str) -> Iterator[tuple[str, str]]:
    environment = lmdb.open(
        str(path), subdir=False, readonly=True, lock=False, max_dbs=256, create=False, readahead=True
    )
    try:
        with environment.begin() as transaction:
            names: list[bytes | None] = [None, *_named(environment, transaction)]
            for name in names:
                database = environment.open_db(name, txn=transaction, create=False) if name else None
                yield from _search_pairs(transaction.cursor(db=database), needles, place, name)
    finally:
        environment.close()
    for kind in needles.in_raw(path.read_bytes()):
        yield f"{place}: raw", kind


def _search_pairs(cursor: Any, needles: Needles, place: str, name: bytes | None) -> Iterator[tuple[str, str]]:
    texts: list[str] = []
    label = f"{place}:{(name or b'main').decode('utf-8', 'replace')}"
    for key, value in cursor:
        texts.extend(_binary_texts(key))
        texts.extend(_binary_texts(value))
        if len(texts) >= _TEXT_BATCH:
            yield from ((label, kind) for kind in needles.in_texts(texts))
            texts.clear()
    yield from ((label, kind) for kind in needles.in_texts(texts))


def _named(environment: lmdb.Environment, transaction: lmdb.Transaction) -> list[bytes]:
    """Names of the databases inside the environment: keys of the main one that open as a database."""
    names = []
    for key in transaction.cursor().iternext(keys=True, values=False):
        try:
            environment.open_db(bytes(key), txn=transaction, create=False)
        except lmdb.Error:
            continue  # an ordinary pair
        names.append(bytes(key))
    return names
