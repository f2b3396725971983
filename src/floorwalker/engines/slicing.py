"""Wide models in slices of their key, so that memory stays bounded however many keys there are.

In: a model whose TOML has `[incremental] sliced = true`, the files of its inputs, and how much memory the engine may
use. Out: the files of its table, a slice of keys at a time.

Rows of one key depend on input rows with that key only: that is what `[incremental] key` promises. So the model's query
over a fifth of the keys gives a fifth of its rows. Each slice reads its inputs anew, which costs a fraction of what the
query does; a query that holds everybody's state at once would not fit.

>>> slices([600 << 20, 20 << 20], memory=2 << 30)
5
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from floorwalker.engines.models import SqlModel
    from floorwalker.engines.sql import SqlEngine

WEIGHT = 16
"""Bytes of memory that the states of one byte of Parquet may take, packed and compressed as it is (measured)."""


def slices(sizes: Sequence[int], *, memory: int) -> int:
    """Into how many slices inputs of these many bytes must be cut to fit into so much memory."""
    return -(-sum(sizes) * WEIGHT // memory) if sum(sizes) * WEIGHT > memory else 1


def write_in_slices(
    engine: SqlEngine,
    show: Callable[[str, Sequence[str]], None],
    model: SqlModel,
    key: str,
    keyed: Sequence[str],
    files: Mapping[str, Sequence[str]],
    count: int,
    folder: Path,
) -> list[tuple[Path, int]]:
    """Write a model's table in `count` slices of `key`; `keyed`: its inputs that have the key.

    The hash is DuckDB's: this is for the engine that runs in this process.
    """
    written: list[tuple[Path, int]] = []
    try:
        for number, table in enumerate(keyed):
            engine.show(f"meta.all_{number}", files[table])
        for part in range(count):
            for number, table in enumerate(keyed):
                engine.define(table, f"SELECT * FROM meta.all_{number} WHERE hash({key}) % {count} = {part}")
            written += engine.write(model.sql, folder)
    finally:
        for table in keyed:
            show(table, files[table])
    # An empty slice leaves an empty file, of which one is enough for the table to have its columns.
    full = [(file, rows) for file, rows in written if rows] or written[:1]
    for file, _ in written:
        if file not in {kept for kept, _ in full}:
            file.unlink()
    return full
