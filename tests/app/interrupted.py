"""The command line with an accident built in: `ACCIDENT=signal:where` sends this process a signal at a chosen moment.

In: the arguments of the command line; `where` is `before <table>`, `after <table>` (around the commit of a table's next
version), `publish` (just before the pointer is moved) or `during <table>` (while the engine works on its query).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from floorwalker.app import cli
from floorwalker.engines import merging
from floorwalker.engines.lake import Lake, Staged
from floorwalker.engines.sql_duckdb import DuckDBSql

number, _, where = os.environ["ACCIDENT"].partition(":")
moment, _, table = where.partition(" ")
# A process started in the background may have been told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
commit, publish, write, merged = Lake.commit, Lake.publish, DuckDBSql.write, merging.commit_merge


def accident() -> None:
    os.kill(os.getpid(), signal.Signals[number])


def commit_or_not(self: Lake, staged: Staged, *arguments: Any, **note: Any) -> int:
    if moment == "before" and staged.name == table:
        accident()
    version = commit(self, staged, *arguments, **note)
    if moment == "after" and staged.name == table:
        accident()
    return version


def commit_merge_or_not(lake: Lake, staged: Staged, **note: Any) -> int:
    if moment == "before" and staged.name == table:
        accident()
    version = merged(lake, staged, **note)
    if moment == "after" and staged.name == table:
        accident()
    return version


def publish_or_not(self: Lake, **arguments: Any) -> None:
    if moment == "publish":
        accident()
    publish(self, **arguments)


def write_or_not(self: DuckDBSql, sql: str, folder: Path) -> list[tuple[Path, int]]:
    if moment == "during" and f"{folder.parent.name}.{folder.name}" == table:
        # The query of this table never ends: whenever the signal comes, it comes in time.
        threading.Timer(0.3, accident).start()
    return write(self, sql, folder)


Lake.commit, Lake.publish, DuckDBSql.write = commit_or_not, publish_or_not, write_or_not  # type: ignore[method-assign]
merging.commit_merge = commit_merge_or_not
sys.argv[0] = "floorwalker"
cli.main()
