"""Projects that many tests look at or copy: made once, never changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.app.driving import call
from tests.app.shop import make_shop


@pytest.fixture(scope="session")
def shop_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop after its first run. Only to be read."""
    folder = make_shop(tmp_path_factory.mktemp("shop") / "shop")
    assert call(folder, "run").code == 0
    return folder


@pytest.fixture
def shop(shop_once: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(shop_once, tmp_path / "shop"))


@pytest.fixture(scope="session")
def demo_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A simulated retailer of 300 people after `floorwalker demo`, and what the command printed. Only to be read."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    done = call(folder.parent, "demo", "--out", str(folder), "--customers", "300")
    assert done.code == 0, done.err
    return folder, done.out
