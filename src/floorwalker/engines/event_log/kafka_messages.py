"""The messages of a partition, one after the other, from any place on.

In: a link and a partition. Out: messages as the brokers have them, those that nobody has taken are kept for the next.

    messages = Messages(link, 0)
    for message in messages.until(17, 40):          # 17 to 39, less what the brokers have removed
        ...
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from floorwalker.engines.event_log.kafka_link import FOLLOWING, PASSING
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.kafka_link import Link

_AT_ONCE = 256


class Messages:
    """A client that follows one partition; it jumps when it is asked for another place. One thread at a time."""

    def __init__(self, link: Link, partition: int, wait: int = FOLLOWING) -> None:
        self._link, self._partition, self._wait = link, partition, wait
        self._client: Any = None
        self._waiting: deque[Any] = deque()
        self._next = -1
        """What the client will bring next."""
        self._end = -1
        """Where it has found the partition to end, since it jumped."""

    def until(self, begin: int, end: int, most: int = _AT_ONCE) -> Iterator[Any]:
        """From `begin` to before `end`, which is in the log. Raises StateError when they do not come in time."""
        waiting = self._waiting
        while waiting and waiting[0].offset() < begin:
            waiting.popleft()
        if (waiting[0].offset() if waiting else self._next) != begin:
            self._jump(begin)
        while True:
            while waiting:
                if waiting[0].offset() >= end:
                    return
                yield waiting.popleft()
            if max(self._next, self._end) >= end:  # what is removed at the end is passed by
                return
            self._fetch(min(end - self._next, most), end)

    def end_from(self, offset: int) -> int:
        """Where the partition ends, found by going there: `offset` is near the end. Not all brokers say it right."""
        self._jump(offset)
        while self._end < self._next:
            self._fetch(_AT_ONCE, self._next)
            self._waiting.clear()
        return self._end

    def back(self, message: Any) -> None:
        """Take the message that came last back: the next reading begins with it."""
        self._waiting.appendleft(message)

    def one(self, offset: int) -> Any | None:
        """The message at an offset."""
        return next((one for one in self.until(offset, offset + 1, 1)), None)

    def close(self) -> None:
        self._waiting.clear()
        self._next = -1
        if self._client is not None:
            self._client.close()
            self._client = None

    def _jump(self, offset: int) -> None:
        if self._client is None:
            self._client = self._link.consumer(self._wait)
        self._waiting.clear()
        self._client.assign([TopicPartition(self._link.topic, self._partition, offset)])
        self._next, self._end = offset, -1

    def _fetch(self, most: int, end: int) -> None:
        """Wait until something is there, or it is known that the partition ends at `end` or later."""
        give_up = time.monotonic() + self._link.patience
        while not self._waiting and self._end < end:
            try:
                # It waits for all that it is asked for: first for one, then whatever else is there.
                found = self._client.consume(1, 0.25)
                if found and most > 1:
                    found += self._client.consume(most - 1, 0)
            except KafkaException as error:
                raise self._failed(error) from None
            for message in found:
                error = message.error()
                if error is None:
                    self._waiting.append(message)
                    self._next = message.offset() + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._end = message.offset()
                elif error.code() not in PASSING:
                    raise self._failed(error)
            if not found and time.monotonic() > give_up:
                raise self._failed(KafkaError(KafkaError._TIMED_OUT))

    def _failed(self, error: Exception | KafkaError) -> StateError:
        at, self._next = self._next, -1
        return self._link.failed(f"be read at offset {at} of partition {self._partition}", error)
