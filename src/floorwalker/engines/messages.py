"""Engines' messages without the values they quote: these may be somebody's address, and messages are logged and kept.

In: a message, and the SQL it is about. Out: the message; what is quoted in it and does not stand in the SQL is `…`.

>>> impersonal("Conversion Error: Could not convert string 'ann@example.com' to INT32", "SELECT CAST(email AS INT)")
"Conversion Error: Could not convert string '…' to INT32"
>>> impersonal('Binder Error: Referenced column "emial" not found; candidates: "email"', "SELECT emial FROM t")
'Binder Error: Referenced column "emial" not found; candidates: "email"'
"""

from __future__ import annotations

import re
import traceback

_OF_NAMES = ("Binder Error", "Parser Error", "Catalog Error", "Syntax Error")
"""Messages about the SQL itself: no row has been looked at yet."""
_OPENED = re.compile(r"""(?<!\w)(['"])(.*?)\1""")
_ADDRESS = re.compile(r"[^\s'\"<>(),;]+@[^\s'\"<>(),;]+")
_NUMBER = re.compile(r"\+?\d[\d ()/-]{5,}\d")


def impersonal(message: str, sql: str = "") -> str:
    """The message without values of rows. `sql`: what may be quoted, because whoever wrote it knows it."""
    if message.startswith(_OF_NAMES):
        return message
    return "\n".join(_line(line, sql) for line in message.splitlines())


def trace(error: BaseException) -> str:
    """Where an error came from, as Python prints it, with messages without values. Nothing of its local variables."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        lines = [
            *traceback.format_tb(seen.__traceback__),
            f"{type(seen).__module__}.{type(seen).__name__}: {impersonal(str(seen))}\n",
            *(["from which came:\n", *lines] if lines else []),
        ]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "".join(lines)


def _line(line: str, sql: str) -> str:
    for found in _OPENED.finditer(line):
        if found[2] not in sql or not found[2]:
            # A value may hold quotes itself: everything to the last one goes.
            last = max(line.rfind("'"), line.rfind('"'))
            line = f"{line[: found.start() + 1]}…{line[last:]}"
            break
    return _NUMBER.sub("…", _ADDRESS.sub("…", line))
