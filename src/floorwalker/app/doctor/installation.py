"""Is the product itself sound: Python, the packages it needs, and what this machine gives it.

In: the settings, where they can be read. Out: findings. Heavy packages are looked up, not imported.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker import __version__
from floorwalker.app.doctor.finding import Finding, fail, ok, warn
from floorwalker.engines.lake import Lake

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project

_OLDEST = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;(.*))?$")
_SHARE = 0.6
"""Of the memory that is there, what DuckDB may be given: it takes more than its limit for a moment."""


def installation() -> Iterator[Finding]:
    """Versions, and whether every package that is needed is there in one that is meant."""
    says = f"Floorwalker {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info < _OLDEST:
        yield fail("python", says, "Python 3.11 or newer")
    else:
        yield ok("python", says)
    wrong = list(_wrong_packages())
    if wrong:
        yield fail("packages", "; ".join(wrong), "pip install --upgrade floorwalker")
    else:
        yield ok("packages", "all that are needed, in versions that are meant")
    try:
        import duckdb

        ((found,),) = duckdb.connect().execute("SELECT sum(i) FROM range(1000) AS t(i)").fetchall()
        yield (
            ok("duckdb", f"{duckdb.__version__} works")
            if found == 499_500
            else fail("duckdb", "sums wrongly", "reinstall duckdb")
        )
    except Exception as error:
        yield fail("duckdb", f"{type(error).__name__}: {error}", "pip install --force-reinstall duckdb")


def memory(project: Project, settings: Settings) -> Iterator[Finding]:
    """Whether what the settings give to the engine is there to be given."""
    there = memory_there()
    try:
        limit = Lake(project, memory_limit=settings.engine.memory_limit).memory_bytes
    except ValueError:
        yield fail("memory", f"'{settings.engine.memory_limit}' is no size", '[engine] memory_limit = "2GB"')
        return
    if there is None:
        return
    says = f"{settings.engine.memory_limit} for the engine, {there / 1e9:.1f} GB on this machine"
    if limit > there:
        yield fail("memory", says, f'[engine] memory_limit = "{max(there * _SHARE / 1e9, 0.5):.1f}GB"')
    elif limit > there * _SHARE:
        yield warn("memory", says, f'[engine] memory_limit = "{there * _SHARE / 1e9:.1f}GB", 60 % of what is there')
    else:
        yield ok("memory", says)


def memory_there() -> int | None:
    """Bytes that this process may use: the machine's, or less in a container."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(name).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            found = min(found, int(text))
    return found


def _wrong_packages() -> Iterator[str]:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    for text in metadata.requires("floorwalker") or ():
        found = _REQUIREMENT.match(text)
        if not found or (found[3] and not Marker(found[3]).evaluate({"extra": ""})):
            continue
        name, wanted = found[1], found[2].strip(" ()")
        try:
            there = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} is missing"
            continue
        if wanted and not SpecifierSet(wanted).contains(there, prereleases=True):
            yield f"{name} is {there}, not {wanted}"
