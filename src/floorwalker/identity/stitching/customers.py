"""Which customer every record is of, and the customers' ids.

In: rows joined and regrouped. Out: members and ids; which ids have gone over into others.

A customer is a ring of rows, named by one of them (its label). Its id is the one that a run has published for most of
its records, else what `registry.new_id` gives for its smallest record id: a function of who is together, as in a run,
and not of the order in which records came. So an id may go over into another while customers grow; `current` knows.

>>> customers = Customers(b"key", ["r2", "r1", "r3"], array("b", [1, 1, 0]))
>>> for row in range(3): customers.alone(row)
>>> two, one = customers.id_of(0), customers.id_of(1)
>>> customers.regroup([[0, 1]])
>>> customers.settle() == [(two, one)], customers.current(two) == one, sorted(customers.members(1))
(True, True, [0, 1])
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from sys import getsizeof

from floorwalker.identity.registry import new_id

REMEMBERED = 1 << 16
"""Ids that are not worked out again while their customers do not change."""


class Published:
    """The customers that a run has published, by number: id, how many records, since when seen, and the row that
    carries the id wherever it goes (-1: erased)."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.numbers: dict[str, int] = {}
        self.records, self.first_seen, self.home = array("i"), array("q"), array("i")


class Customers:
    """`label`: row -> the row that its customer is named by, one that names somebody if any does. `ids`: row -> record
    id, "" for a row that is gone; `known`: row -> does it name somebody?"""

    def __init__(self, secret: bytes, ids: list[str], known: array[int]) -> None:
        self._secret, self._ids, self._known = secret, ids, known
        self.label, self.following = array("i"), array("i")
        """Row -> label; -> the next row of its customer's ring."""
        self.anchor, self.keeper = array("i"), array("i")
        """Label -> the row of the smallest record id; -> the published customer whose id it has, -1 none."""
        self.home_of = array("i")
        """Row -> the published customer whose id it carries, -1 none."""
        self.published = Published()
        self._former: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._known_as: dict[int, str] = {}
        self.changed: set[int] | None = None
        """Rows whose customer may be another one since the set was emptied; None: nobody wants to know."""

    def alone(self, row: int) -> None:
        """A new row, a customer of its own."""
        for column in (self.label, self.following, self.anchor):
            column.append(row)
        self.keeper.append(-1)
        self.home_of.append(-1)
        if self.changed is not None:
            self.changed.add(row)

    def members(self, row: int, most: int = -1) -> list[int]:
        """The rows of a row's customer; one more than `most` where there are more."""
        found, following, other = [row], self.following, self.following[row]
        while other != row:
            if len(found) == most + 1:
                break
            found.append(other)
            other = following[other]
        return found

    def stands(self, group: Sequence[int]) -> bool:
        """Are these rows one customer already, and all of it?"""
        first = self.label[group[0]]
        return all(self.label[row] == first for row in group) and len(self.members(first)) == len(group)

    def join(self, row: int, label: int) -> None:
        """A row that is new joins a customer."""
        if self.home_of[row] >= 0:
            self._remember(label)
            self.ring(label, [*self.members(label), row])
            return
        if self._ids[row] < self._ids[self.anchor[label]]:
            if self.keeper[label] < 0:
                self._remember(label)
                self._known_as.pop(label, None)
            self.anchor[label] = row
        self.label[row] = label
        self.following[row], self.following[label] = self.following[label], row
        if self.changed is not None:
            self.changed.add(row)

    def regroup(self, groups: Sequence[Sequence[int]], new: int = -1) -> None:
        """Make each group one customer; rows of their former customers that are in no group stay together, with the
        group that their label is in, or by themselves. `new`: a row whose id nobody has heard yet."""
        rows = {row for group in groups for row in group}
        rest: dict[int, list[int]] = {}
        for label in {self.label[row] for row in rows}:
            if label != new:
                self._remember(label)
            if left := [other for other in self.members(label) if other not in rows]:
                rest[label] = left
        made = []
        for group in groups:
            inside = set(group)
            own = next((label for row in group if (label := self.label[row]) in inside), group[0])
            made.append((own, [*group, *rest.pop(own, ())]))
        made += list(rest.items())
        for label, group in made:
            self.ring(label, group)

    def ring(self, label: int, rows: Sequence[int]) -> None:
        """Make these rows a customer, named by `label` if that is one of them and names somebody, or nobody does."""
        if label not in rows or not self._known[label]:
            label = next((row for row in rows if self._known[row]), rows[0])
        keeper, anchor = -1, rows[0]
        for row, following in zip(rows, [*rows[1:], rows[0]], strict=True):
            self.label[row] = label
            self.following[row] = following
            if self._ids[row] < self._ids[anchor]:
                anchor = row
            number = self.home_of[row]
            if number >= 0 and (keeper < 0 or self._rank(number) < self._rank(keeper)):
                keeper = number
        self.anchor[label], self.keeper[label] = anchor, keeper
        self._known_as.pop(label, None)
        if self.changed is not None:
            self.changed.update(rows)

    def _rank(self, number: int) -> tuple[bool, int, int, str]:
        """Of two published customers that are one now, the smaller keeps its id: that of records that name somebody,
        then of more records, then the one seen first, as in a run."""
        found = self.published
        return not self._known[found.home[number]], -found.records[number], found.first_seen[number], found.ids[number]

    def settle(self) -> list[tuple[str, str]]:
        """(id, id that it has gone over into) since the last call."""
        gone = []
        for former, row in self._before.items():
            now = self.id_of(row)
            if now == former:
                self._former.pop(former, None)
            else:
                self._former[former] = row
                gone.append((former, now))
        self._before.clear()
        return gone

    def id_of(self, row: int) -> str:
        """The id of a row's customer."""
        label = self.label[row]
        number = self.keeper[label]
        if number >= 0:
            return self.published.ids[number]
        if found := self._known_as.get(label):
            return found
        anchor, attempt = self._ids[self.anchor[label]], 0
        while (found := new_id(self._secret, anchor, attempt)) in self.published.numbers:
            attempt += 1
        if len(self._known_as) >= REMEMBERED:
            self._known_as.clear()
        self._known_as[label] = found
        return found

    def current(self, customer_id: str) -> str:
        """What an id has gone over into; itself if it has not."""
        row = self._former.get(customer_id, -1)
        return self.id_of(row) if row >= 0 and self._ids[row] else customer_id

    def drop(self, row: int, heirs: Sequence[int] = ()) -> None:
        """Take a row out of its customer, for good. `heirs`: rows that may carry a published id after it."""
        label, others = self.label[row], [other for other in self.members(row) if other != row]
        if others:
            self._before[self.id_of(row)] = others[0]
        number, self.home_of[row] = self.home_of[row], -1
        if number >= 0:
            self.published.home[number] = heirs[0] if heirs else -1
            if heirs:
                self.home_of[heirs[0]] = number
        self.ring(row, [row])
        if others:
            self.ring(label, others)

    def size(self) -> int:
        """Bytes of what is not a column."""
        mappings = (self.published.numbers, self._former, self._known_as)
        texts = sum(getsizeof(one) for mapping in mappings for one in mapping)
        return sum(map(getsizeof, (self.published.ids, *mappings))) + texts

    def carry(self, row: int, number: int) -> None:
        """A new row carries a published id, if nothing does any more."""
        if self.published.home[number] < 0:
            self.published.home[number], self.home_of[row] = row, number
            self.ring(row, [row])

    def _remember(self, label: int) -> None:
        """The id of a customer that is about to change, and a row that tells where it goes."""
        number = self.keeper[label]
        row = self.anchor[label] if number < 0 else self.published.home[number]
        self._before.setdefault(self.id_of(label), row)
