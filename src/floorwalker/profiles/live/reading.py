"""A live profile, read: by any process, while the live process writes.

In: the live store, open for reading, and an identifier. Out: `LiveProfile`: who it is, what they are doing right now,
what they allow, and their features. `for_purpose` leaves out what may not be used for it.

    profiles = LiveProfiles(store, Updater(CUSTOMER), subjects, normalise, "GBP")
    found = profiles.find("email", "ann@lee.com")
    profiles.profile(found).features["views_7d"]

Features are worked out when they are asked for, from the base that the last run has published and the rows that came
after it, by the definitions that batch compiles to SQL. So what was late is in its place, and nothing has to be written
again when two customers turn out to be one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from floorwalker.governance.consent import PURPOSES, ConsentPolicy, allowed, known_purpose
from floorwalker.profiles.live.consents import Word, consents
from floorwalker.profiles.live.context import Context, context
from floorwalker.profiles.live.layout import MOST_SPILLED, Row, rows_key, unpack_record, unpack_rows
from floorwalker.profiles.live.run_base import Bases
from floorwalker.profiles.live.silver import Facts, silver

if TYPE_CHECKING:
    from floorwalker.engines.live_store.interface import LiveStore, Reads
    from floorwalker.events.frames import Subjects
    from floorwalker.profiles.features.live import State, Updater

_KEY = 16
_MERGES = 32
"""Merges of merges that are followed; a chain that is longer is broken."""


class LiveProfile(msgspec.Struct, frozen=True):
    """`records`: so many wordings it is known by since the last run; `consents`: purpose → granted or denied; `as_of`:
    the features count what happened before that day; `allowed`: whether it may be used for the purpose that was asked,
    None where none was."""

    customer_id: str
    records: int
    events: int
    consents: dict[str, str]
    context: Context | None
    features: dict[str, Any]
    as_of: dt.date
    allowed: bool | None = None


class LiveProfiles:
    """`normalise`: (kind, value) -> the key of an identifier, None when it is none."""

    def __init__(
        self,
        store: LiveStore,
        updater: Updater,
        subjects: Subjects,
        normalise: Callable[[str, str], str | None],
        reporting_currency: str,
        *,
        source: str = "collector",
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.store, self.updater, self._normalise = store, updater, normalise
        self._bases = Bases(store, updater)
        # Analytics is what every feature is for; a profile that is read for another purpose need not allow it.
        self._purposes = {one.name: one.purpose for one in updater.features.features if one.purpose != "analytics"}
        self._subjects, self._reporting, self._source, self._clock = subjects, reporting_currency, source, clock

    def find(self, kind: str, value: str) -> str | None:
        """The customer that an identifier names in what came since the last run."""
        key = self._normalise(kind, value)
        if key is None:
            return None
        with self.store.reading() as view:
            record = view.get("identifiers", self._subjects.hash(kind, key).to_bytes(8, "big"))
            customer = view.get("customer_of", record) if record else None
            return _current(view, customer.decode()) if customer else None

    def profile(self, customer_id: str, as_of: dt.date | None = None) -> LiveProfile | None:
        """The profile of a customer, None where neither the last run nor what came since knows them. `as_of`: tomorrow
        (UTC), so that what happened today counts."""
        with self.store.reading() as view:
            customer_id = _current(view, customer_id)
            records = _records(view, customer_id)
            state, orders, by_run = self._base(view, customer_id)
            if not records and state is None:
                return None
            listed = {key.hex(): _rows(view, key) for key in records}
            rows = [row for some in listed.values() for row in some]
            # Products and rates are of the same moment as the rows.
            facts = Facts(self._reporting, lambda key: view.get("facts", key), self._source)
            tables = list(silver(rows, facts, orders))
        now = self._clock()
        as_of = as_of or now.date() + dt.timedelta(days=1)
        delta = self.updater.replay(tables)
        values = self.updater.values(self.updater.merge(state, delta) if state else delta, as_of)
        return LiveProfile(
            customer_id, len(records), len(rows), consents(by_run, listed), context(rows, now), values, as_of
        )

    def for_purpose(self, found: LiveProfile, purpose: str, policy: ConsentPolicy) -> LiveProfile:
        """Of a profile what may be used: nothing but who it is where the purpose is not allowed; and features that are
        for a purpose of their own are None without consent to that. Raises ConfigError for an unknown purpose."""
        if not allowed(found.consents, known_purpose(purpose), policy):
            return msgspec.structs.replace(found, context=None, features={}, allowed=False)
        may = {one: allowed(found.consents, one, policy) for one in PURPOSES}
        features = {
            name: value if may.get(self._purposes.get(name, purpose), True) else None
            for name, value in found.features.items()
        }
        return msgspec.structs.replace(found, features=features, allowed=True)

    def current(self, view: Reads, customer_id: str) -> str:
        """The customer that an id stands for, at the moment of a `store.reading()`."""
        return _current(view, customer_id)

    def rows(self, customer_id: str) -> list[Row]:
        """All rows that are kept of a customer."""
        with self.store.reading() as view:
            return [row for key in _records(view, _current(view, customer_id)) for row in _rows(view, key)]

    def _base(self, view: Reads, customer_id: str) -> tuple[State | None, set[str], list[Word]]:
        """What the last run knows of everybody who is this customer now."""
        parts = view.get("parts", customer_id.encode())
        names = parts.decode().split(",") if parts is not None else [customer_id]
        state, orders, words = None, set[str](), list[Word]()
        for packed in view.get_many("base", [name.encode() for name in names if name]):
            if packed is not None:
                base = self._bases.unpack(packed)
                state = self.updater.merge(state, base.state) if state else base.state
                orders |= base.orders
                words += base.consents
        return state, orders, words


def _current(view: Reads, customer_id: str) -> str:
    for _ in range(_MERGES):
        found = view.get("moved", customer_id.encode())
        if found is None:
            break
        customer_id = found.decode()
    return customer_id


def _records(view: Reads, customer_id: str) -> list[bytes]:
    joined = view.get("customers", customer_id.encode()) or b""
    return [joined[at : at + _KEY] for at in range(0, len(joined), _KEY)]


def _rows(view: Reads, key: bytes) -> list[Row]:
    value = view.get("records", key)
    if value is None:
        return []
    record = unpack_record(value)
    first = max(record.spilled - MOST_SPILLED, 0)
    older = view.get_many("rows", [rows_key(key, number) for number in range(first, record.spilled)])
    return [row for data in (*older, record.rows) if data for row in unpack_rows(data)]
