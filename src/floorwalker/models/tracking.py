"""What was trained, on which data, how well, and the model itself: MLflow in the project's own folder.

In: parameters, metrics, files. Out: a run in `state/mlflow.db` with its files under `state/mlflow/`, readable by any
MLflow client at `Tracker(project).uri`. Models are JSON, npz or text, never pickles: reading one runs no code. Log no
person's data: erasure does not search here.

    tracker = Tracker(project)
    with tracker.run("recommend.knn", params={"neighbours": 50}, tags={"run_id": context.run_id},
                     data={"gold.customer_products": fingerprint(connection, "gold.customer_products")}) as run:
        run.metrics({"recall@10": 0.21})
        run.model_file("knn.npz", {"items": items, "weights": weights})
    content = tracker.read_model(tracker.latest("recommend.knn").id, "knn.npz")

MLflow is imported (1-2 s) and its database made (68 migrations, 1-12 s) only here. `warm_up(project)` makes the
database in a process of its own while the caller works; whoever comes first builds it, the others wait.
"""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from floorwalker.engines.project import Project
from floorwalker.errors import NotFoundError, StateError

if TYPE_CHECKING:
    import duckdb
    from mlflow import MlflowClient

EXPERIMENT = "floorwalker"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_EXECUTABLE = (".pkl", ".pickle", ".joblib", ".pt", ".pth")
_LABEL = "floorwalker."
"""Our tags carry this prefix; MLflow's own are `mlflow.`."""


def quiet_mlflow() -> None:
    """Before MLflow is imported: no telemetry, no network, no chatter on the terminal."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")


def fingerprint(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """What a model was trained on, as text: rows and an order-free checksum, e.g. "4338 rows, 9c1f00e2b5d7a134".

    The same rows in any order give the same text on the same release of DuckDB.
    """
    if not re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", table):
        raise NotFoundError(f"no table {table!r}", why="a table is named schema.table")
    ((rows, total),) = connection.execute(
        f"SELECT count(*), COALESCE(sum(CAST(hash(t) AS HUGEINT)), 0) FROM {table} AS t"
    ).fetchall()
    return f"{rows} rows, {int(total) % 2**64:016x}"


@dataclass(frozen=True)
class LoggedRun:
    """A run as it stands in the log; `params` and `tags` are text, as MLflow keeps them."""

    id: str
    name: str
    status: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


class Run:
    """A run being logged; get one from `Tracker.run`."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client, self.id = client, run_id

    def params(self, values: Mapping[str, object]) -> None:
        """Settings of the run; a name may be given once. Long values are cut at 500 characters."""
        from mlflow.entities import Param

        self._client.log_batch(self.id, params=[Param(name, str(value)[:500]) for name, value in values.items()])

    def metrics(self, values: Mapping[str, float | None], step: int = 0) -> None:
        """Figures of the run; None (could not be measured) is left out. `step` numbers epochs."""
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)  # when it was logged: the log is no input of anything
        known = {name: float(value) for name, value in values.items() if value is not None}
        self._client.log_batch(self.id, metrics=[Metric(name, value, now, step) for name, value in known.items()])

    def model_file(self, name: str, content: bytes | str | Mapping[str, np.ndarray] | object) -> None:
        """Keep a file of the model: bytes and text as they are, arrays as `.npz`, anything msgspec encodes as `.json`.

        StateError for a path instead of a name, and for formats that run code when they are read.
        """
        if not _NAME.fullmatch(name) or name.endswith(_EXECUTABLE):
            raise StateError(
                f"a model file cannot be called {name!r}",
                why="it must be a plain name, and no format that runs code when it is read",
                fix="use JSON (.json), arrays (.npz) or the library's own text format",
            )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(_encoded(name, content))
            self._client.log_artifact(self.id, str(path), artifact_path="model")


