"""E-mail addresses and phone numbers as other systems want them: one form, or none when it is not an address.

In: raw values of gold.customers. Out: SQL for e-mail, a map for phones. Ad platforms match on the unsalted SHA-256 of
these forms (Google: E.164 with the plus sign; a platform that wants digits only needs the plus removed before hashing).

>>> phone_number("020 7946 0018", "GB"), phone_number("+44 20 7946 0018", None), phone_number("12", "GB")
('+442079460018', '+442079460018', None)
"""

from __future__ import annotations

import phonenumbers

# A first character that a spreadsheet takes for a formula is refused: the address could not be written safely.
_EMAIL = r"[^\s@=+\-''\",;<>()][^\s@\",;<>()]*@[^\s@\",;<>()]+\.[^\s@.\",;<>()]+"
_EMAIL_HASH = "hash:sha256(lower(trim(email))):"


def email_sql(column: str) -> str:
    """Trimmed and lowered, NULL when it is no address."""
    plain = f"lower(trim({column}))"
    return f"CASE WHEN regexp_full_match({plain}, '{_EMAIL}') THEN {plain} END"


def email_hash_sql(column: str) -> str:
    """SHA-256 (lower-case hex) of the address; a value that arrived hashed in that scheme is passed on."""
    return (
        f"CASE WHEN starts_with({column}, '{_EMAIL_HASH}') THEN lower(substr({column}, {len(_EMAIL_HASH) + 1}))"
        f" ELSE sha256({email_sql(column)}) END"
    )


def phone_number(raw: str, country: str | None) -> str | None:
    """E.164, or None when it is no possible number. `country`: ISO 3166 two letters, for numbers without a prefix."""
    region = country.upper() if country and len(country) == 2 else None
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
