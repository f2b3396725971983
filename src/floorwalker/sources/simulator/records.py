"""What the five record-keeping systems know about the people of a chunk: about three records a person, each wrong in
its own way.

In: a random stream, `People`, the noise profile, running numbers per source. Out: `Records`, one row per customer
record, in no order that tells who belongs together. A share in the profile is a share of the records that have the
field; where an error is possible only for some (a nickname needs one), it is made likelier there, so that the share
over all records is the profile's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from floorwalker.sources.simulator.days import DAY
from floorwalker.sources.simulator.noise import SOURCES, NoiseProfile
from floorwalker.sources.simulator.people import GIVEN_NAMES, People
from floorwalker.sources.simulator.wording import (
    choose,
    hide,
    join,
    mistyped,
    padded,
    pick,
    replace,
    take,
    text,
    words,
    zipf,
)

STORE_EMAILS = (
    "noemail@demoshop.example",
    "till@demoshop.example",
    "none@none.example",
    "info@demoshop.example",
    "a@a.example",
)
DUMMY_PHONES = ("00000000000", "07000000000", "07777777777", "01234567890", "07123456789")
_PREFIX = ("T", "SH", "AP", "LM", "PX")
_GMAIL = 0.50
_EARLY_DAY = 11 * 12 / 365.25


@dataclass(frozen=True)
class Records:
    person: np.ndarray
    """Row of the person in the chunk."""
    source: np.ndarray
    """Position in `noise.SOURCES`."""
    ref: pa.Array
    since: np.ndarray
    """Local second of registration; may lie before the simulation."""
    given_name: pa.Array
    family_name: pa.Array
    birth_date: pa.Array
    email: pa.Array
    phone: pa.Array
    address: pa.Array
    postcode: pa.Array
    city: pa.Array
    loyalty_id: pa.Array
    reachable: np.ndarray
    """Whether mail to the e-mail address arrives at the person."""
    starts: np.ndarray
    """(people × sources + 1): rows `order[starts[i]:starts[i + 1]]` are person i // 5 in source i % 5."""
    order: np.ndarray

    def some(self, rng: np.random.Generator, person: np.ndarray, source: int) -> np.ndarray:
        """For each person one of the records in a source, mostly the first; −1 where there is none."""
        slot = person * len(SOURCES) + source
        count = self.starts[slot + 1] - self.starts[slot]
        offset = (rng.random(len(person)) ** 2 * count).astype(np.int64)
        at = np.minimum(self.starts[slot] + offset, max(0, len(self.order) - 1))
        return np.where(count > 0, self.order[at] if len(self.order) else -1, -1)

    def has(self, source: int) -> np.ndarray:
        """Whether each person of the chunk has a record in a source."""
        slots = np.arange((len(self.starts) - 1) // len(SOURCES)) * len(SOURCES) + source
        return self.starts[slots + 1] > self.starts[slots]


def make_records(rng: np.random.Generator, people: People, noise: NoiseProfile, numbers: list[int]) -> Records:
    """The chunk's customer records. `numbers` holds the next running number of each source and is moved on."""
    heavy = rng.random(people.count) < noise.heavy_users
    usual = (noise.records_per_person - noise.heavy_users * noise.heavy_user_records) / (1 - noise.heavy_users)
    count = rng.poisson(np.where(heavy, noise.heavy_user_records, usual))
    person = rng.permutation(np.repeat(np.arange(people.count), count))
    source = _sources(rng, people, person, noise)
    rows = len(person)
    ref = _references(source, numbers)
    missing = lambda rates: rng.random(rows) < np.array(rates)[source]  # noqa: E731
    given, family = _names(rng, people, person, noise)
    nameless = missing(noise.missing_name)
    email, reachable = _emails(rng, people, person, noise)
    moved = rng.random(rows) < noise.moved
    addressless = missing(noise.missing_address)
    towns = _town_names()
    city = np.where(moved, people.old_city[person], people.city[person])
    phoneless, emailless, dateless = (
        missing(r) for r in (noise.missing_phone, noise.missing_email, noise.missing_birth_date)
    )
    slot = person * len(SOURCES) + source
    return Records(
        person=person,
        source=source,
        ref=ref,
        since=people.came[person]
        - (rng.exponential(420, rows) * (people.came[person] % DAY == 0)).astype(np.int64) * DAY
        - rng.integers(0, DAY // 2, rows),
        given_name=hide(given, nameless),
        family_name=hide(family, nameless),
        birth_date=hide(_birth_dates(rng, people.born[person], noise), dateless),
        email=hide(email, emailless),
        phone=hide(_phones(rng, people, person, noise), phoneless),
        address=hide(choose(moved, take(people.old_address, person), take(people.address, person)), addressless),
        postcode=hide(choose(moved, take(people.old_postcode, person), take(people.postcode, person)), addressless),
        city=hide(pick(towns, city), addressless),
        loyalty_id=hide(take(people.loyalty_id, person), missing(noise.missing_loyalty)),
        reachable=reachable & ~emailless,
        starts=np.concatenate([[0], np.cumsum(np.bincount(slot, minlength=people.count * len(SOURCES)))]),
        order=np.argsort(slot, kind="stable"),
    )


def _town_names() -> tuple[str, ...]:
    return tuple(line.split("|")[0] for line in words("cities"))


def _sources(rng: np.random.Generator, people: People, person: np.ndarray, noise: NoiseProfile) -> np.ndarray:
    """A source each: the loyalty programme knows card holders only, the shares over all records are the profile's."""
    shares = np.array(noise.sources)
    card = SOURCES.index("loyalty")
    others = np.delete(shares, card) / (1 - shares[card])
    in_programme = min(1.0, shares[card] / noise.loyalty_holders)
    holder = people.loyalty_id.is_valid().to_numpy(zero_copy_only=False)[person]
    source = rng.choice(np.delete(np.arange(len(shares)), card), len(person), p=others)
    return np.where(holder & (rng.random(len(person)) < in_programme), card, source)


def _references(source: np.ndarray, numbers: list[int]) -> pa.Array:
    running = np.zeros(len(source), np.int64)
    for position in range(len(SOURCES)):
        rows = source == position
        running[rows] = numbers[position] + np.arange(int(rows.sum()))
        numbers[position] += int(rows.sum())
    return join(pick(_PREFIX, source), padded(running, 7))


@cache
def nicknames() -> dict[str, tuple[str, ...]]:
    return {line.split()[0]: tuple(line.split()[1:]) for line in words("nicknames")}


@cache
def nickname_share() -> float:
    """Share of people whose given name has a nickname."""
    shares = np.diff(zipf(GIVEN_NAMES, 0.75), prepend=0.0)
    known = [np.array([n in nicknames() for n in words(w)[:GIVEN_NAMES]]) for w in ("given_women", "given_men")]
    return float((shares @ known[0] + shares @ known[1]) / 2)


def _names(
    rng: np.random.Generator, people: People, person: np.ndarray, noise: NoiseProfile
) -> tuple[pa.Array, pa.Array]:
    rows = len(person)
    given, family = take(people.given_name, person), take(people.family_name, person)
    maiden = (people.sex[person] == 0) & (rng.random(rows) < noise.maiden_name / 0.5)
    family = choose(maiden, take(people.maiden_name, person), family)
    chance = rng.random(rows)
    short, typo = chance < noise.initial, (chance >= noise.initial) & (chance < noise.initial + noise.given_name_typo)
    known = pc.is_in(given, pa.array(list(nicknames()), pa.string())).to_numpy(zero_copy_only=False)
    rest = 1 - noise.initial - noise.given_name_typo
    nick = known & ~short & ~typo & (rng.random(rows) < noise.nickname / nickname_share() / rest)
    names = [nicknames()[name] for name in given.filter(pa.array(nick)).to_pylist()]
    given = replace(given, nick, [n[int(rng.integers(0, len(n)))] for n in names])
    given = choose(short, pc.utf8_slice_codeunits(given, 0, 1), given)
    given = replace(given, typo, [mistyped(rng, n, 1) for n in given.filter(pa.array(typo)).to_pylist()])
    slip = rng.random(rows) < noise.family_name_typo
    family = replace(family, slip, [mistyped(rng, n, 1) for n in family.filter(pa.array(slip)).to_pylist()])
    swap = rng.random(rows) < noise.names_swapped
    return choose(swap, family, given), choose(swap, given, family)


def _birth_dates(rng: np.random.Generator, born: np.ndarray, noise: NoiseProfile) -> pa.Array:
    """ISO dates; some are 1 January (of the year, 1900 or 1970), some have day and month swapped, some a wrong last
    digit of the year.
    """
    date = born.astype("datetime64[D]")
    year = date.astype("datetime64[Y]").astype(np.int64) + 1970
    month = date.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (date - date.astype("datetime64[M]")).astype(np.int64) + 1
    chance = rng.random(len(born))
    digit = chance < noise.birth_date_digit
    default = ~digit & (chance < noise.birth_date_digit + noise.birth_date_default)
    early = (day <= 12) & (day != month)
    rest = 1 - noise.birth_date_digit - noise.birth_date_default
    swap = early & ~digit & ~default & (rng.random(len(born)) < noise.birth_date_swapped / _EARLY_DAY / rest)
    year = np.where(digit, year // 10 * 10 + (year + rng.integers(1, 10, len(born))) % 10, year)
    day = np.where(digit & (month == 2), np.minimum(day, 28), day)
    blank = rng.integers(0, 3, len(born))
    year = np.where(default, np.choose(blank, [year, 1900, 1970]), year)
    month, day = np.where(swap, day, month), np.where(swap, month, day)
    return join(text(year), "-", padded(np.where(default, 1, month), 2), "-", padded(np.where(default, 1, day), 2))


def _emails(
    rng: np.random.Generator, people: People, person: np.ndarray, noise: NoiseProfile
) -> tuple[pa.Array, np.ndarray]:
    rows = len(person)
    second = rng.random(rows) < noise.second_email
    email = choose(second, take(people.other_email, person), take(people.email, person))
    bounds = np.cumsum([noise.store_email, noise.email_typo, noise.email_upper_case])
    kind = np.searchsorted(bounds, rng.random(rows), side="right")
    typo = kind == 1
    email = replace(email, typo, [mistyped(rng, e, 0, e.index("@")) for e in email.filter(pa.array(typo)).to_pylist()])
    email = choose(kind == 2, pc.utf8_upper(email), email)
    gmail = pc.ends_with(email, "@gmail.com").to_numpy(zero_copy_only=False)
    tag = (kind == 3) & gmail & (rng.random(rows) < noise.email_tag / _GMAIL / (1 - bounds[-1]))
    tags = pick(("+shop", "+news", "+orders", "+offers"), rng.integers(0, 4, rows))
    email = choose(tag, join(pc.replace_substring(email, "@gmail.com", ""), tags, "@gmail.com"), email)
    email = choose(kind == 0, pick(STORE_EMAILS, rng.integers(0, len(STORE_EMAILS), rows)), email)
    return email, kind >= 2


def _phones(rng: np.random.Generator, people: People, person: np.ndarray, noise: NoiseProfile) -> pa.Array:
    rows = len(person)
    house = rng.random(rows) < noise.household_phone
    digits = choose(house, take(people.household_phone, person), take(people.phone, person))
    irish = people.irish[person]
    code = pick(("+44", "+353"), irish.astype(np.int64))
    start = choose(irish, pc.utf8_slice_codeunits(digits, 0, 2), pc.utf8_slice_codeunits(digits, 0, 4))
    end = choose(irish, pc.utf8_slice_codeunits(digits, 2), pc.utf8_slice_codeunits(digits, 4))
    forms = [
        join("0", digits),
        join("0", start, " ", end),
        join(code, digits),
        join(code, " (0)", start, " ", end),
    ][: noise.phone_formats]
    form = rng.integers(0, len(forms), rows)
    phone = forms[0]
    for number in range(1, len(forms)):
        phone = choose(form == number, forms[number], phone)
    dummy = rng.random(rows) < noise.dummy_phone
    return choose(dummy, pick(DUMMY_PHONES, rng.integers(0, len(DUMMY_PHONES), rows)), phone)
