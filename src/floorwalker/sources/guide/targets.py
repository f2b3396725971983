"""How well the values of a column fit a column of the vocabulary.

In: a kind, one of its columns (or one of the helpers below) and a column's `Facts`. Out: a `Fit`: how far the values
can be read as what the target wants (0: not at all), how much they point to this target and no other (an e-mail
address does, a short number does not), and why in words.

Besides the vocabulary's columns there are helpers, from which columns are made: `full_name`, `order_total`,
`time_of_day`.

>>> from floorwalker.sources.guide.facts import Facts
>>> fit("customers", "email", Facts("mail", 9, 1.0, 9, {"email": 0.9, "phone": 0.0}))
Fit(read=0.9, points=0.81, why='90 % are e-mail addresses')
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.guide.facts import Facts
from floorwalker.sources.guide.translate import translated


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


HELPERS = ("full_name", "order_total", "time_of_day")


class Fit(NamedTuple):
    """`read`: share that can be read; `points`: how much the values alone speak for this target, 0 to 1."""

    read: float
    points: float
    why: str


def fit(kind: str, target: str, facts: Facts) -> Fit:
    """How the values of a column fit `target` of `kind`."""
    if not facts.filled:
        return Fit(0.0, 0.0, "empty")
    about = None if target in HELPERS else KINDS[kind].column(target)
    if about is not None and about.values:
        return _accepted(kind, target, facts)
    special = _SPECIAL.get(f"{kind}.{target}") or _SPECIAL.get(target)
    if special:
        return special(facts)
    return _BY_TYPE[about.type if about else "text"](facts)


def _share(facts: Facts, test: str, weight: float, what: str) -> Fit:
    share = facts.share.get(test, 0.0)
    return Fit(share, round(share * weight, 3), f"{_percent(share)} are {what}")


def _accepted(kind: str, target: str, facts: Facts) -> Fit:
    if not facts.many:
        return Fit(0.0, 0.0, "too many different values for one of a few words")
    known = translated(kind, target, facts.words)
    share = sum(count for word, count in facts.many.items() if word in known) / sum(facts.many.values())
    different = len(set(known.values()))
    # Ones and zeros may be anything: they are consent only by their column's name.
    weight = 0.15 if facts.share["truth"] > 0.9 else 0.75 if different > 1 else 0.4
    return Fit(
        share,
        round(share * weight, 3),
        f"{_percent(share)} are words for {', '.join(sorted(set(known.values())))}",
    )


def _email(facts: Facts) -> Fit:
    if facts.share.get("hash", 0.0) > 0.9:
        return Fit(0.9, 0.05, "hashes")
    return _share(facts, "email", 0.9, "e-mail addresses")


def _phone(facts: Facts) -> Fit:
    found = _share(facts, "phone", 0.6, "phone numbers")
    digits = facts.share["integer"]
    if facts.share.get("hash", 0.0) > 0.9:
        return Fit(0.9, 0.05, "hashes")
    if facts.share["ean"] > 0.5 or facts.times:
        return Fit(0.2, 0.0, "article codes or times")
    # Some systems drop the leading zero: only a name can tell such numbers from others.
    return found if found.read >= 0.5 or digits < 0.9 or facts.middle < 1e6 else Fit(0.8, 0.0, "long numbers")


def _time(facts: Facts) -> Fit:
    if facts.of.startswith(("TIMESTAMP", "DATE")):
        return Fit(1.0, 0.5, "times, typed")
    if facts.times is None:
        return Fit(0.0, 0.0, "no times")
    digits = facts.times.formats and facts.times.formats[0].startswith(("%Y%m%d", "epoch"))
    points = (0.25 if digits else 0.5) + (0.1 if facts.times.clock else 0.0)
    if facts.times.years[1] < 2008:
        points *= 0.3
    return Fit(facts.times.share, round(points * facts.times.share, 3), f"times, {facts.times.why}")


def _birth(facts: Facts) -> Fit:
    found = _time(facts)
    years = facts.times.years if facts.times else (0, 0)
    if not found.read or (facts.times and facts.times.clock):
        return Fit(found.read * 0.2, 0.0, found.why)
    if years[0] < 1985 and years[1] < 2022:
        return Fit(found.read, 0.6, f"dates from {years[0]} to {years[1]}")
    return Fit(found.read * (0.3 if years[0] > 2010 else 0.8), 0.0, f"dates from {years[0]} to {years[1]}")


def _money(facts: Facts) -> Fit:
    read = _numeric(facts)
    if facts.times and facts.times.share > 0.9:
        read *= 0.2
    if facts.high > 1e6 and facts.fraction < 0.05:
        read *= 0.3
    points = 0.1 + 0.2 * facts.fraction + (0.2 if facts.sign else 0.0)
    return Fit(
        round(read, 3),
        round(points * read, 3),
        f"numbers, {_percent(facts.fraction)} of them with decimals",
    )


def _price(facts: Facts) -> Fit:
    found = _money(facts)
    return found._replace(read=round(found.read * (0.6 if facts.negative > 0.3 else 1.0), 3))


def _quantity(facts: Facts) -> Fit:
    read = _numeric(facts)
    if facts.sign or facts.fraction > 0.5:
        read *= 0.4
    if facts.high > 10_000:
        read *= 0.4
    small = facts.middle <= 3 and facts.fraction < 0.05 and facts.low > -100
    return Fit(
        round(read, 3), round((0.3 if small else 0.1) * read, 3), f"numbers from {facts.low:g} to {facts.high:g}"
    )


def _stock(facts: Facts) -> Fit:
    return _quantity(facts)._replace(read=round(_numeric(facts), 3))


def _whole(facts: Facts) -> Fit:
    read = facts.share["integer"] if facts.of == "VARCHAR" else _numeric(facts)
    return Fit(read, round(0.1 * read, 3), f"whole numbers from {facts.low:g} to {facts.high:g}")


def _points(facts: Facts) -> Fit:
    found = _whole(facts)
    long = facts.high > 1e6
    return Fit(
        found.read * (0.2 if long else 1.0),
        0.0 if long else 0.2 if facts.negative or facts.high > 20 else 0.1,
        found.why,
    )


def _satisfaction(facts: Facts) -> Fit:
    read = facts.share["integer"] if facts.low >= 1 and facts.high <= 5 else 0.0
    return Fit(read, 0.2 * read, f"whole numbers from {facts.low:g} to {facts.high:g}")


def _line_no(facts: Facts) -> Fit:
    read = facts.share["code"]
    small = facts.share["integer"] > 0.9 and facts.low >= 0 and facts.high < 500
    return Fit(read, 0.1 if small else 0.0, "small whole numbers" if small else "codes")


def _numeric(facts: Facts) -> float:
    typed = facts.of.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or facts.of.endswith("INT") or facts.of == "INTEGER"
    return 1.0 if typed else facts.share["number"]


def _id(facts: Facts) -> Fit:
    read = facts.share["code"] * 0.6 + 0.4
    why = "codes"
    if facts.share["email"] > 0.5 or facts.share["url"] > 0.5:
        read, why = read * 0.3, "addresses"
    elif (
        facts.times
        and facts.times.share > 0.9
        and (
            not facts.times.formats
            or "/" in facts.times.formats[0]
            or ":" in facts.times.formats[0]
            or "." in facts.times.formats[0]
        )
    ):
        read, why = 0.1, "times"
    elif facts.fraction > 0.2 or facts.sign:
        read, why = 0.2, "numbers with decimals"
    elif facts.longest > 60:
        read, why = 0.3, "long texts"
    elif facts.clock:
        read, why = 0.1, "times of the day"
    return Fit(round(read, 3), 0.0, why)


def _key(facts: Facts) -> Fit:
    """The number of a thing that has one row each."""
    found = _id(facts)
    if facts.unique > 0.9 and facts.filled > 0.95:
        return Fit(found.read, round(0.3 * found.read, 3), "different in every row")
    return found._replace(
        read=round(found.read * (0.4 + 0.6 * facts.unique), 3), why=f"{found.why}, {facts.distinct} different"
    )


def _order_id(facts: Facts) -> Fit:
    found = _id(facts)
    together = facts.runs > 0.2 and facts.unique > 0.1
    constant = facts.distinct == 1 and facts.rows > 3
    few = facts.rows > 50 and facts.distinct < facts.rows * 0.02
    read = found.read * (0.3 if constant or few else 1.0)
    why = f"{found.why}, equal ones in a row" if together else f"{found.why}, {facts.distinct} different"
    return Fit(round(read, 3), 0.2 if together and read > 0.5 else 0.05, why)


def _product_id(facts: Facts) -> Fit:
    found = _id(facts)
    if facts.share["ean"] > 0.8:
        return Fit(max(found.read, 0.9), 0.6, "article numbers with their check digit")
    words = facts.share["words"] > 0.7 and facts.share["code"] < 0.5
    return found._replace(read=round(found.read * (0.6 if words else 1.0), 3), points=0.05)


def _products_key(facts: Facts) -> Fit:
    found, key = _product_id(facts), _key(facts)
    return Fit(min(max(found.read, 0.3), max(key.read, 0.5)), max(found.points, key.points), key.why)


def _person_id(facts: Facts) -> Fit:
    found = _id(facts)
    if facts.share["ean"] > 0.8 and facts.unique < 0.3:
        return Fit(0.4, 0.0, "article numbers")
    if facts.distinct == 1 and facts.rows > 20:
        return Fit(found.read * 0.5, 0.0, "one value only")
    return found._replace(read=round(found.read * (0.7 if facts.share["two_words"] > 0.5 else 1.0), 3))


def _store(facts: Facts) -> Fit:
    few = facts.distinct <= max(30, facts.rows * 0.05)
    read = 0.95 if few else 0.4
    if facts.fraction > 0.2 or (facts.times and facts.times.share > 0.9) or facts.share["email"] > 0.5:
        read = 0.1
    return Fit(read, 0.05 if few else 0.0, f"{facts.distinct} different values")


def _country(facts: Facts) -> Fit:
    share = facts.share["country"]
    codes = share > 0.9 and facts.distinct < 60 and facts.longest > 1
    currency = facts.share["currency"] > 0.9
    return Fit(
        0.5 + share / 2 if facts.share["words"] > 0.8 else share * 0.6,
        0.3 if codes and not currency else 0.0,
        f"{_percent(share)} are countries or look like their codes",
    )


def _currency(facts: Facts) -> Fit:
    return _share(facts, "currency", 0.85, "currency codes")


def _postcode(facts: Facts) -> Fit:
    share = facts.share["postcode"]
    # Five digits may be anything, letters among digits seldom are.
    return Fit(
        0.3 + 0.7 * share,
        0.25 * share if facts.share["integer"] < 0.5 else 0.1 * share,
        f"{_percent(share)} look like postcodes",
    )


def _name(facts: Facts) -> Fit:
    share = facts.share["words"]
    few = facts.distinct <= 3 and facts.rows > 50
    # A surname may be two words, but a column in which every name is may well hold whole names.
    whole = 1 - 0.35 * facts.share["two_words"]
    return Fit(share * whole * (0.4 if few else 1.0), 0.1 * share, f"{_percent(share)} are words")


def _full_name(facts: Facts) -> Fit:
    share = facts.share["two_words"]
    few = facts.distinct < min(20, facts.rows * 0.05)
    short = facts.longest <= 60
    return Fit(
        share * (0.4 if few else 1.0) * (1.0 if short else 0.4),
        0.1 * share,
        f"{_percent(share)} are two words or more",
    )


def _gender(facts: Facts) -> Fit:
    share = facts.share["gender"] if facts.distinct <= 8 else 0.0
    numbers = facts.share["integer"] > 0.9 and facts.distinct <= 4
    return Fit(
        0.7 if numbers else share,
        0.5 * share if facts.distinct > 1 and facts.share["truth"] < 0.9 else 0.0,
        f"{_percent(share)} are words for a gender",
    )


def _street(facts: Facts) -> Fit:
    share = facts.share["street"]
    return Fit(
        0.3 + 0.7 * max(share, facts.share["words"] * 0.6),
        0.15 * share,
        f"{_percent(share)} have words and a number",
    )


def _city(facts: Facts) -> Fit:
    share = facts.share["words"]
    return Fit(share, 0.05, f"{_percent(share)} are words")


def _url(facts: Facts) -> Fit:
    return _share(facts, "url", 0.7, "addresses of pages")


def _truth(facts: Facts) -> Fit:
    share = facts.share["truth"]
    return Fit(share, 0.1 * share, f"{_percent(share)} are yes or no")


def _clock(facts: Facts) -> Fit:
    return Fit(1.0, 0.6, f"times of the day, {facts.clock}") if facts.clock else Fit(0.0, 0.0, "no times of the day")


def _text(facts: Facts) -> Fit:
    read = 0.9
    if facts.share["number"] > 0.9 or (facts.times and facts.times.share > 0.9):
        read = 0.4
    if facts.share["email"] > 0.5 or facts.share["phone"] > 0.8:
        read = 0.2
    return Fit(read, 0.0, f"text, {facts.distinct} different")


def _product_name(facts: Facts) -> Fit:
    found = _text(facts)
    wordy = facts.share["two_words"] > 0.3 or facts.longest > 15
    if facts.times or facts.clock or facts.share["number"] > 0.9:
        return Fit(0.1, 0.0, "numbers or times")
    return Fit(found.read if wordy else 0.6, 0.1 if wordy and facts.distinct > 2 else 0.0, found.why)


def _few_words(facts: Facts) -> Fit:
    found = _text(facts)
    few = facts.distinct <= max(40, facts.rows * 0.3)
    return found._replace(read=found.read if few else 0.5)


def _region(facts: Facts) -> Fit:
    return _city(facts)


def _number(facts: Facts) -> Fit:
    read = _numeric(facts)
    return Fit(read, 0.1 * facts.fraction, f"numbers from {facts.low:g} to {facts.high:g}")


_SPECIAL: dict[str, Callable[[Facts], Fit]] = {
    "email": _email, "phone": _phone, "birth_date": _birth, "order_id": _order_id, "line_no": _line_no,
    "product_id": _product_id, "products.product_id": _products_key, "stock.product_id": _product_id,
    "stores.store_id": _key, "store_id": _store, "customers.customer_ref": _key, "customer_ref": _person_id,
    "loyalty_id": _person_id, "account_id": _person_id, "ticket_id": _key, "coupon_id": _id, "campaign_id": _id,
    "currency": _currency, "country": _country, "postcode": _postcode, "given_name": _name, "family_name": _name,
    "full_name": _full_name, "gender": _gender, "address": _street, "city": _city, "region": _region,
    "url": _url, "link_url": _url, "time_of_day": _clock, "order_total": _money, "unit_price": _price, "price": _price,
    "quantity": _quantity, "stock.quantity": _stock, "points": _points, "satisfaction": _satisfaction,
    "product_name": _product_name, "name": _product_name, "category": _few_words, "subcategory": _few_words,
    "brand_name": _few_words, "tier": _few_words, "reason": _few_words, "topic": _few_words, "status": _few_words,
}  # fmt: skip
_BY_TYPE: dict[str, Callable[[Facts], Fit]] = {
    "id": _id, "text": _text, "integer": _whole, "quantity": _quantity, "money": _money, "number": _number,
    "boolean": _truth, "date": _time, "timestamp": _time,
}  # fmt: skip
