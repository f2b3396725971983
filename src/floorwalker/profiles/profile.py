"""The customer's one record, found by any identifier.

In: a connection on the published lake and an identifier (`c…` id, e-mail, phone, loyalty id, `kind:value`, or a name).
Out: the profile as a nested dict that prints and serialises as it is.

    profile = fetch(lake.read(), "email:ann@example.com", normalise)
    profile["behaviour"]["orders"]
    profile["provenance"][0]["reason"]        # why the first of its fields has the value it has
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from floorwalker.errors import NotFoundError, did_you_mean

if TYPE_CHECKING:
    import duckdb

KINDS = ("email", "phone", "loyalty_id", "account_id", "customer_ref", "device_id", "cookie_id")
Normalise = Callable[[str, str], Sequence[str]]
"""(kind, value as typed) → the keys it may be matched by: a phone number without a country has one per market."""

_DEMOGRAPHICS = (
    "given_name",
    "family_name",
    "birth_year",
    "gender",
    "city",
    "postcode",
    "country",
    "market",
    "language",
)
_CONSENT = ("personalization", "profiling", "marketing_email", "marketing_sms", "marketing_push", "analytics", "ads")
_ACTIVITY = ("is_known", "first_seen", "last_seen", "records", "sources", "channels")


def find(connection: duckdb.DuckDBPyConnection, text: str, normalise: Normalise, *, limit: int = 20) -> list[str]:
    """Customer ids that an identifier or name may mean, best first: id, alias, identifier, then family name."""
    text = text.strip()
    kind, _, value = text.partition(":")
    if kind == "customer_id" or not value:
        own = connection.execute(
            "SELECT customer_id FROM gold.customers WHERE customer_id = ?"
            " UNION SELECT alias_of FROM silver.customer_aliases WHERE customer_id = ?",
            [value or text, value or text],
        ).fetchall()
        if own:
            return sorted(row[0] for row in own)
    if value and kind not in (*KINDS, "customer_id", "name"):
        raise NotFoundError(
            f"unknown kind of identifier '{kind}'", fix=did_you_mean(kind, (*KINDS, "customer_id", "name"))
        )
    kinds = [kind] if value else [one for one in KINDS if one != "email" or "@" in text]
    word = value or text
    found: dict[str, None] = {}
    for one in kinds if kind != "name" or not value else []:
        keys = sorted({word, word.lower(), *normalise(one, word)})
        marks = ", ".join("?" for _ in keys)
        rows = connection.execute(
            f"SELECT DISTINCT customer_id FROM silver.customer_identifiers WHERE kind = ? AND (key IN ({marks})"
            f" OR value IN ({marks})) ORDER BY customer_id LIMIT ?",
            [one, *keys, *keys, limit],
        ).fetchall()
        found.update((row[0], None) for row in rows)
    if not found and (kind == "name" or not value):
        rows = connection.execute(
            "SELECT customer_id FROM gold.customers WHERE LOWER(COALESCE(given_name || ' ', '') || family_name) LIKE ?"
            " ORDER BY revenue DESC, customer_id LIMIT ?",
            ["%" + word.lower() + "%", limit],
        ).fetchall()
        found.update((row[0], None) for row in rows)
    return list(found)[:limit]


def fetch(connection: duckdb.DuckDBPyConnection, text: str, normalise: Normalise) -> dict[str, Any]:
    """The profile of one customer. Raises NotFoundError when nobody, or more than one person, answers to `text`."""
    ids = find(connection, text, normalise)
    if not ids:
        raise NotFoundError(f"no customer answers to '{text}'", fix="floorwalker customers search TEXT")
    if len(ids) > 1:
        raise NotFoundError(
            f"{len(ids)} customers answer to '{text}'", why=", ".join(ids[:5]), fix="ask for one by customer id"
        )
    return profile(connection, ids[0])


def profile(connection: duckdb.DuckDBPyConnection, customer_id: str) -> dict[str, Any]:
    """The profile of a customer id that exists."""
    row = _rows(connection, "SELECT * FROM gold.customers WHERE customer_id = ?", customer_id)[0]
    named = {
        *_DEMOGRAPHICS,
        *_CONSENT,
        *_ACTIVITY,
        "customer_id",
        "email",
        "phone",
        "loyalty_id",
        "has_loyalty",
        "channel_count",
        "household_id",
        "household_members",
    }
    consents = _rows(
        connection,
        "SELECT purpose, status, since, basis FROM gold.consents WHERE customer_id = ? ORDER BY purpose",
        customer_id,
    )
    rfm = _rows(connection, "SELECT cell, segment, lifecycle, r, f, m FROM gold.rfm WHERE customer_id = ?", customer_id)
    cluster = _rows(connection, "SELECT cluster, name FROM gold.clusters WHERE customer_id = ?", customer_id)
    return {
        "customer_id": customer_id,
        "contact": {"email": row["email"], "phone": row["phone"], "loyalty_id": row["loyalty_id"]},
        "demographics": {key: row[key] for key in _DEMOGRAPHICS},
        "identity": {
            **{key: row[key] for key in _ACTIVITY},
            "identifiers": _rows(
                connection,
                "SELECT kind, value, records, sources, first_seen, last_seen FROM silver.customer_identifiers"
                " WHERE customer_id = ? ORDER BY kind, records DESC, value",
                customer_id,
            ),
            "aliases": [
                one["customer_id"]
                for one in _rows(
                    connection,
                    "SELECT customer_id FROM silver.customer_aliases WHERE alias_of = ? ORDER BY customer_id",
                    customer_id,
                )
            ],
        },
        "provenance": _provenance(connection, customer_id),
        "household": _household(connection, customer_id, row.get("household_id")),
        "behaviour": {key: value for key, value in row.items() if key not in named},
        "segments": {
            "rfm": rfm[0] if rfm else None,
            "cluster": cluster[0] if cluster else None,
            "rules": [
                one["segment"]
                for one in _rows(
                    connection, "SELECT segment FROM gold.segments WHERE customer_id = ? ORDER BY segment", customer_id
                )
            ],
        },
        "consent": {"status": {key: row[key] for key in _CONSENT}, "said": consents},
        # What a visitor is doing right now comes from the live path; the batch side knows nothing of it.
        "live": None,
    }


def _provenance(connection: duckdb.DuckDBPyConnection, customer_id: str) -> list[dict[str, Any]]:
    """Each field of the golden record with the record it stands in and why it won; none in a publication made before
    there was one."""
    known = connection.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'silver' AND table_name = 'golden_fields'"
    ).fetchall()
    if known == [(0,)]:
        return []
    return _rows(
        connection,
        "SELECT attribute, value, source, reason, alternatives, records, last_seen, record_id"
        " FROM silver.golden_fields WHERE customer_id = ? ORDER BY part_of, attribute",
        customer_id,
    )


def _household(
    connection: duckdb.DuckDBPyConnection, customer_id: str, household_id: str | None
) -> dict[str, Any] | None:
    """Whom a customer lives with and by what that is known; None where nothing says so."""
    if household_id is None:
        return None
    members = _rows(
        connection,
        "SELECT customer_id FROM silver.households WHERE household_key = ? ORDER BY customer_id",
        household_id,
    )
    shared = _rows(
        connection,
        "SELECT kind, persons, accepted, reason FROM silver.household_evidence WHERE customer_id = ?"
        " ORDER BY kind, accepted DESC, persons, reason",
        customer_id,
    )
    return {
        "household_id": household_id,
        "size": len(members),
        "members": [one["customer_id"] for one in members],
        "shares": shared,
    }


def _rows(connection: duckdb.DuckDBPyConnection, query: str, value: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query, [value])
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
