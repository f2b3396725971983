"""Single values as the lake has them, worked out in Python: what `conversions` and DuckDB's JSON make of them in SQL.

In: a value as JSON decodes it, or a text. Out: the text, number or day that the batch path would store; None for NULL.

>>> text_of(1.50), text_of(1e21), text_of(True), text_of({"a": [1, None]})
('1.5', '1e21', 'true', '{"a":[1,null]}')
>>> Cleaner(("", "NULL")).odd("\\t 17850 "), as_id("17850.0"), as_id("9.94E+14")
('17850', '17850', None)
>>> decimals("1,234.50", 18, 4), decimals("1,234", 18, 4), decimals("1_0.99995", 18, 4)
(Decimal('1234.5000'), None, Decimal('11.0000'))

Odd as some of it is ("1_0" above), it is what the database does: both paths must give the same rows. The usual case is
decided where these are called; here stands the rest.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from floorwalker.events.stamps import FAR, ISO, MILLISECONDS, NUMBER
from floorwalker.sources.conversions import dressed

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""What stands where JSON has nothing; its null is None."""
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ZS = " \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""Blanks to `trim`."""
_SPACES = " \t\n\v\f\r\xa0"
BLANKS = frozenset((*map(chr, range(33)), *_ZS))
"""With one of these at an end a text may not be clean."""
_ENDS = (" ", "\t", "\n", "\r", "\xa0")
_EXPONENT = re.compile(r"(-?)(\d)(?:\.(\d+))?e([+-]\d+)")
_ID = re.compile(r"[0-9]+\.0+")
_SCIENTIFIC = re.compile(r"-?[0-9]([.,][0-9]+[eE]\+?[0-9]+|[eE]\+[0-9]+)")
_ERROR = re.compile(r"#+|#[A-Z]+(/[A0]| VALUE)?[!?]?")
_DECIMAL = re.compile(
    r"[ \t\n\v\f\r]*([+-]?)((?:[0-9](?:_?[0-9])*)?)(?:\.((?:[0-9](?:_?[0-9])*)?))?(?:[eE]([+-]?[0-9]{1,9})\.?)?"
    r"[ \t\n\v\f\r]*"
)
_PLAIN = re.compile(r"-?[0-9]{1,11}(?:\.[0-9]{1,3})?")
_DATE = re.compile(
    r"(-?[0-9]{1,9})([-/\\ ])([0-9]{1,2})\2([0-9]{1,2})"
    r"(?:(?:T| +)([0-9]{1,2}):([0-9]{1,2})(?::(?:([0-9]{1,2})(?:\.([0-9]*))?)?)?(Z|[+-][0-9]{1,2}(?::?[0-9]{2})?)?)?",
    re.ASCII,
)
_NUMBER, _ISO = re.compile(NUMBER, re.ASCII), re.compile(ISO, re.ASCII)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(\s*[}\]])')
"""A string, which is left alone, or a comma after which nothing comes."""
_HEX = re.compile(r"[0-9a-f]{32,128}")


class Big(str):
    """A number of JSON that no machine's number holds, as it was written."""


decode = msgspec.json.Decoder().decode


def decoded(raw: bytes) -> Any:
    """JSON as a value, MISSING for what is none; a database takes some things that are nearly JSON."""
    try:
        return decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return json.loads(
            _TRAILING.sub(_closed, raw.decode("utf-8", "replace")),
            parse_float=_float,
            parse_constant=Big,
            object_pairs_hook=_first,
        )
    except (ValueError, RecursionError):
        return MISSING


def _closed(found: re.Match[str]) -> str:
    return found[1] or found[2]


def _float(text: str) -> float | Big:
    found = float(text)
    return found if abs(found) < float("inf") else Big(text)


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """To a database the first of two equal names counts."""
    return dict(reversed(pairs)) if len(dict(pairs)) < len(pairs) else dict(pairs)


def merged(target: Any, patch: Any) -> Any:
    """json_merge_patch of two: nulls take away. What replaces no object stays as it is, the first time."""
    if type(patch) is not dict or type(target) is not dict:
        return patch
    return _merged(target, patch)


def _merged(target: Any, patch: Any) -> Any:
    if type(patch) is not dict:
        return patch
    if type(target) is not dict:
        target = {}
    # What the patch does not name comes first.
    found = {key: value for key, value in target.items() if key not in patch}
    for key, value in patch.items():
        if value is not None:
            found[key] = _merged(target.get(key), value)
    return found


class Merged(dict[str, Any]):
    """A context that was merged with its batch's."""


