"""Identifiers as people type them → the keys by which records are matched, with the project's own settings.

In: a project. Out: `(kind, value) → key`, the same functions that the batch side used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from floorwalker.app.config import load_config
from floorwalker.identity.normalise import Normaliser

if TYPE_CHECKING:
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
