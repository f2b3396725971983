"""Normalise a table: each distinct raw value once.

In: silver.identity_records. Out: silver.normalised_records, one row per record with a key per field, NULL where the
value is absent, invalid or names nobody.

Distinct values stream through `Normaliser` in batches, so memory is bounded by a batch and the table of distinct
values. A hashed identifier takes the key of the clear value that hashes to it, if the data hold one; else it is its
own key. `hashes` says under which hashes a record's clear values would come: by these a record that comes later finds
its clear one, and the other way round, without hashing everybody's again (`normalise_changed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

import duckdb
import pyarrow as pa

from floorwalker.identity import consenting, emails
from floorwalker.identity.hashed import Scheme, parse_token, tokens
from floorwalker.identity.normalise import Normaliser, address_key, birth_date_key, postcode_key
from floorwalker.identity.settings import IdentitySettings

_BATCH = 50_000

HASHABLE = ("email", "phone", "loyalty_id", "account_id", "device_id", "cookie_id")
"""Kinds that sources send hashed."""

OUTPUT = {
    "email_key": "email", "phone_key": "phone", "loyalty_key": "loyalty_id", "account_key": "account_id",
    "ref_key": "customer_ref", "device_key": "device_id", "cookie_key": "cookie_id",
    "fingerprint_key": "fingerprint", "given_name_key": "given_name",
    "family_name_key": "family_name", "birth_date": "birth_date", "postcode_key": "postcode", "address_key": "address",
}  # fmt: skip
"""Column of silver.normalised_records -> field of silver.identity_records it comes from."""


COLUMNS = (
    "record_id", "email_key", "phone_key", "loyalty_key", "account_key", "ref_key", "device_key", "cookie_key",
    "fingerprint_key", "given_name_key", "family_name_key", "initial_key", "birth_date", "postcode_key", "address_key",
    "hashes",
)  # fmt: skip
"""Columns of silver.normalised_records, in order."""

_WRITTEN_IN = "coalesce(r.market, '') || '|' || coalesce(r.country, '')"
"""SQL: what decides the country of a phone number without country code."""


def _distinct(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[tuple]]:
    """Rows of a query as Python values, a batch at a time; the query itself is kept as Arrow."""
    for batch in connection.sql(query).to_arrow_table().to_batches(max_chunksize=_BATCH):
        yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _silent(connection: duckdb.DuckDBPyConnection, records: str) -> set[str]:
    """Fields in which no record says anything."""
    there = connection.sql(f"FROM {records}").columns
    fields = [field for field in OUTPUT.values() if field in there]
    counts = ", ".join(f"count({field})" for field in fields)
    (row,) = connection.execute(f"SELECT {counts} FROM {records}").fetchall()
    return {field for field, count in zip(fields, row, strict=True) if not count} | set(OUTPUT.values()) - set(there)


def schemes(connection: duckdb.DuckDBPyConnection, field: str, records: str) -> list[Scheme]:
    """The hash schemes present in a field that we can compute, in a fixed order."""
    rows = connection.execute(
        f"SELECT DISTINCT regexp_extract(lower(trim({field})), '^hash:([^:]+):', 1) FROM {records} "
        f"WHERE starts_with(lower(trim({field})), 'hash:')"
    ).fetchall()
    texts = sorted({"".join(text.split()) for (text,) in rows})
    return [scheme for text in texts if (scheme := Scheme.parse(text))]


def _write(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, list], select: str = "*") -> None:
    arrow = pa.table({name: pa.array(values, type=pa.string()) for name, values in columns.items()})
    connection.register("identity_batch", arrow)
    connection.execute(f"INSERT INTO {table} SELECT {select} FROM identity_batch WHERE key IS NOT NULL")
    connection.unregister("identity_batch")


def hash_code(field: str, token: str) -> str:
    """SQL: a token (SQL) of a field as the number by which `hashes` holds it."""
    return f"(md5_number_lower('{field}|' || {token}) >> 1)::BIGINT"


def own_token(field: str) -> str:
    """SQL: the token that a hashed value is, in one spelling (`hashed.parse_token`)."""
    return f"regexp_replace(lower(trim({field})), '\\s', '', 'g')"


def _map_text(
    connection: duckdb.DuckDBPyConnection,
    field: str,
    query: str,
    key_of: Callable[[str, str], str | None],
    forms_of: Callable[[str, str | None], tuple[str | None, ...]] | None,
    known: list[Scheme],
) -> None:
    """identity_map_<field>(raw, context, key) from distinct (raw, context), and identity_hashes_<field>(raw, context,
    code, key): the hashes of clear values."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE identity_map_{field} (raw VARCHAR, context VARCHAR, key VARCHAR)")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE identity_hashes_{field} (raw VARCHAR, context VARCHAR, code BIGINT, key VARCHAR)"
    )
    for batch in connection.sql(query).to_arrow_table().to_batches(max_chunksize=_BATCH):
        raws, contexts = (column.to_pylist() for column in batch.columns)
        keys = list(map(key_of, raws, contexts))
        tokened: set[int] = set()
        if forms_of:
            for place, raw in enumerate(raws):
                if raw[:1] in "hH" and raw[:5].lower() == "hash:" and (token := parse_token(raw)):
                    keys[place] = token[1]
                    tokened.add(place)
        _write(connection, f"identity_map_{field}", {"raw": raws, "context": contexts, "key": keys})
        if not (known and forms_of):
            continue
        hashed: dict[str, list] = {"raw": [], "context": [], "token": [], "key": []}
        for place, (raw, context, key) in enumerate(zip(raws, contexts, keys, strict=True)):
            if key is not None and place not in tokened:
                for one in tokens([form for form in forms_of(raw, key) if form], known):
                    for name, value in (("raw", raw), ("context", context), ("token", one), ("key", key)):
                        hashed[name].append(value)
        if hashed["token"]:
            _write(connection, f"identity_hashes_{field}", hashed, f"raw, context, {hash_code(field, 'token')}, key")


