"""Any sequence of appends, reads, restarts, rewrites and retention, beside a plain list."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.engines.event_log.twins import TWINS
from tests.kafka_broker import needs_kafka

from floorwalker.engines.event_log.interface import Stored
from floorwalker.errors import StateError

frame = st.builds(lambda seed, size: bytes([seed]) * size, st.integers(0, 255), st.integers(0, 20_000))


class LogMachine(RuleBasedStateMachine):
    """The model: every frame there ever was, and the offset from which on they are kept."""

    twin = "embedded"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.log = TWINS[self.twin](self.folder, 1)
        self.other = TWINS[self.twin](self.folder, 1)
        self.writer = self.log.writer(0)
        self.frames: list[bytes] = []
        self.times: list[int] = []
        self.start = 0

    @rule(group=st.lists(frame, max_size=6))
    def append(self, group: list[bytes]) -> None:
        end = len(self.frames)
        assert self.writer.append(group) == range(end, end + len(group))
        self.frames += group
        stored = self.log.read(0, end)
        self.times += [one.appended_at for one in stored]
        assert [one.frame for one in stored] == group

    @rule(back=st.integers(0, 40), most_frames=st.integers(1, 30), most_bytes=st.integers(1, 100_000))
    def read(self, back: int, most_frames: int, most_bytes: int) -> None:
        offset = max(0, len(self.frames) - back)
        if offset < self.start:
            with pytest.raises(StateError, match="is gone"):
                TWINS[self.twin](self.folder, 1).read(0, offset)
            return
        found = self.other.read(0, offset, most_frames=most_frames, most_bytes=most_bytes)
        assert found == self.expected(offset)[: len(found)]
        held = [len(one.frame) for one in found]
        assert len(found) <= most_frames
        assert len(found) == 1 or sum(held) <= most_bytes
        end = offset + len(found)
        assert end == len(self.frames) or len(found) == most_frames or sum(held) + len(self.frames[end]) > most_bytes

    @rule()
    def restart(self) -> None:
        self.writer.close()
        self.log.close()
        self.log = TWINS[self.twin](self.folder, 1)
        self.writer = self.log.writer(0)

    @rule(back=st.integers(0, 30))
    def retain(self, back: int) -> None:
        place = len(self.times) - 1 - back
        if place < self.start:
            return
        before = self.times[place]
        self.log.retain(before)
        start = self.log.starts()[0]
        assert self.start <= start
        assert all(time < before for time in self.times[self.start : start])
        self.start = start

    @rule(back=st.integers(1, 30), new=frame)
    def rewrite(self, back: int, new: bytes) -> None:
        offset = len(self.frames) - back
        if offset >= self.start:
            self.other.rewrite(0, {offset: new})
            self.frames[offset] = new

    @rule(back=st.integers(0, 30), by=st.integers(-1, 1))
    def offset_at(self, back: int, by: int) -> None:
        place = len(self.times) - 1 - back
        if place >= 0:
            time = self.times[place] + by
            later = [offset for offset in range(self.start, len(self.times)) if self.times[offset] >= time]
            assert self.other.offset_at(0, time) == (later[0] if later else len(self.times))

    @invariant()
    def ends(self) -> None:
        assert self.log.ends() == self.other.ends() == {0: len(self.frames)}
        assert self.other.starts() == {0: self.start}

    def expected(self, offset: int) -> list[Stored]:
        return [Stored(place, self.times[place], self.frames[place]) for place in range(offset, len(self.frames))]

    def teardown(self) -> None:
        found: list[Stored] = []
        while stored := self.log.read(0, self.start + len(found)):
            found += stored
        assert found == self.expected(self.start)
        self.writer.close()
        self.log.close()
        self.other.close()
        shutil.rmtree(self.folder)


class KafkaMachine(LogMachine):
    """The same on Kafka, where opening a writer takes half a second."""

    twin = "kafka"

    def __init__(self) -> None:
        needs_kafka()
        super().__init__()


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLogOnKafka = KafkaMachine.TestCase
TestLogOnKafka.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
