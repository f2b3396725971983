"""What a check says: fine, worth knowing, or in the way.

In: words. Out: `Finding`.

>>> fail("disk", "full", "make room").is_bad, ok("disk", "70 GB free").is_bad
(True, False)
"""

from __future__ import annotations

import msgspec

OK, WARN, FAIL = "ok", "warn", "fail"


class Finding(msgspec.Struct, frozen=True):
    """`fix`: what to do, "" where there is nothing to do."""

    check: str
    status: str
    says: str
    fix: str = ""

    @property
    def is_bad(self) -> bool:
        return self.status == FAIL


def ok(check: str, says: str) -> Finding:
    return Finding(check, OK, says)


def warn(check: str, says: str, fix: str) -> Finding:
    return Finding(check, WARN, says, fix)


def fail(check: str, says: str, fix: str) -> Finding:
    return Finding(check, FAIL, says, fix)
