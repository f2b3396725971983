"""Whether quotes in a block of lines are of the plain kind, seen in bulk: what nearly all files have.

In: bytes and a delimiter. Out: where the first line begins whose quotes are anything else; the caller looks at it, and
at what follows, more closely. Plain: on each line they come in pairs, the first right after a delimiter or at the
line's start, the second right before a delimiter or at the line's end.

>>> first_other_line(b'1,"two, 2",3\\n4,"",5\\n', b",")
-1
>>> first_other_line(b'1,"two, 2",3\\n4,"a "" b",5\\n', b",")
13
"""

from __future__ import annotations

import numpy as np

_QUOTE, _LINE_END, _RETURN = ord('"'), ord("\n"), ord("\r")


def first_other_line(block: bytes, delimiter: bytes) -> int:
    """Offset of the first line that has quotes which are not plain; -1: there is none."""
    # Beyond the ends of the block lines end, too.
    around = np.frombuffer(b"\n" + block + b"\n\n", np.uint8)
    text = around[1:-2]
    quotes = np.flatnonzero(text == _QUOTE)
    if not len(quotes):
        return -1
    ends = np.flatnonzero(text == _LINE_END)
    lines = np.searchsorted(ends, quotes)
    first = np.flatnonzero(np.diff(lines, prepend=-1))
    counts = np.diff(first, append=len(quotes))
    turn = np.arange(len(quotes)) - np.repeat(first, counts)
    mark = ord(delimiter)
    before, after, beyond = around[quotes], around[quotes + 2], around[quotes + 3]
    opens = (before == mark) | (before == _LINE_END)
    closes = (after == mark) | (after == _LINE_END) | ((after == _RETURN) & (beyond == _LINE_END))
    other = np.where(turn % 2 == 0, ~opens, ~closes)
    other |= np.repeat(counts % 2 == 1, counts)
    found = np.flatnonzero(other)
    if not len(found):
        return -1
    line = lines[found[0]]
    return int(ends[line - 1]) + 1 if line else 0
