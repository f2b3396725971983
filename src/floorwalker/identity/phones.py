"""Phone numbers: E.164, or nothing.

In: a number as written and the country it was written in. Out: `+` and digits, None for invalid, premium and dummy
numbers.

>>> phone_key("(020) 7946 0018", "GB")
'+442079460018'
>>> phone_key("0000000000", "GB") is None
True

The verdict is always that of `phonenumbers`. It takes about 80 µs a number, so two shortcuts stand before it, both
with a proof: formatting characters are dropped (its parser drops the same ones), and a number that fits the country's
own fixed or mobile pattern, and no costlier one, is accepted by the patterns alone. What the shortcut cannot accept
goes the long way: it never refuses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType

_DECORATED = re.compile(r"\+?[0-9][0-9 ()./\-]*|\([0-9][0-9 ()./\-]*")
_DECORATION = re.compile(r"[ ()./\-]+")
_DUMMY = re.compile(r".*(?:(\d)\1{6,}|01234567|12345678|87654321|98765432).*")
_REFUSED_TYPES = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)
_TRUNK = re.compile(r"([0-9])(?:\|[1-9][0-9]+)?")
"""Trunk prefixes of one digit; beside it there may be a longer one that begins otherwise (Britain: 0|180020)."""


class _Patterns(NamedTuple):
    general: re.Pattern[str]
    personal: tuple[tuple[re.Pattern[str], frozenset[int]], ...]
    other: tuple[re.Pattern[str], ...]
    trunk: str
    abroad: re.Pattern[str] | None
    parsing: re.Pattern[str] | None


@lru_cache(maxsize=512)
def _patterns(region: str) -> _Patterns | None:
    """The country's patterns where the shortcut's proof holds: it is the main country of its calling code."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.country_code is None or metadata.leading_digits is not None:
        return None
    general = metadata.general_desc
    if general is None or general.national_number_pattern is None:
        return None
    if phonenumbers.region_code_for_country_code(metadata.country_code) != region:
        return None
    fixed, mobile = metadata.fixed_line, metadata.mobile
    others = (
        metadata.premium_rate, metadata.toll_free, metadata.shared_cost, metadata.voip, metadata.personal_number,
        metadata.pager, metadata.uan, metadata.voicemail,
    )  # fmt: skip
    possible = frozenset(general.possible_length)
    prefix = metadata.national_prefix_for_parsing
    simple = _TRUNK.fullmatch(prefix or "") if metadata.national_prefix_transform_rule is None else None
    return _Patterns(
        general=re.compile(general.national_number_pattern),
        personal=tuple(
            (re.compile(one.national_number_pattern), frozenset(one.possible_length) or possible)
            for one in (fixed, mobile)
            if one is not None and one.national_number_pattern
        ),
        other=tuple(re.compile(one.national_number_pattern) for one in others if one and one.national_number_pattern),
        trunk=simple[1] if simple else "",
        abroad=re.compile(metadata.international_prefix) if metadata.international_prefix else None,
        parsing=re.compile(prefix) if prefix else None,
    )


def _fits(national: str, patterns: _Patterns) -> bool:
    return (
        patterns.general.fullmatch(national) is not None
        and any(len(national) in lengths and one.fullmatch(national) for one, lengths in patterns.personal)
        and not any(one.fullmatch(national) for one in patterns.other)
    )


def _shortcut(digits: str, region: str) -> str | None:
    """E.164 when the patterns alone prove it, else None: undecided."""
    if digits[0] == "+":
        code = next(
            (digits[1:n] for n in (2, 3, 4) if int(digits[1:n] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), ""
        )
        if not code or digits[1] == "0":
            return None
        patterns = _patterns(phonenumbers.region_code_for_country_code(int(code)))
        national = digits[1 + len(code) :]
        if patterns is None or not national:
            return None
        if patterns.trunk == "0" and national[0] == "0":
            # +44 (0)20 …: the trunk digit is dropped there too.
            national = national[1:]
        elif patterns.parsing and patterns.parsing.match(national):
            return None
    else:
        patterns = _patterns(region)
        # Only numbers that begin with the trunk digit: others may begin with the country's own calling code.
        if patterns is None or not patterns.trunk or digits[0] != patterns.trunk or patterns.trunk != "0":
            return None
        if patterns.abroad and patterns.abroad.match(digits):
            return None
        national, code = digits[1:], str(phonenumbers.country_code_for_region(region))
    if not national or national[0] == "0" or not _fits(national, patterns):
        return None
    return f"+{code}{national}"


def parse_e164(value: str, region: str) -> str | None:
    """E.164 by `phonenumbers` alone: valid, and of a type that a person can have; extensions are dropped."""
    try:
        number = phonenumbers.parse(value, region or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) in _REFUSED_TYPES:
        return None
    number.extension = None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_key(value: str, region: str = "") -> str | None:
    """E.164 of a person's number, or None. `region`: ISO country of numbers without country code; empty: refuse
    those."""
    text = value.strip()
    if not text or len(text) > 40:
        return None
    if _DECORATED.fullmatch(text):
        text = _DECORATION.sub("", text)
        if _DUMMY.fullmatch(text):
            return None
        found = _shortcut(text, region) or parse_e164(text, region)
    else:
        found = parse_e164(text, region)
    return None if found is None or _DUMMY.fullmatch(found) else found


@lru_cache(maxsize=4096)
def region_of(market: str, default: str = "") -> str:
    """The ISO country that a market's name is, else `default`.

    >>> region_of("uk"), region_of("emea", "DE")
    ('GB', 'DE')
    """
    name = market.strip().upper()
    name = "GB" if name == "UK" else name
    return name if name in phonenumbers.SUPPORTED_REGIONS else default
