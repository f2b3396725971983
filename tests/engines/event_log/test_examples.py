"""The examples in the docstrings of the package are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest
from tests.kafka_broker import needs_kafka

from floorwalker.engines import event_log

MODULES = sorted(module.name for module in pkgutil.iter_modules(event_log.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str) -> None:
    if name.startswith("kafka_"):
        needs_kafka()
    module = importlib.import_module(f"floorwalker.engines.event_log.{name}")
    assert doctest.testmod(module).failed == 0
