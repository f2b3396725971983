"""Erasure: the old bytes of a frame are in no file, wherever SQLite may have put a copy of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.event_log.twins import embedded

from floorwalker.engines.event_log.interface import EventLog

SIZES = (0, 30, 480, 2000, 4000, 4096, 9000, 30_000)


def marked(name: str, size: int) -> bytes:
    """Bytes of which every piece of sixteen or more names the frame."""
    word = f"[{name:_>6}]".encode()
    return (word * (size // len(word) + 1))[:size]


def names_in_files(folder: Path) -> set[str]:
    """Every name that any file holds. Read by another process: to open a file beside SQLite drops its locks."""
    found = subprocess.run([sys.executable, "-c", _LOOK, str(folder)], capture_output=True, check=True)
    return set(found.stdout.decode().split())


_LOOK = r"""
import pathlib, re, sys
for path in pathlib.Path(sys.argv[1]).rglob("*"):
    if path.is_file():
        for name in set(re.findall(rb"\[_+([a-z]*[0-9]+)\]", path.read_bytes())):
            print(name.decode())
"""


def rewritten(log: EventLog, folder: Path, new: dict[int, bytes]) -> None:
    log.rewrite(0, new)
    stored = log.read(0, 0, most_bytes=1 << 30)
    assert {offset: stored[offset].frame for offset in new} == new


@pytest.mark.parametrize("manner", ["in place", "grown", "shorter"])
def test_no_file_has_the_old_bytes(tmp_path, manner):
    log = embedded(tmp_path, 1)
    count = 6 * len(SIZES)
    sizes = [max(20, SIZES[number % len(SIZES)]) for number in range(count)]
    with log.writer(0) as writer:
        for number, size in enumerate(sizes):
            writer.append([marked(f"old{number}", size)])
        log.read(0, 0)
        assert len(names_in_files(tmp_path)) == count
        by = {"in place": 0, "grown": 500, "shorter": -10}[manner]
        # One at a time, in the file that is written to as well as in old ones; then all the others together.
        gone = set()
        for number in (1, 5, count - 1, count - 2):
            rewritten(log, tmp_path, {number: marked(f"new{number}", sizes[number] + by)})
            gone.add(f"old{number}")
            assert not gone & names_in_files(tmp_path)
        rewritten(log, tmp_path, {number: b"*" * (size + by) for number, size in enumerate(sizes)})
        assert not names_in_files(tmp_path)
        writer.append([b"and on"])
    assert log.read(0, count)[0].frame == b"and on"
    assert not names_in_files(tmp_path)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_sequence_of_rewrites_leaves_nothing(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("log")
    log = embedded(folder, 1)
    size = st.one_of(st.sampled_from([30, 480, 3900, 4100]), st.integers(16, 20_000))
    current: list[str] = []
    with log.writer(0) as writer:
        for number, length in enumerate(data.draw(st.lists(size, min_size=1, max_size=25))):
            current.append(f"a{number}")
            writer.append([marked(current[-1], length)])
        for step in range(data.draw(st.integers(1, 5))):
            new = {}
            for offset in data.draw(st.sets(st.integers(0, len(current) - 1), min_size=1, max_size=4)):
                current[offset] = f"b{step * 100 + offset}"
                new[offset] = marked(current[offset], data.draw(size))
            rewritten(log, folder, new)
            assert names_in_files(folder) == set(current)
    log.close()


def test_a_file_that_is_not_settled_is_rewritten_too(tmp_path):
    """A writer that was killed leaves everything in the write-ahead log."""
    log = embedded(tmp_path, 1)
    writer = log.writer(0)
    writer.append([marked("old1", 5000), marked("old2", 5000)])
    assert list((tmp_path / "log").rglob("*-wal"))
    embedded(tmp_path, 1).rewrite(0, {0: marked("new1", 300)})
    assert names_in_files(tmp_path) == {"new1", "old2"}
    writer.close()
