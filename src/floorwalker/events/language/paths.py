"""Paths into an event: what a tracking plan drops is named by them, found and taken out.

In: an event, paths. Out: whether something is there; a copy without it. A path goes through lists, item by item.

>>> event = {"properties": {"products": [{"id": 1, "cost": 5}, {"id": 2}], "a.b": 3}}
>>> without(event, ("properties.products.cost", "properties.a\\\\.b"))
{'properties': {'products': [{'id': 1}, {'id': 2}]}}

A dot that belongs to a name is written with a backslash before it. What is dropped twice is dropped once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
DEEPEST = 32
"""Lists within lists, at most. No SDK sends three; what hides deeper goes with its list."""


def joined(where: str, name: str) -> str:
    """A path as text, one step longer."""
    step = str(name).replace("\\", "\\\\").replace(".", "\\.")
    return f"{where}.{step}" if where else step


@functools.lru_cache(maxsize=4096)
def path_of(text: str) -> Path:
    """The steps of a path.

    >>> path_of("properties.a\\\\.b.c")
    ('properties', 'a.b', 'c')
    """
    steps, letters = [""], iter(text)
    for letter in letters:
        if letter == ".":
            steps.append("")
        else:
            steps[-1] += next(letters, "") if letter == "\\" else letter
    return tuple(steps)


def present(event: Mapping[str, Any], path: Path) -> bool:
    """Whether anything is at the path, null included."""
    if path[0] not in event:
        return False
    level: list[Mapping[str, Any]] = [event]
    for step in path[:-1]:
        level = [inner for one in level if step in one for inner in _objects(one[step])]
    return any(path[-1] in one for one in level)


def without(event: Mapping[str, Any], dropped: Iterable[str]) -> dict[str, Any]:
    """A copy of the event without what is at these paths. What is not there is not missed."""
    made = dict(event)
    for text in dropped:
        made = _cut(made, path_of(text), 0)
    return made


def _cut(value: Any, path: Path, depth: int) -> Any:
    if isinstance(value, list | tuple):
        return [_cut(item, path, depth + 1) for item in value] if depth < DEEPEST else []
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    if len(path) == 1:
        return {name: one for name, one in value.items() if name != path[0]}
    return {name: _cut(one, path[1:], 0) if name == path[0] else one for name, one in value.items()}


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
        elif isinstance(one, list | tuple):
            waiting += one
