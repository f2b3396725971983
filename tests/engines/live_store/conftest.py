"""The twins of the store: each test of the conformance suite runs on both."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines.live_store.twins import SETTINGS, TABLES, TWINS
from tests.redis_server import redis_server

from floorwalker.engines.live_store.interface import LiveStore
from floorwalker.engines.live_store.opening import open_store

OpenTwin = Callable[..., LiveStore]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests: each has a prefix of its own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=TWINS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store lies that nobody has opened yet."""
    if request.param == "lmdb":
        return str(tmp_path / "store")
    return f"{request.getfixturevalue('redis_url')}?prefix={uuid.uuid4().hex}"


@pytest.fixture
def open_twin(place: str) -> Iterator[OpenTwin]:
    """Opens the same store again at every call."""
    stores: list[LiveStore] = []

    def open_again(tables: tuple[str, ...] = TABLES, *, writing: bool = False) -> LiveStore:
        stores.append(open_store(place, tables, settings=SETTINGS, writing=writing))
        return stores[-1]

    yield open_again
    for store in stores:
        store.close()


@pytest.fixture
def store(open_twin: OpenTwin) -> LiveStore:
    return open_twin(writing=True)
