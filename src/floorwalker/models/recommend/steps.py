"""The step of a run that makes recommendations.

In: gold.customer_products, gold.products, gold.customers. Out:

    gold.recommendations      customer_id, rank, product_id, score, because_product_id, model
    gold.similar_products     product_id, rank, similar_product_id, score              for product pages
    gold.popular_products     market ('' = all), rank, product_id, score               for anyone
    gold.recommender_quality  model, protocol, metric, value, users                    on the retailer's own data

and the fitted models under `state/models/recommend/<run>`. Customers who do not allow personalisation get the popular
list of their market and are not learned from; counts of sales are of everyone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from floorwalker.engines.steps import Step, StepContext
from floorwalker.errors import ConfigError
from floorwalker.models.recommend import quality
from floorwalker.models.recommend.interactions import Flags, Interactions, Ints
from floorwalker.models.recommend.item_knn import ItemKNN
from floorwalker.models.recommend.lists import SCHEMA, Audience, batches
from floorwalker.models.recommend.popularity import Popularity
from floorwalker.models.recommend.settings import RecommendSettings

Track = Callable[[str, dict[str, Any], dict[str, float], Path], None]
"""(name, settings, metrics, folder of the model): tells a tracker about a fitted model."""

_SIMILAR = pa.schema(
    [
        ("product_id", pa.string()),
        ("rank", pa.int32()),
        ("similar_product_id", pa.string()),
        ("score", pa.float64()),
    ]
)
_POPULAR = pa.schema(
    [
        ("market", pa.string()),
        ("rank", pa.int32()),
        ("product_id", pa.string()),
        ("score", pa.float64()),
    ]
)


def steps(
    settings: RecommendSettings,
    track: Track | None = None,
    absent_personalization: Literal["allow", "deny"] = "deny",
) -> list[Step]:
    """The step 'recommend'. `absent_personalization` is the consent policy for customers who never said."""
    if not 1 <= settings.top <= 100:
        raise ConfigError(
            f"[recommend] top = {settings.top}", why="a customer's list has 1 to 100 products", fix="top = 100"
        )
    text = msgspec.json.encode({"recommend": settings, "absent": absent_personalization}).decode()
    return [
        Step(
            "recommend",
            reads=("gold.customer_products", "gold.products", "gold.customers"),
            writes=(
                "gold.recommendations",
                "gold.similar_products",
                "gold.popular_products",
                "gold.recommender_quality",
            ),
            run=lambda context: _run(context, settings, track, absent_personalization == "allow"),
            score=lambda context: _score(context, settings, absent_personalization == "allow"),
            settings=text,
            lineage=_lineage(),
        )
    ]


def _lineage() -> dict[str, dict[str, tuple[str, ...]]]:
    """Which columns the lists are made of."""
    pairs = tuple(
        f"gold.customer_products.{name}" for name in ("customer_id", "product_id", "last_bought_at", "last_at")
    )
    shown = tuple(f"gold.products.{name}" for name in ("product_id", "is_active", "stock"))
    asked = ("gold.customers.market", "gold.customers.personalization")
    return {
        "gold.recommendations": {
            **dict.fromkeys(SCHEMA.names, (*pairs, *shown, *asked)),
            "customer_id": ("gold.customers.customer_id",),
        },
        "gold.similar_products": {
            **dict.fromkeys(_SIMILAR.names, (*pairs, *shown, asked[1])),
            "product_id": ("gold.products.product_id",),
        },
        "gold.popular_products": {
            **dict.fromkeys(_POPULAR.names, (*pairs[:3], *shown, asked[0])),
            "market": ("gold.customers.market",),
        },
        "gold.recommender_quality": dict.fromkeys(quality.SCHEMA.names, (*pairs, asked[1])),
    }


@dataclass(frozen=True)
class _Shop:
    """What lists are made of: products, customers, and who touched what, in the order of their ids."""

    product_ids: pa.Array
    allowed: Flags
    customer_ids: pa.Array
    markets: NDArray
    market_of: Ints
    personal: Flags
    bought: Interactions
    taste: Interactions

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, settings: RecommendSettings, unknown_allowed: bool) -> _Shop:
        products = connection.sql(
            "SELECT product_id, is_active IS NOT FALSE AS active, stock IS NULL OR stock > 0 AS in_stock "
            "FROM gold.products ORDER BY product_id"
        ).to_arrow_table()
        allowed = _flags(products["active"])
        if settings.in_stock_only:
            allowed &= _flags(products["in_stock"])
        product_ids = _words(products["product_id"])
        customers = connection.sql(
            "SELECT customer_id, coalesce(market, '') AS market, coalesce(personalization, 'unknown') AS "
            "personalization FROM gold.customers ORDER BY customer_id"
        ).to_arrow_table()
        customer_ids = _words(customers["customer_id"])
        words = customers["personalization"].to_numpy()
        personal = (words == "granted") | ((words == "unknown") & unknown_allowed)
        taste = _taste(connection, settings, customer_ids, product_ids)
        markets, market_of = np.unique(customers["market"].to_numpy().astype(str), return_inverse=True)
        return cls(
            product_ids, allowed, customer_ids, markets, market_of, personal,
            _bought(connection, customer_ids, product_ids), taste.where(personal[taste.users]),
        )  # fmt: skip

    def popular(self, settings: RecommendSettings) -> tuple[Popularity, list[Popularity]]:
        """What sells everywhere, and in each market."""
        newest = int(self.bought.moments.max(initial=0))
        return Popularity(settings.popular_days, newest).fit(self.bought), [
            Popularity(settings.popular_days, newest).fit(
                self.bought.where(self.market_of[self.bought.users] == market)
            )
            for market in range(len(self.markets))
        ]

    def lists(
        self, knn: ItemKNN, everywhere: Popularity, local: list[Popularity], settings: RecommendSettings, of: Ints
    ) -> pa.RecordBatchReader:
        """Rows of gold.recommendations for the customers of these numbers."""
        nothing = self.bought.where(np.zeros(len(self.bought), bool)).histories()
        has = nothing if settings.repeat_purchases else self.bought.where(self.personal[self.bought.users]).histories()
        taste = self.taste.histories()
        if len(of) < len(taste):
            taste, has = taste.pick(of), has.pick(of)
        audience = Audience(self.customer_ids.take(pa.array(of)), self.market_of[of], taste, has)
        rows = batches(knn, local, everywhere, audience, self.product_ids, self.allowed, settings.top)
        return pa.RecordBatchReader.from_batches(SCHEMA, rows)


def _run(context: StepContext, settings: RecommendSettings, track: Track | None, unknown_allowed: bool) -> None:
    shop = _Shop.of(context.connection, settings, unknown_allowed)
    context.progress(0.1, f"{len(shop.taste)} interactions of {int(shop.personal.sum())} customers")

    knn = quality.chosen(shop.taste, settings)
    measured = quality.measure(shop.taste, knn, settings)
    context.write("gold.recommender_quality", quality.table(measured))
    context.progress(0.4, "neighbours of products")

    knn.fit(shop.taste)
    everywhere, local = shop.popular(settings)
    context.write("gold.similar_products", _similar(knn, shop.product_ids, shop.allowed, settings.similar))
    named = {"": everywhere} | {str(name): model for name, model in zip(shop.markets, local, strict=True) if name != ""}
    context.write("gold.popular_products", _popular(named, shop.product_ids, shop.allowed, settings.top))
    context.progress(0.5, "lists of customers")

    everybody = np.arange(len(shop.customer_ids))
    context.write("gold.recommendations", shop.lists(knn, everywhere, local, settings, everybody))
    folder = _folder(context, context.run_id)
    knn.save(folder / "knn")
    everywhere.save(folder / "popular")
    if track is not None:
        track("recommend", knn.params | {"signals": settings.signals}, quality.tracked(measured), folder)
    context.progress(1.0, "recommendations")


def _folder(context: StepContext, run_id: str) -> Path:
    return context.project.state / "models" / "recommend" / run_id


def _score(context: StepContext, settings: RecommendSettings, unknown_allowed: bool) -> bool:
    """Lists of the customers about whom something has changed, by the neighbours that stand."""
    folder = _folder(context, context.made_by("gold.similar_products")) / "knn"
    changed = context.changed("gold.products", "product_id", ("is_active", "stock"))
    if not folder.exists() or changed.fetchall():
        return False
    knn, shop = ItemKNN.load(folder), _Shop.of(context.connection, settings, unknown_allowed)
    if knn.similar.shape[0] != len(shop.product_ids):
        return False
    moved = context.changed("gold.customer_products", "customer_id", ("product_id", "last_bought_at", "last_at"))
    about = context.changed("gold.customers", "customer_id", ("market", "personalization"))
    touched = moved.union(about).distinct().to_arrow_table()
    wanted = pc.SetLookupOptions(touched["customer_id"].combine_chunks())
    mine = np.flatnonzero(pc.call_function("is_in", [shop.customer_ids], wanted).to_numpy(zero_copy_only=False))
    everywhere, local = shop.popular(settings)
    rows = shop.lists(knn, everywhere, local, settings, mine).read_all()
    connection = context.connection
    context.merge("gold.recommendations", ["customer_id"], connection.from_arrow(touched), connection.from_arrow(rows))
    return True


def _bought(connection: duckdb.DuckDBPyConnection, customer_ids: pa.Array, product_ids: pa.Array) -> Interactions:
    rows = connection.sql(
        "SELECT customer_id, product_id, last_bought_at AS moment FROM gold.customer_products "
        "WHERE last_bought_at IS NOT NULL"
    ).to_arrow_table()
    return _interactions(rows, customer_ids, product_ids)


def _taste(
    connection: duckdb.DuckDBPyConnection, settings: RecommendSettings, customer_ids: pa.Array, product_ids: pa.Array
) -> Interactions:
    """What each customer's taste is read from; a purchase stands at its own time, a view where nothing was bought."""
    wanted = {
        "bought": "last_bought_at IS NOT NULL",
        "bought_else_viewed": "last_bought_at IS NOT NULL OR buyer IS NOT TRUE",
        "both": "TRUE",
    }[settings.signals]
    rows = connection.sql(
        f"""
        WITH touched AS (
          SELECT
            customer_id, product_id, last_bought_at, last_at,
            bool_or(last_bought_at IS NOT NULL) OVER (PARTITION BY customer_id) AS buyer
          FROM gold.customer_products
        )
        SELECT
          customer_id, product_id,
          coalesce(last_bought_at, last_at) AS moment,
          CASE WHEN last_bought_at IS NULL THEN {float(settings.view_strength)} ELSE 1.0 END::DOUBLE AS strength
        FROM touched
        WHERE coalesce(last_bought_at, last_at) IS NOT NULL AND ({wanted})
        """
    ).to_arrow_table()
    return _interactions(rows, customer_ids, product_ids, "strength")


