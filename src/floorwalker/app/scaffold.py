"""Making a project folder from a template.

In: a folder and a template (demo, online-retail, complete-journey, blank). Out: floorwalker.toml, mappings/, sql/,
features/, policies/, commented.

>>> import tempfile, pathlib
>>> folder = make_project(pathlib.Path(tempfile.mkdtemp()) / "shop", template="blank")
>>> sorted(path.name for path in folder.iterdir())
['.gitignore', 'README.md', 'features', 'floorwalker.toml', 'mappings', 'policies', 'sql']
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatch
from glob import glob
from importlib.resources import files
from pathlib import Path

from floorwalker.errors import ConfigError, did_you_mean

TEMPLATES = ("demo", "online-retail", "complete-journey", "blank")


def make_project(folder: Path, *, template: str = "demo", data: Sequence[str] = (), force: bool = False) -> Path:
    """Write a project folder. `data`: files the template's mapping reads instead of its default; for a template with
    several mappings a folder with its files, or files, each of which the mapping reads that expects such a name.

    Raises ConfigError when the folder holds a project already (unless `force`) or the template is unknown.
    """
    if template not in TEMPLATES:
        raise ConfigError(f"no template '{template}'", fix=did_you_mean(template, TEMPLATES))
    if (folder / "floorwalker.toml").exists() and not force:
        raise ConfigError(f"{folder} is a project already", fix="choose another name, or --force to write over it")
    templates = Path(str(files("floorwalker.app") / "templates"))
    files_of = _chosen(templates / template / "mappings", data) if data else {}
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("shared", template):
        _copy(templates / part, folder)
    settings = folder / "floorwalker.toml"
    name = re.sub(r"[^\w-]+", "-", folder.resolve().name) or "shop"
    settings.write_text(settings.read_text(encoding="utf-8").replace("@NAME@", name), encoding="utf-8")
    for mapping, patterns in files_of.items():
        _point_at(folder / "mappings" / mapping, patterns)
    return folder


def _copy(source: Path, folder: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            # Packages drop files that begin with a dot: the template carries them as dot_name.
            target = folder / Path(str(path.relative_to(source)).replace("dot_", "."))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _chosen(mappings: Path, data: Sequence[str]) -> dict[str, list[str]]:
    """By mapping, what it shall read; found before anything is written."""
    missing = [path for path in data if not _is_pattern(path) and not Path(path).exists()]
    if missing:
        raise ConfigError(f"no such file: {missing[0]}")
    expected = {
        path.name: [str(one) for one in _listed(tomllib.loads(path.read_text(encoding="utf-8"))["files"])]
        for path in sorted(mappings.glob("*.toml"))
    }
    if not expected:
        raise ConfigError("--data needs a template with mappings", fix="leave --data out and write mappings/*.toml")
    if len(expected) == 1:
        return {name: [_absolute(path) for path in data] for name in expected}
    chosen: dict[str, list[str]] = {}
    for given in data:
        found = _in_folder(expected, Path(given)) if Path(given).is_dir() else _by_name(expected, given)
        if not found:
            wanted = sorted({Path(pattern).name for patterns in expected.values() for pattern in patterns})
            raise ConfigError(
                f"no mapping of this template reads {given}",
                why=f"they expect {', '.join(wanted)}",
                fix="name the files so, or leave --data out and edit `files` in mappings/*.toml",
            )
        for name, patterns in found.items():
            chosen.setdefault(name, []).extend(patterns)
    return chosen


def _in_folder(expected: dict[str, list[str]], folder: Path) -> dict[str, list[str]]:
    """The mappings' patterns below `folder` instead of data/, unless nothing there fits any."""
    moved = {
        name: [_absolute(str(folder / pattern.removeprefix("data/"))) for pattern in patterns]
        for name, patterns in expected.items()
    }
    return moved if any(glob(pattern) for patterns in moved.values() for pattern in patterns) else {}  # noqa: PTH207


def _by_name(expected: dict[str, list[str]], given: str) -> dict[str, list[str]]:
    """The mappings that expect a file of this name."""
    return {
        name: [_absolute(given)]
        for name, patterns in expected.items()
        if any(fnmatch(Path(given).name, Path(pattern).name) for pattern in patterns)
    }


def _is_pattern(path: str) -> bool:
    return any(char in path for char in "*?[")


def _listed(files: str | list[str]) -> list[str]:
    return [files] if isinstance(files, str) else files


def _absolute(path: str) -> str:
    return str(Path(path).resolve()).replace("\\", "/")


def _point_at(mapping: Path, patterns: Sequence[str]) -> None:
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(re.sub(r"(?m)^files = .*$", lambda _: f"files = [{listed}]", text, count=1), encoding="utf-8")
