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

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from floorwalker.events.frames import Head
from floorwalker.events.language.words import Words
from floorwalker.events.stamps import AHEAD
from floorwalker.sources.collected.flatten import CALLS, LINES, fed
from floorwalker.sources.collected.row_code import Refused, Row, Take, takers
from floorwalker.sources.collected.values import MISSING, Cleaner, decoded, lower, merged, moment, text_of, trimmed
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


class _Word(msgspec.Struct, gc=False):
    """An event's name, as it is and clean, and what it feeds."""

    name: str
    clean: str | None
    feeds: list[tuple[str, Take]] = []


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
        self._words: dict[str, _Word] = {}
        self._name_of_track: dict[str, str] = {}
        for word, name, kind in triples:
            entry = self._words.setdefault(word, _Word(name, self._clean(name)))
            take = takes[kind]
            if take is not None:
                entry.feeds.append((_HOW.get(kind, "") or ("line" if kind in LINES else ""), take))
        self._alias, self._gpc, self._whole = takes["customers"], takes["consents"], takes[WHOLE]
        self._sent: tuple[str, int | None] = ("", None)

    def read(self, head: Head, place: int, raw: bytes, shared: Any = None) -> Collected | None:
        """The event at a place of a frame; None where it does not count. `shared`: `batch_context(head)`."""
        if (head.refused and place in head.refused) or not raw:
            return None
        event = decoded(raw)
        if event is MISSING:
            return None
        get = (event if type(event) is dict else {}).get
        clean = self._clean
        call: str | None = head.type or get("type")
        if type(call) is not str:
            call = text_of(call)
        named = get("event")
        if named is not None:
            named = _trimmed(named)
        word = self._words.get(named or "") if call == "track" else self._words.get(f"{CALLS}{call}")
        at = self._moment(head, get)
        message = _trimmed(get("messageId")) or head.assigned.get(place)
        if word is not None:
            name: str | None = word.name if call == "track" else None
            feeds = word.feeds
        else:
            name, feeds = None, ()
        rows: list[Row] = []
        refused: list[Refused] = []
        source = head.source
        found = Collected(message or "", source, call or "", word.name if word else named or "", at, rows, refused)
        whole = self._whole
        if whole is None and not feeds and not (call == "alias" and self._alias) and not (head.gpc and self._gpc):
            if word is None:
                found.name = named or _trimmed(get("name")) or ""
            return found

        properties, traits, context = get("properties"), get("traits"), get("context", MISSING)
        if type(properties) is not dict:
            properties = {}
        if shared is not None or b"null" in raw:
            context = merged({} if shared is None else shared, {} if context is MISSING else context)
        if type(context) is not dict:
            context = {}
        others = context.get("traits")
        if type(others) is not dict:
            others = {}
        if type(traits) is not dict:
            traits = others
        user, anonymous = _trimmed(get("userId")), _trimmed(get("anonymousId"))
        user, anonymous = clean(user), clean(anonymous)
        group = get("groupId")
        if group is not None:
            group = clean(_trimmed(group))
        channel = context.get("channel")
        if channel is not None:
            channel = clean(lower(text_of(channel) or ""))
        device = context.get("device")
        if type(device) is dict:
            device = clean(text_of(device.get("id")))
        else:
            device = None
        email = traits.get("email")
        if email is None and (email := properties.get("email")) is None:
            email = others.get("email")
        phone = traits.get("phone")
        if phone is None and (phone := properties.get("phone")) is None:
            phone = others.get("phone")
        loyalty = properties.get("loyalty_id")
        if loyalty is None and (loyalty := traits.get("loyalty_id")) is None and "externalIds" in context:
            loyalty = _external(context["externalIds"])
        if email is not None:
            email = clean(text_of(email))
        if phone is not None:
            phone = clean(text_of(phone))
        if loyalty is not None:
            loyalty = clean(text_of(loyalty))
        kind_of_call = call if call in _CALLS else clean(call)
        message, source, market = clean(message), clean(source), clean(head.market)
        rest = (group, channel, email, phone, loyalty, device)

        for how, take in feeds:
            if not how:
                take(rows, refused, word.clean, kind_of_call, message, at, source, market, user, anonymous, *rest,
                     properties, _NOTHING, traits, context)  # fmt: skip
                continue
            for line in _lines(how, word.name, properties, context):
                take(rows, refused, word.clean, kind_of_call, message, at, source, market, user, anonymous, *rest,
                     properties, line, traits, context)  # fmt: skip
        if call == "alias" and self._alias is not None:
            previous = _trimmed(get("previousId"))
            known_as = anonymous if previous is None else clean(previous)
            self._alias(rows, refused, "alias", "alias", message, at, source, market, user, known_as, *rest,
                        properties, _NOTHING, traits, context)  # fmt: skip
        if head.gpc and self._gpc is not None:
            known = map(clean, _without_properties(traits, others, context))
            self._gpc(rows, refused, "gpc", kind_of_call, message, at - at % _HOUR, source, market, user, anonymous,
                      group, channel, *known, device, _NOTHING, _GPC, traits, context)  # fmt: skip
        if word is None or call != "track":
            name = named or _trimmed(get("name"))
            if word is None:
                found.name = name or ""
        if whole is not None:
            whole(rows, refused, clean(name), kind_of_call, message, at, source, market, user, anonymous, *rest,
                  properties, _NOTHING, traits, context)  # fmt: skip
        return found

    def _moment(self, head: Head, get: Any) -> int:
        """When it happened, by the rule of `events.stamps`."""
        original = get("originalTimestamp")
        if original is None and (original := get("timestamp")) is None:
            return head.received_at
        original = moment(original if type(original) is str else text_of(original))
        received = head.received_at
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
_HOW = {"redemptions": "coupon", "consents": "consent"}
_NOTHING: dict[str, Any] = {}
_GPC = {"purpose": "ads", "status": "denied", "method": "Global Privacy Control"}


def _lines(how: str, name: str, properties: dict[str, Any], context: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """What an event has a row for each of."""
    if how == "line":
        products = properties.get("products")
        return [one if type(one) is dict else _NOTHING for one in products] if type(products) is list else ()
    if how == "coupon":
        return (_NOTHING,) if text_of(properties.get("coupon")) else ()
    found = []
    if purpose := text_of(properties.get("purpose")):
        found.append({"purpose": purpose, "status": text_of(properties.get("status"))})
    consent = context.get("consent")
    preferences = consent.get("categoryPreferences") if type(consent) is dict else None
    if type(preferences) is dict:
        found += [
            {"purpose": key, "status": "granted" if text_of(value) == "true" else "denied"}
            for key, value in preferences.items()
        ]
    if name == "Unsubscribed":
        found.append({"purpose": "marketing_email", "status": "withdrawn"})
    return found


def _trimmed(value: Any) -> str | None:
    """Text without blanks, None for nothing."""
    if type(value) is not str:
        value = text_of(value)
    return trimmed(value) or None if value is not None else None


def _external(ids: Any) -> Any:
    if type(ids) is list:
        for one in ids:
            if type(one) is dict and text_of(one.get("type")) == "loyalty_id":
                return one.get("id")
    return None


def _without_properties(
    traits: dict[str, Any], others: dict[str, Any], context: dict[str, Any]
) -> tuple[str | None, str | None, str | None]:
    email, phone = (traits.get(key) if traits.get(key) is not None else others.get(key) for key in ("email", "phone"))
    loyalty = traits.get("loyalty_id")
    if loyalty is None:
        loyalty = _external(context.get("externalIds"))
    return text_of(email), text_of(phone), text_of(loyalty)
