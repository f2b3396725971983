"""Write an audience to a file that a mailing house, an SMS gateway or an ad platform can read.

In: gold.segments, gold.customers, gold.consents, an `Audience` and the consent policy. Out: a CSV, JSON-lines or
Parquet file, and an `AudienceReport` that accounts for every candidate.

In this order a candidate is left out, and counted once:
    consent     the purpose is not allowed, or somebody else with the same address has refused it: a refusal is of the
    address suppressed  erased people who are still on a table of an older run
    no address  none, or not a possible one
    hold-out    held out by hash of customer_id and audience; the same address is then held out for everyone
    duplicate   another customer of the audience has the address: the one seen last keeps it

Everything happens in DuckDB; Python sees only distinct phone numbers. The file appears in one rename, readable by its
owner only. Text that a spreadsheet would run as a formula gets a leading apostrophe in CSV, except E.164 phone numbers
(+4420…), which are no formula and would no longer be dialled. JSON lines and Parquet need no such care.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from floorwalker.channels.addresses import email_hash_sql, email_sql, phone_number
from floorwalker.channels.audiences import Audience, find_audience
from floorwalker.channels.holdout import holdout_sql
from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.governance.consent import ConsentPolicy, allowed_sql, refusals
from floorwalker.governance.suppression import hash_sql, suppressed_sql

if TYPE_CHECKING:
    import duckdb

Format = Literal["csv", "jsonl", "parquet"]
_COPY = {
    "csv": "FORMAT csv, HEADER true, FORCE_QUOTE *",
    "jsonl": "FORMAT json, ARRAY false",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
_HASHED_TEXT = ("given_name", "family_name")  # what ad platforms take hashed besides the address


@dataclass(frozen=True)
class AudienceReport:
    """What became of each candidate; the numbers add up. `members`: sorted keyed 64-bit hashes of the exported."""

    audience: str
    purpose: str
    channel: str
    candidates: int
    without_consent: int
    suppressed: int
    without_address: int
    held_out: int
    duplicate_address: int
    exported: int
    file: Path | None
    format: str
    hashed: bool
    members: bytes = b""


def export_audience(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    policy: Mapping[str, Audience],
    consent_policy: ConsentPolicy,
    out: Path,
    *,
    secret: bytes,
    hashed: bool = False,
    format: Format = "csv",
    market: str | None = None,
    suppressed: pa.Table | None = None,
    dry_run: bool = False,
) -> AudienceReport:
    """Write audience `name` to `out` and account for everyone in it.

    `hashed`: addresses and names as unsalted SHA-256 of their normalised form, no customer_id. `market`: only customers
    of that market. `suppressed`: `governance.suppression.as_arrow`. `dry_run`: count, write nothing. Raises
    NotFoundError for an unknown audience, ConfigError for an unknown column or format.
    """
    audience = find_audience(policy, name)
    if format not in _COPY:
        raise ConfigError(f"unknown format '{format}'", why="", fix=did_you_mean(format, _COPY))
    if hashed and not audience.addresses:
        raise ConfigError(
            f"audience '{name}' has no address to hash", why="channel file", fix="export it without hashing"
        )
    known = {row[0]: row[1] for row in connection.execute("DESCRIBE gold.customers").fetchall()}
    for column in audience.columns:
        if column not in known:
            raise ConfigError(
                f"no column '{column}'", why=f"[audiences.{name}] columns", fix=did_you_mean(column, known)
            )
    _judge(connection, audience, consent_policy, secret=secret, hashed=hashed, market=market, suppressed=suppressed)
    counts = dict(connection.execute("SELECT fate, count(*) FROM _audience GROUP BY fate").fetchall())
    exported = counts.get("exported", 0)
    if not dry_run:
        _write(connection, _rows_sql(audience, known, hashed=hashed, guarded=format == "csv"), out, format)
    report = AudienceReport(
        name,
        audience.purpose,
        audience.channel,
        candidates=sum(counts.values()),
        without_consent=counts.get("consent", 0),
        suppressed=counts.get("suppressed", 0),
        without_address=counts.get("address", 0),
        held_out=counts.get("holdout", 0),
        duplicate_address=counts.get("duplicate", 0),
        exported=exported,
        file=None if dry_run else out,
        format=format,
        hashed=hashed,
        members=b"" if dry_run else _members(connection, secret),
    )
    _forget(connection)
    return report


def receivers(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    policy: Mapping[str, Audience],
    consent_policy: ConsentPolicy,
    *,
    secret: bytes,
    suppressed: pa.Table | None = None,
) -> list[str]:
    """The customers that an export of audience `name` would hold, in order; nothing is written."""
    audience = find_audience(policy, name)
    _judge(connection, audience, consent_policy, secret=secret, hashed=False, market=None, suppressed=suppressed)
    rows = connection.execute("SELECT customer_id FROM _audience WHERE fate = 'exported' ORDER BY 1").fetchall()
    _forget(connection)
    return [customer for (customer,) in rows]


def _forget(connection: duckdb.DuckDBPyConnection) -> None:
    for table in ("_audience", "_audience_people", "_audience_phones"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _judge(
    connection: duckdb.DuckDBPyConnection,
    audience: Audience,
    consent_policy: ConsentPolicy,
    *,
    secret: bytes,
    hashed: bool,
    market: str | None,
    suppressed: pa.Table | None,
) -> None:
    """Make the temporary table _audience: every candidate with addresses and `fate`."""
    refused = ", ".join(f"'{purpose}'" for purpose in refusals(audience.purpose))
    email = (email_hash_sql if hashed else email_sql)("customers.email") if "email" in audience.addresses else "NULL"
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _audience_people AS
        SELECT customers.customer_id, customers.last_seen, CAST({email} AS VARCHAR) AS email,
               customers.phone AS raw_phone, customers.country, customers.email AS raw_email,
               customers.customer_id IN (SELECT customer_id FROM gold.segments WHERE segment = $segment)
                   AND ($market IS NULL OR customers.market = $market) AS candidate,
               customers.customer_id IN (SELECT customer_id FROM gold.consents WHERE purpose IN ({refused})
                   AND status IS DISTINCT FROM 'granted') AS refuses
        FROM gold.customers AS customers
        """,
        {"segment": audience.segment, "market": market},
    )
    _normalise_phones(connection, needed="phone" in audience.addresses, hashed=hashed)
    hashes = suppressed if suppressed is not None else pa.table({"hash": pa.array([], pa.string())})
    connection.register("_suppressed_list", hashes)
    erased = "false"
    if hashes.num_rows:
        kinds = {"customer_id": "people.customer_id", "email": "people.raw_email", "phone": "people.raw_phone"}
        erased = suppressed_sql(kinds, secret, table="_suppressed_list")
    reachable = "true" if not audience.addresses else "(email IS NOT NULL OR phone IS NOT NULL)"
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _audience AS
        WITH people AS (
            SELECT people.*, phones.phone FROM _audience_people AS people
            LEFT JOIN _audience_phones AS phones
              ON phones.raw_phone = people.raw_phone AND phones.country IS NOT DISTINCT FROM people.country
        ),
        judged AS (
            SELECT customer_id, last_seen, email, phone,
                   {allowed_sql(audience.purpose, consent_policy, customer_id="people.customer_id")}
                       AND coalesce(email NOT IN (SELECT email FROM people WHERE refuses AND email IS NOT NULL), true)
                       AND coalesce(phone NOT IN (SELECT phone FROM people WHERE refuses AND phone IS NOT NULL), true)
                       AS consenting,
                   {erased} AS erased,
                   {holdout_sql("people.customer_id", audience.name, audience.holdout)} AS held
            FROM people WHERE candidate
        ),
        kept AS (
            SELECT *, consenting AND NOT erased AND {reachable} AND NOT held
                   AND coalesce(email NOT IN (SELECT email FROM judged WHERE held AND email IS NOT NULL), true)
                   AND coalesce(phone NOT IN (SELECT phone FROM judged WHERE held AND phone IS NOT NULL), true) AS stays
            FROM judged
        ),
        by_email AS (
            SELECT *, stays AND (email IS NULL OR row_number() OVER
                       (PARTITION BY email, stays ORDER BY last_seen DESC NULLS LAST, customer_id) = 1) AS first_email
            FROM kept
        ),
        by_phone AS (
            SELECT *, first_email AND phone IS NOT NULL AND row_number() OVER
                       (PARTITION BY phone, first_email ORDER BY last_seen DESC NULLS LAST, customer_id) = 1 AS
                       first_phone
            FROM by_email
        )
        SELECT customer_id, email, CASE WHEN first_phone THEN phone END AS phone,
               CASE WHEN NOT consenting THEN 'consent' WHEN erased THEN 'suppressed' WHEN NOT {reachable} THEN 'address'
                    WHEN NOT stays THEN 'holdout'
                    WHEN NOT first_email OR (email IS NULL AND phone IS NOT NULL AND NOT first_phone) THEN 'duplicate'
                    ELSE 'exported' END AS fate
        FROM by_phone
        """
    )
    connection.unregister("_suppressed_list")


def _normalise_phones(connection: duckdb.DuckDBPyConnection, *, needed: bool, hashed: bool) -> None:
    """Temporary table _audience_phones: raw phone and country → E.164, or its SHA-256. Once per distinct pair."""
    pairs = []
    if needed:
        pairs = connection.execute(
            "SELECT DISTINCT raw_phone, country FROM _audience_people"
            " WHERE (candidate OR refuses) AND raw_phone IS NOT NULL AND NOT starts_with(raw_phone, 'hash:')"
            " ORDER BY raw_phone, country"
        ).fetchall()
    numbers = [phone_number(raw, country) for raw, country in pairs]
    if hashed:
        numbers = [number and hashlib.sha256(number.encode()).hexdigest() for number in numbers]
    columns = [[raw for raw, _ in pairs], [country for _, country in pairs], numbers]
    table = pa.table([pa.array(column, pa.string()) for column in columns], ["raw_phone", "country", "phone"])
    connection.register("_phones_arrow", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE _audience_phones AS SELECT * FROM _phones_arrow")
    connection.unregister("_phones_arrow")


def _rows_sql(audience: Audience, known: Mapping[str, str], *, hashed: bool, guarded: bool) -> str:
    suffix = "_sha256" if hashed else ""
    shown = [] if hashed else ["chosen.customer_id"]
    shown += [f"chosen.{column} AS {column}{suffix}" for column in audience.addresses]
    for column in audience.columns:
        if column in audience.addresses or column == "customer_id" or (hashed and column in ("email", "phone")):
            continue  # there already, or never in the clear beside its hash
        text = f'customers."{column}"'
        if hashed and column in _HASHED_TEXT:
            shown.append(f"sha256(lower(trim({text}))) AS {column}_sha256")
        elif guarded and known[column] == "VARCHAR":
            shown.append(f'{_guarded(text)} AS "{column}"')
        else:
            shown.append(text)
    # Hashed files are sorted by hash: the order must not tell whose row it is.
    order = ", ".join(f"chosen.{column}" for column in (audience.addresses if hashed else ())) or "chosen.customer_id"
    return (
        f"SELECT {', '.join(shown)} FROM _audience AS chosen JOIN gold.customers AS customers"
        f" ON customers.customer_id = chosen.customer_id WHERE chosen.fate = 'exported'"
        f" ORDER BY {order}, chosen.customer_id"
    )


def _guarded(text: str) -> str:
    formula = f"regexp_matches({text}, '^[\\s]*[=+\\-@]') OR regexp_matches({text}, '^[\\t\\r\\n]')"
    phone = f"regexp_full_match({text}, '\\+[0-9]{{7,15}}')"
    return f"CASE WHEN ({formula}) AND NOT {phone} THEN '''' || {text} ELSE {text} END"


def _write(connection: duckdb.DuckDBPyConnection, query: str, out: Path, format: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        quoted = str(draft).replace("'", "''")
        connection.execute(f"COPY ({query}) TO '{quoted}' ({_COPY[format]}, USE_TMP_FILE false)")
        draft.chmod(0o600)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _members(connection: duckdb.DuckDBPyConnection, secret: bytes) -> bytes:
    digest = hash_sql("customer_id", "customer_id", secret)
    column = connection.sql(
        f"SELECT CAST('0x' || substr({digest}, 1, 16) AS UBIGINT) AS member FROM _audience"
        " WHERE fate = 'exported' ORDER BY member"
    ).to_arrow_table()["member"]
    return column.to_numpy().astype(np.dtype("<u8")).tobytes()
