"""What the stitcher keeps of every record and every value, in columns of numbers.

In: `Said`, one record at a time. Out: `Holdings`: which records hold a value, what a record holds, and what a value's
holders make of it (`judge`).

A record is a row, a value a slot. The records that hold a value are a chain through the rows: no list per value, so
that a million identifiers cost some hundreds of megabytes, and the garbage collector has nothing to look through.

>>> from floorwalker.identity.stitching.saying import EMAIL, Reader
>>> reader, held = Reader(IdentitySettings()), Holdings(IdentitySettings())
>>> rows = [held.add(reader.said(reader.keys({"record_id": one, "email": "a@lee.com"}))) for one in ("r1", "r2")]
>>> slot = held.slots[EMAIL][rows[0]]
>>> held.count[slot], [held.ids[row] for row in held.holders(EMAIL, slot)]
(2, ['r2', 'r1'])
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from floorwalker.identity.rules import chosen
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.stitching.saying import DEVICE, GUARDED, KINDS, LENDING, Nodes, Said

BARRED, SEVERAL, ALONE, KIOSK = 1, 2, 4, 8
"""What is known of a value: it is nobody's (a hub); several first initials use it; one does, and records without a name
do too; more customers use it than a household."""

_MANY = 16
"""From this many holders on a value's names are counted as they come instead of anew for every record."""
_INITIALS = 0x110000
"""One more than the largest code point: packs an initial and a family name into one number."""


class Tally:
    """Who uses a value that many records hold."""

    __slots__ = ("initials", "named", "names", "words")

    def __init__(self) -> None:
        self.names: Counter[int] = Counter()
        self.initials: Counter[int] = Counter()
        self.words: Counter[int] = Counter()
        self.named = 0

    def add(self, name: int, initial: int, words: int, sign: int) -> None:
        """Count a record in (sign 1) or out (-1)."""
        for counter, key in ((self.names, name), (self.initials, initial), (self.words, words)):
            if key or counter is self.words:
                counter[key] += sign
                if not counter[key]:
                    del counter[key]
        if name:
            self.named += sign


