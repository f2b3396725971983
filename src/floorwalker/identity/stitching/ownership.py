"""`anonymous.attach` for the few records that one event touches: the same rules, rounds and ties without arrays.

In: `Edge`s, records on devices and cookies. Out: those that are accepted. On a handful of rows arrays cost some
milliseconds and this some tens of microseconds; a test holds the two against each other on random cases.

>>> edges = [Edge(0, 7, 0, 0, 0, True), Edge(1, 7, 0, 5, 5, False)]
>>> accepted(edges, {0: 0, 1: 1}, people=3, limits=(Limit(20), Limit(50)))
[True, True]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from floorwalker.identity.limits import MICROSECONDS_PER_DAY, beyond
from floorwalker.identity.settings import Limit

_NOBODY, _TORN = -1, -2


class Edge(NamedTuple):
    """A record seen on a value. `record`: its place in the order of record ids; `value`: the value's hash; `kind`:
    place in `anonymous.KINDS`; `known`: the record names somebody."""

    record: int
    value: int
    kind: int
    first_seen: int
    last_seen: int
    known: bool


class _Value:
    __slots__ = ("kind", "owner", "seen", "since")

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.owner, self.since, self.seen = _NOBODY, None, 0


def accepted(edges: Sequence[Edge], label: Mapping[int, int], *, people: int, limits: Sequence[Limit]) -> list[bool]:
    """Per edge. `label`: record -> smallest record of its customer; `people`: more customers than this make a kiosk;
    `limits`: values per customer and kind."""
    values = _owned(edges, label, people)
    _hold_owned(values, limits)
    kept = [_open(edge, values[edge.value], label) for edge in edges]
    who = _spread([edge for edge, is_kept in zip(edges, kept, strict=True) if is_kept and not edge.known], values)
    for place, edge in enumerate(edges):
        if kept[place] and not edge.known:
            mine = who.get(edge.record, _NOBODY)
            kept[place] = mine != _TORN and mine == values[edge.value].owner
    while _refuse_excess(edges, kept, label, limits):
        pass
    return kept


def _owned(edges: Sequence[Edge], label: Mapping[int, int], people: int) -> dict[int, _Value]:
    """Who owns each value by the records that name somebody, and from when it lends."""
    values: dict[int, _Value] = {}
    seen: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
    for edge in edges:
        if edge.value not in values:
            values[edge.value] = _Value(edge.kind)
        if edge.known:
            held, owner = seen[edge.value], label[edge.record]
            first, last = held.get(owner, (edge.first_seen, edge.last_seen))
            held[owner] = (min(first, edge.first_seen), max(last, edge.last_seen))
    for key, held in seen.items():
        value = values[key]
        value.owner = _TORN
        if len(held) > people:
            continue
        # The latest to come, if everybody else had gone by then.
        latest = max(held, key=lambda owner: (held[owner][0], owner))
        others = [last for owner, (_, last) in held.items() if owner != latest]
        if not others or held[latest][0] > max(others):
            value.owner, value.seen = latest, held[latest][1]
            value.since = max(others) + 1 if others else None
    return values


def _hold_owned(values: Mapping[int, _Value], limits: Sequence[Limit]) -> None:
    """Of a customer's own values beyond its limit the latest seen are kept."""
    held: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for key, value in values.items():
        if value.owner >= 0:
            held[value.owner, value.kind].append((-value.seen, key))
    for (_, kind), mine in held.items():
        ranked = sorted(mine)
        days = [-last // MICROSECONDS_PER_DAY for last, _ in ranked]
        for (_, key), is_over in zip(ranked, beyond(days, limits[kind]), strict=True):
            if is_over:
                values[key].owner = _TORN


def _open(edge: Edge, value: _Value, label: Mapping[int, int]) -> bool:
    """May the value lend this record, as far as its owner goes?"""
    if edge.known:
        return value.owner == label[edge.record]
    if value.owner == _TORN:
        return False
    return value.owner < 0 or value.since is None or edge.first_seen >= value.since


def _spread(edges: Sequence[Edge], values: Mapping[int, _Value]) -> dict[int, int]:
    """Owner per record, from owned values on, nearest first; values that are reached get their owner too."""
    who: dict[int, int] = {}
    while True:
        offers: dict[int, int] = {}
        for edge in edges:
            owner = values[edge.value].owner
            if owner >= 0 and edge.record not in who:
                offers[edge.record] = owner if offers.get(edge.record, owner) == owner else _TORN
        who |= offers
        offers = {}
        for edge in edges:
            owner = who.get(edge.record, _NOBODY)
            if owner >= 0 and values[edge.value].owner == _NOBODY:
                offers[edge.value] = owner if offers.get(edge.value, owner) == owner else _TORN
        if not offers:
            return who
        for key, owner in offers.items():
            values[key].owner = owner


def _refuse_excess(edges: Sequence[Edge], kept: list[bool], label: Mapping[int, int], limits: Sequence[Limit]) -> bool:
    """Refuse the values by which a customer would hold more than its limits once ownership has spread; were there
    any?"""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def find(x: tuple[str, int]) -> tuple[str, int]:
        while (up := parent.setdefault(x, x)) != x:
            parent[x] = parent[up]
            x = up
        return x

    seen: dict[int, int] = {}
    kind: dict[int, int] = {}
    direct: set[int] = set()
    for edge, is_kept in zip(edges, kept, strict=True):
        if is_kept:
            parent[find(("record", label[edge.record]))] = find(("value", edge.value))
            seen[edge.value] = max(seen.get(edge.value, edge.last_seen), edge.last_seen)
            kind[edge.value] = edge.kind
            if edge.known:
                direct.add(edge.value)
    held: dict[tuple[tuple[str, int], int], list[tuple[bool, int, int]]] = defaultdict(list)
    for key, last in seen.items():
        held[find(("value", key)), kind[key]].append((key not in direct, -last, key))
    over: set[int] = set()
    for (_, which), mine in held.items():
        ranked = sorted(mine)
        days = [-last // MICROSECONDS_PER_DAY for _, last, _ in ranked]
        over |= {key for (*_, key), is_over in zip(ranked, beyond(days, limits[which]), strict=True) if is_over}
    for place, edge in enumerate(edges):
        if edge.value in over:
            kept[place] = False
    return bool(over)
