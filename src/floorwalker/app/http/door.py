"""The door: which key calls, and whether it may.

In: the headers of a request and the address it comes from. Out: a `Key`, or a Problem (401, 403).

A key comes as `Authorization: Bearer fw_…` or `X-Api-Key: fw_…`, never in the address, which ends up in logs.
Without a key: only where the service was started with `allow_loopback_without_key`, only from the machine itself, asked
by its own name (a page of another site that had its name point here is refused) and not through a proxy.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from floorwalker.app.http.answers import Problem
from floorwalker.governance.keys import KIND_SCOPES, Key, check_key, load_keys

if TYPE_CHECKING:
    import sqlite3

LOCAL = Key("local", "this machine", "admin", KIND_SCOPES["admin"], "", "", "", None)
"""Who calls from the machine itself without a key, where that is allowed."""

NOBODY = Key("", "nobody", "browser", frozenset(), "", "", "", None)
"""Who calls a route that answers anybody."""

_PROXIED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def is_loopback(host: str) -> bool:
    """Whether an address reaches only the machine itself.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1", "shop.example")]
    [True, True, True, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Door:
    """Keeps the keys in memory; a key made or revoked elsewhere counts within a second."""

    def __init__(
        self,
        database: sqlite3.Connection,
        *,
        allow_loopback_without_key: bool = False,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._open_loopback = database, allow_loopback_without_key
        self._every, self._clock, self._next_look = every, clock, clock() + every
        self._version = self._data_version()
        self._keys = load_keys(database)
        self._remembered: dict[str, Key] = {}

    def enter(self, scope: dict[str, Any], wanted: str) -> Key:
        """The key that calls, if it has the wanted scope. Raises Problem 401 or 403."""
        self._refresh()
        token = _token(scope["headers"])
        if token is None:
            if self._open_loopback and is_local(scope):
                return LOCAL
            raise Problem(
                401,
                "key_missing",
                "this route wants a key",
                fix="send 'Authorization: Bearer <key>'",
            )
        key = check_key(self._keys, token)
        if key is None:
            raise Problem(401, "key_unknown", "this key is not valid", "it is mistyped, of another project, or revoked")
        if wanted not in key.scopes:
            raise Problem(
                403,
                "scope_missing",
                f"this key lacks the scope '{wanted}'",
                f"a {key.kind} key with the scopes {', '.join(sorted(key.scopes))}",
                "use a server key" if wanted == "read" else f"make a key with the scope '{wanted}'",
            )
        return key

    def known(self, token: str) -> Key | None:
        """The key that a token is, None for none; a good one is checked once and then remembered."""
        self._refresh()
        found = self._remembered.get(token)
        if found is None and (found := check_key(self._keys, token)):
            self._remembered[token] = found
        return found

    def _data_version(self) -> int:
        return self._database.execute("PRAGMA data_version").fetchone()[0]

    def _refresh(self) -> None:
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + self._every
            version = self._data_version()
            if version != self._version:
                self._version, self._keys = version, load_keys(self._database)
                self._remembered.clear()


def _token(headers: list[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip().decode("latin-1")
        if name == b"x-api-key":
            return value.strip().decode("latin-1")
    return None


def is_local(scope: dict[str, Any]) -> bool:
    """Whether a request comes from the machine itself, by its own name and not through a proxy."""
    client = scope.get("client")
    if not client or not is_loopback(client[0]):
        return False
    host = ""
    for name, value in scope["headers"]:
        if name in _PROXIED:
            return False
        if name == b"host":
            host = value.decode("latin-1")
    return host.rpartition(":")[0] in _LOCAL_NAMES or host in _LOCAL_NAMES
