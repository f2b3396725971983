"""What one record says, as the rules see it: keys, and the hashes that a run gives them.

In: a mapping of what a source wrote (email, phone, given_name, …, `market`, `source`, and, where known, `record_id`,
`seen` or `first_seen` and `last_seen`). Out: `Keys` (text, normalised as in a run) and `Said` (numbers, nothing raw in
them but folded names).

>>> reader = Reader(IdentitySettings(default_region="GB"))
>>> said = reader.said(reader.keys({"email": "Ann.Lee@gmail.com", "given_name": "Ann", "family_name": "Lee"}))
>>> said.known, said.given, said.codes[EMAIL] == number("email|annlee@gmail.com")
(True, 'ann', True)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import md5
from typing import Any, NamedTuple

import msgspec

from floorwalker.identity.hashed import parse_token
from floorwalker.identity.normalise import Normaliser, address_key, birth_date_key, postcode_key
from floorwalker.identity.settings import IdentitySettings

KINDS = (
    "loyalty_id", "account_id", "customer_ref", "email", "phone", "name_birth_postcode", "name_address", "device_id",
    "cookie_id",
)  # fmt: skip
"""Kinds of values, in the order of `Said.codes`: identifiers that name somebody, words that do, and what visits
have."""
LOYALTY, ACCOUNT, REF, EMAIL, PHONE, NAME_BIRTH, NAME_ADDRESS, DEVICE, COOKIE = range(9)
GUARDED = range(5)
"""Kinds whose values may turn out to be nobody's."""
NAMING = range(7)
"""Kinds whose values make evidence between records that name somebody."""
LENDING = range(7, 9)
"""Kinds that lend visits."""

_WORDS = (
    "record_id", "source", "market", "country", "customer_ref", "account_id", "loyalty_id", "email", "phone",
    "device_id", "cookie_id", "given_name", "family_name", "birth_date", "postcode", "address",
)  # fmt: skip
_LOWER = slice(8, 16)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Keys(msgspec.Struct, array_like=True, gc=False):
    """Normalised text of a record, None where it is silent."""

    record_id: str
    loyalty_id: str | None = None
    account_id: str | None = None
    customer_ref: str | None = None
    email: str | None = None
    phone: str | None = None
    device_id: str | None = None
    cookie_id: str | None = None
    given: str | None = None
    family: str | None = None
    birth: str | None = None
    postcode: str | None = None
    address: str | None = None
    first_seen: int = 0
    last_seen: int = 0
    hashed: tuple[str, ...] = ()
    """Kinds whose value came hashed."""


class Said(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """`codes`: hash per kind of KINDS, 0 where the record is silent. `nodes`: hashes of the rules that narrow a value
    to a first initial. `birth`: yyyymmdd, 0 unknown. `words`: hash of all but device and cookie. Times in
    microseconds."""

    record_id: str
    codes: tuple[int, ...]
    nodes: Nodes
    given: str
    family: str
    birth: int
    words: int
    known: bool
    first_seen: int
    last_seen: int


class Nodes(NamedTuple):
    """Hashes of (rule, value, initial); of (rule, value) for `phone_alone`; 0 where the rule is silent."""

    loyalty_initial: int = 0
    email_initial: int = 0
    phone_initial: int = 0
    phone_alone: int = 0


def number(text: str) -> int:
    """The lower half of the MD5 as DuckDB's md5_number_lower gives it.

    >>> number("email|x")
    13250397406736028145
    """
    return int.from_bytes(md5(text.encode(), usedforsecurity=False).digest()[_LOWER], "little")


def marked(record: Mapping[str, Any]) -> int:
    """A number that a record as written has in this process, whenever it comes; never 0."""
    return hash(tuple([record.get(name) for name in _WORDS])) or 1


Moment = dt.datetime | float | None


def microseconds(value: Moment) -> int:
    """Microseconds since 1970 of a time, or of a number that is that already; 0 for None."""
    if isinstance(value, dt.datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=dt.UTC)) - _EPOCH) // _MICROSECOND
    return int(value or 0)


def record_id_of(record: Mapping[str, Any]) -> str:
    """The record's own id; else a hash of its words, so that rows with the same words share one.

    >>> record_id_of({"record_id": "r1", "email": "a@b.de"})
    'r1'
    """
    own = record.get("record_id")
    if own:
        return str(own)
    words = [f"{name}={value}" for name in _WORDS if (value := record.get(name)) not in (None, "")]
    return md5("\x1f".join(words).encode(), usedforsecurity=False).hexdigest()


