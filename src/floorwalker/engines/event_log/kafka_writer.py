"""Appending to a partition of Kafka: a message per frame, all of a group acknowledged by all replicas when it returns.

In: groups of frames. Out: their offsets. A group that failed is followed by a new session, so that what of it comes
late does not count; what of it had come stays, and whoever was told sends it again.

    with KafkaWriter(link, keys, reader, 0) as writer:
        writer.append([b"first", b"second"])          # range(0, 2)
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from confluent_kafka import KafkaError, KafkaException

from floorwalker.engines.event_log.holding import PartitionLock
from floorwalker.engines.event_log.kafka_frames import NAME, Header, Place, seal
from floorwalker.engines.event_log.key_tree import LEAVES, Forward
from floorwalker.errors import FloorwalkerError, StateError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.kafka_keys import KeyStore
    from floorwalker.engines.event_log.kafka_link import Link
    from floorwalker.engines.event_log.kafka_reader import PartitionReader


class KafkaWriter:
    """The one writer of a partition."""

    def __init__(self, link: Link, keys: KeyStore, reader: PartitionReader, partition: int) -> None:
        self.partition = partition
        self._link, self._keys, self._reader = link, keys, reader
        self._turn = threading.Lock()
        self._process = os.getpid()
        self._closed = False
        self._producer: Any = None
        self._session = self._floor = self._leaf = self._before = self._latest = 0
        self._forward: Forward | None = None
        folder = keys.folder / str(partition)
        folder.mkdir(exist_ok=True)
        self._lock = PartitionLock(folder, partition)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def append(self, frames: Sequence[bytes]) -> range:
        """Store the frames: see `interface.Writer`."""
        with self._turn:
            if self._closed or self._process != os.getpid():
                raise StateError(f"the writer of partition {self.partition} is closed", fix="open a new one")
            try:
                if self._forward is None or self._leaf + len(frames) > LEAVES:
                    self._open()
                return self._store(frames)
            except BaseException as error:
                self._give_up()
                if isinstance(error, FloorwalkerError) or not isinstance(error, Exception):
                    raise
                raise self._failure(error) from error

    def close(self) -> None:
        """Let another writer have the partition."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._give_up()
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        """A session from the end of the log on."""
        if self._producer is None:
            self._producer = self._link.producer()
        end, latest, self._before = self._reader.last()
        self._latest = max(self._latest, latest)
        (self._session, self._floor), seed = self._keys.begin(self.partition, end)
        self._leaf, self._forward = 0, Forward(seed)

    def _store(self, frames: Sequence[bytes]) -> range:
        forward, producer, first = self._forward, self._producer, self._floor + self._leaf
        assert forward is not None
        reports: list[tuple[KafkaError | None, int]] = []

        def told(error: KafkaError | None, message: Any) -> None:
            reports.append((error, message.offset()))

        # The clock of the machine may be set back; the log's never goes.
        now = max(self._latest, time.time_ns() // 1_000_000)
        before = self._before
        for leaf, frame in enumerate(frames, self._leaf):
            sealed = seal(forward.next(), Place(self.partition, self._session, leaf), frame)
            header = Header(self._session, leaf, before).packed()
            self._send(sealed, header, now, told)
            before += len(frame)
        producer.flush(self._link.patience + 3.0)
        for error, _ in reports:
            if error is not None:
                raise self._failure(error)
        offsets = range(first, first + len(frames))
        if [offset for _, offset in reports] != list(offsets):
            why = "not all were acknowledged" if len(reports) < len(frames) else "another message came in between"
            raise self._failure(why)
        self._leaf += len(frames)
        self._before, self._latest = before, now
        return offsets

    def _send(self, sealed: bytes, header: bytes, now: int, told: Any) -> None:
        give_up = time.monotonic() + self._link.patience
        while True:
            try:
                self._producer.produce(
                    self._link.topic, sealed, partition=self.partition, timestamp=now, headers=[(NAME, header)],
                    on_delivery=told,
                )  # fmt: skip
                return
            except BufferError:
                if time.monotonic() > give_up:
                    raise
                self._producer.poll(0.05)

    def _give_up(self) -> None:
        """Forget the session, and what has not been sent of a failed group."""
        self._forward = None
        if self._producer is not None and self._process == os.getpid():
            with contextlib.suppress(KafkaException):
                self._producer.purge()
                self._producer.poll(0)
        self._producer = None

    def _failure(self, why: str | Exception | KafkaError) -> StateError:
        done = f"store a group of frames in partition {self.partition}"
        if not isinstance(why, str):
            return self._link.failed(done, why)
        return StateError(
            f"the log {self._link.shown} could not {done}", why=why, fix="send them again: what is there counts once"
        )
