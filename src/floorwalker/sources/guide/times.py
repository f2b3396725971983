"""How a column writes its dates and times: the formats, and whether the day or the month comes first.

In: the distinct values of a column with how often each occurs, in the order of the file for one question. Out: a
`TimeReading`, or None where most values are no times.

Day and month are told apart by evidence over the whole column: a first number above 12 can only be a day. Where no
value decides, the order of the rows does (exports are sorted: the reading under which they are is believed), then the
custom of the separator; the reading says which it was, and is unsure unless a value decided it.

>>> reading = read_times({"03/05/2026 9:12": 3, "21/05/2026 17:40": 1})
>>> reading.formats, reading.day_first, reading.sure
(('%d/%m/%Y %H:%M',), True, True)
>>> read_times({"2026-05-03": 1}).formats, read_times({"Mug": 1}) is None
((), True)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

_CLOCK = (
    r"(?P<gap>,? |T| ?- | à | um )(?P<hour>\d{1,2})[:h.](?P<minute>\d{2})(?::(?P<second>\d{2})(?P<part>[.,]\d{1,6})?)?"
)
_END = r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?(?P<uhr> Uhr)?"
_NUMBERS = re.compile(r"(?P<a>\d{1,4})(?P<mark>[/.\-])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})(?:" + _CLOCK + _END + ")?")
_NAMED = re.compile(
    r"(?P<front>\d{1,2}|[A-Za-z]{3,9})(?P<one>[ \-.]|, )(?P<middle>[A-Za-z]{3,9}|\d{1,2})(?P<two>[ \-.]|, )"
    r"(?P<c>\d{4}|\d{2})"
    r"(?:" + _CLOCK + _END + ")?"
)
_MONTHS = {
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "january", "february"),
    *("march", "april", "june", "july", "august", "september", "october", "november", "december"),
}
_PLAIN = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}
_ISO = re.compile(
    r"(?P<c>\d{4})[-/]\d{1,2}[-/]\d{1,2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?"
)
_TIME = re.compile(r"(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::(?P<second>\d{2}))?(?P<half> ?[AaPp][Mm])?")


@dataclass(frozen=True)
class TimeReading:
    """`formats`: none for ISO 8601. `share`: of the values that are times. `clock`: whether they have an hour."""

    formats: tuple[str, ...]
    share: float
    clock: bool
    years: tuple[int, int]
    day_first: bool | None = None
    sure: bool = True
    why: str = "ISO 8601"
    zoned: bool = False
    utc: bool = False
    """Whether values end in a word for UTC, which a format can only skip."""

    def turned(self, day_first: bool) -> TimeReading:
        """The same with day and month as somebody said."""
        if self.day_first is None or self.day_first == day_first:
            return replace(self, day_first=day_first if self.day_first is not None else None, sure=True)
        swap = {"%d": "%m", "%m": "%d"}
        formats = tuple(re.sub("%[dm]", lambda found: swap[found[0]], form) for form in self.formats)
        return replace(self, formats=formats, day_first=day_first, sure=True, why="as you said")


def read_times(values: Mapping[str, int], in_order: Iterable[str] = ()) -> TimeReading | None:
    """How most of `values` (each with its count) are times; `in_order`: some of them as the rows follow one another."""
    total = sum(values.values())
    shapes: Counter[str] = Counter()
    firsts: list[tuple[int, int]] = []
    marks: Counter[str] = Counter()
    years: list[int] = []
    clock = zoned = utc = 0
    for value, count in values.items():
        found = _shape(value)
        if found is None:
            continue
        shape, year, pair, bits = found
        shapes[shape] += count
        years.append(year)
        clock += count * ("clock" in bits)
        zoned += count * ("zoned" in bits)
        utc += count * ("utc" in bits)
        if pair:
            firsts.append(pair)
            marks[next(char for char in value if not char.isdigit())] += count
    share = sum(shapes.values()) / total if total else 0.0
    if share < 0.5:
        return None
    common = [shape for shape, count in shapes.most_common(6) if count >= max(1, total * 0.0005)]
    order: bool | None = None
    sure, why = (
        True,
        "ISO 8601" if common == ["iso"] else f"written as {common[0].replace('{a}', '%d').replace('{b}', '%m')}",
    )
    if firsts:
        order, sure, why = _order(firsts, marks.most_common(1)[0][0], in_order)
    formats = tuple(
        dict.fromkeys(
            shape.replace("{a}", "%d" if order else "%m").replace("{b}", "%m" if order else "%d") for shape in common
        )
    )
    whole = sum(shapes.values())
    return TimeReading(
        () if formats == ("iso",) else formats,
        round(share, 4),
        clock > whole / 2,
        (min(years), max(years)),
        order,
        sure,
        why,
        zoned > whole / 2,
        utc > whole / 2,
    )


def read_clock(values: Mapping[str, int]) -> str | None:
    """The format of a column that holds times of the day alone, e.g. "%H:%M"."""
    total = sum(values.values())
    shapes: Counter[str] = Counter()
    for value, count in values.items():
        found = _TIME.fullmatch(value)
        if found and int(found["hour"]) < 24 and int(found["minute"]) < 60:
            shapes[_clock_format(found, "h" if "h" in value else ":")] += count
    if not shapes or sum(shapes.values()) < 0.8 * total:
        return None
    return shapes.most_common(1)[0][0]


def _clock_format(found: re.Match[str], mark: str) -> str:
    half = found["half"]
    second = ":%S" if found["second"] else ""
    return f"{'%I' if half else '%H'}{mark}%M{second}" + (f"{' ' if half.startswith(' ') else ''}%p" if half else "")


def _shape(value: str) -> tuple[str, int, tuple[int, int] | None, set[str]] | None:
    """A value's format with {a} and {b} for two numbers that may be day and month; its year; the two; what it has."""
    if value.isdigit():
        return _digits(value)
    iso = _ISO.fullmatch(value)
    if iso and 1900 <= int(iso["c"]) <= 2100:
        return "iso", int(iso["c"]), None, {*(["clock"] if ":" in value else []), *(["zoned"] if iso["zone"] else [])}
    found = _NUMBERS.fullmatch(value)
    pair = None
    if found:
        a, b, c, mark = found["a"], found["b"], found["c"], found["mark"]
        if len(a) == 4:
            day, year = f"%Y{mark}%m{mark}%d", int(a)
            if not (1 <= int(b) <= 12 and 1 <= int(c) <= 31):
                return None
        elif len(c) in (2, 4) and len(a) <= 2:
            year = int(c) if len(c) == 4 else 2000 + int(c) if int(c) < 69 else 1900 + int(c)
            day, pair = f"{{a}}{mark}{{b}}{mark}%{'Y' if len(c) == 4 else 'y'}", (int(a), int(b))
            if not (1 <= min(pair) <= 12 and max(pair) <= 31):
                return None
        else:
            return None
    else:
        found = _NAMED.fullmatch(value)
        if found is None:
            return None
        month_first = found["front"].isalpha()
        month = (found["front"] if month_first else found["middle"]).lower()
        number = found["middle"] if month_first else found["front"]
        if month not in _MONTHS or not number.isdigit():
            return None
        name = "%b" if len(month) == 3 else "%B"
        front, middle = (name, "%d") if month_first else ("%d", name)
        year = int(found["c"]) if len(found["c"]) == 4 else 2000 + int(found["c"])
        day = f"{front}{found['one']}{middle}{found['two']}%{'Y' if len(found['c']) == 4 else 'y'}"
    if not 1900 <= year <= 2100:
        return None
    if found["hour"] is None:
        return day, year, pair, set()
    bits = {"clock"}
    mark = "h" if f"{found['hour']}h" in value else "." if f"{found['hour']}.{found['minute']}" in value[-9:] else ":"
    form = day + found["gap"] + _clock_format(found, mark)
    if found["part"]:
        form = form.replace("%S", f"%S{found['part'][0]}%f")
    zone = found["zone"] or ""
    if zone.strip() in ("Z", "UTC", "GMT"):
        form, bits = form + zone, bits | {"utc"}
    elif zone:
        form, bits = form + (" %z" if zone.startswith(" ") else "%z"), bits | {"zoned"}
    return form + (found["uhr"] or ""), year, pair, bits


