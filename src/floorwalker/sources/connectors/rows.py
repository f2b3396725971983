"""A record as lines of a delivery: whole, or a line per element of a list within, with what stands around it.

In: a record as a system gave it. Out: records whose list is replaced by one of its elements, and their JSON text, in
which a number has the digits that it came with.

>>> order = {"id": 7, "lines": [{"sku": "A"}, {"sku": "B"}]}
>>> list(exploded(order, ("lines",)))
[{'id': 7, 'lines': {'sku': 'A'}}, {'id': 7, 'lines': {'sku': 'B'}}]
>>> encode(decode(b'{"price": 12345678901234567.89}'))
b'{"price":12345678901234567.89}'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def decode(text: bytes) -> Any:
    """JSON; numbers with a fraction as Decimal. Raises ValueError where it is none."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("it is not JSON") from error


def encode(record: Any) -> bytes:
    """One line of JSON, without its line end."""
    return _ENCODER.encode(record)


def exploded(record: dict[str, Any], path: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The record once per element of the list at `path`; lists on the way count too. Nothing where there is none."""
    if not path:
        yield record
        return
    within = record.get(path[0])
    for one in within if isinstance(within, list) else [within]:
        if isinstance(one, dict):
            for inner in exploded(one, path[1:]):
                yield {**record, path[0]: inner}


def at(record: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does.

    >>> at({"a": {"b.c": 1, "d": 2}}, "a.d")
    2
    """
    for part in path.split(".") if path else ():
        if not isinstance(record, dict):
            return None
        record = record.get(part)
    return record


def with_included(page: dict[str, Any], records: list[Any]) -> list[Any]:
    """JSON:API: each record's `relationships.X.data` with what the page's `included` says of it."""
    known = {(one.get("type"), one.get("id")): one for one in page.get("included") or () if isinstance(one, dict)}
    made = []
    for record in records:
        relations = {}
        for name, relation in (record.get("relationships") or {}).items() if isinstance(record, dict) else ():
            data = relation.get("data") if isinstance(relation, dict) else None
            if isinstance(data, dict):
                relations[name] = known.get((data.get("type"), data.get("id")), data)
        made.append({**record, "relationships": relations} if relations else record)
    return made
