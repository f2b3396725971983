"""A connection to Redis, or to any server that speaks its protocol, which is tried again for a while when it is lost.

In: a URL, `redis://`, `rediss://` (TLS) or `unix://`, with the name of the store as `prefix`. Out: answers, or a
StateError in which no password is.

>>> link = Link("redis://:secret@localhost:6379/3?prefix=shop", StoreSettings())
>>> link.shown, link.prefix
('redis://localhost:6379/3', 'shop')
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from floorwalker.engines.live_store.settings import StoreSettings
from floorwalker.errors import ConfigError, StateError

if TYPE_CHECKING:
    from redis import Redis

PREFIX = "floorwalker"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
_REFUSED = (redis.AuthenticationError, redis.exceptions.AuthorizationError)

Answer = TypeVar("Answer")


class Link:
    """Connections of this process, opened when they are needed; a forked child opens its own."""

    def __init__(self, url: str, settings: StoreSettings) -> None:
        self._patience = settings.patience_seconds
        try:
            parts = urlsplit(url)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self.prefix = query.pop("prefix", PREFIX)
            self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
            self._secrets = [word for word in (parts.password, unquote(parts.password or "")) if word]
            known = all(name == "db" or name.startswith("ssl_") for name in query)
            if not (known and _NAME.fullmatch(self.prefix)):
                raise ValueError
            self._client = redis.Redis.from_url(
                f"{url.partition('?')[0]}?{urlencode(query)}",
                protocol=2,
                socket_timeout=float(self._patience),
                socket_connect_timeout=float(self._patience),
                # Every lost connection is dealt with in one place, `ask`.
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            # Without the cause: it may quote a piece of the password.
            raise ConfigError(
                "the URL of the live store cannot be read",
                why="a host, a port from 1 to 65535 and a prefix of letters, digits, '_', '.' and '-' are looked for",
                fix="write it like redis://localhost:6379/0?prefix=shop; in a password %40 stands for '@', %2F for '/'",
            ) from None

    def ask(self, done: str, work: Callable[[Redis], Answer]) -> Answer:
        """Have work done, from its beginning once more whenever the connection is lost. `done` is for the error."""
        until, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return work(self._client)
            except _REFUSED as error:
                raise self._failed(done, error, "see the name and password in its URL") from None
            except (redis.ConnectionError, redis.TimeoutError) as error:
                if time.monotonic() + pause > until:
                    raise self._failed(done, error, "see that the server runs and can be reached") from None
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except redis.RedisError as error:
                raise self._failed(done, error, "see what the server's log says") from None

    def close(self) -> None:
        self._client.close()

    def _failed(self, done: str, error: Exception, fix: str) -> StateError:
        why = str(error)
        for word in self._secrets:
            why = why.replace(word, "…")
        return StateError(f"the live store {self.shown} could not be {done}", why=why, fix=fix)
