"""The project's log, wherever it is kept: in files below `state/log`, or in a topic of Kafka with its keys there.

In: a project; its settings say where (`[collect.log] url`). Out: an `EventLog`.

    log = project_log(project)
    log.ends()

Offsets are those of one log: runs and live profiles know how far they have read by them. So what lies in the folder
must be of the log that the settings name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from floorwalker.app.config import load_config
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.errors import ConfigError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.interface import EventLog
    from floorwalker.engines.project import Project


def project_log(project: Project, *, partitions: int | None = None, settings: LogSettings | None = None) -> EventLog:
    """Open it; make it or add partitions where it has fewer. Without `settings` they are read from the project."""
    if settings is None:
        there = project.config_file.exists()
        settings = load_config(project).settings.collect.log if there else LogSettings()
    folder = project.state / LOG
    on_kafka, in_files = (folder / "keys.db").exists(), any(folder.glob("*/*.db"))
    if (in_files and settings.url) or (on_kafka and not settings.url):
        raise ConfigError(
            f"the project's log is {'in a topic of Kafka' if on_kafka else 'in files'}, and its settings say otherwise",
            why="how far it was read is known by offsets, which are others there",
            fix="set [collect.log] url back; or run once more, move state/log away, change it, and then"
            " floorwalker events replay --since 2000-01-01",
        )
    return open_log(settings.url or folder, partitions=partitions, settings=settings, keys=folder)
