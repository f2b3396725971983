"""What came, went or met another is normalised; the table is what normalising everybody gives."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify
from tests.identity.population import record
from tests.identity.test_incremental import changed, same

from floorwalker.identity import arrivals, normalising, touched

PROPERTY = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 100_000)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much has changed in these small tables, only that is looked at."""
    for module in (arrivals, normalising, touched):
        monkeypatch.setattr(module, "SHARE", 1.0)


def _hashed(email: str) -> str:
    return f"hash:sha256(lower(trim(email))):{hashlib.sha256(email.strip().lower().encode()).hexdigest()}"


@PROPERTY
@given(SEEDS)
def test_hashed_addresses_and_clear_ones_that_come_and_go(identify: Identify, seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for number in range(120):
        email = f"P.{number // 3}+news@gmail.com" if number % 2 else f"p{number // 3}@googlemail.com"
        said = rng.choice((email, email.upper(), _hashed(email)))
        rows.append(record(hashlib.md5(str(number).encode()).hexdigest(), email=said, source=rng.choice(("a", "b"))))
    before, now = changed(rng, rows, 0.4)
    first = identify(before)
    amended, whole = (identify(now, previous=first, amend=one) for one in (True, False))
    same(amended, whole)


def test_a_hash_of_a_kind_not_seen_before_has_everybody_hashed(identify: Identify) -> None:
    clear = [record(f"{number:032}", email=f"ann{number}@lee.com") for number in range(20)]
    first = identify(clear)
    partner = record("f" * 32, email=_hashed("ann7@lee.com"), source="partner")
    amended = identify([*clear, partner], previous=first, amend=True)
    assert "silver.normalised_records" not in amended.context.merged
    assert amended.together("f" * 32, f"{7:032}")
    another = record("e" * 32, email=_hashed("ann8@lee.com"), source="partner")
    amended = identify([*clear, partner, another], previous=amended, amend=True)
    assert "silver.normalised_records" in amended.context.merged
    assert amended.together("e" * 32, f"{8:032}")
