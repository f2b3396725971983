"""What a stitcher has learned since the last run, in a file that outlives the process.

In: entries, one at a time. Out: the same entries when the file is opened again, up to the last whole one: a process
that is killed in the middle of writing loses nothing before it, and what comes after is written over.

An entry is a frame: length and CRC-32 of four bytes each, then MessagePack. No identifier is in it as it was written:
records are hashes with folded names (`saying.Said`); only where values come hashed are normalised ones kept beside
them (`tokens`).

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "live.journal"
>>> journal = Journal(path); journal.entries
[]
>>> journal.append(Mark("offset 17")); journal.flush(); journal.close()
>>> _ = path.open("ab").write(b"torn")
>>> Journal(path).entries
[Mark(position='offset 17')]
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import msgspec

from floorwalker.errors import StateError
from floorwalker.identity.stitching.saying import Keys, Said
from floorwalker.identity.stitching.tokens import Told

_HEAD = b"floorwalker stitching 1\n"
_FRAME = struct.Struct("<II")
_BUFFER = 1 << 16


class Came(msgspec.Struct, tag="came", array_like=True, gc=False, frozen=True):
    """A record, as it stands now; a later one of the same id takes its place. `stays`: with its published customer."""

    said: Said
    told: tuple[Told, ...] = ()
    born: Keys | None = None
    stays: bool = False


class Seen(msgspec.Struct, tag="seen", array_like=True, gc=False, frozen=True):
    """A record came again: when."""

    record_id: str
    first_seen: int
    last_seen: int


class Gone(msgspec.Struct, tag="gone", array_like=True, gc=False, frozen=True):
    """A record was forgotten."""

    record_id: str


class Mark(msgspec.Struct, tag="mark", array_like=True, gc=False, frozen=True):
    """How far the log of events has been taken in, in words of whoever reads it."""

    position: str


class Policy(msgspec.Struct, tag="policy", array_like=True, gc=False, frozen=True):
    """Under which settings the entries were made."""

    fingerprint: str


Entry = Came | Seen | Gone | Mark | Policy


class Journal:
    """One process writes, and no other may open it. `entries`: what the file held when it was opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path)
        self._encoder = msgspec.msgpack.Encoder()
        self._waiting = bytearray()
        with contextlib.suppress(FileNotFoundError):
            path.with_suffix(".new").unlink()
        self.entries, whole = _read(path)
        self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._file.truncate(whole)
        self._file.seek(whole)
        if not whole:
            self._file.write(_HEAD)

    def append(self, entry: Entry) -> None:
        """Write an entry, at the latest with `flush`."""
        payload = self._encoder.encode(entry)
        self._waiting += _FRAME.pack(len(payload), zlib.crc32(payload))
        self._waiting += payload
        if len(self._waiting) >= _BUFFER:
            self._write()

    def flush(self) -> None:
        """Have everything on disk."""
        self._write()
        os.fsync(self._file.fileno())

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Have these entries and no others, at once: until the last moment the old file stands."""
        new = self.path.with_suffix(".new")
        with new.open("wb", buffering=_BUFFER) as file:
            file.write(_HEAD)
            for entry in entries:
                payload = self._encoder.encode(entry)
                file.write(_FRAME.pack(len(payload), zlib.crc32(payload)))
                file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        self._waiting.clear()
        self._file.close()
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._file = self.path.open("r+b", buffering=0)
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Write what waits."""
        self._write()
        self._file.close()
        self._lock.close()

    def _write(self) -> None:
        left = memoryview(self._waiting)
        while left:
            left = left[self._file.write(left) :]
        left.release()
        self._waiting = bytearray()


def erase(path: Path, record_ids: Iterable[str]) -> int:
    """Rewrite a journal that no process has open without these records; how many entries that took out.

    Raises StateError while a process has it open: that one must forget them itself (`Stitcher.forget`)."""
    if not path.exists():
        return 0
    gone, journal = set(record_ids), Journal(path)
    try:
        left = [entry for entry in journal.entries if _of(entry) not in gone]
        if len(left) < len(journal.entries):
            journal.rewrite(left)
        return len(journal.entries) - len(left)
    finally:
        journal.close()


def _of(entry: Entry) -> str | None:
    if isinstance(entry, Came):
        return entry.said.record_id
    return entry.record_id if isinstance(entry, Seen | Gone) else None


def _locked(path: Path) -> IO[str]:
    """A lock that the operating system releases when its holder dies."""
    file = path.with_suffix(".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StateError(
            f"another process has {path.name} open", fix="ask that process to forget the records, or stop it"
        ) from None
    return file


def _read(path: Path) -> tuple[list[Entry], int]:
    """The whole entries of a file, and where they end."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    if not data.startswith(_HEAD):
        if _HEAD.startswith(data):
            return [], 0
        raise StateError(f"{path} is not a journal of this version", fix="move it away: the next run has what it had")
    decoder = msgspec.msgpack.Decoder(Entry)
    entries: list[Entry] = []
    at = len(_HEAD)
    while at + _FRAME.size <= len(data):
        length, check = _FRAME.unpack_from(data, at)
        payload = data[at + _FRAME.size : at + _FRAME.size + length]
        if len(payload) < length or zlib.crc32(payload) != check:
            break
        entries.append(decoder.decode(payload))
        at += _FRAME.size + length
    return entries, at
