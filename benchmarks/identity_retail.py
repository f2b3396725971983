"""Retail customer records whose truth is known: what the simulator's frozen profile `research-hard` makes, and no more.

In: a lake, how many records, a seed. Out: the table silver.identity_records as a project's run makes it of the
simulator's customer files, and the truth beside it (`truth.parquet`: record_id, person_id). The people and records are
those of `simulate(customers=records / 3.2, seed=seed)`, whose other draws (orders, clicks, mail) are not made. The
number of records is Poisson: near the number asked, and returned.

    made = write_retail(lake, 10_000, seed=1)            # 10,019 records of 3,125 people

What the demo project's mappings say is said here again: which field of which system becomes which identifier, and that
the partner sends e-mail addresses as SHA-256 under a declared scheme (`tests/benchmarks/test_identity_retail.py` holds
both against each other). People are made 5,000 at a time: memory does not grow with the number of records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from floorwalker.engines.lake import Lake
from floorwalker.sources.simulator.catalogue import make_world
from floorwalker.sources.simulator.chunk import CHUNK, Counters
from floorwalker.sources.simulator.days import Days
from floorwalker.sources.simulator.noise import RESEARCH_HARD, SOURCES
from floorwalker.sources.simulator.people import People, make_people
from floorwalker.sources.simulator.records import Records, make_records
from floorwalker.sources.simulator.wording import choose, hide, join, pick

RECORDS = "silver.identity_records"
CHANNELS = ("store", "web", "app", "loyalty", "partner")
COUNTRIES = ("UK", "IE")
WITH_ACCOUNT = (SOURCES.index("shop"), SOURCES.index("app"))
"""Sources whose customer number is also what people log in with."""
HASHING = SOURCES.index("partner")
SCHEME = "sha256(lower(trim(email)))"
HELD_BACK = "028f5c28"
"""A hundredth of all hashes, in hexadecimal, are smaller."""
_BATCH = 200_000


def write_retail(lake: Lake, records: int, seed: int, part: str = "all") -> dict[str, int]:
    """Write silver.identity_records and the truth of them all; returns how many `records` and `people` it made.
    `part`: "all", or "old" to hold back one record in a hundred, which `add_retail` then brings."""
    lake.project.root.mkdir(parents=True, exist_ok=True)
    people = max(1, round(records / RESEARCH_HARD.records_per_person))
    truth: list[pa.Table] = []
    made = _append(lake, _chosen(retail_chunks(people, seed), part, truth))
    pq.write_table(pa.concat_tables(truth), truth_file(lake.project.root))
    return {"records": made, "people": people}


def add_retail(lake: Lake, records: int, seed: int) -> dict[str, int]:
    """Append the records that `write_retail(…, "old")` held back."""
    people = max(1, round(records / RESEARCH_HARD.records_per_person))
    return {"records": _append(lake, _chosen(retail_chunks(people, seed), "new", []))}


def _chosen(chunks: Iterator[tuple[pa.Table, pa.Array]], part: str, truth: list[pa.Table]) -> Iterator[pa.Table]:
    for table, persons in chunks:
        truth.append(pa.table({"record_id": table["record_id"], "person_id": persons}))
        # Ids are hashes: the smallest hundredth is a fair draw of records.
        new = pc.less(table["record_id"], HELD_BACK)
        yield table if part == "all" else table.filter(new if part == "new" else pc.invert(new))


def _append(lake: Lake, tables: Iterator[pa.Table]) -> int:
    made, waiting = 0, []
    with lake.connect() as connection:
        for table in tables:
            waiting.append(table)
            made += table.num_rows
            if sum(one.num_rows for one in waiting) >= _BATCH:
                lake.append(RECORDS, pa.concat_tables(waiting), connection)
                waiting = []
        if waiting:
            lake.append(RECORDS, pa.concat_tables(waiting), connection)
    return made


def truth_file(folder: Path) -> Path:
    return folder / "truth.parquet"


def retail_chunks(people: int, seed: int) -> Iterator[tuple[pa.Table, pa.Array]]:
    """(rows of silver.identity_records, person of each) of chunk after chunk."""
    world = make_world(seed, Days(date(2026, 6, 30), 365))
    counters = Counters.fresh()
    for number, first in enumerate(range(0, people, CHUNK)):
        # The streams of `simulator.chunk.make_chunk`: people are its first subject, records its second.
        streams = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, place))) for place in (0, 1)]
        crowd = make_people(streams[0], world, RESEARCH_HARD, first, min(CHUNK, people - first), activity=1.0)
        known = make_records(streams[1], crowd, RESEARCH_HARD, counters.records)
        yield identity_records(crowd, known, world.days), pa.array(crowd.number[known.person]).cast(pa.string())


def identity_records(people: People, records: Records, days: Days) -> pa.Table:
    """What silver.identity_records holds of a chunk's customer records."""
    rows = len(records.person)
    hashing = records.source == HASHING
    nothing = pa.nulls(rows, pa.string())
    country = pick(COUNTRIES, people.irish[records.person].astype(np.int64))
    source = pick(SOURCES, records.source)
    seen = pa.array(days.utc(records.since) * 1_000_000, pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "record_id": _hashes(join(source, "|", records.ref)),
            "source": source,
            "channel": pick(CHANNELS, records.source),
            "market": country,
            "customer_ref": records.ref,
            "account_id": hide(records.ref, ~np.isin(records.source, WITH_ACCOUNT)),
            "loyalty_id": records.loyalty_id,
            "email": choose(hashing, _tokens(records.email, hashing), records.email),
            "phone": records.phone,
            "device_id": nothing,
            "cookie_id": nothing,
            "given_name": records.given_name,
            "family_name": records.family_name,
            "birth_date": pc.cast(records.birth_date, pa.date32()),
            "gender": nothing,
            "address": records.address,
            "postcode": records.postcode,
            "city": records.city,
            "country": country,
            "language": nothing,
            "first_seen": seen,
            "last_seen": seen,
            "rows": pa.array(np.ones(rows, np.int64)),
        }
    )


def _hashes(texts: pa.Array) -> pa.Array:
    return pa.array(
        [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts.to_pylist()], pa.string()
    )


def _tokens(emails: pa.Array, rows: np.ndarray) -> pa.Array:
    """Addresses as the partner sends them, where `rows`; NULL elsewhere."""
    clear = hide(emails, ~rows).to_pylist()
    return pa.array(
        [text and f"hash:{SCHEME}:{hashlib.sha256(text.strip().lower().encode()).hexdigest()}" for text in clear],
        pa.string(),
    )
