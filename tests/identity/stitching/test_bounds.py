"""What is pathological takes bounded time, and joins nobody who is not one."""

from __future__ import annotations

import pytest
from tests.identity.population import record
from tests.identity.stitching.batch import by_a_run
from tests.identity.stitching.crowds import DEFAULT
from tests.identity.stitching.test_stitcher import SECRET, customers, stitched

from floorwalker.identity.stitching import component, lending
from floorwalker.identity.stitching.stitcher import Stitcher

Rows = list[dict[str, object]]


def _store_email() -> Rows:
    return [record(f"r{n:04}", email="till@corner.de", account_id=f"a{n}", family_name=_name(n)) for n in range(1200)]


def _name(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def _kiosk() -> Rows:
    people = [record(f"p{n:04}", device_id="kiosk", account_id=f"a{n}", cookie_id=f"c{n}") for n in range(400)]
    return people + [record(f"v{n:04}", device_id="kiosk", cookie_id=f"c{n}") for n in range(800)]


def _one_login_on_many_devices() -> Rows:
    return [record(f"r{n:04}", account_id="ann", cookie_id=f"c{n}") for n in range(300)]


@pytest.mark.parametrize("made", [_store_email, _kiosk, _one_login_on_many_devices])
def test_it_is_as_in_a_run(made: object) -> None:
    rows = made()  # type: ignore[operator]
    assert customers(stitched(rows, DEFAULT)) == by_a_run(rows, DEFAULT, SECRET)


def test_a_hub_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    stitcher = stitched([row | {"given_name": _name(n)} for n, row in enumerate(_store_email())], DEFAULT)
    looked: list[int] = []
    gather = component.Resolver.gather
    monkeypatch.setattr(
        component.Resolver, "gather", lambda self, row: looked.append(len((got := gather(self, row)).rows)) or got
    )
    stitcher.add({"email": "till@corner.de", "given_name": "zoe", "family_name": "moss"})
    assert looked == [1]


def test_what_is_too_large_is_left_to_the_next_run() -> None:
    stitcher = Stitcher(DEFAULT, SECRET, most=100)
    for row in _one_login_on_many_devices():
        stitcher.add(row)
    assert stitcher.counts["left_alone"] > 0
    # The same number with nothing against it: still one customer.
    assert len(set(customers(stitcher).values())) == 1
    stranger = stitcher.add({"record_id": "x", "account_id": "ann", "given_name": "Bob"})
    assert stitcher.add({"record_id": "y", "account_id": "ann", "given_name": "Zoe"}) != stranger


def test_a_device_with_very_many_visits_is_left_to_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stitcher = Stitcher(DEFAULT, SECRET, most=100)
    looked: list[int] = []
    look = lending.Lender._look
    monkeypatch.setattr(lending.Lender, "_look", lambda self, *given: looked.append(got := look(self, *given)) or got)
    for number in range(400):
        stitcher.add({"record_id": f"v{number}", "device_id": "d", "cookie_id": f"c{number}"})
    assert stitcher.counts["left_alone"] > 0
    assert max(looked) <= 101
