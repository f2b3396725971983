"""May we use a person's data for a purpose? One rule, for one profile in Python and for millions in SQL.

In: what is known of a person's consents ({purpose: status}), and the policy for what is not known
(`policies/consent.toml`). Out: yes or no, never an error: without consent the caller gives its non-personalised answer.

The rule, most restrictive first:
1. Anything but a grant counts as a refusal. A refusal of the purpose, or of 'all', says no.
2. A refusal of 'profiling' also says no to personalization and ads: both act on a profile (`STOPPED_BY`).
3. A grant of the purpose, or of 'all', says yes.
4. Nothing known: the policy's `[absent]` table decides; a purpose it does not name is denied.

>>> policy = ConsentPolicy({"analytics": True})
>>> allowed({}, "analytics", policy), allowed({}, "ads", policy)
(True, False)
>>> allowed({"personalization": "granted", "profiling": "denied"}, "personalization", policy)
False
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from floorwalker.errors import ConfigError, did_you_mean

PURPOSES: tuple[str, ...] = (
    "analytics",
    "personalization",
    "marketing_email",
    "marketing_sms",
    "marketing_push",
    "ads",
    "profiling",
)
EVERY_PURPOSE = "all"
GRANTED = "granted"
STOPPED_BY: Mapping[str, tuple[str, ...]] = MappingProxyType({"personalization": ("profiling",), "ads": ("profiling",)})
"""Purposes that also end when consent for another purpose is refused."""


@dataclass(frozen=True)
class ConsentPolicy:
    """What holds for a purpose about which a person has said nothing. The default denies everything."""

    absent: Mapping[str, bool] = field(default_factory=dict)

    def when_absent(self, purpose: str) -> bool:
        return self.absent.get(purpose, False)


def load_consent_policy(path: Path) -> ConsentPolicy:
    """Read policies/consent.toml; without the file everything is denied unless granted.

    Raises ConfigError for a file that is not TOML, an unknown table, purpose or answer.
    """
    if not path.exists():
        return ConsentPolicy()
    raw = read_toml(path)
    refuse_unknown(raw, ("absent",), f"{path.name}")
    answers: dict[str, bool] = {}
    absent = raw.get("absent", {})
    if not isinstance(absent, dict):
        raise ConfigError("'absent' must be a table", why=str(path), fix='[absent]\npersonalization = "deny"')
    refuse_unknown(absent, PURPOSES, f"{path.name} [absent]")
    for purpose, answer in absent.items():
        if answer not in ("allow", "deny"):
            raise ConfigError(
                f"'{answer}' is no answer for {purpose}", why=f"{path.name} [absent]", fix='"allow" or "deny"'
            )
        answers[purpose] = answer == "allow"
    return ConsentPolicy(answers)


def known_purpose(purpose: str) -> str:
    """The purpose itself, or ConfigError when the vocabulary has no such purpose."""
    if purpose not in PURPOSES:
        raise ConfigError(f"unknown purpose '{purpose}'", why="", fix=did_you_mean(purpose, PURPOSES))
    return purpose


def refusals(purpose: str) -> tuple[str, ...]:
    """The purposes whose refusal ends this one: itself, 'all', and what `STOPPED_BY` names."""
    return (known_purpose(purpose), EVERY_PURPOSE, *STOPPED_BY.get(purpose, ()))


def allowed(status: Mapping[str, str], purpose: str, policy: ConsentPolicy) -> bool:
    """Whether one person's data may be used for `purpose`. `status`: {purpose: 'granted' | 'denied' | …}."""
    if any(name in status and status[name] != GRANTED for name in refusals(purpose)):
        return False
    if GRANTED in (status.get(purpose), status.get(EVERY_PURPOSE)):
        return True
    return policy.when_absent(purpose)


def allowed_sql(
    purpose: str, policy: ConsentPolicy, *, customer_id: str = "customers.customer_id", consents: str = "gold.consents"
) -> str:
    """The same rule as a boolean SQL expression over `consents` (customer_id, purpose, status) for a row's
    `customer_id`.

    Several rows for one purpose count most restrictively. DuckDB turns both tests into hash joins.
    """
    refused = ", ".join(f"'{name}'" for name in refusals(purpose))
    no_refusal = (
        f"{customer_id} NOT IN (SELECT refusing.customer_id FROM {consents} AS refusing"
        f" WHERE refusing.purpose IN ({refused}) AND refusing.status IS DISTINCT FROM '{GRANTED}'"
        " AND refusing.customer_id IS NOT NULL)"
    )
    if policy.when_absent(purpose):
        return f"({no_refusal})"
    grant = (
        f"{customer_id} IN (SELECT granting.customer_id FROM {consents} AS granting"
        f" WHERE granting.purpose IN ('{purpose}', '{EVERY_PURPOSE}') AND granting.status = '{GRANTED}')"
    )
    return f"({no_refusal} AND {grant})"


def allowed_customers_sql(
    purpose: str, policy: ConsentPolicy, *, customers: str = "gold.customers", consents: str = "gold.consents"
) -> str:
    """A query (customer_id, allowed) with every customer once; where the purpose is not one of ours: ConfigError."""
    rule = allowed_sql(purpose, policy, consents=consents)
    return f"SELECT customers.customer_id, {rule} AS allowed FROM {customers} AS customers"


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict; ConfigError with the place when it does not parse."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} is not valid TOML", why=str(error), fix="correct the line it names") from error


def refuse_unknown(found: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """ConfigError for the first key that is not known: a misspelt setting must not be silently ignored."""
    for key in found:
        if key not in known:
            raise ConfigError(f"unknown key '{key}'", why=where, fix=did_you_mean(key, known))
