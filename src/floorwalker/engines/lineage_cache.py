"""Column lineage of queries, found once: parsing them takes seconds, and between runs they hardly ever change.

In: a query, the columns of what it reads, and a file. Out: its `Relation`, from the file when it has been asked before
with the same text and the same columns. What nobody asked for since the file was read is forgotten when it is written.

>>> import tempfile
>>> file = Path(tempfile.mkdtemp()) / "columns.json"
>>> first = Relations(file)
>>> asked = first.of("SELECT price FROM silver.lines", {"silver.lines": ("price",)})
>>> first.save(), Relations(file).of("SELECT price FROM silver.lines", {"silver.lines": ("price",)}) == asked
(1, True)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot.errors import SqlglotError

from floorwalker.engines import columns, expressions, relations
from floorwalker.engines.columns import columns_of
from floorwalker.engines.publication import write_atomically
from floorwalker.engines.relations import ColumnLineage, Influence, Known, Relation

Stored = dict[str, Any]
Columns = tuple[tuple[str, tuple[str, ...] | None], ...]


class Relations:
    """Relations by query. Without a file they are remembered by this process alone."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self._kept, self._influences = _read(file) if file else ({}, [])
        self._asked: dict[str, Relation] = {}
        self._new = 0

    def of(self, sql: str, tables: Known) -> Relation:
        """The relation of a query; of one that cannot be followed, only what it reads."""
        known = tuple((name, None if listed is None else tuple(listed)) for name, listed in sorted(tables.items()))
        if self.file is None:
            return _found(sql, known)
        key = hashlib.sha256(json.dumps([_reader(), sql, known]).encode()).hexdigest()
        if key not in self._asked:
            stored = self._kept.get(key)
            self._new += stored is None
            self._asked[key] = _found(sql, known) if stored is None else _opened(stored, self._influences)
        return self._asked[key]

    def save(self) -> int:
        """Write what was asked for, when any of it is new; returns how many were. A folder that cannot be written to
        only costs the time to find them again."""
        if self.file is None or not self._new:
            return 0
        places: dict[Influence, int] = {}
        kept = {key: _packed(one, places) for key, one in self._asked.items()}
        told = [[one.reason, one.text, one.inputs] for one in places]
        try:
            self.file.parent.mkdir(exist_ok=True)
            write_atomically(self.file, json.dumps({"influences": told, "relations": kept}, ensure_ascii=False))
        except OSError:
            return 0
        made, self._new = self._new, 0
        return made


@lru_cache(maxsize=1024)
def _found(sql: str, known: Columns) -> Relation:
    try:
        return columns_of(sql, dict(known))
    except (SqlglotError, RecursionError):
        return Relation({}, tuple(name for name, _ in known), known=False)


@lru_cache(maxsize=1)
def _reader() -> str:
    """What stands for the code that reads queries: other code may find something else."""
    texts = [Path(str(module.__file__)).read_bytes() for module in (columns, expressions, relations)]
    return hashlib.sha256(b"\0".join([sqlglot.__version__.encode(), *texts])).hexdigest()


def _read(file: Path) -> tuple[Mapping[str, Stored], list[Influence]]:
    """(stored relation by key, influences by place); nothing where the file is absent, cut off or of another shape."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        told = [Influence(reason, text, tuple(inputs)) for reason, text, inputs in content["influences"]]
        return dict(content["relations"]), told
    except (OSError, ValueError, KeyError, TypeError):
        return {}, []


def _packed(relation: Relation, places: dict[Influence, int]) -> Stored:
    """As plain data. Influences stand once in the file: the columns of a table share them."""

    def numbers(influences: tuple[Influence, ...]) -> list[int]:
        return [places.setdefault(one, len(places)) for one in influences]

    return {
        "columns": {
            key: [one.name, one.inputs, numbers(one.influences), one.copied] for key, one in relation.columns.items()
        },
        "tables": relation.tables,
        "influences": numbers(relation.influences),
        "known": relation.known,
    }


def _opened(stored: Stored, told: list[Influence]) -> Relation:
    made = {
        key: ColumnLineage(name, inputs, tuple(told[place] for place in places), copied)
        for key, (name, inputs, places, copied) in stored["columns"].items()
    }
    influences = tuple(told[place] for place in stored["influences"])
    return Relation(made, tuple(stored["tables"]), influences, stored["known"])
