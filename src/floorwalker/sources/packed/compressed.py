"""Compressed files told by their content: gzip, zstd, bzip2, xz, whatever their names say.

In: a file. Out: what packs it, and a stream of what is in it.

>>> packing(b"\\x1f\\x8b\\x08"), packing(b"no,qty")
('gzip', '')
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import IO, cast

MARKS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0"}
READ_AS_THEY_ARE = {".gz": "gzip", ".zst": "zstd"}
"""Endings by which DuckDB and Arrow unpack a file themselves."""


def packing(head: bytes) -> str:
    """gzip, zstd, bzip2, xz, or "" for none of them, by a file's first bytes."""
    return next((name for name, mark in MARKS.items() if head.startswith(mark)), "")


def unpacked(path: Path, packed_by: str) -> IO[bytes]:
    """A stream of what the file holds."""
    if packed_by == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if packed_by == "bzip2":
        return bz2.open(path, "rb")
    if packed_by == "xz":
        return lzma.open(path, "rb")
    import zstandard

    return zstandard.open(path, "rb")
