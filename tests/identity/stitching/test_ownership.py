"""A few visits are lent as a run lends many."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.identity.anonymous import KINDS, Visits, attach
from floorwalker.identity.limits import MICROSECONDS_PER_DAY
from floorwalker.identity.settings import IdentitySettings, Limit, Limits
from floorwalker.identity.stitching.ownership import Edge, accepted

DATED = IdentitySettings(limits=Limits(device_id=Limit(1, days=2), cookie_id=Limit(1, days=4)))
TIGHT = IdentitySettings(shared_device_people=2, limits=Limits(device_id=2, cookie_id=3))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000), st.sampled_from([TIGHT, DATED, IdentitySettings()]))
def test_both_accept_the_same(seed: int, chosen: IdentitySettings) -> None:
    rng = random.Random(seed)
    count, values = rng.randrange(2, 24), [rng.getrandbits(64) for _ in range(rng.randrange(1, 9))]
    known = [rng.random() < 0.4 for _ in range(count)]
    label = dict(enumerate(range(count)))
    for record in range(count):
        # Customers of several records, named by their smallest.
        if known[record] and (others := [one for one in range(record) if known[one]]) and rng.random() < 0.5:
            label[record] = label[rng.choice(others)]
    edges = []
    for record in range(count):
        first = rng.randrange(6) * MICROSECONDS_PER_DAY
        last = first + rng.randrange(4) * MICROSECONDS_PER_DAY
        for kind in (0, 1):
            if rng.random() < 0.7:
                value = rng.choice(values[kind::2] or values)
                if all(edge.kind == kind for edge in edges if edge.value == value):
                    edges.append(Edge(record, value, kind, first, last, known[record]))
    if not edges:
        return
    visits = Visits(
        np.array([edge.record for edge in edges], np.int32),
        np.array([edge.value for edge in edges], np.uint64),
        np.array([edge.kind for edge in edges], np.int8),
        np.array([edge.first_seen for edge in edges], np.int64),
        np.array([edge.last_seen for edge in edges], np.int64),
    )
    refused = attach(np.array([label[one] for one in range(count)], np.int32), np.array(known), visits, chosen)
    limits = [chosen.limits.of(kind) for kind in KINDS[:2]]
    assert accepted(edges, label, people=chosen.shared_device_people, limits=limits) == (refused == 0).tolist()
