"""Random events for tests: like what SDKs send of the whole vocabulary, with odd values in any place.

In: a random generator. Out: events, and frames of them with contexts, clocks and signals of their own.
"""

from __future__ import annotations

import json
import random
from typing import Any

from floorwalker.events.frames import Frame, Head, pack, unpack
from floorwalker.events.language.words import Property, words
from floorwalker.sources.collected.flatten import fed

RECEIVED = 1_772_366_400_000_000
WORDS = words()
TEXTS = (
    *("", " ", "\t", "\xa0", "\u3000", "a", "GBP", " gbp ", "NULL", " nan", "N/A\n", "null", "-1", "x\xa0"),
    *("\xa0x", "x\r"),
    *("\u3000\ta", "\ta\u3000", "ÄÖß", "İstanbul", "ΑΣ", "x" * 300, "\x00", "a\x00b", "\u2028", "\x1f\x7f"),
    *('q"\\/', "😀", "{}"),
    *("[]", "true", "TRUE", "Yes", "0.0", "granted", " Denied", "withdrawn", "ads", "ADS", "P-10", "product viewed"),
    *("17850.0", "17850.00", "9.94E+14", "1.5e+3", "-1e+5", "٣.0", "1.", ".5", "1_000", "1,234.50", "1,234"),
    *("1,234,567"),
    *("£5", "1,99", "5e-1", "9e-6", "1e3", "1e14", "99999999999999.99995", "1e400", "-0", "+7", "7 "),
    *("12345678901234567"),
    *("2026-03-02", "2026-3-2", "1980/03/04", "0001-01-01", "0026-03-04", "2026-02-30", "epoch", "infinity", "now"),
    *("2026-03-02T10:15:00Z", "2026-03-02 10:15", "2026-03-02T10:15:00.1239999+05:30", "9999-12-31"),
    *("1980-03-04T00:00"),
    *("2026-03-01T11:58:00.123456789Z", "2026-03-01T11:58:00,123Z", "2026-W01-1T11:58:00.123Z", "1700000000"),
    *("1700000000.5"),
    *("-1700000000000", "1772366300.1234565", "2026-03-01T24:00:00.000Z", "2026-03-01T10:00-0530"),
    *("2026-03-01T10:00:60Z"),
    *("loyalty_id", "app", "WEB", "de-DE", "EN", "M", "a@b.de", " A@B.de\n", "Email ", "Store Sale"),
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (
    *(0, 1, 2, 3, -1, 7.0, 0.5, 9.99, 79.95, 1.005, 2.00005, -2.00005, 1e-5, 1e-7, 9e-7, 1e16, 1e20, 1e21, 1.5e22),
    *(2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**30, -0.0, 1e308, 5e-324),
    *(99999999999999, 99999999999.999, 100000000000, 1772366300, 1772366300123, 1772366300.5),
)  # fmt: skip
RIGHT: dict[str, tuple[Any, ...]] = {
    "text": ("a", "GBP", "web", "shoes"), "id": ("P-10", 17, "17850.0"), "integer": (3, "4"), "quantity": (1, 2, "0.5"),
    "money": (9.99, "9.99", 5, 79.95), "number": (4.5,), "boolean": (True, "false"), "date": ("2026-03-02", "1980-3-4"),
    "timestamp": ("2026-03-02T10:15:00Z",), "list": ([],), "object": ({}, {"a": 1.50}),
}  # fmt: skip

_FED: dict[str, list[str]] = {}
for _word, _, _kind in fed(WORDS):
    _FED.setdefault(_kind, []).append(_word.removeprefix("call:"))
NAMES = (*_FED.values(), [*WORDS.names, *WORDS.calls], ["alias"])
"""Words by what they feed, so that every kind of record is made often."""


class Odd:
    """Makes events. `oddness`: how often a value is not what is meant."""

    def __init__(self, seed: int, oddness: float = 0.15) -> None:
        self.rng, self.oddness = random.Random(seed), oddness

    def maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def odd(self, depth: int = 0) -> Any:
        """Any value."""
        pick = self.rng.random()
        if pick < 0.45:
            return self.rng.choice(TEXTS)
        if pick < 0.7:
            return self.rng.choice(NUMBERS)
        if pick < 0.85 or depth > 2:
            return self.rng.choice((None, True, False))
        if pick < 0.92:
            return [self.odd(depth + 1) for _ in range(self.rng.randrange(3))]
        return {
            self.rng.choice(("a", "id", "email", "url", "é", "x y")): self.odd(depth + 1)
            for _ in range(self.rng.randrange(3))
        }

    def value(self, *right: Any) -> Any:
        return self.odd() if self.maybe(self.oddness) else self.rng.choice(right)

    def property(self, one: Property) -> Any:
        if one.of in WORDS.sets:
            lines = [self.some(WORDS.sets[one.of]) for _ in range(self.rng.randrange(3))]
            return self.value([self.odd() if self.maybe(self.oddness / 3) else line for line in lines])
        return self.value(*(one.values or RIGHT[one.type]))

    def some(self, properties: tuple[Property, ...]) -> dict[str, Any]:
        keep = self.rng.choice((0.5, 0.9))
        return {one.name: self.property(one) for one in properties if self.maybe(keep)}

    def time(self) -> Any:
        second, part = self.rng.randrange(60), self.rng.randrange(1000)
        return self.value(
            f"2026-03-01T11:58:{second:02}.{part:03}Z", f"2026-03-01T12:09:{second:02}.{part:03}Z",
            f"2026-03-01T13:58:{second:02}+02:00", 1772366200 + second, 1772366200123 + second,
            f"177236620{second / 10}",
        )  # fmt: skip

    def context(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.maybe(0.6):
            found["page"] = self.value({"url": self.value("https://shop.example/"), "title": self.odd()})
        if self.maybe(0.4):
            found["traits"] = self.value(self.some(WORDS.calls["identify"].properties))
        if self.maybe(0.3):
            found["device"] = self.value({"id": self.value("D-1", 7)}, {"id": self.odd()}, {"id": None})
        if self.maybe(0.3):
            kinds = [self.value({"type": self.value("loyalty_id", "x"), "id": self.value("L-1", 5)}) for _ in range(3)]
            found["externalIds"] = self.value(kinds[: self.rng.randrange(4)])
        if self.maybe(0.4):
            names = self.rng.sample(("ads", "analytics", "Profiling", "other", ""), self.rng.randrange(4))
            found["consent"] = self.value({"categoryPreferences": self.value({one: self.value(True, False, "true", None)
                                                                             for one in names})})  # fmt: skip
        for name, right in (("locale", "de-DE"), ("sessionId", 17), ("channel", "Mobile")):
            if self.maybe(0.4):
                found[name] = self.value(right)
        return found

    def event(self, message: str) -> Any:
        """An event; most have an id of their own."""
        name = self.rng.choice(self.rng.choice(NAMES))
        one = WORDS.definition(name) or WORDS.calls[name]
        event: dict[str, Any] = {"type": one.call}
        if one.call == "track" or self.maybe(0.1):
            event["event"] = self.odd() if self.maybe(0.05) else self.value(name) if self.maybe(0.1) else name
        if not self.maybe(0.1):
            event["messageId"] = message if self.maybe(0.8) else f" {message}\xa0" if self.maybe(0.5) else self.odd()
        for key, right in (
            ("userId", ("U-1", 17, "U-2")), ("anonymousId", ("A-1", "A-2")), ("previousId", ("A-0",)), ("name",
            ("Home",)),
            ("groupId", ("G",)),
        ):  # fmt: skip
            if self.maybe(0.5):
                event[key] = self.value(*right)
        for key in ("timestamp", "originalTimestamp", "sentAt"):
            if self.maybe(0.4):
                event[key] = self.time()
        properties = self.some(one.properties)
        for key in ("email", "phone", "loyalty_id", "coupon", "url"):
            if self.maybe(0.15):
                properties[key] = self.odd()
        for key in ("properties", "traits"):
            if self.maybe(0.7):
                event[key] = self.odd() if self.maybe(0.05) else properties
        if self.maybe(0.6):
            event["context"] = self.odd() if self.maybe(0.05) else self.context()
        if self.maybe(0.01):
            return self.odd()
        items = list(event.items())
        self.rng.shuffle(items)
        return dict(items)

    def frames(self, events: int) -> list[Frame]:
        """So many events in frames, a millisecond apart."""
        found: list[Frame] = []
        made = 0
        while made < events:
            gpc = self.maybe(0.2)
            count = 1 if gpc else self.rng.randrange(1, 6)
            raws = []
            for place in range(count):
                text = json.dumps(self.event(f"m{made + place}"), ensure_ascii=self.maybe(0.5), allow_nan=False)
                if self.maybe(0.02):
                    text = text.replace("9.99", "1e400")
                if self.maybe(0.02):
                    text = self.rng.choice((text[:-1], text.replace("null", "NaN"), "", '{"type":"page",}', text + " "))
                raws.append(text.encode("utf-8", "replace"))
            head = Head(
                received_at=RECEIVED + len(found) * 1000 + self.rng.randrange(1000),
                # The one row an hour of a browser's signal is a run's affair.
                source=f"web{len(found)}" if gpc else "web",
                market=self.rng.choice(("", "uk", " de ", "NULL")),
                sent_at=str(self.time() or "") if self.maybe(0.6) else "",
                context=json.dumps(self.context()).encode() if self.maybe(0.3) else b"",
                type=self.rng.choice(("track", "page")) if self.maybe(0.1) else "",
                gpc=gpc,
                assigned={place: f"assigned-{made + place}" for place in range(count)},
                refused={0: "no"} if self.maybe(0.05) else {},
            )
            found.append(unpack(pack(head, raws)))
            made += count
        return found
