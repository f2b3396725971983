"""Can the servers be reached that the settings name, and are the ports free that are to be listened on.

In: the settings. Out: findings. A server is asked nothing but whether it is there.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from floorwalker.app.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from floorwalker.app.settings import Settings

_SECONDS = 3.0
_PORTS = {"redis": 6379, "rediss": 6379, "kafka": 9092, "spark": 7077, "postgresql": 5432}


def reaching(settings: Settings) -> Iterator[Finding]:
    """Servers and ports."""
    servers = (
        ("live store", settings.live.url), ("log", settings.collect.log.url), ("engine", settings.engine.url),
    )  # fmt: skip
    for what, url in servers:
        yield from _server(what, url)
    for what, host, port in (
        ("serve", settings.server.host, settings.server.port),
        ("collect", settings.collect.host, settings.collect.port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                says = f"{host}:{port} is not free ({error.strerror})"
                yield warn("ports", says, f"floorwalker {what} may be at work there; else --port")
            else:
                yield ok("ports", f"{what}: {host}:{port} is free")


def _server(what: str, url: str) -> Iterator[Finding]:
    kind = url.partition("://")[0]
    if kind not in _PORTS or re.match(r"spark://local\b", url):
        return
    for address in urlsplit(url).netloc.rpartition("@")[2].split(","):
        host, _, port = address.rpartition(":") if ":" in address else (address, "", "")
        place = (host or "localhost", int(port) if port.isdigit() else _PORTS[kind])
        shown = f"{kind}://{place[0]}:{place[1]}"
        try:
            socket.create_connection(place, _SECONDS).close()
        except OSError as error:
            yield fail(what, f"{shown} cannot be reached: {error.strerror or error}", "start it, or mend the URL")
        else:
            yield ok(what, f"{shown} answers")
