"""What the retailer sells and where: products, prices, promotions, stores, exchange rates. The same for every customer.

In: a seed, the calendar, how many products and stores. Out: a `World`, arrays by product number and store number.

>>> from datetime import date
>>> world = make_world(1, Days(date(2026, 6, 30), 30), products=200, stores=10)
>>> world.price.shape, int(world.promotion.max()) <= 60, len(world.store_name)
((200, 30), True, 10)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from floorwalker.sources.simulator.days import Days
from floorwalker.sources.simulator.wording import words

BRANDS = (
    "Aldermoor", "Tern & Tide", "Harrowgate Mill", "Quillfeather", "Fennick", "Oakhollow", "Brightwater Lane",
    "Moss & Marrow", "Calderane", "Pip & Thimble", "Strandholm", "Velloway", "Northlight", "Wexcombe",
    "Larkfold", "Juniper Row", "Embercote", "Saltmarsh Co", "Thornbury Hale", "Ottermead", "Solenne",
    "Ridgeback Trail", "Hazelgrove", "Plainsong",
)  # fmt: skip
STYLES = ("Classic", "Minimal", "Bohemian", "Street", "Romantic", "Outdoor", "Retro", "Bold")
COLORS = ("Black", "Navy", "White", "Grey", "Sage", "Rust", "Cream", "Red", "Teal", "Mustard", "Rose", "Olive")
WOMEN, MEN, ANYONE = 0, 1, 2
DEPARTMENTS = ("Women", "Men", "All")
NO_SIZE, TOP, BOTTOM, SHOE = 0, 1, 2, 3
GARMENTS = ("", "top", "bottom", "shoe")
SIZES = (
    ("",),
    ("XS", "S", "M", "L", "XL", "XXL"),
    ("26", "28", "30", "32", "34", "36", "38", "40"),
    ("36", "37", "38", "39", "40", "41", "42", "43", "44", "45", "46"),
)


@dataclass(frozen=True)
class Category:
    """`season`: −1 winter goods … 1 summer goods. `women`/`men`: shares of the range; the rest is for anyone."""

    name: str
    median_price: int
    garment: int
    women: float
    men: float
    season: float
    returned: float
    share: float
    kinds: tuple[str, ...]


CATEGORIES = (
    Category("Tops", 2400, TOP, 0.60, 0.40, 0.1, 0.13, 0.15,
             ("T-Shirt", "Shirt", "Jumper", "Polo", "Cardigan", "Vest")),
    Category("Bottoms", 3600, BOTTOM, 0.58, 0.42, 0.0, 0.16, 0.11,
             ("Jeans", "Trousers", "Chinos", "Shorts", "Leggings")),
    Category("Dresses", 4600, TOP, 1.0, 0.0, 0.4, 0.24, 0.08,
             ("Midi Dress", "Maxi Dress", "Shirt Dress", "Skirt", "Jumpsuit")),
    Category("Coats", 8900, TOP, 0.55, 0.45, -0.9, 0.15, 0.06,
             ("Parka", "Raincoat", "Wool Coat", "Gilet", "Blazer")),
    Category("Shoes", 5800, SHOE, 0.56, 0.44, 0.0, 0.18, 0.10,
             ("Trainers", "Ankle Boots", "Sandals", "Loafers", "Brogues")),
    Category("Sportswear", 3000, TOP, 0.5, 0.5, 0.2, 0.11, 0.07,
             ("Running Top", "Hoodie", "Base Layer", "Sports Bra", "Track Top")),
    Category("Accessories", 1900, NO_SIZE, 0.5, 0.2, -0.2, 0.05, 0.09,
             ("Scarf", "Belt", "Tote Bag", "Hat", "Gloves", "Sunglasses")),
    Category("Beauty", 1300, NO_SIZE, 0.5, 0.2, 0.0, 0.02, 0.09,
             ("Face Cream", "Shampoo", "Hand Balm", "Lipstick", "Eau de Toilette")),
    Category("Home", 2600, NO_SIZE, 0.0, 0.0, -0.1, 0.05, 0.09,
             ("Cushion", "Throw", "Candle", "Table Lamp", "Duvet Set", "Towel")),
    Category("Kitchen", 2100, NO_SIZE, 0.0, 0.0, 0.0, 0.03, 0.06,
             ("Mug", "Frying Pan", "Apron", "Storage Jar", "Teapot", "Knife")),
    Category("Kids", 1500, NO_SIZE, 0.0, 0.0, 0.1, 0.08, 0.06,
             ("Babygrow", "Wooden Toy", "Rain Boots", "Pyjamas", "Backpack")),
    Category("Food & Gifts", 900, NO_SIZE, 0.0, 0.0, -0.3, 0.01, 0.04,
             ("Loose Tea", "Chocolate Box", "Hamper", "Coffee Beans", "Jam")),
)  # fmt: skip
BEAUTY, FOOD = 7, 11


@dataclass(frozen=True)
class City:
    name: str
    area: str
    country: str
    region: str
    latitude: float
    longitude: float
    weight: float


def cities() -> tuple[City, ...]:
    """Towns with customers, UK first, Ireland last."""
    rows = [line.split("|") for line in words("cities")]
    return tuple(City(n, a, c, r, float(lat), float(lon), float(w)) for n, a, c, r, lat, lon, w in rows)


@dataclass(frozen=True)
class World:
    """Product arrays have one row per product number; money is in pence of GBP, EUR prices follow by `euro_price`."""

    days: Days
    category: np.ndarray
    kind: np.ndarray
    brand: np.ndarray
    style: np.ndarray
    color: np.ndarray
    department: np.ndarray
    collection: np.ndarray
    season: np.ndarray
    popularity: np.ndarray
    cost: np.ndarray
    launched: np.ndarray
    """Day number since 1970."""
    withdrawn: np.ndarray
    price: np.ndarray
    """(products, days): the regular price of the day."""
    promotion: np.ndarray
    """(products, days): per cent off by the day's promotion."""
    companions: np.ndarray
    """(products, 8): products of the same collection, its own number where there is none."""
    store_name: tuple[str, ...]
    store_city: np.ndarray
    store_opened: np.ndarray
    cities: tuple[City, ...]

    @property
    def products(self) -> int:
        return len(self.category)

    @property
    def garment(self) -> np.ndarray:
        return np.array([c.garment for c in CATEGORIES])[self.category]

    def on_sale(self) -> np.ndarray:
        """(products, months): whether it could be bought in that month."""
        firsts = (
            np.array([np.flatnonzero(self.days.month_of == m)[0] for m in range(len(self.days.months))])
            + self.days.first
        )
        return (self.launched[:, None] <= firsts) & (self.withdrawn[:, None] > firsts)


