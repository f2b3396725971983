"""What the merchandise system writes: products, prices, stock, stores; and the bank's exchange rates.

In: a `World`. Out: catalogue/*.csv and exchange_rates.csv, once. Stock is counted on the last day: about one place in
twelve has none.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from floorwalker.sources.simulator.catalogue import (
    BRANDS,
    CATEGORIES,
    COLORS,
    DEPARTMENTS,
    GARMENTS,
    STYLES,
    World,
    euro_price,
)
from floorwalker.sources.simulator.files import Files
from floorwalker.sources.simulator.store_files import currencies, product_ids, store_ids
from floorwalker.sources.simulator.wording import decimals, hide, join, pick, text

_CARRIED = 0.4
_EMPTY = 0.08


def product_names(world: World) -> pa.Array:
    """By product number: "Harrowgate Mill Minimal Cardigan, sage"."""
    kinds = [kind for category in CATEGORIES for kind in (category.kinds + ("",) * 6)[:6]]
    kind = pick(kinds, world.category * 6 + world.kind)
    return join(
        pick(BRANDS, world.brand),
        " ",
        pick(STYLES, world.style),
        " ",
        kind,
        ", ",
        pick([c.lower() for c in COLORS], world.color),
    )


def write_catalogue(files: Files, world: World, seed: int) -> None:
    """catalogue/products.csv, prices.csv, stock.csv, stores.csv and exchange_rates.csv."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1 << 31, 3)))
    days, every = world.days, np.arange(world.products)
    kinds = [kind for category in CATEGORIES for kind in (category.kinds + ("",) * 6)[:6]]
    last = days.first + days.count
    files.csv("catalogue/products.csv", pa.table({
        "sku": product_ids(every),
        "name": product_names(world),
        "category": pick([c.name for c in CATEGORIES], world.category),
        "subcategory": pick(kinds, world.category * 6 + world.kind),
        "brand": pick(BRANDS, world.brand),
        "department": pick(DEPARTMENTS, world.department),
        "size_scale": hide(pick(GARMENTS, world.garment), world.garment == 0),
        "colour": pick(COLORS, world.color),
        "price": decimals(world.price[:, -1]),
        "cost": decimals(world.cost),
        "currency": pick(("GBP",), every * 0),
        "active": pick(("no", "yes"), (world.withdrawn > last).astype(np.int64)),
        "launched": text(pa.array(world.launched.astype("datetime64[D]"))),
    }))  # fmt: skip
    product, day = np.nonzero(np.diff(world.price, axis=1, prepend=0))
    since = np.where(day == 0, world.launched[product], np.maximum(days.first + day, world.launched[product]))
    # Of prices set before the launch only the last was ever asked.
    asked = np.append((product[1:] != product[:-1]) | (since[1:] != since[:-1]), True)
    product, day, since = (np.tile(values[asked], 2) for values in (product, day, since))
    irish = np.arange(len(product)) >= len(product) // 2
    price = world.price[product, day].astype(np.int64)
    files.csv("catalogue/prices.csv", pa.table({
        "sku": product_ids(product),
        "price": decimals(np.where(irish, euro_price(price), price)),
        "currency": currencies(irish),
        "valid_from": text(pa.array(since.astype("datetime64[D]"))),
    }))  # fmt: skip
    _write_places(files, world, rng)
    walk = 0.856 * np.exp(np.cumsum(rng.normal(0, 0.002, days.count)))
    files.csv("exchange_rates.csv", pa.table({
        "date": pick([f"{d:%Y-%m-%d}" for d in days.dates], np.arange(days.count)),
        "currency": pick(("EUR",), np.zeros(days.count, np.int64)),
        "rate": np.round(walk, 5),
    }))  # fmt: skip


def _write_places(files: Files, world: World, rng: np.random.Generator) -> None:
    days, stores = world.days, np.arange(len(world.store_name))
    towns = [world.cities[c] for c in world.store_city.tolist()]
    files.csv("catalogue/stores.csv", pa.table({
        "store": store_ids(stores),
        "name": list(world.store_name),
        "town": [t.name for t in towns],
        "region": [t.region for t in towns],
        "country": [t.country for t in towns],
        "time_zone": ["Europe/Dublin" if t.country == "IE" else "Europe/London" for t in towns],
        "latitude": np.round([t.latitude for t in towns] + rng.normal(0, 0.01, len(towns)), 4),
        "longitude": np.round([t.longitude for t in towns] + rng.normal(0, 0.01, len(towns)), 4),
        "opened": text(pa.array(world.store_opened.astype("datetime64[D]"))),
    }))  # fmt: skip
    sold = np.flatnonzero(world.withdrawn > days.first + days.count)
    product, store = np.nonzero(rng.random((len(sold), len(stores))) < _CARRIED)
    product = np.concatenate([sold, sold[product]])
    place = np.concatenate([np.full(len(sold), -1), store])
    usual = np.where(place < 0, 60, 5) * np.minimum(world.popularity[product], 6)
    on_hand = np.where(rng.random(len(product)) < _EMPTY, 0, rng.poisson(usual + 1))
    files.csv("catalogue/stock.csv", pa.table({
        "sku": product_ids(product),
        "place": hide(store_ids(place), place < 0),
        "on_hand": on_hand,
        "counted_on": pick((f"{days.end:%Y-%m-%d}",), np.zeros(len(product), np.int64)),
    }))  # fmt: skip
