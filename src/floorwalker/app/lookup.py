"""Identifiers as people type them → the keys by which records are matched, with the project's own settings.

In: a project. Out: `(kind, value) → key`, the same functions that the batch side used; `every_key` for people who
type: all the keys the words may have, because they name neither market nor source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from floorwalker.app.config import load_config
from floorwalker.identity.normalise import Normaliser

if TYPE_CHECKING:
    import duckdb

    from floorwalker.engines.project import Project


def normaliser(project: Project) -> Callable[[str, str], str | None]:
    """The key of an identifier, None when it cannot identify anybody. A phone without a country is read as one of the
    default market's."""
    settings = load_config(project).settings
    normalise = Normaliser(settings.identity)
    region = normalise.region(settings.defaults.market)
    functions: dict[str, Callable[[str], str | None]] = {
        "email": normalise.email,
        "phone": lambda value: normalise.phone(value, region),
        "loyalty_id": normalise.loyalty_id,
        "account_id": normalise.account_id,
        "customer_ref": normalise.customer_ref,
        "device_id": normalise.device_id,
        "cookie_id": normalise.cookie_id,
    }

    def key(kind: str, value: str) -> str | None:
        function = functions.get(kind)
        return function(value) if function else None

    return key


def every_key(project: Project, connection: duckdb.DuckDBPyConnection) -> Callable[[str, str], list[str]]:
    """All keys an identifier may have in the published tables: a phone in every market's way of writing, a customer
    number in every source."""
    normalise = Normaliser(load_config(project).settings.identity)
    plain = normaliser(project)
    markets = connection.execute("SELECT DISTINCT market FROM gold.customers WHERE market IS NOT NULL ORDER BY 1")
    regions = sorted({normalise.region(market) for (market,) in markets.fetchall()})
    found = connection.execute("SELECT DISTINCT source FROM silver.identity_records ORDER BY 1").fetchall()
    sources = [source for (source,) in found if source]

    def keys(kind: str, value: str) -> list[str]:
        own = plain(kind, value)
        if kind == "phone":
            candidates = [own, *(normalise.phone(value, region) for region in regions)]
        elif kind == "customer_ref" and own:
            candidates = [own, *(f"{source}:{own}" for source in sources)]
        else:
            candidates = [own]
        return sorted({key for key in candidates if key})

    return keys
