"""Who is one customer among the records that evidence connects: the batch's rules on one component.

In: `Holdings` and a record that names somebody. Out: its component (`gather`), and the component's customers
(`customers`).

Evidence of a component is taken in the resolver's total order by `merging.merge_in_order`, the batch's own reference.
Where nothing in a component breaks a constraint, all its evidence stands, which is what merging would give: that is
seen from the sets of what its records say, and nothing is ordered. Records that a run has published as one customer
stand: they are one from the start, whatever evidence made them one.

    found = Resolver(holdings, standing).gather(row)
    resolver.customers(found)                       [[0, 4, 7], [9]]
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import combinations

from floorwalker.identity.compatibility import compatible_names, near_dates
from floorwalker.identity.limits import MICROSECONDS_PER_DAY
from floorwalker.identity.merging import Cluster, merge_in_order, union_find
from floorwalker.identity.resolver import COUNTED
from floorwalker.identity.rules import ranked
from floorwalker.identity.stitching.holdings import ALONE, BARRED, SEVERAL, Holdings
from floorwalker.identity.stitching.saying import EMAIL, GUARDED, KINDS, LOYALTY, NAMING, PHONE

_NODE = 1 << 64
"""Added to hashes, so that no identifier is mistaken for a record."""
_INITIAL_RULE = {LOYALTY: "loyalty_initial", EMAIL: "email_initial", PHONE: "phone_initial"}
_INITIAL_NODE = {LOYALTY: 0, EMAIL: 1, PHONE: 2}
_FEW = 12
"""Components with more different names or dates than this are merged without a look at each pair."""


class Component:
    """Records that evidence connects, and what they say between them."""

    __slots__ = ("births", "capped", "names", "rows", "values", "words")

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.values: list[set[int]] = [set() for _ in COUNTED]
        self.names: set[int] = set()
        self.births: set[int] = set()
        self.words: set[int] = set()
        self.capped = False
        """There is more than was looked at."""


class Standing:
    """Customers that a run has published stand together: `number` row -> which (-1 none), and what people have decided
    to be two (`cuts`: row -> cut -> side)."""

    def __init__(self) -> None:
        self.number, self.following = array("i"), array("i")
        self.cuts: dict[int, dict[int, int]] = {}

    def alone(self, row: int) -> None:
        """A new row, which no run has seen."""
        self.number.append(-1)
        self.following.append(row)

    def enter(self, row: int, number: int, beside: int, cuts: dict[int, int]) -> None:
        """A new row takes the place of one that was dropped, beside another of its customer (-1: there is none)."""
        self.number[row] = number
        if beside >= 0:
            self.following[row], self.following[beside] = self.following[beside], row
        if cuts:
            self.cuts[row] = cuts

    def beside(self, row: int) -> list[int]:
        """The other rows of its published customer that name somebody."""
        found, other = [], self.following[row]
        while other != row:
            found.append(other)
            other = self.following[other]
        return found

    def drop(self, row: int) -> None:
        """Take a row out, for good."""
        if others := self.beside(row):
            self.following[others[-1]] = self.following[row]
        self.number[row], self.following[row] = -1, row
        self.cuts.pop(row, None)


class Resolver:
    """The rules on one component at a time; looks at `most` records of it and no more."""

    def __init__(self, held: Holdings, standing: Standing, most: int) -> None:
        settings = held.settings
        self.held, self.standing, self.most = held, standing, most
        self.limits = [settings.limits.of(kind) for kind in COUNTED]
        self.dated = any(limit.days for limit in self.limits)
        self.most_records = settings.cluster_records
        self.places = {rule.name: (rule.tier, rule.weight) for rule in ranked(settings.priority).values()}
        # Per kind: is the value itself evidence, and is it with an initial?
        self.whole = [KINDS[kind] in held.rules for kind in NAMING]
        self.whole[PHONE] = "phone_alone" in held.rules
        self.narrowed = [_INITIAL_RULE.get(kind) in held.rules for kind in NAMING]

    def gather(self, start: int) -> Component:
        """Everything that evidence, accepted or not, connects with a record."""
        held, standing = self.held, self.standing
        count, flags, initials, heads = held.count, held.flags, held.initial, held.head
        found = Component()
        rows, values, names, births, words = found.rows, found.values, found.names, found.births, found.words
        size = len(held.names)
        seen, been, stood = {start}, set(), set()
        stack = [start]
        while stack:
            row = stack.pop()
            rows.append(row)
            if len(seen) > self.most:
                found.capped = True
                return found
            words.add(held.words[row])
            if given := held.given[row]:
                names.add(given * size + held.family[row])
            if birth := held.birth[row]:
                births.add(birth)
            number = standing.number[row]
            if number >= 0 and number not in stood:
                stood.add(number)
                for other in standing.beside(row):
                    if other not in seen:
                        seen.add(other)
                        stack.append(other)
            for kind in NAMING:
                slot = held.slots[kind][row]
                if slot < 0:
                    continue
                flag = flags[slot]
                if flag & BARRED:
                    continue
                if kind in GUARDED:
                    values[kind].add(slot)
                if count[slot] < 2 or slot in been:
                    continue
                if self.whole[kind] and (kind != PHONE or flag & ALONE):
                    been.add(slot)
                    only = 0
                elif self.narrowed[kind] and (kind == PHONE or flag & SEVERAL) and (only := initials[row]):
                    if (slot, only) in been:
                        continue
                    been.add((slot, only))
                else:
                    continue
                other, following = heads[slot], held.nexts[kind]
                while other >= 0:
                    if other not in seen and (not only or initials[other] == only):
                        seen.add(other)
                        stack.append(other)
                    other = following[other]
        return found

    def customers(self, found: Component) -> list[list[int]]:
        """The component's records by customer."""
        if len(found.rows) < 2 or not self._doubtful(found):
            return [found.rows]
        return self._merged(found.rows)

    def _doubtful(self, found: Component) -> bool:
        """Could any merge in it break a constraint?"""
        if len(found.words) > self.most_records or any(
            len(values) > limit.most for values, limit in zip(found.values, self.limits, strict=True)
        ):
            return True
        if len(found.names) > 1:
            if len(found.names) > _FEW:
                return True
            names, size = self.held.names, len(self.held.names)
            said = [(names[code // size], names[code % size]) for code in found.names]
            if any(not compatible_names(one, two) for one, two in combinations(said, 2)):
                return True
        if len(found.births) > 1 and (
            len(found.births) > _FEW or any(not near_dates(one, two) for one, two in combinations(found.births, 2))
        ):
            return True
        cuts = self.standing.cuts
        return bool(cuts) and any(row in cuts for row in found.rows)

    def _merged(self, rows: list[int]) -> list[list[int]]:
        """One by one in the total order."""
        held = self.held
        rows = sorted(rows, key=held.ids.__getitem__)
        points, clusters = self._points(rows)
        pieces = []
        initials: dict[int, tuple[Counter[int], int]] = {}
        for place, row in enumerate(rows):
            for tier, weight, node in self._evidence(row, initials):
                pieces.append((tier, -weight, node, held.words[row], place))
        pieces.sort()
        left = [points[place] for *_, place in pieces]
        right = [node + _NODE for _, _, node, _, _ in pieces]
        refused = merge_in_order(clusters, left, right, [tier for tier, *_ in pieces], self.limits, self.most_records)
        parent, find = union_find()
        for one, two, code in zip(left, right, refused, strict=True):
            if not code:
                parent[find(one)] = find(two)
        groups: dict[int, list[int]] = {}
        for point, row in zip(points, rows, strict=True):
            groups.setdefault(find(point), []).append(row)
        return list(groups.values())

    def _points(self, rows: list[int]) -> tuple[list[int], dict[int, Cluster]]:
        """Where each record starts (itself, or the customer it stands in), and what each start holds."""
        held, standing = self.held, self.standing
        points: list[int] = []
        clusters: dict[int, Cluster] = {}
        counted: set[int] = set()
        for row in rows:
            one = Cluster(len(COUNTED))
            for kind in GUARDED:
                slot = held.slots[kind][row]
                if slot >= 0 and not held.flags[slot] & BARRED:
                    day = held.first_seen[row] // MICROSECONDS_PER_DAY
                    one.codes[kind].add((day, slot) if self.limits[kind].days else slot)
            if held.given[row]:
                one.names.add(held.name_of(row))
            if held.birth[row]:
                one.births.add(held.birth[row])
            one.cuts = dict(standing.cuts.get(row, ()))
            # Records that say the same count once.
            one.records = int(held.words[row] not in counted)
            counted.add(held.words[row])
            number = standing.number[row]
            point = row if number < 0 else -1 - number
            points.append(point)
            if point in clusters:
                clusters[point].absorb(one)
            else:
                clusters[point] = one
        return points, clusters

    def _evidence(self, row: int, counted: dict[int, tuple[Counter[int], int]]) -> list[tuple[int, float, int]]:
        """(tier, weight, node) of what a record says, as `rules.make_pieces` has it. `counted`: first initials of a
        value's holders and their sum, as far as they are known."""
        held, rules = self.held, self.held.rules
        pieces = []
        for kind in NAMING:
            slot = held.slots[kind][row]
            if slot < 0 or held.count[slot] < 2 or held.flags[slot] & BARRED:
                continue
            flag = held.flags[slot]
            initial = held.initial[row]
            if kind != PHONE and KINDS[kind] in rules:
                share = 1.0
                if flag & SEVERAL and initial:
                    if slot not in counted:
                        initials = held.initials(kind, slot)
                        counted[slot] = initials, sum(initials.values())
                    initials, total = counted[slot]
                    share = initials[initial] / total
                pieces.append(self._piece(KINDS[kind], share, held.code[slot]))
            if self.narrowed[kind] and initial and (kind == PHONE or flag & SEVERAL):
                pieces.append(self._piece(_INITIAL_RULE[kind], 1.0, held.nodes[_INITIAL_NODE[kind]][row]))
            if kind == PHONE and flag & ALONE and "phone_alone" in rules:
                pieces.append(self._piece("phone_alone", 1.0, held.nodes[3][row]))
        return pieces

    def _piece(self, rule: str, share: float, node: int) -> tuple[int, float, int]:
        tier, base = self.places[rule]
        return tier, base + share, node
