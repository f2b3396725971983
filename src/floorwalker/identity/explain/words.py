"""Evidence in words: what a rule goes by, why a piece was refused, and identifiers that may or may not be shown.

In: names of rules, reasons and keys as silver.identity_evidence has them. Out: words a marketer understands.

>>> through("loyalty_initial"), value("email_initial", "ann@example.com|a", clear=False)
('loyalty card and first initial', 'a…@example.com, initial a')
>>> refusal("limit email 5")
'together they would hold more than 5 e-mail addresses'
"""

from __future__ import annotations

import re
from collections.abc import Callable

THROUGH = {
    "person": "a person's decision",
    "loyalty_id": "loyalty card",
    "account_id": "account",
    "customer_ref": "customer number",
    "email": "e-mail address",
    "loyalty_initial": "loyalty card and first initial",
    "email_initial": "e-mail address and first initial",
    "phone_initial": "phone number and first initial",
    "phone_alone": "phone number that only one first initial uses",
    "name_birth_postcode": "name, birth date and postcode",
    "name_address": "name and address",
    "device_id": "device",
    "cookie_id": "browser cookie",
    "fingerprint": "device fingerprint",
    "model": "alike in the model's eyes",
}
"""What each rule goes by."""

STRENGTH = {
    -1: "decided by a person",
    0: "authenticated",
    1: "verified address",
    2: "the same words",
    3: "anonymous visits",
    4: "probable",
}
"""What a tier of evidence means."""

KIND = {
    "loyalty_id": ("loyalty card", "loyalty cards"),
    "account_id": ("account", "accounts"),
    "customer_ref": ("customer number", "customer numbers"),
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "device_id": ("device", "devices"),
    "cookie_id": ("browser cookie", "browser cookies"),
    "fingerprint": ("device fingerprint", "device fingerprints"),
    "records": ("record", "records"),
    "person": ("name and address", "names and addresses"),
    "decision": ("a person's decision", "people's decisions"),
    "given_name": ("first name", "first names"),
    "family_name": ("family name", "family names"),
    "birth_date": ("birth date", "birth dates"),
    "postcode": ("postcode", "postcodes"),
    "address": ("address", "addresses"),
}
"""Kinds of identifiers and of words about a person: one, several."""

PARTS = {
    "loyalty_initial": ("loyalty_id", "initial"),
    "email_initial": ("email", "initial"),
    "phone_initial": ("phone", "initial"),
    "phone_alone": ("phone",),
    "name_birth_postcode": ("given_name", "family_name", "birth_date", "postcode"),
    "name_address": ("given_name", "family_name", "address", "postcode"),
}
"""What the key of a rule is made of, where it is more than the identifier itself."""

BELOW = "below level "
"""How the reason begins of evidence that a level of confidence does not take."""
_LIMIT = re.compile(r"limit (\w+) (\d+)(.*)")


def through(rule: str) -> str:
    """What a rule goes by; a rule without words here says its name."""
    return THROUGH.get(rule, rule.replace("_", " "))


def noun(kind: str, count: int = 2) -> str:
    """
    >>> noun("email", 1), noun("shoe_size")
    ('e-mail address', 'shoe size')
    """
    one, several = KIND.get(kind, (kind.replace("_", " "),) * 2)
    return one if count == 1 else several


def article(word: str) -> str:
    """
    >>> article("e-mail address"), article("phone number")
    ('an e-mail address', 'a phone number')
    """
    return f"{'an' if word[:1] in 'aeio' else 'a'} {word}"