def _interactions(
    rows: pa.Table, customer_ids: pa.Array, product_ids: pa.Array, strength: str | None = None
) -> Interactions:
    return Interactions.from_table(
        rows,
        user="customer_id",
        item="product_id",
        strength=strength,
        user_ids=customer_ids,
        item_ids=product_ids,
    )


def _similar(knn: ItemKNN, product_ids: pa.Array, allowed: Flags, count: int) -> pa.Table:
    near = knn.neighbours_of(count, allowed)
    row, column = np.nonzero(near.items >= 0)
    return pa.table(
        [
            product_ids.take(pa.array(row)),
            pa.array((column + 1).astype(np.int32)),
            product_ids.take(pa.array(near.items[row, column])),
            pa.array(near.scores[row, column].astype(np.float64)),
        ],
        _SIMILAR,
    )


def _popular(models: dict[str, Popularity], product_ids: pa.Array, allowed: Flags, count: int) -> pa.Table:
    parts = []
    for market, model in sorted(models.items()):
        order = model.order(allowed)[:count]
        parts.append(
            pa.table(
                [
                    pa.array([market] * len(order), pa.string()),
                    pa.array(np.arange(1, len(order) + 1, dtype=np.int32)),
                    product_ids.take(pa.array(order)),
                    pa.array(model.scores[order]),
                ],
                _POPULAR,
            )
        )
    return pa.concat_tables(parts)


def _flags(column: pa.ChunkedArray) -> Flags:
    return column.to_numpy().astype(bool)


def _words(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks().cast(pa.string())
