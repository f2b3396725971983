"""The desk at which the tests of sources work: see desk.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sources.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