def euro_price(pence: np.ndarray) -> np.ndarray:
    """What the Irish shops ask: a sixth more, in whole tens of cents, never below 50 cents."""
    return np.maximum(50, np.round(np.asarray(pence) * 1.18 / 10).astype(np.int64) * 10)


def make_world(seed: int, days: Days, *, products: int = 2000, stores: int = 40) -> World:
    """The catalogue and its year. Products of a collection share style, department and a price tier across
    categories.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1 << 31, 1)))
    collections = max(8, products // 11)
    of_collection = rng.integers(0, collections, products)
    shares = np.array([c.share for c in CATEGORIES])
    category = rng.choice(len(CATEGORIES), products, p=shares / shares.sum())
    group_style = rng.integers(0, len(STYLES), collections)
    group_brand = rng.integers(0, len(BRANDS), collections)
    group_men = rng.random(collections) < 0.42
    women, men = (np.array([getattr(c, side) for c in CATEGORIES])[category] for side in ("women", "men"))
    only = rng.random(products) < women + men
    wants_men = np.where(men == 0, False, np.where(women == 0, True, group_men[of_collection]))
    department = np.where(only, np.where(wants_men, MEN, WOMEN), ANYONE)
    style = np.where(rng.random(products) < 0.75, group_style[of_collection], rng.integers(0, len(STYLES), products))
    brand = np.where(rng.random(products) < 0.7, group_brand[of_collection], rng.integers(0, len(BRANDS), products))
    tier = np.exp(rng.normal(0, 0.22, len(BRANDS)))[brand]
    median = np.array([c.median_price for c in CATEGORIES])[category]
    base = median * tier * np.exp(rng.normal(0, 0.38, products))
    base = np.maximum(
        250, np.round(base / 100).astype(np.int64) * 100 - rng.choice([1, 5, 50], products, p=[0.5, 0.2, 0.3])
    )
    launched = days.first - rng.integers(30, 1500, products)
    new = rng.random(products) < 0.22
    launched[new] = days.first + rng.integers(0, max(1, days.count - 20), int(new.sum()))
    gone = (rng.random(products) < 0.12) & ~new
    withdrawn = np.full(products, days.first + days.count + 1)
    withdrawn[gone] = days.first + rng.integers(0, days.count, int(gone.sum())) + 10
    season_of = np.array([c.season for c in CATEGORIES])[category]
    towns = cities()
    store_city = _store_cities(rng, towns, stores)
    return World(
        days=days,
        category=category,
        kind=np.array([rng.integers(0, len(CATEGORIES[c].kinds)) for c in category]),
        brand=brand,
        style=style,
        color=rng.integers(0, len(COLORS), products),
        department=department,
        collection=of_collection,
        season=np.clip(season_of + rng.normal(0, 0.45, products), -1, 1),
        popularity=np.exp(rng.normal(0, 0.8, products)),
        cost=np.round(base * rng.uniform(0.32, 0.58, products)).astype(np.int64),
        launched=launched,
        withdrawn=withdrawn,
        price=_prices(rng, base, days),
        promotion=_promotions(rng, category, brand, season_of, days),
        companions=_companions(rng, of_collection),
        store_name=_store_names(towns, store_city),
        store_city=store_city,
        store_opened=days.first - rng.integers(200, 9000, stores),
        cities=towns,
    )


def _prices(rng: np.random.Generator, base: np.ndarray, days: Days) -> np.ndarray:
    """Regular prices: about every other product changes once or twice a year, up a little or marked down for good."""
    price = np.repeat(base[:, None].astype(np.int32), days.count, axis=1)
    changes = rng.poisson(0.9 * days.count / 365, len(base))
    for product in np.flatnonzero(changes):
        for day in np.sort(rng.integers(1, max(2, days.count), changes[product])):
            factor = rng.choice([1.05, 1.10, 0.9, 0.8])
            new = max(199, round(int(price[product, min(day, days.count - 1)]) * factor / 100) * 100 - 1)
            price[product, day:] = new
    return price


def _promotions(
    rng: np.random.Generator, category: np.ndarray, brand: np.ndarray, season: np.ndarray, days: Days
) -> np.ndarray:
    """Per cent off: a category or a brand every ten days or so, everything round Black Friday, the season's rest in
    the sales.
    """
    off = np.zeros((len(category), days.count), np.int8)
    day = int(rng.integers(0, 8))
    while day < days.count:
        length, depth = int(rng.integers(5, 11)), int(rng.choice([10, 15, 20, 25, 30]))
        if rng.random() < 0.6:
            rows = category == rng.integers(0, len(CATEGORIES))
        else:
            rows = np.isin(brand, rng.integers(0, len(BRANDS), 2))
        off[rows, day : day + length] = np.maximum(off[rows, day : day + length], depth)
        day += int(rng.integers(6, 14))
    for number, date in enumerate(days.dates):
        if date.month == 11 and 22 <= date.day <= 29:
            off[:, number] = np.maximum(off[:, number], 20)
        if (date.month == 1 and date.day <= 20) or (date.month == 12 and date.day >= 26):
            off[season < -0.15, number] = 30
        if date.month == 7 and date.day <= 16:
            off[season > 0.15, number] = 30
    return off


def _companions(rng: np.random.Generator, collection: np.ndarray) -> np.ndarray:
    own = np.arange(len(collection))
    companions = np.repeat(own[:, None], 8, axis=1)
    for group in range(int(collection.max()) + 1):
        members = own[collection == group]
        for product in members:
            others = members[members != product]
            if len(others):
                companions[product] = rng.choice(others, 8)
    return companions


def _store_cities(rng: np.random.Generator, towns: tuple[City, ...], stores: int) -> np.ndarray:
    """A store in every tenth place is Irish; big towns get more than one."""
    irish = np.array([t.country == "IE" for t in towns])
    weight = np.array([t.weight for t in towns])
    abroad = max(1, stores // 10)
    picks = []
    for rows, count in ((~irish, stores - abroad), (irish, abroad)):
        options = np.flatnonzero(rows)
        first = options[np.argsort(-weight[options], kind="stable")][:count]
        rest = rng.choice(options, count - len(first), p=weight[options] / weight[options].sum())
        picks.append(np.concatenate([first, rest]))
    return np.concatenate(picks)


def _store_names(towns: tuple[City, ...], store_city: np.ndarray) -> tuple[str, ...]:
    streets = ("High Street", "Station Quarter", "Riverside", "Arcade", "Retail Park", "Market Square", "Mall")
    seen: dict[int, int] = {}
    names = []
    for city in store_city.tolist():
        names.append(f"{towns[city].name} {streets[seen.get(city, 0) % len(streets)]}")
        seen[city] = seen.get(city, 0) + 1
    return tuple(names)
