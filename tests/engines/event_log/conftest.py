"""The twins of the log: each test of the conformance suite runs on every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines.event_log.twins import TWINS

from floorwalker.engines.event_log.interface import EventLog

OpenTwin = Callable[[int], EventLog]


@pytest.fixture(params=sorted(TWINS))
def open_twin(request, tmp_path: Path) -> Iterator[OpenTwin]:
    """Opens the same log again at every call, as another process would."""
    logs: list[EventLog] = []

    def open_again(partitions: int = 1) -> EventLog:
        logs.append(TWINS[request.param](tmp_path, partitions))
        return logs[-1]

    yield open_again
    for log in logs:
        log.close()


@pytest.fixture
def log(open_twin: OpenTwin) -> EventLog:
    return open_twin(1)
