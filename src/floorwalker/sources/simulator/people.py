"""People and households of one chunk: who they truly are, what they like, how often and where they buy.

In: a random stream, the world, the noise profile (it says how households live), the first person's number. Out:
`People`, one row per person in every array. Nothing here is written down wrongly: errors are made when systems record
people (`records`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floorwalker.sources.simulator.catalogue import BRANDS, SIZES, STYLES, World
from floorwalker.sources.simulator.days import DAY
from floorwalker.sources.simulator.noise import NoiseProfile
from floorwalker.sources.simulator.occasions import OCCASIONS, Tastes
from floorwalker.sources.simulator.wording import choose, code32, draw, join, padded, pick, text, words, zipf

IRISH = 0.08
ORDERS_A_YEAR = 4.6
"""Mean orders of a person who is a customer all year, at `activity` 1."""
STAPLES = 3
GIVEN_NAMES = 160
_CODE_PRIME = 33_554_393
_PHONE_PRIME = 99_999_989
_IRISH_PRIME = 9_999_991
_CARD_PRIME = 99_999_989
_DOMAINS = ("gmail.com", "mailbox.example", "inbox.example", "post.example", "homenet.example")
_DOMAIN_SHARES = np.cumsum([0.50, 0.18, 0.14, 0.11, 0.07])


@dataclass(frozen=True)
class People:
    number: np.ndarray
    """The person's number over the whole data set; `household` likewise (number of its first person)."""
    household: np.ndarray
    first_member: np.ndarray
    """Row, in this chunk, of the household's first person."""
    irish: np.ndarray
    sex: np.ndarray
    born: np.ndarray
    """Day number since 1970."""
    given_name: pa.Array
    family_name: pa.Array
    maiden_name: pa.Array
    address: pa.Array
    postcode: pa.Array
    city: np.ndarray
    old_address: pa.Array
    old_postcode: pa.Array
    old_city: np.ndarray
    email: pa.Array
    other_email: pa.Array
    phone: pa.Array
    """National digits without the leading zero, ten in the UK, nine in Ireland."""
    household_phone: pa.Array
    loyalty_id: pa.Array
    came: np.ndarray
    """Local second from which the person is a customer; `left` the second after which not."""
    left: np.ndarray
    orders_a_year: np.ndarray
    habit: np.ndarray
    """(people, 3): inclination to store, web shop, app."""
    stores: np.ndarray
    """(people, 2): usual store and another."""
    sizes: np.ndarray
    """(people, 4): position in the size scale of each garment."""
    tastes: Tastes
    curiosity: np.ndarray
    """Visits to web or app a year that end without an order."""
    opens: np.ndarray
    clicks: np.ndarray
    swayed: np.ndarray
    """Chance that an opened e-mail causes an order that would not have been."""
    wants: np.ndarray
    """(people, 4): consents to analytics, personalization, marketing_email, ads, once asked."""
    sends_back: np.ndarray

    @property
    def count(self) -> int:
        return len(self.number)


