"""A private population with a known truth: five sources, the missing fields and errors of identity research, section 5.

In: how many records, a seed. Out: silver.identity_records as Arrow, and the person of each record.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random

import pyarrow as pa

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in (
            "record_id", "source", "market", "customer_ref", "account_id", "loyalty_id", "email", "phone", "device_id",
            "cookie_id", "fingerprint", "given_name", "family_name",
        )),
        ("birth_date", pa.date32()),
        *((name, pa.string()) for name in ("gender", "address", "postcode", "city", "country")),
        ("first_seen", pa.timestamp("us", "UTC")),
        ("last_seen", pa.timestamp("us", "UTC")),
        ("rows", pa.int64()),
    ]
)  # fmt: skip

EPOCH = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_GIVEN_WORDS = (
    "john mary william elizabeth thomas ann george sarah james jane charles margaret henry alice robert emily joseph "
    "emma edward ellen richard martha alfred eliza samuel harriet arthur edith frederick florence david catherine "
    "peter "
    "susan daniel jessica mark laura paul rachel andrew helen simon julia kevin nina oscar olivia liam grace noah "
    "chloe "
    "lucas mia ethan zoe adam iris hugo nora felix ruth leo vera max wendy ivan yvonne quentin ursula"
)
GIVEN = _GIVEN_WORDS.split()
NICK = {
    "william": "bill", "robert": "bob", "elizabeth": "liz", "margaret": "peggy", "richard": "dick", "edward": "ted",
    "thomas": "tom", "james": "jim", "charles": "charlie", "daniel": "dan", "catherine": "kate", "samuel": "sam",
    "andrew": "drew", "joseph": "joe", "susan": "sue", "jessica": "jess", "henry": "hank", "mary": "polly",
}  # fmt: skip
_ONSETS = "b br c ch d f g gr h j k l m n p r s st t tr v w"
_RIMES = "all and arth ell enn er ick ing ock olt ood ow ull urn ash ent"
_END = ["", "son", "ton", "ley", "man", "er", "ford", "s", "well", "by", "more", "field"]
SURNAMES = sorted({o + r + e for o in _ONSETS.split() for r in _RIMES.split() for e in _END})
SOURCES = ("pos", "ecom", "app", "loyalty", "partner")
SHARE = (0.25, 0.30, 0.20, 0.15, 0.10)
# Missing by source in the order of SOURCES.
MISSING = {
    "name": (0.45, 0.03, 0.15, 0.02, 0.10), "birth": (0.97, 0.75, 0.60, 0.15, 0.55),
    "email": (0.70, 0.02, 0.05, 0.15, 0.30),
    "phone": (0.55, 0.25, 0.35, 0.10, 0.35), "address": (0.90, 0.08, 0.70, 0.10, 0.30),
    "loyalty": (0.45, 0.70, 0.45, 0.0, 0.60),
}  # fmt: skip
STREETS = [
    "High Street",
    "Mill Lane",
    "Station Road",
    "Church Road",
    "Park Avenue",
    "Green Lane",
    "Queen Street",
    "The Close",
]


def record(record_id: str, **fields: object) -> dict[str, object]:
    """One row of silver.identity_records with what matters filled in."""
    row: dict[str, object] = dict.fromkeys(SCHEMA.names)
    row |= {
        "record_id": record_id,
        "source": "shop",
        "market": "GB",
        "first_seen": EPOCH,
        "last_seen": EPOCH,
        "rows": 1,
    }
    return row | fields


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _typo(rng: random.Random, text: str) -> str:
    at = rng.randrange(1, len(text)) if len(text) > 1 else 0
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return rng.choice((text[:at] + text[at + 1 :], text[:at] + letter + text[at:], text[:at] + letter + text[at + 1 :]))


def _phone(rng: random.Random) -> str:
    return "7" + rng.choice("4578") + "".join(rng.choice("0123456789") for _ in range(8))


def _write_phone(rng: random.Random, digits: str) -> str:
    return rng.choice(("0" + digits, "+44" + digits, f"0{digits[:4]} {digits[4:]}", f"+44 {digits[:4]}-{digits[4:]}"))


class _Person:
    def __init__(self, rng: random.Random, number: int, home: dict[str, object]) -> None:
        self.number = number
        self.given = rng.choices(GIVEN, _GIVEN_WEIGHT)[0]
        self.family = home["family"] if rng.random() < 0.75 else rng.choices(SURNAMES, _FAMILY_WEIGHT)[0]
        self.maiden = rng.choice(SURNAMES)
        self.birth = dt.date(1940, 1, 1) + dt.timedelta(days=rng.randrange(366 * 66))
        self.home = home
        self.moved = (f"{rng.randrange(1, 200)} {rng.choice(STREETS)}", _postcode(rng))
        self.phone = _phone(rng)
        self.loyalty = f"L{number:09d}" if rng.random() < 0.6 else None
        self.emails = [
            f"{self.given}.{self.family}{number % 9973}@{d}"
            for d in rng.sample(("gmail.com", "outlook.com", "mail.co.uk"), 2)
        ]
        if rng.random() > 0.18:
            self.emails.pop()


def _postcode(rng: random.Random) -> str:
    return (
        f"{rng.choice('BLMSN')}{rng.randrange(1, 30)} {rng.randrange(1, 9)}{rng.choice('ABDEFG')}{rng.choice('HJLNPQ')}"
    )


_GIVEN_WEIGHT = [1 / (n + 3) for n in range(len(GIVEN))]
_FAMILY_WEIGHT = [1 / (n + 30) for n in range(len(SURNAMES))]


def people(rng: random.Random, count: int) -> list[_Person]:
    made: list[_Person] = []
    while len(made) < count:
        home = {
            "family": rng.choices(SURNAMES, _FAMILY_WEIGHT)[0],
            "address": f"{rng.randrange(1, 200)} {rng.choice(STREETS)}",
            "postcode": _postcode(rng),
            "phone": _phone(rng),
        }
        for _ in range(rng.choices((1, 2, 3, 4), (0.55, 0.27, 0.11, 0.07))[0]):
            made.append(_Person(rng, len(made), home))
    return made[:count]


def _name(rng: random.Random, person: _Person) -> tuple[str, str]:
    given, family = person.given, person.family
    chance = rng.random()
    if chance < 0.06:
        given = NICK.get(given, given)
    elif chance < 0.10:
        given = given[0] + "."
    elif chance < 0.14:
        given = _typo(rng, given)
    if rng.random() < 0.04:
        family = person.maiden
    if rng.random() < 0.05:
        family = _typo(rng, family)
    if rng.random() < 0.01:
        given, family = family, given
    return given.title(), family.title()


def _birth(rng: random.Random, birth: dt.date) -> dt.date:
    chance = rng.random()
    if chance < 0.03:
        return dt.date(birth.year, 1, 1)
    if chance < 0.06 and birth.day <= 12:
        return dt.date(birth.year, birth.day, birth.month)
    if chance < 0.09:
        return birth.replace(year=birth.year + rng.choice((-10, 10, 1, -1)), day=min(birth.day, 28))
    return birth


def _email(rng: random.Random, person: _Person) -> str:
    if rng.random() < 0.015:
        return rng.choice(("store12@shopdesk.co.uk", "noemail@shop.com", "till@shop.com", "front@shopdesk.co.uk"))
    email = rng.choice(person.emails)
    if rng.random() < 0.06 and "gmail" in email:
        email = email.replace("@", f"+{rng.choice(('shop', 'news'))}@")
    if rng.random() < 0.04:
        email = _typo(rng, email)
    return email.upper() if rng.random() < 0.04 else email


def _row(rng: random.Random, person: _Person, number: int, source: int) -> dict[str, object]:
    has = {field: rng.random() >= shares[source] for field, shares in MISSING.items()}
    given, family = _name(rng, person) if has["name"] else (None, None)
    phone = None
    if has["phone"]:
        digits = person.home["phone"] if rng.random() < 0.18 else person.phone
        phone = _write_phone(rng, str(digits))
        if rng.random() < 0.015:
            phone = rng.choice(("0000000000", "07999999999", "0123456789", "020 7946 0000"))
    address = (person.home["address"], person.home["postcode"]) if rng.random() > 0.12 else person.moved
    first = EPOCH + dt.timedelta(minutes=rng.randrange(500_000))
    return record(
        hashlib.md5(f"{number}".encode()).hexdigest(),
        source=SOURCES[source],
        loyalty_id=person.loyalty if has["loyalty"] else None,
        email=_email(rng, person) if has["email"] else None,
        phone=phone,
        given_name=given,
        family_name=family,
        birth_date=_birth(rng, person.birth) if has["birth"] else None,
        address=address[0] if has["address"] else None,
        postcode=address[1] if has["address"] else None,
        first_seen=first,
        last_seen=first + dt.timedelta(days=rng.randrange(30)),
    )


def population(records: int, seed: int = 1) -> tuple[pa.Table, pa.Table]:
    """(silver.identity_records, truth: record_id, person_id) of about `records` records, 3.2 per person."""
    rng = random.Random(seed)
    crowd = people(rng, max(2, int(records / 3.2)))
    weights = [40.0 / 3.2 if rng.random() < 0.002 else rng.gammavariate(8, 1 / 8) for _ in crowd]
    tables, owners = [], []
    done = 0
    while done < records:
        size = min(50_000, records - done)
        chosen = rng.choices(crowd, weights, k=size)
        tables.append(table([_row(rng, p, done + n, rng.choices(range(5), SHARE)[0]) for n, p in enumerate(chosen)]))
        owners += [f"p{p.number}" for p in chosen]
        done += size
    whole = pa.concat_tables(tables).combine_chunks()
    return whole, pa.table({"record_id": whole["record_id"], "person_id": pa.array(owners)})
