"""Upkeep of the lake: joined files hold the same rows, nobody reads half of anything, and what somebody needs stays."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest

from floorwalker.engines import compaction, upkeep
from floorwalker.engines.changes import changes_between
from floorwalker.engines.delta import Conflict
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.engines.models import parse_model
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, plan
from floorwalker.engines.settings import LakeSettings
from floorwalker.engines.vacuum import STAGED_SECONDS, vacuum
from floorwalker.errors import NotFoundError, StateError

SETTINGS = LakeSettings(compact_files=4)
NO_GRACE = LakeSettings(grace_minutes=0)
SPAWN = multiprocessing.get_context("spawn")
DAY = dt.date(2026, 1, 1)
NAME = "silver.sales"


def lake_at(folder: Path) -> Lake:
    return Lake(Project(folder), memory_limit="500MB", threads=1)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return lake_at(tmp_path)


def sales(first: int, rows: int = 10, **more: pa.Array) -> pa.Table:
    return pa.table({"who": pa.array(range(first, first + rows)), "x": pa.array([1] * rows, pa.int64()), **more})


def append(lake: Lake, times: int, *, first: int = 0) -> None:
    with lake.connect() as connection:
        for number in range(first, first + times):
            lake.append(NAME, sales(number * 10), connection, fingerprint=f"f{number}", run_id=f"r{number}")


def rows(lake: Lake, version: int | None = None, columns: str = "*") -> list[tuple]:
    with lake.connect() as connection:
        lake.view(connection, NAME, version)
        return connection.execute(f"SELECT {columns} FROM {NAME} ORDER BY ALL").fetchall()


def publish(lake: Lake, run_id: str = "r1", name: str = NAME) -> None:
    lake.publish(
        run_id=run_id, as_of=DAY, versions={name: lake.version(name) or 0}, held_back={"gold.x": "does not run"}
    )


def compacted(lake: Lake, settings: LakeSettings = SETTINGS) -> list[compaction.Compaction]:
    return upkeep.compact_all(lake, settings)


# -- compaction ------------------------------------------------------------------------------------------------------


def test_small_files_become_one_and_the_rows_stay(lake):
    append(lake, 5)
    before, note = rows(lake), lake.commit_info(NAME)
    (done,) = compacted(lake)
    assert (done.files, done.files_after, done.rows, done.version, done.status) == (5, 1, 50, 5, "compacted")
    assert len(lake.files(NAME)) == 1
    assert rows(lake) == before
    assert lake.content(NAME, 5) == 4
    assert changes_between(lake.path(NAME), 4, 5).nothing
    after = lake.commit_info(NAME)
    assert (after["fingerprint"], after["run_id"]) == (note["fingerprint"], note["run_id"]) == ("f4", "r4")
    assert compacted(lake) == []


def test_rows_keep_the_order_in_which_they_came(lake):
    append(lake, 30)
    compacted(lake)
    (file,) = lake.files(NAME)
    assert pa.parquet.read_table(file)["who"].to_pylist() == list(range(300))


def test_what_changed_since_is_the_same_with_a_compaction_in_between(lake):
    append(lake, 3)
    compacted(lake)
    append(lake, 1, first=3)
    found = changes_between(lake.path(NAME), 2, 4)
    assert found.files and not found.before and not found.after
    assert pa.parquet.read_table(found.files[0])["who"].to_pylist() == list(range(30, 40))


def test_large_files_are_left_alone(lake):
    with lake.connect() as connection:
        lake.append(NAME, connection.sql("SELECT i AS who, 1::BIGINT AS x FROM range(600000) AS t(i)"), connection)
    append(lake, 3)
    large = max(lake.files(NAME), key=os.path.getsize)
    (done,) = compacted(lake)
    assert done.files == 3 and large in lake.files(NAME)


def test_a_dry_run_touches_nothing(lake):
    append(lake, 5)
    (plan_,) = upkeep.compact_all(lake, SETTINGS, dry_run=True)
    assert (plan_.status, plan_.files, plan_.version) == ("planned", 5, None)
    assert lake.version(NAME) == 4
    assert len(list(lake.path(NAME).glob("*.parquet"))) == 5


def test_readers_of_the_published_run_get_the_joined_files_and_the_rest_of_the_pointer_stays(lake):
    append(lake, 2)
    publish(lake, "r1")
    append(lake, 2, first=2)
    publish(lake, "r2")
    before = lake.pointer()
    compacted(lake)
    after = lake.pointer()
    assert after.tables == {NAME: 4} and before.tables == {NAME: 3}
    assert after.previous == before.previous == {NAME: 1}
    for field in ("run_id", "as_of", "published_at", "bundle", "held_back", "reporting_currency"):
        assert getattr(after, field) == getattr(before, field)


def test_a_version_that_was_never_published_is_not_published_by_compacting_it(lake):
    append(lake, 3)
    publish(lake)
    append(lake, 3, first=3)
    compacted(lake)
    assert lake.pointer().tables == {NAME: 2}
    assert len(lake.read().execute(f"SELECT * FROM {NAME}").fetchall()) == 30


def test_it_gives_way_to_others_and_gives_up_cleanly(lake, monkeypatch):
    append(lake, 4)

    def conflict(*_: object, **__: object) -> int:
        raise Conflict("another")

    monkeypatch.setattr(compaction, "write_commit", conflict)
    (done,) = compacted(lake)
    assert done.status == "busy" and done.version is None
    assert lake.version(NAME) == 3 and len(rows(lake)) == 40
    assert len(list(lake.path(NAME).glob("*.parquet"))) == 4, "what it had written is gone"


def test_an_append_in_between_is_kept(lake, monkeypatch):
    append(lake, 4)
    write, late = compaction.write_commit, [1]

    def and_somebody_else(*arguments, **options):
        if late:
            late.pop()
            append(lake, 1, first=9)
        return write(*arguments, **options)

    monkeypatch.setattr(compaction, "write_commit", and_somebody_else)
    (done,) = compacted(lake)
    assert (done.status, done.files) == ("compacted", 5)
    assert len(rows(lake)) == 50


def test_missing_rows_are_noticed(lake, monkeypatch):
    append(lake, 4)
    some = compaction.parts_of(lake.open(NAME))
    wrong = [compaction.Part(one.name, one.bytes, one.rows + 1) for one in some]
    monkeypatch.setattr(compaction, "parts_of", lambda _: wrong)
    with pytest.raises(StateError, match="was not compacted"):
        compacted(lake)
    assert lake.version(NAME) == 3 and len(list(lake.path(NAME).glob("*.parquet"))) == 4


def test_a_run_compacts_when_a_table_has_grown_many_files(lake):
    append(lake, 3)
    versions = {NAME: 2}
    assert upkeep.after_run(lake, versions, SETTINGS) == [] and versions == {NAME: 2}
    append(lake, 1, first=3)
    versions = {NAME: 3}
    assert upkeep.after_run(lake, versions, LakeSettings(compact_files=4, compact="off")) == []
    (done,) = upkeep.after_run(lake, versions, SETTINGS)
    assert versions == {NAME: 4} and done.files_after == 1


def test_a_model_finds_nothing_to_build_after_a_compaction_of_its_input_or_of_itself(lake):
    model = parse_model(
        "gold.totals",
        "SELECT s.who, CAST(SUM(s.x) AS BIGINT) AS x FROM silver.sales AS s GROUP BY s.who",
        document={"incremental": {"key": ["who"]}},
    )

    def built() -> str:
        build = Build(lake, "r", DAY, versions={NAME: lake.version(NAME)}, share=1.0, small=0)
        return build.run(plan([model], [], [NAME])).nodes[0].status

    append(lake, 4)
    assert built() == "built"
    append(lake, 1, first=4)
    assert built() == "incremental"
    assert {one.table for one in compacted(lake)} == {NAME, "gold.totals"}
    assert built() == "unchanged"
    append(lake, 1, first=5)
    assert built() == "incremental"
    with lake.connect() as connection:
        lake.view(connection, "gold.totals")
        assert connection.execute("SELECT COUNT(*), SUM(x) FROM gold.totals").fetchall() == [(60, 60)]


def _compact_and_die(folder: Path) -> None:
    def die(*_: object, **__: object) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    compaction.write_commit = die
    lake = lake_at(folder)
    with run_lock(lake.project, "compact"):
        compacted(lake)


def test_killed_while_compacting_the_table_is_whole_and_the_leftovers_go(lake, tmp_path):
    append(lake, 4)
    publish(lake)
    child = SPAWN.Process(target=_compact_and_die, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert len(rows(lake)) == 40 and lake.version(NAME) == 3
    assert len(list(lake.path(NAME).glob("*.parquet"))) == 5
    assert vacuum(lake, NO_GRACE) == [], "somebody may be about to commit it"
    (gone,) = vacuum(lake, NO_GRACE, now=time.time() + STAGED_SECONDS + 60)
    assert gone.why == "never committed" and not gone.path.exists()
    (done,) = compacted(lake)
    assert done.status == "compacted" and len(rows(lake)) == 40


# -- retention and vacuum --------------------------------------------------------------------------------------------


def runs(lake: Lake, count: int) -> None:
    with lake.connect() as connection:
        for number in range(count):
            lake.replace(NAME, sales(number * 100), connection)
            publish(lake, f"r{number}")


def readable(lake: Lake) -> list[int]:
    """Versions whose files are all there."""
    newest = lake.version(NAME) or 0
    return [one for one in range(newest + 1) if all(Path(file).exists() for file in lake.files(NAME, one))]


@pytest.mark.parametrize(("keep", "expected"), [(1, [4]), (2, [3, 4]), (4, [1, 2, 3, 4])])
def test_so_many_runs_are_kept(lake, keep, expected):
    runs(lake, 5)
    vacuum(lake, LakeSettings(keep_runs=keep, grace_minutes=0))
    assert readable(lake) == expected
    assert len(lake.pointer().former) == keep - 1
    vacuum(lake, LakeSettings(keep_runs=keep, grace_minutes=0))
    assert readable(lake) == expected


def test_days_and_grace_keep_more(lake):
    runs(lake, 5)
    now = time.time()
    assert vacuum(lake, LakeSettings(keep_days=1, grace_minutes=0), now=now + 3600) == []
    assert vacuum(lake, LakeSettings(grace_minutes=10), now=now + 60) == []
    assert readable(lake) == [0, 1, 2, 3, 4]
    vacuum(lake, LakeSettings(keep_days=1, grace_minutes=10), now=now + 90_000)
    assert readable(lake) == [3, 4]


def test_a_dry_run_says_what_would_go_and_leaves_it(lake):
    runs(lake, 4)
    told = vacuum(lake, NO_GRACE, dry_run=True)
    assert len(told) == 2 and all(one.path.exists() and one.bytes > 0 and one.table == NAME for one in told)
    assert len(lake.pointer().former) == 3
    assert vacuum(lake, NO_GRACE) == told
    assert not any(one.path.exists() for one in told)


def test_what_the_published_run_and_the_one_before_need_is_never_deleted(lake):
    """Whatever happened to the newest version meanwhile."""
    append(lake, 4)
    publish(lake, "r1")
    compacted(lake)
    append(lake, 2, first=4)
    publish(lake, "r2")
    with lake.connect() as connection:
        lake.replace(NAME, sales(0, 1), connection)  # a run that was killed
    later = time.time() + 10 * 86_400
    vacuum(lake, SETTINGS, now=later)
    pointer = lake.pointer()
    assert len(rows(lake, pointer.tables[NAME])) == 60
    assert len(rows(lake, pointer.previous[NAME])) == 40
    assert len(rows(lake)) == 1


def test_the_old_log_goes_behind_a_checkpoint_and_nothing_is_built_again(lake, monkeypatch):
    monkeypatch.setattr("floorwalker.engines.vacuum.LOG_ENTRIES", 5)
    append(lake, 10)
    compacted(lake)
    publish(lake, "r1")
    newest, told = lake.version(NAME), lake.content(NAME, lake.version(NAME))
    later = time.time() + 7200
    vacuum(lake, NO_GRACE)
    gone = vacuum(lake, NO_GRACE, now=later)
    assert len(gone) == 9 and {one.path.parent.name for one in gone} == {"_delta_log"}
    assert (lake.version(NAME), lake.content(NAME, newest)) == (newest, told)
    assert lake.commit_info(NAME)["fingerprint"] == "f9"
    assert len(rows(lake)) == len(rows(lake, newest)) == 100
    append(lake, 1, first=900)
    assert len(rows(lake)) == 110
    assert len(changes_between(lake.path(NAME), told, newest + 1).files) == 1
    assert upkeep.history(lake, NAME)[-1].added is None


def test_changes_go_once_every_kept_version_has_them(lake):
    append(lake, 2)
    with lake.connect() as connection:
        for value in range(4):
            new = pa.table({"who": [1], "x": pa.array([value + 5], pa.int64())})
            lake.merge(NAME, ["who"], new.select(["who"]), new, connection)
            publish(lake, f"r{value}")
    before = changes_between(lake.path(NAME), lake.pointer().previous[NAME], lake.version(NAME))
    vacuum(lake, NO_GRACE)
    assert len(list((lake.path(NAME) / "_changes").glob("*"))) == 1
    assert changes_between(lake.path(NAME), lake.pointer().previous[NAME], lake.version(NAME)) == before


def test_scratch_of_the_dead_goes_and_of_the_living_stays(lake, tmp_path):
    append(lake, 1)
    old, new = tmp_path / "state/tmp/increment-1", tmp_path / "state/tmp/increment-2"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "x.parquet").write_bytes(b"1234")
    os.utime(old, (0, 0))
    (gone,) = vacuum(lake, NO_GRACE)
    assert (gone.path, gone.bytes) == (old, 4)
    assert not old.exists() and new.exists()


# -- figures ---------------------------------------------------------------------------------------------------------


def test_tables_and_history_tell_what_is_there(lake):
    append(lake, 4)
    publish(lake)
    with lake.connect() as connection:
        new = pa.table({"who": [1, 2, 999], "x": pa.array([5, 5, 5], pa.int64())})
        lake.merge(NAME, ["who"], pa.table({"who": [1, 2, 3]}), new, connection)
    compacted(lake)
    (facts,) = upkeep.tables(lake, SETTINGS, [NAME])
    assert (facts.rows, facts.files, facts.small_share, facts.newest, facts.published) == (40, 1, 0.0, 5, 3)
    assert facts.kept == (3, 5) and facts.on_disk > facts.bytes > 0
    found = upkeep.history(lake, NAME)
    assert [(one.operation, one.rows, one.added, one.removed, one.readers) for one in found] == [
        ("compact", 40, 0, 0, "kept"),
        ("merge", 40, 3, 3, ""),  # two changed, one came, one went
        ("append", 40, 10, 0, "published"),
        ("append", 30, 10, 0, ""),
        ("append", 20, 10, 0, ""),
        ("create", 10, 10, 0, ""),
    ]
    with pytest.raises(NotFoundError, match=r"silver\.sale") as caught:
        upkeep.history(lake, "silver.sale")
    assert "did you mean 'silver.sales'" in caught.value.fix


# -- columns over time -----------------------------------------------------------------------------------------------


def test_columns_added_narrower_and_in_another_order_survive_a_compaction(lake):
    append(lake, 1)
    with lake.connect() as connection:
        lake.append(NAME, sales(10, note=pa.array(["n"] * 10)), connection)
        narrow = pa.table({"note": ["m"], "x": pa.array([7], pa.int32()), "who": pa.array([99], pa.int16())})
        lake.append(NAME, narrow, connection)
        older = pa.table({"x": pa.array([8], pa.int64()), "who": pa.array([100])})
        lake.append(NAME, older, connection)
    before = rows(lake, columns="who, x, note")
    assert before[-2:] == [(99, 7, "m"), (100, 8, None)] and before[0] == (0, 1, None)
    compacted(lake)
    assert len(lake.files(NAME)) == 1
    assert rows(lake, columns="who, x, note") == before
    fields = lake.open(NAME).schema().fields
    assert [(one.name, one.type.type) for one in fields] == [("who", "long"), ("x", "long"), ("note", "string")]


@pytest.mark.parametrize("values", [pa.array(["a"]), pa.array([1.5]), pa.array([dt.date(2026, 1, 1)])])
def test_another_type_is_refused_by_name_and_changes_nothing(lake, values):
    append(lake, 2)
    with (
        lake.connect() as connection,
        pytest.raises(StateError, match=r"silver\.sales\.x is long in the lake") as caught,
    ):
        lake.append(NAME, pa.table({"who": [1], "x": values}), connection)
    assert caught.value.fix
    assert lake.version(NAME) == 1 and len(rows(lake)) == 20


# -- at once ---------------------------------------------------------------------------------------------------------


def _merge_some(folder: Path, who: int, times: int) -> None:
    """Moves 1 from one of two rows to the other, again and again: their sum stays."""
    lake = lake_at(folder)
    with lake.connect() as connection:
        for number in range(1, times + 1):
            new = pa.table({"who": [who, who + 1], "x": pa.array([1000 + number, 1000 - number], pa.int64())})
            lake.merge(NAME, ["who"], new.select(["who"]), new, connection)


def _upkeep_until(folder: Path, stop: str) -> None:
    lake = lake_at(folder)
    settings = LakeSettings(grace_minutes=1)
    while not Path(stop).exists():
        with run_lock(lake.project, "upkeep"):
            compacted(lake, settings)
            vacuum(lake, settings)


def together(*processes) -> None:
    for one in processes:
        one.start()
    for one in processes:
        one.join(120)
        assert one.exitcode == 0


def test_two_processes_merge_into_one_table_and_both_land(lake, tmp_path):
    with lake.connect() as connection:
        first = pa.table({"who": [0, 1, 10, 11], "x": pa.array([1000] * 4, pa.int64())})
        lake.append(NAME, first, connection)
    together(*(SPAWN.Process(target=_merge_some, args=(tmp_path, who, 5)) for who in (0, 10)))
    assert rows(lake) == [(0, 1005), (1, 995), (10, 1005), (11, 995)]
    assert lake.version(NAME) == 10


@pytest.mark.slow
def test_readers_see_whole_versions_while_others_merge_compact_and_vacuum(lake, tmp_path):
    with lake.connect() as connection:
        for who in (0, 1, 10, 11):
            one = pa.table({"who": [who], "x": pa.array([1000], pa.int64())})
            lake.append(NAME, one, connection)
    stop = str(tmp_path / "stop")
    writers = [SPAWN.Process(target=_merge_some, args=(tmp_path, who, 25)) for who in (0, 10)]
    keeper = SPAWN.Process(target=_upkeep_until, args=(tmp_path, stop))
    for one in (*writers, keeper):
        one.start()
    seen = 0
    try:
        while any(one.is_alive() for one in writers):
            with lake.connect() as connection:
                lake.view(connection, NAME)
                found = connection.execute(f"SELECT COUNT(*), SUM(x) FROM {NAME}").fetchall()
            assert found == [(4, 4000)]
            seen += 1
    finally:
        Path(stop).touch()
        for one in (*writers, keeper):
            one.join(120)
    assert [one.exitcode for one in (*writers, keeper)] == [0, 0, 0]
    assert seen > 10
    assert rows(lake) == [(0, 1025), (1, 975), (10, 1025), (11, 975)]
    assert any("compacted" in (lake.commit_info(NAME, one).get("merge") or "") for one in range(lake.version(NAME) + 1))
