"""What a call of a live stitcher takes when it already knows many identifiers.

In: a method of `identity_engine.STITCHERS`, how many identifiers it shall know first. Out: a line of JSON:
{p50_us, p99_us, p999_us, cpu_p99_us, control_p99_us, identifiers, calls, …}.

    python -m benchmarks.identity_online full 1000000

Events are those of the retail simulator's people: a registration in any system, and visits, of which six in ten name a
cookie alone. Values are as sources write them: normalising them is part of a call.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from benchmarks.identity_engine import STITCHERS, Stitch
from benchmarks.identity_retail import retail_chunks
from benchmarks.measuring import told

from floorwalker.identity.settings import IdentitySettings

CALLS = 200_000
CONTROLS = 50_000
VISITS = 2
"""Per registration, on average."""
ANONYMOUS = 0.6
KINDS = ("email", "phone", "loyalty_id", "account_id", "customer_ref", "cookie_id")
MOST_PEOPLE = 5_000_000


def events(seed: int) -> Iterator[dict[str, str]]:
    """Registrations and visits of people without end, in the order in which chunks of 5,000 people come."""
    rng = np.random.default_rng(seed)
    for table, persons in retail_chunks(MOST_PEOPLE, seed):
        said = table.select(["source", "market", *KINDS[:-1]]).to_pylist()
        owners = persons.to_pylist()
        visits = rng.poisson(VISITS, len(said))
        made: list[dict[str, str]] = []
        for row, owner, count in zip(said, owners, visits.tolist(), strict=True):
            known = {name: value for name, value in row.items() if value is not None}
            made.append(known)
            for visit in range(count):
                cookie = {"source": "web", "market": known["market"], "cookie_id": f"ck-{owner}-{visit % 3}"}
                login = known.get("account_id")
                made.append(cookie if login is None or rng.random() < ANONYMOUS else {**cookie, "account_id": login})
        yield from (made[place] for place in rng.permutation(len(made)))


def timed(stitch: Stitch, stream: Iterator[dict[str, str]], identifiers: int, calls: int = CALLS) -> dict[str, Any]:
    """Feed events until `identifiers` different ones have been seen, then time `calls` more, one by one."""
    seen: set[int] = set()
    for event in stream:
        stitch(event)
        seen.update(hash((kind, event[kind])) for kind in KINDS if kind in event)
        if len(seen) >= identifiers:
            break
    known = len(seen)
    seen.clear()
    took, cpu, control = np.empty(calls), np.empty(calls), np.empty(min(calls, CONTROLS))
    for place, event in enumerate(itertools.islice(stream, calls)):
        before, began = time.perf_counter_ns(), time.thread_time_ns()
        stitch(event)
        cpu[place] = time.thread_time_ns() - began
        took[place] = time.perf_counter_ns() - before
    # On a busy machine the scheduler makes the slowest calls: what it does to a loop that does nothing tells.
    for place in range(len(control)):
        before = time.perf_counter_ns()
        sum(range(3000))
        control[place] = time.perf_counter_ns() - before
    p50, p99, p999 = np.percentile(took / 1000, [50, 99, 99.9])
    return {
        "p50_us": p50,
        "p99_us": p99,
        "p999_us": p999,
        "cpu_p99_us": np.percentile(cpu / 1000, 99),
        "control_p99_us": np.percentile(control / 1000, 99),
        "identifiers": known,
        "calls": calls,
    }


if __name__ == "__main__":
    begun = time.perf_counter()
    told(begun, **timed(STITCHERS[sys.argv[1]](IdentitySettings()), events(seed=1), int(sys.argv[2])))
