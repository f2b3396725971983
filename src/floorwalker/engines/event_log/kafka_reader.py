"""Reading a partition of Kafka: frames by offset, decrypted, those that were replaced as they are now.

In: a link, the key store, a partition. Out: what `kafka_log` answers.

    reader = PartitionReader(link, keys, 0)
    reader.read(offset=17, most_frames=100, most_bytes=1 << 20)
"""

from __future__ import annotations

import bisect
import logging
from threading import RLock
from typing import TYPE_CHECKING, Any

from floorwalker.engines.event_log.interface import Stored
from floorwalker.engines.event_log.kafka_frames import TAG, Header, Place, unseal
from floorwalker.engines.event_log.kafka_link import JUMPING
from floorwalker.engines.event_log.kafka_messages import Messages
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.kafka_keys import KeyStore
    from floorwalker.engines.event_log.kafka_link import Link

_log = logging.getLogger(__name__)
_KNOWN_TIMES = 1 << 16


class PartitionReader:
    """Follows one partition, and looks at single messages beside. One thread at a time gets in."""

    def __init__(self, link: Link, keys: KeyStore, partition: int) -> None:
        self._link, self._keys, self._partition = link, keys, partition
        self._messages, self._looking = Messages(link, partition), Messages(link, partition, JUMPING)
        self._times: dict[int, int] = {}
        self._turn = RLock()
        self._warned = False

    def reach(self) -> tuple[int, int]:
        """The oldest offset that can be read, and the one that comes next."""
        low, high = self._link.reach(self._partition)
        # After the end is known: a session is on disk before its first frame is in the log.
        self._keys.refresh()
        return min(max(low, self._keys.start(self._partition)), high), high

    def read(self, offset: int, most_frames: int, most_bytes: int) -> list[Stored]:
        found: list[Stored] = []
        with self._turn:
            start, end = self.reach()
            if most_frames < 1 or start == end == 0:
                return found
            if offset < start:
                raise self._gone(offset, start)
            if offset >= end:
                return found
            for message in self._messages.until(offset, end, most_frames):
                try:
                    frame = self._opened(message)
                except StateError:
                    if not found:
                        raise
                    self._messages.back(message)
                    break
                if frame is None:
                    continue
                most_bytes -= len(frame)
                if found and most_bytes < 0:
                    self._messages.back(message)
                    break
                found.append(Stored(message.offset(), message.timestamp()[1] * 1000, frame))
                if len(found) >= most_frames:
                    break
        return found

    def offset_at(self, time: int) -> int:
        with self._turn:
            start, end = self.reach()
            milliseconds = -(-time // 1000)
            told = self._link.offset_for(self._partition, max(0, milliseconds))
            if (told == end or (start <= told < end and self._time_of(told, start) >= time)) and (
                told == start or self._time_of(told - 1, start) < time
            ):
                return told
            return bisect.bisect_left(range(end), time, lo=start, key=lambda offset: self._time_of(offset, start))

    def last(self) -> tuple[int, int, int]:
        """Where the partition really ends; the time of the last message, and the bytes of frames up to it."""
        with self._turn:
            low, end = self._link.reach(self._partition)
            end = self._looking.end_from(max(low, end - 1)) if end > low else end
            message = self._looking.one(end - 1) if end > low else None
            if message is None:
                return end, 0, 0
            header = Header.read(message.headers())
            return end, message.timestamp()[1], (header.before if header else 0) + _length(message)

    def size(self) -> int:
        """Bytes of frames that can be read, as they were written."""
        with self._turn:
            start, end = self.reach()
            first = self._looking.one(start) if end > start else None
            header = Header.read(first.headers()) if first is not None else None
            return self.last()[2] - header.before if header else 0

    def close(self) -> None:
        with self._turn:
            self._messages.close()
            self._looking.close()

    def _counts(self, message: Any) -> bool:
        """Whether the message is its session's, and in its place.

        Of what is none of ours nobody knows what it was: it raises StateError, until a writer has begun after it. So a
        project that was restored goes on, without what came after its backup."""
        offset, header = message.offset(), Header.read(message.headers())
        owner = self._keys.owner(self._partition, offset)
        if owner is not None and header is not None and header.session == owner.id:
            return header.leaf == offset - owner.floor
        if owner is not None and header is not None and self._keys.knows(header.session):
            return False
        if owner is None or self._keys.is_newest(self._partition, owner):
            raise self._damaged(offset, "it was not written by this project, or its key store is not the one it had")
        if not self._warned:
            self._warned = True
            _log.warning("partition %s: from offset %s on there are frames without a key", self._partition, offset)
        return False

    def _opened(self, message: Any) -> bytes | None:
        """The frame; None when it does not count: it came late, from a writer that was gone or had failed."""
        if not self._counts(message):
            return None
        offset = message.offset()
        frame = self._keys.rewritten(self._partition, offset)
        if frame is None:
            key, owner = self._keys.key(self._partition, offset), self._keys.owner(self._partition, offset)
            if key is None or owner is None:
                raise self._damaged(offset, "its key was destroyed")
            frame = unseal(key, Place(self._partition, owner.id, offset - owner.floor), message.value() or b"")
            if frame is None:
                raise self._damaged(offset, "it is not as it was written")
        return frame

    def _time_of(self, offset: int, start: int) -> int:
        """When a frame was appended. Of one that does not count: of the one before, so that times never go back."""
        if offset not in self._times:
            if len(self._times) >= _KNOWN_TIMES:
                self._times.clear()
            message = self._looking.one(offset)
            if message is not None and self._counts(message):
                self._times[offset] = message.timestamp()[1] * 1000
            else:
                self._times[offset] = self._time_of(offset - 1, start) if offset > start else 0
        return self._times[offset]

    def _gone(self, offset: int, start: int) -> StateError:
        return StateError(
            f"offset {offset} of partition {self._partition} of the log is gone",
            why=f"the oldest that is kept is {start}",
            fix=f"begin at {start}, and keep the log longer than its slowest reader takes",
        )

    def _damaged(self, offset: int, why: str) -> StateError:
        return StateError(
            f"offset {offset} of partition {self._partition} of the log cannot be read",
            why=why,
            fix="bring the key store back from a newer backup; without one floorwalker collect goes on after it",
        )


def _length(message: Any) -> int:
    return max(0, len(message.value() or b"") - TAG)
