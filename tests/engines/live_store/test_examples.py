"""The examples in the docstrings of the package are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from floorwalker.engines import live_store

MODULES = sorted(module.name for module in pkgutil.iter_modules(live_store.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str) -> None:
    if name.startswith("redis"):
        pytest.importorskip("redis", reason="needs the extra: pip install -e '.[redis]'")
    module = importlib.import_module(f"floorwalker.engines.live_store.{name}")
    assert doctest.testmod(module).failed == 0
