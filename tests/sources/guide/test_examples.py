"""The examples in the docstrings of the guide and of the shipped exports."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from floorwalker.app import guiding
from floorwalker.sources import exports, guide

MODULES = [
    exports,
    guiding,
    *(importlib.import_module(f"{guide.__name__}.{one.name}") for one in pkgutil.iter_modules(guide.__path__)),
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples(module) -> None:
    assert doctest.testmod(module).failed == 0
