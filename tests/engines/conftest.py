"""Engines that tests share: a Spark takes ten seconds to start, so there is one per process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.spark import needs_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from floorwalker.engines.sql_spark import SparkSql


@pytest.fixture(scope="session")
def spark_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Spark in this process, on two cores."""
    needs_spark()
    from floorwalker.engines.spark_session import open_session

    session = open_session("spark://local[2]", tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()


@pytest.fixture
def spark(spark_session: SparkSession, tmp_path) -> Iterator[SparkSql]:
    """An engine of its own on that Spark."""
    from floorwalker.engines.sql_spark import SparkSql

    engine = SparkSql("spark://local[2]", tmp_path, session=spark_session)
    yield engine
    engine.close()
