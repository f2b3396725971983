"""The embedded log: a folder per partition of SQLite files, read by any number of processes.

In: a folder. Out: `interface.EventLog`.

    <root>/0/00000000000000000000.db        frames 0 to 20,479: full, settled, unlinked when they are old enough
    <root>/0/00000000000000020480.db(-wal)  from 20,480 on: written to, by whoever holds 0/writer.lock

A file ends where the next one begins and is followed by the file named after its end: who has read one to its end
looks for that name, and lists no folder. SQLite shows a transaction to readers only after its sync.

>>> import tempfile
>>> log = SqliteLog(Path(tempfile.mkdtemp()), LogSettings())
>>> log.make(1); log.partitions(), log.starts(), log.ends(), log.read(0, 0)
([0], {0: 0}, {0: 0}, [])
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from floorwalker.engines.event_log.files import file_name, file_starts, remove, size, sync
from floorwalker.engines.event_log.interface import MOST_BYTES, MOST_FRAMES, Promises, Stored
from floorwalker.engines.event_log.rewriting import rewrite
from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.engines.event_log.sqlite_reader import PartitionReader
from floorwalker.engines.event_log.sqlite_writer import SqliteWriter
from floorwalker.errors import NotFoundError


class SqliteLog:
    """The log in a folder."""

    promises = Promises(dense=True, whole_groups=True, whole_files=True)

    def __init__(self, root: Path, settings: LogSettings) -> None:
        self.root = root
        self.settings = settings
        self._readers: dict[int, PartitionReader] = {}
        self._lock = Lock()

    def make(self, partitions: int) -> None:
        """Make the folders of the first so many partitions, where they are not there."""
        for partition in range(partitions):
            folder = self.root / str(partition)
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                sync(self.root)

    def partitions(self) -> list[int]:
        if not self.root.exists():
            return []
        return sorted(int(path.name) for path in self.root.iterdir() if path.name.isdecimal())

    def writer(self, partition: int) -> SqliteWriter:
        return SqliteWriter(self._folder(partition), partition, rotate_bytes=self.settings.rotate_bytes)

    def starts(self) -> dict[int, int]:
        return {partition: self._reader(partition).start() for partition in self.partitions()}

    def ends(self) -> dict[int, int]:
        return {partition: self._reader(partition).end() for partition in self.partitions()}

    def read(
        self, partition: int, offset: int, *, most_frames: int = MOST_FRAMES, most_bytes: int = MOST_BYTES
    ) -> list[Stored]:
        return self._reader(partition).read(offset, most_frames, most_bytes)

    def offset_at(self, partition: int, time: int) -> int:
        return self._reader(partition).offset_at(time)

    def rewrite(self, partition: int, frames: Mapping[int, bytes]) -> None:
        rewrite(self._folder(partition), partition, frames)

    def retain(self, before: int) -> int:
        removed = 0
        for partition in self.partitions():
            reader, folder = self._reader(partition), self._folder(partition)
            going = reader.older(before)
            # The oldest first: what is left after a crash is still without a gap.
            for first in going:
                remove(folder / file_name(first))
            if going:
                sync(folder)
                reader.forget()
            removed += len(going)
        return removed

    def sizes(self) -> dict[int, int]:
        folders = {partition: self._folder(partition) for partition in self.partitions()}
        return {
            partition: sum(size(folder / file_name(first)) for first in file_starts(folder))
            for partition, folder in folders.items()
        }

    def close(self) -> None:
        """Close what was opened for reading. Writers close themselves."""
        with self._lock:
            for reader in self._readers.values():
                reader.forget()
            self._readers.clear()

    def _reader(self, partition: int) -> PartitionReader:
        with self._lock:
            if partition not in self._readers:
                self._readers[partition] = PartitionReader(self._folder(partition), partition)
            return self._readers[partition]

    def _folder(self, partition: int) -> Path:
        folder = self.root / str(partition)
        if not folder.is_dir():
            raise NotFoundError(
                f"the log has no partition {partition}",
                why=f"it has {', '.join(map(str, self.partitions())) or 'none'}",
                fix="open it with as many partitions as there are writers",
            )
        return folder
