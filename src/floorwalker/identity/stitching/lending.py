"""Which customer an anonymous visit is lent to, on what is connected with one record.

In: rows whose visits may have changed hands. Out: their rings in `Customers`.

What a device or cookie connects is looked at as in a run (`ownership`). With one customer at most, and no more
devices and cookies than it may have, nothing can be in doubt: all visits are lent, or are one anonymous visitor. A
value that more customers use than a household has members is a kiosk: it lends nothing, so the look ends there.

    Lender(holdings, customers, most).lend([row])
"""

from __future__ import annotations

from collections.abc import Iterable

from floorwalker.identity.stitching.customers import Customers
from floorwalker.identity.stitching.holdings import KIOSK, Holdings
from floorwalker.identity.stitching.ownership import Edge, accepted
from floorwalker.identity.stitching.saying import DEVICE, KINDS, LENDING


class _Part:
    """What visits connect: customers by label, visits, values as (kind, slot)."""

    __slots__ = ("labels", "values", "visits")

    def __init__(self) -> None:
        self.labels: dict[int, list[int]] = {}
        self.visits: list[int] = []
        self.values: set[tuple[int, int]] = set()


class Lender:
    """Lends visits; looks at `most` records of what is connected and no more."""

    def __init__(self, held: Holdings, customers: Customers, most: int) -> None:
        settings = held.settings
        self.held, self.customers, self.most = held, customers, most
        self.kinds = [kind for kind in LENDING if KINDS[kind] in held.rules]
        self.limits = {kind: settings.limits.of(KINDS[kind]) for kind in LENDING}
        self.people = settings.shared_device_people

    def lend(self, rows: Iterable[int], new: int = -1) -> int:
        """Lend what is connected with these rows anew. `new`: a row that nobody has heard of yet. How many parts were
        too large to look at."""
        queue, done, left = list(rows), set[int](), 0
        while queue:
            row = queue.pop()
            if row in done:
                continue
            part = self._connected(row, done, queue)
            if part is None:
                left += 1
            elif part.visits:
                self._assign(part, new)
        return left

    def _connected(self, start: int, done: set[int], queue: list[int]) -> _Part | None:
        """What devices and cookies connect with a row; None if it is too much. Rows looked at are `done`; those whose
        value became or ceased to be a kiosk join the queue."""
        held, labels_of = self.held, self.customers.label
        part = _Part()
        stack, looked = [start], 0
        while stack:
            row = stack.pop()
            if held.known[row]:
                label = labels_of[row]
                if label in part.labels:
                    continue
                members = [member for member in self.customers.members(label, self.most) if held.known[member]]
                part.labels[label] = members
                done.update(members)
            else:
                if row in done:
                    continue
                done.add(row)
                part.visits.append(row)
                members = [row]
            looked += len(members)
            for member in members:
                for kind in self.kinds:
                    slot = held.slots[kind][member]
                    if slot < 0 or held.visits[slot] < 0 or held.count[slot] < 2 or (kind, slot) in part.values:
                        continue
                    looked += self._look(kind, slot, part, stack, queue)
            if looked > self.most:
                return None
        return part

    def _look(self, kind: int, slot: int, part: _Part, stack: list[int], queue: list[int]) -> int:
        """Go on over a value, unless it is a kiosk; how many records that took."""
        held, label = self.held, self.customers.label
        people: set[int] = set()
        looked = 0
        for row in held.holders(kind, slot):
            people.add(label[row])
            looked += 1
            if len(people) > self.people or looked > self.most:
                break
        is_kiosk = len(people) > self.people
        if is_kiosk != bool(held.flags[slot] & KIOSK):
            held.flags[slot] ^= KIOSK
            if held.count[slot] <= self.most:
                queue += held.holders(kind, slot)
                queue += held.visitors(kind, slot)
        if is_kiosk:
            return looked
        part.values.add((kind, slot))
        stack += people
        for row in held.visitors(kind, slot):
            stack.append(row)
            looked += 1
            if looked > self.most:
                break
        return looked

    def _assign(self, part: _Part, new: int) -> None:
        customers, label_of = self.customers, self.customers.label
        if len(part.labels) > 1 or not self._within_limits(part):
            groups = [group for group in self._attached(part) if not customers.stands(group)]
            if groups:
                customers.regroup(groups, new)
            return
        owners = {*part.labels, *(label_of[row] for row in part.visits if row != new)}
        if not owners:
            return
        if len(owners) == 1:
            (owner,) = owners
            whole = part.labels or len(customers.members(owner)) == len(part.visits) - (new in part.visits)
            if whole:
                if new in part.visits:
                    customers.join(new, owner)
                return
        customers.regroup([[*(row for rows in part.labels.values() for row in rows), *part.visits]], new)

    def _within_limits(self, part: _Part) -> bool:
        counts = dict.fromkeys(LENDING, 0)
        for kind, _ in part.values:
            counts[kind] += 1
        return all(counts[kind] <= limit.most for kind, limit in self.limits.items())

    def _attached(self, part: _Part) -> list[list[int]]:
        """The customers with the visits lent to them, and anonymous visitors, by the rules of a run."""
        held = self.held
        rows = sorted(
            [*part.visits, *(row for known in part.labels.values() for row in known)], key=held.ids.__getitem__
        )
        place = {row: number for number, row in enumerate(rows)}
        labels = list(range(len(rows)))
        for known in part.labels.values():
            first = min(place[row] for row in known)
            for row in known:
                labels[place[row]] = first
        edges = [
            Edge(
                place[row], held.code[slot], kind - DEVICE, held.first_seen[row], held.last_seen[row],
                bool(held.known[row]),
            )
            for kind, slot in part.values
            for row in (*held.holders(kind, slot), *held.visitors(kind, slot))
        ]  # fmt: skip
        limits = [self.limits[kind] for kind in LENDING]
        kept = accepted(edges, dict(enumerate(labels)), people=self.people, limits=limits)
        parent = list(range(len(rows)))
        values: dict[int, int] = {}

        def find(x: int) -> int:
            while parent[x] != x:
                parent[x] = parent[parent[x]]
                x = parent[x]
            return x

        for at, label in enumerate(labels):
            parent[find(at)] = find(label)
        for edge, is_kept in zip(edges, kept, strict=True):
            if is_kept:
                parent[find(edge.record)] = find(values.setdefault(edge.value, edge.record))
        groups: dict[int, list[int]] = {}
        for at, row in enumerate(rows):
            groups.setdefault(find(at), []).append(row)
        return list(groups.values())
