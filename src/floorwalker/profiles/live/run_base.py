"""The base of live profiles: what the last run knows, put into the live store at once.

In: a connection on the published tables. Out: per customer the states that features are made of (`Base`), and `facts`:
products, exchange rates, coupons, campaigns. The events after the cut are added to it when somebody reads.

SQL packs a customer's states into one text, so that a row of the lake is never a row of Python:

    [[bucket, [[day, word, measures…], …]], …, [-1, [order keys of the last days]],
     [-2, [[record, purpose, status, since], …]]]

The texts resemble one another, so they are compressed with a dictionary that is trained on the first of them: to a
sixth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import zstandard

from floorwalker.profiles.live.consents import Word
from floorwalker.profiles.live.silver import Product, Rate

if TYPE_CHECKING:
    import duckdb

    from floorwalker.engines.live_store.interface import Change, LiveStore
    from floorwalker.profiles.features.live import State, Updater

ORDERS, CONSENTS = -1, -2
DAYS = 90
"""Orders of the last so many days that another source has told are known by their keys: they count once."""
_STEP = 10_000
_DICTIONARY = b"base dictionary"
_SAMPLES, _TRAINED = 2_000, 64 << 10
_FEW = 100
"""Too few texts to train on: then each is compressed by itself."""
_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Decoder(float_hook=Decimal).decode


class Base(NamedTuple):
    """What a run knows of a customer."""

    state: State
    orders: set[str]
    consents: list[Word]


def tables_of(updater: Updater) -> tuple[str, ...]:
    """The published tables that a base is made of."""
    return tuple(dict.fromkeys((
        *(bucket.table if bucket.is_table else bucket.source.table for bucket, _ in updater.base_queries()),
        "silver.orders", "silver.products", "silver.product_price_ranks", "silver.exchange_rates", "silver.coupons",
        "silver.campaigns", "silver.consents", "silver.customer_map",
    )))  # fmt: skip


def install(
    store: LiveStore, connection: duckdb.DuckDBPyConnection, updater: Updater, as_of: dt.date, source: str
) -> int:
    """Put the base into an empty store; how many customers it has. `source`: what live rows come from."""
    customers, compress = 0, None
    query = connection.execute(_states_sql(updater, as_of), [source])
    while rows := query.fetchmany(_STEP):
        if compress is None:
            compress = _trained(store, [packed.encode() for _, packed in rows[:_SAMPLES]])
        store.write([("base", customer.encode(), compress(packed.encode())) for customer, packed in rows])
        customers += len(rows)
    facts = _facts(connection)
    while some := list(islice(facts, _STEP)):
        store.write(some)
    return customers


def _trained(store: LiveStore, samples: list[bytes | bytearray | memoryview[int]]) -> Callable[[bytes], bytes]:
    if len(samples) < _FEW:
        return zstandard.ZstdCompressor(level=3).compress
    dictionary = zstandard.train_dictionary(_TRAINED, samples)
    store.write([("meta", _DICTIONARY, dictionary.as_bytes())])
    return zstandard.ZstdCompressor(level=3, dict_data=dictionary).compress


class Bases:
    """Reads the bases in a store."""

    def __init__(self, store: LiveStore, updater: Updater) -> None:
        self._updater = updater
        self._buckets = [*updater.plain, *updater.keyed]
        found = store.get("meta", _DICTIONARY)
        dictionary = zstandard.ZstdCompressionDict(found) if found else None
        self._decompress = zstandard.ZstdDecompressor(dict_data=dictionary).decompress

    def unpack(self, packed: bytes) -> Base:
        """A customer's base."""
        rows: dict[int, list[Any]] = dict(_json(self._decompress(packed)))
        orders = set(rows.pop(ORDERS, ()))
        consents = [Word(*word) for word in rows.pop(CONSENTS, ())]
        named = {
            self._buckets[number].name: [(dt.date.fromisoformat(day), *rest) for day, *rest in listed]
            for number, listed in rows.items()
        }
        return Base(self._updater.base(named), orders, consents)


def _states_sql(updater: Updater, as_of: dt.date) -> str:
    """With one parameter, the source of live rows."""
    entity = updater.features.entity.column
    parts = []
    for number, (bucket, query) in enumerate(updater.base_queries()):
        names = ", ".join(measure.name for measure in bucket.measures)
        row = f"json_array(day, word, {names})::VARCHAR"
        parts.append(
            f"SELECT {entity}, {number} AS bucket, '[{number},[' || string_agg({row}, ',' ORDER BY day, word) || ']]'"
            f" AS packed FROM ({query}) WHERE {entity} IS NOT NULL GROUP BY {entity}"
        )
    parts.append(
        f"SELECT {entity}, {ORDERS}, '[{ORDERS},' || to_json(list(order_key ORDER BY order_key))::VARCHAR || ']'"
        f" FROM silver.orders WHERE occurred_on >= DATE '{as_of - dt.timedelta(days=DAYS)}' AND {entity} IS NOT NULL"
        " AND source <> ?"
        f" GROUP BY {entity}"
    )
    word = "json_array(c.record_id, c.purpose, c.status, epoch_us(c.since))::VARCHAR"
    parts.append(
        f"SELECT m.customer_id, {CONSENTS},"
        f" '[{CONSENTS},[' || string_agg({word}, ',' ORDER BY c.record_id, c.purpose) || ']]'"
        " FROM silver.consents AS c JOIN silver.customer_map AS m USING (record_id) GROUP BY m.customer_id"
    )
    united = " UNION ALL ".join(parts)
    return (
        f"SELECT {entity}, '[' || string_agg(packed, ',' ORDER BY bucket) || ']' FROM ({united}) GROUP BY {entity}"
        f" ORDER BY {entity}"
    )


def _facts(connection: duckdb.DuckDBPyConnection) -> Iterator[Change]:
    """Keys as `silver.Facts` has them."""
    query = connection.execute("""
        SELECT p.product_id, p.category, p.subcategory, p.brand_name, p.garment, p.color,
               CASE WHEN p.currency = q.reporting_currency THEN p.price END, p.launched_on,
               CAST(k.price_rank AS DECIMAL(9,6))
        FROM silver.products p CROSS JOIN meta.run q LEFT JOIN silver.product_price_ranks k USING (product_id)
    """)
    for product_id, *about in _rows(query):
        yield "facts", b"p:" + product_id.encode(), _encode(Product(*about))
    rates: dict[str, list[Rate]] = {}
    for currency, begin, end, rate in connection.execute(
        "SELECT currency, rate_date, next_date, rate FROM silver.exchange_rates ORDER BY 1, 2"
    ).fetchall():
        rates.setdefault(currency, []).append(Rate(begin, end, rate))
    for currency, listed in rates.items():
        yield "facts", b"c:" + currency.encode(), _encode(listed)
    for coupon, campaign in _rows(
        connection.execute(
            "SELECT coupon_id, MAX(campaign_id) FROM silver.coupons GROUP BY coupon_id"
            " HAVING COUNT(DISTINCT campaign_id) = 1"
        )
    ):
        yield "facts", b"o:" + coupon.encode(), _encode(campaign)
    for campaign, kind in _rows(
        connection.execute("SELECT campaign_id, campaign_type FROM silver.campaigns WHERE campaign_type IS NOT NULL")
    ):
        yield "facts", b"k:" + campaign.encode(), _encode(kind)


def _rows(query: duckdb.DuckDBPyConnection) -> Iterable[tuple[Any, ...]]:
    while rows := query.fetchmany(_STEP):
        yield from rows
