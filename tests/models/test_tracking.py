"""Tracking: any MLflow client reads what we logged, the database survives a kill, nothing goes over the network."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import numpy as np
import pytest

import floorwalker
from floorwalker.engines.project import Project
from floorwalker.errors import NotFoundError, StateError
from floorwalker.models import tracking_database
from floorwalker.models.tracking import Tracker, fingerprint, warm_up
from floorwalker.models.tracking_database import ensure, kept


@pytest.fixture(autouse=True, scope="module")
def nothing_kept() -> Iterator[None]:
    """Databases are made here, not copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOORWALKER_CACHE", "")
        yield


@pytest.fixture(scope="module")
def tracked(tmp_path_factory) -> Tracker:
    return Tracker(Project(tmp_path_factory.mktemp("tracked")))


def test_a_client_reads_params_metrics_tags_and_model(tracked: Tracker) -> None:
    with tracked.run("recommend.knn", {"neighbours": 50}, {"run_id": "r1"}, {"gold.customers": "3 rows, ff"}) as run:
        run.metrics({"recall": 0.25, "not_measured": None})
        run.metrics({"loss": 2.0}, step=0)
        run.metrics({"loss": 1.0}, step=1)
        run.model_file("knn.json", {"weights": [0.1, 1 / 3]})
        run.model_file("knn.npz", {"items": np.array(["a", "b"]), "weights": np.array([0.5, 0.25])})
        run.model_file("note.txt", "trees\n")
        run.model_file("raw.bin", b"\x00\x01")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracked.uri)
    seen = client.get_run(run.id)
    assert seen.info.status == "FINISHED"
    assert seen.data.params == {"neighbours": "50"}
    assert seen.data.metrics == {"recall": 0.25, "loss": 1.0}
    assert [one.value for one in client.get_metric_history(run.id, "loss")] == [2.0, 1.0]
    assert seen.data.tags["floorwalker.run_id"] == "r1"
    assert seen.data.tags["floorwalker.data.gold.customers"] == "3 rows, ff"
    names = {one.path for one in client.list_artifacts(run.id, "model")}
    assert names == {"model/knn.json", "model/knn.npz", "model/note.txt", "model/raw.bin"}
    local = client.download_artifacts(run.id, "model/knn.npz")
    with np.load(local, allow_pickle=False) as arrays:
        assert arrays["weights"].tolist() == [0.5, 0.25]
    assert tracked.read_model(run.id, "knn.json") == b'{"weights":[0.1,0.3333333333333333]}'
    assert tracked.latest("recommend.knn").tags == {"run_id": "r1", "data.gold.customers": "3 rows, ff"}


def test_a_failing_run_is_marked_and_is_no_result(tracked: Tracker) -> None:
    with pytest.raises(ZeroDivisionError), tracked.run("fails"):
        raise ZeroDivisionError
    (run,) = tracked.find("fails", finished=False)
    assert (run.status, run.tags) == ("FAILED", {"error": "ZeroDivisionError"})
    with pytest.raises(NotFoundError):
        tracked.latest("fails")


def test_models_are_never_pickles_or_paths(tracked: Tracker) -> None:
    with tracked.run("refuses") as run:
        for name in ("model.pkl", "../model.json", "a/b.json", "", "net.pt"):
            with pytest.raises(StateError, match="cannot be called"):
                run.model_file(name, b"x")
        with pytest.raises(StateError, match="Python objects"):
            run.model_file("objects.npz", {"a": np.array([object()])})
    with pytest.raises(NotFoundError):
        tracked.read_model(run.id, "model.json")
    with pytest.raises(NotFoundError):
        tracked.read_model("../..", "floorwalker.db")


