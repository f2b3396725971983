"""One stage of `benchmarks.identity`, alone in its process: records made, an engine run, its result judged.

In: a stage, a folder, the stage's own words. Out: a line of JSON: {seconds, cpu, peak_mb, …}. What an engine found is
left in the folder (a lake, or customers.parquet and pairs.parquet), so that judging it is never part of its figures.

    python -m benchmarks.identity_stages records  /tmp/r 10000 1          # retail records, seed 1
    python -m benchmarks.identity_stages records  /tmp/r 10000 1 old      # but for 1 % of them …
    python -m benchmarks.identity_stages add      /tmp/r 10000 1          # … which now come
    python -m benchmarks.identity_stages retail   /tmp/r deterministic
    python -m benchmarks.identity_stages judge    /tmp/r deterministic    # against truth.parquet
    python -m benchmarks.identity_stages generic  /tmp/f deterministic febrl3
    python -m benchmarks.identity_stages judge_set /tmp/f febrl3
    python -m benchmarks.identity_stages same     /tmp/r /tmp/s           # do both lakes hold one partition?
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.identity_data import load
from benchmarks.identity_engine import MAP, RECORDS, RETAIL, found_in, lake_of, run
from benchmarks.identity_generic import GENERIC
from benchmarks.identity_measures import Found, judge, labelled, same_partition
from benchmarks.identity_retail import add_retail, truth_file, write_retail
from benchmarks.measuring import told

CUSTOMERS, PAIRS = "customers.parquet", "pairs.parquet"


def records(folder: str, count: str, seed: str, part: str = "all") -> dict[str, Any]:
    return write_retail(lake_of(folder), int(count), int(seed), part)


def add(folder: str, count: str, seed: str) -> dict[str, Any]:
    return add_retail(lake_of(folder), int(count), int(seed))


def retail(folder: str, method: str) -> dict[str, Any]:
    lake = lake_of(folder)
    if method in RETAIL:
        return {"nodes": run(lake, RETAIL[method])}
    _leave(Path(folder), CONTROLS[method](folder))
    return {}


def splink_tutorial(folder: str) -> Found:
    from benchmarks.identity_splink import splink_tutorial

    return splink_tutorial(lake_of(folder))


def raw_equality(folder: str) -> Found:
    from floorwalker.identity.quality import naive_map

    lake = lake_of(folder)
    with lake.connect() as connection:
        lake.view(connection, RECORDS)
        words = connection.sql(f"SELECT record_id, email, phone, loyalty_id FROM {RECORDS} ORDER BY record_id")
        return Found(naive_map(words.to_arrow_table()))


CONTROLS: dict[str, Callable[[str], Found]] = {"splink_tutorial": splink_tutorial, "raw_equality": raw_equality}
"""Methods that are not the product's."""


def generic(folder: str, method: str, name: str) -> dict[str, Any]:
    one = load(name)
    _leave(Path(folder), GENERIC[method](one.records, one.fields, one.between))
    return {}


def judge_retail(folder: str, method: str) -> dict[str, Any]:
    truth = pq.read_table(truth_file(Path(folder)))
    found = found_in(lake_of(folder), RETAIL[method]) if method in RETAIL else _left(Path(folder))
    return {"said": judge(found, truth)}


def judge_set(folder: str, name: str) -> dict[str, Any]:
    one, found = load(name), _left(Path(folder))
    if one.truth is not None:
        return {"said": judge(found, one.truth)}
    assert one.labels is not None  # a set has one of the two
    return {"said": labelled(found, one.labels)}


def same(folder: str, other: str) -> dict[str, Any]:
    maps = []
    for one in (folder, other):
        lake = lake_of(one)
        with lake.connect() as connection:
            lake.view(connection, MAP)
            maps.append(connection.sql(f"SELECT record_id, customer_id FROM {MAP}").to_arrow_table())
    return {"same": same_partition(*maps)}


def _leave(folder: Path, found: Found) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(found.customers, folder / CUSTOMERS)
    if found.pairs is not None:
        pq.write_table(found.pairs, folder / PAIRS)


def _left(folder: Path) -> Found:
    pairs: pa.Table | None = pq.read_table(folder / PAIRS) if (folder / PAIRS).exists() else None
    return Found(pq.read_table(folder / CUSTOMERS), pairs=pairs)


STAGES: dict[str, Callable[..., dict[str, Any]]] = {
    "records": records, "add": add, "retail": retail, "generic": generic, "judge": judge_retail,
    "judge_set": judge_set, "same": same,
}  # fmt: skip


if __name__ == "__main__":
    begun = time.perf_counter()
    told(begun, **STAGES[sys.argv[1]](*sys.argv[2:]))
