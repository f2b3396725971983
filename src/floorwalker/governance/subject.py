"""The person to be erased: every surrogate id, every identifier, and which of them nobody else shares.

In: a customer_id and a connection on the published tables. Out: a `Subject` that erasure handlers erase and search by.

An identifier is *exclusive* when no record of another customer carries it (as delivered, or normalised). A household's
phone is not: it stays in the rows of those who remain, so it neither proves a leftover nor goes on the suppression
list.

>>> phone = Identifier("phone", "0612", exclusive=False)
>>> ann = Subject(("c1",), ("r1",), (Identifier("email", "Ann@x.com", "ann@x.com"), phone))
>>> [identifier.kind for identifier in ann.identifiers if identifier.exclusive]
['email']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from floorwalker.errors import NotFoundError
from floorwalker.governance.suppression import KINDS, hash_identifier, in_source

if TYPE_CHECKING:
    import duckdb

# Column of silver.normalised_records that holds the key of a kind.
KEY_COLUMNS = {
    "email": "email_key",
    "phone": "phone_key",
    "loyalty_id": "loyalty_key",
    "account_id": "account_key",
    "customer_ref": "ref_key",
    "device_id": "device_key",
    "cookie_id": "cookie_key",
    "fingerprint": "fingerprint_key",
}


@dataclass(frozen=True)
class Identifier:
    """A value of a kind as it was delivered, its normalised key where there is one, and the source it came from."""

    kind: str
    value: str
    key: str | None = None
    exclusive: bool = True
    source: str | None = None


@dataclass(frozen=True)
class Subject:
    """Who is erased. `customer_ids` includes aliases of earlier merges; `names` and `addresses` only what nobody
    shares.

    `hashes`: keyed hashes of the exclusive identifiers; all that is left of them when an interrupted erasure is resumed
    after the lake has already lost the person.
    """

    customer_ids: tuple[str, ...]
    record_ids: tuple[str, ...]
    identifiers: tuple[Identifier, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    hashes: frozenset[str] = frozenset()

    @property
    def surrogates(self) -> tuple[str, ...]:
        """Ids of ours that stand for the person."""
        return (*self.customer_ids, *self.record_ids)


def subject_hashes(secret: bytes, subject: Subject) -> list[tuple[str, str]]:
    """(kind, keyed hash) of everything that must keep the person out: surrogate ids and exclusive identifiers, sorted.

    The record_id is itself a hash of the words of a row, so a row that comes again as it was is refused even when its
    only identifier is shared with somebody else.
    """
    found = {("record_id", hash_identifier(secret, "record_id", record)) for record in subject.record_ids}
    found |= {("customer_id", hash_identifier(secret, "customer_id", customer)) for customer in subject.customer_ids}
    for identifier in subject.identifiers:
        if identifier.exclusive:
            for value in _hashed_forms(identifier):
                found.add((identifier.kind, hash_identifier(secret, identifier.kind, value)))
    return sorted(found)


def _hashed_forms(identifier: Identifier) -> Iterator[str]:
    if identifier.kind == "customer_ref":
        yield in_source(identifier.source or "", identifier.value)
    else:
        yield identifier.value
    if identifier.key:
        yield identifier.key


def find_subject(
    connection: duckdb.DuckDBPyConnection,
    customer_id: str,
    *,
    aliases: Sequence[str] = (),
    record_ids: Sequence[str] = (),
) -> Subject:
    """Everything the tables know that names this customer.

    Reads silver.customer_map, silver.identity_records and silver.normalised_records. `aliases`: earlier ids of the
    customer (the identity registry knows them). `record_ids`: records to take in besides those on the map; with them a
    resumed erasure finds the same person again. Raises NotFoundError when nothing of the customer is there.
    """
    customers = tuple(dict.fromkeys((customer_id, *aliases)))
    connection.execute("CREATE OR REPLACE TEMP TABLE _erased_records (record_id VARCHAR)")
    connection.execute(
        "INSERT INTO _erased_records SELECT record_id FROM silver.customer_map WHERE customer_id IN"
        " (SELECT unnest(?::VARCHAR[])) UNION SELECT unnest(?::VARCHAR[])",
        [list(customers), list(record_ids)],
    )
    records = [row[0] for row in connection.execute("SELECT record_id FROM _erased_records ORDER BY 1").fetchall()]
    if not records:
        raise NotFoundError(
            "no such customer",
            why="no record in silver.customer_map belongs to this id",
            fix="floorwalker customers search TEXT",
        )
    # A run of an earlier version may not know every kind.
    words, keys = (connection.sql(f"FROM silver.{name}_records").columns for name in ("identity", "normalised"))
    kinds = [kind for kind in KINDS if kind in words and KEY_COLUMNS[kind] in keys]
    identifiers = tuple(found for kind in kinds for found in _identifiers(connection, kind))
    names = _column(
        connection,
        "given_name || ' ' || family_name",
        "lower(given_name) || chr(31) || lower(family_name)",
    )
    addresses = _column(connection, "address", "lower(address) || chr(31) || coalesce(lower(postcode), '')")
    return Subject(customers, tuple(records), identifiers, names, addresses)


def _identifiers(connection: duckdb.DuckDBPyConnection, kind: str) -> list[Identifier]:
    scope = "source" if kind == "customer_ref" else "NULL::VARCHAR"
    query = f"""
        WITH worded AS (
            SELECT words.record_id, words.{kind} AS value, {scope} AS source, normalised.{KEY_COLUMNS[kind]} AS key,
                   lower(trim(words.{kind})) || chr(31) || coalesce({scope}, '') AS form,
                   words.record_id IN (SELECT record_id FROM _erased_records) AS mine
            FROM silver.identity_records AS words
            LEFT JOIN silver.normalised_records AS normalised ON normalised.record_id = words.record_id
            WHERE words.{kind} IS NOT NULL AND words.{kind} <> ''
        )
        SELECT value, key, source,
               bool_and(form NOT IN (SELECT form FROM worded WHERE NOT mine)
                        AND coalesce(key NOT IN (SELECT key FROM worded WHERE NOT mine AND key IS NOT NULL), true))
        FROM worded WHERE mine GROUP BY value, key, source ORDER BY value, key, source
    """
    return [
        Identifier(kind, value, key, exclusive, source)
        for value, key, source, exclusive in connection.execute(query).fetchall()
    ]


def _column(connection: duckdb.DuckDBPyConnection, shown: str, compared: str) -> tuple[str, ...]:
    rows = connection.execute(
        f"""
        SELECT DISTINCT {shown} AS words FROM silver.identity_records
        WHERE record_id IN (SELECT record_id FROM _erased_records) AND {shown} IS NOT NULL
          AND {compared} NOT IN (
              SELECT {compared} FROM silver.identity_records
              WHERE record_id NOT IN (SELECT record_id FROM _erased_records) AND {compared} IS NOT NULL)
        ORDER BY words
        """
    ).fetchall()
    return tuple(row[0] for row in rows)
