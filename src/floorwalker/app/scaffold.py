"""Making a project folder from a template.

In: a folder and a template (demo, online-retail, blank). Out: floorwalker.toml, mappings/, sql/, policies/, commented.

>>> import tempfile, pathlib
>>> folder = make_project(pathlib.Path(tempfile.mkdtemp()) / "shop", template="blank")
>>> sorted(path.name for path in folder.iterdir())
['.gitignore', 'README.md', 'floorwalker.toml', 'mappings', 'policies', 'sql']
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from floorwalker.errors import ConfigError, did_you_mean

TEMPLATES = ("demo", "online-retail", "blank")


def make_project(folder: Path, *, template: str = "demo", data: Sequence[str] = (), force: bool = False) -> Path:
    """Write a project folder. `data`: files the template's mapping reads instead of its default.

    Raises ConfigError when the folder holds a project already (unless `force`) or the template is unknown.
    """
    if template not in TEMPLATES:
        raise ConfigError(f"no template '{template}'", fix=did_you_mean(template, TEMPLATES))
    if (folder / "floorwalker.toml").exists() and not force:
        raise ConfigError(f"{folder} is a project already", fix="choose another name, or --force to write over it")
    templates = Path(str(files("floorwalker.app") / "templates"))
    if data:
        _check_data(templates / template / "mappings", data)
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("shared", template):
        _copy(templates / part, folder)
    settings = folder / "floorwalker.toml"
    name = re.sub(r"[^\w-]+", "-", folder.resolve().name) or "shop"
    settings.write_text(settings.read_text(encoding="utf-8").replace("@NAME@", name), encoding="utf-8")
    if data:
        _point_at(folder / "mappings", data)
    return folder


def _copy(source: Path, folder: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            # Packages drop files that begin with a dot: the template carries them as dot_name.
            target = folder / Path(str(path.relative_to(source)).replace("dot_", "."))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _check_data(mappings: Path, data: Sequence[str]) -> None:
    """Before anything is written: a template with exactly one mapping, and files that exist."""
    found = len(list(mappings.glob("*.toml")))
    if found != 1:
        raise ConfigError(
            "--data needs a template with exactly one mapping",
            why=f"this one has {found}",
            fix="leave --data out and edit `files` in mappings/*.toml",
        )
    missing = [path for path in data if not any(char in path for char in "*?[") and not Path(path).exists()]
    if missing:
        raise ConfigError(f"no such file: {missing[0]}")


def _point_at(mappings: Path, data: Sequence[str]) -> None:
    (mapping,) = mappings.glob("*.toml")
    listed = ", ".join('"' + str(Path(path).resolve()).replace("\\", "/") + '"' for path in data)
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(re.sub(r"(?m)^files = .*$", lambda _: f"files = [{listed}]", text, count=1), encoding="utf-8")
