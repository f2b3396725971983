"""Numbers as people read them: in, a number (or None); out, a short text with the right unit and no false precision.

>>> count(1234567), compact(8_911_407.9), share(0.3182), ratio(0.89612)
('1,234,567', '8.9 M', '31.8%', '0.896')
>>> money(8911407.9, "GBP"), money(19.5, "EUR"), money(1200, "CHF"), compact_money(8911407.9, "GBP")
('£8,911,408', '€19.50', 'CHF 1,200', '£8.9 M')
>>> count(None), seconds(0.42), seconds(75)
('–', '0.42 s', '1 min 15 s')
"""

from __future__ import annotations

import math

NONE = "–"
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "INR": "₹", "KRW": "₩", "TRY": "₺", "ILS": "₪", "UAH": "₴"}
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def absent(value: float | None) -> bool:
    """True where there is no number to show: None, NaN, infinity."""
    return value is None or not math.isfinite(value)


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return NONE if value is None or absent(value) else f"{value:,.0f}".replace("-", "−")


def decimal(value: float | None) -> str:
    """A small quantity: one decimal below 100, none above.

    >>> decimal(2.345), decimal(51), decimal(1234.5)
    ('2.3', '51', '1,234')
    """
    if value is None or absent(value):
        return NONE
    return count(value) if abs(value) >= 100 or value == int(value) else f"{value:,.1f}".replace("-", "−")


def ratio(value: float | None) -> str:
    """A score between -1 and 1, three decimals."""
    return NONE if value is None or absent(value) else f"{value:.3f}".replace("-", "−")


def share(value: float | None) -> str:
    """A fraction as a percentage with one decimal; what is there but rounds to nothing says so.

    >>> share(1.0), share(0.00012), share(0.0), share(-0.249)
    ('100%', '<0.1%', '0%', '−24.9%')
    """
    if value is None or absent(value):
        return NONE
    if value in (0, 1):
        return f"{value:.0%}"
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{value:.1%}".replace("-", "−")


def change(value: float | None) -> str:
    """A relative difference with its sign.

    >>> change(0.42), change(-0.031)
    ('+42.0%', '−3.1%')
    """
    return NONE if value is None or absent(value) else f"{value:+.1%}".replace("-", "−")


def compact(value: float | None) -> str:
    """A number in at most three digits and a unit, for tiles and axes.

    >>> compact(0), compact(950), compact(12_500), compact(250_000), compact(999_960)
    ('0', '950', '12.5 K', '250 K', '1 M')
    """
    if value is None or absent(value):
        return NONE
    size, sign = abs(value), "−" if value < 0 else ""
    for unit, letter in _UNITS:
        # 999,960 is 1 M, not 1000 K: move up a unit where the digits would round to four.
        if size >= unit * 0.99995:
            scaled = size / unit
            digits = f"{scaled:.1f}" if scaled < 99.95 else f"{scaled:.0f}"
            return f"{sign}{digits.removesuffix('.0')} {letter}"
    return sign + (f"{size:.0f}" if size == int(size) or size >= 100 else f"{size:.3g}")


def symbol(currency: str) -> str:
    """What stands before an amount: a sign where one is clear, else the code."""
    return SYMBOLS.get(currency.upper(), f"{currency.upper()} " if currency else "")


def money(value: float | None, currency: str) -> str:
    """An amount: to the cent below 100, to the unit above (the exact one stands in report.json)."""
    if value is None or absent(value):
        return NONE
    text = f"{abs(value):,.2f}" if 0 < abs(value) < 99.995 else f"{abs(value):,.0f}"
    return ("−" if value < 0 else "") + symbol(currency) + text


def price(value: float | None, currency: str) -> str:
    """What one thing costs, to the cent.

    >>> price(129.5, "EUR"), price(1200, "JPY")
    ('€129.50', '¥1,200')
    """
    if value is None or absent(value):
        return NONE
    digits = 0 if currency.upper() in ("JPY", "KRW") else 2
    return ("−" if value < 0 else "") + symbol(currency) + f"{abs(value):,.{digits}f}"


def compact_money(value: float | None, currency: str) -> str:
    """An amount in at most three digits and a unit; small ones as `money` has them, whole ones without cents.

    >>> compact_money(50, "GBP"), compact_money(72.3, "GBP")
    ('£50', '£72.30')
    """
    if value is None or absent(value):
        return NONE
    if abs(value) < 100 and value != int(value):
        return money(value, currency)
    return ("−" if value < 0 else "") + symbol(currency) + compact(abs(value))


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None or absent(value):
        return NONE
    if value < 9.95:
        return f"{value:.2g} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def plural(number: float, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "customer"), plural(1200, "customer"), plural(2, "country", "countries")
    ('1 customer', '1,200 customers', '2 countries')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
