"""The noise profile is frozen, and the records that are made show it."""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from floorwalker.sources.simulator.catalogue import make_world
from floorwalker.sources.simulator.days import Days
from floorwalker.sources.simulator.noise import RESEARCH_HARD, SOURCES
from floorwalker.sources.simulator.people import People, make_people
from floorwalker.sources.simulator.records import DUMMY_PHONES, STORE_EMAILS, Records, make_records, nicknames
from floorwalker.sources.simulator.wording import take

# The table of the research, copied: whoever changes RESEARCH_HARD must change this too, and say why accuracy bars still
# mean the same.
TABLE = {
    "sources": (0.25, 0.30, 0.20, 0.15, 0.10),
    "records_per_person": 3.2,
    "heavy_users": 0.002,
    "heavy_user_records": 25.0,
    "persons_per_household": 1.7,
    "same_surname": 0.75,
    "household_phone": 0.18,
    "loyalty_holders": 0.60,
    "missing_name": (0.45, 0.03, 0.15, 0.02, 0.10),
    "missing_birth_date": (0.97, 0.75, 0.60, 0.15, 0.55),
    "missing_email": (0.70, 0.02, 0.05, 0.15, 0.30),
    "missing_phone": (0.55, 0.25, 0.35, 0.10, 0.35),
    "missing_address": (0.90, 0.08, 0.70, 0.10, 0.30),
    "missing_loyalty": (0.45, 0.70, 0.45, 0.00, 0.60),
    "nickname": 0.06,
    "initial": 0.04,
    "given_name_typo": 0.04,
    "family_name_typo": 0.05,
    "names_swapped": 0.01,
    "maiden_name": 0.04,
    "moved": 0.12,
    "birth_date_default": 0.03,
    "birth_date_swapped": 0.03,
    "birth_date_digit": 0.03,
    "second_email": 0.18,
    "email_typo": 0.04,
    "email_tag": 0.06,
    "email_upper_case": 0.04,
    "store_email": 0.015,
    "dummy_phone": 0.015,
    "phone_formats": 4,
}
PEOPLE = 16_000


def test_the_profile_is_the_table() -> None:
    profile = dataclasses.asdict(RESEARCH_HARD)
    assert {name: tuple(v) if isinstance(v, tuple) else v for name, v in profile.items()} == TABLE
    with pytest.raises(dataclasses.FrozenInstanceError):
        RESEARCH_HARD.nickname = 0.0  # type: ignore[misc]


@pytest.fixture(scope="module")
def made() -> tuple[People, Records]:
    world = make_world(3, Days(date(2026, 6, 30), 90), products=200, stores=10)
    people = make_people(np.random.default_rng(7), world, RESEARCH_HARD, 0, PEOPLE, 1.0)
    return people, make_records(np.random.default_rng(8), people, RESEARCH_HARD, [1] * len(SOURCES))


def near(measured: float, expected: float, rows: int) -> bool:
    """Within 4.5 standard errors and a thousandth."""
    return abs(measured - expected) < 4.5 * (max(expected, 0.001) * (1 - expected) / rows) ** 0.5 + 0.001


def share(mask: pa.Array) -> tuple[float, int]:
    values = mask.drop_null().to_numpy(zero_copy_only=False)
    return float(values.mean()), len(values)


def test_people_and_households(made: tuple[People, Records]) -> None:
    people, records = made
    homes = len(np.unique(people.household))
    assert abs(PEOPLE / homes - 1.7) < 0.04
    assert abs(len(records.person) / PEOPLE - 3.2) < 0.1
    assert near(float(people.loyalty_id.is_valid().to_numpy(zero_copy_only=False).mean()), 0.60, PEOPLE)
    assert near(float((np.bincount(records.person) > 13).mean()), 0.002, PEOPLE)
    others = np.flatnonzero(people.number != people.household)
    same = pc.equal(take(people.family_name, others), take(people.family_name, people.first_member[others]))
    assert 0.74 < share(same)[0] < 0.77
    assert pc.all(pc.equal(people.address, take(people.address, people.first_member))).as_py()


def test_sources_and_missing_values(made: tuple[People, Records]) -> None:
    people, records = made
    for place, expected in enumerate(RESEARCH_HARD.sources):
        rows = records.source == place
        assert near(float(rows.mean()), expected, len(rows))
        fields = {
            "missing_name": records.family_name,
            "missing_birth_date": records.birth_date,
            "missing_email": records.email,
            "missing_phone": records.phone,
            "missing_address": records.postcode,
        }
        for name, column in fields.items():
            missing = column.filter(pa.array(rows)).is_null().to_numpy(zero_copy_only=False)
            assert near(float(missing.mean()), getattr(RESEARCH_HARD, name)[place], len(missing)), (name, place)
        holds = rows & take(people.loyalty_id, records.person).is_valid().to_numpy(zero_copy_only=False)
        missing = records.loyalty_id.filter(pa.array(holds)).is_null().to_numpy(zero_copy_only=False)
        assert near(float(missing.mean()), RESEARCH_HARD.missing_loyalty[place], len(missing))