def _meet(connection: duckdb.DuckDBPyConnection, field: str, standing: str) -> None:
    """A hashed value takes the (least) key of the clear values with its hash. `standing`: SQL of more of these than
    were just mapped: code, key."""
    code = hash_code(field, "key")
    connection.execute(f"""
        UPDATE identity_map_{field} SET key = t.key
        FROM (
            SELECT code, min(key) AS key FROM (SELECT code, key FROM identity_hashes_{field} UNION ALL {standing})
            WHERE code IN (SELECT {code} FROM identity_map_{field} WHERE starts_with(key, 'hash:')) GROUP BY code
        ) t
        WHERE starts_with(identity_map_{field}.key, 'hash:')
            AND {hash_code(field, f"identity_map_{field}.key")} = t.code
    """)


def normalise_records(
    connection: duckdb.DuckDBPyConnection,
    settings: IdentitySettings,
    records: str = "silver.identity_records",
    known: Mapping[str, list[Scheme]] | None = None,
    standing: Mapping[str, str] | None = None,
) -> duckdb.DuckDBPyRelation:
    """silver.normalised_records as a relation over temporary tables of `connection`; ordered by record_id.

    `records`: the records to normalise. Where these are not all: `known`, the hash schemes of all records per field,
    and `standing`, SQL of the hashes of the others' clear values per field: code, key."""
    normaliser = Normaliser(settings)
    functions: dict[str, Callable[[str], str | None]] = {
        "email": normaliser.email,
        "loyalty_id": normaliser.loyalty_id,
        "account_id": normaliser.account_id,
        "customer_ref": normaliser.customer_ref,
        "device_id": normaliser.device_id,
        "cookie_id": normaliser.cookie_id,
        "fingerprint": normaliser.cookie_id,
        "given_name": normaliser.given_name,
        "family_name": normaliser.family_name,
        "postcode": postcode_key,
        "address": address_key,
    }
    forms: dict[str, Callable[[str, str | None], tuple[str | None, ...]]] = {
        "email": lambda raw, key: (raw, raw.strip().lower(), emails.email_display(raw), key),
        "phone": lambda raw, key: (raw, key, key[1:] if key else None),
    }

    @cache
    def region(place: str) -> str:
        market, _, country = place.partition("|")
        return normaliser.region(market, country)

    silent = _silent(connection, records)
    if not settings.fingerprint_purpose:
        silent.add("fingerprint")
    said = [field for field in OUTPUT.values() if field not in silent]
    hashing = {
        field: known[field] if known is not None else schemes(connection, field, records)
        for field in HASHABLE
        if field in said
    }
    for field, function in functions.items():
        if field in said:
            _map_text(
                connection,
                field,
                f"SELECT DISTINCT {field}, '' FROM {records} WHERE {field} <> ''",
                lambda raw, _, function=function: function(raw),
                forms.get(field, lambda raw, key: (raw, key)) if field in HASHABLE else None,
                hashing.get(field, []),
            )
    if "phone" in said:
        _map_text(
            connection,
            "phone",
            f"SELECT DISTINCT phone, {_WRITTEN_IN} FROM {records} r WHERE phone <> ''",
            lambda raw, place: normaliser.phone(raw, region(place)),
            forms["phone"],
            hashing["phone"],
        )
    if "birth_date" in said:
        _map_births(connection, records)
    for field in [field for field in hashing if hashing[field]]:
        _meet(connection, field, (standing or {}).get(field, "SELECT NULL::BIGINT, NULL::VARCHAR WHERE FALSE"))
    _join(connection, records, said, [field for field in hashing if hashing[field]])
    for field in said:
        connection.execute(f"DROP TABLE identity_map_{field}")
        connection.execute(f"DROP TABLE IF EXISTS identity_hashes_{field}")
    if "fingerprint" in said:
        consenting.keep_allowed(connection, settings.fingerprint_purpose)
    # The initial is the folded given name's: it needs no table of its own.
    return connection.sql(f"SELECT {', '.join(COLUMNS)} FROM identity_normalised ORDER BY record_id")


