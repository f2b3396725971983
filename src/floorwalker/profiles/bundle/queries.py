"""The questions a bundle asks of the gold tables: SQL text only.

In: which optional tables exist and the columns of `gold.customers`. Out: statements whose rows come in the order of
their LMDB keys, so that the writer only appends. Missing optional tables make empty lists, never an error.

>>> exact_text("amount", "DECIMAL(18,4)")
'CAST(c."amount" AS VARCHAR)'
>>> exact_text("units", "BIGINT")
'c."units"'
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from floorwalker.profiles.bundle.layout import MODEL_POPULAR, NO_CAUSE, POPULAR, RECOMMENDATIONS, SIMILAR, VIEWED

SLICE = 50_000
"""Customers whose lists are gathered at once: memory is what 100 products for each of them take to be sorted."""

NUMBERS = """
CREATE OR REPLACE TEMP TABLE bundle_numbers AS
SELECT product_id, CAST(row_number() OVER (ORDER BY product_id) - 1 AS UINTEGER) AS number FROM gold.products
"""


def exact_text(name: str, sql_type: str) -> str:
    """A column as it is packed: money and days as exact text, times as UTC text, the rest as they are."""
    column = f'c."{name}"'
    if sql_type.startswith("DECIMAL") or sql_type in ("DATE", "HUGEINT"):
        return f"CAST({column} AS VARCHAR)"
    if sql_type.startswith("TIMESTAMP"):
        # By way of microseconds: no time-zone database is needed, and the session's zone does not matter.
        return f"strftime(make_timestamp(epoch_us({column})), '%Y-%m-%dT%H:%M:%SZ')"
    return column


def profiles(columns: Sequence[tuple[str, str]], tables: Collection[str]) -> tuple[list[str], str]:
    """Names of a profile's traits, and the query: customer_id, then the traits."""
    traits = {name: exact_text(name, sql_type) for name, sql_type in columns}
    joins = []
    if "gold.rfm" in tables:
        traits |= {"rfm": "rfm.cell", "rfm_segment": "rfm.segment", "lifecycle": "rfm.lifecycle"}
        joins.append("LEFT JOIN gold.rfm AS rfm ON rfm.customer_id = c.customer_id")
    if "gold.clusters" in tables:
        traits |= {"cluster": "clusters.name"}
        joins.append("LEFT JOIN gold.clusters AS clusters ON clusters.customer_id = c.customer_id")
    if "gold.segments" in tables:
        traits |= {"segments": "coalesce(segments.names, [])"}
        joins.append(
            "LEFT JOIN (SELECT customer_id, list(segment ORDER BY segment) AS names FROM gold.segments"
            " GROUP BY customer_id) AS segments ON segments.customer_id = c.customer_id"
        )
    if "gold.consents" in tables:
        traits |= {"consents": "coalesce(consents.entries, [])"}
        joins.append(
            "LEFT JOIN (SELECT customer_id, list({'purpose': purpose, 'status': status} ORDER BY purpose) AS entries"
            " FROM gold.consents GROUP BY customer_id) AS consents ON consents.customer_id = c.customer_id"
        )
    if "silver.customer_identifiers" in tables:
        traits |= {"identifiers": "coalesce(identifiers.entries, [])"}
        joins.append(
            "LEFT JOIN (SELECT customer_id, list({'kind': kind, 'value': value} ORDER BY kind, key)[1:50] AS entries"
            " FROM silver.customer_identifiers GROUP BY customer_id)"
            " AS identifiers ON identifiers.customer_id = c.customer_id"
        )
    chosen = ", ".join(f'{expression} AS "{name}"' for name, expression in traits.items())
    return list(
        traits
    ), f"SELECT c.customer_id, {chosen} FROM gold.customers AS c {' '.join(joins)} ORDER BY c.customer_id"


SLICES = f"""
SELECT customer_id FROM (
  SELECT customer_id, row_number() OVER (ORDER BY customer_id) - 1 AS place FROM gold.customers
) WHERE place % {SLICE} = 0 ORDER BY customer_id
"""


