"""E-mail addresses: one spelling per mailbox.

In: an address as some source wrote it. Out: the form to show (`email_display`) and the form to match by (`email_key`),
or None where the text is no address or names no person (role and placeholder addresses).

>>> email_key(" Ann.Lee+news@GoogleMail.com ")
'annlee@gmail.com'
>>> email_display("Jürgen@MÜLLER.de")
'jürgen@xn--mller-kva.de'
>>> email_key("noreply@shop.com") is None
True
"""

from __future__ import annotations

import re
from collections.abc import Container

from floorwalker.identity.letters import visible

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
# Providers whose documentation says that a mailbox also receives mail for local+tag.
_PLUS_WORDS = """
gmail.com googlemail.com icloud.com me.com mac.com fastmail.com fastmail.fm proton.me protonmail.com
protonmail.ch pm.me msn.com passport.com tuta.com mailbox.org posteo.de zoho.com
"""
_PLUS_DOMAINS = frozenset(_PLUS_WORDS.split())
_PLUS_BRANDS = frozenset({"outlook", "hotmail", "live"})
_DASH_BRANDS = frozenset({"yahoo", "ymail", "rocketmail"})

_ROLE_WORDS = """
info noreply no-reply no_reply donotreply do-not-reply do_not_reply sales support admin administrator contact
office hello shop store webshop webmaster postmaster hostmaster mailer-daemon newsletter marketing service
customerservice customer.service helpdesk enquiries orders billing accounts reception till kasse kassa pos guest
customer kunde klant client anonymous anon unknown none null nobody noemail no-email no.email nomail na n/a test
tester testing test1 test123 example user fake dummy asdf abc xxx email mail placeholder undefined
"""
ROLES = frozenset(_ROLE_WORDS.split())
"""Local parts that belong to a desk, a machine or nobody."""

_LOCAL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+)*"
)
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})")
_ANGLE = re.compile(r".*<([^<>]+)>")
_FILLER = re.compile(r"[0\-_.x]+|(.)\1{3,}")


def _parts(value: str) -> tuple[str, str] | None:
    text = visible(value).strip().lower().removeprefix("mailto:")
    if text.endswith(">") and (inside := _ANGLE.fullmatch(text)):
        text = inside[1].strip()
    local, at, domain = text.rpartition("@")
    domain = domain.rstrip(".")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        return None
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:  # an empty or overlong label: no such domain can exist
            return None
    return (local, domain) if _DOMAIN.fullmatch(domain) else None


def email_display(value: str) -> str | None:
    """The address in lower case with an ASCII domain, as it may be written to; None if it is no address."""
    parts = _parts(value)
    return "@".join(parts) if parts else None


def email_key(value: str, own_domains: Container[str] = ()) -> str | None:
    """The match form: tags dropped where the provider ignores them, gmail dots too; None for no address or no
    person."""
    parts = _parts(value)
    if parts is None:
        return None
    local, domain = parts
    if domain in own_domains:
        return None
    brand = domain.partition(".")[0]
    if domain in _PLUS_DOMAINS or brand in _PLUS_BRANDS:
        local = local.partition("+")[0]
    elif brand in _DASH_BRANDS:
        local = local.partition("-")[0]
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), "gmail.com"
    if not local or local in ROLES or local.partition("+")[0] in ROLES or _FILLER.fullmatch(local):
        return None
    return f"{local}@{domain}"
