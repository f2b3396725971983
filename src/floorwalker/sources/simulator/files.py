"""Files that grow chunk by chunk: CSV, JSON lines and Parquet, whole or one per month, with bounded memory.

In: tables. Out: files below one folder. CSV and JSON lines are appended at once; Parquet rows wait until a row group
is worth writing.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> last = pa.array([None], pa.string())
>>> with Files(folder) as files:
...     files.jsonl("a.jsonl", pa.table({"id": ["x"], "name.first": ["Zoë"], "name.last": last, "n": [1]}))
>>> (folder / "a.jsonl").read_text(encoding="utf-8").strip()
'{"id":"x","name":{"first":"Zoë"},"n":1}'
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from floorwalker.sources.simulator.wording import join

ROW_GROUP = 32_768
Write = Callable[[str, pa.Table], None]


class Files:
    """Appends tables to files below `out`; `rows` counts what was written, by path with a star for the month."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.rows: Counter[str] = Counter()
        self._waiting: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._begun: set[str] = set()

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for path in list(self._waiting):
                self._flush(path)
        for writer in self._writers.values():
            writer.close()

    def csv(self, path: str, table: pa.Table, *, delimiter: str = ",", encoding: str = "utf-8") -> None:
        """Append rows; the header comes with the first. What the encoding lacks is written as "?", as old tills do."""
        options = pyarrow.csv.WriteOptions(
            include_header=path not in self._begun, delimiter=delimiter, quoting_style="needed"
        )
        sink = io.BytesIO()
        pyarrow.csv.write_csv(table, sink, options)
        content = (
            sink.getvalue() if encoding == "utf-8" else sink.getvalue().decode().encode(encoding, errors="replace")
        )
        self._append(path, content)
        self._count(path, table)

    def jsonl(self, path: str, table: pa.Table) -> None:
        """Append one object per row. Columns named `a.b` that stand side by side become an object `a`; NULLs are left
        out.
        """
        self._append(path, _json_lines(table))
        self._count(path, table)

    def parquet(self, path: str, table: pa.Table) -> None:
        """Append rows, in row groups of about ROW_GROUP."""
        waiting = self._waiting.setdefault(path, [])
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROW_GROUP:
            self._flush(path)
        self._count(path, table)

    def by_month(self, write: Write, path: str, table: pa.Table, month: np.ndarray, months: tuple[str, ...]) -> None:
        """`write` each month's rows to `path` with {} replaced by the month; within a month rows keep their order."""
        order = np.argsort(month, kind="stable")
        bounds = np.searchsorted(month[order], np.arange(len(months) + 1))
        table = table.take(pa.array(order))
        for position, label in enumerate(months):
            first, last = int(bounds[position]), int(bounds[position + 1])
            if last > first:
                write(path.format(label), table.slice(first, last - first))

    def _append(self, path: str, content: bytes) -> None:
        target = self.out / path
        if path not in self._begun:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._begun.add(path)
        with target.open("ab") as file:
            file.write(content)

    def _flush(self, path: str) -> None:
        table = pa.concat_tables(self._waiting.pop(path)).combine_chunks()
        if path not in self._writers:
            target = self.out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            self._writers[path] = pq.ParquetWriter(target, table.schema, compression="zstd")
        self._writers[path].write_table(table, row_group_size=ROW_GROUP * 4)

    def _count(self, path: str, table: pa.Table) -> None:
        stem, _, ending = path.rpartition(".")
        month = stem[-7:]
        self.rows[f"{stem[:-7]}*.{ending}" if month[4:5] == "-" and month[:4].isdigit() else path] += table.num_rows


def _json_lines(table: pa.Table) -> bytes:
    if not table.num_rows:
        return b""
    members = []
    for parent, names in groupby(table.column_names, key=lambda name: name.rpartition(".")[0]):
        parts = [_member(name.rpartition(".")[2], table.column(name).combine_chunks()) for name in names]
        if parent:
            inner = _with_commas(parts)
            filled = pc.if_else(pc.equal(inner, ""), pa.scalar(None, pa.string()), inner)
            members.append(join(f'"{parent}":{{', filled, "}"))
        else:
            members.extend(parts)
    lines = join("{", _with_commas(members), "}\n")
    start, end = lines.offset, lines.offset + len(lines)
    offsets = np.frombuffer(lines.buffers()[1], np.int32)
    return lines.buffers()[2][int(offsets[start]) : int(offsets[end])].to_pybytes()


def _with_commas(members: list[pa.Array]) -> pa.Array:
    """Members joined by commas without the NULL ones; "" where all are. (Arrow's own way to skip NULLs loses rows
    that have nothing else.)
    """
    joined = pc.binary_join_element_wise(
        *[join(",", member) for member in members], "", null_handling="replace", null_replacement=""
    )
    return pc.utf8_slice_codeunits(joined, 1)


def _member(name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        escaped = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')
        return join(f'"{name}":"', escaped, '"')
    return join(f'"{name}":', column)
