"""What every store of personal data must offer, so that a person can be erased from all of them.

In: stores, each with a `Handler`. Out: the registry, and `unowned_files`, by which a test fails when something writes
under `state/` and has not joined: a new store must register.

    class Bundles:
        name = "bundles"
        def owns(self, path): return "bundles" in path.parts       # path relative to state/
        def erase(self, project, subject): …                       # idempotent: it may run again after a crash
        def search(self, project, subject): …                      # decodes the store; see decode.search_file

A handler may set `runs_last = True`: the lake does, because the tables are where a resumed erasure learns again who the
person was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project
    from floorwalker.governance.decode import Finding
    from floorwalker.governance.subject import Subject


@dataclass(frozen=True)
class Receipt:
    """What a store removed: rows, lines, entries. `detail` holds no personal data; `told`: who received the data
    before."""

    store: str
    removed: int
    detail: str = ""
    told: tuple[str, ...] = ()


class Handler(Protocol):
    """A store's part in erasure."""

    name: str

    def owns(self, path: Path) -> bool:
        """Whether a file (relative to `state/`) is this store's responsibility."""
        ...

    def erase(self, project: Project, subject: Subject) -> Receipt:
        """Remove the person. Safe to run again: a second run finds nothing and removes nothing."""
        ...

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        """Decode the whole store and report every trace."""
        ...


_REGISTERED: dict[str, Handler] = {}


def register(handler: Handler) -> Handler:
    """Join a store. Registering the same name again replaces the handler, so that importing twice does no harm."""
    _REGISTERED[handler.name] = handler
    return handler


def registered() -> list[Handler]:
    """Every store that has joined, in the order in which an erasure visits them."""
    return in_order(_REGISTERED.values())


def in_order(handlers: Iterable[Handler]) -> list[Handler]:
    """By name, those that run last behind the others. StateError when two have one name: receipts are kept by name."""
    ordered = sorted(handlers, key=lambda handler: (getattr(handler, "runs_last", False), handler.name))
    names = [handler.name for handler in ordered]
    if len(set(names)) < len(names):
        raise StateError("two erasure handlers have one name", why=", ".join(names), fix="give each store its own name")
    return ordered


def unowned_files(project: Project, handlers: Sequence[Handler]) -> list[Path]:
    """Files under state/ that no handler answers for, relative to it, in order. Empty is what a test asks for."""
    if not project.state.exists():
        return []
    files = sorted(path.relative_to(project.state) for path in project.state.rglob("*") if path.is_file())
    return [path for path in files if not any(handler.owns(path) for handler in handlers)]