def make_people(
    rng: np.random.Generator, world: World, noise: NoiseProfile, first: int, count: int, activity: float
) -> People:
    """`count` people numbered from `first`. `activity` scales how often they buy and browse."""
    first_member, position = _households(rng, noise, count)
    head = position == 0
    number = first + np.arange(count)
    per_house = lambda values: values[first_member]  # noqa: E731 - the household's first person decides
    irish_city = np.array([c.country == "IE" for c in world.cities])
    irish = per_house(rng.random(count) < IRISH)
    city = np.where(irish, *(per_house(_towns(rng, world, rows, count)) for rows in (irish_city, ~irish_city)))
    old_city = np.where(
        rng.random(count) < 0.5,
        city,
        np.where(irish, *(_towns(rng, world, r, count) for r in (irish_city, ~irish_city))),
    )
    sex = rng.integers(0, 2, count)
    partner = position == 1
    sex = np.where(partner & (rng.random(count) < 0.93), 1 - sex[first_member], sex)
    age = per_house(np.clip(rng.gamma(7, 6.6, count), 19, 92))
    age = np.where(
        partner, np.clip(age + rng.normal(0, 4, count), 18, 95), np.where(position > 1, rng.uniform(18, 30, count), age)
    )
    born = (world.days.first + world.days.count - age * 365.25).astype(np.int64)
    given = _given_names(rng, sex)
    family, maiden = _family_names(rng, noise, first_member, head)
    size = np.bincount(first_member, minlength=count)[first_member]
    address, postcode = _addresses(rng, world, city)
    old_address, old_postcode = _addresses(rng, world, old_city)
    came, left = _tenure(rng, world, count)
    gamma = rng.gamma(0.65, 1 / 0.65, count)
    habit = _habits(rng, age)
    holder = rng.random(count) < noise.loyalty_holders
    shared = pa.array(first_member)
    return People(
        number=number,
        household=number[first_member],
        first_member=first_member,
        irish=irish,
        sex=sex,
        born=born,
        given_name=given,
        family_name=family,
        maiden_name=maiden,
        address=address.take(shared),
        postcode=postcode.take(shared),
        city=city,
        old_address=old_address,
        old_postcode=old_postcode,
        old_city=old_city,
        email=_emails(rng, number, given, family, born, 7_919_933),
        other_email=_emails(rng, number, given, family, born, 15_485_863),
        phone=_phones(number, irish, ("74", "75", "78"), 67_867_967),
        household_phone=_phones(number, irish, ("73",), 49_979_687).take(shared),
        loyalty_id=pc.if_else(pa.array(holder), _cards(number), pa.scalar(None, pa.string())),
        came=came,
        left=left,
        orders_a_year=ORDERS_A_YEAR * activity * gamma,
        habit=habit,
        stores=_stores(rng, world, city, irish),
        sizes=_sizes(rng, sex),
        tastes=_tastes(rng, world, sex, age, size, count),
        curiosity=activity * rng.gamma(0.8, 5.5, count) * (0.4 + habit[:, 1] + habit[:, 2]),
        opens=rng.beta(1.3, 3.2, count),
        clicks=rng.beta(1.2, 6.0, count),
        swayed=rng.beta(1.0, 30.0, count),
        wants=rng.random((count, 4)) < np.array([0.90, 0.84, 0.64, 0.48]),
        sends_back=np.clip(rng.gamma(1.2, 1 / 1.2, count), 0.05, 4),
    )


