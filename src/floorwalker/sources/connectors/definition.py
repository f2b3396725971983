"""A connector: which streams a system offers, how they are paged, how it is told where to go on, and how fast.

In: a TOML file. Out: a checked `Connector`; whatever cannot be meant is a `ConfigError`.

    name = "desk"
    documentation = "https://…"
    looked_at = 2026-11-28

    [client]
    base_url = "{url}/api/"
    headers = { Authorization = "Bearer {token}" }

    [secrets]
    token = "API token"                     # the project names the variable that holds it: token_env = "DESK_TOKEN"

    [[streams]]
    name = "tickets"
    path = "tickets.json"
    params = { updated_since = "{since}" }
    records = "tickets"                     # where the page's list stands
    key = "id"                              # of records with one key in a pull the last counts
    paginator = { type = "json_link", next_url_path = "next" }
    cursor = { field = "updated_at", overlap_minutes = 10 }
    rows = { tickets = "", tags = "tags" }  # a folder of deliveries each: whole records, one line per tag

>>> parse_connector('name="a"\\n[client]\\nbase_url="{url}"\\n[[streams]]\\nname="s"\\npath="p"').stream("s").rows
{'s': ()}
"""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from floorwalker.errors import ConfigError, did_you_mean

SHIPPED = Path(__file__).with_name("shipped")
"""The connectors that come with the product: NAME.toml, and their mappings in NAME/."""
KINDS = ("rest", "sql", "files")


@dataclass(frozen=True)
class CursorRule:
    """How a stream says how far it was read.

    `type`: time (ISO 8601), epoch (seconds), number, or token: opaque, found at `token_path` of a page and sent as
    `token_param`; `field` then still names the time to fall back to when the token is no longer known.
    """

    field: str
    type: str = "time"
    format: str = "iso"
    """How a time is sent: iso, epoch, or a strftime format; always UTC."""
    overlap_minutes: float = 10
    ordered: bool = False
    """Records come in the cursor's order: it may move while a long pull is under way."""
    token_path: str = ""
    token_param: str = "cursor"


@dataclass(frozen=True)
class Limits:
    """How fast a system may be asked, beyond 429 and Retry-After, which are always obeyed."""

    requests_per_minute: float = 0
    usage_header: str = ""
    """A header with used/allowed, such as 32/40."""
    pause_above: float = 0.8
    pause_seconds: float = 1.0
    stop_above: float = 0
    """For allowances of a day: above this share of `usage_header` the pull ends with an error."""
    remaining_header: str = ""
    reset_header: str = ""


@dataclass(frozen=True)
class Stream:
    """One list of records."""

    name: str
    path: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    records: str = ""
    key: tuple[str, ...] = ()
    cursor: CursorRule | None = None
    paginator: dict[str, Any] = field(default_factory=lambda: {"type": "single_page"})
    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Folder of deliveries → path of the list that is written a line per element; empty: a line per record."""
    included: bool = False
    """JSON:API: what `relationships` name is put in its place from the page's `included`."""
    schema: str = ""
    """Of a database."""
    documentation: str = ""


@dataclass(frozen=True)
class Connector:
    """A whole connector. Texts may hold {name} of an option or a secret; `params` also {since}."""

    name: str
    kind: str = "rest"
    title: str = ""
    documentation: str = ""
    looked_at: dt.date | None = None
    unverified: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    limits: Limits = Limits()
    streams: tuple[Stream, ...] = ()

    def stream(self, name: str) -> Stream:
        for one in self.streams:
            if one.name == name:
                return one
        known = [one.name for one in self.streams]
        raise ConfigError(f"{self.name} has no stream '{name}'", fix=did_you_mean(name, known))


def shipped_connectors() -> list[str]:
    """Names of the connectors that come with the product."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def shipped_mappings(connector: str) -> dict[str, str]:
    """The connector's mappings by name of the rows they read; `@PULL@` stands for the source's name."""
    found = sorted((SHIPPED / connector).glob("*.toml"))
    return {path.stem: path.read_text(encoding="utf-8") for path in found}


def load_connector(name: str, folder: Path | None = None) -> Connector:
    """The connector of this name: the project's own in `folder`, else the shipped one."""
    for path in ([folder / f"{name}.toml"] if folder else []) + [SHIPPED / f"{name}.toml"]:
        if path.is_file():
            return parse_connector(path.read_text(encoding="utf-8"), path.name)
    own = [path.stem for path in folder.glob("*.toml")] if folder else []
    raise ConfigError(
        f"no connector '{name}'", fix=did_you_mean(name, [*shipped_connectors(), *own, "sql", "files", "debezium"])
    )


def parse_connector(text: str, path: str = "connector") -> Connector:
    """The same from TOML text; `path` is what errors call it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("the connector is not valid TOML", why=f"{path}: {error}") from error
    document = _known(Connector, document, path)
    streams = tuple(_stream(one, path) for one in document.pop("streams", []))
    limits = Limits(**_known(Limits, document.pop("limits", {}), path))
    document["unverified"] = tuple(document.get("unverified", ()))
    if not document.get("name"):
        raise ConfigError("the connector has no 'name'", why=path, fix="add name = …")
    if document.get("kind", "rest") not in KINDS:
        raise ConfigError(f"unknown kind of connector {document['kind']!r}", why=path, fix=f"one of {KINDS}")
    if document.get("kind", "rest") == "rest" and "base_url" not in document.get("client", {}):
        raise ConfigError("the connector has no [client] base_url", why=path)
    return Connector(**document, limits=limits, streams=streams)


def stream_of(values: dict[str, Any], path: str) -> Stream:
    """A stream from a table of TOML: of a connector, or of a project's own source."""
    return _stream(values, path)


def _stream(values: dict[str, Any], path: str) -> Stream:
    values = _known(Stream, values, path)
    if not values.get("name"):
        raise ConfigError("a stream has no 'name'", why=path)
    if "cursor" in values:
        values["cursor"] = CursorRule(**_known(CursorRule, values["cursor"], path))
    key = values.get("key", ())
    values["key"] = (key,) if isinstance(key, str) else tuple(key)
    rows = values.get("rows") or {values["name"]: ""}
    values["rows"] = {name: tuple(part for part in str(at).split(".") if part) for name, at in rows.items()}
    return Stream(**values)


def _known(of: Any, values: Any, path: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"a table is expected for {of.__name__.lower()}", why=path)
    names = {one.name for one in fields(of)}
    for key in values:
        if key not in names:
            raise ConfigError(f"unknown key '{key}'", why=path, fix=did_you_mean(key, names))
    return dict(values)