class Holdings:
    """Columns per record (row) and per value (slot). A row that was forgotten has no id and is not used again."""

    def __init__(self, settings: IdentitySettings, barred: frozenset[int] = frozenset()) -> None:
        self.settings = settings
        self.barred = barred
        """Codes of values that are known to be nobody's, whoever holds them."""
        self.rules = frozenset(rule.name for rule in chosen(settings))
        self._share = Fraction(str(settings.hub_share))
        self.rows: dict[str, int] = {}
        self.ids: list[str] = []
        self.slots = [array("i") for _ in KINDS]
        self.nexts = [array("i") for _ in KINDS]
        self.nodes = [array("Q") for _ in range(4)]
        self.names: list[str] = [""]
        self.places: dict[str, int] = {"": 0}
        self.given, self.family, self.birth, self.initial = array("i"), array("i"), array("i"), array("i")
        self.words = array("Q")
        self.first_seen, self.last_seen = array("q"), array("q")
        self.known = array("b")
        self.marks = array("q")
        """What a record looked like as written: the same again needs no second look. 0: not known."""
        self.slot_of: dict[int, int] = {}
        self.code = array("Q")
        self.count = array("i")
        self.flags = array("B")
        self.head = array("i")
        self.visits = array("i")
        """First anonymous record of a device or cookie; `head` is its first record that names somebody."""
        self.tallies: dict[int, Tally] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def name_of(self, row: int) -> tuple[str, str]:
        """(given, family) of a record, folded."""
        return self.names[self.given[row]], self.names[self.family[row]]

    def name_key(self, row: int) -> int:
        """First initial and family name as one number; 0 unless it has both."""
        initial, family = self.initial[row], self.family[row]
        return family * _INITIALS + initial if initial and family else 0

    def holders(self, kind: int, slot: int) -> Iterator[int]:
        """The records that hold a value; of a device or cookie those that name somebody."""
        row, following = self.head[slot], self.nexts[kind]
        while row >= 0:
            yield row
            row = following[row]

    def visitors(self, kind: int, slot: int) -> Iterator[int]:
        """The anonymous records on a device or cookie."""
        row, following = self.visits[slot], self.nexts[kind]
        while row >= 0:
            yield row
            row = following[row]

    def add(self, said: Said) -> int:
        """The row of a record that is not held yet; values are not judged anew."""
        row = len(self.ids)
        self.rows[said.record_id] = row
        self.ids.append(said.record_id)
        given, family = self._place(said.given), self._place(said.family)
        self.given.append(given)
        self.family.append(family)
        self.birth.append(said.birth)
        self.initial.append(ord(said.given[0]) if given else 0)
        self.words.append(said.words)
        self.known.append(said.known)
        self.marks.append(0)
        self.first_seen.append(said.first_seen)
        self.last_seen.append(said.last_seen)
        for column, node in zip(self.nodes, said.nodes, strict=True):
            column.append(node)
        slot_of, heads = self.slot_of, self.head
        for kind, code in enumerate(said.codes):
            if not code:
                self.slots[kind].append(-1)
                self.nexts[kind].append(-1)
                continue
            slot = slot_of.get(code)
            if slot is None:
                slot = slot_of[code] = len(self.code)
                self.code.append(code)
                self.count.append(0)
                self.flags.append(BARRED if code in self.barred else 0)
                heads.append(-1)
                self.visits.append(-1)
            self.slots[kind].append(slot)
            chain = self.visits if kind >= DEVICE and not said.known else heads
            self.nexts[kind].append(chain[slot])
            chain[slot] = row
            self.count[slot] += 1
            if kind in GUARDED:
                if slot in self.tallies:
                    self._count(slot, row, 1)
                elif self.count[slot] >= _MANY:
                    self.tally(kind, slot)
        return row

    def said(self, row: int) -> Said:
        """What a record said, as it was added."""
        given, family = self.name_of(row)
        return Said(
            self.ids[row],
            tuple(self.code[slots[row]] if slots[row] >= 0 else 0 for slots in self.slots),
            Nodes(*(column[row] for column in self.nodes)),
            given,
            family,
            self.birth[row],
            self.words[row],
            bool(self.known[row]),
            self.first_seen[row],
            self.last_seen[row],
        )

    def says(self, row: int, said: Said) -> bool:
        """Does a record that is held say just this?"""
        return self.words[row] == said.words and all(
            (self.code[slot] if (slot := self.slots[kind][row]) >= 0 else 0) == said.codes[kind] for kind in LENDING
        )

    def see(self, row: int, first: int, last: int) -> bool:
        """A record was seen again; did that change when it was? 0: nobody knows when."""
        held = self.first_seen[row]
        first, last = min(first, held) if first and held else first or held, max(self.last_seen[row], last)
        if (first, last) == (self.first_seen[row], self.last_seen[row]):
            return False
        self.first_seen[row], self.last_seen[row] = first, last
        return True

    def remove(self, row: int) -> None:
        """Forget a record; values are not judged anew."""
        del self.rows[self.ids[row]]
        self.ids[row] = ""
        for kind, slots in enumerate(self.slots):
            slot = slots[row]
            if slot < 0:
                continue
            if kind in GUARDED and slot in self.tallies:
                self._count(slot, row, -1)
            chain = self.visits if kind >= DEVICE and not self.known[row] else self.head
            following = self.nexts[kind]
            if chain[slot] == row:
                chain[slot] = following[row]
            else:
                before = chain[slot]
                while following[before] != row:
                    before = following[before]
                following[before] = following[row]
            slots[row] = following[row] = -1
            self.count[slot] -= 1
            if not self.count[slot]:
                # Nothing of the value stays, its hash neither.
                self.slot_of.pop(self.code[slot], None)
                self.tallies.pop(slot, None)
                self.code[slot] = 0
        for column in (*self.nodes, self.words, self.given, self.family, self.birth, self.initial, self.known):
            column[row] = 0

    def _place(self, name: str) -> int:
        place = self.places.get(name)
        if place is None:
            place = self.places[name] = len(self.names)
            self.names.append(name)
        return place

    def _count(self, slot: int, row: int, sign: int) -> None:
        self.tallies[slot].add(self.name_key(row), self.initial[row], self.words[row], sign)

    def tally(self, kind: int, slot: int) -> None:
        """Count from now on who uses a value, if many do."""
        if self.count[slot] >= _MANY:
            tally = self.tallies[slot] = Tally()
            for row in self.holders(kind, slot):
                tally.add(self.name_key(row), self.initial[row], self.words[row], 1)

    def initials(self, kind: int, slot: int) -> Counter[int]:
        """How many holders of a value have which first initial."""
        tally = self.tallies.get(slot)
        if tally:
            return tally.initials
        return Counter(initial for row in self.holders(kind, slot) if (initial := self.initial[row]))

    def judge(self, kind: int, slot: int) -> int:
        """Work out anew what a guarded value is, by the rule of `rules.make_hubs`; the flags that changed: with these
        evidence may have gone, between any of its holders."""
        count, old = self.count[slot], self.flags[slot]
        if count < 2:
            new = 0
        elif tally := self.tallies.get(slot):
            heavy = count > self.settings.cluster_records and len(tally.words) > self.settings.cluster_records
            new = self._verdict(count, tally.names, tally.named, tally.initials) | (BARRED if heavy else 0)
        else:
            names: Counter[int] = Counter()
            initials: Counter[int] = Counter()
            words: set[int] = set()
            named, row, following = 0, self.head[slot], self.nexts[kind]
            while row >= 0:
                if initial := self.initial[row]:
                    initials[initial] += 1
                    if family := self.family[row]:
                        names[family * _INITIALS + initial] += 1
                        named += 1
                words.add(self.words[row])
                row = following[row]
            new = self._verdict(count, names, named, initials)
            if count > self.settings.cluster_records and len(words) > self.settings.cluster_records:
                new |= BARRED
        if self.code[slot] in self.barred:
            new |= BARRED
        self.flags[slot] = new
        return new ^ old

    def _verdict(self, count: int, names: Counter[int], named: int, initials: Counter[int]) -> int:
        verdict = SEVERAL if len(initials) > 1 else (ALONE if named < count else 0)
        if self._crowd(names, named) or self._crowd(initials, 0):
            verdict |= BARRED
        return verdict

    def _crowd(self, by: Counter[int], total: int) -> bool:
        """Are there more than a household has, and nobody who stands on most? `total`: their sum, 0 to be counted."""
        if len(by) <= self.settings.hub_names:
            return False
        return max(by.values()) * self._share.denominator < self._share.numerator * (total or by.total())
