"""The session under every REST source: it waits when it is told to, tries again, and keeps numbers exact.

In: requests. Out: responses with a good status, whose `json()` has fractions as Decimal. Everything else is an error:
`Expired` where the connector says that a mark of ours is no longer known, else a `SourceError`, which names a host and
a path and never a query, a header or a body.

    session = PoliteSession("shop", Limits(), hosts={"acme.myshopify.com"})

- 429 waits as long as Retry-After says, or the vendor's own header; 5xx, broken connections and pages that are no JSON
  are asked for again, with waits that double.
- A vendor's header with used/allowed slows the session down before it is refused.
- An address on a host that nobody named (a redirect, a link to the next page) is not followed: secrets travel in the
  headers.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import requests

from floorwalker.errors import SourceError
from floorwalker.sources.connectors.definition import Limits
from floorwalker.sources.connectors.pulling import StartAgain
from floorwalker.sources.connectors.rows import decode

ATTEMPTS = 6
LONGEST_WAIT = 900.0
"""Seconds; a system that asks for more is left alone until the next pull."""
_USED = re.compile(r"(\d+)\s*/\s*(\d+)")
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class Expired(StartAgain):
    """A mark (page, query, cursor) that the system no longer knows."""


class PoliteSession(requests.Session):
    """See the module. `backoff`: seconds of the first wait."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        *,
        hosts: Iterable[str],
        expired: Iterable[str] = (),
        notice: Callable[[str], None] = lambda _: None,
        backoff: float = 1.0,
    ) -> None:
        super().__init__()
        self.name, self.limits, self.hosts = name, limits, frozenset(hosts)
        self.expired, self.notice, self.backoff = tuple(expired), notice, backoff
        # A ~/.netrc would put its own Authorization in place of ours.
        self.trust_env = False
        self.headers["User-Agent"] = "floorwalker"
        self.server_time: dt.datetime | None = None
        """The system's own clock at its first answer: what changes later is not in what was read."""
        self._asked = 0.0

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        where = self._where(request)
        kwargs["timeout"] = kwargs.get("timeout") or (10, 120)
        problem = ""
        for attempt in range(ATTEMPTS):
            self._pace()
            wait = min(self.backoff * 2**attempt, 60.0)
            try:
                response = super().send(request, **kwargs)
            except _BROKEN as error:
                problem = type(error).__name__
            else:
                if response.is_redirect or response.status_code < 400:
                    if self._readable(response):
                        self._slow_down(response)
                        return response
                    problem = "the answer is not JSON"
                elif response.status_code == 429 or response.status_code >= 500:
                    problem = f"HTTP {response.status_code}"
                    wait = self._told(response, wait)
                else:
                    raise self._refusal(response, where)
            if attempt + 1 < ATTEMPTS:
                self.notice(f"{problem}: again in {wait:.0f} s")
                time.sleep(wait)
        raise SourceError(
            f"{self.name}: {where} did not answer as it should in {ATTEMPTS} attempts",
            why=f"the last time: {problem}",
            fix="what came before is kept; pull again later",
        )

    def _where(self, request: requests.PreparedRequest) -> str:
        parts = urlsplit(request.url or "")
        if parts.netloc.lower() not in self.hosts:
            raise SourceError(
                f"{self.name}: an address on another host is not followed",
                why=f"{parts.netloc} is none of {', '.join(sorted(self.hosts))}",
                fix="if the system has moved, set its new url",
            )
        return f"{parts.netloc}{parts.path}"

    def _pace(self) -> None:
        """Not more requests a minute than the connector allows."""
        if self.limits.requests_per_minute:
            due = self._asked + 60 / self.limits.requests_per_minute
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
        self._asked = time.monotonic()

    def _readable(self, response: requests.Response) -> bool:
        if self.server_time is None and "Date" in response.headers:
            self.server_time = _date(response.headers["Date"])
        if response.is_redirect:
            return True
        try:
            page = decode(response.content)
        except ValueError:
            return False
        response.json = lambda **_: page  # type: ignore[method-assign]
        return True

    def _slow_down(self, response: requests.Response) -> None:
        limits = self.limits
        if limits.usage_header and (found := _USED.search(response.headers.get(limits.usage_header, ""))):
            share = int(found[1]) / max(int(found[2]), 1)
            if limits.stop_above and share > limits.stop_above:
                raise SourceError(
                    f"{self.name}: most of what the system allows is used",
                    why=f"{limits.usage_header} says {found[0]}",
                    fix="pull again when the allowance is new; what came before is kept",
                )
            if share > limits.pause_above:
                time.sleep(limits.pause_seconds)
        if limits.remaining_header and response.headers.get(limits.remaining_header, "").strip() == "0":
            wait = min(_seconds(response.headers.get(limits.reset_header)) or 0.0, LONGEST_WAIT)
            if wait:
                self.notice(f"allowance used up: {wait:.0f} s")
                time.sleep(wait)

    def _told(self, response: requests.Response, wait: float) -> float:
        """How long the system asks us to wait, else what we would."""
        told = _seconds(response.headers.get("Retry-After"))
        if told is None and response.status_code == 429 and self.limits.reset_header:
            told = _seconds(response.headers.get(self.limits.reset_header))
        if told is not None and told > LONGEST_WAIT:
            raise SourceError(
                f"{self.name}: the system asks to be left alone for {told:.0f} s",
                why=f"HTTP {response.status_code}",
                fix="pull again then; what came before is kept",
            )
        return wait if told is None else max(told, 0.0)

    def _refusal(self, response: requests.Response, where: str) -> SourceError:
        status = response.status_code
        if any(word in response.text for word in self.expired):
            return Expired(f"{self.name}: {where} no longer knows where we were", why=f"HTTP {status}")
        if status in (401, 403):
            fix = "check the secret, its scopes and whether it has expired"
        elif status == 404:
            fix = "check the url and the version of the interface"
        else:
            fix = "check the options; floorwalker pull --show CONNECTOR lists them"
        return SourceError(f"{self.name}: {where} refuses", why=f"HTTP {status}", fix=fix)


def _seconds(text: str | None) -> float | None:
    """Seconds, or the time until a date, as a header says it.

    >>> _seconds("2.0"), _seconds("soon")
    (2.0, None)
    """
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        at = _date(text)
        return None if at is None else (at - dt.datetime.now(dt.UTC)).total_seconds()


def _date(text: str) -> dt.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text).astimezone(dt.UTC)
    except (ValueError, TypeError):
        return None
