"""Bands hold what is usual and only that; the stability index is the one of the textbook and knows chance."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from floorwalker.governance.quality.statistics import (
    QUANTILES,
    band,
    day_band,
    psi,
    psi_by_chance,
    shares_between,
    spread,
)


def test_a_band_ignores_odd_numbers_in_its_history():
    usual = [100 + number % 7 for number in range(30)]
    assert band([*usual, 10_000, 0], 4.0).high < 120
    assert band(usual, 4.0).holds(103) and not band(usual, 4.0).holds(150)
    assert spread([5.0] * 9 + [6.0]) > 0, "a number that seldom moves still moves"
    assert band([5.0] * 10, 4.0, floor=0.5).high > 5.5


def test_few_numbers_give_a_wider_band():
    few, many = band([9, 10, 11], 4.0), band([9, 10, 11] * 20, 4.0)
    assert few.high > many.high


def test_a_day_is_compared_with_its_weekday():
    start = dt.date(2026, 1, 5)
    days = {start + dt.timedelta(days=n): (2000.0 if n % 7 == 6 else 1000.0) * (1 + 0.02 * (n % 3)) for n in range(56)}
    sunday, monday = start + dt.timedelta(days=62), start + dt.timedelta(days=56)
    on_sunday, on_monday = (day_band(days, day, 4.0, least=8) for day in (sunday, monday))
    assert on_sunday is not None and on_monday is not None
    assert on_sunday.day == "Sunday" and on_sunday.holds(2000) and not on_sunday.holds(1000)
    assert on_monday.holds(1000) and not on_monday.holds(2000)
    assert day_band(dict(list(days.items())[:7]), sunday, 4.0, least=8) is None
    short = day_band(dict(list(days.items())[:10]), sunday, 4.0, least=8)
    assert short is not None and short.day == "", "too few Sundays: any day counts"


def test_the_index_is_the_textbook_s():
    # 20/50/30 against 10/60/30: (0.1)(ln 2) + (0.1)(ln 1.2)
    assert psi([0.1, 0.6, 0.3], [0.2, 0.5, 0.3]) == pytest.approx(0.1 * np.log(2) + 0.1 * np.log(1.2), abs=1e-6)
    assert psi([0.5, 0.5], [0.5, 0.5]) == 0
    assert np.isfinite(psi([1.0, 0.0], [0.0, 1.0]))


def test_chance_passes_its_limit_as_seldom_as_it_says():
    random = np.random.default_rng(3)
    n, m, bins = 400, 800, 10
    over = 0
    for _ in range(2000):
        one, other = (random.multinomial(size, [1 / bins] * bins) / size for size in (n, m))
        over += psi(other, one) > psi_by_chance(bins, n, m)
    assert over == 0
    # and the approximation behind it: the mean of PSI / (1/n + 1/m) is the degrees of freedom
    found = [psi(random.multinomial(m, [0.1] * 10) / m, random.multinomial(n, [0.1] * 10) / n) for _ in range(2000)]
    assert np.mean(found) / (1 / n + 1 / m) == pytest.approx(bins - 1, rel=0.1)


def test_deciles_that_are_equal_are_one_bin():
    # 60 % zeros: the shares must be those of the values, not cut inside the zeros
    values = np.sort(np.r_[np.zeros(600), np.arange(1, 401)])
    quantiles = [float(np.quantile(values, q, method="lower")) for q in QUANTILES]
    expected, actual = shares_between(quantiles, quantiles)
    assert expected == actual and expected[0] == pytest.approx(0.6, abs=0.06)
    more = np.sort(np.r_[np.zeros(900), np.arange(1, 101)])
    _, moved = shares_between(quantiles, [float(np.quantile(more, q, method="lower")) for q in QUANTILES])
    assert moved[0] == pytest.approx(0.9, abs=0.06) and psi(expected, moved) > 0.25
