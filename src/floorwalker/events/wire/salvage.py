"""The events of a batch that is not JSON as a whole, told apart so that only the bad ones are lost.

In: a body and the name of its list. Out: the pieces of the list as bytes, and the body without them; None where not
even the list can be found.

>>> salvage(b'{"batch":[{"a":1},{"a":"\\\\ud800"},{"a":[3}],"sentAt":"now"}', "batch")
([b'{"a":1}', b'{"a":"\\\\ud800"}', b'{"a":[3}'], b'{"batch":[],"sentAt":"now"}')

Strings are skipped as a whole and braces are counted, so that a piece ends where its braces do, whatever is wrong
inside. A string that does not end takes what follows along: that is no list any more.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
MOST = 100_000
"""Pieces of a list that are told apart."""


def salvage(body: bytes, name: str) -> tuple[list[bytes], bytes] | None:
    """(pieces, the body with an empty list)."""
    found = re.search(rb'"' + name.encode() + rb'"\s*:\s*\[', body)
    if not found:
        return None
    start = at = found.end()
    pieces: list[bytes] = []
    braces = 0
    for token in _TOKEN.finditer(body, start):
        sign = token[0]
        if sign == b"{":
            braces += 1
        elif sign == b"}":
            braces -= 1
            if braces < 0:
                return None
        elif not braces and sign in (b",", b"]"):
            if piece := body[at : token.start()].strip():
                pieces.append(piece)
            at = token.end()
            if sign == b"]":
                return pieces, body[:start] + body[token.start() :]
            if len(pieces) > MOST:
                return None
    return None