def _join(connection: duckdb.DuckDBPyConnection, records: str, said: list[str], hashing: list[str]) -> None:
    """identity_normalised: the maps of the fields side by side. `said`: fields in which a record says anything;
    `hashing`: those of which hashes are kept."""
    joins, hashes = "", []
    for field in said:
        written_in = f" AND m_{field}.context = {_WRITTEN_IN}" if field == "phone" else ""
        joins += f"\nLEFT JOIN identity_map_{field} m_{field} ON m_{field}.raw = r.{field}{written_in}"
        if field in hashing:
            written_in = f" AND h_{field}.context = {_WRITTEN_IN}" if field == "phone" else ""
            joins += (
                f"\nLEFT JOIN (SELECT raw, context, list(code ORDER BY code) AS codes FROM identity_hashes_{field}"
                f" GROUP BY raw, context) h_{field} ON h_{field}.raw = r.{field}{written_in}"
            )
            hashes.append(f"coalesce(h_{field}.codes, [])")
    columns = ", ".join(f"{_column(name, field, field not in said)} AS {name}" for name, field in OUTPUT.items())
    listed = f"nullif(flatten([{', '.join(hashes)}]), [])" if hashes else "NULL"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_normalised AS
        SELECT *, left(given_name_key, 1) AS initial_key FROM (
            SELECT r.record_id, {columns}, {listed}::BIGINT[] AS hashes FROM {records} r {joins}
        )
    """)


def _column(name: str, field: str, silent: bool) -> str:
    if silent:
        return "NULL::DATE" if field == "birth_date" else "NULL::VARCHAR"
    # A customer number means something only together with its source.
    return f"coalesce(r.source, '') || ':' || m_{field}.key" if name == "ref_key" else f"m_{field}.key"


def _map_births(connection: duckdb.DuckDBPyConnection, records: str) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE identity_map_birth_date (raw DATE, key DATE)")
    for rows in _distinct(connection, f"SELECT DISTINCT birth_date FROM {records} WHERE birth_date IS NOT NULL"):
        pairs = [(raw, birth_date_key(raw)) for (raw,) in rows]
        arrow = pa.table(
            {"raw": pa.array([p[0] for p in pairs], pa.date32()), "key": pa.array([p[1] for p in pairs], pa.date32())}
        )
        connection.register("identity_batch", arrow)
        connection.execute("INSERT INTO identity_map_birth_date SELECT * FROM identity_batch")
        connection.unregister("identity_batch")