def pruned(value: Any, context: dict[str, Any]) -> Any:
    """A part of a context. The batch path merges each with its batch's, if only an empty one, and nulls in it go: where
    none was merged here, that is left to do for the few parts that are no text."""
    if type(context) is Merged:
        return value
    if value is None:
        return MISSING
    return _merged({}, value) if type(value) is dict else value


def context_text(value: Any, context: dict[str, Any]) -> str | None:
    """`text_of` of a part of a context that is no string."""
    return text_of(pruned(value, context))


def text_of(value: Any) -> str | None:
    """`->>`: a string itself, a number as a database writes it, of anything else its JSON."""
    kind = type(value)
    if kind is str:
        return value
    if kind is float:
        written = repr(value)
        return _as_javascript(written) if "e" in written else written
    if kind is int or kind is Big:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    return None if value is None or value is MISSING else json_text(value)


def json_text(value: Any) -> str | None:
    """A value's JSON as a database writes it."""
    if value is MISSING:
        return None
    if value is None:
        return "null"
    kind = type(value)
    if kind is dict:
        return "{" + ",".join([f"{_quoted(key)}:{json_text(one)}" for key, one in value.items()]) + "}"
    if kind is list:
        return "[" + ",".join([str(json_text(one)) for one in value]) + "]"
    return _quoted(value) if kind is str else text_of(value)


def _quoted(text: str) -> str:
    """JSON's string; the hex digits of what is escaped are large."""
    written = json.dumps(text, ensure_ascii=False)
    return re.sub(r"\\(?:u[0-9a-f]{4}|.)", _large, written) if "\\u" in written else written


def _large(found: re.Match[str]) -> str:
    return found[0][:2] + found[0][2:].upper()


def _as_javascript(written: str) -> str:
    """A float's shortest text with an exponent only from 1e21 on and below 1e-6."""
    found = _EXPONENT.fullmatch(written)
    if found is None:
        return written
    sign, whole, rest, exponent = found[1], found[2], found[3] or "", int(found[4])
    if 0 <= exponent < 21:
        return f"{sign}{whole}{rest.ljust(exponent, '0')[:exponent]}.{rest[exponent:] or '0'}"
    if -7 < exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{whole}{rest}"
    return f"{sign}{whole}{'.' + rest if rest else ''}e{exponent}"


def json_type(value: Any) -> str | None:
    """What a database calls a value's type."""
    kind = type(value)
    if kind is dict:
        return "OBJECT"
    if kind is list:
        return "ARRAY"
    if kind is str:
        return "VARCHAR"
    if kind is bool:
        return "BOOLEAN"
    if kind is int:
        return "DOUBLE" if not -(1 << 63) <= value < 1 << 64 else "UBIGINT" if value >= 0 else "BIGINT"
    return "NULL" if value is None else None if value is MISSING else "DOUBLE"


def item(value: Any, place: int) -> Any:
    """An item of a list, counted from 0, from its end below that."""
    return value[place] if type(value) is list and -len(value) <= place < len(value) else MISSING


def trimmed(text: str) -> str:
    """`trim`: Unicode's blanks, but no tabs and line ends."""
    return text.strip(_ZS)


class Cleaner:
    """Takes blanks and the words that mean nothing from text, as `conversions.clean_layers` does."""

    def __init__(self, null_values: tuple[str, ...]) -> None:
        self.nulls = frozenset(("", *null_values))

    def odd(self, text: str | None) -> str | None:
        """A text that may have blanks around it or mean nothing."""
        if text is None:
            return None
        wide = text < "!" or text.endswith(_ENDS) or text.startswith("\xa0")
        text = text.strip(_SPACES if wide else _ZS)
        return None if text in self.nulls else text

    def __call__(self, text: str | None) -> str | None:
        """The same, the usual case at once."""
        if text and text[0] not in BLANKS and text[-1] not in BLANKS and text not in self.nulls:
            return text
        return self.odd(text)


def lower(text: str) -> str:
    """Letter by letter, as a database does it: no letter becomes two."""
    return text.lower() if text.isascii() else "".join(["i" if one == "\u0130" else one.lower() for one in text])


def upper(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def _upper(letter: str) -> str:
    large = letter.upper()
    if len(large) == 1:
        return large
    if letter == "ß":
        return "ẞ"
    title = letter.title()
    return title if len(title) == 1 else letter


def as_id(text: str) -> str | None:
    """An id without spreadsheet damage; None where it is destroyed."""
    if _ID.fullmatch(text):
        return text.partition(".")[0]
    return None if _SCIENTIFIC.fullmatch(text) or (text[:1] == "#" and _ERROR.fullmatch(text)) else text


def hashed(text: str, scheme: str) -> str | None:
    return f"hash:{scheme}:{text}" if _HEX.fullmatch(text) else None


def boolean(text: str) -> bool | None:
    """Yes or no."""
    return _BOOLEANS.get(lower(text))


_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "0", "0.0"), False
)


