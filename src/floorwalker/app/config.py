"""Reading floorwalker.toml: file, then environment, checked, with the origin of every value.

In: a project folder and the environment. Out: `Config` (settings and where each came from).

`FLOORWALKER__ENGINE__THREADS=4` sets `threads` in `[engine]` and beats the file. Unknown keys are errors.

>>> import tempfile, pathlib
>>> from floorwalker.engines.project import Project
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> _ = (folder / "floorwalker.toml").write_text('[engine]\\nmemory_limit = "1GB"\\n')
>>> config = load_config(Project(folder), environ={"FLOORWALKER__ENGINE__THREADS": "2"})
>>> config.settings.engine.threads, config.origin["engine.memory_limit"], config.origin["engine.threads"]
(2, 'floorwalker.toml:2', 'environment FLOORWALKER__ENGINE__THREADS')
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from floorwalker.app.settings import Settings
from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError, did_you_mean

PREFIX = "FLOORWALKER__"


@dataclass(frozen=True)
class Config:
    """The settings of a project and, for each dotted key, where its value comes from."""

    settings: Settings
    origin: dict[str, str]

    def rows(self) -> list[tuple[str, Any, str]]:
        """(key, value, origin) of every setting, for `floorwalker config show`."""
        return [(key, value, self.origin.get(key, "default")) for key, value in flatten(self.settings)]


def open_project(folder: str | os.PathLike[str]) -> Project:
    """The project in `folder`. Raises ConfigError where none is: no command leaves a state/ behind by mistake."""
    project = Project(folder)
    if not project.config_file.exists():
        raise ConfigError(
            f"{project.root} is not a project",
            why=f"there is no {project.config_file.name}",
            fix="floorwalker init NAME, then cd NAME; or floorwalker -p DIR",
        )
    return project


def load_config(project: Project, environ: Mapping[str, str] | None = None) -> Config:
    """Read and check a project's settings. Raises ConfigError with file, line and a suggestion."""
    return read_config(open_project(project.root).config_file, environ)


def read_config(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """The same of any file of settings."""
    text = path.read_text(encoding="utf-8")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML", why=str(error)) from None
    origin = {key: f"{path.name}:{_line(text, key)}" for key in _keys(values)}
    for variable, value in sorted((os.environ if environ is None else environ).items()):
        if variable.startswith(PREFIX):
            key = variable.removeprefix(PREFIX).lower().replace("__", ".")
            set_key(values, key.split("."), parse_value(value), variable)
            origin[key] = f"environment {variable}"
    check_keys(Settings, values, "", origin)
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        key = (re.search(r"`\$\.?(.*?)`", str(error)) or [None, ""])[1]
        raise ConfigError(
            f"{key}: {str(error).split(' - at')[0]}", why=f"set in {origin.get(key, path.name)}"
        ) from None
    return Config(settings, origin)


def check_keys(struct: type[msgspec.Struct], values: Mapping[str, Any], prefix: str, origin: Mapping[str, str]) -> None:
    """Raises ConfigError for a key that `struct` lacks, with the one that was meant."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        if key not in fields:
            where = next((origin[one] for one in origin if one == dotted or one.startswith(dotted + ".")), "")
            raise ConfigError(f"unknown key '{dotted}'", why=where, fix=did_you_mean(key, fields))
        inner = fields[key].type
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            if not isinstance(value, Mapping):
                raise ConfigError(f"'{dotted}' is a section", why=origin.get(dotted, ""), fix=f"write [{dotted}]")
            check_keys(inner, value, f"{dotted}.", origin)


def flatten(struct: msgspec.Struct, prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted key, value) of every setting in a struct and those within."""
    rows: list[tuple[str, Any]] = []
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if isinstance(value, msgspec.Struct):
            rows += flatten(value, f"{prefix}{field.encode_name}.")
        else:
            rows.append((f"{prefix}{field.encode_name}", value))
    return rows


def _keys(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in values.items():
        found += _keys(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [f"{prefix}{key}"]
    return found


def _line(text: str, dotted: str) -> int:
    """Line of a key in the file: under its section's header, or written dotted."""
    *sections, key = dotted.split(".")
    section, wanted = "", ".".join(sections)
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            section = header[1].replace('"', "")
            if section == dotted:
                return number
        elif re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line) and section == wanted:
            return number
    return 1


def set_key(values: dict[str, Any], path: list[str], value: Any, variable: str) -> None:
    """Set a value that `variable` gives, section by section. Raises ConfigError where a section is a value."""
    for part in path[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{variable} does not name a setting", why=f"'{part}' is not a section")
    values[path[-1]] = value


def parse_value(text: str) -> Any:
    """Values from outside a file are text; lists, numbers and booleans may be written as JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
