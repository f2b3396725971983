"""A fingerprint is evidence only of a visitor who allows it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from tests.identity.population import table
from tests.steps import MemoryContext

from floorwalker.errors import ConfigError
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.steps import REMEMBERED, steps

CONSENTS = pa.schema([("record_id", pa.string()), ("purpose", pa.string()), ("status", pa.string())])
Said = tuple[str, str, str]
ANALYTICS = IdentitySettings(fingerprint_purpose="analytics")

RECORDS: list[dict[str, object]] = [
    {"record_id": "login", "source": "web", "email": "ann@example.com", "cookie_id": "c-1"},
    {"record_id": "visit", "source": "web", "cookie_id": "c-9"},
    {"record_id": "banner-login", "source": "banner", "email": "ann@example.com"},
    {"record_id": "banner-visit", "source": "banner", "cookie_id": "c-9"},
    {"record_id": "stranger", "source": "web", "email": "eve@example.com", "cookie_id": "c-3"},
]
PRINTS = {"login": "fp-7", "visit": "fp-7", "stranger": "fp-8"}
BOTH = [("banner-login", "analytics", "granted"), ("banner-visit", "analytics", "granted")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("consenting")


_numbers = itertools.count(1)


def resolved(folder: Path, said: Iterable[Said], settings: IdentitySettings = ANALYTICS) -> MemoryContext:
    """The room's tables, with what was said of purposes."""
    context = MemoryContext(folder / str(next(_numbers)), dt.date(2026, 1, 1))
    context.project.state.mkdir(parents=True)
    records = table([{**one, "fingerprint": PRINTS.get(str(one["record_id"]))} for one in RECORDS])
    context.write("silver.identity_records", records)
    rows = [dict(zip(CONSENTS.names, one, strict=True)) for one in said]
    context.write("silver.consents", pa.Table.from_pylist(rows, schema=CONSENTS))
    for name, empty in REMEMBERED.items():
        context.write(f"{name}_previous", empty.empty_table())
    for step in steps(settings):
        step.run(context)
    return context


def used(context: MemoryContext) -> set[str]:
    """The records whose fingerprint counts."""
    rows = context.connection.sql(
        "SELECT record_id FROM silver.normalised_records WHERE fingerprint_key IS NOT NULL"
    ).fetchall()
    return {record for (record,) in rows}


def found_ann(context: MemoryContext) -> bool:
    """Whether the visit has been lent to whoever logged in."""
    customer = dict(context.connection.sql("FROM silver.customer_map").fetchall())
    assert customer["stranger"] != customer["login"]
    return customer["visit"] == customer["login"]


def test_with_consent_a_visit_finds_its_customer(folder: Path) -> None:
    context = resolved(folder, BOTH)
    assert used(context) == {"login", "visit"} and found_ann(context)
    rows = context.connection.sql(
        "SELECT rule, tier, identifier_kind FROM silver.identity_evidence WHERE accepted AND rule = 'fingerprint'"
    ).fetchall()
    assert set(rows) == {("fingerprint", 3, "fingerprint")}
    kinds = context.connection.sql("SELECT DISTINCT kind FROM silver.customer_identifiers").fetchall()
    assert ("fingerprint",) not in kinds, "nobody is looked up by it"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([], id="nothing said"),
        pytest.param(BOTH[:1], id="the visit said nothing"),
        pytest.param([BOTH[0], ("banner-visit", "analytics", "denied")], id="the visit withdrew"),
        pytest.param([*BOTH, ("visit", "analytics", "denied")], id="refused under the same cookie"),
        pytest.param([(one, "marketing_email", "granted") for one, *_ in BOTH], id="another purpose"),
    ],
)
def test_without_consent_it_does_not(folder: Path, said: list[Said]) -> None:
    context = resolved(folder, said)
    assert "visit" not in used(context) and not found_ann(context)


def test_what_stops_a_purpose_stops_the_fingerprint(folder: Path) -> None:
    settings = IdentitySettings(fingerprint_purpose="personalization")
    granted = [(one, "personalization", "granted") for one, *_ in BOTH]
    assert found_ann(resolved(folder, granted, settings))
    assert not found_ann(resolved(folder, [*granted, ("banner-visit", "profiling", "denied")], settings))


def test_consent_may_be_said_under_the_fingerprint_itself(folder: Path) -> None:
    context = resolved(folder, [("visit", "analytics", "granted"), ("stranger", "analytics", "granted")])
    assert used(context) == {"visit", "login", "stranger"}, "one print, one visitor as far as anybody can tell"


def test_by_default_fingerprints_are_never_used(folder: Path) -> None:
    context = resolved(folder, BOTH, IdentitySettings())
    assert used(context) == set() and not found_ann(context)
    normalise, _ = steps(IdentitySettings())
    assert "silver.consents" not in normalise.reads
    assert "silver.consents" in steps(ANALYTICS)[0].reads


def test_an_unknown_purpose_is_said() -> None:
    with pytest.raises(ConfigError, match="unknown purpose 'analytic'"):
        steps(IdentitySettings(fingerprint_purpose="analytic"))
