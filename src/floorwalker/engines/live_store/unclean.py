"""Whether the machine stopped while a store was written to: its file may then be damaged, without looking so.

In: the store's folder. Out: a StateError, if so. Commits are handed to the operating system and not synced, so a
process may be killed at any time; but a machine that loses power writes pages in an order of its own. A writer leaves
the id of the machine's boot in a file, and removes it when it has synced and closed.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> begin(folder); check(folder); end(folder); check(folder)
>>> _ = (folder / NAME).write_text("an earlier boot")
>>> try:
...     check(folder)
... except StateError as error:
...     print(error.why)
the machine stopped while it was written to
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from floorwalker.errors import StateError

NAME = "written-in-boot"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def begin(folder: Path) -> None:
    """From now on pages are written that no sync has ordered."""
    if boot := _boot():
        new = folder / f"{NAME}.new"
        with new.open("w") as file:
            file.write(boot)
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / NAME)
        _sync(folder)


def end(folder: Path) -> None:
    """Everything is on disk."""
    (folder / NAME).unlink(missing_ok=True)
    _sync(folder)


def check(folder: Path) -> None:
    """Raises StateError when a writer of an earlier boot did not come to its end."""
    with contextlib.suppress(FileNotFoundError):
        if (folder / NAME).read_text() != _boot():
            raise StateError(
                f"the live store {folder} may be damaged",
                why="the machine stopped while it was written to",
                fix="remove the folder and have it filled again from the log",
            )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _boot() -> str | None:
    """None where the system does not tell: then nothing is noticed."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text().strip()
    return None
