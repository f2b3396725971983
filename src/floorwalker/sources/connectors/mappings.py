"""Mappings that come with a connector, for each source that uses it.

In: a project's sources and the names of its own mappings. Out: `Mapping`s that read what was pulled. A file of the
project with the name of a shipped mapping, SOURCE_ROWS.toml, takes its place.

>>> [mapping.name for mapping in pulled_mappings([], set(), Defaults())]
[]
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from floorwalker.errors import ConfigError
from floorwalker.sources.connectors.definition import shipped_mappings
from floorwalker.sources.connectors.settings import Pull
from floorwalker.sources.mapping import Defaults, Mapping, parse_mapping


def mapping_texts(pull: Pull) -> dict[str, str]:
    """The shipped mappings of a source by name of their file without its ending."""
    texts = shipped_mappings(pull.connector)
    return {f"{pull.name}_{rows}": text.replace("@PULL@", pull.name) for rows, text in texts.items()}


def pulled_mappings(pulls: Iterable[Pull], own: set[str], defaults: Defaults) -> list[Mapping]:
    """Those of all sources that the project does not have itself."""
    return [
        parse_mapping(text, defaults, f"{name}.toml")
        for pull in pulls
        for name, text in sorted(mapping_texts(pull).items())
        if name not in own
    ]


def adopt(pull: Pull, folder: Path) -> list[Path]:
    """Write a source's shipped mappings into the project, to be changed there. Raises ConfigError over others."""
    texts = mapping_texts(pull)
    if not texts:
        raise ConfigError(f"{pull.connector} has no mappings of its own", fix="write mappings/*.toml")
    there = [name for name in texts if (folder / f"{name}.toml").exists()]
    if there:
        raise ConfigError(f"mappings/{there[0]}.toml is there already", fix="take it away first")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in sorted(texts.items()):
        path = folder / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
