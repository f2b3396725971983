"""Identifiers that arrive hashed, and how clear ones meet them.

In: `hash:<scheme>:<hexdigest>`, the scheme written as the sender computed it, and clear values. Out: the same token
for a clear value under that scheme, so that both can be given one key.

>>> token = Scheme.parse("sha256(lower(trim(email)))").token(" Ann@Lee.com")
>>> token == Scheme.parse("sha256(email)").token("ann@lee.com").replace("(email)", "(lower(trim(email)))")
True
>>> parse_token("hash:md5(email):ABCDEF0123456789abcdef0123456789")
('md5(email)', 'hash:md5(email):abcdef0123456789abcdef0123456789')
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_TOKEN = re.compile(r"hash:([a-z0-9_()\s]+):([0-9a-f]{32,128})")
_CALL = re.compile(r"([a-z0-9_]+)\((.+)\)")
_DIGITS = re.compile(r"[^0-9]+")

_DIGESTS: dict[str, Callable[[bytes], str]] = {
    name: (lambda data, name=name: hashlib.new(name, data, usedforsecurity=False).hexdigest())
    for name in ("md5", "sha1", "sha256", "sha384", "sha512")
}
# `e164` and `normalise` are the identity's own forms: the caller offers these forms as values, so here they change
# nothing.
_TRANSFORMS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "digits": lambda text: _DIGITS.sub("", text),
    "e164": lambda text: text,
    "normalise": lambda text: text,
    "normalize": lambda text: text,
}


def parse_token(value: str) -> tuple[str, str] | None:
    """(scheme, token in one spelling) of a hashed value, None if `value` is not one."""
    found = _TOKEN.fullmatch(value.strip().lower())
    if not found:
        return None
    scheme = "".join(found[1].split())
    return scheme, f"hash:{scheme}:{found[2]}"


@dataclass(frozen=True)
class Scheme:
    """A declared way of hashing, innermost transform first."""

    text: str
    digest: str
    transforms: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Scheme | None:
        """None for a scheme with a function we do not know: its values then match only each other."""
        calls, rest = [], text
        while found := _CALL.fullmatch(rest):
            calls.append(found[1])
            rest = found[2]
        if not calls or calls[0] not in _DIGESTS or any(name not in _TRANSFORMS for name in calls[1:]):
            return None
        return cls(text, calls[0], tuple(reversed(calls[1:])))

    def token(self, value: str) -> str:
        for name in self.transforms:
            value = _TRANSFORMS[name](value)
        return f"hash:{self.text}:{_DIGESTS[self.digest](value.encode())}"


def tokens(forms: Iterable[str], schemes: Iterable[Scheme]) -> list[str]:
    """Tokens of a clear value's forms (as written, as shown, as matched) under every scheme, in order, without
    repeats."""
    forms = list(dict.fromkeys(form for form in forms if form))
    return list(dict.fromkeys(scheme.token(form) for scheme in schemes for form in forms))
