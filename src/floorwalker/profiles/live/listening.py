"""What changes, as it changes: the steps of the live process, for whoever listens.

In: live profiles, and the number of the step that was heard last. Out: `Heard`: whose profiles changed since then.

    heard = listen(profiles, after)
    heard.number, heard.changes          41, [Changed("c7x…", at, ["Product Viewed"])]

A customer is named as of now, not as of then. Steps are kept for a while (`layout.CHANGES`): whoever comes too late is
told that some are `missed`, and reads anew what they need.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from floorwalker.profiles.live.applying import STATE, State
from floorwalker.profiles.live.layout import CHANGES, Change, number_key

if TYPE_CHECKING:
    from floorwalker.profiles.live.reading import LiveProfiles

AT_ONCE = 64
"""Steps that are told at once."""
_state = msgspec.msgpack.Decoder(State).decode
_changes = msgspec.msgpack.Decoder(list[Change]).decode
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Changed(msgspec.Struct, frozen=True):
    """A customer's newest event, and the names of what happened."""

    customer_id: str
    at: dt.datetime
    events: list[str]


class Heard(msgspec.Struct, frozen=True):
    """`number`: the step that was told last; `missed`: there were some that are not kept any more."""

    number: int
    changes: list[Changed]
    missed: bool = False


def newest(profiles: LiveProfiles) -> int:
    """The number of the newest step."""
    found = profiles.store.get("meta", STATE)
    return _state(found).sequence if found else 0


def listen(profiles: LiveProfiles, after: int) -> Heard:
    """What changed after a step, at most `AT_ONCE` steps of it."""
    with profiles.store.reading() as view:
        found = view.get("meta", STATE)
        last = _state(found).sequence if found else 0
        if after == last:
            return Heard(last, [])
        first = max(last - CHANGES, 0) + 1
        missed = after > last or after + 1 < first
        begin = first if missed else after + 1
        end = min(begin + AT_ONCE, last + 1)
        steps = view.get_many("changes", [number_key(number) for number in range(begin, end)])
        by_record: dict[bytes, Change] = {}
        for step in steps:
            for one in _changes(step) if step else ():
                before = by_record.get(one.record)
                if before is not None:
                    one = Change(one.record, max(before.at, one.at), [*dict.fromkeys((*before.events, *one.events))])
                by_record[one.record] = one
        owners = view.get_many("customer_of", list(by_record))
        changes: dict[str, Changed] = {}
        for one, owner in zip(by_record.values(), owners, strict=True):
            if owner is None:  # erased since
                continue
            customer, at = profiles.current(view, owner.decode()), _EPOCH + dt.timedelta(microseconds=one.at)
            before = changes.get(customer)
            events = [*dict.fromkeys((*before.events, *one.events))] if before else one.events
            changes[customer] = Changed(customer, max(before.at, at) if before else at, events)
    return Heard(end - 1, list(changes.values()), missed)
