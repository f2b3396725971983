"""Processes that tests start, kill and starve.

python -m tests.engines.event_log.processes stream FOLDER ROUND      acknowledged: lines "sequence offset size"
python -m tests.engines.event_log.processes starve FOLDER MANNER     one line of JSON
python -m tests.engines.event_log.processes stream-kafka FOLDER "URL ROUND"
python -m tests.engines.event_log.processes rewrite FOLDER "URL CYCLE FRAMES"      rewritten: lines "offset"
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

from tests.engines.event_log.twins import embedded

from floorwalker.engines.event_log.group_commit import GroupCommit
from floorwalker.engines.event_log.interface import EventLog
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.engines.event_log.sqlite_log import SqliteLog
from floorwalker.errors import StateError

ROOT = Path(__file__).resolve().parents[3]
TASKS = 6


def start(*arguments: str) -> subprocess.Popen[str]:
    """One of these processes, its output in a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engines.event_log.processes", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
    )


def frame_of(name: str, size: int) -> bytes:
    """A frame that says who it is from its first byte to its last."""
    word = f"<{name}>".encode()
    return (word * (size // len(word) + 1))[: max(size, len(word))]


def stream(folder: Path, name: str) -> None:
    """Append without end, and say what was acknowledged."""
    append_to(embedded(folder, 1), name)


def stream_kafka(folder: Path, told: str) -> None:
    """The same on Kafka."""
    url, name = told.split()
    append_to(open_log(url, keys=folder), name)


def rewrite(folder: Path, told: str) -> None:
    """Put a cycle's frames in the place of the last one's, one at a time."""
    url, cycle, count = told.split()
    log = open_log(url, keys=folder)
    for offset in range(int(count)):
        log.rewrite(0, {offset: f"{offset}.{cycle}".encode()})
        os.write(1, f"{offset}\n".encode())


def append_to(log: EventLog, name: str) -> None:
    chance = random.Random(name)

    async def client(committer: GroupCommit, which: int) -> None:
        number = which
        while True:
            size = chance.randrange(10, 6000)
            offset = await committer.append(frame_of(f"{name}.{number}", size))
            os.write(1, f"{number} {offset} {size}\n".encode())
            number += TASKS

    async def serve() -> None:
        committer = GroupCommit(log.writer(0))
        await asyncio.gather(*(client(committer, which) for which in range(TASKS)))

    asyncio.run(serve())


def starve(folder: Path, manner: str) -> None:
    """Append until the disk is full (or says so), several times more, and again once there is room."""
    ballast = folder / "ballast"
    if manner == "small-disk":
        ballast.write_bytes(b"\0" * (1 << 20))
        log = embedded(folder, 1)
    else:
        log = SqliteLog(folder / "log", LogSettings())
        log.make(1)
    committer = GroupCommit(log.writer(0))
    stored: dict[int, str] = {}
    refused: list[str] = []

    def append(name: str) -> None:
        try:
            stored[committer.append_and_wait(frame_of(name, 3000))] = name
        except StateError as error:
            assert "none of them is kept" in error.what, error
            refused.append(name)

    for cycle in range(3):
        if manner == "file-limit":
            room = 200_000 * (cycle + 1)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        number = 0
        while len(refused) < 3 * (cycle + 1):
            append(f"{cycle}.{number}")
            number += 1
        # Room again.
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if manner == "small-disk":
            os.truncate(ballast, (1 << 20) - (300 << 10) * (cycle + 1))
        for more in range(5):
            append(f"{cycle}.after.{more}")
    committer.close()
    json.dump({"stored": stored, "refused": refused, "figures": committer.figures()._asdict()}, sys.stdout)


if __name__ == "__main__":
    WORK = {"stream": stream, "starve": starve, "stream-kafka": stream_kafka, "rewrite": rewrite}
    WORK[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
