"""Normalise a table: each distinct raw value once.

In: silver.identity_records. Out: silver.normalised_records, one row per record with a key per field, NULL where the
value is absent, invalid or names nobody.

Distinct values stream through `Normaliser` in batches, so memory is bounded by a batch and the table of distinct
values. A hashed identifier takes the key of the clear value that hashes to it, if the data hold one; else it is its
own key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import duckdb
import pyarrow as pa

from floorwalker.identity import emails
from floorwalker.identity.hashed import Scheme, parse_token, tokens
from floorwalker.identity.normalise import Normaliser, address_key, birth_date_key, postcode_key
from floorwalker.identity.settings import IdentitySettings

_BATCH = 50_000

HASHABLE = ("email", "phone", "loyalty_id", "account_id", "device_id", "cookie_id")
"""Kinds that sources send hashed."""

OUTPUT = {
    "email_key": "email", "phone_key": "phone", "loyalty_key": "loyalty_id", "account_key": "account_id",
    "ref_key": "customer_ref", "device_key": "device_id", "cookie_key": "cookie_id", "given_name_key": "given_name",
    "family_name_key": "family_name", "birth_date": "birth_date", "postcode_key": "postcode", "address_key": "address",
}  # fmt: skip
"""Column of silver.normalised_records -> field of silver.identity_records it comes from."""


_WRITTEN_IN = "coalesce(r.market, '') || '|' || coalesce(r.country, '')"
"""SQL: what decides the country of a phone number without country code."""


def _distinct(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[tuple]]:
    """Rows of a query as Python values, a batch at a time; the query itself is kept as Arrow."""
    for batch in connection.sql(query).to_arrow_table().to_batches(max_chunksize=_BATCH):
        yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _silent(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Fields in which no record says anything."""
    fields = list(OUTPUT.values())
    counts = ", ".join(f"count({field})" for field in fields)
    (row,) = connection.execute(f"SELECT {counts} FROM silver.identity_records").fetchall()
    return {field for field, count in zip(fields, row, strict=True) if not count}


def _schemes(connection: duckdb.DuckDBPyConnection, field: str) -> list[Scheme]:
    """The hash schemes present in a field that we can compute, in a fixed order."""
    rows = connection.execute(
        f"SELECT DISTINCT regexp_extract(lower(trim({field})), '^hash:([^:]+):', 1) FROM silver.identity_records "
        f"WHERE starts_with(lower(trim({field})), 'hash:')"
    ).fetchall()
    texts = sorted({"".join(text.split()) for (text,) in rows})
    return [scheme for text in texts if (scheme := Scheme.parse(text))]


def _write(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, list]) -> None:
    arrow = pa.table({name: pa.array(values, type=pa.string()) for name, values in columns.items()})
    connection.register("identity_batch", arrow)
    connection.execute(f"INSERT INTO {table} SELECT * FROM identity_batch")
    connection.unregister("identity_batch")


def _map_text(
    connection: duckdb.DuckDBPyConnection,
    field: str,
    query: str,
    key_of: Callable[[str, str], str | None],
    forms_of: Callable[[str, str | None], tuple[str | None, ...]] | None,
) -> None:
    """identity_map_<field>(raw, context, key) from distinct (raw, context); hashed values meet clear ones."""
    table = f"identity_map_{field}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} (raw VARCHAR, context VARCHAR, key VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE identity_tokens (token VARCHAR, key VARCHAR)")
    schemes = _schemes(connection, field) if forms_of else []
    for rows in _distinct(connection, query):
        found: dict[str, list] = {"raw": [], "context": [], "key": []}
        hashed: dict[str, list] = {"token": [], "key": []}
        for raw, context in rows:
            token = parse_token(raw) if forms_of and raw[:5].lower() == "hash:" else None
            key = token[1] if token else key_of(raw, context)
            if key is None:
                continue
            found["raw"].append(raw)
            found["context"].append(context)
            found["key"].append(key)
            if schemes and forms_of and not token:
                for one in tokens([form for form in forms_of(raw, key) if form], schemes):
                    hashed["token"].append(one)
                    hashed["key"].append(key)
        _write(connection, table, found)
        if hashed["token"]:
            _write(connection, "identity_tokens", hashed)
    if schemes:
        connection.execute(f"""
            UPDATE {table} SET key = t.key
            FROM (SELECT token, min(key) AS key FROM identity_tokens GROUP BY token) t WHERE {table}.key = t.token
        """)