def people(tables: Collection[str], first: str = "", end: str | None = None) -> str:
    """One row per customer from `first` to before `end`: customer_id, four texts, seven lists (see layout.Person)."""

    def among(column: str) -> str:
        upper = "" if end is None else f" AND {column} < '{quoted(end)}'"
        return f"{column} >= '{quoted(first)}'{upper}"

    day = "coalesce(date_diff('day', DATE '1970-01-01', CAST(make_timestamp(epoch_us({0})) AS DATE)), -1)"
    history = "gold.customer_products" if "gold.customer_products" in tables else _nothing(
        "customer_id VARCHAR, product_id VARCHAR, units DECIMAL(28,3), orders BIGINT, last_bought_at TIMESTAMPTZ,"
        " views BIGINT, last_viewed_at TIMESTAMPTZ"
    )  # fmt: skip
    recommended = "gold.recommendations" if "gold.recommendations" in tables else _nothing(
        'customer_id VARCHAR, "rank" INTEGER, product_id VARCHAR, score DOUBLE, because_product_id VARCHAR,'
        " model VARCHAR"
    )  # fmt: skip
    return f"""
    WITH bought AS (
      SELECT h.customer_id, list(p.number ORDER BY p.number) AS numbers,
             list(CAST({day.format("h.last_bought_at")} AS INTEGER) ORDER BY p.number) AS days
      FROM {history} AS h JOIN bundle_numbers AS p ON p.product_id = h.product_id
      WHERE (coalesce(h.orders, 0) > 0 OR coalesce(h.units, 0) > 0) AND {among("h.customer_id")}
      GROUP BY h.customer_id
    ), viewed AS (
      SELECT customer_id, list(number ORDER BY place) AS numbers, list(day ORDER BY place) AS days
      FROM (
        SELECT h.customer_id, p.number, CAST({day.format("h.last_viewed_at")} AS INTEGER) AS day,
               row_number() OVER (
                 PARTITION BY h.customer_id ORDER BY h.last_viewed_at DESC NULLS LAST, p.number) AS place
        FROM {history} AS h JOIN bundle_numbers AS p ON p.product_id = h.product_id
        WHERE h.views > 0 AND {among("h.customer_id")}
      ) WHERE place <= {VIEWED}
      GROUP BY customer_id
    ), recommended AS (
      SELECT r.customer_id, list(p.number ORDER BY r."rank", p.number) AS numbers,
             list(CAST(r.score AS FLOAT) ORDER BY r."rank", p.number) AS scores,
             list(coalesce(CAST(because.number AS INTEGER), CASE WHEN r.model = 'popular' THEN {MODEL_POPULAR}
                  ELSE {NO_CAUSE} END) ORDER BY r."rank", p.number) AS causes
      FROM {recommended} AS r JOIN bundle_numbers AS p ON p.product_id = r.product_id
      LEFT JOIN bundle_numbers AS because ON because.product_id = r.because_product_id
      WHERE r."rank" <= {RECOMMENDATIONS} AND {among("r.customer_id")}
      GROUP BY r.customer_id
    )
    SELECT c.customer_id, coalesce(c.market, ''), coalesce(c.personalization, 'unknown'),
           coalesce(c.favourite_category, ''), coalesce(c.favourite_brand, ''),
           coalesce(bought.numbers, []), coalesce(bought.days, []),
           coalesce(viewed.numbers, []), coalesce(viewed.days, []),
           coalesce(recommended.numbers, []), coalesce(recommended.scores, []), coalesce(recommended.causes, [])
    FROM gold.customers AS c
    LEFT JOIN bought ON bought.customer_id = c.customer_id
    LEFT JOIN viewed ON viewed.customer_id = c.customer_id
    LEFT JOIN recommended ON recommended.customer_id = c.customer_id
    WHERE {among("c.customer_id")}
    ORDER BY c.customer_id
    """


def quoted(text: str) -> str:
    """Text inside a SQL literal."""
    return text.replace("'", "''")


# HMAC-SHA-256 spelled out (RFC 2104), so that millions of identifiers are hashed and sorted by the engine.
IDENTIFIERS = """
SELECT $prefix || unhex(sha256($outer || unhex(sha256($inner || encode(kind || ':' || key))))) AS hashed,
       CASE WHEN count(DISTINCT customer_id) = 1 THEN min(customer_id) ELSE '' END AS customer_id
FROM silver.customer_identifiers WHERE kind IS NOT NULL AND key IS NOT NULL
GROUP BY kind, key ORDER BY hashed
"""

ALIASES = "SELECT customer_id, alias_of FROM silver.customer_aliases WHERE customer_id <> alias_of ORDER BY customer_id"


