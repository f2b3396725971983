"""What every twin of the log promises."""

from __future__ import annotations

import contextlib
import itertools
import threading

import pytest

from floorwalker.engines.event_log.interface import Promises
from floorwalker.engines.event_log.sqlite_log import SqliteLog
from floorwalker.errors import NotFoundError, StateError

FRAMES = [b"%d:" % number + b"x" * (number * 977 % 9000) for number in range(60)]


def offsets(stored) -> list[int]:
    return [one.offset for one in stored]


def test_what_was_appended_is_read(log):
    with log.writer(0) as writer:
        assert writer.append([b"first", b"", b"\x00\xff" * 5000]) == range(3)
        assert writer.append([]) == range(3, 3)
        assert writer.append([b"fourth"]) == range(3, 4)
        assert [one.frame for one in log.read(0, 0)] == [b"first", b"", b"\x00\xff" * 5000, b"fourth"]
    assert offsets(log.read(0, 2)) == [2, 3]
    assert (log.starts(), log.ends()) == ({0: 0}, {0: 4})


def test_what_is_promised(log):
    embedded = isinstance(log, SqliteLog)
    assert log.promises == Promises(dense=embedded, whole_groups=embedded, whole_files=embedded)


def test_an_empty_log(log):
    assert (log.partitions(), log.starts(), log.ends()) == ([0], {0: 0}, {0: 0})
    assert (log.read(0, 0), log.read(0, 7), log.offset_at(0, 1)) == ([], [], 0)
    with pytest.raises(NotFoundError, match="no partition 3"):
        log.read(3, 0)
    with pytest.raises(NotFoundError, match="no partition 3"):
        log.writer(3)


def test_partitions_are_apart_and_are_never_lost(open_twin):
    log = open_twin(3)
    with log.writer(0) as zero, log.writer(2) as two:
        zero.append([b"a"])
        two.append([b"b", b"c"])
    again = open_twin(1)
    assert (again.partitions(), again.ends()) == ([0, 1, 2], {0: 1, 1: 0, 2: 2})
    assert [one.frame for one in again.read(2, 0)] == [b"b", b"c"]


def test_offsets_go_on_after_reopening_and_rotation(open_twin):
    expected = 0
    for start in range(0, len(FRAMES), 7):
        with open_twin(1).writer(0) as writer:
            for frame in FRAMES[start : start + 7]:
                assert writer.append([frame]) == range(expected, expected + 1)
                expected += 1
    log = open_twin(1)
    assert [one.frame for one in log.read(0, 0)] == FRAMES
    times = [one.appended_at for one in log.read(0, 0)]
    assert times == sorted(times)


def test_reads_are_bounded(log):
    with log.writer(0) as writer:
        for frame in FRAMES:
            writer.append([frame])
    assert offsets(log.read(0, 3, most_frames=4)) == [3, 4, 5, 6]
    for most_bytes in (1, 5_000, 50_000, 200_000):
        at = 0
        while stored := log.read(0, at, most_bytes=most_bytes):
            assert len(stored) == 1 or sum(len(one.frame) for one in stored) <= most_bytes
            assert offsets(stored) == list(range(at, at + len(stored)))
            at += len(stored)
        assert at == len(FRAMES)
    assert log.read(0, 0, most_frames=0) == []


def test_one_writer_per_partition(open_twin):
    log = open_twin(2)
    with log.writer(0), log.writer(1):
        with pytest.raises(StateError, match="has a writer already"):
            log.writer(0)
        with pytest.raises(StateError, match="has a writer already"):
            open_twin(2).writer(1)
    log.writer(0).close()


def test_a_closed_writer_says_so(log):
    writer = log.writer(0)
    writer.close()
    writer.close()
    with pytest.raises(StateError, match="closed"):
        writer.append([b"late"])


def test_readers_follow_a_writer(open_twin):
    """Several readers at the end of the log, while it grows and rotates, each see every frame once and in order."""
    log = open_twin(1)
    seen: list[list[bytes]] = [[] for _ in range(3)]

    def follow(found: list[bytes]) -> None:
        reader = open_twin(1)
        while len(found) < 10 * len(FRAMES):
            stored = reader.read(0, len(found), most_frames=7)
            assert offsets(stored) == list(range(len(found), len(found) + len(stored)))
            found += [one.frame for one in stored]

    threads = [threading.Thread(target=follow, args=(found,)) for found in seen]
    with log.writer(0) as writer:
        for thread in threads:
            thread.start()
        frames = iter(FRAMES * 10)
        for size in itertools.cycle((1, 2, 5)):
            group = list(itertools.islice(frames, size))
            if not group:
                break
            writer.append(group)
        for thread in threads:
            thread.join()
    assert seen == [FRAMES * 10] * 3


