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
from typing import Literal

AHEAD = dt.timedelta(minutes=5)
"""An event may seem to happen so long after it was received; later ones are brought back to this."""
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Note = Literal["", "clamped", "unsent"]
"""What was done: `clamped`: the time was beyond belief; `unsent`: without `sentAt`, the client's clock was believed."""


def parse(text: str | float | None) -> dt.datetime | None:
    """An ISO 8601 time, or seconds or milliseconds since 1970; None for what is no time.

    >>> parse("2026-11-22T01:22:29.894+01:00").isoformat(), parse(1700000000000).year, parse("yesterday"), parse("")
    ('2026-11-22T00:22:29.894000+00:00', 2023, None, None)
    """
    if text is None or text == "":
        return None
    try:
        if isinstance(text, str) and not text.lstrip("-").replace(".", "", 1).isdigit():
            found = dt.datetime.fromisoformat(text)
            return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
        seconds = float(text)
        # Nobody means the year 5138: such a number counts milliseconds.
        return EARLIEST + dt.timedelta(seconds=seconds / 1000 if abs(seconds) >= 1e11 else seconds)
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
