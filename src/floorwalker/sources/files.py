"""Deliveries: the files of a source as they lie in the project, each known by its bytes.

In: a mapping and the folder its patterns start from. Out: a list of `Delivery`, in order of name. A delivery is one
file, or with `delivery = "folder"` all matching files of one folder. The same bytes under the same mapping are the same
delivery, under whatever name; two files with equal bytes are delivered once.

>>> from floorwalker.sources.mapping import parse_mapping
>>> mapping = parse_mapping('source="s"\\nfiles="*.csv"\\n[[maps]]\\nkind="stores"\\ncolumns={store_id="no"}')
>>> find_deliveries(mapping, "/an/empty/folder")
[]
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

from floorwalker.errors import SourceError
from floorwalker.sources.arriving import arrived
from floorwalker.sources.mapping import Mapping

_ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".xls": "csv",  # what many systems call so is text
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


MENDED = ".mended.jsonl"
"""How files of rows end that were put right here: JSON lines in UTF-8, whatever the source delivers."""


Stamp = tuple[int, int, int]
"""Size, time of the last change, number of the inode."""


@dataclass(frozen=True)
class DeliveredFile:
    """A file, and what people call it: its path within the project where it lies there."""

    path: Path
    name: str


@dataclass(frozen=True)
class Delivery:
    """What a source handed over at once."""

    source: str
    files: tuple[DeliveredFile, ...]
    fingerprint: str
    """Of bytes and mapping: a changed mapping makes it a new delivery, whose known rows add nothing."""
    content: str
    """Of bytes and the mapping's name: what its earlier versions put into quarantine is found by it."""

    stamps: tuple[Stamp, ...] = field(default=(), compare=False)
    """Of each file, from before its bytes were read for the fingerprint."""

    @property
    def is_as_it_was(self) -> bool:
        """Whether no file was written to, replaced or removed since the fingerprint was made of it."""
        return not self.stamps or self.stamps == tuple(stamp(file.path) for file in self.files)

    @property
    def delivery_id(self) -> str:
        return self.fingerprint[:32]

    @property
    def name(self) -> str:
        """The file's name, or the folder's."""
        names = self.files[0].name
        return names if len(self.files) == 1 else str(Path(names).parent)


def find_deliveries(mapping: Mapping, root: Path | str, waiting: list[str] | None = None) -> list[Delivery]:
    """All deliveries that match the mapping's patterns, relative ones below `root`; each file's bytes are read once.

    `waiting` is told of files that are not whole yet.
    """
    root = Path(root)
    paths: dict[Path, None] = {}
    for pattern in mapping.files:
        # Path.glob takes no absolute patterns and shows hidden files, which half-copied ones are.
        for found in glob(pattern, root_dir=root, recursive=True):  # noqa: PTH207
            path = root / found
            if path.is_file():
                paths[path] = None
    groups: dict[Path, list[Path]] = {}
    whole, others = arrived(sorted(paths), mapping.arrival)
    if waiting is not None:
        waiting += [path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path) for path in others]
    for path in whole:
        groups.setdefault(path.parent if mapping.delivery == "folder" else path, []).append(path)
    deliveries: dict[str, Delivery] = {}
    for parts in groups.values():
        delivery = make_delivery(mapping, parts, root)
        deliveries.setdefault(delivery.fingerprint, delivery)
    return list(deliveries.values())


def make_delivery(mapping: Mapping, paths: list[Path], root: Path) -> Delivery:
    """The delivery that consists of these files. Raises `SourceError` when one cannot be opened."""
    names = [path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path) for path in paths]
    files = tuple(DeliveredFile(path, name) for path, name in zip(paths, names, strict=True))
    stamps = tuple(stamp(path) for path in paths)
    return Delivery(mapping.source, files, *fingerprints_of(mapping, paths), stamps)


def stamp(path: Path) -> Stamp:
    """What tells that a file is another one, or has other bytes, without reading it."""
    try:
        about = path.stat()
    except OSError:
        return (-1, -1, -1)
    return about.st_size, about.st_mtime_ns, about.st_ino


def fingerprints_of(mapping: Mapping, paths: list[Path]) -> tuple[str, str]:
    """`fingerprint` and `content` of a delivery of these files."""
    digests = []
    for path in paths:
        try:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            why, fix = str(error), "check the file's permissions"
            raise SourceError(f"{path.name} cannot be read", why=why, fix=fix) from error
    digest = "".join(sorted(digests))
    content = hashlib.sha256(f"{mapping.name}\0{digest}".encode()).hexdigest()
    return hashlib.sha256(f"{mapping.source}\0{mapping.digest}\0{digest}".encode()).hexdigest(), content


def file_format(mapping: Mapping, path: Path, name: str = "") -> str:
    """csv, tsv, jsonl, fixed or parquet, by the mapping or by the name's ending before .gz or .zst."""
    if path.name.endswith(MENDED):
        return "jsonl"
    if mapping.format != "auto":
        return mapping.format
    ending = Path(path.stem).suffix if path.suffix.lower() in (".gz", ".zst") else path.suffix
    form = _ENDINGS.get(ending.lower())
    if form is None:
        raise SourceError(
            f"cannot tell the format of {name or path.name}",
            fix='set format = "csv", "tsv", "jsonl", "fixed" or "parquet"',
        )
    return form