def normalise_records(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> duckdb.DuckDBPyRelation:
    """silver.normalised_records as a relation over temporary tables of `connection`; ordered by record_id."""
    normaliser = Normaliser(settings)
    functions: dict[str, Callable[[str], str | None]] = {
        "email": normaliser.email,
        "loyalty_id": normaliser.loyalty_id,
        "account_id": normaliser.account_id,
        "customer_ref": normaliser.customer_ref,
        "device_id": normaliser.device_id,
        "cookie_id": normaliser.cookie_id,
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

    silent = _silent(connection)
    for field, function in functions.items():
        if field in silent:
            continue
        _map_text(
            connection,
            field,
            f"SELECT DISTINCT {field}, '' FROM silver.identity_records WHERE {field} <> ''",
            lambda raw, _, function=function: function(raw),
            forms.get(field, lambda raw, key: (raw, key)) if field in HASHABLE else None,
        )
    if "phone" not in silent:
        _map_text(
            connection,
            "phone",
            f"SELECT DISTINCT phone, {_WRITTEN_IN} FROM silver.identity_records r WHERE phone <> ''",
            lambda raw, place: normaliser.phone(raw, region(place)),
            forms["phone"],
        )
    if "birth_date" not in silent:
        _map_births(connection)
    joins = "".join(
        f"\nLEFT JOIN identity_map_{field} m_{field} ON m_{field}.raw = r.{field}"
        + (f" AND m_phone.context = {_WRITTEN_IN}" if field == "phone" else "")
        for field in OUTPUT.values()
        if field not in silent
    )
    columns = ", ".join(f"{_column(name, field, field in silent)} AS {name}" for name, field in OUTPUT.items())
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_normalised AS
        SELECT r.record_id, {columns} FROM silver.identity_records r {joins}
    """)
    for field in set(OUTPUT.values()) - silent:
        connection.execute(f"DROP TABLE identity_map_{field}")
    connection.execute("DROP TABLE IF EXISTS identity_tokens")
    # The initial is the folded given name's: it needs no table of its own.
    return connection.sql("""
        SELECT record_id, email_key, phone_key, loyalty_key, account_key, ref_key, device_key, cookie_key,
               given_name_key, family_name_key, left(given_name_key, 1) AS initial_key, birth_date, postcode_key,
               address_key
        FROM identity_normalised ORDER BY record_id
    """)


def _column(name: str, field: str, silent: bool) -> str:
    if silent:
        return "NULL::DATE" if field == "birth_date" else "NULL::VARCHAR"
    # A customer number means something only together with its source.
    return f"coalesce(r.source, '') || ':' || m_{field}.key" if name == "ref_key" else f"m_{field}.key"


def _map_births(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE identity_map_birth_date (raw DATE, key DATE)")
    for rows in _distinct(
        connection, "SELECT DISTINCT birth_date FROM silver.identity_records WHERE birth_date IS NOT NULL"
    ):
        pairs = [(raw, birth_date_key(raw)) for (raw,) in rows]
        arrow = pa.table(
            {"raw": pa.array([p[0] for p in pairs], pa.date32()), "key": pa.array([p[1] for p in pairs], pa.date32())}
        )
        connection.register("identity_batch", arrow)
        connection.execute("INSERT INTO identity_map_birth_date SELECT * FROM identity_batch")
        connection.unregister("identity_batch")
