"""Identifiers counted in windows of days: against counting every window, and as the resolver needs it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.identity.limits import beyond, most_at_once
from floorwalker.identity.settings import IdentitySettings, Limit, Limits

SEEN = st.sets(st.tuples(st.integers(-5, 40), st.sampled_from("abcdef")), max_size=25)


@given(SEEN, st.integers(0, 12))
def test_the_fullest_window_is_found(seen: set[tuple[int, str]], days: int) -> None:
    windows = range(-20, 45) if days else [None]
    counts = [len({value for day, value in seen if start is None or start <= day < start + days}) for start in windows]
    assert most_at_once(seen, days) == max(counts, default=0)


@given(SEEN, SEEN, st.integers(0, 12))
def test_it_only_grows_with_what_is_seen(one: set[tuple[int, str]], two: set[tuple[int, str]], days: int) -> None:
    assert most_at_once(one | two, days) >= max(most_at_once(one, days), most_at_once(two, days))


@given(st.lists(st.integers(0, 60), max_size=20), st.integers(0, 4), st.integers(0, 20))
def test_what_is_kept_holds_the_limit_and_nothing_more_would(days: list[int], most: int, window: int) -> None:
    limit = Limit(most, window)
    over = beyond(days, limit)
    kept = {(day, place) for place, (day, is_over) in enumerate(zip(days, over, strict=True)) if not is_over}
    assert most_at_once(kept, window) <= most
    for place, is_over in enumerate(over):
        assert not is_over or most_at_once({*kept, (days[place], place)}, window) > most


def test_settings_take_a_number_or_a_table() -> None:
    read = msgspec.convert({"limits": {"email": {"most": 3, "days": 90}, "phone": 2}}, IdentitySettings).limits
    assert (read.of("email"), read.of("phone"), read.of("loyalty_id")) == (Limit(3, 90), Limit(2), Limit(1))
    assert [str(read.of(kind)) for kind in ("email", "phone")] == ["3 in 90 days", "2"]


@pytest.mark.parametrize("wrong", [-1, {"most": -1}, {"most": 1, "days": -2}, {"days": 3}, {"most": 1, "hours": 2}])
def test_what_is_no_limit_is_said(wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"email": wrong}, Limits)
