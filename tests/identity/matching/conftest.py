"""One population and what was learned of it, for all tests of matching."""

from __future__ import annotations

from typing import NamedTuple

import duckdb
import pytest
from tests.identity.matching.shop import context_of, learn_fast
from tests.identity.population import population

from floorwalker.identity.match import FIELDS
from floorwalker.identity.matching.model import Model

RECORDS = 2000


class Shop(NamedTuple):
    """`connection`: match_records (rid, record_id, fields), learn_from, truth(record_id, person_id)."""

    connection: duckdb.DuckDBPyConnection
    model: Model


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Tests may add tables of their own."""
    records, truth = population(RECORDS, seed=3)
    connection = context_of(records, tmp_path_factory.mktemp("shop")).connection
    connection.execute("""
        CREATE TEMP TABLE learn_from AS
        SELECT * REPLACE ((row_number() OVER (ORDER BY said, rid))::INTEGER - 1 AS rid) FROM match_records
    """)
    connection.register("incoming", truth)
    connection.execute("CREATE TEMP TABLE truth AS SELECT * FROM incoming")
    connection.unregister("incoming")
    return Shop(connection, learn_fast(connection, "learn_from", FIELDS))
