"""The suppression list: keyed hashes of erased people, so that the same files, delivered again, do not bring them back.

In: identifiers of an erased person. Out: hashes in SQLite, and the same hash as a DuckDB expression, so that ingestion
refuses a row without a single comparison of clear text.

    hash = sha256(outer ‖ sha256(inner ‖ kind ‖ 0x1F ‖ value))        text in, lower-case hex out

`inner` and `outer` are two 64-character keys derived from the project's secret. 64 bytes are one block of SHA-256, so
this is the construction of HMAC with two independent keys; it needs nothing but `sha256`, which every SQL engine has.
Without the secret the list cannot be tried against guessed e-mail addresses.

A value is hashed in the form it was delivered in (ASCII white space trimmed, ASCII letters lowered: engines disagree
about the rest of Unicode) and as its normalised key. A customer_ref means something only within its source:
`in_source`.

>>> hash_identifier(b"secret", "email", " Ann@Example.com ") == hash_identifier(b"secret", "email", "ann@example.com")
True
>>> hash_identifier(b"secret", "email", "ann@example.com") == hash_identifier(b"other", "email", "ann@example.com")
False
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
import string
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from floorwalker.governance.transactions import atomic

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

KINDS: tuple[str, ...] = (
    "email",
    "phone",
    "loyalty_id",
    "account_id",
    "customer_ref",
    "device_id",
    "cookie_id",
    "fingerprint",
)
"""Kinds of identifiers, named as their columns in the event vocabulary."""
_WHITE = " \t\n\r\x0b\x0c"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BETWEEN = "\x1f"


def plain_form(value: str) -> str:
    """Trimmed and lowered, ASCII only: exactly what `hash_sql` does in SQL."""
    return value.strip(_WHITE).translate(_LOWER)


def in_source(source: str, value: str) -> str:
    """A customer number together with the source in which it means something: hash this as kind 'customer_ref'."""
    return f"{source}{_BETWEEN}{value}"


def hash_identifier(secret: bytes, kind: str, key: str) -> str:
    """Keyed hash (64 hex characters) of an identifier, or of a surrogate id with kind 'record_id' or 'customer_id'."""
    inner, outer = _keys(secret)
    first = hashlib.sha256(f"{inner}{kind}{_BETWEEN}{plain_form(key)}".encode()).hexdigest()
    return hashlib.sha256(f"{outer}{first}".encode()).hexdigest()


def hash_sql(kind: str, column_sql: str, secret: bytes) -> str:
    """The same hash as a DuckDB expression; NULL stays NULL.

    The expression contains keys derived for this use only, not the secret; do not print or log it all the same.
    """
    inner, outer = _keys(secret)
    white = " || ".join(f"chr({ord(character)})" for character in _WHITE)
    plain = f"translate(trim({column_sql}, {white}), '{string.ascii_uppercase}', '{string.ascii_lowercase}')"
    return f"sha256('{outer}' || sha256('{inner}{kind}' || chr({ord(_BETWEEN)}) || {plain}))"


def in_source_sql(source_sql: str, column_sql: str) -> str:
    """`in_source` as SQL, for kind 'customer_ref'."""
    return f"({source_sql} || chr({ord(_BETWEEN)}) || {column_sql})"


def suppressed_sql(columns: Mapping[str, str], secret: bytes, *, table: str = "suppressed_hashes") -> str:
    """Whether a row names an erased person: a boolean expression, never NULL.

    `columns`: {kind: SQL of the column}, e.g. {"email": "email", "record_id": "record_id",
    "customer_ref": in_source_sql("source", "customer_ref")}. `table`: what `share` made. Ask `count` first: for an
    empty list there is nothing to hash.
    """
    tests = [
        f"coalesce({hash_sql(kind, column, secret)} IN (SELECT hash FROM {table}), false)"
        for kind, column in columns.items()
    ]
    return "(" + " OR ".join(tests or ["false"]) + ")"


def add(connection: sqlite3.Connection, hashes: Iterable[tuple[str, str]], *, reason: str, at: str) -> int:
    """Put (kind, hash) pairs on the list; returns how many were new. Adding twice changes nothing."""
    with atomic(connection):
        before = count(connection)
        connection.executemany(
            "INSERT INTO suppressed (hash, kind, reason, added_at) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
            [(digest, kind, reason, at) for kind, digest in hashes],
        )
        return count(connection) - before


def lift(connection: sqlite3.Connection, hashes: Iterable[str]) -> int:
    """Take hashes off the list, when a person comes back of their own will; returns how many were on it."""
    with atomic(connection):
        before = count(connection)
        connection.executemany("DELETE FROM suppressed WHERE hash = ?", [(digest,) for digest in hashes])
        return before - count(connection)


def contains(connection: sqlite3.Connection, digest: str) -> bool:
    """Whether a hash is on the list."""
    return connection.execute("SELECT 1 FROM suppressed WHERE hash = ?", (digest,)).fetchone() is not None


def count(connection: sqlite3.Connection) -> int:
    """Number of hashes on the list."""
    return int(connection.execute("SELECT count(*) FROM suppressed").fetchone()[0])


def as_arrow(connection: sqlite3.Connection) -> pa.Table:
    """The list as an Arrow table with one column `hash`, in order."""
    import pyarrow as pa

    rows = connection.execute("SELECT hash FROM suppressed ORDER BY hash").fetchall()
    return pa.table({"hash": pa.array([row[0] for row in rows], pa.string())})


def share(connection: sqlite3.Connection, engine: duckdb.DuckDBPyConnection, name: str = "suppressed_hashes") -> int:
    """Make the list a temporary table of a DuckDB connection, for the anti-join at ingestion; returns its length."""
    hashes = as_arrow(connection)
    engine.register("_suppressed_arrow", hashes)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT hash FROM _suppressed_arrow")
    engine.unregister("_suppressed_arrow")
    return hashes.num_rows


def _keys(secret: bytes) -> tuple[str, str]:
    inner, outer = (
        hmac.new(secret, f"floorwalker suppression {part}".encode(), hashlib.sha256).hexdigest()
        for part in ("inner", "outer")
    )
    return inner, outer
