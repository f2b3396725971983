"""The examples in the docstrings of the room are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from floorwalker import console

MODULES = sorted(module.name for module in pkgutil.iter_modules(console.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str) -> None:
    module = importlib.import_module(f"floorwalker.console.{name}")
    assert doctest.testmod(module).failed == 0


def test_most_modules_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    with_examples = [
        name
        for name in MODULES
        if any(test.examples for test in finder.find(importlib.import_module(f"floorwalker.console.{name}")))
    ]
    assert {"numbers", "svg", "charts", "curves", "tables", "facts", "parts", "report"} <= set(with_examples)
