"""The live stitcher: one record at a time, the customer it is of.

In: what a source wrote about somebody (`saying.Reader`). Out: a customer id, at once. At every moment the partition is
what the rules of a run give for all the records that came (`IdentitySettings(probable=False)`), whatever their order.

>>> stitcher = Stitcher(IdentitySettings(default_region="GB"), b"the project's key")
>>> ann = stitcher.add({"email": "ann@lee.com", "loyalty_id": "L-77"})
>>> stitcher.add({"phone": "020 7946 0018", "given_name": "Ann"}) == ann
False
>>> both = stitcher.add({"phone": "+442079460018", "given_name": "Ann", "loyalty_id": "l77"})
>>> both == stitcher.current(ann) == stitcher.moves()[-1][1], len(stitcher)
(True, 3)
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from floorwalker.identity.compatibility import compatible_names
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.stitching.component import Resolver, Standing
from floorwalker.identity.stitching.customers import Customers
from floorwalker.identity.stitching.holdings import BARRED, Holdings
from floorwalker.identity.stitching.journal import Came, Gone, Seen
from floorwalker.identity.stitching.keeping import Keeper
from floorwalker.identity.stitching.lending import Lender
from floorwalker.identity.stitching.saying import (
    EMAIL,
    GUARDED,
    LENDING,
    Keys,
    Moment,
    Reader,
    Said,
    marked,
    microseconds,
    record_id_of,
)
from floorwalker.identity.stitching.tokens import Tokens

MOST = 2_000
"""Records of a component that one call looks at; what is larger is left as it is until the next run."""
MOVES = 100_000
"""Ids gone over into others that are kept until `moves` is asked."""


class Stitcher:
    """One process writes; nothing is shared. `secret`: the project's, which customer ids are made with. `barred`: codes
    of values that are nobody's whoever holds them. `counts`: `barred` and `freed`, values that turned out to be
    nobody's or somebody's after all; `left_alone`, records whose component was too large to look at."""

    def __init__(
        self,
        settings: IdentitySettings,
        secret: bytes,
        *,
        schemes: Mapping[str, Iterable[str]] | None = None,
        barred: Iterable[int] = (),
        most: int = MOST,
    ) -> None:
        self.reader = Reader(settings)
        self.held = Holdings(settings, frozenset(barred))
        self.customers = Customers(secret, self.held.ids, self.held.known)
        self.standing = Standing()
        self.tokens = Tokens(schemes)
        self.counts: Counter[str] = Counter()
        self._resolver = Resolver(self.held, self.standing, most)
        self._lender = Lender(self.held, self.customers, most)
        self._most = most
        self._moves: deque[tuple[str, str]] = deque(maxlen=MOVES)
        self._keeper: Keeper | None = None
        self.position = ""
        """The last that was saved."""
        self.base = 0
        """So many rows a run has published."""
        self.touched: set[str] = set()
        """Of these the records that were seen again or forgotten."""

    def __len__(self) -> int:
        return len(self.held)

    def add(self, record: Mapping[str, Any]) -> str:
        """Take a record in; the id of its customer."""
        record_id = record_id_of(record)
        row = self.held.rows.get(record_id)
        mark = marked(record)
        if row is not None and self.held.marks[row] == mark:
            seen = record.get("seen")
            return self._again(row, record.get("first_seen", seen), record.get("last_seen", seen))
        if row is not None and record_id in self.tokens:
            self._reread(self.tokens.forget(record_id))
        row = self.enter(record, self.reader.keys(record, record_id))
        self.held.marks[row] = mark
        return self.customers.id_of(row)

    def enter(self, record: Mapping[str, Any], keys: Keys) -> int:
        """Take a record in whose keys have been read; its row."""
        again = self.tokens.read(record, keys)
        self.take(self.reader.said(keys))
        self._reread(again)
        return self.held.rows[keys.record_id]

    def saw(self, row: int, first: int, last: int) -> None:
        """A record that was entered came again, between these times (microseconds; 0: nobody knows when)."""
        held = self.held
        if not held.see(row, first, last):
            return
        dated = self._resolver.dated and held.known[row]
        if dated:
            self._resolve([row])
        # When it was matters only for devices and cookies that others have, too.
        shared = any((slot := held.slots[kind][row]) >= 0 and held.count[slot] > 1 for kind in LENDING)
        if shared:
            self._lend([row])
        if dated or shared:
            self._note()
        if row < self.base:
            self.touched.add(held.ids[row])
        if self._keeper:
            self._keeper.seen(row)

    def take(self, said: Said, *, stays: bool = False) -> str:
        """`add` for what is normalised already. `stays`: a record that says something else now stays the published
        customer's that it was."""
        held, stood = self.held, None
        row = held.rows.get(said.record_id)
        if row is not None:
            if held.says(row, said):
                return self._again(row, said.first_seen, said.last_seen)
            if row < self.base:
                self.touched.add(said.record_id)
            if stays and self.standing.number[row] >= 0:
                stood = (self.standing.number[row], self.standing.beside(row), self.standing.cuts.get(row, {}))
            self._forget(row)
        row = held.add(said)
        self.customers.alone(row)
        self.standing.alone(row)
        if stood:
            number, beside, cuts = stood
            self.standing.enter(row, number, beside[0] if beside else -1, cuts)
            self.customers.carry(row, number)
        if said.known:
            self._resolve([row, *self._judged(row)], row)
        elif said.codes[LENDING[0]] or said.codes[LENDING[1]]:
            self._lend([row], row)
        self._note()
        if self._keeper:
            self._keeper.came(row)
        return self.customers.id_of(row)

    def customer_of(self, record_id: str) -> str | None:
        """The customer of a record, None for one that never came."""
        row = self.held.rows.get(record_id)
        return None if row is None else self.customers.id_of(row)

    def current(self, customer_id: str) -> str:
        """The customer that an id stands for now."""
        return self.customers.current(customer_id)

    def moves(self) -> list[tuple[str, str]]:
        """(id, the id it has gone over into) since the last call, oldest first."""
        found = list(self._moves)
        self._moves.clear()
        return found

    def forget(self, record_ids: Iterable[str]) -> int:
        """As if these records had never come; how many there were."""
        gone = 0
        for record_id in record_ids:
            row = self.held.rows.get(record_id)
            if row is not None:
                gone += 1
                if row < self.base:
                    self.touched.add(record_id)
                again = self.tokens.forget(record_id)
                self._forget(row)
                self._reread(again)
        self._note()
        if gone and self._keeper:
            self._keeper.rewrite()
        return gone

    def keep(self, path: Path) -> str:
        """From now on keep what comes in a file; first take in what it holds. The position last saved with `save`, ""
        if there is none: what came after it is to be added again, twice does no harm.

        Entries that were made under other settings are dropped."""
        self._keeper = Keeper(self, path)
        self.position = self._keeper.open()
        self._moves.clear()
        return self.position

    def save(self, position: str = "") -> None:
        """Have on disk what has come so far. `position`: how far the caller has read, to be told by `keep`."""
        self.position = position
        if self._keeper:
            self._keeper.save(position)

    def close(self) -> None:
        """Write what waits and let go of the file; nothing is kept from now on."""
        if self._keeper:
            self._keeper.close()
            self._keeper = None

    def read_hashed_again(self) -> None:
        """See for every record that came hashed after the base whom its hashes stand for."""
        rows = self.held.rows
        self._reread(one for one in self.tokens.born if rows[one] >= self.base)

    def published(self) -> None:
        """What is held now is what a run has published: `keep` keeps what comes after it."""
        self.base = len(self.held.ids)

    def replay(self, entry: Came | Seen | Gone) -> None:
        """Take in an entry of a journal."""
        if isinstance(entry, Came):
            record_id = entry.said.record_id
            if record_id in self.tokens:
                self._reread(self.tokens.forget(record_id))
            if entry.born:
                self.tokens.add_born(entry.born)
            again: set[str] = set()
            for told in entry.told:
                again |= self.tokens.add_told(record_id, told)
            self.take(entry.said, stays=entry.stays)
            self._reread(again - {record_id})
        elif isinstance(entry, Gone):
            self.forget([entry.record_id])
        elif entry.record_id in self.held.rows:
            self._again(self.held.rows[entry.record_id], entry.first_seen, entry.last_seen)

    def _reread(self, record_ids: Iterable[str]) -> None:
        """Records that came hashed, and whose hash means something else now."""
        for record_id in sorted(record_ids):
            mark = self.held.marks[self.held.rows[record_id]]
            self.take(self.reader.said(self.tokens.known_now(record_id)), stays=True)
            self.held.marks[self.held.rows[record_id]] = mark

    def rules_changed(self) -> None:
        """The rules in use (`held.rules`) are others than before; only while nobody is known."""
        self._resolver = Resolver(self.held, self.standing, self._most)
        self._lender = Lender(self.held, self.customers, self._most)

    def _again(self, row: int, first: Moment, last: Moment) -> str:
        """A record came once more; the id of its customer."""
        self.saw(row, microseconds(first), microseconds(last))
        return self.customers.id_of(row)

    def _judged(self, row: int, slots: Sequence[int] = ()) -> list[int]:
        """Judge a record's values anew; the holders of those that are no longer what they were."""
        held, found = self.held, []
        for kind in GUARDED:
            slot = slots[kind] if slots else held.slots[kind][row]
            if slot < 0 or not (changed := held.judge(kind, slot)):
                continue
            if changed & BARRED:
                self.counts["barred" if held.flags[slot] & BARRED else "freed"] += 1
            if held.count[slot] <= self._most:
                found += held.holders(kind, slot)
            else:
                self.counts["left_alone"] += 1
        return found

    def _resolve(self, sources: Iterable[int], new: int = -1) -> None:
        """Resolve the components of these records; `new`: a row that no customer has yet."""
        customers, label = self.customers, self.customers.label
        done: set[int] = set()
        groups: list[list[int]] = []
        for row in sources:
            if row in done:
                continue
            found = self._resolver.gather(row)
            if found.capped:
                self.counts["left_alone"] += 1
                done.add(row)
                if row == new:
                    self._follow(row)
                continue
            done.update(found.rows)
            groups += self._resolver.customers(found)
        groups = [group for group in groups if not self._stands(group)]
        touched = {new} - {-1}
        if len(groups) == 1 and new in groups[0]:
            others = [row for row in groups[0] if row != new]
            if self._stands(others):
                customers.join(new, label[others[0]])
                groups = []
        if groups:
            customers.regroup(groups, new)
            touched |= {member for group in groups for member in customers.members(group[0])}
        self._lend(touched)

    def _stands(self, group: list[int]) -> bool:
        """Are these records one customer already, and all of it that names somebody?"""
        label, known = self.customers.label, self.held.known
        first = label[group[0]]
        return all(label[row] == first for row in group) and len(group) == sum(
            known[row] for row in self.customers.members(first)
        )

    def _lend(self, rows: Iterable[int], new: int = -1) -> None:
        held = self.held
        with_device = [row for row in rows if any(held.slots[kind][row] >= 0 for kind in LENDING)]
        if with_device:
            self.counts["left_alone"] += self._lender.lend(with_device, new)

    def _follow(self, row: int) -> None:
        """A record in a component too large goes with the last one of the same number or mailbox, if its name allows
        it."""
        held = self.held
        for kind in range(EMAIL + 1):
            slot = held.slots[kind][row]
            if slot < 0 or held.flags[slot] & BARRED:
                continue
            other = next((one for one in held.holders(kind, slot) if one != row), -1)
            if other >= 0 and compatible_names(held.name_of(row), held.name_of(other)):
                self.customers.join(row, self.customers.label[other])
                return

    def _forget(self, row: int) -> None:
        held, customers = self.held, self.customers
        slots = [column[row] for column in held.slots]
        others = [other for other in customers.members(row) if other != row]
        known = [other for other in others if held.known[other]]
        visits = [other for other in others if not held.known[other]]
        for kind, slot in enumerate(slots):
            if slot >= 0 and held.count[slot] <= self._most and not held.flags[slot] & BARRED:
                known += held.holders(kind, slot)
                if kind in LENDING:
                    visits += held.visitors(kind, slot)
        heirs = self.standing.beside(row)
        known += heirs
        self.standing.drop(row)
        customers.drop(row, heirs)
        held.remove(row)
        known += self._judged(row, slots)
        self._resolve([other for other in known if other != row])
        self._lend([other for other in (*known, *visits) if other != row])

    def _note(self) -> None:
        self._moves += self.customers.settle()
