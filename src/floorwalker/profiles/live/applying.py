"""A step of the live path: frames of the log become profiles, all of them or none.

In: stretches of the log's partitions, in the order in which they are to be applied. Out: the live store with their
events in it, and `Applied`, what became of them.

Per event: is it new (`window`), which rows does it make (`sources.collected.live_rows`), whose are they
(`identity.stitching`). Per step one write: rows, who is who, what changed, and how far the log has been applied. A step
that is cut off has not happened. What a step does depends on the log and the order of stretches alone, which the store
keeps: applied again from the same base they give the same store, byte for byte.

    applier = Applier(store, stitcher, reader, window, subjects)
    applier.restore()
    applier.apply([(0, log.read(0, applier.positions.get(0, 0)))])
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from floorwalker.events.frames import Head, unpack
from floorwalker.identity.stitching.journal import Came
from floorwalker.identity.stitching.keeping import came
from floorwalker.profiles.live.layout import (
    CHANGES,
    KEPT,
    MOST_SPILLED,
    SPILL,
    VERSION,
    Change,
    Record,
    Stretch,
    number_key,
    pack_record,
    pack_row,
    rows_key,
    unpack_record,
)
from floorwalker.profiles.live.window import Window, id_of
from floorwalker.sources.collected.live_rows import batch_context

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import Stored
    from floorwalker.engines.live_store.interface import LiveStore
    from floorwalker.events.frames import Subjects
    from floorwalker.identity.stitching.saying import Keys
    from floorwalker.identity.stitching.stitcher import Stitcher
    from floorwalker.sources.collected.live_rows import LiveRows

_log = logging.getLogger(__name__)
STATE = b"state"
_INDEXED = ("email", "phone", "loyalty_id", "account_id", "device_id", "cookie_id")
_NAMING = ("customer_ref", *_INDEXED)
_TOLD_BY_EVENT = ("email_events", "returns")
"""Kinds whose rows may lack an id of their own."""
_DESCRIBED = ("given_name", "family_name", "birth_date", "postcode", "address")
_encode = msgspec.msgpack.Encoder().encode


class State(msgspec.Struct, array_like=True):
    """How far a store is. `positions`: partition -> the next offset; `cut`: where it began; `run_id`: its base;
    `sequence`: the number of the newest entry of `changes`, `steps`: of `order`."""

    version: int = VERSION
    run_id: str = ""
    cut: dict[int, int] = {}
    positions: dict[int, int] = {}
    sequence: int = 0
    steps: int = 0
    received: int = 0
    """When the newest frame was received, microseconds."""


def version_of(store: LiveStore) -> int | None:
    """By which layout a store was written; None where nothing was."""
    found = store.get("meta", STATE)
    return msgspec.msgpack.decode(found, type=State).version if found is not None else None


class Pending:
    """What a step brings to a record."""

    __slots__ = ("at", "events", "first", "last", "rows")

    def __init__(self, at: int) -> None:
        self.first = self.last = self.at = at
        self.rows: list[bytes] = []
        self.events: dict[str, None] = {}


class Applier:
    """One per store; its only writer. `counts`: `applied`, `duplicate`, `refused`, `suppressed` and `failed` events;
    `beyond`: stretches of rows that were written over because a record had too many."""

    def __init__(
        self,
        store: LiveStore,
        stitcher: Stitcher,
        reader: LiveRows,
        window: Window,
        subjects: Subjects,
        *,
        source: str,
        suppressed: Callable[[Mapping[str, Any]], bool] = lambda record: False,
    ) -> None:
        self.store, self.stitcher, self.reader, self.window = store, stitcher, reader, window
        self._subjects, self._source, self._suppressed = subjects, source, suppressed
        self.state = State()
        self.counts: Counter[str] = Counter()
        self._base_seen = bytearray(stitcher.base)
        """Of the base's rows those that have a record in the store."""
        self._moved: set[str] = set()
        self._changed: set[int] = set()
        """Rows whose customer may have changed, as the stitcher notes them."""
        self.stitcher.customers.changed = self._changed

    @property
    def positions(self) -> dict[int, int]:
        """Partition -> the next offset to apply."""
        return self.state.positions

    def begin(self, run_id: str, cut: Mapping[int, int], received: int = 0) -> None:
        """Make an empty store one that goes on where a run ended. `received`: when the last event before came."""
        self.state = State(run_id=run_id, cut=dict(cut), positions=dict(cut), received=received)
        self.store.write([("meta", STATE, _encode(self.state))])

    def restore(self) -> None:
        """Go on with a store that has something in it: the stitcher learns again what it had heard."""
        found = self.store.get("meta", STATE)
        if found is not None:
            self.state = msgspec.msgpack.decode(found, type=State)
        decode = msgspec.msgpack.Decoder(Came).decode
        for key, value in self.store.items("records"):
            record = unpack_record(value)
            said = msgspec.structs.replace(decode(record.said).said, first_seen=record.first, last_seen=record.last)
            entry = msgspec.structs.replace(decode(record.said), said=said)
            self.stitcher.replay(entry)
            row = self.stitcher.held.rows[key.hex()]
            if row < self.stitcher.base:
                self._base_seen[row] = 1
        self.stitcher.read_hashed_again()
        self.stitcher.moves()
        self._moved = {key.decode() for key, _ in self.store.items("moved")}
        self._changed.clear()

    def warm(self, stretches: Iterable[tuple[int, Sequence[Stored]]]) -> None:
        """Note the ids of events that were applied before, for the window."""
        for _, stored in stretches:
            for one in stored:
                frame = unpack(one.frame)
                for place, raw in enumerate(frame.events):
                    found = self.reader.read(frame.head, place, raw)
                    if found is not None:
                        self.window.is_new(id_of(found.source, found.message_id), frame.head.received_at)

    def apply(self, stretches: Sequence[tuple[int, Sequence[Stored]]]) -> None:
        """One step."""
        pending: dict[str, Pending] = {}
        fresh: dict[str, Keys] = {}
        received = self.state.received
        for partition, stored in stretches:
            for one in stored:
                frame = unpack(one.frame)
                received = max(received, frame.head.received_at)
                shared = batch_context(frame.head)
                for place, raw in enumerate(frame.events):
                    try:
                        self._event(partition, one.offset, frame.head, place, raw, shared, pending, fresh)
                    except Exception as error:
                        # One event that nobody foresaw must not hold up all that come after it; the next run has it.
                        self.counts["failed"] += 1
                        _log.error("event %s of %s/%s: %s", place, partition, one.offset, type(error).__name__)
        self._commit(stretches, pending, fresh, received)

    def _event(
        self, partition: int, offset: int, head: Head, place: int, raw: bytes, shared: Any,
        pending: dict[str, Pending], fresh: dict[str, Keys],
    ) -> None:  # fmt: skip
        found = self.reader.read(head, place, raw, shared) if raw else None
        if found is None:
            if raw:
                self.counts["refused"] += 1
            return
        if not self.window.is_new(id_of(found.source, found.message_id), head.received_at):
            self.counts["duplicate"] += 1
            return
        self.counts["applied"] += 1
        rows = self.stitcher.held.rows
        for kind, values in found.rows:
            if kind in _TOLD_BY_EVENT:
                values["event_id"] = found.message_id
            record_id = values["record_id"]
            if record_id is None or kind not in KEPT:
                continue
            at = values["occurred_at"]
            to = pending.get(record_id)
            if to is None:
                if record_id not in rows:
                    record = {name: values.get(name) for name in (*_NAMING, "market", "country")}
                    if kind == "customers":
                        record |= {name: values.get(name) for name in _DESCRIBED}
                    if self._suppressed(record):
                        self.counts["suppressed"] += 1
                        continue
                    record |= {"record_id": record_id, "source": self._source, "seen": at}
                    keys = self.stitcher.reader.keys(record, record_id)
                    self.stitcher.enter(record, keys)
                    fresh[record_id] = keys
                to = pending[record_id] = Pending(at)
            if at < to.first:
                to.first = at
            elif at > to.last:
                to.last = at
            to.rows.append(pack_row(kind, partition, offset, head.received_at, values))
            to.at = max(to.at, at)
            to.events[found.name] = None

    def _commit(
        self, stretches: Sequence[tuple[int, Sequence[Stored]]], pending: dict[str, Pending], fresh: dict[str, Keys],
        received: int,
    ) -> None:  # fmt: skip
        stitcher, rows = self.stitcher, self.stitcher.held.rows
        for record_id, one in pending.items():
            stitcher.saw(rows[record_id], one.first, one.last)
        writes: list[tuple[str, bytes, bytes | None]] = []
        self._write_records(pending, fresh, writes)
        self.write_customers(writes)
        state = self.state
        if pending:
            state.sequence += 1
            changes = [Change(bytes.fromhex(key), one.at, list(one.events)) for key, one in pending.items()]
            writes.append(("changes", number_key(state.sequence), _encode(changes)))
            if state.sequence > CHANGES:
                writes.append(("changes", number_key(state.sequence - CHANGES), None))
        self._write_order(stretches, writes)
        state.received = received
        writes.append(("meta", STATE, _encode(state)))
        self.store.write(writes)

    def _write_records(self, pending: dict[str, Pending], fresh: dict[str, Keys], writes: list) -> None:
        stitcher = self.stitcher
        base, rows = stitcher.base, stitcher.held.rows
        ids = list(pending)
        keys = [bytes.fromhex(one) for one in ids]
        for record_id, key, value in zip(ids, keys, self.store.get_many("records", keys), strict=True):
            one, row = pending[record_id], rows[record_id]
            joined = b"".join(one.rows)
            if value is None:
                record = Record(one.first, one.last, 0, _encode(came(stitcher, row)), joined)
                if row < base:
                    self._base_seen[row] = 1
                self._changed.add(row)
            else:
                old = unpack_record(value)
                record = Record(
                    min(old.first, one.first), max(old.last, one.last), old.spilled, old.said, old.rows + joined
                )
            if len(record.rows) > SPILL:
                if record.spilled >= MOST_SPILLED:
                    self.counts["beyond"] += 1
                writes.append(("rows", rows_key(key, record.spilled), record.rows))
                record = record._replace(spilled=record.spilled + 1, rows=b"")
            writes.append(("records", key, pack_record(record)))
        for record_id, found in fresh.items():
            for kind in _INDEXED:
                value = getattr(found, kind)
                if value is not None:
                    writes.append(("identifiers", self.identifier(kind, value), bytes.fromhex(record_id)))

    def identifier(self, kind: str, key: str) -> bytes:
        """Where the index has an identifier's normalised form."""
        return self._subjects.hash(kind, key).to_bytes(8, "big")

    def write_customers(self, writes: list) -> None:
        """Customers whose records are others than before, and the ids that have gone over into them."""
        stitcher, customers = self.stitcher, self.stitcher.customers
        base, ids, listed = stitcher.base, stitcher.held.ids, customers.published
        for former, now in stitcher.moves():
            writes.append(("moved", former.encode(), now.encode()))
            writes.append(("customers", former.encode(), None))
            if base:
                writes.append(("parts", former.encode(), None))
            self._moved.add(former)
        for label in sorted({customers.label[row] for row in self._changed if ids[row]}):
            customer = customers.id_of(label).encode()
            members = sorted(
                bytes.fromhex(ids[row])
                for row in customers.members(label)
                if ids[row] and (row >= base or self._base_seen[row])
            )
            writes.append(("customers", customer, b"".join(members) or None))
            homes = sorted(
                listed.ids[number] for row in customers.members(label) if (number := customers.home_of[row]) >= 0
            )
            if base:
                is_plain = homes == [customer.decode()] or (not homes and label >= base)
                writes.append(("parts", customer, None if is_plain else ",".join(homes).encode()))
            writes += [("customer_of", member, customer) for member in members]
            if customer.decode() in self._moved:
                self._moved.discard(customer.decode())
                writes.append(("moved", customer, None))
        self._changed.clear()

    def _write_order(self, stretches: Sequence[tuple[int, Sequence[Stored]]], writes: list) -> None:
        state = self.state
        found = [Stretch(one, stored[0].offset, stored[-1].offset + 1) for one, stored in stretches if stored]
        for one in found:
            state.positions[one.partition] = one.end
        state.steps += 1
        writes.append(("order", number_key(state.steps), _encode(found)))
