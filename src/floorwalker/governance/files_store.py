"""Erasure in plain files: exports, reports and scratch files, line by line where a file has lines.

In: a folder of the project. Out: a handler for it.

    .csv .tsv       rows that name the person go          .parquet   rows go
    .jsonl .ndjson  lines go                              .json      strings in it are redacted
    .txt .md .html .log …  words are redacted             .gz .zst   unpacked, treated by the name within, packed again
    anything else that names the person: the whole file goes; it was made from data that is still there

Files are replaced in one rename, so a reader finds the old or the new one.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from floorwalker.governance.decode import Finding, search_file, texts_of
from floorwalker.governance.handlers import Receipt
from floorwalker.governance.needles import Needles, is_surrogate_column

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.governance.subject import Subject

_REDACTED = {".txt", ".md", ".html", ".htm", ".log", ".xml", ".svg", ".toml", ".yaml", ".yml"}


class FilesHandler:
    """Erases from the files below `folder` (relative to the project, e.g. 'exports' or 'state/reports')."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.folder = folder

    def owns(self, path: Path) -> bool:
        return f"state/{path.as_posix()}".startswith(f"{self.folder}/")

    def erase(self, project: Project, subject: Subject) -> Receipt:
        needles = Needles.of(subject, project.secret)
        removed = {path.suffix or path.name: 0 for path in self._files(project)}
        for path in self._files(project):
            if search_file(path, needles, store=self.name, root=project.root):
                removed[path.suffix or path.name] += erase_from_file(path, needles)
        detail = ", ".join(f"{suffix} {count}" for suffix, count in sorted(removed.items()) if count)
        return Receipt(self.name, sum(removed.values()), detail)

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        needles = Needles.of(subject, project.secret)
        return [
            found
            for path in self._files(project)
            for found in search_file(path, needles, store=self.name, root=project.root)
        ]

    def _files(self, project: Project) -> list[Path]:
        folder = project.root / self.folder
        return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


class ScratchHandler(FilesHandler):
    """A folder of temporary files, such as what DuckDB spills: between runs nobody needs them, so all of them go."""

    def __init__(self, name: str = "scratch", folder: str = "state/tmp") -> None:
        super().__init__(name, folder)

    def erase(self, project: Project, subject: Subject) -> Receipt:
        files = self._files(project)
        for path in files:
            path.unlink(missing_ok=True)
        return Receipt(self.name, len(files), "temporary files")


class PlainStateHandler:
    """Files under state/ that hold no person (pointer, secret, locks); those with text are searched like all others."""

    name = "state"

    def __init__(self, names: tuple[str, ...] = ("published.json", "secret.key", "lookup.keys", "run.lock")) -> None:
        self.names = names

    def owns(self, path: Path) -> bool:
        return path.as_posix() in self.names or path.parts[:1] == ("locks",)

    def erase(self, project: Project, subject: Subject) -> Receipt:
        return Receipt(self.name, 0, "holds no person")

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        needles = Needles.of(subject, project.secret)
        return [
            found
            for name in self.names
            if (project.state / name).exists()
            for found in search_file(project.state / name, needles, store=self.name, root=project.state)
        ]


def erase_from_file(path: Path, needles: Needles) -> int:
    """Take the person out of one file; returns how many rows, lines, texts or (for unknown kinds) files went."""
    if needles.in_text(path.name):
        path.unlink()
        return 1
    if path.suffix == ".parquet":
        return _erase_parquet(path, needles)
    data, packing = _unpacked(path)
    kind = Path(path.stem).suffix if packing else path.suffix
    if kind in (".csv", ".tsv"):
        kept, removed = _without_rows(data.decode("utf-8"), needles, "\t" if kind == ".tsv" else ",")
    elif kind in (".jsonl", ".ndjson"):
        kept, removed = _without_lines(data.decode("utf-8"), needles)
    elif kind == ".json":
        redacted = _redacted(json.loads(data), needles)
        kept, removed = json.dumps(redacted, ensure_ascii=False, indent=1) + "\n", 1
    elif kind in _REDACTED:
        kept, removed = needles.redact(data.decode("utf-8", "replace")), 1
    else:
        path.unlink()
        return 1
    if removed:
        _replace(path, _packed(kept.encode(), packing))
    return removed


def names_person(cells: dict[str, Any], needles: Needles) -> bool:
    """Whether a row {column: value} is about the person, or quotes them."""
    source = cells.get("source")
    for column, cell in cells.items():
        texts = [text for text in texts_of(cell) if text]
        if needles.in_few(texts, column) or needles.in_cells(texts, column, source):
            return True
    return False


def _without_rows(text: str, needles: Needles, delimiter: str) -> tuple[str, int]:
    # Records as they stand, so that the quoting of the rows that stay is left alone.
    header: list[str] = []
    kept, removed = io.StringIO(newline=""), 0
    for record in _records(text):
        cells = next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [])
        if not header:
            header = cells
        elif names_person(dict(zip(header, cells, strict=False)), needles):
            removed += 1
            continue
        kept.write(record)
    return kept.getvalue(), removed


def _records(text: str) -> list[str]:
    """CSV records with their line ends: a line end within quotes belongs to its record."""
    records, draft, quotes = [], "", 0
    for line in io.StringIO(text, newline="").readlines():
        draft += line
        quotes += line.count('"')
        if quotes % 2 == 0:
            records.append(draft)
            draft, quotes = "", 0
    return [*records, draft] if draft else records


def _without_lines(text: str, needles: Needles) -> tuple[str, int]:
    lines = [line for line in text.split("\n") if line.strip()]
    kept = []
    for line in lines:
        value = json.loads(line)
        if not names_person(value if isinstance(value, dict) else {"": value}, needles):
            kept.append(line)
    return "".join(line + "\n" for line in kept), len(lines) - len(kept)


def _redacted(value: Any, needles: Needles) -> Any:
    if isinstance(value, str):
        return needles.redact(value)
    if isinstance(value, dict):
        return {needles.redact(key): _redacted(item, needles) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, needles) for item in value]
    return value


def _erase_parquet(path: Path, needles: Needles) -> int:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    removed = 0
    with pq.ParquetFile(path) as parquet, pq.ParquetWriter(draft, parquet.schema_arrow) as writer:
        for batch in parquet.iter_batches(20_000):
            texts = [name for name in batch.schema.names if _is_text(batch.schema.field(name).type)]
            numbers = [name for name in batch.schema.names if is_surrogate_column(name) and name not in texts]
            rows = batch.select([*texts, *numbers]).to_pylist()
            keep = [not names_person(row, needles) for row in rows]
            removed += keep.count(False)
            writer.write_batch(batch.filter(pa.array(keep, pa.bool_())))
    draft.replace(path)
    return removed


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_temporal(kind))


def _unpacked(path: Path) -> tuple[bytes, str]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data), ".gz"
    if path.suffix in (".zst", ".zstd"):
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return stream.read(), ".zst"
    return data, ""


def _packed(data: bytes, packing: str) -> bytes:
    if packing == ".gz":
        return gzip.compress(data, mtime=0)
    if packing == ".zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()
    return data


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
