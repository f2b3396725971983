"""From a method and a path to the endpoint that answers, and the parts of the path it asks for.

In: endpoints, whose paths have parameters in braces. Out: `Router.find`.

A parameter is one or more characters, slashes among them (an identifier may have some). Of several templates that fit,
the one with most text of its own answers: `/v1/identity/metrics` before `/v1/identity/{customer}`.

>>> from collections import namedtuple
>>> Route = namedtuple("Route", "method path")
>>> router = Router([Route("GET", f"/v1/people/{path}") for path in ("{id}", "{id}/why", "all")])
>>> router.find("GET", "/v1/people/email:a/b@c.d/why")
(Route(method='GET', path='/v1/people/{id}/why'), {'id': 'email:a/b@c.d'})
>>> router.find("GET", "/v1/people/all")[0].path, router.methods("/v1/people/x"), router.find("GET", "/v1/people/")
('/v1/people/all', ['GET'], (None, {}))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

METHODS = ("GET", "POST")
_PARAMETER = re.compile(r"\{(\w+)\}")


class _Route(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...


R = TypeVar("R", bound=_Route)


class Router(Generic[R]):
    """Finds endpoints. Paths without parameters cost one look into a dict."""

    def __init__(self, routes: Sequence[R]) -> None:
        self._exact = {(route.method, route.path): route for route in routes if "{" not in route.path}
        templates = [route for route in routes if "{" in route.path]
        templates.sort(key=lambda route: -len(_PARAMETER.sub("", route.path)))
        self._templates = [(route, pattern(route.path)) for route in templates]

    def find(self, method: str, path: str) -> tuple[R | None, dict[str, str]]:
        """The endpoint and its parameters, decoded; None where there is none."""
        found = self._exact.get((method, path))
        if found is not None:
            return found, {}
        for route, template in self._templates:
            if route.method == method and (match := template.fullmatch(path)):
                return route, match.groupdict()
        return None, {}

    def methods(self, path: str) -> list[str]:
        """What the path can be asked with."""
        return [method for method in METHODS if self.find(method, path)[0] is not None]


def pattern(path: str) -> re.Pattern[str]:
    """A path's template as a regular expression."""
    parts = _PARAMETER.split(path)
    text = "".join(re.escape(part) if place % 2 == 0 else f"(?P<{part}>.+)" for place, part in enumerate(parts))
    return re.compile(text, re.DOTALL)


def parameters(path: str) -> list[str]:
    """The names of a path's parameters.

    >>> parameters("/v1/identity/{customer}/why-not/{other}")
    ['customer', 'other']
    """
    return _PARAMETER.findall(path)
