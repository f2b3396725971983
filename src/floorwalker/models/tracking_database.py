"""The tracking database: made once, whole or not at all.

In: the path of the SQLite file and the folder of the runs' files. Out: a database of the installed MLflow's schema.

    python -m floorwalker.models.tracking_database state/mlflow.db state/mlflow

It is migrated beside its place and renamed into it, so that a process killed half-way leaves only a draft, which the
next one removes. A file that is there but incomplete (an MLflow client killed in its first seconds, an older release)
is copied and upgraded; one that cannot be read or upgraded is set aside as `mlflow.db.damaged-1` and a new one is made.
One lock, held in SQLite so that the system frees it when a process dies, lets only one process do any of this.

A new database is the same for every project, and MLflow takes 68 migrations to make one: the first is kept in the
user's cache (`~/.cache/floorwalker`, by the versions that made it), and copied for the next project.
`FLOORWALKER_CACHE` names another folder; empty: nothing is kept.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from floorwalker.errors import StateError
from floorwalker.models.tracking import quiet_mlflow

_logger = logging.getLogger(__name__)
_WAIT_SECONDS = 300.0


def ensure(database: Path, files: Path) -> None:
    """Make, complete or move the database so that MLflow opens it without migrating; waits for others who are at it.

    StateError when a newer MLflow wrote it, or when nobody could get the lock for five minutes.
    """
    quiet_mlflow()
    files.mkdir(parents=True, exist_ok=True)
    with _alone(database.with_name(database.name + ".lock")):
        draft = database.with_name(database.name + ".draft")
        _remove(draft)
        if not database.exists():
            _make(draft)
            _publish(draft, database)
        elif not _complete(database):
            _mend(database, draft)
        _relocate(database, files)


def kept() -> Path | None:
    """Where a database is kept that a new one can be copied from; None where nothing is to be kept."""
    folder = os.environ.get("FLOORWALKER_CACHE")
    if folder is None:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = str(Path(home) / "floorwalker")
    versions = "-".join(version(name) for name in ("mlflow-skinny", "sqlalchemy", "alembic"))
    return Path(folder) / f"mlflow-{versions}.db" if folder else None


def _make(draft: Path) -> None:
    source = kept()
    if source is not None and _is_sound(source):
        shutil.copyfile(source, draft)
        return
    _migrate(draft)
    if source is not None:
        # Whoever cannot keep it makes it anew next time.
        with suppress(OSError):
            source.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = source.with_name(f"{source.name}.{os.getpid()}.new")
            shutil.copyfile(draft, new)
            new.replace(source)


def _is_sound(source: Path) -> bool:
    """Whether a kept database is whole, and nothing but a schema."""
    if not source.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
            ((revisions,),) = connection.execute("SELECT count(*) FROM alembic_version").fetchall()
            ((runs,),) = connection.execute("SELECT count(*) FROM experiments").fetchall()
    except (sqlite3.Error, OSError):
        return False
    return found == "ok" and revisions == 1 and runs == 0


def _mend(database: Path, draft: Path) -> None:
    try:
        # backup() reads through SQLite, so that a journal left by a killed process is rolled back first.
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(draft)) as new:
            old.backup(new)
        _migrate(draft)
    except StateError:
        _remove(draft)
        raise
    except Exception as error:
        # Whatever stands in the way of the upgrade (not a database, half a migration), the file is kept for a person.
        aside = _free_name(database)
        _logger.warning("tracking database cannot be upgraded (%s): set aside as %s", type(error).__name__, aside.name)
        database.rename(aside)
        for suffix in ("-journal", "-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        _remove(draft)
        _migrate(draft)
    _publish(draft, database)


def _complete(database: Path) -> bool:
    """Whether every table is there and the schema is the installed MLflow's; StateError when it is a newer one's."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _all_tables_exist, _get_alembic_config, _get_schema_version
    from sqlalchemy.exc import DatabaseError

    engine = _engine(database)
    try:
        revision = _get_schema_version(engine)
        tables = _all_tables_exist(engine)
    except DatabaseError:
        return False
    finally:
        engine.dispose()
    script = ScriptDirectory.from_config(_get_alembic_config(str(engine.url)))
    known = {one.revision for one in script.walk_revisions()}
    if revision is not None and revision not in known:
        raise StateError(
            "the tracking database was written by a newer MLflow",
            why=f"its schema is {revision}, which the installed one does not know",
            fix="upgrade mlflow-skinny",
        )
    return tables and revision in script.get_heads()


def _migrate(draft: Path) -> None:
    """Bring a database nobody else has open to the installed schema."""
    from mlflow.store.db.utils import _get_schema_version, _initialize_tables, _upgrade_db
    from sqlalchemy import event
    from sqlalchemy.exc import SADeprecationWarning

    engine = _engine(draft)

    @event.listens_for(engine, "connect")
    def _unsafe_but_fast(connection: sqlite3.Connection, _record: object) -> None:
        # A draft that dies is thrown away: it need not reach the disk until it is whole.
        connection.execute("PRAGMA synchronous = OFF")

    try:
        with warnings.catch_warnings():
            # MLflow's migrations use what SQLAlchemy is about to drop; nobody here can act on it.
            warnings.simplefilter("ignore", SADeprecationWarning)
            if _get_schema_version(engine) is None:
                _initialize_tables(engine)
            else:
                _upgrade_db(engine)
    finally:
        engine.dispose()
    if not _complete(draft):
        raise StateError(
            "MLflow left its new database incomplete", why=f"{draft} lacks tables", fix="reinstall mlflow-skinny"
        )


def _engine(database: Path):
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(f"sqlite:///{database}", poolclass=NullPool)


def _publish(draft: Path, database: Path) -> None:
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    draft.replace(database)


def _relocate(database: Path, files: Path) -> None:
    """A project folder may be moved or copied: runs then point to where their files lie now, not where they lay."""
    here = files.as_uri()
    with closing(sqlite3.connect(database, timeout=_WAIT_SECONDS)) as connection, connection:
        moved = connection.execute(
            "SELECT experiment_id, artifact_location FROM experiments WHERE artifact_location LIKE '%/state/mlflow' "
            "AND artifact_location <> ?",
            (here,),
        ).fetchall()
        for experiment, there in moved:
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (here, experiment)
            )
            connection.execute(
                "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE experiment_id = ?",
                (here, len(there) + 1, experiment),
            )


@contextmanager
def _alone(lock: Path) -> Generator[None]:
    """Hold the lock file: an exclusive SQLite transaction, which every system frees when its process dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(lock, timeout=_WAIT_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise StateError(
                "the tracking database is being made by another process, and it does not come to an end",
                why=f"{lock.name}: {error}",
                fix="end that process, then try again",
            ) from error
        yield


def _remove(draft: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _free_name(database: Path) -> Path:
    number = 1
    while (aside := database.with_name(f"{database.name}.damaged-{number}")).exists():
        number += 1
    return aside


if __name__ == "__main__":
    ensure(Path(sys.argv[1]), Path(sys.argv[2]))
