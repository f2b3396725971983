"""Records of a REST interface, page by page, by dlt's client, paginators and authentication.

In: a connector, its options and secrets. Out: `Page`s of a stream from a position on.

dlt's client is used below its pipelines: it knows paging and authentication; files, cursors and retries are ours, so
that none of its state has to agree with ours, and none of its configuration is read.

    RestReader("shop", load_connector("shopify"), values).pages(stream, start, token="")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from floorwalker.errors import ConfigError, FloorwalkerError, SourceError
from floorwalker.sources.connectors.cursors import ORIGIN, seconds, written
from floorwalker.sources.connectors.definition import Connector, Stream
from floorwalker.sources.connectors.http import PoliteSession
from floorwalker.sources.connectors.pulling import Page
from floorwalker.sources.connectors.quiet import quiet_dlt
from floorwalker.sources.connectors.rows import at, with_included

_NAME = re.compile(r"\{([a-z_]+)\}")


class RestReader:
    """Reads the streams of one source. `values`: options and secrets, by name."""

    def __init__(
        self,
        name: str,
        connector: Connector,
        values: dict[str, str],
        *,
        notice: Callable[[str], None] = lambda _: None,
        backoff: float = 1.0,
    ) -> None:
        self.name, self.connector = name, connector
        self.values = {**connector.options, **values}
        self.base = self.filled(connector.client["base_url"])
        parts = urlsplit(self.base)
        local = (parts.hostname or "") in ("localhost", "127.0.0.1", "::1")
        if parts.scheme != "https" and not (local and parts.scheme == "http"):
            raise ConfigError(f"pulls.{name}: the url must begin with https://", why="secrets travel in the request")
        auth = {key: self.filled(value) for key, value in connector.client.get("auth", {}).items()}
        hosts = {parts.netloc.lower()}
        if "access_token_url" in auth:
            hosts.add(urlsplit(auth["access_token_url"]).netloc.lower())
        expired = connector.client.get("expired", ())
        limits = connector.limits
        if "requests_per_minute" in self.values:
            limits = replace(limits, requests_per_minute=float(self.values["requests_per_minute"]))
        self.session = PoliteSession(name, limits, hosts=hosts, expired=expired, notice=notice, backoff=backoff)
        with quiet_dlt():
            self.client = self._client(auth)

    def _client(self, auth: dict[str, str]) -> Any:
        from dlt.common.configuration.specs import RuntimeConfiguration
        from dlt.sources.helpers.rest_client import RESTClient

        headers = {key: self.filled(value) for key, value in self.connector.client.get("headers", {}).items()}
        return RESTClient(
            self.base,
            headers={"Accept": "application/json", **headers},
            auth=_auth(auth, self.session),
            session=self.session,
            config=RuntimeConfiguration(),
        )

    def clock(self) -> Decimal | None:
        """The system's own time when it was first asked, where it says."""
        return seconds(self.session.server_time) if self.session.server_time else None

    def pages(self, stream: Stream, start: Decimal | None, token: str = "") -> Iterator[Page]:
        """From `start` on, or from where `token` stands."""
        rule = stream.cursor
        since = "" if rule is None else written(rule, seconds(ORIGIN) if start is None else start)
        # What asks for a time is left out where the system's own mark says where to go on.
        params = {
            key: self.filled(value, since)
            for key, value in stream.params.items()
            if not (token and "{since}" in str(value))
        }
        if token and rule:
            params[rule.token_param] = token
        asked = self.client.paginate(
            self.filled(stream.path, since),
            params=params,
            paginator=_paginator(stream.paginator),
            data_selector="$",
            # Not an empty list: dlt would put its own hook there, whose errors quote the answer.
            hooks={"response": [lambda response, *_, **__: response]},
        )
        last: tuple[str, bytes] | None = None
        while True:
            try:
                with quiet_dlt():
                    answer = next(asked, None)
            except FloorwalkerError:
                raise
            except Exception as error:
                # dlt and what is below it quote addresses and answers in their messages.
                raise SourceError(
                    f"{self.name}: the stream {stream.name} cannot be read", why=type(error).__name__
                ) from None
            if answer is None:
                return
            body = answer.response.json()
            this = (answer.response.url, answer.response.content)
            if this == last:
                raise SourceError(f"{self.name}: the stream {stream.name} gives the same page again and again")
            last = this
            records = at(body, stream.records)
            if not isinstance(records, list):
                raise SourceError(
                    f"{self.name}: a page of {stream.name} has no list '{stream.records}'",
                    why="the interface answers in another form than the connector knows",
                    fix="check the version of the interface; the cursor has not moved",
                )
            if stream.included:
                records = with_included(body, records)
            mark = at(body, rule.token_path) if rule and rule.token_path else ""
            yield Page(records, str(mark or ""))

    def filled(self, text: Any, since: str = "") -> Any:
        """A text with its {names} replaced. Raises ConfigError for an option that the project must give."""
        if not isinstance(text, str):
            return text

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name == "since":
                return since
            if name not in self.values:
                secret = name in self.connector.secrets
                fix = f'{name}_env = "VARIABLE"' if secret else f'{name} = "…"'
                raise ConfigError(f"pulls.{self.name} needs '{name}'", fix=f"add {fix}")
            return self.values[name].rstrip("/") if name == "url" else self.values[name]

        return _NAME.sub(value, text)


def _paginator(about: dict[str, Any]) -> Any:
    from dlt.sources.helpers.rest_client import paginators

    from floorwalker.sources.connectors.paging import CountedPages, TokenPages

    known = {
        "single_page": paginators.SinglePagePaginator,
        "header_link": paginators.HeaderLinkPaginator,
        "json_link": paginators.JSONLinkPaginator,
        "cursor": paginators.JSONResponseCursorPaginator,
        "offset": paginators.OffsetPaginator,
        "page_number": paginators.PageNumberPaginator,
        "counted_pages": CountedPages,
        "token": TokenPages,
    }
    rest = {key: value for key, value in about.items() if key != "type"}
    if about.get("type") not in known:
        raise ConfigError(f"unknown paginator {about.get('type')!r}", fix="known: " + ", ".join(known))
    try:
        return known[about["type"]](**rest)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the paginator {about['type']} cannot be used", why=str(error)) from None


def _auth(about: dict[str, str], session: PoliteSession) -> Any:
    from dlt.sources.helpers.rest_client import auth as classes

    auth: Any = classes
    rest = {key: value for key, value in about.items() if key != "type"}
    match about.get("type"):
        case None:
            return None
        case "bearer":
            return auth.BearerTokenAuth(rest["token"])
        case "http_basic":
            return auth.HttpBasicAuth(rest["username"], rest["password"])
        case "oauth2_client_credentials":
            return auth.OAuth2ClientCredentials(**rest, session=session)
        case other:
            raise ConfigError(f"unknown authentication {other!r}", fix="bearer, http_basic, oauth2_client_credentials")