def _digits(value: str) -> tuple[str, int, tuple[int, int] | None, set[str]] | None:
    """Dates without marks, and seconds since 1970: only within the years that a shop's data can be from."""
    form = _PLAIN.get(len(value))
    if form and 1900 <= int(value[:4]) <= 2100 and 1 <= int(value[4:6]) <= 12 and 1 <= int(value[6:8]) <= 31:
        return form, int(value[:4]), None, {"clock"} if len(value) == 14 else set()
    if len(value) == 10 and 946_684_800 <= int(value) <= 2_208_988_800:
        return "epoch", 1970 + int(value) // 31_556_952, None, {"clock", "zoned"}
    if len(value) == 13 and 946_684_800_000 <= int(value) <= 2_208_988_800_000:
        return "epoch_ms", 1970 + int(value) // 31_556_952_000, None, {"clock", "zoned"}
    return None


def _order(pairs: list[tuple[int, int]], mark: str, in_order: Iterable[str]) -> tuple[bool, bool, str]:
    """Whether the day comes first, whether that is sure, and why."""
    days = sum(a > 12 for a, _ in pairs)
    months = sum(b > 12 for _, b in pairs)
    if days or months:
        first = days >= months
        some = days if first else months
        mixed = min(days, months)
        if mixed:
            return first, False, f"both orders occur: {max(days, months)} values against {mixed}"
        place = "first" if first else "second"
        return first, True, f"{some} of {len(pairs)} different values have a {place} number above 12"
    sorted_as = {day_first: _sortedness(in_order, day_first) for day_first in (True, False)}
    if abs(sorted_as[True] - sorted_as[False]) > 0.1:
        first = sorted_as[True] > sorted_as[False]
        order = "day/month" if first else "month/day"
        return first, False, f"no value decides; the rows are in order of time if it is {order}"
    return True, False, f"no value decides; day first is the custom with '{mark}' in most countries"


def _sortedness(values: Iterable[str], day_first: bool) -> float:
    """How far the values go one way when they are read so: 1 for sorted, up or down."""
    keys: list[tuple[int, ...]] = []
    for value in values:
        found = _NUMBERS.fullmatch(value)
        if found:
            a, b = int(found["a"]), int(found["b"])
            keys.append((int(found["c"]), b, a) if day_first else (int(found["c"]), a, b))
    steps = [(one > other) - (one < other) for one, other in zip(keys[1:], keys, strict=False) if one != other]
    return abs(sum(steps)) / len(steps) if steps else 0.0
