"""`floorwalker pull`, killed at a chosen step: `CUT=3` kills it before its third sync, rename or move of a cursor.

In: the arguments of the command line. Out: nothing; the process is gone, or it ended because it has fewer steps.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from floorwalker.app import cli
from floorwalker.sources.connectors import pulling

left = int(os.environ["CUT"])
fsync, replace, save = os.fsync, Path.replace, pulling.save


def step() -> None:
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def cut_fsync(handle: int) -> None:
    step()
    fsync(handle)


def cut_replace(self: Path, target: Any) -> Path:
    step()
    return replace(self, target)


def cut_save(*arguments: Any) -> None:
    step()
    save(*arguments)


if __name__ == "__main__":
    os.fsync = cut_fsync
    Path.replace = cut_replace  # type: ignore[method-assign]
    pulling.save = cut_save
    pulling.CHUNK = 2
    cli.main()
