"""The command line with an accident built in: `ACCIDENT=signal:where` sends this process a signal at a chosen moment.

In: the arguments of the command line; `where` is `before <table>`, `after <table>` (around the commit of a table's next
version), `publish` (just before the pointer is moved) or `during <table>` (while the engine works on its query).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from floorwalker.app import cli
from floorwalker.engines.lake import Lake, Staged

number, _, where = os.environ["ACCIDENT"].partition(":")
moment, _, table = where.partition(" ")
# A process started in the background may have been told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
commit, publish, stage = Lake.commit, Lake.publish, Lake.stage


def accident() -> None:
    os.kill(os.getpid(), signal.Signals[number])


def commit_or_not(self: Lake, staged: Staged, *arguments: Any, **note: Any) -> int:
    if moment == "before" and staged.name == table:
        accident()
    version = commit(self, staged, *arguments, **note)
    if moment == "after" and staged.name == table:
        accident()
    return version


def publish_or_not(self: Lake, **arguments: Any) -> None:
    if moment == "publish":
        accident()
    publish(self, **arguments)


def stage_or_not(self: Lake, name: str, *arguments: Any) -> Staged:
    if moment == "during" and name == table:
        # The query of this table never ends: whenever the signal comes, it comes in time.
        threading.Timer(0.3, accident).start()
    return stage(self, name, *arguments)


Lake.commit, Lake.publish, Lake.stage = commit_or_not, publish_or_not, stage_or_not  # type: ignore[method-assign]
sys.argv[0] = "floorwalker"
cli.main()
