"""When an event happened, by clocks that may be wrong.

In: the event's own time stamps, when the request was sent by the client's clock and received by ours. Out: the time to
go by, UTC, and what had to be done to it.

>>> at = lambda text: parse(text)
>>> occurred(at("2026-11-22T01:00:00Z"), at("2026-11-22T01:00:10Z"), at("2026-11-22T03:00:12Z"))[0].isoformat()
'2026-11-22T03:00:02+00:00'

The correction is Segment's (its spec, "common fields"): `timestamp = receivedAt - (sentAt - originalTimestamp)`: the
client's clock may be off by any amount, as long as it is off by the same at both moments. What a request does not say
is taken to be the moment it was received; times in the future are brought back to a little after it.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

AHEAD = dt.timedelta(minutes=5)
"""An event may seem to happen so long after it was received; later ones are brought back to this."""
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Note = Literal["", "clamped", "unsent"]
"""What was done: `clamped`: the time was beyond belief; `unsent`: without `sentAt`, the client's clock was believed."""


NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,9})?"
ISO = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)?)?"
)
"""What is read as a time, here and by the lake: words such as `now` and years beyond 9999 are no times."""
MILLISECONDS = 1e11
"""From this on a number counts milliseconds: nobody means the year 5138."""
FAR = 1e14
_NUMBER, _ISO = re.compile(NUMBER, re.ASCII), re.compile(ISO, re.ASCII)


def parse(text: str | float | None) -> dt.datetime | None:
    """An ISO 8601 time (without a zone: UTC), or seconds or milliseconds since 1970; None for what is no time.

    >>> parse("2026-11-22T01:22:29.894+01:00").isoformat(), parse(1700000000000).year, parse("yesterday"), parse("")
    ('2026-11-22T00:22:29.894000+00:00', 2023, None, None)
    """
    if text is None or isinstance(text, bool):
        return None
    written = text if isinstance(text, str) else repr(text)
    try:
        if _NUMBER.fullmatch(written):
            seconds = float(written)
            if abs(seconds) >= FAR:
                return None
            return EARLIEST + dt.timedelta(seconds=seconds / 1000 if abs(seconds) >= MILLISECONDS else seconds)
        if not _ISO.fullmatch(written):
            return None
        found = dt.datetime.fromisoformat(written)
        return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def occurred(original: dt.datetime | None, sent: dt.datetime | None, received: dt.datetime) -> tuple[dt.datetime, Note]:
    """When it happened. `original`: by the client's clock, at the call; `sent`: by the same clock, at the request."""
    note: Note = ""
    if original is None:
        return received, note
    if sent is None:
        at, note = original, "unsent"
    else:
        try:
            at = received - (sent - original)
        except OverflowError:
            at, note = received, "clamped"
    if at > received + AHEAD:
        return received + AHEAD, "clamped"
    if at < EARLIEST:
        return received, "clamped"
    return at, note
