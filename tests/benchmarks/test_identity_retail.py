"""The benchmark's retail records are those that a project's run makes of the simulator's files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from benchmarks.identity_engine import RECORDS, lake_of
from benchmarks.identity_retail import add_retail, retail_chunks, truth_file, write_retail
from benchmarks.pipeline_stages import Stages

from floorwalker.app.scaffold import make_project
from floorwalker.engines.project import Project
from floorwalker.sources.simulator import simulate

PEOPLE = 300
SAID = (
    "source, channel, market, customer_ref, account_id, loyalty_id, email, phone, device_id, cookie_id, given_name, "
    "family_name, birth_date, gender, address, postcode, city, country"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of the demo template that has read what the simulator wrote."""
    project = Project(make_project(tmp_path_factory.mktemp("bench") / "shop", template="demo"))
    simulate(project.root / "data", customers=PEOPLE, seed=4, days=7, end=dt.date(2026, 6, 30))
    Stages(project).sources()
    return project


def test_records_and_truth_equal_those_of_a_project(project: Project) -> None:
    ((made, persons),) = retail_chunks(PEOPLE, seed=4)
    lake = lake_of(project.root)
    with lake.connect() as connection:
        lake.view(connection, "bronze.customers")
        connection.register("made", made)
        connection.register("truth", pq.read_table(project.root / "data/truth/person_of_record.parquet"))
        theirs = connection.execute(f"SELECT {SAID} FROM bronze.customers ORDER BY customer_ref").fetchall()
        ours = connection.execute(f"SELECT {SAID} FROM made ORDER BY customer_ref").fetchall()
        truth = dict(connection.execute("SELECT customer_ref, CAST(person_id AS VARCHAR) FROM truth").fetchall())
    assert len(ours) > 2 * PEOPLE
    assert ours == theirs
    found = dict(zip(made["customer_ref"].to_pylist(), persons.to_pylist(), strict=True))
    refs = list(found)
    groups = {
        frozenset(r for r in refs if owner[r] == person)
        for owner in (found, truth)
        for person in {owner[r] for r in refs}
    }
    assert len(groups) == len(set(found.values()))


def test_what_is_held_back_comes_later_and_makes_the_whole(tmp_path: Path) -> None:
    whole, parts = lake_of(tmp_path / "whole"), lake_of(tmp_path / "parts")
    made = write_retail(whole, 3000, seed=2)
    old = write_retail(parts, 3000, seed=2, part="old")
    assert pq.read_table(truth_file(tmp_path / "parts")).num_rows == made["records"]
    new = add_retail(parts, 3000, seed=2)
    assert 0 < new["records"] < 0.03 * made["records"]
    assert old["records"] + new["records"] == made["records"]
    rows = []
    for lake in (whole, parts):
        with lake.connect() as connection:
            lake.view(connection, RECORDS)
            rows.append(connection.execute(f"FROM {RECORDS} ORDER BY record_id").fetchall())
    assert rows[0] == rows[1]