def _cast_decimal(text: str, width: int, scale: int) -> Decimal | None:
    """TRY_CAST(text AS DECIMAL(width, scale)), digit by digit as the database goes about it."""
    found = _DECIMAL.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return None
    sign, whole, rest = found[1], found[2].replace("_", ""), (found[3] or "").replace("_", "")
    whole = whole.lstrip("0")
    most = 18 if width <= 18 else 38
    if len(whole) > width - scale:
        return None
    digits = len(whole)
    kept = rest[: max(0, most - digits)]
    value, count = int((whole + kept) or "0"), len(kept)
    exponent = int(found[4] or "0")
    excess, appended = max(0, count - scale), 0
    if exponent > 0:
        cut = max(0, excess - exponent)
        appended = max(0, exponent - excess)
    else:
        cut = excess
    if cut:
        value, up = divmod(value, 10**cut)
        if exponent > 0:
            value += up * 2 >= 10**cut
        count = scale
    elif exponent > 0 and excess:
        count = scale
    if exponent == 0 and len(rest) > scale and rest[scale] >= "5":
        value += 1
    value *= 10 ** max(0, scale - count)
    if value >= 10**width:
        return None
    if exponent < 0:
        lost = 10 ** min(-exponent - 1, 60)
        value = value // lost // 10 + (value // lost % 10 >= 5)
    elif appended:
        if value and digits + appended > width - scale:
            return None
        value *= 10**appended
    if value >= 10**width:
        return None
    return Decimal((1 if sign == "-" and value else 0, tuple(map(int, str(value))), -scale))


_GROUPED = {
    ".": (",", re.compile(r"[+-]?[0-9]{1,3}((,[0-9]{3})+\.[0-9]+|(,[0-9]{3}){2,})")),
    ",": (".", re.compile(r"[+-]?[0-9]{1,3}((\.[0-9]{3})+,[0-9]+|(\.[0-9]{3}){2,})")),
}


@functools.cache
def _dressed(decimal: str, signs: str) -> re.Pattern[str]:
    return re.compile(dressed(decimal, signs))


def _undressed(text: str, decimal: str, signs: str) -> str | None:
    """The bare number within one that is printed with a currency, a minus behind it or brackets around it."""
    if not _dressed(decimal, signs).fullmatch(text):
        return None
    digits = re.sub(f"[^0-9{decimal}]", "", text).replace(",", ".")
    return f"-{digits}" if any(mark in text for mark in "-−(") else digits


def decimals(text: str, width: int, scale: int, decimal: str = ".", signs: str = "") -> Decimal | None:
    """A number with `scale` digits behind the mark; thousands' marks only where these cannot be taken for it.

    `signs`: what may stand beside it (`conversions.signs_of`).
    """
    found = None
    if decimal == ".":
        if _PLAIN.fullmatch(text):
            return Decimal(text).quantize(Decimal(1).scaleb(-scale)) + 0
        found = _cast_decimal(text, width, scale)
    elif "." not in text:
        found = _cast_decimal(text.replace(",", "."), width, scale)
    mark, grouped = _GROUPED[decimal]
    if found is None and mark in text and grouped.fullmatch(text):
        found = _cast_decimal(text.replace(mark, "").replace(decimal, "."), width, scale)
    if found is None and (bare := _undressed(text, decimal, signs)) is not None:
        found = _cast_decimal(bare, width, scale)
    return found


def whole(text: str, decimal: str = ".") -> int | None:
    """A whole number of 64 bits."""
    found = decimals(text, 24, 6, decimal)
    return None if found is None or found % 1 or not -(1 << 63) <= found < 1 << 63 else int(found)


def number(text: str, decimal: str = ".") -> float | None:
    """A number with any digits."""
    found = _number(text, decimal)
    return _number(bare, ".") if found is None and (bare := _undressed(text, decimal, "")) is not None else found


def _number(text: str, decimal: str) -> float | None:
    mark, grouped = _GROUPED[decimal]
    if mark in text:
        if not grouped.fullmatch(text):
            return None
        text = text.replace(mark, "")
    text = text.replace(",", ".")
    found = _DECIMAL.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return None
    value = float(text.replace("_", "").rstrip(_SPACES).removesuffix("."))
    return value if abs(value) < float("inf") else None


