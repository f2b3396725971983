"""Mappings of exports that many retailers have: known by their header, ready to use.

In: a file's column names. Out: the `Export` whose layout they are, and its mapping as text, without the columns that
this file happens to lack. Each is one TOML file here, `<vendor>_<what>.toml`: a mapping, then `[export]` with the
vendor, the page that documents the layout, the day it was looked up, whether that page names the columns, and the
columns.

A file is taken for an export when it has every column that the mapping cannot do without and at least `LEAST` of the
layout's columns, and at most `MORE` times as many of its own: vendors add columns, and people leave some out. A column
of the mapping that the file lacks is left out of it.

>>> known = recognise([*export_named("loyalty_partner").columns[1:], "Bonus"])
>>> (known.export.name, known.missing, known.more) if known else None
('loyalty_partner', ('member_id',), ('Bonus',))
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from floorwalker.errors import NotFoundError, did_you_mean
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.mapping import Mapping, needs_time, parse_mapping

LEAST = 0.6
MORE = 1.0
_MARK = "\n[export]\n"


@dataclass(frozen=True)
class Export:
    """`text`: the mapping without [export]. `columns`: the layout; `verified`: whether the page names them."""

    name: str
    title: str
    vendor: str
    documentation: str
    looked_up: str
    verified: bool
    columns: tuple[str, ...]
    text: str
    also: tuple[str, ...] = ()
    """Exports that read the same file for another kind of record."""
    companion: bool = False
    """Whether it is such a one: it is written with the other, and not recognised by itself."""

    @property
    def mapping(self) -> Mapping:
        return parse_mapping(self.text, path=f"{self.name}.toml")


@dataclass(frozen=True)
class Recognised:
    """`missing`: columns of the layout that the file lacks; `more`: columns that only the file has."""

    export: Export
    text: str
    missing: tuple[str, ...]
    more: tuple[str, ...]

    @property
    def likeness(self) -> float:
        """Columns in both of all columns in either."""
        both = len(self.export.columns) - len(self.missing)
        return both / (len(self.export.columns) + len(self.more))


@functools.lru_cache(maxsize=1)
def exports() -> tuple[Export, ...]:
    """Every known export, by name."""
    found = []
    folder = files("floorwalker.sources.exports")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            text = file.read_text(encoding="utf-8")
            about = tomllib.loads(text)["export"]
            found.append(
                Export(
                    file.name.removesuffix(".toml"),
                    about["title"],
                    about["vendor"],
                    about["documentation"],
                    about["looked_up"],
                    about["verified"],
                    tuple(about["columns"]),
                    text.split(_MARK)[0].rstrip() + "\n",
                    tuple(about.get("also", ())),
                    about.get("companion", False),
                )
            )
    return tuple(found)


def export_named(name: str) -> Export:
    found = next((one for one in exports() if one.name == name), None)
    if found is None:
        raise NotFoundError(f"no export '{name}' is known", fix=did_you_mean(name, [one.name for one in exports()]))
    return found


def recognise(header: Sequence[str]) -> Recognised | None:
    """The export whose layout a header is; of several the likest."""
    found = [one for export in exports() if not export.companion and (one := held_against(export, header))]
    return max(found, key=lambda one: one.likeness, default=None)


def held_against(export: Export, header: Sequence[str]) -> Recognised | None:
    """The export with the text for a file of this header; None where the header is not its layout."""
    held = {name.lower() for name in header}
    missing = tuple(name for name in export.columns if name.lower() not in held)
    layout = {name.lower() for name in export.columns}
    more = tuple(name for name in header if name.lower() not in layout)
    if len(missing) > (1 - LEAST) * len(export.columns) or len(more) > MORE * len(export.columns):
        return None
    text = _without(export, held)
    return None if text is None else Recognised(export, text, missing, more)


def _without(export: Export, held: Iterable[str]) -> str | None:
    """The mapping without what a file lacks; None where it cannot do without."""
    absent = {name for name in export.mapping.names if name.lower() not in held}
    if not absent:
        return export.text
    drop: set[tuple[int, str]] = set()
    for number, item in enumerate(export.mapping.maps):
        kind = KINDS[item.kind]
        if absent & set(item.names):
            return None
        needed = {column.name for column in kind.columns if column.required}
        needed |= {"occurred_at"} if needs_time(kind) else set()
        for column in item.columns:
            if absent & set(column.names):
                if column.target in needed:
                    return None
                drop.add((number, column.target))
    lines, at = [], -1
    for line in export.text.splitlines():
        at += line.startswith("[[maps]]")
        if (at, line.split("=", 1)[0].strip()) not in drop:
            lines.append(line)
    return "\n".join(lines) + "\n"
