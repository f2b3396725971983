"""A small shop in memory: the gold tables of the contract for 40 products and 12 customers in two markets.

`c("ann")` and friends are customer ids. Ann (UK) consents; Bob (UK) refused; Cleo (FR) never said; Dan (UK) consents
and has bought everything in his list; Eve (FR) consents. Products p00…p39: category by
tens, brand by parity, p39 inactive.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb

from floorwalker.engines.project import Project
from floorwalker.identity.lookup_keys import LookupKeys
from floorwalker.profiles.bundle import Bundle, build_bundle

AS_OF = dt.date(2026, 5, 31)
RUN = "run-1"
SECRET = b"secret of the shop"
KEYS = LookupKeys.of(SECRET)
PEOPLE = ("ann", "bob", "cleo", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "leo")
CONSENT = {"ann": "granted", "bob": "denied", "cleo": "unknown", "dan": "granted", "eve": "granted"}
CATEGORIES = ("Bags", "Candles", "Mugs", "Toys")


def c(name: str) -> str:
    """The customer id of a person of the shop."""
    return "c" + name.ljust(26, "x")


def market(name: str) -> str:
    """Where a person shops."""
    return "FR" if name in ("cleo", "eve") else "UK"


def bought(name: str) -> list[int]:
    """Numbers of the products a person bought."""
    place = PEOPLE.index(name)
    return list(range(20)) if name == "dan" else [(place * 3 + step * 7) % 39 for step in range(4)]


def recommended(name: str) -> list[int]:
    """Numbers of the products recommended to a person, best first (some bought before, as a stale list has them)."""
    place = PEOPLE.index(name)
    return list(range(20)) if name == "dan" else [(place + step * 3) % 40 for step in range(30)]


def gold(connection: duckdb.DuckDBPyConnection | None = None, *, stock: bool = True) -> duckdb.DuckDBPyConnection:
    """Fill a connection with the shop's tables."""
    connection = connection or duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for schema in ("silver", "gold", "meta"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute("""
        CREATE TABLE gold.products (product_id VARCHAR, name VARCHAR, category VARCHAR, subcategory VARCHAR,
          brand_name VARCHAR, garment VARCHAR, price DECIMAL(18,4), is_active BOOLEAN, units_7d BIGINT,
          units_30d BIGINT, units BIGINT, orders BIGINT, customers BIGINT, revenue DECIMAL(28,4), views_30d BIGINT,
          stock DECIMAL(28,3), last_sold_on DATE);
        CREATE TABLE silver.products (product_id VARCHAR, cost DECIMAL(18,4));
        CREATE TABLE gold.stock (product_id VARCHAR, store_id VARCHAR, quantity DECIMAL(18,3));
        CREATE TABLE gold.customers (customer_id VARCHAR, market VARCHAR, given_name VARCHAR, email VARCHAR,
          last_order_on DATE, last_seen TIMESTAMPTZ, orders BIGINT, revenue DECIMAL(28,4), favourite_category VARCHAR,
          favourite_brand VARCHAR, brand_affinity DOUBLE, has_loyalty BOOLEAN, personalization VARCHAR);
        CREATE TABLE gold.customer_products (customer_id VARCHAR, product_id VARCHAR, units DECIMAL(28,3),
          orders BIGINT, revenue DECIMAL(28,4), last_bought_at TIMESTAMPTZ, views BIGINT, last_viewed_at TIMESTAMPTZ,
          last_at TIMESTAMPTZ);
        CREATE TABLE gold.recommendations (customer_id VARCHAR, rank INTEGER, product_id VARCHAR, score DOUBLE,
          because_product_id VARCHAR, model VARCHAR);
        CREATE TABLE gold.similar_products (product_id VARCHAR, rank INTEGER, similar_product_id VARCHAR, score DOUBLE);
        CREATE TABLE gold.rfm (customer_id VARCHAR, cell VARCHAR, segment VARCHAR, lifecycle VARCHAR);
        CREATE TABLE gold.segments (segment VARCHAR, customer_id VARCHAR);
        CREATE TABLE silver.customer_identifiers (customer_id VARCHAR, kind VARCHAR, value VARCHAR, key VARCHAR);
        CREATE TABLE silver.customer_aliases (customer_id VARCHAR, alias_of VARCHAR);
        CREATE TABLE gold.popular_products (market VARCHAR, rank INTEGER, product_id VARCHAR, score DOUBLE);
    """)
    products = [
        (
            f"p{n:02}",
            f"Product {n}",
            CATEGORIES[n // 10],
            ("Acme", "Bolt")[n % 2],
            f"{n + 1}.5000",
            n != 39,
            40 - n,
            400 - n,
        )
        for n in range(40)
    ]
    connection.executemany(
        "INSERT INTO gold.products (product_id, name, category, brand_name, price, is_active, units_30d, units, stock)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 5)",
        products,
    )
    connection.executemany("INSERT INTO silver.products VALUES (?, ?)", [(f"p{n:02}", f"{n / 2}") for n in range(40)])
    if stock:  # the web lacks every fifth product, store s1 every third
        rows = [(f"p{n:02}", "", 0 if n % 5 == 0 else 3) for n in range(40)]
        rows += [(f"p{n:02}", "s1", 0 if n % 3 == 0 else 1) for n in range(40)]
        connection.executemany("INSERT INTO gold.stock VALUES (?, ?, ?)", rows)
    history: list[tuple[Any, ...]] = []
    lists: list[tuple[Any, ...]] = []
    for name in PEOPLE:
        customer = c(name)
        connection.execute(
            "INSERT INTO gold.customers VALUES"
            " (?, ?, ?, ?, '2026-05-03', '2026-05-03 10:00:00Z', 4, 77.5, 'Bags', 'Acme', 0.5, true, ?)",
            [customer, market(name), name.title(), f"{name}@example.com", CONSENT.get(name, "unknown")],
        )
        for n in bought(name):
            history.append((customer, f"p{n:02}", 1, 1, "2026-05-03 10:00:00Z", 0, None))
        history.append((customer, "p38", 0, 0, None, 2, "2026-05-04 10:00:00Z"))
        for rank, n in enumerate(recommended(name), start=1):
            because = f"p{bought(name)[rank % 4]:02}" if rank % 3 else ("p38" if rank % 2 else None)
            lists.append((customer, rank, f"p{n:02}", 1 / rank, because, "knn"))
        connection.executemany(
            "INSERT INTO silver.customer_identifiers VALUES (?, ?, ?, ?)",
            [
                (customer, "email", f"{name.title()}@Example.com", f"{name}@example.com"),
                (customer, "cookie_id", f"cookie-{name}", f"cookie-{name}"),
                (customer, "phone", "+44 20 7946 0000", "+442079460000")
                if name in ("ann", "bob")
                else (customer, "loyalty_id", f"L-{name}", f"L-{name}"),
            ],
        )
    connection.executemany(
        "INSERT INTO gold.customer_products"
        " (customer_id, product_id, units, orders, last_bought_at, views, last_viewed_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        history,
    )
    connection.executemany("INSERT INTO gold.recommendations VALUES (?, ?, ?, ?, ?, ?)", lists)
    connection.execute("""
        INSERT INTO gold.similar_products
        SELECT 'p' || lpad(a::VARCHAR, 2, '0'), b, 'p' || lpad(((a + b * 3) % 40)::VARCHAR, 2, '0'), 1.0 / b
        FROM range(40) t(a), range(1, 13) u(b)""")
    connection.execute("""
        INSERT INTO gold.popular_products
        SELECT market, n + 1, 'p' || lpad(((n * step) % 40)::VARCHAR, 2, '0'), 100 - n
        FROM range(40) t(n), (VALUES ('', 1), ('UK', 3), ('FR', 7)) AS m(market, step)""")
    connection.execute("INSERT INTO gold.rfm SELECT customer_id, '555', 'Champions', 'Loyal' FROM gold.customers")
    connection.execute("INSERT INTO gold.segments SELECT 'everyone', customer_id FROM gold.customers")
    connection.execute("INSERT INTO silver.customer_aliases VALUES (?, ?)", [c("old"), c("ann")])
    return connection


def normalise(kind: str, value: str) -> str | None:
    """E-mail in small letters, the rest trimmed; what is no address has no key."""
    text = value.strip()
    if kind == "email":
        return text.lower() if "@" in text else None
    return text or None


def project_of(folder: Path, *, stock: bool = True, run_id: str = RUN) -> Project:
    """A project whose published run has the shop's bundle."""
    project = Project(folder)
    build_bundle(gold(stock=stock), project.bundles, run_id=run_id, as_of=AS_OF, keys=LookupKeys.load(project))
    publish(project, run_id)
    return project


def publish(project: Project, run_id: str) -> None:
    """Point readers at a run."""
    new = project.state / "published.new"
    new.write_text(json.dumps({"run_id": run_id, "as_of": AS_OF.isoformat(), "tables": {}}))
    new.replace(project.state / "published.json")


def bundle_of(folder: Path, *, stock: bool = True) -> Bundle:
    """The shop's bundle, open."""
    path = build_bundle(gold(stock=stock), folder, run_id=RUN, as_of=AS_OF, keys=KEYS)
    return Bundle.open(path, keys=KEYS, normalise=normalise)