def test_a_reader_that_was_away_jumps_ahead(open_twin):
    idle = open_twin(1)
    assert idle.read(0, 0) == []
    with open_twin(1).writer(0) as writer:
        for frame in FRAMES:
            writer.append([frame])
        assert idle.read(0, 55)[0].frame == FRAMES[55]
        assert idle.read(0, 60) == []
        assert idle.read(0, 61) == []


def test_the_offset_of_a_time(log):
    with log.writer(0) as writer:
        for frame in FRAMES:
            writer.append([frame, frame])
    stored = log.read(0, 0)
    for time in {one.appended_at + by for one in stored for by in (-1, 0, 1)}:
        expected = next((one.offset for one in stored if one.appended_at >= time), len(stored))
        assert log.offset_at(0, time) == expected


def test_retention_removes_whole_old_files_only(open_twin):
    log = open_twin(1)
    follower = open_twin(1)
    with log.writer(0) as writer:
        for frame in FRAMES:
            writer.append([frame])
        stored = log.read(0, 0)
        middle = stored[30].appended_at
        before = log.sizes()[0]
        assert log.retain(stored[0].appended_at) == 0
        assert follower.read(0, 0, most_frames=1)
        assert log.retain(middle) > 0
        start = log.starts()[0]
        assert 0 < start <= 30
        assert log.promises.whole_files or start == log.offset_at(0, middle)
        assert log.read(0, start) == stored[start:]
        assert log.sizes()[0] < before
        with pytest.raises(StateError, match=f"the oldest that is kept is {start}"):
            log.read(0, start - 1)
        # Everything is old: what is written to stays, and offsets go on.
        log.retain(stored[-1].appended_at + 1)
        assert log.ends() == {0: len(FRAMES)}
        assert writer.append([b"next"]) == range(len(FRAMES), len(FRAMES) + 1)
    with open_twin(1).writer(0) as writer:
        assert writer.append([b"after"]) == range(len(FRAMES) + 1, len(FRAMES) + 2)
    assert follower.read(0, follower.starts()[0]) == log.read(0, log.starts()[0])


def test_frames_are_rewritten_in_place(log):
    with log.writer(0) as writer:
        for frame in FRAMES:
            writer.append([frame])
        before = log.read(0, 0)
        new = {3: b"", 20: b"shorter", 21: FRAMES[21][::-1], 40: b"longer" * 3000, 59: b"last"}
        log.rewrite(0, new)
        writer.append([b"more"])
    after = log.read(0, 0)
    assert [one.frame for one in after] == [new.get(one.offset, one.frame) for one in before] + [b"more"]
    assert [one.appended_at for one in after[:-1]] == [one.appended_at for one in before]
    log.rewrite(0, new)
    assert log.read(0, 0) == after
    # What a frame has become is what counts, not what it was.
    log.rewrite(0, {10: b"", 11: b"", 12: b"!"})
    assert offsets(log.read(0, 10, most_frames=3, most_bytes=1)) == [10, 11, 12]


def test_what_is_not_there_is_not_rewritten(log):
    with log.writer(0) as writer:
        writer.append([b"first", b"second"])
    for missing in (2, -1):
        with pytest.raises(NotFoundError, match=f"offset {missing} of partition 0"):
            log.rewrite(0, {0: b"changed", missing: b"?"})
    assert [one.frame for one in log.read(0, 0)] == [b"first", b"second"]


def test_several_threads_share_a_writer(log):
    taken: list[range] = []

    def work(name: int) -> None:
        for number in range(20):
            taken.append(writer.append([b"%d.%d.%d" % (name, number, part) for part in range(3)]))

    with log.writer(0) as writer, contextlib.ExitStack() as stack:
        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
    assert sorted(offset for group in taken for offset in group) == list(range(240))
    stored = log.read(0, 0)
    assert len({one.frame for one in stored}) == 240
    # A group is never mixed with another.
    assert all(one.frame.rsplit(b".", 1)[0] == stored[one.offset // 3 * 3].frame.rsplit(b".", 1)[0] for one in stored)
