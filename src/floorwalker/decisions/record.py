"""Decision records: what was asked, what was known, what was answered. Enough to decide again, bit for bit.

In: a decision as it is made. Out: packed bytes, and an id that is a keyed hash of them: the same decision, the same id.

A record names nobody by address: identifiers of a request are resolved first and only the customer id is kept.
"""

from __future__ import annotations

import hashlib

import msgspec

RECORD_VERSION = 1


Shown = tuple[str, float, float, str, str, "str | None"]
"""An item of the answer: product id, score, propensity, code and text of its reason, the product it follows from."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One decision. `decided_at`: microseconds since 1970, UTC."""

    version: int
    decided_at: int
    # the request
    surface: str
    k: int | None
    customer_id: str | None
    product_id: str | None
    cart: list[str]
    store_id: str | None
    market: str | None
    exclude: list[str]
    request_id: str | None
    seed: int
    scope: str
    """Market of the key that asked; empty: all."""
    # what it was decided with
    run_id: str
    policy: str
    """Digest of the policy."""
    policy_version: int
    profile: str
    """Digest of the packed Person; empty for nobody."""
    purposes: dict[str, str]
    personalized: bool
    features: dict[str, str]
    """Feature values used: market, place of the stock, favourite category and brand."""
    # what came of it
    candidates: bytes
    """uint32 per candidate: product numbers of the run's bundle, whose ids the ledger keeps."""
    scores: bytes
    """float64 per candidate."""
    verdicts: bytes
    """uint8 per candidate: a code of plan.RULES."""
    propensities: bytes
    """float64 per candidate; empty while the policy draws no lots: 1 for what is shown, 0 for the rest."""
    items: list[Shown]


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Record)


def pack_record(record: Record, secret: bytes) -> tuple[str, bytes]:
    """The record's id and its bytes. The id: 14 hex of its time, so that ids are written in order, then 26 of a hash of
    all of it. The hash is keyed: an id tells nothing else to who lacks the secret.
    """
    data = _encode(record)
    key = secret if len(secret) <= 64 else hashlib.sha256(secret).digest()
    return f"{record.decided_at:014x}" + hashlib.blake2b(data, digest_size=13, key=key).hexdigest(), data


def unpack_record(data: bytes) -> Record:
    """The record in packed bytes."""
    return _decoder.decode(data)