def products(tables: Collection[str]) -> str:
    """One row per product in order of its number: facts, then the columns ranking and rules read.

    `revenue`, `margin` and `clearance` are places in the catalogue from 0 (least) to 1: dear, profitable, overstocked.
    """
    cost = (
        "LEFT JOIN (SELECT product_id, any_value(cost) AS cost FROM silver.products GROUP BY product_id) AS costs"
        " ON costs.product_id = g.product_id"
        if "silver.products" in tables
        else "LEFT JOIN (SELECT NULL AS product_id, NULL::DECIMAL(18,4) AS cost) AS costs ON false"
    )
    return f"""
    SELECT g.product_id, coalesce(g.name, g.product_id), coalesce(g.category, ''), coalesce(g.brand_name, ''),
           regexp_replace(CAST(g.price AS VARCHAR), '^(.+[.][0-9]{2}[0-9]*?)0*$', '\1'), -- 51.50, not 51.5000
           CAST(CASE WHEN g.category IS NULL THEN -1
                ELSE dense_rank() OVER (ORDER BY g.category NULLS LAST) - 1 END AS INTEGER),
           CAST(CASE WHEN g.brand_name IS NULL THEN -1
                ELSE dense_rank() OVER (ORDER BY g.brand_name NULLS LAST) - 1 END AS INTEGER),
           CAST(coalesce(g.is_active, true) AS UTINYINT),
           CAST(CASE WHEN g.price IS NULL THEN 0 ELSE percent_rank() OVER (ORDER BY g.price NULLS FIRST) END AS FLOAT),
           CAST(CASE WHEN costs.cost IS NULL OR coalesce(g.price, 0) <= 0 THEN 0 ELSE percent_rank() OVER (
                ORDER BY CASE WHEN g.price > 0 THEN (g.price - costs.cost) / g.price END NULLS FIRST) END AS FLOAT),
           CAST(CASE WHEN g.stock IS NULL THEN 0 ELSE percent_rank() OVER (
                ORDER BY g.stock / (coalesce(g.units_30d, 0) + 1) NULLS FIRST) END AS FLOAT),
           CAST(coalesce(g.units_30d, 0) > 0 AS UTINYINT)
    FROM gold.products AS g JOIN bundle_numbers AS n ON n.product_id = g.product_id {cost}
    ORDER BY n.number
    """


# The filter compares ids, not numbers: the planner would pair all numbers first, 15 million for 4,000 products.
SIMILAR_PRODUCTS = f"""
SELECT p.number, list(o.number ORDER BY s."rank", o.number), list(CAST(s.score AS FLOAT) ORDER BY s."rank", o.number)
FROM gold.similar_products AS s JOIN bundle_numbers AS p ON p.product_id = s.product_id
JOIN bundle_numbers AS o ON o.product_id = s.similar_product_id
WHERE s."rank" <= {SIMILAR} AND s.similar_product_id <> s.product_id GROUP BY p.number ORDER BY p.number
"""

POPULAR_PRODUCTS = f"""
SELECT coalesce(m.market, ''), list(n.number ORDER BY m."rank", n.number),
       list(CAST(m.score AS FLOAT) ORDER BY m."rank", n.number)
FROM gold.popular_products AS m JOIN bundle_numbers AS n ON n.product_id = m.product_id
WHERE m."rank" <= {POPULAR} GROUP BY coalesce(m.market, '') ORDER BY coalesce(m.market, '')
"""

# Without that table, or when its list over all markets is short: the whole catalogue by what sold.
POPULAR_OVERALL = f"""
SELECT '', list(number ORDER BY place), list(CAST(1.0 / place AS FLOAT) ORDER BY place) FROM (
  SELECT n.number, row_number() OVER (
           ORDER BY coalesce(g.units_30d, 0) DESC, coalesce(g.units, 0) DESC, n.number) AS place
  FROM gold.products AS g JOIN bundle_numbers AS n ON n.product_id = g.product_id
) WHERE place <= {POPULAR}
"""

# The web sells from its own warehouse; where no feed tells of one, from whatever any store has.
STOCK = """
SELECT s.store_id, list(n.number) FROM (
  SELECT coalesce(store_id, '') AS store_id, product_id, quantity FROM gold.stock
  UNION ALL
  SELECT '', product_id, quantity FROM gold.stock
  WHERE NOT EXISTS (SELECT 1 FROM gold.stock WHERE coalesce(store_id, '') = '')
) AS s JOIN bundle_numbers AS n ON n.product_id = s.product_id WHERE s.quantity > 0
GROUP BY s.store_id ORDER BY s.store_id
"""

PLACES = "SELECT DISTINCT coalesce(store_id, '') AS place FROM gold.stock ORDER BY place"


def _nothing(columns: str) -> str:
    """An empty table with these columns, in place of one the project does not have."""
    fields = ", ".join(
        f"CAST(NULL AS {kind}) AS {name}" for name, kind in (column.strip().split(" ", 1) for column in _split(columns))
    )
    return f"(SELECT {fields} WHERE false)"


def _split(columns: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(columns):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(columns[start:position])
            start = position + 1
    return parts + [columns[start:]]
