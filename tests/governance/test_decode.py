"""The search sees a person inside every kind of file, at word boundaries, and says when it cannot read one."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import zipfile

import lmdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.governance.database import open_test_database

from floorwalker.channels import schema as channels
from floorwalker.governance import schema as governance
from floorwalker.governance.decode import search_file
from floorwalker.governance.needles import Needles
from floorwalker.governance.sqlite_store import PersonalTable, undeclared_tables
from floorwalker.governance.subject import Identifier, Subject

MAIL = "zoë.lee@example.com"
SUBJECT = Subject(("c" + "q" * 26,), ("ab" * 16,), (Identifier("email", MAIL), Identifier("loyalty_id", "4711")))
NEEDLES = Needles.of(SUBJECT)
OTHER = "chloezoë.lee@example.com"  # ends like hers


def _parquet(array, name="x", metadata=None):
    sink = io.BytesIO()
    table = pa.table({name: array})
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, sink)
    return sink.getvalue()


def _ipc(array):
    sink = io.BytesIO()
    table = pa.table({"x": array})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def _npy(array):
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    return sink.getvalue()


def _zip(name, data):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return sink.getvalue()


def _files(mail: str) -> dict[str, bytes]:
    text = f"dear {mail},".encode()
    escaped = json.dumps({"a": [{"mail": mail}]}, ensure_ascii=True).encode()
    nested = pa.array([{"a": [mail]}], pa.struct([("a", pa.list_(pa.string()))]))
    return {
        "text": text,
        "utf-16": text.decode().encode("utf-16"),
        "escaped json": escaped,
        "json lines": b'{"x": 1}\n' + escaped + b"\nnot json\n",
        "json within json": json.dumps({"stats": json.dumps({"minValues": {"email": mail}})}).encode(),
        "gzip": gzip.compress(escaped),
        "zstd": _zstd(text),
        "bz2": bz2.compress(text),
        "xz": lzma.compress(text),
        "gzip of gzip": gzip.compress(gzip.compress(text)),
        "zip": _zip("a/b.json", escaped),
        "zip of parquet": _zip("x.parquet", _parquet(pa.array([mail]))),
        "parquet": _parquet(pa.array(["x", mail, None])),
        "parquet nested": _parquet(nested),
        "parquet dictionary": _parquet(pa.array([mail]).dictionary_encode()),
        "parquet binary": _parquet(pa.array([msgspec.msgpack.encode([1, {"m": mail}])])),
        "parquet metadata": _parquet(pa.array([1]), metadata={"made for": mail}),
        "arrow": _ipc(pa.array([mail])),
        "npy text": _npy(np.array(["x", mail])),
        "npy bytes": _npy(np.array([mail.encode()])),
        "pickle": pickle.dumps({"mail": mail}),
        "message pack": msgspec.msgpack.encode({"note": mail + " " + "y" * 40}),
    }


@pytest.mark.parametrize("kind", list(_files("x")))
def test_she_is_found_in_every_kind_of_file_and_her_namesake_is_not(tmp_path, kind):
    path = tmp_path / "file"
    path.write_bytes(_files(MAIL.upper() if kind == "text" else MAIL)[kind])
    assert {found.kind for found in search_file(path, NEEDLES, store="s", root=tmp_path)} == {"email"}
    path.write_bytes(_files(OTHER)[kind])
    assert search_file(path, NEEDLES, store="s", root=tmp_path) == []


def test_a_finding_does_not_repeat_what_it_found(tmp_path):
    path = tmp_path / "file.json"
    path.write_bytes(_files(MAIL)["escaped json"])
    (found,) = search_file(path, NEEDLES, store="s", root=tmp_path)
    assert MAIL not in str(found)


def test_lmdb_is_decoded_and_its_free_pages_are_read(tmp_path):
    path = tmp_path / "data.mdb"
    environment = lmdb.open(str(path), subdir=False, map_size=1 << 20, lock=False, max_dbs=2)
    people = environment.open_db(b"people")
    with environment.begin(write=True, db=people) as transaction:
        transaction.put(b"1", gzip.compress(msgspec.msgpack.encode({"mail": MAIL})))
        transaction.put(b"2", msgspec.msgpack.encode({"mail": OTHER}))
    environment.close()
    places = [found.place for found in search_file(path, NEEDLES, store="s", root=tmp_path)]
    assert places == ["data.mdb:people"]


@pytest.mark.parametrize(
    "data", [b"PAR1 and no more", b"\x1f\x8b broken", b"PK\x03\x04 broken", b"\x28\xb5\x2f\xfd????"]
)
def test_what_cannot_be_read_cannot_be_proven_clean(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    assert {found.kind for found in search_file(path, NEEDLES, store="s", root=tmp_path)} == {"unreadable"}


def test_short_words_count_only_in_columns_of_their_kind(tmp_path):
    for column, kinds in (("loyalty_id", {"loyalty_id"}), ("loyalty_key", {"loyalty_id"}), ("order_id", set())):
        path = tmp_path / f"{column}.parquet"
        path.write_bytes(_parquet(pa.array(["4711"]), column))
        assert {found.kind for found in search_file(path, NEEDLES, store="s", root=tmp_path)} == kinds


def test_sqlite_rows_gaps_and_log(tmp_path):
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE people (name TEXT, mail TEXT)")
    connection.execute("INSERT INTO people VALUES ('Chloe', ?), ('Kim', 'kim@example.com')", [MAIL])
    assert [f.place for f in search_file(path, NEEDLES, store="s", root=tmp_path)] == ["x.db:people.mail"]
    connection.execute("DELETE FROM people WHERE mail = ?", [MAIL])
    assert [f.place for f in search_file(path, NEEDLES, store="s", root=tmp_path)] == ["x.db: free space"]
    connection.execute("VACUUM")
    assert search_file(path, NEEDLES, store="s", root=tmp_path) == []
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("INSERT INTO people VALUES ('x', ?)", [MAIL])
    connection.execute("UPDATE people SET mail = NULL")
    assert "x.db-wal" in {f.place for f in search_file(path, NEEDLES, store="s", root=tmp_path)}


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30), st.text(max_size=0) | st.just(MAIL))
@example("İ", MAIL)
@example("ı", MAIL)
@example("\u212a", MAIL)
def test_redaction_leaves_nothing_that_the_search_sees(around, mail):
    text = f"{around} {mail} {around}{mail}"
    redacted = NEEDLES.redact(text)
    assert NEEDLES.in_text(redacted) == set()
    if not NEEDLES.in_text(text):
        assert redacted == text


def test_every_table_of_these_rooms_is_declared():
    database = open_test_database(":memory:")
    declared = (*governance.IMPERSONAL_TABLES, *channels.IMPERSONAL_TABLES)
    assert undeclared_tables(database, [], declared) == []
    database.execute("CREATE TABLE people (mail TEXT)")
    assert undeclared_tables(database, [], declared) == ["people"]
    assert undeclared_tables(database, [PersonalTable("people", ("mail",))], declared) == []
