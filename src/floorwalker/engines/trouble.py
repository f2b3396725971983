"""Trouble that is the machine's and not ours: no room, no permission, no memory; in words, with what to do.

In: an error, as an engine, SQLite or the operating system raised it. Out: a StateError that says it, or None: then it
is a mistake of ours, and where it came from matters.

>>> import sqlite3
>>> explained(sqlite3.OperationalError("database or disk is full")).what
'the disk is full'
>>> explained(OSError(13, "Permission denied", "state/lake")).why
'Permission denied: state/lake'
>>> explained(KeyError("a mistake")) is None
True

Errors are told by their module's name, so that asking imports no engine.
"""

from __future__ import annotations

import errno
import re

from floorwalker.errors import StateError

_FULL = re.compile(r"no space left|disk (?:is )?full|errno\D{1,6}28\b|quota exceeded", re.IGNORECASE)
_CLOSED = re.compile(
    r"permission denied|readonly database|read-only file system|errno\D{1,6}(?:13|30)\b", re.IGNORECASE
)
_ENGINES = ("_duckdb", "duckdb", "sqlite3", "lmdb", "pyarrow", "deltalake", "_internal", "builtins")
_ROOM = "make room (floorwalker lake clean, or a larger disk), then run the command again: what was published stays"
_FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED_NUMBERS = (errno.EACCES, errno.EPERM, errno.EROFS)


def explained(error: BaseException) -> StateError | None:
    """What the machine refused, from the error or from what it came of."""
    seen: BaseException | None = error
    while seen is not None:
        found = _one(seen)
        if found is not None:
            return found
        # Not its context: a mistake of ours, made while a missing file was dealt with, is still a mistake of ours.
        seen = seen.__cause__
    return None


def _one(error: BaseException) -> StateError | None:
    if isinstance(error, OSError) and error.errno is not None:
        why = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        if error.errno in _FULL_NUMBERS:
            return StateError("the disk is full", why=why, fix=_ROOM)
        if error.errno in _CLOSED_NUMBERS:
            return StateError("a file may not be read or written", why=why, fix="floorwalker doctor; chown or chmod")
        return StateError(why)
    if type(error).__module__.partition(".")[0] not in _ENGINES or isinstance(error, LookupError | TypeError):
        return None
    text, name = str(error), type(error).__name__
    if _FULL.search(text) or name == "MapFullError":
        return StateError("the disk is full", why="an engine could not write", fix=_ROOM)
    if name in ("OutOfMemoryException", "MemoryError", "ArrowMemoryError") or isinstance(error, MemoryError):
        fix = "raise [engine] memory_limit, or lower it if the machine itself has no more; floorwalker doctor"
        return StateError("there is not enough memory", why=text.splitlines()[0][:200] if text else "", fix=fix)
    if "Input/output error" in text:
        # A memory-mapped file that finds no room says no more than this.
        return StateError("a file could not be written", why=text, fix=f"{_ROOM}; if there is room, check the disk")
    if _CLOSED.search(text):
        return StateError("a file may not be read or written", why="an engine was refused", fix="floorwalker doctor")
    if name in ("DatabaseError", "OperationalError") and re.search(r"malformed|not a database|disk I/O", text):
        return StateError("a database is damaged", why=text, fix="floorwalker doctor, then floorwalker restore")
    return None
