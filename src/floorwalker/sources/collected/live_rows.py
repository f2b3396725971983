"""Events as typed rows of the vocabulary, one by one and without a database: for whatever must know within a moment
what a run will know.

In: a mapping (its expressions included), the words of the event language, and events as frames hold them. Out: per
event a `Collected` with the rows that a run would bring into the bronze tables of it, equal value by value.

>>> from floorwalker.events.language.words import words
>>> from floorwalker.sources.collected import COLLECTED
>>> from floorwalker.sources.mapping import load_mapping
>>> reader = LiveRows(load_mapping(COLLECTED), words(), kinds=("browse_events",))
>>> event = b'{"type":"page","messageId":"m1","anonymousId":"a1","context":{"page":{"url":"https://shop.example/"}}}'
>>> found = reader.read(Head(received_at=1_700_000_000_000_000, source="web"), 0, event)
>>> found.name, [(row.kind, row.values["url"], row.values["cookie_id"]) for row in found.rows]
('Page Viewed', [('browse_events', 'https://shop.example/', 'a1')])

What a run knows and one event does not: which events came before (the first of equal message ids counts), which people
asked to be forgotten, and that a browser's `gpc` is one row an hour: here it is a row each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from floorwalker.events.frames import Head
from floorwalker.events.language.words import Words
from floorwalker.events.stamps import AHEAD
from floorwalker.sources.collected.flatten import CALLS, LINES, fed
from floorwalker.sources.collected.row_code import Refused, Row, Take, takers
from floorwalker.sources.collected.values import (
    BLANKS,
    MISSING,
    Cleaner,
    Known,
    Merged,
    context_text,
    decode,
    decoded,
    lower,
    merged,
    moment,
    pruned,
    text_of,
    trimmed,
)
from floorwalker.sources.mapping import Mapping

_AHEAD = AHEAD.days * 86_400_000_000 + AHEAD.seconds * 1_000_000
_HOUR = 3_600_000_000
WHOLE = "collected_events"


class Collected(msgspec.Struct):
    """An event and its rows. `name`: in the event language, or as it was sent; `occurred_at`: microseconds, UTC;
    `refused`: rows that would be in quarantine."""

    message_id: str
    source: str
    call: str
    name: str
    occurred_at: int
    rows: list[Row]
    refused: list[Refused]


_Lines = Callable[[str, dict[str, Any], dict[str, Any]], Iterable[dict[str, Any]]]


class _Word(msgspec.Struct, gc=False):
    """An event's name, as it is and clean, and what it feeds: the rows' lines, and what makes a row of one."""

    name: str
    clean: str | None
    feeds: list[tuple[_Lines | None, Take]] = []


def batch_context(head: Head) -> Any:
    """The context that a request gave for all its events, for `LiveRows.read`: read once per frame."""
    found = decoded(head.context) if head.context else None
    return None if found is MISSING else found


class LiveRows:
    """Reads events. `kinds`: of the vocabulary, which rows to make; None for all. Raises ConfigError where an
    expression of the mapping has no Python."""

    def __init__(self, mapping: Mapping, words: Words, kinds: Collection[str] | None = None) -> None:
        triples = fed(words)
        row_kinds = dict.fromkeys([kind for _, _, kind in triples] + ["customers", "consents", WHOLE])
        takes = takers(mapping, kinds, row_kinds)
        self._clean = Cleaner(mapping.null_values)
        self._few = Known(self._clean)
        self._track: dict[str, _Word] = {}
        self._calls: dict[str, _Word] = {}
        for word, name, kind in triples:
            of_call = word.startswith(CALLS)
            entry = (self._calls if of_call else self._track).setdefault(
                word.removeprefix(CALLS) if of_call else word, _Word(name, self._clean(name))
            )
            take = takes[kind]
            if take is not None:
                entry.feeds.append((_LINES.get(kind), take))
        self._alias, self._gpc, self._whole = takes["customers"], takes["consents"], takes[WHOLE]
        self._sent: tuple[str, int | None] = ("", None)

    def read(self, head: Head, place: int, raw: bytes, shared: Any = None) -> Collected | None:
        """The event at a place of a frame; None where it does not count. `shared`: `batch_context(head)`."""
        if (head.refused and place in head.refused) or not raw:
            return None
        try:
            event = decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            event = decoded(raw)
            if event is MISSING:
                return None
        get = (event if type(event) is dict else _NOTHING).get
        call = head.type or get("type")
        if type(call) is not str:
            call = text_of(call) or ""
        named, message = get("event"), get("messageId")
        if call != "track":
            word = self._calls.get(call)
        elif type(named) is str and named in self._track:
            word = self._track[named]
        else:
            word = self._track.get(_trimmed(named) or "")
        if type(message) is not str or message[:1] in _BLANK or message[-1] in BLANKS:
            message = _trimmed(message) or head.assigned.get(place) or ""
        name = word.name if word is not None else _trimmed(named) or _trimmed(get("name")) or ""
        at = self._moment(head, get)
        found = Collected(message, head.source, call, name, at, [], [])
        feeds = word.feeds if word is not None else ()
        if feeds or self._whole or (head.gpc and self._gpc) or (call == "alias" and self._alias):
            self._rows(head, get, shared, found, word, feeds)
        return found

    def _rows(
        self, head: Head, get: Callable[..., Any], shared: Any, found: Collected, word: _Word | None,
        feeds: Iterable[tuple[_Lines | None, Take]],
    ) -> None:  # fmt: skip
        """Add the rows of an event: `get` has its parts."""
        clean, rows, refused, at = self._clean, found.rows, found.refused, found.occurred_at
        properties, traits, context = get("properties"), get("traits"), get("context", MISSING)
        if type(properties) is not dict:
            properties = _NOTHING
        if shared is not None:
            context = merged(shared, _NOTHING if context is MISSING else context)
            context = Merged(context) if type(context) is dict else _NOTHING
        elif type(context) is not dict:
            context = _NOTHING
        others = context.get("traits")
        if others is not None:
            others = pruned(others, context) if type(others) is dict else None
        if type(traits) is not dict:
            traits = others or _NOTHING
        user, anonymous, group = get("userId"), get("anonymousId"), get("groupId")
        nulls = clean.nulls
        if user is not None and (type(user) is not str or user in nulls or user[0] in BLANKS or user[-1] in BLANKS):
            user = _known(user, clean)
        if anonymous is not None and (
            type(anonymous) is not str or anonymous in nulls or anonymous[0] in BLANKS or anonymous[-1] in BLANKS
        ):
            anonymous = _known(anonymous, clean)
        if group is not None:
            group = _known(group, clean)
        channel, device, ids = context.get("channel"), context.get("device"), context.get("externalIds")
        if channel is not None:
            channel = clean(lower(context_text(channel, context) or ""))
        if device is not None:
            device = clean(context_text(device.get("id"), context)) if type(device) is dict else None
        email, phone, loyalty = properties.get("email"), properties.get("phone"), properties.get("loyalty_id")
        if traits:
            email = _first(traits.get("email"), email)
            phone = _first(traits.get("phone"), phone)
        if others:
            email, phone = _first(email, others.get("email")), _first(phone, others.get("phone"))
        if loyalty is None and (traits or ids):
            loyalty = _first(traits.get("loyalty_id"), _external(ids))
        if email is not None:
            email = clean(text_of(email))
        if phone is not None:
            phone = clean(text_of(phone))
        if loyalty is not None:
            loyalty = clean(text_of(loyalty))
        kind_of_call = found.call if found.call in _CALLS else clean(found.call)
        message = found.message_id
        if message in nulls or message[0] in BLANKS or message[-1] in BLANKS:
            message = clean(message)
        source, market = self._few[found.source], self._few[head.market]

        told = word.clean if word is not None else None
        for lines, take in feeds:
            for line in _ONE if lines is None else lines(found.name, properties, context):
                take(rows, refused, told, kind_of_call, message, at, source, market, user, anonymous, group,
                     channel, email, phone, loyalty, device, properties, line, traits, context)  # fmt: skip
        if found.call == "alias" and self._alias is not None:
            previous = _trimmed(get("previousId"))
            known_as = anonymous if previous is None else clean(previous)
            self._alias(rows, refused, "alias", "alias", message, at, source, market, user, known_as, group,
                        channel, email, phone, loyalty, device, properties, _NOTHING, traits, context)  # fmt: skip
        if head.gpc and self._gpc is not None:
            others = others or _NOTHING
            own = [
                clean(text_of(_first(*given)))
                for given in (
                    (traits.get("email"), others.get("email")), (traits.get("phone"), others.get("phone")),
                    (traits.get("loyalty_id"), _external(ids)),
                )
            ]  # fmt: skip
            self._gpc(rows, refused, "gpc", kind_of_call, message, at - at % _HOUR, source, market, user, anonymous,
                      group, channel, *own, device, _NOTHING, _GPC, traits, context)  # fmt: skip
        if self._whole is not None:
            name = word.name if word is not None and found.call == "track" else None
            name = name or _trimmed(get("event")) or _trimmed(get("name"))
            self._whole(rows, refused, clean(name), kind_of_call, message, at, source, market, user, anonymous, group,
                        channel, email, phone, loyalty, device, properties, _NOTHING, traits, context)  # fmt: skip

    def _moment(self, head: Head, get: Callable[..., Any]) -> int:
        """When it happened, by the rule of `events.stamps`."""
        received = head.received_at
        original = get("originalTimestamp")
        if original is None and (original := get("timestamp")) is None:
            return received
        if type(original) is not str:
            original = text_of(original)
        original = moment(original)
        if original is None:
            return received
        text = head.sent_at
        if not text:
            sent = moment(text_of(get("sentAt")))
        elif text == self._sent[0]:
            sent = self._sent[1]
        else:
            sent = moment(text)
            self._sent = (text, sent)
        at = original if sent is None else received - (sent - original)
        return received + _AHEAD if at > received + _AHEAD else received if at < 0 else at


_CALLS = frozenset(("track", "page", "screen", "identify", "group", "alias"))
_BLANK = BLANKS | {""}
_NOTHING: dict[str, Any] = {}
_ONE = (_NOTHING,)
_GPC = {"purpose": "ads", "status": "denied", "method": "Global Privacy Control"}


def _products(name: str, properties: dict[str, Any], context: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """A row for each product."""
    products = properties.get("products")
    return [one if type(one) is dict else _NOTHING for one in products] if type(products) is list else ()


def _coupon(name: str, properties: dict[str, Any], context: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """A row where there is a coupon."""
    return _ONE if text_of(properties.get("coupon")) else ()


def _consents(name: str, properties: dict[str, Any], context: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """A row for each purpose, whichever way it is told."""
    if purpose := text_of(properties.get("purpose")):
        yield {"purpose": purpose, "status": text_of(properties.get("status"))}
    consent = context.get("consent")
    preferences = consent.get("categoryPreferences") if type(consent) is dict else None
    if type(preferences) is dict:
        for key, value in pruned(preferences, context).items():
            yield {"purpose": key, "status": "granted" if text_of(value) == "true" else "denied"}
    if name == "Unsubscribed":
        yield {"purpose": "marketing_email", "status": "withdrawn"}


_LINES: dict[str, _Lines] = {
    **dict.fromkeys(LINES, _products), "redemptions": _coupon, "consents": _consents,
}  # fmt: skip
"""Kinds of which an event has as many rows as it has lines: these."""


def _trimmed(value: Any) -> str | None:
    """Text without blanks, None for nothing."""
    text = value if type(value) is str else text_of(value)
    return trimmed(text) or None if text is not None else None


def _known(value: Any, clean: Cleaner) -> str | None:
    """An id, clean."""
    return clean(_trimmed(value))


def _first(*values: Any) -> Any:
    """The first that is said."""
    for value in values:
        if value is not None:
            return value
    return None


def _external(ids: Any) -> Any:
    """The customer's number in the loyalty scheme."""
    if type(ids) is list:
        for one in ids:
            if type(one) is dict and text_of(one.get("type")) == "loyalty_id":
                return one.get("id")
    return None
