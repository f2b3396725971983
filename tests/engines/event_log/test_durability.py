"""Nothing acknowledged is lost: writers that are killed, disks that are full, files that are damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest
from tests.engines.event_log.processes import frame_of, start
from tests.engines.event_log.twins import embedded

from floorwalker.engines.event_log.sqlite_log import SqliteLog
from floorwalker.errors import StateError

ROUNDS = 20


def all_frames(log: SqliteLog) -> list[bytes]:
    frames: list[bytes] = []
    while stored := log.read(0, len(frames)):
        assert [one.offset for one in stored] == list(range(len(frames), len(frames) + len(stored)))
        frames += [one.frame for one in stored]
    return frames


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path):
    chance = random.Random(7)
    log = embedded(tmp_path, 1)
    acknowledged: dict[int, bytes] = {}
    for number in range(ROUNDS):
        child = start("stream", str(tmp_path), str(number))
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(chance.choice((1, 5, 40, 150)) + chance.randrange(20))]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        child.wait()
        for line in lines:
            sequence, offset, size = map(int, line.split())
            assert offset not in acknowledged
            acknowledged[offset] = frame_of(f"{number}.{sequence}", size)
        # A reader that was there all the time, and one that comes after the crash.
        for reader in (log, SqliteLog(log.root, log.settings)):
            frames = all_frames(reader)
            assert {offset: frames[offset] for offset in acknowledged} == acknowledged
            assert log.ends() == {0: len(frames)}
        assert len(set(frames)) == len(frames)
        for frame in frames:
            name = frame[1 : frame.index(b">")].decode()
            assert frame == frame_of(name, len(frame))
    assert len(acknowledged) > 10 * ROUNDS


def check_after_starving(folder: Path, told: dict) -> None:
    log = SqliteLog(folder / "log", embedded(folder, 1).settings)
    stored = {int(offset): frame_of(name, 3000) for offset, name in told["stored"].items()}
    assert all_frames(log) == [stored[offset] for offset in sorted(stored)]
    assert len(told["refused"]) == 9
    assert not any("after" in name for name in told["refused"])
    assert sum("after" in name for name in told["stored"].values()) == 15
    assert (told["figures"]["failed_frames"], told["figures"]["frames"]) == (9, len(stored))
    assert (told["figures"]["waiting_frames"], told["figures"]["waiting_bytes"]) == (0, 0)
    log.close()


def test_a_limit_on_file_size_fails_groups_and_not_the_writer(tmp_path):
    child = start("starve", str(tmp_path), "file-limit")
    out, _ = child.communicate()
    assert child.returncode == 0
    check_after_starving(tmp_path, json.loads(out))


def test_a_full_disk_fails_groups_and_not_the_writer(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() or not mount:
        pytest.skip("only root can mount a small disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        child = start("starve", str(disk), "small-disk")
        out, _ = child.communicate()
        assert child.returncode == 0
        check_after_starving(disk, json.loads(out))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def filled(tmp_path) -> SqliteLog:
    log = embedded(tmp_path, 1)
    with log.writer(0) as writer:
        for number in range(60):
            writer.append([frame_of(str(number), number * 100)])
    return log


def files(log: SqliteLog) -> list[Path]:
    return sorted((log.root / "0").glob("*.db"))


def test_a_closed_writer_leaves_files_without_write_ahead_logs(filled):
    assert len(files(filled)) > 2
    assert not list(filled.root.rglob("*-wal"))
    assert files(filled)[0].stat().st_size < 100_000


def test_a_changed_frame_is_noticed(filled):
    database = sqlite3.connect(files(filled)[0])
    database.execute('UPDATE frames SET frame = zeroblob(length(frame)) WHERE "offset" = 9')
    database.commit()
    database.close()
    assert len(filled.read(0, 0)) == 9
    with pytest.raises(StateError, match="offset 9 of partition 0 of the log cannot be read") as caught:
        filled.read(0, 9)
    assert "10" in caught.value.fix
    assert filled.read(0, 10)[0].frame == frame_of("10", 1000)


def test_a_lost_frame_is_noticed(filled):
    first, second = (int(path.stem) for path in files(filled)[:2])
    for offset in (5, second - 1):
        database = sqlite3.connect(files(filled)[0])
        database.execute('DELETE FROM frames WHERE "offset" = ?', (offset,))
        database.commit()
        database.close()
        with pytest.raises(StateError, match=f"offset {offset} of partition 0"):
            filled.read(0, offset)
    assert first == 0
    assert filled.read(0, second)


def test_a_broken_page_is_noticed(filled):
    path = files(filled)[1]
    first = int(path.stem)
    filled.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StateError, match=f"offset {first} of partition 0"):
        filled.read(0, first)
    assert len(filled.read(0, 0)) == first


def test_a_newer_file_is_refused(filled):
    database = sqlite3.connect(files(filled)[-1])
    database.execute("PRAGMA user_version = 9")
    database.close()
    for attempt in (lambda: filled.writer(0), lambda: filled.read(0, int(files(filled)[-1].stem))):
        with pytest.raises(StateError, match="newer"):
            attempt()


def test_what_a_killed_process_left_half_made_is_swept(filled):
    folder = filled.root / "0"
    for name in (f"{60:020d}.db.new", f"{60:020d}.db.new-journal", f"{7:020d}.db-wal", f"{7:020d}.db-shm"):
        (folder / name).write_bytes(b"half")
    with filled.writer(0) as writer:
        assert writer.append([b"next"]) == range(60, 61)
    assert {path.suffix for path in folder.iterdir()} <= {".db", ".lock", ".db-shm", ".db-wal"}
    assert not (folder / f"{7:020d}.db-wal").exists()


def test_rows_beyond_the_beginning_of_the_next_file_do_not_count(filled):
    """What a crash could bring back of a group that failed, in a file that is followed by another."""
    first, second = files(filled)[:2]
    database = sqlite3.connect(first)
    database.execute("INSERT INTO frames SELECT ?, appended_at, seal, frame FROM frames LIMIT 1", (int(second.stem),))
    database.commit()
    database.close()
    fresh = SqliteLog(filled.root, filled.settings)
    assert [one.frame for one in fresh.read(0, 0)] == [frame_of(str(number), number * 100) for number in range(60)]


def test_a_forked_child_does_not_keep_the_partition(filled):
    writer = filled.writer(0)
    ready, told = os.pipe()
    waiting, release = os.pipe()
    child = os.fork()
    if not child:
        os.close(release)
        os.write(told, b"!")
        os.read(waiting, 1)
        os._exit(0)
    try:
        os.read(ready, 1)
        writer.close()
        filled.writer(0).close()
    finally:
        os.close(release)
        os.waitpid(child, 0)
        for descriptor in (ready, told, waiting):
            os.close(descriptor)
