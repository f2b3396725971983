"""Files in one archive: a tar, compressed with zstd, that ends with a manifest of what must be in it.

In: (name in the archive, path) pairs. Out: one file, whole or not there; and back into a folder, every byte checked.

    write_archive(Path("shop.tar.zst"), files, {"made_at": "…"})
    read_manifest(Path("shop.tar.zst")).files["floorwalker.toml"]     # Entry(size=…, sha256="…")
    unpack(Path("shop.tar.zst"), Path("shop"))

Any `tar --zstd -x` opens it, too. A copy that was cut off or changed has no manifest, or one that does not fit.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec
import zstandard

from floorwalker.errors import SourceError, StateError

VERSION = 1
MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_LEVEL = 3
"""Most of a project is Parquet, which is compressed already."""
Progress = Callable[[int], None]


class Entry(msgspec.Struct, frozen=True):
    """A file of an archive."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """`about`: what whoever made it says of it."""

    version: int
    about: dict[str, Any]
    files: dict[str, Entry]

    @property
    def bytes(self) -> int:
        return sum(one.size for one in self.files.values())


def write_archive(
    target: Path, files: Iterable[tuple[str, Path]], about: dict[str, Any], progress: Progress = lambda done: None
) -> Manifest:
    """Write an archive that only its owner can read. Raises StateError when it cannot be written; then nothing is."""
    draft = target.with_name(f"{target.name}.part")
    entries: dict[str, Entry] = {}
    try:
        with (
            os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
            zstandard.ZstdCompressor(level=_LEVEL, threads=-1).stream_writer(out, closefd=False) as packed,
            tarfile.open(fileobj=packed, mode="w|") as tar,
        ):
            for name, path in files:
                entries[name] = _add(tar, name, path)
                progress(entries[name].size)
            manifest = Manifest(VERSION, about, entries)
            text = msgspec.json.encode(manifest)
            head = tarfile.TarInfo(MANIFEST)
            head.size, head.mode = len(text), 0o600
            tar.addfile(head, io.BytesIO(text))
        with draft.open("rb") as whole:
            os.fsync(whole.fileno())
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StateError(f"{target} cannot be written", why=str(error), fix="another disk, or make room") from error
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return manifest


def read_manifest(archive: Path, progress: Progress = lambda done: None) -> Manifest:
    """Read an archive to its end and check every file. Raises SourceError when it is not whole."""
    return _read(archive, lambda name, stream: _copied(stream, None), progress)


def unpack(archive: Path, folder: Path, progress: Progress = lambda done: None) -> Manifest:
    """Put an archive's files into an empty folder. Raises SourceError when it is not whole; the folder is then to be
    thrown away."""

    def take(name: str, stream: IO[bytes]) -> Entry:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts:
            raise SourceError(f"{archive.name} is no archive of ours", why=f"it names {name!r}")
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            return _copied(stream, out)

    return _read(archive, take, progress)


def _read(archive: Path, take: Callable[[str, IO[bytes]], Entry], progress: Progress) -> Manifest:
    found: dict[str, Entry] = {}
    manifest = None
    try:
        with (
            archive.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            for member in tar:
                stream = tar.extractfile(member)
                if stream is None:
                    raise SourceError(f"{archive.name} is no archive of ours", why=f"{member.name!r} is no file")
                if member.name == MANIFEST:
                    manifest = _manifest(archive, stream.read())
                    continue
                found[member.name] = take(member.name, stream)
                progress(found[member.name].size)
    except (OSError, EOFError, tarfile.TarError, zstandard.ZstdError) as error:
        why = str(error) or type(error).__name__
        raise SourceError(f"{archive.name} cannot be read", why=why, fix="take another copy of the backup") from error
    return _checked(archive, manifest, found)


def _add(tar: tarfile.TarFile, name: str, path: Path) -> Entry:
    """A file that grows meanwhile is taken as long as it was; one that shrinks is an error."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = tarfile.TarInfo(name)
        head.size, head.mode, head.mtime = size, 0o600, int(os.fstat(file.fileno()).st_mtime)
        hashed = _Hashed(file)
        tar.addfile(head, hashed)
    return Entry(size, hashed.digest.hexdigest())


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _manifest(archive: Path, text: bytes) -> Manifest:
    try:
        found = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise SourceError(f"{archive.name} has no manifest that can be read", why=str(error)) from None
    if found.version > VERSION:
        why = f"it has version {found.version}, this one knows {VERSION}"
        fix = "pip install --upgrade floorwalker"
        raise SourceError(f"{archive.name} was made by a newer Floorwalker", why=why, fix=fix)
    return found


def _copied(stream: IO[bytes], out: IO[bytes] | None) -> Entry:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if out is not None:
            out.write(chunk)
    return Entry(size, digest.hexdigest())


def _checked(archive: Path, manifest: Manifest | None, found: dict[str, Entry]) -> Manifest:
    if manifest is None:
        raise SourceError(f"{archive.name} is cut off", why="its manifest is missing", fix="take another copy")
    wrong = sorted(name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name))
    if wrong:
        why = f"{len(wrong)} files are not as they were written, the first is {wrong[0]}"
        raise SourceError(f"{archive.name} is damaged", why=why, fix="take another copy of the backup")
    return manifest