def _households(rng: np.random.Generator, noise: NoiseProfile, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Row of each person's first housemate and the person's position; sizes 1 to 4 whose mean is the profile's."""
    more = np.array([0.26, 0.13, 0.06])
    more *= (noise.persons_per_household - 1) / float(more @ np.arange(1, 4))
    sizes = rng.choice(np.arange(1, 5), count, p=[1 - more.sum(), *more])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    starts = starts[starts < count]
    first_member = np.repeat(starts, np.diff(np.append(starts, count)))
    return first_member, np.arange(count) - first_member


def _towns(rng: np.random.Generator, world: World, rows: np.ndarray, count: int) -> np.ndarray:
    weight = np.array([c.weight for c in world.cities]) * rows
    return draw(rng, np.cumsum(weight) / weight.sum(), count)


def _given_names(rng: np.random.Generator, sex: np.ndarray) -> pa.Array:
    rank = draw(rng, zipf(GIVEN_NAMES, 0.75), len(sex))
    names = words("given_women")[:GIVEN_NAMES] + words("given_men")[:GIVEN_NAMES]
    return pick(names, rank + GIVEN_NAMES * sex)


def _family_names(
    rng: np.random.Generator, noise: NoiseProfile, first_member: np.ndarray, head: np.ndarray
) -> tuple[pa.Array, pa.Array]:
    """Surnames (about 3,000 kinds, few of them common) and a second one, by which a woman may be known from before a
    marriage.
    """
    common, starts, ends = words("surnames"), words("surname_starts"), words("surname_ends")
    composed = tuple(s + e for e in ends for s in starts)
    cumulative = np.concatenate([0.55 * zipf(len(common), 0.7), 0.55 + 0.45 * zipf(len(composed), 0.35)])
    own = draw(rng, cumulative, len(head))
    same = head | (rng.random(len(head)) < noise.same_surname)
    names = tuple(common) + composed
    return pick(names, np.where(same, own[first_member], own)), pick(names, draw(rng, cumulative, len(head)))


def _addresses(rng: np.random.Generator, world: World, city: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """House and street; postcode by town: "LS6 2AB", in Ireland "D06 K2X4"."""
    count = len(city)
    street = pick(words("streets"), rng.integers(0, len(words("streets")), count))
    kind = pick(words("street_kinds"), draw(rng, zipf(len(words("street_kinds")), 0.6), count))
    number = np.minimum(rng.geometric(0.02, count), 240)
    flat = rng.random(count) < 0.14
    house = choose(flat, join("Flat ", text(rng.integers(1, 24, count)), ", ", text(number)), text(number))
    area = pick([c.area for c in world.cities], city)
    letters = tuple("ABDEFGHJLNPQRSTUWXYZ")
    letter = [pick(letters, rng.integers(0, len(letters), count)) for _ in range(3)]
    digit = [text(rng.integers(1, 10, count)) for _ in range(3)]
    district = text(rng.integers(1, 20, count))
    british = join(area, district, " ", digit[0], letter[0], letter[1])
    irish = join(area, padded(rng.integers(1, 25, count), 2), " ", letter[0], digit[0], letter[1], digit[1])
    abroad = np.array([c.country == "IE" for c in world.cities])[city]
    return join(house, " ", street, " ", kind), choose(abroad, irish, british)


def _emails(
    rng: np.random.Generator, number: np.ndarray, given: pa.Array, family: pa.Array, born: np.ndarray, multiplier: int
) -> pa.Array:
    """Addresses nobody has: reserved domains, or an underscore in a Gmail name, which Gmail refuses. Unique by a code
    in the name.
    """
    plain = [_ascii(names) for names in (given, family)]
    code = code32(number, 5, multiplier, _CODE_PRIME)
    year = pc.utf8_slice_codeunits(text(born.astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970), 2)
    style = rng.random(len(number))
    local = join(plain[0], "_", plain[1], "_", code)
    local = choose(style < 0.35, join(pc.utf8_slice_codeunits(plain[0], 0, 1), "_", plain[1], year, code), local)
    local = choose(style > 0.85, join(plain[0], "_", code), local)
    domain = np.minimum(np.searchsorted(_DOMAIN_SHARES, rng.random(len(number))), len(_DOMAINS) - 1)
    return join(local, "@", pick(_DOMAINS, domain))


def _ascii(names: pa.Array) -> pa.Array:
    """Lower-case letters only, accents dropped: "Róisín O'Brien" -> "roisin", "obrien"."""
    bare = pc.replace_substring_regex(pc.utf8_normalize(names, "NFD"), r"\p{M}", "")
    return pc.replace_substring_regex(pc.utf8_lower(bare), "[^a-z]", "")


def _phones(number: np.ndarray, irish: np.ndarray, prefixes: tuple[str, ...], multiplier: int) -> pa.Array:
    """Mobile numbers without repeats: made up, in ranges where every number is of valid form."""
    scrambled = (number + 1) * multiplier % _PHONE_PRIME
    british = join(pick(prefixes, number % len(prefixes)), padded(scrambled, 8))
    abroad = ("83", "85", "86", "87", "89") if len(prefixes) > 1 else ("88",) * 5
    return choose(
        irish, join(pick(abroad, number % 5), padded((number // 5 + 1) * multiplier % _IRISH_PRIME, 7)), british
    )


def _cards(number: np.ndarray) -> pa.Array:
    """Loyalty card numbers of 13 digits, the last a Luhn check digit."""
    body = 6_301_00000000 + (number + 1) * 32_452_843 % _CARD_PRIME
    digits = body[:, None] // 10 ** np.arange(12) % 10
    doubled = digits[:, 0::2] * 2
    total = (doubled - 9 * (doubled > 9)).sum(axis=1) + digits[:, 1::2].sum(axis=1)
    return text(body * 10 + (10 - total % 10) % 10)


def _tenure(rng: np.random.Generator, world: World, count: int) -> tuple[np.ndarray, np.ndarray]:
    """When a person came (70 % before the first day) and left: lifetimes are exponential and differ in mean, so some
    lapse unseen.
    """
    days = world.days
    late = rng.random(count) < 0.30
    came = days.begins + np.where(late, rng.random(count) ** 1.1 * days.count * DAY, 0).astype(np.int64)
    lifetime = rng.exponential(rng.gamma(2.0, 450, count))
    return came, np.minimum(came + np.maximum(20, lifetime).astype(np.int64) * DAY, days.ends)


def _habits(rng: np.random.Generator, age: np.ndarray) -> np.ndarray:
    lean = np.stack([1.4 + 0.018 * (age - 45), 1.1 - 0.006 * (age - 45), 0.45 - 0.014 * (age - 45)], axis=1)
    weight = np.maximum(lean, 0.08) * rng.gamma(0.9, 1.0, (len(age), 3))
    return weight / weight.sum(axis=1, keepdims=True)


def _stores(rng: np.random.Generator, world: World, city: np.ndarray, irish: np.ndarray) -> np.ndarray:
    """A store of the person's town, else the nearest in the country; and any other in the country."""
    position = np.array([(c.latitude, c.longitude) for c in world.cities])
    abroad = np.array([c.country == "IE" for c in world.cities])
    distance = np.linalg.norm(position[:, None] - position[None, world.store_city], axis=2)
    distance = np.where(abroad[:, None] == abroad[None, world.store_city], distance, 999.0)
    near = distance[city] + 0.01 * rng.random((len(city), len(world.store_city)))
    home = near.argmin(axis=1)
    elsewhere = rng.random(near.shape) * (abroad[world.store_city][None] == irish[:, None])
    return np.stack([home, elsewhere.argmax(axis=1)], axis=1)


def _sizes(rng: np.random.Generator, sex: np.ndarray) -> np.ndarray:
    build = rng.normal(0, 1, len(sex))
    top = 1.9 + 0.7 * sex + 1.05 * build + rng.normal(0, 0.35, len(sex))
    bottom = 2.2 + 1.4 * sex + 1.3 * build + rng.normal(0, 0.5, len(sex))
    shoe = 2.6 + 4.2 * sex + 0.5 * build + rng.normal(0, 1.1, len(sex))
    scales = np.stack([np.zeros(len(sex)), top, bottom, shoe], axis=1)
    return np.clip(np.round(scales), 0, [len(scale) - 1 for scale in SIZES]).astype(np.int64)


def _tastes(
    rng: np.random.Generator, world: World, sex: np.ndarray, age: np.ndarray, size: np.ndarray, count: int
) -> Tastes:
    lean = np.ones((count, len(OCCASIONS)))
    for column, occasion in enumerate(OCCASIONS):
        lean[:, column] *= np.where(sex == 1, occasion.men, occasion.women)
        lean[:, column] *= np.where(size > 1, occasion.family, 1.0) * np.where(age < 36, occasion.young, 1.0)
    mixture = [rng.gamma(0.16 * lean / lean.mean(axis=1, keepdims=True)) + 1e-4 for _ in range(2)]
    mixture = [m / m.sum(axis=1, keepdims=True) for m in mixture]
    turned = rng.random(count) < 0.15
    return Tastes(
        mixture=mixture[0],
        later_mixture=np.where(turned[:, None], mixture[1], mixture[0]),
        shift_day=world.days.first + rng.integers(0, world.days.count, count),
        brand=rng.gamma(0.2, 4.0, (count, len(BRANDS))),
        style=rng.gamma(0.35, 2.4, (count, len(STYLES))),
        sensitivity=rng.gamma(2.0, 1.1, count),
        budget=rng.normal(0, 0.42, count),
        sex=sex,
    )
