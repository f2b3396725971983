"""What every twin of the log offers; `tests/engines/event_log` holds each to it.

In: frames, opaque bytes. Out: `Stored`, a frame with its offset and the time at which it was appended.

A log has partitions 0, 1, 2, …; each has one writer at a time and any number of readers in any process. Offsets of a
partition only grow, across restarts, rotation and retention. Times are microseconds since 1970, UTC, and never go back
within a partition; they may be as coarse as a millisecond. What not every twin can promise is in `Promises`.

    log = open_log("state/log", partitions=2)
    with log.writer(0) as writer:
        writer.append([b"first", b"second"])          # range(0, 2), on disk when it returns
    log.read(0, 1)                                    # [Stored(offset=1, appended_at=…, frame=b"second")]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

MOST_FRAMES = 1024
MOST_BYTES = 8 << 20


class Stored(NamedTuple):
    """A frame as it lies in the log."""

    offset: int
    appended_at: int
    """Microseconds since 1970, UTC."""
    frame: bytes


class Promises(NamedTuple):
    """What a twin promises beyond the rest."""

    dense: bool
    """No offset is skipped. On Kafka a few may be: of frames that came late, after their writer had failed or was
    killed, and another had begun. Go on after the offset that was read last, not after the number of frames."""
    whole_groups: bool
    """An append of several frames that failed, or was killed, leaves none of them behind. On Kafka some may be there,
    each whole: whoever sent them was told that they are not, and sends them again, with the same message ids."""
    whole_files: bool
    """`retain` removes whole files only. On Kafka it removes each frame that is old enough."""


class Writer(Protocol):
    """The one writer of a partition. `append` may be called from several threads."""

    @property
    def partition(self) -> int: ...

    def append(self, frames: Sequence[bytes]) -> range:
        """Store all of the frames, or none (see `Promises`), and return their offsets once they are on disk.

        Raises StateError when they could not be stored; the next call may succeed. Whoever was told so sends the frames
        again: if the disk itself refused to sync and the process then dies before it stores anything else, they may be
        found stored after all, whole.
        """
        ...

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class EventLog(Protocol):
    """A log, open for reading; `writer` opens a partition for appending. May be used from several threads."""

    @property
    def promises(self) -> Promises: ...

    def partitions(self) -> list[int]: ...

    def writer(self, partition: int) -> Writer:
        """Raises StateError when another writer has the partition."""
        ...

    def starts(self) -> dict[int, int]:
        """Per partition the oldest offset that is still there: the next one where nothing is."""
        ...

    def ends(self) -> dict[int, int]:
        """Per partition the offset that the next frame will get."""
        ...

    def read(
        self, partition: int, offset: int, *, most_frames: int = MOST_FRAMES, most_bytes: int = MOST_BYTES
    ) -> list[Stored]:
        """Frames from `offset` on, only such as are on disk; empty at the end.

        The first is given whatever its size. Raises StateError when it was removed by retention, or is not as it was
        written; what stands before such a frame can be read.
        """
        ...

    def offset_at(self, partition: int, time: int) -> int:
        """The first offset whose frame was appended at or after `time`; the end where there is none."""
        ...

    def rewrite(self, partition: int, frames: Mapping[int, bytes]) -> None:
        """Put other bytes in the place of frames; when it returns the old ones are in no file of the log, or nobody can
        read them any more: what Kafka has of them is encrypted, and their keys are destroyed.

        May run in any process, beside the writer and readers, and again after a crash. Raises NotFoundError, and
        changes nothing, when an offset is not there.
        """
        ...

    def retain(self, before: int) -> int:
        """Remove what was appended before the time, as far as whole files hold nothing newer; the file that is written
        to always stays. Returns how many files went, or frames where there are no files."""
        ...

    def sizes(self) -> dict[int, int]:
        """Per partition the bytes on disk; on Kafka those of the frames, whatever brokers make of them."""
        ...

    def close(self) -> None: ...
