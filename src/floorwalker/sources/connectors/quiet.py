"""dlt as a library and nothing more: no telemetry, none of its files read or written, no variables of its own obeyed.

In: nothing. Out: a block in which dlt has a context without providers of configuration.

dlt would look for config.toml and secrets.toml in ~/.dlt and in the working folder, take values from the environment
by names of its own, and report usage. A project's sources are said in floorwalker.toml, and nowhere else.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

from floorwalker.errors import ConfigError

_OFF = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DISABLE_PLUGINS": "true"}


def need_dlt() -> None:
    """Raises ConfigError where the extra is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("dlt", "requests")):
        raise ConfigError("pulling needs dlt", fix="pip install 'floorwalker[connectors]'")


@contextmanager
def quiet_dlt() -> Generator[None]:
    """Raises ConfigError where dlt is not installed."""
    need_dlt()
    os.environ.update(_OFF)
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
    from dlt.common.configuration.specs.runtime_configuration import RuntimeConfiguration
    from dlt.common.runtime.run_context import RunContext

    class Silent(RunContext):
        """A context that knows nothing of the machine."""

        def initial_providers(self) -> list:
            return []

        @property
        def global_dir(self) -> str:
            return tempfile.gettempdir()

        def initialize_runtime(self, runtime_config: RuntimeConfiguration | None = None) -> None:
            self._runtime_config = RuntimeConfiguration(dlthub_telemetry=False)

    with Container().injectable_context(PluggableRunContext(Silent("."))):
        yield
