"""One shop for the whole room: its tables, its report as numbers and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from tests.console import fixture

from floorwalker.console.report import render, report_data


@pytest.fixture(scope="session")
def shop() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        fixture.build(connection)
        yield connection


@pytest.fixture(scope="session")
def data(shop: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    return report_data(shop, fixture.facts())


@pytest.fixture(scope="session")
def page(data: dict[str, Any]) -> str:
    return render(data)