def test_name_errors(made: tuple[People, Records]) -> None:
    people, records = made
    given = records.given_name.to_pylist()
    family = records.family_name.to_pylist()
    true_given = take(people.given_name, records.person).to_pylist()
    true_family = take(people.family_name, records.person).to_pylist()
    maiden = take(people.maiden_name, records.person).to_pylist()
    rows = [r for r in zip(given, family, true_given, true_family, maiden, strict=True) if r[0] is not None]
    swapped = sum(1 for g, f, tg, tf, m in rows if (f == tg and g != tg) or (g in (tf, m) and g != tg))
    straight = [r for r in rows if not (r[0] in (r[3], r[4]) and r[0] != r[2])]
    nick = sum(1 for g, _, tg, _, _ in straight if g in nicknames().get(tg, ()))
    initial = sum(1 for g, *_ in straight if len(g) == 1)
    wrong = sum(1 for g, _, tg, _, _ in straight if g != tg and len(g) > 1 and g not in nicknames().get(tg, ()))
    by_maiden = sum(1 for _, f, _, tf, m in straight if f == m and f != tf)
    family_wrong = sum(1 for _, f, _, tf, m in straight if f not in (tf, m))
    count = len(rows)
    assert near(swapped / count, 0.01, count)
    assert near(nick / count, 0.06, count)
    assert near(initial / count, 0.04, count)
    assert abs(wrong / count - 0.04) < 0.005
    assert abs(by_maiden / count - 0.04) < 0.005
    assert abs(family_wrong / count - 0.05) < 0.005


def test_other_errors(made: tuple[People, Records]) -> None:
    people, records = made
    moved, count = share(pc.equal(records.postcode, take(people.old_postcode, records.person)))
    assert near(moved, 0.12, count)
    born = records.birth_date
    truth = pa.array(people.born[records.person].astype("datetime64[D]").astype(str))
    january = pc.and_(pc.ends_with(born, "-01-01"), pc.not_equal(born, truth))
    assert near(share(january)[0], 0.03, share(january)[1])
    assert near(1 - share(pc.equal(born, truth))[0], 0.09, share(january)[1])
    turned = [
        b[5:7] == t[8:] and b[8:] == t[5:7] and b != t and b[:4] == t[:4]
        for b, t in zip(born.to_pylist(), truth.to_pylist(), strict=True)
        if b is not None
    ]
    assert near(float(np.mean(turned)), 0.03, len(turned))
    email = records.email.drop_null()
    assert near(share(pc.is_in(email, pa.array(STORE_EMAILS)))[0], 0.015, len(email))
    assert near(share(pc.match_substring(email, "+"))[0], 0.06, len(email))
    assert near(share(pc.match_substring_regex(email, "[A-Z]"))[0], 0.04, len(email))
    plain = pc.utf8_lower(pc.replace_substring_regex(records.email, r"\+\w+@", "@"))
    first, other = (pc.equal(plain, take(e, records.person)) for e in (people.email, people.other_email))
    assert near(share(other)[0], 0.18 * (1 - 0.055), share(other)[1])
    assert near(1 - share(pc.or_(first, other))[0], 0.055, share(other)[1])


def test_telephones(made: tuple[People, Records]) -> None:
    people, records = made
    phone = records.phone.drop_null()
    assert near(share(pc.is_in(phone, pa.array(DUMMY_PHONES)))[0], 0.015, len(phone))
    rows = np.flatnonzero(records.phone.is_valid().to_numpy(zero_copy_only=False))
    house, forms = 0, set()
    for row in rows[:4000]:
        person = int(records.person[row])
        text = records.phone[int(row)].as_py()
        if text in DUMMY_PHONES:
            continue
        number = phonenumbers.parse(text, "IE" if people.irish[person] else "GB")
        assert phonenumbers.is_valid_number(number), text
        house += str(number.national_number) == people.household_phone[person].as_py()
        forms.add(text[:2] + str(" " in text) + str("(" in text) + str(people.irish[person]))
    assert near(house / 4000, 0.18 * 0.985, 4000)
    assert len(forms) >= 8


def test_identifiers_do_not_repeat(made: tuple[People, Records]) -> None:
    people, records = made
    for column in (people.email, people.other_email, people.loyalty_id.drop_null()):
        assert pc.count_distinct(column).as_py() == len(column)
    refs = pa.array([f"{s}{r}" for s, r in zip(records.source, records.ref.to_pylist(), strict=True)])
    assert pc.count_distinct(refs).as_py() == len(refs)
    british = people.phone.filter(pa.array(~people.irish))
    assert pc.count_distinct(british).as_py() == len(british)
    card = people.loyalty_id.drop_null()[0].as_py()
    digits = [int(d) for d in card[::-1]]
    assert sum(digits[0::2] + [sum(divmod(2 * d, 10)) for d in digits[1::2]]) % 10 == 0
