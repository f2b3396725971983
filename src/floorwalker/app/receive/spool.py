"""What came by HTTP, on the disk before it is answered: what comes while a file is written goes into the next together.

In: lines. Out: delivery files of `sources/connectors/landing.py`, whole and synced when `add` returns.

>>> import asyncio, tempfile
>>> spool = Spool(Path(tempfile.mkdtemp()) / "erp")
>>> async def three():
...     await asyncio.gather(*(spool.add([b"{}"]) for _ in range(3)))
>>> asyncio.run(three())
>>> sum(len(path.read_text().splitlines()) for path in spool.folder.rglob("*.jsonl"))
3
"""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

from floorwalker.errors import Busy
from floorwalker.sources.connectors.landing import file_name, write

ROWS = "changes"
MOST_WAITING = 64 << 20
"""Bytes that may wait; more are refused until they are written."""


class Spool:
    """Files of one source, written by one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: list[tuple[list[bytes], asyncio.Future[None]]] = []
        self._bytes, self._number = 0, 0
        self._writing: asyncio.Task[None] | None = None

    async def add(self, lines: list[bytes]) -> None:
        """Returns when the lines are on the disk. Raises Busy when too much waits, OSError when the disk refuses."""
        size = sum(map(len, lines))
        if self._bytes + size > MOST_WAITING:
            raise Busy("too much waits to be written", fix="send it again in a second")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, done))
        self._bytes += size
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            self._bytes = 0
            self._number += 1
            name = file_name(dt.datetime.now(dt.UTC), self._number)
            lines = [line for one, _ in group for line in one]
            error: Exception | None = None
            try:
                await asyncio.to_thread(write, self.folder, {ROWS: lines}, name)
            except OSError as failed:
                error = failed
            for _, done in group:
                if not done.done():
                    done.set_exception(error) if error else done.set_result(None)
