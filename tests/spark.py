"""What the tests on Spark need, and how to get it when it is not here."""

from __future__ import annotations

import importlib.util

import pytest

from floorwalker.engines.spark_session import JAVA, java_command, java_version


def needs_spark() -> None:
    """Skip, saying how to get them, where the extra or Java is absent."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("needs the extra: make setup-slow, or pip install -e '.[spark]'")
    java = java_command()
    if java is None or (java_version(java) or 0) < JAVA:
        pytest.skip(f"needs Java {JAVA}: apt-get install openjdk-{JAVA}-jre-headless")