def plural(count: int, one: str, several: str = "") -> str:
    """
    >>> plural(1, "record"), plural(12000, "record")
    ('1 record', '12,000 records')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def identifier(rule: str, key: str) -> tuple[str, str, str]:
    """(kind, value, rest) of a rule's key: what it names by itself, and by what the rule narrows it.

    >>> identifier("phone_initial", "+442079460018|a"), identifier("device_id", "d1")
    (('phone', '+442079460018', 'a'), ('device_id', 'd1', ''))
    """
    parts = PARTS.get(rule)
    if parts is None:
        return ("decision" if rule == "person" else rule), key, ""
    if parts[-1] == "initial":
        base, _, initial = key.rpartition("|")
        return parts[0], base, initial
    return ("person" if len(parts) > 1 else parts[0]), key, ""


def value(rule: str, key: str, *, clear: bool) -> str:
    """A key as it may be shown: whole (`clear`), or so that it is recognised by who knows it and nobody else.

    >>> value("name_address", "ann|lee|10 high st|SW1A1AA", clear=False)
    'a… l…, …, SW1A…'
    """
    kind, base, initial = identifier(rule, key)
    if kind == "person" and (parts := base.split("|")) and len(parts) == 4:
        names = PARTS[rule]
        shown = [masked(name, part) for name, part in zip(names, parts, strict=True)] if not clear else parts
        return f"{shown[0]} {shown[1]}, {shown[2]}, {shown[3]}"
    text = base if clear else masked(kind, base)
    return f"{text}, initial {initial}" if initial else text


def masked(kind: str, text: str) -> str:
    """
    >>> [masked(*one) for one in (("email", "ann@example.com"), ("phone", "+442079460018"), ("loyalty_id", "L77"))]
    ['a…@example.com', '+44…018', '…7']
    >>> masked("birth_date", "1980-03-04"), masked("given_name", "ann"), masked("email", "hash:sha256(email):9f8a7b6c")
    ('1980…', 'a…', 'hash…6c')
    """
    if text.startswith("hash:"):
        return "hash…" + text[-2:]
    return _MASKS.get(kind, _end)(text)


def _end(text: str) -> str:
    return "…" + (text[-3:] if len(text) > 6 else text[-1:] if len(text) > 1 else "")


def _mailbox(text: str) -> str:
    box, _, domain = text.rpartition("@")
    return f"{box[:1]}…@{domain}"


_MASKS: dict[str, Callable[[str], str]] = {
    "email": _mailbox,
    "phone": lambda text: text[:3] + "…" + text[-3:] if len(text) > 8 else _end(text),
    "given_name": lambda text: text[:1] + "…",
    "family_name": lambda text: text[:1] + "…",
    "birth_date": lambda text: text[:4] + "…",
    "postcode": lambda text: text[:-3] + "…" if len(text) > 4 else "…",
    "address": lambda text: "…",
    "person": lambda text: "…",
    "decision": lambda text: text,
}


def refusal(reason: str) -> str:
    """A reason of silver.identity_evidence in words; one that is not known here stands as it is.

    >>> refusal("learned hub: more than 3 names"), refusal("a person's decision")
    ('the value names nobody: it is used under more than 3 names', 'a person decided that they are two')
    >>> refusal("limit phone 3 in 90 days"), refusal("quarantined: would join 12 customers")
    ('together they would hold more than 3 phone numbers in 90 days', 'it is in quarantine: it would join 12 customers')
    """
    if found := _LIMIT.fullmatch(reason):
        kind, most = found[1], int(found[2])
        return f"together they would hold more than {most} {noun(kind, most)}{found[3]}"
    if reason.startswith("learned hub: "):
        rest = reason.removeprefix("learned hub: ")
        how = "is used under" if rest.endswith("names") else "stands on"
        return f"the value names nobody: it {how} {rest}"
    if reason.startswith("shared device: "):
        return f"it is used by {reason.removeprefix('shared device: ')}"
    if reason.startswith(BELOW):
        return f"that is too little for the level '{reason.removeprefix(BELOW)}'"
    if reason.startswith("quarantined: "):
        return f"it is in quarantine: it {reason.removeprefix('quarantined: ')}"
    return _REFUSALS.get(reason, reason)


_REFUSALS = {
    "different first names": "their first names are different people's",
    "birth date": "their birth dates differ by more than a slip",
    "a person's decision": "a person decided that they are two",
    "seen with several customers": "several customers use it, so it is nobody's",
    "seen before its customer": "the visit was before the customer came",
    "kiosk": "it is a till, a kiosk or a store's tablet",
    "limit per customer": "the customer has used too many of them; the latest count",
}


def constrained(reason: str) -> str:
    """The kind of value that a refusal is about: what to compare on the two sides; '' where it is about none.

    >>> constrained("limit loyalty_id 1"), constrained("birth date"), constrained("seen with several customers")
    ('loyalty_id', 'birth_date', '')
    """
    if found := _LIMIT.fullmatch(reason):
        return "" if found[1] == "records" else found[1]
    return {"different first names": "given_name", "birth date": "birth_date"}.get(reason, "")
