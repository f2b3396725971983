"""The golden record: what wins and why, against a plain reading of the rule; what never wins; and where it stands."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.population import EPOCH
from tests.profiles.golden import FIELDS, choose, said

from floorwalker.identity.golden import ATTRIBUTES, CRITERIA
from floorwalker.identity.names import family_name_key, given_name_key
from floorwalker.identity.settings import GoldenSettings

PARTS = {"name": ("given_name", "family_name"), "address": ("address", "postcode", "city", "country")}
WORDS = {"verified": "verified", "source": "source rank", "recency": "newest", "completeness": "most complete",
         "frequency": "most records"}  # fmt: skip
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
OFTEN = settings(max_examples=25, deadline=None, suppress_health_check=CHECKS)
SELDOM = settings(max_examples=12, deadline=None, suppress_health_check=CHECKS)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden")


def values(chosen: dict, *attributes: str, customer: str = "c") -> tuple:
    return tuple(chosen.get((customer, name), {}).get("value") for name in attributes)


@pytest.mark.parametrize(
    ("reason", "better", "worse"),
    [
        ("verified", {"source": "desk"}, {"source": "crm", "day": 9}),
        ("source rank", {"source": "crm"}, {"source": "till", "day": 9}),
        ("source rank", {"source": "till"}, {"source": "nobody", "day": 9}),
        ("newest", {"source": "a", "day": 1}, {"source": "b", "day": 0, "city": "Leeds", "gender": "f"}),
        ("most complete", {"gender": "f"}, {}),
    ],
)
def test_the_first_criterion_that_differs_decides(folder: Path, reason: str, better: dict, worse: dict) -> None:
    policy = GoldenSettings(sources=("crm", "till"), verified_sources=("desk",))
    found = choose(folder, [said("r1", language="en", **better), said("r2", language="de", **worse)], policy)
    row = found["c", "language"]
    assert (row["value"], row["record_id"], row["reason"], row["alternatives"]) == ("en", "r1", reason, 1)


def test_what_most_records_say_wins_where_the_order_says_so(folder: Path) -> None:
    records = [said("r1", phone="020 7946 0018"), said("r2", phone="+44 (0)20 7946 0018"),
               said("r3", day=5, phone="0161 496 0000")]  # fmt: skip
    found = choose(folder, records)["c", "phone"]
    assert (found["key"], found["records"], found["reason"]) == ("+442079460018", 2, "most records")
    newest = choose(folder, records, GoldenSettings(phone=("recency",)))["c", "phone"]
    assert (newest["key"], newest["records"], newest["reason"]) == ("+441614960000", 1, "newest")


def test_equal_in_everything_the_smaller_record_wins_and_says_so(folder: Path) -> None:
    found = choose(folder, [said("r2", language="de"), said("r1", language="en")])["c", "language"]
    assert (found["value"], found["reason"]) == ("en", "tie")
    alone = choose(folder, [said("r2", language="de"), said("r1", language="DE")])["c", "language"]
    assert (alone["reason"], alone["alternatives"], alone["records"]) == ("only value", 0, 2)


def test_a_placeholder_never_wins_over_a_value(folder: Path) -> None:
    full = said("r1", given_name="Ann", family_name="Lee", birth_date=dt.date(1980, 5, 6), address="1 High St",
                postcode="E1 1AA", city="Leeds", gender="female")  # fmt: skip
    poor = [
        said(f"p{day}", day=day, source="desk", given_name="A.", family_name="Lee", birth_date=dt.date(1980, 1, 1),
             postcode="E1 1AB", country="UK", gender="Unknown")
        for day in range(1, 4)
    ]  # fmt: skip
    found = choose(folder, [full, *poor], GoldenSettings(sources=("desk",), verified_sources=("desk",)))
    assert {row["record_id"] for row in found.values() if row["part_of"] != "market"} == {"r1"}
    assert {row["reason"] for row in found.values()} == {"better formed", "only value"}
    assert values(found, "given_name", "birth_date", "postcode", "city", "country", "gender") == (
        "Ann", "1980-05-06", "E1 1AA", "Leeds", None, "female",
    )  # fmt: skip
    # and where there is nothing better it is better than nothing
    alone = choose(folder, poor)
    assert values(alone, "given_name", "birth_date", "postcode", "country", "gender") == (
        "A.", "1980-01-01", "E1 1AB", "UK", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "hash:sha256(email):" + "a" * 64},
        {"email": "noreply@x.org"},
        {"phone": "0000000000"},
        {"given_name": "n/a", "family_name": "test"},
        {"birth_date": dt.date(1899, 12, 31)},
        {"birth_date": EPOCH.date() + dt.timedelta(1)},  # after the record was written
        {"city": "unknown"},
        {"language": "und"},
    ],
)
def test_what_names_nobody_is_nobodys_value(folder: Path, fields: dict[str, Any]) -> None:
    assert choose(folder, [said("r1", **fields)]) == {}


def test_a_hub_is_nobodys_value_and_a_clear_spelling_stands_for_its_hash(folder: Path) -> None:
    till = [said(f"r{n}", email="till@shop.com") for n in range(3)]
    own = said("own", day=-9, email="Ann@Shop.com ")
    found = choose(folder, [*till, own], hubs=("till@shop.com",))["c", "email"]
    assert (found["record_id"], found["value"], found["alternatives"]) == ("own", "Ann@Shop.com ", 0)
    token = "hash:md5(lower(trim(email))):" + __import__("hashlib").md5(b"ann@shop.com").hexdigest()
    found = choose(folder, [said("h", day=9, email=token), own])["c", "email"]
    assert (found["record_id"], found["key"]) == ("own", "ann@shop.com")


def test_the_country_of_an_order_is_no_address_but_stands_in_for_one(folder: Path) -> None:
    home = said("r1", address="1 High St", postcode="E1 1AA", country="UK")
    orders = [said(f"o{day}", day=day, country="IE") for day in range(1, 4)]
    found = choose(folder, [home, *orders])["c", "country"]
    assert (found["value"], found["reason"], found["alternatives"]) == ("UK", "only value", 0)
    found = choose(folder, [*orders, said("o9", day=9, country="FR")])["c", "country"]
    assert (found["value"], found["reason"], found["alternatives"]) == ("FR", "newest", 1)


# -- any records -----------------------------------------------------------------------------------------------

one_of = st.sampled_from
person = st.fixed_dictionaries(
    {
        "day": st.integers(0, 4),
        "source": one_of(["crm", "till", "shop"]),
        "customer": one_of(["c", "d"]),
        "given_name": one_of([None, "Ann", "Anne", "A", "Bob", "Robert", "n/a"]),
        "family_name": one_of([None, "Lee", "LEE", "Stone"]),
        "birth_date": one_of(
            [None, *(dt.date(*day) for day in ((1980, 1, 1), (1980, 5, 6), (1981, 5, 6), (1890, 2, 2)))]
        ),
        "gender": one_of([None, "f", "F", "m", "unknown"]),
        "address": one_of([None, "1 High Street", "1 high st", "The Manor", "2 Low Rd"]),
        "postcode": one_of([None, "E1 1AA", "e11aa", "M1 1AA"]),
        "city": one_of([None, "Leeds", "York"]),
        "country": one_of([None, "UK", "IE"]),
        "language": one_of([None, "en", "de"]),
        "market": one_of(["UK", "IE"]),
        "email": one_of([None, "ann@x.org", "ANN@x.org", "a@gmail.com", "a+1@gmail.com", "hub@x.org", "noreply@x.org"]),
        "phone": one_of([None, "020 7946 0018", "+442079460018", "0161 496 0000"]),
        "loyalty_id": one_of([None, "L-1", "l1", "L2"]),
    }
)
people = st.lists(person, min_size=1, max_size=9).map(
    lambda rows: [said(f"r{number}", **row) for number, row in enumerate(rows)]
)
orders = st.lists(one_of(CRITERIA), min_size=1, unique=True).map(tuple)
policies = st.builds(
    GoldenSettings,
    sources=one_of([(), ("till",), ("till", "crm")]),
    verified_sources=one_of([(), ("crm",)]),
    order=orders,
    **{name: st.just(()) for name in ATTRIBUTES},
)


@OFTEN
@given(people, policies)
def test_the_winner_is_what_a_plain_reading_of_the_rule_gives_and_stands_in_its_record(
    folder: Path, records: list, policy: GoldenSettings
):
    found = choose(folder, records, policy, hubs=("hub@x.org",))
    for customer in ("c", "d"):
        for attribute in ("name", "birth_date", "gender", "address", "language", "email", "loyalty_id"):
            own = [row for row in records if row["customer"] == customer]
            record, reason, alternatives = plainly(own, attribute, policy)
            parts = [found[customer, part] for part in PARTS.get(attribute, (attribute,)) if (customer, part) in found]
            assert bool(parts) == (record is not None), (attribute, parts)
            for row in parts:
                assert (row["record_id"], row["reason"], row["alternatives"]) == (record, reason, alternatives), row
    by_id = {row["record_id"]: row for row in records}
    for (customer, attribute), row in found.items():
        record = by_id[row["record_id"]]
        assert record["customer"] == customer
        assert (row["value"], row["source"], row["last_seen"]) == (
            str(record[attribute]), record["source"], record["last_seen"],
        )  # fmt: skip
        assert row["part_of"] in (attribute, *(part for part, names in PARTS.items() if attribute in names))


@SELDOM
@given(people, policies, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(folder: Path, records: list, policy: GoldenSettings, random: Any):
    found = choose(folder, records, policy)
    random.shuffle(records)
    assert choose(folder, records, policy) == found


@SELDOM
@given(people, policies)
def test_an_older_worse_record_never_changes_the_winner(folder: Path, records: list, policy: GoldenSettings):
    # one record per attribute, that says nothing else: less complete it cannot be
    least: dict[str, Any] = {
        "given_name": "Q", "birth_date": dt.date(1950, 1, 1), "country": "ZZ", "gender": "x", "language": "zz",
        "market": "ZZ", "email": "z@z.org", "phone": "+442079460999", "loyalty_id": "ZZ",
    }  # fmt: skip
    worse = [
        said(f"z{customer}{name}", customer, day=-99, source="nobody", **{name: value})
        for customer in ("c", "d")
        for name, value in least.items()
    ]
    before, after = choose(folder, records, policy), choose(folder, [*records, *worse], policy)
    for key, row in before.items():
        assert (after[key]["value"], after[key]["record_id"]) == (row["value"], row["record_id"]), key


# -- the rule once more, one record at a time ------------------------------------------------------------------


def offer(row: dict[str, Any], attribute: str) -> tuple[int, str] | None:
    """(flaw, what it says) of one record; None: it says nothing on the attribute."""
    if attribute == "name":
        given = given_name_key(row["given_name"]) if row["given_name"] not in (None, "n/a") else None
        family = family_name_key(row["family_name"]) if row["family_name"] else None
        if not given and not family:
            return None
        return (3 if not family else 2 if not given else int(len(given) == 1)), f"{given}|{family}"
    if attribute == "address":
        return place(row)
    value = row[attribute]
    if value is None or value in ("unknown", "hub@x.org", "noreply@x.org"):
        return None
    if attribute == "birth_date":
        return None if value.year < 1900 else (int((value.month, value.day) == (1, 1)), str(value))
    text = str(value).lower()
    return 0, {"a+1@gmail.com": "a@gmail.com", "l-1": "l1"}.get(text, text)


def place(row: dict[str, Any]) -> tuple[int, str] | None:
    street, code = row["address"], row["postcode"]
    street = street and street.lower().replace("street", "st")
    code = code and code.upper().replace(" ", "")
    if street and code:
        return (0 if street[0].isdigit() else 1), f"{street}|{code}"
    if street or code:
        return (2 if code else 3), f"{street}|{code}"
    if row["city"] or row["country"]:
        return (4 if row["city"] else 9), f"{row['city']}|{row['country']}"
    return None


def filled(row: dict[str, Any]) -> int:
    nothing = {"given_name": "n/a", "gender": "unknown"}
    return sum(row[name] is not None and row[name] != nothing.get(name) for name in FIELDS if name != "market")


def plainly(rows: list[dict[str, Any]], attribute: str, policy: GoldenSettings) -> tuple[str | None, str, int]:
    """(record that wins, why, other values)."""
    said_by: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for row in rows:
        told = offer(row, attribute)
        if told:
            said_by.setdefault(told[1], []).append((told[0], row))
    ranked = sorted(
        min(
            (flaw, *(mark(row, criterion, len(who), policy) for criterion in policy.order), row["record_id"])
            for flaw, row in who
        )
        for who in said_by.values()
    )
    if not ranked:
        return None, "", 0
    proper = [one for one in ranked if one[0] < 9] or ranked
    best = proper[0]
    if len(proper) == 1:
        return best[-1], "only value", 0
    differ = [a != b for a, b in zip(best[:-1], proper[1][:-1], strict=True)]
    first = differ.index(True) if True in differ else None
    reason = "tie" if first is None else "better formed" if first == 0 else WORDS[policy.order[first - 1]]
    return best[-1], reason, len(proper) - 1


def mark(row: dict[str, Any], criterion: str, records: int, policy: GoldenSettings) -> float:
    """How well a record stands in a criterion, smaller is better."""
    if criterion == "verified":
        return int(row["source"] not in policy.verified_sources)
    if criterion == "source":
        return policy.sources.index(row["source"]) if row["source"] in policy.sources else 99
    if criterion == "recency":
        return -row["last_seen"].timestamp()
    return -filled(row) if criterion == "completeness" else -records
