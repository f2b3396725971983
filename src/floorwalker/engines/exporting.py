"""Folders that `floorwalker export` makes: written whole, known again, and never written over somebody's work.

In: a folder, what made it, its files as text. Out: the files, and `floorwalker-export.json` that lists each with its
SHA-256. A folder with that list is refreshed by the next export; a file that a person has changed since stops it.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp()) / "out"
>>> write_export(folder, "export sql", {"a.sql": "SELECT 1;"}, {"dialect": "spark"})
>>> write_export(folder, "export sql", {"b.sql": "SELECT 2;"}, {"dialect": "spark"})
>>> sorted(path.name for path in folder.iterdir())
['b.sql', 'floorwalker-export.json']
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from floorwalker.engines.publication import write_atomically
from floorwalker.errors import StateError

MANIFEST = "floorwalker-export.json"


def write_export(
    folder: Path, made_by: str, files: Mapping[str, str], about: Mapping[str, Any], *, force: bool = False
) -> None:
    """Write files (relative name → text) and the list of them; what an earlier export wrote and this one does not goes.

    Raises StateError for a folder with other things in it, and for exported files that were changed since, unless
    `force`. Files that no export wrote stay either way.
    """
    before = _checked(folder, made_by, files, force)
    for name in sorted(set(before) - set(files)):
        (folder / name).unlink(missing_ok=True)
        _remove_empty(folder, name)
    for name, text in files.items():
        write_atomically(folder / name, text)
    hashes = {name: _hash(text.encode()) for name, text in sorted(files.items())}
    manifest = {"made_by": f"floorwalker {made_by}", **about, "files": hashes}
    write_atomically(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def _checked(folder: Path, made_by: str, files: Mapping[str, str], force: bool) -> dict[str, str]:
    """The files of the export that lies in the folder already, by their hashes."""
    if folder.exists() and not folder.is_dir():
        raise StateError(f"{folder} is not a folder", fix="name another one with --out")
    if not folder.exists() or not any(folder.iterdir()):
        return {}
    before = _read(folder / MANIFEST)
    if before.get("made_by") != f"floorwalker {made_by}":
        if force:
            return {}
        raise StateError(
            f"{folder} is not empty",
            why=f"and not made by floorwalker {made_by}",
            fix="name another folder with --out, or write into this one with --force",
        )
    # Hashes of names that lead out of the folder are not ours.
    known = {
        name: value
        for name, value in before.get("files", {}).items()
        if not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
    }
    changed = [
        name
        for name, value in known.items()
        if (folder / name).is_file() and _hash((folder / name).read_bytes()) != value
    ]
    changed += [name for name in files if name not in known and (folder / name).exists()]
    if changed and not force:
        raise StateError(
            f"{len(changed)} files in {folder} were changed or added by hand: {', '.join(sorted(changed)[:5])}",
            why="the export would write over them",
            fix="name another folder with --out, or lose the changes with --force",
        )
    return known


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _remove_empty(folder: Path, name: str) -> None:
    """Folders that held nothing but files of the last export."""
    parent = (folder / name).parent
    while parent != folder and not any(parent.iterdir()):
        parent.rmdir()
        parent = parent.parent


def yaml_text(value: Any, depth: int = 0) -> str:
    """Plain data as YAML: texts in double quotes, as JSON has them, which YAML reads alike.

    >>> print(yaml_text({"name": "shop", "columns": [{"name": "id", "tests": ["unique"]}], "tags": []}))
    name: "shop"
    columns:
      - name: "id"
        tests:
          - "unique"
    tags: []
    """
    pad = "  " * depth
    if isinstance(value, dict) and value:
        return "\n".join(f"{pad}{key}:{_below(item, depth)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}- {yaml_text(item, depth + 1).lstrip()}" for item in value)
    return pad + json.dumps(value, ensure_ascii=False)


def _below(value: Any, depth: int) -> str:
    return "\n" + yaml_text(value, depth + 1) if isinstance(value, dict | list) and value else " " + yaml_text(value)