def test_nothing_goes_over_the_network(tracked: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with tracked.run("offline") as run:
        run.metrics({"x": 1})
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()


def test_a_moved_project_logs_into_its_own_folder(tracked: Tracker, tmp_path: Path) -> None:
    with tracked.run("moves") as run:
        run.model_file("m.json", [1])
    moved = Project(tmp_path / "moved")
    moved.state.mkdir(parents=True)
    with closing(sqlite3.connect(tracked._database)) as old, closing(sqlite3.connect(moved.state / "mlflow.db")) as new:
        old.backup(new)
    (moved.state / "mlflow" / run.id / "artifacts" / "model").mkdir(parents=True)
    (moved.state / "mlflow" / run.id / "artifacts" / "model" / "m.json").write_bytes(b"[1]")
    tracker = Tracker(moved)
    with tracker.run("moves") as later:
        later.model_file("m.json", [2])
    assert tracker.read_model(later.id, "m.json") == b"[2]"
    assert tracker._client.get_run(run.id).info.artifact_uri.startswith((moved.state / "mlflow").as_uri())


def test_warm_up_makes_the_database_and_a_tracker_waits_for_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    process = warm_up(project)
    assert process is not None
    with Tracker(project).run("first") as run:
        run.metrics({"x": 1})
    assert process.wait(timeout=60) == 0
    assert warm_up(project) is None
    assert Tracker(project).latest("first").metrics == {"x": 1}


def test_the_first_database_is_kept_and_copied_for_the_next_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOORWALKER_CACHE", str(tmp_path / "cache"))
    one, two, three = (tmp_path / name / "mlflow.db" for name in ("one", "two", "three"))
    ensure(one, tmp_path / "files")
    source = kept()
    assert source is not None and source.exists() and source.parent.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(tracking_database, "_migrate", None)
    ensure(two, tmp_path / "files")
    assert two.read_bytes() == source.read_bytes() and tracking_database._complete(two)
    assert warm_up(Project(tmp_path / "four")) is None, "it need only be copied"
    # One that was spoilt is not believed.
    monkeypatch.undo()
    monkeypatch.setenv("FLOORWALKER_CACHE", str(tmp_path / "cache"))
    source.write_bytes(source.read_bytes()[:9000])
    ensure(three, tmp_path / "files")
    assert tracking_database._complete(three) and tracking_database._is_sound(source)


def test_killed_while_migrating_leaves_a_draft_that_the_next_one_replaces(tmp_path: Path) -> None:
    project = Project(tmp_path)
    # A migration that reports each statement and then stops: the test kills it in the middle, at a known place.
    script = """
import sys, signal
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from floorwalker.models.tracking_database import ensure
count = 0
@event.listens_for(Engine, "before_cursor_execute")
def stop(connection, cursor, statement, *rest):
    global count
    count += "CREATE TABLE" in statement
    if count == 40:
        print("half-way", flush=True)
        signal.pause()
ensure(Path(sys.argv[1]), Path(sys.argv[2]))
"""
    source = str(Path(floorwalker.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(project.state / "mlflow.db"), str(project.state / "mlflow")],
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"half-way\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert (project.state / "mlflow.db.draft").exists()
    assert not (project.state / "mlflow.db").exists()
    with Tracker(project).run("after") as run:
        run.metrics({"x": 1})
    assert not (project.state / "mlflow.db.draft").exists()


def half_migrated(database: Path) -> None:
    """What an MLflow client of its own leaves when it dies early: its oldest tables, no version."""
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{database}")
    Base.metadata.create_all(engine)
    engine.dispose()


def unreadable(database: Path) -> None:
    database.write_bytes(b"this is no database" * 300)


def stuck(database: Path) -> None:
    """Tables of a later schema, but a version from long before: no upgrade can pass."""
    half_migrated(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE registered_models (name VARCHAR)")


@pytest.mark.parametrize(("damage", "aside"), [(half_migrated, 0), (unreadable, 1), (stuck, 1)])
def test_a_half_made_database_is_mended_or_set_aside(tmp_path: Path, damage, aside: int) -> None:
    project = Project(tmp_path)
    project.state.mkdir()
    damage(project.state / "mlflow.db")
    with Tracker(project).run("after") as run:
        run.metrics({"x": 1})
    assert Tracker(project).latest("after").metrics == {"x": 1}
    assert len(list(project.state.glob("mlflow.db.damaged-*"))) == aside


def test_a_newer_database_is_left_alone(tracked: Tracker, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.state.mkdir()
    tracked.find("anything")
    with (
        closing(sqlite3.connect(tracked._database)) as old,
        closing(sqlite3.connect(project.state / "mlflow.db")) as new,
    ):
        old.backup(new)
    with closing(sqlite3.connect(project.state / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    with pytest.raises(StateError, match="newer MLflow"):
        Tracker(project).find("anything")
    assert not list(project.state.glob("mlflow.db.damaged-*"))


def test_fingerprint_follows_the_rows_not_their_order() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA gold")
    connection.execute("CREATE TABLE gold.a AS SELECT i, i * 2 AS j FROM range(100) AS t(i)")
    connection.execute("CREATE TABLE gold.b AS SELECT * FROM gold.a ORDER BY i DESC")
    connection.execute("CREATE TABLE gold.c AS SELECT i, j + (i = 7)::INT AS j FROM gold.a")
    assert fingerprint(connection, "gold.a") == fingerprint(connection, "gold.b") != fingerprint(connection, "gold.c")
    with pytest.raises(NotFoundError):
        fingerprint(connection, "gold.a; DROP TABLE gold.a")
