"""What a customer buys: categories, brands, products, sizes, colours and the price level."""

from functools import partial

from floorwalker.profiles.catalogue.sources import PURCHASES
from floorwalker.profiles.features.definition import (
    Feature,
    Window,
    concentration,
    count,
    distinct,
    largest,
    latest,
    over,
    top,
    top_share,
    total,
)

_counted = partial(Feature, type="integer", default=0, tests=("not_negative",), source=PURCHASES)
_share = partial(Feature, type="number", unit="share", tests=("share",))
_word = partial(Feature, type="text", source=PURCHASES)


def _groups() -> list[Feature]:
    """The same questions for what things are and who makes them."""
    made: list[Feature] = []
    for column, one, many in (("category", "category", "categories"), ("brand_name", "brand", "brands")):
        made += [
            *over(_counted(f"{many}_bought", f"From how many {many} did they buy {{window}}?", aggregate=distinct(column), unit=many, group=many), 365, None),
            *over(_word(f"favourite_{one}", f"From which {one} do they buy most {{window}}?", aggregate=top(column), group=many), 365, None),
            _share(f"favourite_{one}_share", f"Which share of what they buy is of their favourite {one}?", source=PURCHASES, aggregate=top_share(column), group=many),
            _share(f"{one}_concentration", f"Do they keep to few {many}? 1: to one.", source=PURCHASES, aggregate=concentration(column), group=many),
            _word(f"latest_{one}", f"From which {one} did they buy last?", aggregate=latest(column), group=many),
            Feature(f"changed_{one}", f"Was their favourite {one} of the last year another one before?", "boolean", expression=f"favourite_{one}_365d <> favourite_{one}", group=many),
        ]  # fmt: skip
    return made


def _sizes() -> list[Feature]:
    made: list[Feature] = []
    for garment, words in (("top", "tops"), ("bottom", "trousers and skirts"), ("shoe", "shoes")):
        sized = f"garment = '{garment}' AND size IS NOT NULL"
        made += [
            _word(f"size_{garment}", f"Which size do they buy most often in {words}?", aggregate=top("size", sized), group="size"),
            _share(f"size_{garment}_share", f"How sure is that size: which share of their {words} has it?", source=PURCHASES, aggregate=top_share("size", sized), group="size"),
            _counted(f"sizes_{garment}", f"In how many sizes did they buy {words}?", aggregate=distinct("size", sized), unit="sizes", group="size"),
        ]  # fmt: skip
    return made


FEATURES = [
    *_groups(),
    *over(_counted("products_bought", "How many different products did they buy {window}?", aggregate=distinct("product_id"), unit="products", group="products"), 365, None),
    *over(_counted("lines_bought", "How many lines did they buy {window}?", aggregate=count(), unit="lines", group="products"), 365, None),
    _share("repeat_purchase_share", "Which share of their lines is something they had bought before?", expression="(lines_bought - products_bought) / lines_bought", group="products"),
    _word("most_bought_product", "Which product do they buy most often?", aggregate=top("product_id"), group="products"),
    _word("latest_product", "What did they buy last?", aggregate=latest("product_id"), group="products"),
    _counted("subcategories_bought", "From how many subcategories did they buy?", aggregate=distinct("subcategory"), unit="subcategories", group="products"),
    _word("favourite_subcategory", "From which subcategory do they buy most?", aggregate=top("subcategory"), group="products"),
    _word("favourite_colour", "Which colour do they buy most?", aggregate=top("color"), group="products"),
    _share("favourite_colour_share", "Which share of what they buy has that colour?", source=PURCHASES, aggregate=top_share("color"), group="products"),
    _counted("garments_bought", "How many kinds of garment did they buy?", aggregate=distinct("garment"), unit="kinds", group="products"),
    _counted("multiples_bought", "How many lines had more than one piece?", aggregate=count("quantity > 1"), unit="lines", group="products"),
    _share("multiples_share", "Which share of their lines has more than one piece?", expression="multiples_bought / lines_bought", group="products"),
    _counted("novelties_bought", "How many lines did they buy within 60 days of the product's launch?", aggregate=count("DAYS(launched_on, occurred_on) BETWEEN 0 AND 60"), unit="lines", group="products"),
    _share("novelty_share", "Are they early: which share of their lines was new in the shop?", expression="novelties_bought / lines_bought", group="products"),
    *_sizes(),
    Feature("price_rank_sum", "What do the price ranks of their lines add up to (0 the cheapest of its category, 1 the dearest)?", "rank", PURCHASES, total("price_rank", "rank"), default=0, unit="ranks", group="price"),
    _counted("priced_lines", "Of how many lines is the price rank known?", aggregate=count("price_rank IS NOT NULL"), unit="lines", group="price"),
    _share("price_level", "How dear do they buy within a category: 0 the cheapest, 1 the dearest?", expression="price_rank_sum / priced_lines", group="price"),
    Feature("price_rank_sum_365d", "What do the price ranks of their lines of the last year add up to?", "rank", PURCHASES, total("price_rank", "rank"), window=Window(365), default=0, unit="ranks", group="price", family="price_rank_sum"),
    _counted("priced_lines_365d", "Of how many lines of the last year is the price rank known?", aggregate=count("price_rank IS NOT NULL"), window=Window(365), unit="lines", group="price", family="priced_lines"),
    Feature("price_level_trend", "Do they buy dearer than they used to (last year less ever)?", "number", expression="price_rank_sum_365d / priced_lines_365d - price_level", unit="ranks", group="price"),
    _counted("cheap_lines", "How many lines were of the cheapest third of their category?", aggregate=count("price_rank < 0.333333"), unit="lines", group="price"),
    _share("cheap_share", "Which share of their lines is of the cheapest third?", expression="cheap_lines / priced_lines", group="price"),
    _counted("premium_lines", "How many lines were of the dearest third of their category?", aggregate=count("price_rank > 0.666667"), unit="lines", group="price"),
    _share("premium_share", "Which share of their lines is of the dearest third?", expression="premium_lines / priced_lines", group="price"),
    Feature("dearest_line", "What was the most they paid for a line?", "money", PURCHASES, largest("amount", "money"), unit="reporting currency", group="price"),
    Feature("price_per_piece", "What does a piece cost them on average?", "number", expression="purchase_amount / pieces_bought", unit="reporting currency", group="price"),
    Feature("purchase_amount", "What do all their lines add up to?", "money", PURCHASES, total("amount", "money"), default=0, unit="reporting currency", group="price"),
    Feature("pieces_bought", "How many pieces do their lines add up to?", "quantity", PURCHASES, total("quantity", "quantity"), default=0, unit="pieces", group="price"),
    _counted("discounted_lines", "How many lines did they buy with a discount?", aggregate=count("discount > 0"), unit="lines", group="discounts"),
    _share("discounted_line_share", "Which share of their lines had a discount?", expression="discounted_lines / lines_bought", group="discounts"),
    Feature("favourite_category_discounted", "From which category do they buy most with a discount?", "text", PURCHASES, top("category", "discount > 0"), group="discounts"),
]  # fmt: skip