def amount(quantity: Decimal, price: Decimal, discount: Decimal | None) -> Decimal | None:
    """quantity × price − discount, None where that is too large."""
    units = _units(quantity, 3) * _units(price, 4)
    if abs(units) >= 10**18:
        return None
    if discount is not None:
        units -= _units(discount, 4) * 1000
    size = (abs(units) + 500) // 1000
    if size >= 10**18:
        return None
    return Decimal((1 if units < 0 and size else 0, tuple(map(int, str(size))), -4))


def _units(value: Decimal, scale: int) -> int:
    return int(value.scaleb(scale))


def instant(text: str, zone: dt.tzinfo) -> tuple[int, dt.date, int | None] | None:
    """A time as ISO 8601 or nearly so: microseconds since 1970, and the day and the hour in the zone."""
    found = _DATE.fullmatch("1970-01-01" if text.lower() == "epoch" else text)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, part, offset = found.groups()
    try:
        at = dt.datetime(int(year), int(month), int(day))
        hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
        if hours > 24 or minutes > 59 or seconds > 59 or (hours == 24 and (minutes or seconds)):
            return None
        micro = int((part or "").ljust(6, "0")[:6])
        at += dt.timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micro)
        if offset:
            aware = at.replace(tzinfo=dt.UTC) - _offset(offset)
            local = aware.astimezone(zone)
        else:
            local = at
            # An hour that comes twice is the later; one that never comes counts as if the clock had not moved.
            aware = max(at.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        return None
    edge = at if not offset else aware.replace(tzinfo=None)
    if not dt.datetime(1, 1, 2) <= edge <= dt.datetime(9999, 12, 30):
        return None
    micros = (aware - EPOCH) // dt.timedelta(microseconds=1)
    return micros, local.date(), local.hour if offset or len(text) > 10 else None


def _offset(text: str) -> dt.timedelta:
    if text == "Z":
        return dt.timedelta()
    hours, minutes = (text[1:].replace(":", "")[:-2], text[-2:]) if len(text) > 3 else (text[1:], "0")
    size = dt.timedelta(hours=int(hours), minutes=int(minutes))
    return -size if text[0] == "-" else size


def date(text: str, zone: dt.tzinfo) -> dt.date | None:
    """The day of a time."""
    found = instant(text, zone)
    return None if found is None else found[1]


def moment(text: str | None) -> int | None:
    """A client's time stamp in microseconds since 1970: `stamps.parse` as the batch path does it."""
    if text is None:
        return None
    if len(text) == 24 and text[19] == "." and text[23] == "Z":
        # What browsers write. Many events happen within one second.
        digits = text[20:23]
        second = _SECONDS[text[:19]]
        if second is not None and digits.isdecimal() and digits.isascii():
            return second + int(digits) * 1000
        return None
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        if abs(seconds) >= FAR:
            return None
        return round((seconds / 1000 if abs(seconds) >= MILLISECONDS else seconds) * 1_000_000)
    if not _ISO.fullmatch(text):
        return None
    if text.startswith("0000"):
        # A year that Python does not have; four centuries later days are the same.
        later = moment("0400" + text[4:])
        return None if later is None else later - 146_097 * 86_400_000_000
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=dt.UTC)) - EPOCH) // dt.timedelta(microseconds=1)


def written(micros: int) -> str:
    """A moment as the batch path writes it between its two steps."""
    return (EPOCH + dt.timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Days(dict[int, tuple[dt.date, int]]):
    """The day and hour in a zone of half a minute since 1970: few are asked for, but these again and again."""

    def __init__(self, zone: str) -> None:
        super().__init__()
        self.zone = zoneinfo.ZoneInfo(zone)

    def __missing__(self, half_minute: int) -> tuple[dt.date, int]:
        if len(self) > 5000:
            self.clear()
        local = (EPOCH + dt.timedelta(seconds=half_minute * 30)).astimezone(self.zone)
        self[half_minute] = found = (local.date(), local.hour)
        return found


class Known(dict[Any, Any]):
    """Remembers what texts came to: prices and numbers come again."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, value: Any) -> Any:
        found = self.read(value)
        # Minus nought is another text, but the same key.
        if value and (type(value) is float or len(value) <= 40):
            if len(self) > 5000:
                self.clear()
            self[value] = found
        return found


FLOATS = Known(text_of)
"""Texts of numbers with a point."""
_SECONDS = Known(lambda text: moment(text + "Z") if text[10] in "T " else None)
