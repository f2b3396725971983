"""Who lives together: households over customers, joined by what they share and never merging them.

In: per piece of evidence a customer and a value that several share (`Shared`): a family name at an address, a phone.
Out: a label per customer (the smallest of its household) and, per value, why it joins nobody.

A value that more persons share than a household may hold is a block of flats, a home or an office. Values are taken in
one total order, kind first; one that would make a household too large joins nobody. Connected components that are small
enough keep all their evidence, which is what joining one by one would give; only the others are joined one by one.

>>> shared = Shared(np.array([0, 1, 1, 2], np.int32), np.array([0, 0, 1, 1], np.int32), np.array([0, 1], np.int8))
>>> group(4, shared, size=12)[0].tolist(), group(4, shared, size=2)[0].tolist()
([0, 0, 0, 3], [0, 0, 2, 3])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from floorwalker.identity.resolver import components, smallest_member

ACCEPTED, TOO_MANY, FULL = 0, 1, 2


@dataclass(frozen=True)
class Shared:
    """Pieces of evidence, one per row: person `person` has value `value`. `kind`: per value, its place in the order of
    kinds; values of a kind are numbered in their own order. No pair stands twice."""

    person: NDArray[np.int32]
    value: NDArray[np.int32]
    kind: NDArray[np.int8]


def reasons(size: int) -> tuple[str, ...]:
    """Why a value joins nobody, by code; code 0 is accepted."""
    return "", f"more than {size} persons", f"household of more than {size}"


def group(persons: int, shared: Shared, size: int) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """(label per person, refusal code per value); linear but for components that grow beyond `size`."""
    values = len(shared.kind)
    refused = np.zeros(values, dtype=np.int8)
    refused[np.bincount(shared.value, minlength=values) > size] = TOO_MANY
    labels = _joined(persons, shared, refused == ACCEPTED)
    counts = np.bincount(labels, minlength=persons)
    crowded = (counts[labels[shared.person]] > size) & (refused[shared.value] == ACCEPTED)
    if crowded.any():
        _refuse_in_order(shared, np.flatnonzero(crowded), size, refused)
        labels = _joined(persons, shared, refused == ACCEPTED)
    return labels, refused


def _joined(persons: int, shared: Shared, accepted: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Persons labelled by the smallest person whom accepted values connect them with."""
    used = accepted[shared.value]
    total = persons + len(shared.kind)
    return smallest_member(components(shared.person[used], persons + shared.value[used], total)[:persons])


def _refuse_in_order(shared: Shared, rows: NDArray[np.intp], size: int, refused: NDArray[np.int8]) -> None:
    """Join the persons of these rows value by value; mark in `refused` what would make a household too large.

    The order: kind, then values that fewer share, then the value's own number."""
    value = shared.value[rows]
    many = np.bincount(value, minlength=len(shared.kind))
    rows = rows[np.lexsort((value, many[value], shared.kind[value]))]
    parent: dict[int, int] = {}
    members: dict[int, int] = {}

    def root(person: int) -> int:
        while parent.setdefault(person, person) != person:
            parent[person] = parent[parent[person]]
            person = parent[person]
        return person

    starts = np.flatnonzero(np.r_[True, np.diff(shared.value[rows]) != 0])
    for part in np.split(rows, starts[1:]):
        roots = sorted({root(person) for person in shared.person[part].tolist()})
        together = sum(members.get(one, 1) for one in roots)
        if together > size:
            refused[shared.value[part[0]]] = FULL
            continue
        for one in roots[1:]:
            parent[one] = roots[0]
        members[roots[0]] = together
