"""Can the project's folder be worked in: permissions, room, kind of file system, and the clock.

In: a project. Out: findings. A file of a few bytes is written and removed.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from floorwalker.app.doctor.finding import Finding, fail, ok, warn
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.project import Project

_LEAST, _LITTLE = 512 << 20, 5 << 30
_AHEAD = 300.0
"""Seconds by which a file may be newer than the clock."""
_FAR = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "fuse.s3fs", "ceph", "glusterfs")
_STALE = 86_400.0


def folders(project: Project) -> Iterator[Finding]:
    """Everything about the folder."""
    state = project.state
    yield from _writable(state if state.exists() else project.root)
    yield from _room(project.root)
    yield from _system(project.root)
    yield from _secret(state)
    yield from _clock(project)
    yield from _left_over(state)


def _writable(folder: Path) -> Iterator[Finding]:
    probe = folder / f".doctor-{secrets.token_hex(4)}"
    try:
        began = time.perf_counter()
        with probe.open("wb") as file:
            file.write(b"floorwalker")
            file.flush()
            os.fsync(file.fileno())
        took = (time.perf_counter() - began) * 1000
        probe.unlink()
    except OSError as error:
        yield fail("permissions", f"{folder} cannot be written: {error.strerror}", f"chown or chmod u+rwx {folder}")
        return
    if took > 100:
        fix = "put the project on a local disk: every answer of the collector waits for this"
        yield warn("permissions", f"can be written, but a sync takes {took:.0f} ms", fix)
    else:
        yield ok("permissions", f"can be written; a sync takes {took:.1f} ms")


def _room(folder: Path) -> Iterator[Finding]:
    used = shutil.disk_usage(folder)
    says = f"{used.free / 1e9:.1f} GB of {used.total / 1e9:.0f} GB free"
    if used.free < _LEAST:
        yield fail("disk", says, "make room: floorwalker lake clean, or a larger disk")
    elif used.free < _LITTLE:
        yield warn("disk", says, "a run writes tables anew before it lets the old ones go: floorwalker lake clean")
    else:
        yield ok("disk", says)
    try:
        inodes = os.statvfs(folder)
    except OSError:
        return
    if inodes.f_files and inodes.f_favail < 10_000:
        yield fail("inodes", f"{inodes.f_favail:,} files can still be made", "floorwalker lake compact, lake clean")


def _system(folder: Path) -> Iterator[Finding]:
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return
    mounts = [(Path(line.split()[1].replace("\\040", " ")), line.split()[2]) for line in lines if len(line.split()) > 2]
    below = [(place, kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    if below:
        place, kind = max(below, key=lambda one: len(one[0].parts))
        if kind in _FAR:
            fix = "move state/ to a local disk: SQLite and LMDB need locks and memory maps that these do not have"
            yield fail("file system", f"{place} is {kind}", fix)


def _secret(state: Path) -> Iterator[Finding]:
    for name in ("secret.key", "lookup.keys"):
        path = state / name
        if path.exists() and path.stat().st_mode & 0o077:
            yield warn("secret", f"others can read {path}", f"chmod 600 {path}")
    if (state / "secret.key").exists() and os.environ.get("FLOORWALKER_SECRET"):
        fix = "unset it, or keep to it for ever: hashes of the one mean nothing to the other"
        yield warn("secret", "FLOORWALKER_SECRET takes the place of state/secret.key", fix)


def _clock(project: Project) -> Iterator[Finding]:
    now = time.time()
    from floorwalker.engines.publication import Publication

    try:
        pointer = Publication(project).read()
    except StateError:
        pointer = None  # told where stores are looked at
    newest = dt.datetime.fromisoformat(pointer.published_at).timestamp() if pointer else 0.0
    if newest > now + _AHEAD:
        says = f"the last run was published {(newest - now) / 60:.0f} minutes in the future"
        yield fail("clock", says, "set the clock (timedatectl set-ntp true): order and freshness follow from it")
    elif now < dt.datetime(2025, 1, 1, tzinfo=dt.UTC).timestamp():
        yield fail("clock", f"it says {dt.datetime.fromtimestamp(now, dt.UTC):%Y-%m-%d}", "set the clock")
    else:
        yield ok("clock", f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y-%m-%d %H:%M} UTC")


def _left_over(state: Path) -> Iterator[Finding]:
    folder = state / "tmp"
    if not folder.exists():
        return
    old = [path for path in folder.iterdir() if time.time() - path.lstat().st_mtime > _STALE]
    if old:
        yield warn(
            "left over", f"{len(old)} things in {folder} are older than a day", f"rm -r {folder}/*, if no run is on"
        )
