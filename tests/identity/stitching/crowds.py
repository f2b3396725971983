"""Random crowds, dense in what makes stitching hard, for a run and the live stitcher alike.

In: a random generator. Out: records of many small worlds that share no value: families on one card, mailbox and phone,
values of shops and tills, kiosks, visits, limits reached, birth dates and names at odds, names exchanged.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random

from tests.identity.population import EPOCH, record

from floorwalker.identity.settings import IdentitySettings, Limit, Limits

DEFAULT = IdentitySettings(probable=False, default_region="GB")
TIGHT = IdentitySettings(
    probable=False, default_region="GB", cluster_records=6, hub_names=5, shared_device_people=2,
    limits=Limits(email=2, phone=2, account_id=2, customer_ref=3, device_id=2, cookie_id=2),
)  # fmt: skip
DATED = IdentitySettings(
    probable=False, default_region="GB", shared_device_people=2, priority=("phone", "email"),
    limits=Limits(
        email=Limit(1, days=12), phone=Limit(1, days=5), account_id=Limit(2, days=20), loyalty_id=Limit(1, days=9),
        device_id=Limit(1, days=6), cookie_id=Limit(2, days=8),
    ),
)  # fmt: skip
"""Limits with days, and other kinds believed first."""
SCHEMES = {"email": ["sha256(lower(trim(email)))", "md5(normalise(email))"], "loyalty_id": ["sha1(card)"]}
GIVEN = ("Ann", "Bob", "A.", "Lee", "Anna", "Robert", "Zoe")
FAMILY = ("Lee", "Bee", "Ann", "Moss")
BORN = (dt.date(1980, 3, 4), dt.date(1980, 4, 3), dt.date(1951, 12, 27))


def crowd(rng: random.Random, worlds: int = 20, most: int = 16) -> list[dict[str, object]]:
    """Records in no order."""
    rows = []
    for world in range(worlds):
        # In some worlds many know one value, in some few know many.
        wealth = rng.choice((1, 2, 4))
        own: dict[str, list[str]] = {
            "loyalty_id": [f"card{n}" for n in range(min(wealth, 2))],
            "account_id": [f"a{n}" for n in range(wealth + 1)],
            "customer_ref": ["1", "2"],
            "email": [f"u{n}@lee.com" for n in range(wealth + 1)],
            "address": ["1 High Street"],
        }
        devices: dict[str, list[str]] = {
            "device_id": [f"d{n}" for n in range(wealth)], "cookie_id": [f"c{n}" for n in range(wealth + 2)],
        }  # fmt: skip
        silence = rng.choice((0.2, 0.5, 0.8))
        for number in range(rng.randrange(2, most)):
            visit = rng.random() < 0.3
            fields = devices if visit else own | (devices if rng.random() < 0.4 else {})
            words: dict[str, object] = {
                field: f"{world}{rng.choice(values)}" for field, values in fields.items() if rng.random() > silence
            }
            if not visit:
                for field, values in (
                    ("given_name", GIVEN), ("family_name", FAMILY), ("birth_date", BORN),
                    ("postcode", [f"B{world} 1A"]), ("phone", [f"07400 91{world:03d}{n}" for n in range(wealth)]),
                ):  # fmt: skip
                    if rng.random() > silence:
                        words[field] = rng.choice(values)
            first = EPOCH + dt.timedelta(days=rng.randrange(40))
            rows.append(
                record(
                    f"w{world:02d}r{rng.randrange(1000):03d}{number:02d}",
                    source=rng.choice(("shop", "till")),
                    first_seen=first,
                    last_seen=first + dt.timedelta(days=rng.choice((0, 0, 5))),
                    **words,
                )
            )
    rng.shuffle(rows)
    return rows


def hidden(rng: random.Random, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """The same records, many of which come hashed."""
    made = []
    for row in rows:
        new = dict(row)
        if row["email"] and rng.random() < 0.5:
            scheme = rng.choice(SCHEMES["email"])
            digest = hashlib.new(scheme.partition("(")[0], str(row["email"]).encode())
            new["email"] = f"hash:{scheme}:{digest.hexdigest()}"
        elif row["email"] and rng.random() < 0.3:
            new["email"] = f" {row['email']}".upper()
        if row["loyalty_id"] and rng.random() < 0.3:
            new["loyalty_id"] = f"hash:sha1(card):{hashlib.sha1(str(row['loyalty_id']).encode()).hexdigest()}"
        made.append(new)
    return made
