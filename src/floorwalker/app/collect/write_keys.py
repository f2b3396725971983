"""Which key a request of an SDK carries: SDKs send it in five ways.

In: headers and the query. Out: tokens to try, the most telling first; the body may name another.

>>> tokens([(b"authorization", b"Basic ZndfYTo=")], b""), tokens([(b"x-write-key", b"fw_a:secret")], b"writeKey=fw_b")
(['fw_a'], ['fw_a:secret', 'fw_a', 'fw_b'])
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs

NAMES = ("writeKey", "write_key", "api_key")
"""What the key is called in a query."""


def tokens(headers: list[tuple[bytes, bytes]], query: bytes) -> list[str]:
    """The tokens in headers and query."""
    found: list[str] = []
    for name, value in headers:
        if name == b"authorization":
            scheme, _, rest = value.partition(b" ")
            if scheme.lower() == b"basic":
                found += _basic(rest.strip())
            elif scheme.lower() == b"bearer":
                found.append(rest.strip().decode("latin-1"))
        elif name in (b"x-write-key", b"x-api-key"):
            # Jitsu sends "key:secret".
            text = value.strip().decode("latin-1")
            found += [text, text.partition(":")[0]] if ":" in text else [text]
    if query:
        asked = parse_qs(query.decode("latin-1"), max_num_fields=100)
        found += [asked[name][0] for name in NAMES if name in asked]
    return found


def _basic(text: bytes) -> list[str]:
    """`base64(key + ":")`, with or without the colon."""
    try:
        user, _, password = base64.b64decode(text, validate=True).decode("latin-1").partition(":")
    except (binascii.Error, ValueError):
        return []
    return [one for one in (user, password) if one]
