"""What is known of a column's making: inputs with their use, and the filters, joins and groups around them.

In: nothing. Out: `Relation`, what a table, CTE or query offers, made of `ColumnLineage`s; how they are put together.

    value      its value is in the result: `quantity * price`
    condition  it decides between values: `CASE WHEN country = 'UK' THEN …`
    order      it ranks or groups rows of a window or an ordered aggregate
    rows       rows are counted: the input is `table.*`

>>> join_inputs({"a.b.c": "order"}, {"a.b.c": "value", "a.b.d": "rows"})
{'a.b.c': 'value', 'a.b.d': 'rows'}
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

ROWS = "*"
KINDS = ("value", "rows", "condition", "order")
"""How an input is used, the strongest first: a column used in two ways counts as the first of them."""
_RANK = {kind: place for place, kind in enumerate(KINDS)}
Inputs = dict[str, str]


@dataclass(frozen=True)
class Influence:
    """What decides which rows count: `reason` is filter, join or group; `text` the SQL; `inputs` the columns in it."""

    reason: str
    text: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnLineage:
    """One column. `inputs`: `layer.table.column` → how it is used; none: the column is a constant."""

    name: str
    inputs: Inputs = field(default_factory=dict)
    influences: tuple[Influence, ...] = ()
    copied: bool = False
    """It is an input column as it stands."""


@dataclass
class Relation:
    """What a table, CTE or query offers. `tables`: stored tables below it; `known`: all its columns are listed."""

    columns: dict[str, ColumnLineage] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    influences: tuple[Influence, ...] = ()
    known: bool = True

    def column(self, name: str) -> ColumnLineage | None:
        """The column of that name, whatever its case; of a relation that is not known, any name."""
        found = self.columns.get(name) or next(
            (one for key, one in self.columns.items() if key.lower() == name.lower()), None
        )
        if found is None and not self.known:
            if len(self.tables) == 1 and not self.columns:
                return ColumnLineage(name, {f"{self.tables[0]}.{name}": "value"}, self.influences, copied=True)
            return ColumnLineage(name, rows_of(self.tables), self.influences)
        return found


Known = Mapping[str, Collection[str] | None]
"""Columns of the stored tables; None: not known, so any name is believed."""


def rows_of(tables: Iterable[str]) -> Inputs:
    """The inputs of something that depends on a table's rows, no column in particular."""
    return {f"{table}.{ROWS}": "rows" for table in tables}


def join_inputs(*found: Mapping[str, str]) -> Inputs:
    """Inputs together; of two uses the stronger counts."""
    merged: Inputs = {}
    for inputs in found:
        for name, kind in inputs.items():
            if name not in merged or _RANK[kind] < _RANK[merged[name]]:
                merged[name] = kind
    return merged


def weakened(inputs: Mapping[str, str], kind: str) -> Inputs:
    """The same inputs in a use that is at most `kind`."""
    return {name: (was if _RANK[was] > _RANK[kind] else kind) for name, was in inputs.items()}


def influenced(one: ColumnLineage, more: Sequence[Influence]) -> ColumnLineage:
    return replace(one, influences=distinct((*one.influences, *more))) if more else one


def distinct(influences: Iterable[Influence]) -> tuple[Influence, ...]:
    return tuple(dict.fromkeys(influences))
