"""Which path takes what: Segment's routes with their short forms, RudderStack's, Jitsu's, PostHog's.

In: a method and a path. Out: a `Route`, or None. Paths with or without a slash at the end are one.

>>> find("POST", "/v1/t").type, find("POST", "/v1/batch").name, find("POST", "/api/s/page/").type, find("POST", "/v1/x")
('track', 'batch', 'page', None)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from floorwalker.events.wire.others import posthog
from floorwalker.events.wire.segment import TYPES
from floorwalker.events.wire.webhook import webhook


class Route(NamedTuple):
    """`type`: of single events; `reads`: brings the body into Segment's shape; `name`: what figures call it."""

    name: str
    type: str = ""
    reads: Callable[[bytes], bytes] | None = None


_SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}
_BATCH = Route("batch")
PIXELS = {"/pixel/v1/track": "track", "/pixel/v1/page": "page"}
"""GET routes whose event lies in the query."""
SETTINGS = "/v1/projects/"
"""GET `/v1/projects/{writeKey}/settings`."""

CONFIG = "/sourceConfig"
"""What RudderStack's browser SDK asks for before it sends."""
FLAGS = ("/flags", "/decide")
"""What PostHog's SDKs ask for beside sending: there are no feature flags here."""

ROUTES: dict[str, Route] = {
    **{f"/v1/{kind}": Route(kind, kind) for kind in TYPES},
    **{f"/v1/{short}": Route(kind, kind) for short, kind in _SHORT.items()},
    "/v1/merge": Route("alias", "alias"),
    **dict.fromkeys(("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"), _BATCH),
    "/v1/webhook": Route("webhook", reads=webhook),
    **{f"/api/s/{kind}": Route(f"jitsu {kind}", kind) for kind in TYPES},
    **{f"/api/s/s2s/{kind}": Route(f"jitsu {kind}", kind) for kind in TYPES},
    **dict.fromkeys(("/api/s/batch", "/api/s/s2s/batch"), Route("jitsu batch")),
    **dict.fromkeys(("/batch", "/capture", "/e", "/i/v0/e", "/track"), Route("posthog", reads=posthog)),
}
"""POST routes."""


def find(method: str, path: str) -> Route | None:
    """The route of a POST."""
    return ROUTES.get(plain(path)) if method == "POST" else None


def plain(path: str) -> str:
    """A path as it is meant: hosts are written with a slash at the end, and SDKs add another.

    >>> plain("//v1/batch/"), plain("/")
    ('/v1/batch', '/')
    """
    return "/" + path.strip("/")
