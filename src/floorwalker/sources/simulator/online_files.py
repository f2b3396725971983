"""What the web shop, the app, the web's click collector and the e-mail provider write.

In: a `Chunk`. Out: rows appended to shop/, app/, web/ and email/. Times are UTC. A click without a login names only
its cookie.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floorwalker.sources.simulator.baskets import CANCELLED, COUPON, REASONS
from floorwalker.sources.simulator.browsing import ADD, BOUGHT, EVENTS, HOME, LISTING, SEARCH, VIEW
from floorwalker.sources.simulator.catalogue import CATEGORIES, World, euro_price
from floorwalker.sources.simulator.chunk import Chunk
from floorwalker.sources.simulator.days import instants, written
from floorwalker.sources.simulator.files import Files
from floorwalker.sources.simulator.mailing import CLICKED, Campaigns
from floorwalker.sources.simulator.noise import SOURCES
from floorwalker.sources.simulator.people import People
from floorwalker.sources.simulator.shopping import APP, GUEST, WEB
from floorwalker.sources.simulator.store_files import countries, currencies, product_ids, size_labels
from floorwalker.sources.simulator.wording import choose, code32, decimals, hide, join, padded, pick, take, text

ISO = "%Y-%m-%dT%H:%M:%SZ"
EMAIL_EVENTS = ("send", "open", "click", "bounce", "unsubscribe", "complaint")


def order_ids(number: np.ndarray, channel: np.ndarray) -> pa.Array:
    return join(pick(("S", "W", "A"), channel), padded(number, 8))


def write_shop(files: Files, chunk: Chunk, world: World, names: pa.Array) -> None:
    """shop/customers.jsonl, shop/orders_YYYY-MM.jsonl (one object per line of an order), shop/returns_YYYY-MM.jsonl."""
    records, orders, lines, days = chunk.records, chunk.orders, chunk.lines, world.days
    rows = np.flatnonzero(records.source == SOURCES.index("shop"))
    files.jsonl("shop/customers.jsonl", pa.table({
        "id": take(records.ref, rows),
        "created_at": written(days.utc(records.since[rows]), ISO),
        "name.first": take(records.given_name, rows),
        "name.last": take(records.family_name, rows),
        "email": take(records.email, rows),
        "phone": take(records.phone, rows),
        "birth_date": take(records.birth_date, rows),
        "address.line": take(records.address, rows),
        "address.postcode": take(records.postcode, rows),
        "address.city": take(records.city, rows),
        "country": countries(chunk.people.irish[records.person[rows]]),
        "loyalty_card": take(records.loyalty_id, rows),
    }))  # fmt: skip
    line = np.flatnonzero(orders.channel[lines.order] == WEB)
    order = lines.order[line]
    record = orders.record[order]
    guest = orders.named[order] == GUEST
    table = pa.table({
        "order_id": order_ids(orders.number[order], orders.channel[order]),
        "placed_at": written(days.utc(orders.time[order]), ISO),
        "customer.id": hide(take(records.ref, record), guest),
        "customer.email": take(records.email, record),
        "customer.loyalty_card": hide(take(records.loyalty_id, record), guest),
        "country": countries(orders.irish[order]),
        "currency": currencies(orders.irish[order]),
        "line.no": lines.number[line],
        "line.sku": product_ids(lines.product[line]),
        "line.name": take(names, lines.product[line]),
        "line.size": size_labels(world.garment[lines.product[line]], lines.size[line]),
        "line.qty": lines.quantity[line],
        "line.price": decimals(lines.unit_price[line]),
        "line.discount": decimals(lines.discount[line]),
        "line.total": decimals(lines.amount[line]),
        "coupon": hide(pick((COUPON,), np.zeros(len(line), np.int64)), ~lines.coupon[line]),
    })  # fmt: skip
    files.by_month(files.jsonl, "shop/orders_{}.jsonl", table, days.month(orders.time[order]), days.months)
    returns = chunk.returns
    back = np.flatnonzero(orders.channel[lines.order[returns.line]] == WEB)
    table, time = _returns(chunk, back, world)
    renamed = table.rename_columns(
        ["rma", "order_id", "type", "sku", "qty", "refund", "currency", "country", "reason", "customer.id"]
    )
    renamed = renamed.append_column("created_at", written(days.utc(time), ISO))
    files.by_month(files.jsonl, "shop/returns_{}.jsonl", renamed, days.month(time), days.months)


def _returns(chunk: Chunk, rows: np.ndarray, world: World) -> tuple[pa.Table, np.ndarray]:
    orders, lines, returns = chunk.orders, chunk.lines, chunk.returns
    line = returns.line[rows]
    order = lines.order[line]
    ident = order_ids(orders.number[order], orders.channel[order])
    cancelled = returns.reason[rows] < 0
    table = pa.table({
        "return_id": join("R", ident, "-", text(lines.number[line])),
        "order_id": ident,
        "type": pick(("return", "cancellation"), cancelled.astype(np.int64)),
        "sku": product_ids(lines.product[line]),
        "qty": returns.quantity[rows],
        "refund": decimals(returns.amount[rows]),
        "currency": currencies(orders.irish[order]),
        "country": countries(orders.irish[order]),
        "reason": pick((*REASONS, CANCELLED), returns.reason[rows] % (len(REASONS) + 1)),
        "user_id": hide(take(chunk.records.ref, orders.record[order]), orders.named[order] == GUEST),
    })  # fmt: skip
    return table, returns.time[rows]


def write_app(files: Files, chunk: Chunk, world: World) -> None:
    """app/users.parquet, app/orders_…, app/returns_… and app/events_YYYY-MM.parquet."""
    records, orders, lines, days = chunk.records, chunk.orders, chunk.lines, world.days
    rows = np.flatnonzero(records.source == SOURCES.index("app"))
    files.parquet("app/users.parquet", pa.table({
        "user_id": take(records.ref, rows),
        "registered_at": instants(days.utc(records.since[rows])),
        "given_name": take(records.given_name, rows),
        "family_name": take(records.family_name, rows),
        "email": take(records.email, rows),
        "phone": take(records.phone, rows),
        "birth_date": take(records.birth_date, rows),
        "address": take(records.address, rows),
        "postcode": take(records.postcode, rows),
        "city": take(records.city, rows),
        "country": countries(chunk.people.irish[records.person[rows]]),
        "loyalty_card": take(records.loyalty_id, rows),
    }))  # fmt: skip
    visit_of = np.full(orders.count + 1, -1)
    visit_of[chunk.visits.order] = np.arange(len(chunk.visits.order))
    line = np.flatnonzero(orders.channel[lines.order] == APP)
    order = lines.order[line]
    table = pa.table({
        "order_id": order_ids(orders.number[order], orders.channel[order]),
        "ordered_at": instants(days.utc(orders.time[order])),
        "user_id": take(records.ref, orders.record[order]),
        "device_id": take(chunk.visits.device, visit_of[order]),
        "line_no": lines.number[line],
        "sku": product_ids(lines.product[line]),
        "size": size_labels(world.garment[lines.product[line]], lines.size[line]),
        "quantity": lines.quantity[line],
        "unit_price": decimals(lines.unit_price[line]),
        "discount": decimals(lines.discount[line]),
        "currency": currencies(orders.irish[order]),
        "country": countries(orders.irish[order]),
        "coupon": hide(pick((COUPON,), np.zeros(len(line), np.int64)), ~lines.coupon[line]),
    })  # fmt: skip
    files.by_month(files.parquet, "app/orders_{}.parquet", table, days.month(orders.time[order]), days.months)
    back = np.flatnonzero(orders.channel[lines.order[chunk.returns.line]] == APP)
    table, time = _returns(chunk, back, world)
    table = table.append_column("created_at", instants(days.utc(time)))
    files.by_month(files.parquet, "app/returns_{}.parquet", table, days.month(time), days.months)
    _write_clicks(files, chunk, world, APP, "app/events_{}.parquet", ("user_id", "device_id"))


def write_web(files: Files, chunk: Chunk, world: World) -> None:
    """web/clicks_YYYY-MM.parquet."""
    _write_clicks(files, chunk, world, WEB, "web/clicks_{}.parquet", ("account", "cookie"))


def _write_clicks(files: Files, chunk: Chunk, world: World, channel: int, path: str, who: tuple[str, str]) -> None:
    visits, clicks, days = chunk.visits, chunk.clicks, world.days
    rows = np.flatnonzero(visits.channel[clicks.visit] == channel)
    visit, kind, product, time = clicks.visit[rows], clicks.kind[rows], clicks.product[rows], clicks.time[rows]
    irish = chunk.people.irish[visits.person[visit]]
    goods = (kind == VIEW) | (kind == ADD)
    price = world.price[np.maximum(product, 0), days.index(time)].astype(np.int64)
    price = np.where(irish, euro_price(price), price)
    category = world.category[np.maximum(product, 0)]
    kinds = [k.lower() for c in CATEGORIES for k in (c.kinds + ("",) * 6)[:6]]
    page = text(pick(("/", "/c/", "/search", "/p/", "/cart", "/checkout", "/thanks"), kind.astype(np.int64)))
    slug = pick([c.name.lower().replace(" & ", "-") for c in CATEGORIES], category)
    url = choose(
        kind == LISTING,
        join(page, slug),
        choose(kind == VIEW, join(page, pc.fill_null(product_ids(product), "")), page),
    )
    table = pa.table({
        "happened_at": instants(days.utc(time)),
        who[0]: take(chunk.records.ref, visits.record[visit]),
        who[1]: take(visits.device, visit),
        "session": take(visits.ident, visit),
        "event": pick(EVENTS, kind.astype(np.int64)),
        "url": url,
        "sku": hide(product_ids(product), ~goods),
        "category": hide(pick([c.name for c in CATEGORIES], category), (product < 0) | (kind == HOME)),
        "query": hide(pick(kinds, category * 6 + world.kind[np.maximum(product, 0)]), kind != SEARCH),
        "quantity": pc.if_else(pa.array(kind == ADD), pa.array(clicks.quantity[rows]), pa.scalar(None, pa.int64())),
        "price": hide(decimals(price), ~goods),
        "currency": hide(currencies(irish), ~goods),
        "country": countries(irish),
        "order_id": hide(_bought(chunk, visit), kind != BOUGHT),
    })  # fmt: skip
    files.by_month(files.parquet, path, table, days.month(time), days.months)


def _bought(chunk: Chunk, visit: np.ndarray) -> pa.Array:
    order = np.maximum(chunk.visits.order[visit], 0)
    if not chunk.orders.count:
        return pa.nulls(len(visit), pa.string())
    return order_ids(chunk.orders.number[order], chunk.orders.channel[order])


def write_email(files: Files, chunk: Chunk, world: World, campaigns: Campaigns) -> None:
    """email/events_YYYY-MM.csv, as the e-mail provider exports it: addresses in lower case, never a customer number."""
    mailing, people, days = chunk.mailing, chunk.people, world.days
    contact = contact_ids(people)
    link = pick(("/new", "/offers", "/p/10001", "/story"), mailing.campaign % 4)
    table = pa.table({
        "event": pick(EMAIL_EVENTS, mailing.kind),
        "timestamp": written(days.utc(mailing.time), ISO),
        "recipient": pc.utf8_lower(take(chunk.records.email, mailing.contact[mailing.person])),
        "campaign_id": pick(campaigns.ident, mailing.campaign),
        "campaign": pick(campaigns.name, mailing.campaign),
        "message_id": join(pick(campaigns.ident, mailing.campaign), "-", take(contact, mailing.person)),
        "url": hide(join("https://shop.example", link), mailing.kind != CLICKED),
        "country": countries(people.irish[mailing.person]),
    })  # fmt: skip
    files.by_month(files.csv, "email/events_{}.csv", table, days.month(mailing.time), days.months)


def contact_ids(people: People) -> pa.Array:
    """The provider's numbers of its contacts."""
    return code32(people.number, 5, 27_644_437, 33_554_393)
