"""What shops, forms and people do to identifiers, through the real steps with the default settings: who is together,
who is not, and that nothing grows with the square of a crowd."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.identity.conftest import Identify, Outcome
from tests.identity.population import EPOCH, record

from floorwalker.identity import quarantine
from floorwalker.identity.settings import IdentitySettings

GIVEN = ["ann", "bob", "cid", "dora", "earl", "fay", "gus", "hope", "ike", "june", "kay", "lou", "max", "nora", "otto",
         "pam", "quin", "rosa", "sam", "tess"]  # fmt: skip
FAMILY = ["abbot", "birch", "cole", "drake", "egan", "frost", "grove", "hale", "irwin", "joyce"]
LATER = EPOCH + dt.timedelta(days=30)


def person(number: int, **fields: object) -> dict[str, object]:
    """The account of one of many people, each with a name, an address and a card of their own."""
    said = {
        "given_name": GIVEN[number % 20], "family_name": FAMILY[number // 20 % 10],
        "email": f"p{number}@lee.com", "loyalty_id": f"L{number:06}",
    }  # fmt: skip
    return record(f"p{number:05}", **(said | fields))


def pieces(found: Outcome) -> int:
    return found.rows("SELECT count(*) FROM silver.identity_evidence")[0][0]


def test_a_shared_kiosk_lends_its_visits_to_nobody(identify: Identify) -> None:
    customers = [person(n, device_id="kiosk") for n in range(6)]
    visits = [record(f"v{n:03}", device_id="kiosk", cookie_id=f"c{n}") for n in range(40)]
    found = identify([*customers, *visits])
    assert len(found.groups) == 46
    assert found.refusals() == {"shared device: more than 3 customers"}
    # One of them also has a phone, whose visits are hers as before.
    own = [person(0, device_id="phone0") | {"record_id": "own"}, record("visit", device_id="phone0")]
    again = identify([*customers, *visits, *own])
    assert again.together("p00000", "own", "visit") and not again.together("visit", "v000")


def test_a_till_tablet_that_the_shop_has_named_lends_nothing_even_to_its_only_customer(identify: Identify) -> None:
    rows = [person(0, device_id="TABLET-7"), *(record(f"v{n}", device_id="tablet-7", cookie_id="c") for n in range(3))]
    assert identify(rows).together("p00000", "v0", "v1", "v2")
    named = identify(rows, IdentitySettings(kiosk_devices=("tablet-7",)))
    assert named.groups == {frozenset({"p00000"}), frozenset({"v0", "v1", "v2"})}
    assert named.rows("SELECT count(*) FROM silver.customer_identifiers WHERE kind = 'device_id'") == [(0,)]


def test_values_that_the_shop_has_listed_name_nobody_however_they_are_written(identify: Identify) -> None:
    rows = [
        record("a", phone="020 7946 0018", given_name="Ann"),
        record("b", phone="+44 20 7946 0018", given_name="Ann"),
        record("c", email="Front@Desk.example", given_name="Ann"),
        record("d", email="front@desk.example", given_name="Ann"),
    ]
    assert len(identify(rows).groups) == 2
    listed = IdentitySettings(blocked_values=("020 7946 0018", "front@desk.example"), default_region="GB")
    assert len(identify(rows, listed).groups) == 4


def test_a_stores_address_on_every_receipt_joins_nobody_and_hides_nobody(identify: Identify) -> None:
    customers = [person(n) for n in range(60)]
    receipts = [person(n, email="norfolk@counter.com") | {"record_id": f"r{n:05}", "source": "till"} for n in range(60)]
    found = identify([*customers, *receipts])
    assert found.groups == {frozenset({f"p{n:05}", f"r{n:05}"}) for n in range(60)}
    assert found.refusals() == {"learned hub: more than 3 names"}
    # The same without a card, where nothing but the address is known: strangers stay strangers.
    bare = [record(f"r{n:05}", email="norfolk@counter.com", given_name=GIVEN[n % 20]) for n in range(60)]
    assert len(identify(bare).groups) == 60


@pytest.mark.parametrize(
    "dummy", ["0000000000", "1234567890", "0123456789", "07123456789", "07999999999", "1111111111"]
)
def test_dummy_phones_join_nobody(identify: Identify, dummy: str) -> None:
    found = identify([record(f"r{n}", phone=dummy, given_name="Ann", family_name="Lee") for n in range(3)])
    assert len(found.groups) == 3
    assert pieces(found) == 0


def test_twins_are_two(identify: Identify) -> None:
    home = {"family_name": "Lee", "birth_date": dt.date(1990, 5, 6), "address": "1 High Street", "postcode": "B1 1AA"}
    rows = [
        record("ann1", given_name="Ann", phone="07400 918273", **home),
        record("ann2", given_name="Ann", email="ann@lee.com", **home),
        record("eve1", given_name="Eve", phone="07400 918273", **home),
        record("eve2", given_name="Eve", email="eve@lee.com", **home),
        record("amy", given_name="Amy", phone="07400 918273", **home),
    ]
    # Amy and Ann share an initial as well: the phone alone would take them for one.
    assert identify(rows).groups == {frozenset({"ann1", "ann2"}), frozenset({"eve1", "eve2"}), frozenset({"amy"})}


def test_father_and_son_of_one_name_are_two(identify: Identify) -> None:
    home = {"given_name": "John", "family_name": "Lee", "address": "1 High Street", "postcode": "B1 1AA"}
    father, son = dt.date(1951, 5, 6), dt.date(1984, 11, 27)
    rows = [
        record("father1", birth_date=father, phone="07400 918273", **home),
        record("father2", birth_date=father, loyalty_id="1", **home),
        record("son1", birth_date=son, phone="07400 918273", **home),
        record("son2", birth_date=son, loyalty_id="2", **home),
    ]
    found = identify(rows)
    assert found.groups == {frozenset({"father1", "father2"}), frozenset({"son1", "son2"})}
    assert {"birth date"} <= found.refusals() <= {"birth date", "limit loyalty_id 1"}


def test_a_recycled_phone_number_has_two_owners(identify: Identify) -> None:
    then, now = EPOCH, EPOCH + dt.timedelta(days=700)
    rows = [
        record("old1", phone="07400 918273", given_name="Ann", family_name="Lee", first_seen=then, last_seen=then),
        record("old2", phone="07400 918273", given_name="Anna", family_name="Lee", first_seen=then, last_seen=then),
        record("new1", phone="07400 918273", given_name="Zoe", family_name="Fox", first_seen=now, last_seen=now),
        record("new2", phone="07400 918273", given_name="Zoe", family_name="Fox", email="z@fox.com", first_seen=now),
    ]
    assert identify(rows).groups == {frozenset({"old1", "old2"}), frozenset({"new1", "new2"})}
    # The same initial alone is no reason.
    alf = record("alf", phone="07400 918273", given_name="Alf", family_name="Ray", first_seen=now, last_seen=now)
    found = identify([*rows, alf])
    assert found.together("new1", "new2") and not found.together("old1", "alf") and not found.together("old2", "alf")


def test_a_married_name_is_the_same_person(identify: Identify) -> None:
    rows = [
        record("before", given_name="Ann", family_name="Lee", email="ann@lee.com", phone="07400 918273"),
        record("after", given_name="Ann", family_name="Fox", email="ann@lee.com", last_seen=LATER),
        record("card", given_name="Ann", family_name="Fox-Lee", phone="07400 918273", loyalty_id="7", last_seen=LATER),
        record("other", given_name="Ann", family_name="Fox", email="another@fox.com"),
    ]
    found = identify(rows)
    assert found.together("before", "after", "card")
    assert not found.together("before", "other")


@pytest.mark.parametrize("kind", ["account_id", "customer_ref", "email", "phone", "loyalty_id"])
def test_ten_thousand_records_on_one_id_cost_no_more_than_their_number(identify: Identify, kind: str) -> None:
    value = {"email": "norfolk@counter.com", "phone": "07400 918273"}.get(kind, "4711")
    mail = {} if kind == "email" else {"email": None}
    crowd = [
        record(
            f"r{n:05}",
            **({kind: value, "postcode": f"B{n % 90} {n // 90 % 9}AA", "address": f"{n} High Street"} | mail),
        )
        for n in range(10_000)
    ]
    found = identify(crowd)
    assert len(found.groups) == 10_000
    assert found.refusals() == {"learned hub: more than 30 records"}
    # A star, not pairs; and nothing of it is weighed by the model.
    assert pieces(found) <= 3 * 10_000
    assert found.rows("SELECT count(*) FROM silver.identity_pairs") == [(0,)]
    assert dict(found.rows("FROM silver.identity_summary"))["largest_customer"] == 1


def test_ten_thousand_visits_of_one_customer_are_one_customer(identify: Identify) -> None:
    """A robot on one account: one person by any evidence there is, and cheap."""
    found = identify([record(f"r{n:05}", account_id="bot", device_id=f"d{n // 10}") for n in range(10_000)])
    assert len(found.groups) == 1
    assert pieces(found) <= 2 * 10_000
    assert dict(found.rows("FROM silver.identity_summary"))["largest_customer.word_sets"] == 1


def test_letters_that_look_alike_neither_split_nor_join(identify: Identify) -> None:
    home = {"address": "1 High Street", "postcode": "B1 1AA", "birth_date": dt.date(1980, 3, 4)}
    rows = [
        record("carl", given_name="Carl", family_name="Maier", **home),
        record("carl2", given_name="Сarl", family_name="Маier", **home),
        record("carl3", given_name="Ca\u200brl", family_name="Ｍａｉｅｒ", **home),
        record("sergey", given_name="Сергей", family_name="Маер", **home),
        record("mail", email="carl@lee.com", given_name="Carl"),
        record("mail2", email="ｃａｒｌ@lee.com", given_name="Carl"),
        record("mail3", email="carl\u200b@lee.com", given_name="Carl"),
        # Another mailbox, and another domain, that only look the same.
        record("false", email="саrl@lee.com", given_name="Carl"),
        record("false2", email="carl@lеe.com", given_name="Carl"),
        record("number", loyalty_id="4711-22"),
        record("number2", loyalty_id="４７１１\u00ad２２"),
    ]
    assert identify(rows).groups == {
        frozenset({"carl", "carl2", "carl3"}), frozenset({"sergey"}), frozenset({"mail", "mail2", "mail3"}),
        frozenset({"false"}), frozenset({"false2"}), frozenset({"number", "number2"}),
    }  # fmt: skip


def test_blanks_in_all_their_forms_are_no_identifier(identify: Identify) -> None:
    blanks = ["", " ", "\t", "\u00a0", "\u200b", "n/a", "N/A", "null", "NULL", "None", "-", "--", "0", "undefined", "?"]
    kinds = ("email", "phone", "loyalty_id", "account_id", "customer_ref", "device_id", "cookie_id", "given_name",
             "family_name", "address", "postcode")  # fmt: skip
    rows = [record(f"{n:02}{side}", **dict.fromkeys(kinds, blank)) for n, blank in enumerate(blanks) for side in "ab"]
    found = identify(rows)
    assert len(found.groups) == len(rows)
    assert pieces(found) == 0
    assert dict(found.rows("FROM silver.identity_summary"))["records.without_identifier"] == len(rows)


def test_all_of_it_at_once_raises_no_storm(identify: Identify) -> None:
    """An ordinary second delivery with every trick in it: nobody is taken out, and the honest stay whole."""
    honest = [person(n) for n in range(80)]
    before = identify(honest)
    second = [person(n, source="web", email=f"p{n}@lee.com") | {"record_id": f"w{n:05}"} for n in range(80)]
    tricks = [
        *(person(n, email="norfolk@counter.com") | {"record_id": f"t{n:05}"} for n in range(80)),
        *(record(f"d{n:03}", phone="0000000000", email="n/a", given_name=GIVEN[n % 20]) for n in range(50)),
        *(record(f"k{n:03}", device_id="kiosk") for n in range(50)),
    ]
    after = identify([*honest, *second, *tricks], previous=before)
    assert quarantine.known(after.context.project) == []
    assert all(after.together(f"p{n:05}", f"w{n:05}", f"t{n:05}") for n in range(80))
    assert all(after.customer[one] == customer for one, customer in before.customer.items())
    assert max(len(group) for group in after.groups if not any(one[0] == "k" for one in group)) == 3
