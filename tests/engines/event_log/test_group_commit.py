"""Many who append share a sync; each hears of its own frame, and nobody waits for room that is not there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from floorwalker.engines.event_log.group_commit import GroupCommit
from floorwalker.errors import Busy, FloorwalkerError, StateError


class Gated:
    """A real writer behind a gate, so that a test decides when a group goes through."""

    def __init__(self, writer) -> None:
        self.writer = writer
        self.partition = writer.partition
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.failing: list[Exception] = []

    def append(self, frames: Sequence[bytes]) -> range:
        self.reached.set()
        self.opened.wait()
        if self.failing:
            raise self.failing.pop()
        return self.writer.append(frames)


@pytest.fixture
def gated(log):
    with log.writer(0) as writer:
        yield Gated(writer)


async def hold(gated: Gated, committer: GroupCommit, frame: bytes) -> asyncio.Task[int]:
    """A frame that is on its way through the gate: what comes now waits for the next group."""
    first = asyncio.create_task(committer.append(frame))
    await asyncio.to_thread(gated.reached.wait)
    return first


def test_what_waits_is_one_group(log, gated):
    told: list[tuple[int, int]] = []
    committer = GroupCommit(gated, on_group=lambda frames, size, seconds: told.append((frames, size)))

    async def serve() -> list[int]:
        first = await hold(gated, committer, b"first")
        others = [asyncio.create_task(committer.append(b"%d" % number)) for number in range(50)]
        await asyncio.sleep(0)
        assert committer.figures().waiting_frames == 51
        gated.opened.set()
        return [await task for task in (first, *others)]

    assert asyncio.run(serve()) == list(range(51))
    committer.close()
    assert told == [(1, 5), (50, 90)]
    figures = committer.figures()
    assert (figures.groups, figures.frames, figures.bytes, figures.waiting_bytes) == (2, 51, 95, 0)
    assert [one.frame for one in log.read(0, 0)] == [b"first", *(b"%d" % number for number in range(50))]


def test_a_full_queue_says_so_at_once(gated):
    committer = GroupCommit(gated, most_bytes=10_000)

    async def serve() -> None:
        first = await hold(gated, committer, b"x" * 20_000)  # larger than the queue, and alone
        with pytest.raises(Busy, match="too much is waiting"):
            await committer.append(b"")
        gated.opened.set()
        assert await first == 0
        tasks = [asyncio.create_task(committer.append(b"y" * 1000)) for _ in range(6)]
        assert [await task for task in tasks] == list(range(1, 7))

    asyncio.run(serve())
    committer.close()
    assert (committer.figures().refused, committer.figures().frames) == (1, 7)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (StateError("no room", why="the disk is full", fix="make some"), "no room"),
        (MemoryError("of another kind"), "could not be stored"),
    ],
)
def test_a_failed_group_fails_for_all_in_it_and_the_next_one_is_stored(log, gated, error, what):
    committer = GroupCommit(gated)
    gated.failing.append(error)

    async def serve() -> None:
        first = await hold(gated, committer, b"first")
        second = asyncio.create_task(committer.append(b"second"))
        await asyncio.sleep(0)
        gated.opened.set()
        with pytest.raises(StateError, match=what) as caught:
            await first
        assert caught.value.why
        assert await second == 0

    asyncio.run(serve())
    committer.close()
    assert [one.frame for one in log.read(0, 0)] == [b"second"]
    assert (committer.figures().failed_groups, committer.figures().failed_frames) == (1, 1)


def test_who_goes_away_does_not_disturb_the_others(gated):
    committer = GroupCommit(gated)

    async def serve() -> None:
        first = await hold(gated, committer, b"first")
        gone, stays = (asyncio.create_task(committer.append(name)) for name in (b"gone", b"stays"))
        await asyncio.sleep(0)
        gone.cancel()
        first.cancel()
        gated.opened.set()
        assert await stays == 2

    asyncio.run(serve())
    committer.close()


def test_closing_stores_what_waits_and_takes_nothing_more(log, gated):
    committer = GroupCommit(gated)

    async def serve() -> list[int]:
        first = await hold(gated, committer, b"first")
        waiting = [asyncio.create_task(committer.append(b"waiting")) for _ in range(3)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(committer.close))
        gated.opened.set()
        await closing
        with pytest.raises(StateError, match="no frames any more"):
            await committer.append(b"late")
        return [await task for task in (first, *waiting)]

    assert asyncio.run(serve()) == [0, 1, 2, 3]
    committer.close()
    assert log.ends() == {0: 4}


def test_an_event_loop_that_is_gone_stops_nobody(log, gated):
    committer = GroupCommit(gated)

    async def leave() -> None:
        task = await hold(gated, committer, b"left behind")
        task.cancel()

    asyncio.run(leave())
    gated.opened.set()
    assert committer.append_and_wait(b"next") == 1
    committer.close()
    assert [one.frame for one in log.read(0, 0)] == [b"left behind", b"next"]


def test_threads_and_event_loops_together(log):
    with log.writer(0) as writer:
        committer = GroupCommit(writer, most_bytes=1 << 20)
        offsets: list[int] = []
        lock = threading.Lock()

        def thread(name: int) -> None:
            mine = [committer.append_and_wait(b"t%d.%d" % (name, number)) for number in range(30)]
            with lock:
                offsets.extend(mine)

        async def serve(name: int) -> None:
            mine = await asyncio.gather(*(committer.append(b"l%d.%d" % (name, number)) for number in range(100)))
            with lock:
                offsets.extend(mine)

        threads = [threading.Thread(target=thread, args=(name,)) for name in range(3)]
        threads += [threading.Thread(target=lambda name=name: asyncio.run(serve(name))) for name in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        committer.close()
    assert sorted(offsets) == list(range(290))
    assert len({one.frame for one in log.read(0, 0)}) == 290


def test_figures_that_fail_do_not_stop_the_log(log):
    def broken(frames: int, size: int, seconds: float) -> None:
        raise FloorwalkerError("a histogram fell over")

    with log.writer(0) as writer:
        committer = GroupCommit(writer, on_group=broken)
        assert [committer.append_and_wait(b"a"), committer.append_and_wait(b"b")] == [0, 1]
        committer.close()
