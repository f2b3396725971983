"""The lake shows readers one run at a time, whole."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.engines.settings import LakeSettings
from floorwalker.errors import NotFoundError, StateError

NO_GRACE = LakeSettings(grace_minutes=0)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(Project(tmp_path), memory_limit="500MB", threads=1)


def numbers(*values: int) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64())})


def published(lake: Lake) -> list[int]:
    return [row[0] for row in lake.read().execute("SELECT x FROM gold.numbers ORDER BY x").fetchall()]


def publish(lake: Lake, run_id: str, version: int) -> None:
    lake.publish(run_id=run_id, as_of=dt.date(2026, 1, 1), versions={"gold.numbers": version})


def test_readers_keep_the_published_version_until_the_next_is_published(lake):
    with lake.connect() as connection:
        version, rows = lake.replace("gold.numbers", numbers(1, 2), connection)
        assert (version, rows) == (0, 2)
        publish(lake, "r1", version)
        version, _ = lake.replace("gold.numbers", numbers(3), connection)
        assert published(lake) == [1, 2]
        publish(lake, "r2", version)
    assert published(lake) == [3]


def test_a_staged_file_is_seen_by_nobody_until_it_is_committed(lake):
    with lake.connect() as connection:
        lake.replace("gold.numbers", numbers(1), connection)
        staged = lake.stage("gold.numbers", numbers(2), connection)
        assert lake.version("gold.numbers") == 0
        assert lake.commit(staged, "append", run_id="r2") == 1
    assert lake.commit_info("gold.numbers")["run_id"] == "r2"
    assert DeltaTable(lake.path("gold.numbers")).to_pyarrow_table()["x"].to_pylist() in ([1, 2], [2, 1])


def test_nothing_published_says_what_to_do(lake):
    with pytest.raises(NotFoundError, match="floorwalker run") as caught:
        lake.read()
    assert "nothing has been published" in caught.value.what


def test_clean_keeps_what_readers_need(lake):
    with lake.connect() as connection:
        for number in range(4):
            version, _ = lake.replace("gold.numbers", numbers(number), connection)
            if number == 1:
                publish(lake, "r1", version)
    assert lake.clean(NO_GRACE) > 0
    assert published(lake) == [1]
    assert DeltaTable(lake.path("gold.numbers")).to_pyarrow_table()["x"].to_pylist() == [3]


def test_a_column_added_later_is_null_in_older_files(lake):
    with lake.connect() as connection:
        lake.append("bronze.things", numbers(1), connection)
        wider = pa.table({"x": pa.array([2], pa.int64()), "y": pa.array(["b"])})
        lake.replace("bronze.things", wider, connection)
        lake.view(connection, "bronze.things")
        assert connection.execute("SELECT x, y FROM bronze.things").fetchall() == [(2, "b")]


def test_types_that_other_engines_misread_are_refused(lake):
    with lake.connect() as connection, pytest.raises(StateError, match="CAST"):
        lake.replace("gold.numbers", connection.sql("SELECT SUM(x) AS x FROM range(3) AS t(x)"), connection)


def test_table_names_cannot_leave_the_lake(lake):
    for name in ("gold.../../etc", "gold", "x.y", "gold.a-b", "gold.a b"):
        with pytest.raises(NotFoundError):
            lake.path(name)


def test_a_pointer_of_a_newer_version_is_refused(lake, tmp_path):
    with lake.connect() as connection:
        lake.replace("gold.numbers", numbers(1), connection)
    publish(lake, "r1", 0)
    path = tmp_path / "state" / "published.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(StateError, match="newer"):
        lake.pointer()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(-5, 5), max_size=4), st.booleans()), min_size=1, max_size=6))
def test_whatever_is_written_and_published_a_reader_sees_exactly_the_last_publication(tmp_path_factory, writes):
    lake = Lake(Project(tmp_path_factory.mktemp("lake")), threads=1)
    expected = None
    with lake.connect() as connection:
        for number, (values, shown) in enumerate(writes):
            version, _ = lake.replace("gold.numbers", numbers(*values), connection)
            if shown:
                publish(lake, f"r{number}", version)
                expected = sorted(values)
    if expected is None:
        assert lake.pointer() is None
    else:
        assert published(lake) == expected
