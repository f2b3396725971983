"""Where the SQL models of a run are worked out: what `[engine] url` or `--engine` says.

In: a project and its `[engine]` settings. Out: the engine for `Build.engine`; None is DuckDB, in this process.

    with sql_engine(project, settings.engine) as build.engine:
        build.run(graph)
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from floorwalker.engines.sql import SqlEngine

if TYPE_CHECKING:
    from floorwalker.app.settings import EngineSection
    from floorwalker.engines.project import Project


def check_engine(settings: EngineSection) -> None:
    """Raises ConfigError for an unknown engine, StateError without Spark: before anything is read."""
    if settings.url != "duckdb":
        from floorwalker.engines.spark_session import check_installed, master

        master(settings.url)
        check_installed()


@contextmanager
def sql_engine(project: Project, settings: EngineSection) -> Generator[SqlEngine | None]:
    """Start the engine and let go of it at the end. Raises as `check_engine` does."""
    if settings.url == "duckdb":
        yield None
        return
    # Spark is started only by those who ask for it.
    from floorwalker.engines.sql_spark import SparkSql

    engine = SparkSql(
        settings.url, project.state / "tmp" / "spark", memory=settings.memory_limit, settings=settings.spark
    )
    try:
        yield engine
    finally:
        engine.close()
