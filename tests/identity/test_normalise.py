"""Values to keys: one spelling per mailbox, number, name and date; nobody's values have none."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.errors import ConfigError
from floorwalker.identity import emails, names, normalise, phones
from floorwalker.identity.normalise import Normaliser
from floorwalker.identity.settings import IdentitySettings


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (" Ann@Shop.CO.uk ", "ann@shop.co.uk"),
        ("a.n.n+x@gmail.com", "ann@gmail.com"),
        ("ANN@googlemail.com", "ann@gmail.com"),
        ("ann+x@hotmail.co.uk", "ann@hotmail.co.uk"),
        ("ann-x@yahoo.fr", "ann@yahoo.fr"),
        ("ann-x@shop.fr", "ann-x@shop.fr"),
        ("ann+x@shop.fr", "ann+x@shop.fr"),
        ("Ann Lee <ann@lee.com>", "ann@lee.com"),
        ("mailto:ann@lee.com", "ann@lee.com"),
        ("jürgen@müller.de", "jürgen@xn--mller-kva.de"),
        ("ju\u0308rgen@müller.de", "jürgen@xn--mller-kva.de"),
        ("ann@lee", None),
        ("ann@@lee.com", None),
        ("ann..b@lee.com", None),
        ("ann lee@lee.com", None),
        ("@lee.com", None),
        ("info@lee.com", None),
        ("No-Reply+7@lee.com", None),
        ("000@lee.com", None),
        ("xxxx@lee.com", None),
        ("ann@" + "a" * 64 + ".com", None),
        ("ann@ü.", None),
        ("", None),
        ("null", None),
    ],
)
def test_emails(raw: str, key: str | None) -> None:
    assert Normaliser().email(raw) == key


def test_an_address_of_the_shop_itself_names_nobody() -> None:
    normaliser = Normaliser(IdentitySettings(own_email_domains=("OurShop.com",)))
    assert normaliser.email("till7@ourshop.com") is None
    assert normaliser.email("ann@shop.com") == "ann@shop.com"


@pytest.mark.parametrize(
    ("raw", "region", "key"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("(020) 7946-0018", "GB", "+442079460018"),
        ("+44 (0)20 7946 0018", "FR", "+442079460018"),
        ("0044 20 7946 0018", "GB", "+442079460018"),
        ("+447400918273", "", "+447400918273"),
        ("07400 918273 ext. 9", "GB", "+447400918273"),
        ("202-456-1414", "US", "+12024561414"),
        ("06 12 34 56 79", "FR", "+33612345679"),
        ("+39 06 6982 0011", "IT", "+390669820011"),
        ("07400 123456", "", None),
        ("0900 1234", "NL", None),
        ("09067 123123", "GB", None),
        ("0000000000", "GB", None),
        ("07999999999", "GB", None),
        ("0123456789", "GB", None),
        ("020 1234 5678", "GB", None),
        ("12", "GB", None),
        ("call me", "GB", None),
        ("+", "GB", None),
        ("", "GB", None),
    ],
)
def test_phones(raw: str, region: str, key: str | None) -> None:
    assert Normaliser().phone(raw, region) == key


@given(
    st.sampled_from(
        [
            "GB",
            "US",
            "DE",
            "FR",
            "NL",
            "IT",
            "ES",
            "BR",
            "IN",
            "AU",
            "PL",
            "SE",
            "CH",
            "AT",
            "BE",
            "CA",
            "RU",
            "KZ",
            "GG",
            "NO",
            "JP",
            "AR",
            "MX",
            "HU",
            "SG",
        ]
    ),
    st.sampled_from(
        [
            "",
            "0",
            "00",
            "+",
            "+44",
            "+49",
            "+31",
            "+1",
            "+39",
            "+440",
            "+7",
            "0044",
            "8",
            "06",
            "011",
            "180020",
            "+44180020",
        ]
    ),
    st.text("0123456789", min_size=4, max_size=12),
)
def test_the_shortcut_never_differs_from_phonenumbers(region: str, prefix: str, digits: str) -> None:
    short = phones._shortcut(prefix + digits, region)
    assert short is None or short == phones.parse_e164(prefix + digits, region)


@given(st.from_regex(r"\+?[0-9][0-9 ()./\-]{5,16}", fullmatch=True), st.sampled_from(["GB", "US", "DE"]))
def test_decoration_means_nothing_to_phonenumbers(text: str, region: str) -> None:
    bare = phones._DECORATION.sub("", text)
    assert phones.parse_e164(text, region) == phones.parse_e164(bare, region)


@pytest.mark.parametrize("region", ["GB", "DE", "FR", "NL", "ES", "SE"])
def test_the_shortcut_takes_a_countrys_ordinary_mobile(region: str) -> None:
    example = phones.phonenumbers.example_number_for_type(region, phones.PhoneNumberType.MOBILE)
    written = phones.phonenumbers.format_number(example, phones.phonenumbers.PhoneNumberFormat.E164)
    assert phones._shortcut(written, "") == written
    if region in ("GB", "DE", "FR", "NL", "SE"):
        assert phones._shortcut(f"0{example.national_number}", region) == written
        assert phones._shortcut(written.replace(f"+{example.country_code}", f"+{example.country_code}0"), "") == written


def test_markets_name_their_country() -> None:
    normaliser = Normaliser(IdentitySettings(default_region="DE", regions={"north": "SE"}))
    assert [normaliser.region(market) for market in ("uk", "GB", "north", "emea", "")] == ["GB", "GB", "SE", "DE", "DE"]
    assert normaliser.region("uk", "IE") == "IE"
    assert normaliser.region("uk", "United Kingdom") == "GB"


@pytest.mark.parametrize(
    "raw", ["", " ", "-1", "0", "0000-0000", "NULL", "None", "nan", "N/A", "Anonymous", "test", "-", "1111"]
)
def test_blocked_values_have_no_key(raw: str) -> None:
    normaliser = Normaliser()
    for field in ("email", "phone", "loyalty_id", "account_id", "customer_ref", "device_id", "cookie_id", "given_name"):
        assert getattr(normaliser, field)(raw) is None, field


def test_a_shops_own_patterns_are_blocked_too() -> None:
    normaliser = Normaliser(IdentitySettings(blocked_patterns=("STAFF-.*",)))
    assert normaliser.loyalty_id("staff-77") is None
    assert normaliser.loyalty_id("card 77") == "card77"
    with pytest.raises(ConfigError, match="blocked_patterns"):
        Normaliser(IdentitySettings(blocked_patterns=("(",)))


def test_cookies_keep_their_case_and_devices_do_not() -> None:
    assert Normaliser().cookie_id(" aB ") == "aB"
    assert Normaliser().device_id(" AB-c ") == "ab-c"


def test_names() -> None:
    assert names.given_name_key("Mr. Bob J.") == "robert"
    assert names.initial_key("Bill") == names.initial_key("William") == "w"
    assert names.family_name_key("O’Néill") == names.family_name_key("ONEILL") == "oneill"
    assert names.family_name_key("Müller-Lüdenscheidt") == "mullerludenscheidt"
    assert names.given_name_key("Ἀθηνᾶ") == "athina"
    assert names.given_name_key("美咲") == "美咲"
    assert names.given_name_key("Mr") == "mr"
    assert names.given_name_key("123") is None
    # Fullwidth letters and ligatures are the letters they look like.
    assert names.family_name_key("Ｓｍｉｔｈ") == "smith"


def test_birth_dates_of_forms_do_not_count() -> None:
    assert normalise.birth_date_key(dt.date(1980, 1, 1)) is None
    assert normalise.birth_date_key(dt.date(1899, 5, 6)) is None
    assert normalise.birth_date_key(dt.date(1980, 1, 2)) == dt.date(1980, 1, 2)


def test_addresses_need_a_house() -> None:
    assert normalise.address_key("High Street") is None
    assert normalise.address_key("10, High Str.") == normalise.address_key("10 HIGH STREET") == "10 high st"
    assert normalise.postcode_key("nl-1011 ab") == "NL1011AB"


@given(st.text(max_size=30))
def test_keys_are_fixed_points_or_nothing(text: str) -> None:
    for function in (emails.email_key, names.family_name_key, normalise.postcode_key):
        key = function(text)
        assert key is None or function(key) in (key, None), text
