"""Raw values to keys: the one definition that batch and live share.

In: one value as a source wrote it. Out: its key, or None where it is absent, invalid or names nobody.

>>> normaliser = Normaliser(IdentitySettings(default_region="GB"))
>>> normaliser.email("Ann+x@gmail.com"), normaliser.phone("020 7946 0018"), normaliser.loyalty_id(" AB-12 345 ")
('ann@gmail.com', '+442079460018', 'ab12345')
>>> normaliser.account_id("NULL") is None and normaliser.device_id("00000000-0000-0000-0000-000000000000") is None
True
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

from floorwalker.errors import ConfigError
from floorwalker.identity import emails, names, phones
from floorwalker.identity.letters import visible
from floorwalker.identity.settings import IdentitySettings

_NOBODY_WORDS = """
null none nan nil n/a na #n/a undefined anonymous anon unknown unbekannt onbekend inconnu test tester guest gast
-1 0 - . ? true false default dummy example (null) [null] <null> xxx tbd missing empty notprovided noname
{{user_id}} ${user_id} system admin cash walk-in walkin
"""
_NOBODY = frozenset(_NOBODY_WORDS.split())
_ZEROS = re.compile(r"[0\-\s]*")
_NOT_WORD = re.compile(r"[^\w]+|_+")
_STREETS = {
    "street": "st", "str": "st", "strasse": "st", "straat": "st", "road": "rd", "avenue": "ave", "av": "ave",
   
    "lane": "ln", "drive": "dr", "close": "cl", "court": "ct", "place": "pl", "square": "sq", "boulevard": "blvd",
    "bd": "blvd",
    "terrace": "ter", "gardens": "gdns", "crescent": "cres", "apartment": "apt", "flat": "apt", "unit": "apt",
    "rue": "r", "no": "", "nr": "",
}  # fmt: skip
_GLUED_STREET = re.compile(r"(\w{3,})(?:strasse|straat|str)")
_EARLIEST_BIRTH = 1900


def is_blocked(value: str) -> bool:
    """A value that names nobody: blanks, zeros and dashes, `null`, `anonymous`, `test`, one character repeated.

    >>> [is_blocked(text) for text in ("-1", "0000-000", "Anonymous", "n/a", "aaaa", "a12")]
    [True, True, True, True, True, False]
    """
    text = value.strip().casefold()
    if text in _NOBODY:
        return True
    # What the first characters rule out needs no closer look.
    first = text[:1]
    if first in "0-" and _ZEROS.fullmatch(text):
        return True
    return len(text) > 3 and text[1] == first and text.count(first) == len(text)


def postcode_key(value: str) -> str | None:
    """Letters and digits in upper case.

    >>> postcode_key(" sw1a 1aa")
    'SW1A1AA'
    """
    if is_blocked(value):
        return None
    return "".join(c for c in unicodedata.normalize("NFKC", value).upper() if c.isalnum()) or None


def address_key(value: str) -> str | None:
    """Words without marks and punctuation, with one spelling for kinds of street; None without a house number.

    >>> address_key("Flat 2, 10 High Street"), address_key("Hauptstraße 5"), address_key("Haupt Str. 5")
    ('apt 2 10 high st', 'haupt st 5', 'haupt st 5')
    """
    words = []
    for word in _NOT_WORD.split(names.transliterate(value)):
        glued = _GLUED_STREET.fullmatch(word)
        words += [glued[1], "st"] if glued else [_STREETS.get(word, word)]
    text = " ".join(word for word in words if word)
    # A street alone is a neighbourhood, not a household.
    return text if any(c.isdigit() for c in text) and len(text) > 3 else None


def birth_date_key(value: dt.date) -> dt.date | None:
    """The date, unless it is a form's default (1 January) or before 1900."""
    return None if (value.month, value.day) == (1, 1) or value.year < _EARLIEST_BIRTH else value


class Normaliser:
    """The pure functions above with a shop's settings bound. Holds no state beside them."""

    def __init__(self, settings: IdentitySettings | None = None) -> None:
        settings = settings or IdentitySettings()
        self.settings = settings
        try:
            self._blocked = [re.compile(pattern, re.IGNORECASE) for pattern in settings.blocked_patterns]
        except re.error as error:
            raise ConfigError(
                "a pattern in identity.blocked_patterns is not a regular expression",
                why=str(error),
                fix="correct the pattern",
            ) from error
        self._kiosks = frozenset(visible(device).strip().casefold() for device in settings.kiosk_devices)
        self._listed: frozenset[str] = frozenset()
        self._own = frozenset(domain.lower() for domain in settings.own_email_domains)
        spelled = (self.email, self.phone, self.loyalty_id, self.account_id, self.cookie_id)
        keys = (key(value) for value in settings.blocked_values for key in spelled)
        self._listed = frozenset(key for key in keys if key)

    def _unlisted(self, key: str | None) -> str | None:
        """A key, unless the shop has listed its value as one that names nobody."""
        return None if key in self._listed else key

    def _said(self, value: str) -> str | None:
        """What can be seen of a value; None if it names nobody."""
        text = visible(value).strip()
        if is_blocked(text):
            return None
        return None if self._blocked and any(pattern.fullmatch(text) for pattern in self._blocked) else text

    def region(self, market: str, country: str = "") -> str:
        """ISO country in which a number was written: the person's if the record names one, else the market's; '' if
        unknown."""
        return (
            phones.region_of(country)
            or self.settings.regions.get(market)
            or phones.region_of(market, self.settings.default_region)
        )

    def email(self, value: str) -> str | None:
        text = self._said(value)
        return None if text is None else self._unlisted(emails.email_key(text, self._own))

    def phone(self, value: str, region: str | None = None) -> str | None:
        text = self._said(value)
        if text is None:
            return None
        return self._unlisted(phones.phone_key(text, self.settings.default_region if region is None else region))

    def loyalty_id(self, value: str) -> str | None:
        """Cards are read aloud and typed: case, spaces and dashes mean nothing."""
        text = self._said(value)
        return None if text is None else self._unlisted(re.sub(r"[\s\-]+", "", text).casefold() or None)

    def account_id(self, value: str) -> str | None:
        text = self._said(value)
        return None if text is None else self._unlisted(text.casefold())

    def customer_ref(self, value: str) -> str | None:
        text = self._said(value)
        return None if text is None else self._unlisted(text.casefold())

    def device_id(self, value: str) -> str | None:
        text = self._said(value)
        key = None if text is None else self._unlisted(text.casefold())
        return None if key in self._kiosks else key

    def cookie_id(self, value: str) -> str | None:
        """Case is kept: many cookie ids are base 64."""
        return self._unlisted(self._said(value))

    def given_name(self, value: str) -> str | None:
        text = self._said(value)
        return None if text is None else names.given_name_key(text)

    def family_name(self, value: str) -> str | None:
        text = self._said(value)
        return None if text is None else names.family_name_key(text)