class Tracker:
    """The project's runs. Makes, mends or moves the tracking database on first use."""

    def __init__(self, project: Project, experiment: str = EXPERIMENT) -> None:
        self._files, self._database = project.state / "mlflow", project.state / "mlflow.db"
        self._experiment = experiment

    @property
    def uri(self) -> str:
        """Where an MLflow client finds the runs: `mlflow.set_tracking_uri(tracker.uri)`."""
        return f"sqlite:///{self._database}"

    @contextmanager
    def run(
        self,
        name: str,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, object] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Generator[Run]:
        """Log one run. `tags` such as run_id and as_of; `data`: version or fingerprint of each table it learned from.

        An exception inside marks the run FAILED, with its type as a tag, and passes on.
        """
        labels = {_LABEL + key: str(value) for key, value in (tags or {}).items()}
        labels |= {f"{_LABEL}data.{table}": version for table, version in (data or {}).items()}
        started = self._client.create_run(self._experiment_id, tags=labels, run_name=name)
        run = Run(self._client, started.info.run_id)
        try:
            if params:
                run.params(params)
            yield run
        except BaseException as error:
            self._client.set_tag(run.id, _LABEL + "error", type(error).__name__)
            self._client.set_terminated(run.id, "FAILED")
            raise
        self._client.set_terminated(run.id, "FINISHED")

    def find(self, name: str, *, limit: int = 100, finished: bool = True) -> list[LoggedRun]:
        """Runs of this name, newest first; only those that finished unless told otherwise."""
        wanted = f"attributes.run_name = '{_checked(name)}'" + (
            " AND attributes.status = 'FINISHED'" if finished else ""
        )
        found = self._client.search_runs(
            [self._experiment_id], wanted, max_results=limit, order_by=["attributes.start_time DESC"]
        )
        return [
            LoggedRun(
                id=one.info.run_id,
                name=name,
                status=one.info.status,
                params=dict(one.data.params),
                metrics=dict(one.data.metrics),
                tags={
                    key.removeprefix(_LABEL): value for key, value in one.data.tags.items() if key.startswith(_LABEL)
                },
            )
            for one in found
        ]

    def latest(self, name: str) -> LoggedRun:
        """The newest finished run of this name; NotFoundError when there is none."""
        found = self.find(name, limit=1)
        if not found:
            raise NotFoundError(f"no finished run called '{name}'", why="nothing was logged", fix="floorwalker run")
        return found[0]

    def read_model(self, run_id: str, name: str) -> bytes:
        """A model file as it was logged; NotFoundError when the run has none of that name."""
        path = self._files / _checked(run_id) / "artifacts" / "model" / _checked(name)
        if not path.is_file():
            raise NotFoundError(f"run {run_id} has no model file '{name}'", why=f"nothing lies at {path}")
        return path.read_bytes()

    @cached_property
    def _client(self) -> MlflowClient:
        from floorwalker.models.tracking_database import ensure

        ensure(self._database, self._files)
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @cached_property
    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            try:
                return self._client.create_experiment(self._experiment, artifact_location=self._files.as_uri())
            except MlflowException:
                # Another process made it in between; if not, the error is real.
                found = self._client.get_experiment_by_name(self._experiment)
                if found is None:
                    raise
        return found.experiment_id


def warm_up(project: Project) -> subprocess.Popen[bytes] | None:
    """Start making the tracking database in a process of its own; None when it is there, or need only be copied.

    Costs the caller a few milliseconds. Nothing needs to wait for it: a `Tracker` used earlier waits by itself, and
    makes the database if that process died.
    """
    from floorwalker.models.tracking_database import kept

    database = project.state / "mlflow.db"
    if database.exists() or ((before := kept()) is not None and before.exists()):
        return None
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "floorwalker.models.tracking_database", str(database), str(project.state / "mlflow")],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _encoded(name: str, content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    if name.endswith(".npz"):
        arrays = {key: np.asarray(value) for key, value in content.items()}
        objects = sorted(key for key, value in arrays.items() if value.dtype.hasobject)
        if objects:
            raise StateError(f"{name}: array '{objects[0]}' holds Python objects", why="they could only be pickled")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()
    return msgspec.json.encode(content)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NotFoundError(
            f"nothing is called {name!r}", why="names are letters, digits, dots, dashes and underscores"
        )
    return name
