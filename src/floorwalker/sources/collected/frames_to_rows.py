"""Frames of the log as a table: one row per event, with what its request said for all of them.

In: (partition, offset, frame). Out: an Arrow table with the columns of SCHEMA. Nothing is understood here: an event is
the text it came as.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from floorwalker.events.frames import Frame

SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("place", pa.int32()),
        ("received_us", pa.int64()),
        *((name, pa.string()) for name in ("sent", "source", "market", "shared", "call", "assigned", "refused")),
        ("gpc", pa.bool_()),
        ("ip", pa.string()),
        ("raw", pa.string()),
    ]
)
"""`shared`: the context that the request gave for all its events; `call`: the type of a route that takes one event;
`assigned`: the message id of an event that came without; `refused`: why it does not count."""


def rows_of(frames: Iterable[tuple[int, int, Frame]]) -> pa.Table:
    """Events that were erased are left out."""
    columns: dict[str, list] = {name: [] for name in SCHEMA.names}
    for partition, offset, frame in frames:
        head = frame.head
        shared = head.context.decode("utf-8", "replace")
        for place, raw in enumerate(frame.events):
            if not raw:
                continue
            for name, value in (
                ("partition", partition), ("offset", offset), ("place", place), ("received_us", head.received_at),
                ("sent", head.sent_at), ("source", head.source), ("market", head.market), ("shared", shared),
                ("call", head.type), ("assigned", head.assigned.get(place)), ("refused", head.refused.get(place)),
                ("gpc", head.gpc), ("ip", head.ip), ("raw", raw.decode("utf-8", "replace")),
            ):  # fmt: skip
                columns[name].append(value)
    return pa.table(columns, schema=SCHEMA)