class Reader:
    """Turns what sources write into what the rules see, with a shop's settings bound."""

    def __init__(self, settings: IdentitySettings) -> None:
        normaliser = Normaliser(settings)
        self.normaliser = normaliser
        self.region = lru_cache(maxsize=4096)(normaliser.region)
        remembered = lru_cache(maxsize=1 << 14)
        self._given, self._family = remembered(normaliser.given_name), remembered(normaliser.family_name)
        self._functions: tuple[tuple[str, Callable[[str], str | None]], ...] = tuple(
            (kind, getattr(normaliser, kind))
            for kind in ("loyalty_id", "account_id", "email", "device_id", "cookie_id")
        )

    def keys(self, record: Mapping[str, Any], record_id: str = "") -> Keys:
        """The keys of a record; hashed values are keys as they are (`tokens` brings them to clear ones)."""
        keys = Keys(record_id or record_id_of(record))
        get = record.get
        for kind, function in self._functions:
            if raw := get(kind):
                if raw[:5].lower() == "hash:" and (found := parse_token(raw)):
                    setattr(keys, kind, found[1])
                    keys.hashed += (kind,)
                else:
                    setattr(keys, kind, function(raw))
        if raw := get("customer_ref"):
            key = self.normaliser.customer_ref(raw)
            # A customer number means something only together with its source.
            keys.customer_ref = None if key is None else f"{get('source') or ''}:{key}"
        if raw := get("phone"):
            if raw[:5].lower() == "hash:" and (found := parse_token(raw)):
                keys.phone = found[1]
                keys.hashed += ("phone",)
            else:
                keys.phone = self.normaliser.phone(raw, self.region(get("market") or "", get("country") or ""))
        if raw := get("given_name"):
            keys.given = self._given(raw)
        if raw := get("family_name"):
            keys.family = self._family(raw)
        if raw := get("birth_date"):
            date = birth_date_key(dt.date.fromisoformat(raw) if isinstance(raw, str) else raw)
            keys.birth = date.isoformat() if date else None
        if raw := get("postcode"):
            keys.postcode = postcode_key(raw)
        if raw := get("address"):
            keys.address = address_key(raw)
        seen = get("seen")
        keys.first_seen, keys.last_seen = microseconds(get("first_seen", seen)), microseconds(get("last_seen", seen))
        return keys

    def said(self, keys: Keys) -> Said:
        """The hashes of a run (`rules.make_people`, `rules.make_pieces`) for these keys."""
        loyalty, email, phone, given, family = keys.loyalty_id, keys.email, keys.phone, keys.given, keys.family
        account, ref, device, cookie = keys.account_id, keys.customer_ref, keys.device_id, keys.cookie_id
        words = []
        for letter, key in (
            ("l", loyalty), ("a", account), ("r", ref), ("e", email), ("p", phone), ("g", given), ("f", family),
            ("b", keys.birth), ("z", keys.postcode), ("s", keys.address),
        ):  # fmt: skip
            if key is not None:
                words.append(letter + key)
        born = lived = 0
        if given and family and len(given) > 1 and keys.postcode:
            if keys.birth:
                born = number(f"name_birth_postcode|{given}|{family}|{keys.birth}|{keys.postcode}")
            if keys.address:
                lived = number(f"name_address|{given}|{family}|{keys.address}|{keys.postcode}")
        initial = given[0] if given else ""
        return Said(
            keys.record_id,
            (
                number("loyalty_id|" + loyalty) if loyalty else 0,
                number("account_id|" + account) if account else 0,
                number("customer_ref|" + ref) if ref else 0,
                number("email|" + email) if email else 0,
                number("phone|" + phone) if phone else 0,
                born,
                lived,
                number("device_id|" + device) if device else 0,
                number("cookie_id|" + cookie) if cookie else 0,
            ),
            Nodes(
                number(f"loyalty_initial|{loyalty}|{initial}") if loyalty and initial else 0,
                number(f"email_initial|{email}|{initial}") if email and initial else 0,
                number(f"phone_initial|{phone}|{initial}") if phone and initial else 0,
                number("phone_alone|" + phone) if phone else 0,
            ),
            given or "",
            family or "",
            int(keys.birth.replace("-", "")) if keys.birth else 0,
            number("|".join(words)),
            any(key is not None for key in (loyalty, account, ref, email, phone, given, family)),
            keys.first_seen,
            keys.last_seen,
        )
