"""Zip and tar archives, member by member.

In: an archive and the members a mapping names. Out: each member as a file in scratch under a name of our own, so that
no member's name can lead out of it. Refused whole, before anything is written: encrypted archives, names that lead
out, links, and archives that unpack to more than `RATIO` times their size or than the disk holds.

    members("orders.zip", "orders.zip", ("2026/*.csv",), scratch)      # [("2026/jan.csv", scratch/"0.csv"), …]
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO

from floorwalker.errors import SourceError
from floorwalker.sources.arriving import is_passing

RATIO = 250
"""Text packs 5 to 50 times smaller; what packs smaller still is made to fill a disk."""
SMALL = 256 << 20
"""Below so many bytes no archive is a bomb."""


def members(path: Path, name: str, patterns: tuple[str, ...], scratch: Path) -> list[tuple[str, Path]]:
    """The archive's files, in order of name. Raises `SourceError` for one that must not be unpacked."""
    try:
        with path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        found = (_from_zip if is_zip else _from_tar)(path, name, patterns, scratch)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"{name} cannot be unpacked", why=str(error), fix="send the archive again") from error
    if not found:
        fix = "" if not patterns else f"members = {patterns[0]!r} matches none of them"
        raise SourceError(f"{name} holds no file to read", fix=fix)
    return sorted(found)


def check_size(name: str, packed: int, unpacked: int, scratch: Path) -> None:
    """Raises `SourceError` where so few bytes become so many."""
    if unpacked > max(RATIO * packed, SMALL):
        why = f"{packed:,} bytes would become {unpacked:,}"
        raise SourceError(f"{name} is refused: it unpacks to too much", why=why, fix="deliver it unpacked")
    free = shutil.disk_usage(scratch).free
    if unpacked > 0.9 * free:
        why = f"it unpacks to {unpacked:,} bytes; {free:,} are free"
        raise SourceError(f"{name} does not fit on the disk", why=why, fix="make room, or deliver it in parts")


def copy_into(stream: IO[bytes], target: Path, name: str, packed: int) -> None:
    """Write what a compressed stream holds, stopping where it becomes too much."""
    written = 0
    with target.open("wb") as file:
        while chunk := stream.read(1 << 20):
            written += len(chunk)
            if not written % (64 << 20) or written > max(RATIO * packed, SMALL):
                check_size(name, packed, written, target.parent)
            file.write(chunk)


def _from_zip(path: Path, name: str, patterns: tuple[str, ...], scratch: Path) -> list[tuple[str, Path]]:
    with zipfile.ZipFile(path) as archive:
        entries = [one for one in archive.infolist() if not one.is_dir() and _wanted(name, one.filename, patterns)]
        if any(one.flag_bits & 1 for one in entries):
            raise SourceError(f"{name} is encrypted", why="its files need a password", fix="deliver it without one")
        # Of the archive's own size: members that share their bytes are counted as often as they would be written.
        check_size(name, path.stat().st_size, sum(one.file_size for one in entries), scratch)
        found = []
        for entry in entries:
            target = _target(scratch, entry.filename)
            with archive.open(entry) as stream:
                copy_into(stream, target, f"{name}/{entry.filename}", entry.compress_size)
            found.append((entry.filename, target))
        return found


def _from_tar(path: Path, name: str, patterns: tuple[str, ...], scratch: Path) -> list[tuple[str, Path]]:
    found = []
    packed, total = path.stat().st_size, 0
    with tarfile.open(path, "r|*") as archive:
        for entry in archive:
            if entry.isdir() or not _wanted(name, entry.name, patterns):
                continue
            if not entry.isfile():
                raise SourceError(f"{name} is refused: {entry.name} is a link or device", fix="pack plain files")
            total += entry.size
            check_size(name, packed, total, scratch)
            stream = archive.extractfile(entry)
            assert stream is not None
            target = _target(scratch, entry.name)
            copy_into(stream, target, f"{name}/{entry.name}", packed)
            found.append((entry.name, target))
    return found


def _wanted(name: str, member: str, patterns: tuple[str, ...]) -> bool:
    parts = PurePosixPath(member.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or (len(member) > 1 and member[1] == ":"):
        raise SourceError(f"{name} is refused: it has a file that leads out of it", why=f"{member!r}")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts.parts)
    if hidden or is_passing(parts.name):
        return False
    return not patterns or any(fnmatch(member, pattern) or fnmatch(parts.name, pattern) for pattern in patterns)


def _target(scratch: Path, member: str) -> Path:
    endings: Iterator[str] = (ending for ending in PurePosixPath(member).suffixes[-2:] if ending[1:].isalnum())
    return scratch / f"{len(list(scratch.iterdir()))}{''.join(endings)}"
