"""The log on Kafka: a topic whose frames are encrypted, and a key store in the project's folder.

In: a URL and a folder. Out: `interface.EventLog`.

    the topic                 a message per frame; nobody can change or take back one
    <folder>/keys.db          which keys are left: to destroy one is to erase its frame
    <folder>/rewritten.db     what was put in the place of frames
    <folder>/0/writer.lock    one writer per partition

Who has the folder reads and writes; the brokers have what nobody can read. Frames that are lost with the brokers, and a
folder that is lost, are both the loss of the log: replicas for one, a backup for the other.

    log = KafkaLog("kafka://host:9092/shop", Path("state/log"), LogSettings())
    log.make(2)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from floorwalker.engines.event_log.interface import MOST_BYTES, MOST_FRAMES, Promises, Stored
from floorwalker.engines.event_log.kafka_keys import KeyStore
from floorwalker.engines.event_log.kafka_link import Link
from floorwalker.engines.event_log.kafka_reader import PartitionReader
from floorwalker.engines.event_log.kafka_writer import KafkaWriter
from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.errors import NotFoundError


class KafkaLog:
    """The log in a topic."""

    promises = Promises(dense=False, whole_groups=False, whole_files=False)

    def __init__(self, url: str, folder: Path, settings: LogSettings) -> None:
        self.settings = settings
        self._link = Link(url, settings)
        self.keys = KeyStore(folder, self._link.topic)
        self._readers: dict[int, PartitionReader] = {}
        self._lock = Lock()

    def make(self, partitions: int) -> None:
        """Make the topic, or more partitions of it, where they are not there."""
        self._link.make(partitions)

    def partitions(self) -> list[int]:
        return self._link.partitions()

    def writer(self, partition: int) -> KafkaWriter:
        return KafkaWriter(self._link, self.keys, self._reader(partition), partition)

    def starts(self) -> dict[int, int]:
        return {partition: self._reader(partition).reach()[0] for partition in self.partitions()}

    def ends(self) -> dict[int, int]:
        return {partition: self._reader(partition).reach()[1] for partition in self.partitions()}

    def read(
        self, partition: int, offset: int, *, most_frames: int = MOST_FRAMES, most_bytes: int = MOST_BYTES
    ) -> list[Stored]:
        return self._reader(partition).read(offset, most_frames, most_bytes)

    def offset_at(self, partition: int, time: int) -> int:
        return self._reader(partition).offset_at(time)

    def rewrite(self, partition: int, frames: Mapping[int, bytes]) -> None:
        start, end = self._reader(partition).reach()
        for offset in sorted(frames):
            if not start <= offset < end:
                raise NotFoundError(
                    f"offset {offset} of partition {partition} is not in the log",
                    why="it was removed, or never written",
                    fix="rewrite what `read` gives",
                )
        if frames:
            self.keys.rewrite(partition, frames)

    def retain(self, before: int) -> int:
        removed = 0
        for partition in self.partitions():
            reader = self._reader(partition)
            (start, _), new = reader.reach(), reader.offset_at(before)
            if new > start:
                # The keys first: what the brokers cannot remove, or remove later, is noise from now on.
                self.keys.destroy_before(partition, new)
                self._link.trim(partition, new)
                removed += new - start
        return removed

    def sizes(self) -> dict[int, int]:
        return {partition: self._reader(partition).size() for partition in self.partitions()}

    def close(self) -> None:
        """Close what was opened. Writers close themselves, and before this."""
        with self._lock:
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()
        self._link.close()
        self.keys.close()

    def _reader(self, partition: int) -> PartitionReader:
        with self._lock:
            reader = self._readers.get(partition)
        if reader is None:
            if partition not in self.partitions():
                raise NotFoundError(
                    f"the log has no partition {partition}",
                    why=f"it has {', '.join(map(str, self.partitions())) or 'none'}",
                    fix="open it with as many partitions as there are writers",
                )
            with self._lock:
                reader = self._readers.setdefault(partition, PartitionReader(self._link, self.keys, partition))
        return reader
