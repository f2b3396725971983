"""From what a file holds to what the lake holds: SQL that reads one value as one of the vocabulary's types.

In: SQL for a source value, its DuckDB type, and the type wanted. Out: SQL for the typed value, NULL where it cannot be
read; never an error, so that one bad value cannot stop its neighbours. A value already of the right family is cast
directly.

    id         "17850.0" -> "17850"; 9.94E+14 and #REF!, ids that a spreadsheet destroyed, cannot be read
    money      "2.55", "1,234.50", "1 234.50", "1'234.50", "(2.55)", "2.55-"; with decimal=",": "2,55", "1.234,50".
               "1,234" alone could mean two things, so it cannot be read. "EUR 2.55" and "2.55 €" can, where the
               currency is the column's own or is not known
    boolean    true/false, yes/no, 1/0
    timestamp  ISO 8601, with an offset or in the source's time zone; or the mapping's formats

>>> import duckdb
>>> duckdb.execute(typed("'1,234.50'", "VARCHAR", "money").select()).fetchone()
(Decimal('1234.5000'),)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from floorwalker.events.vocabulary import LAKE_TYPES

_INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
_FLOATS = ("FLOAT", "DOUBLE")
_AWARE = "TIMESTAMP WITH TIME ZONE"
_SPACES = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160)"
_BLANKS = " \u00a0\u2009\u202f"
_SIGNS = (
    *(("€", "EUR"), ("£", "GBP"), ("¥", "JPY"), ("¥", "CNY"), ("₹", "INR"), ("Rs", "INR"), ("₽", "RUB"), ("₺", "TRY")),
    *(("₩", "KRW"), ("₪", "ILS"), ("zł", "PLN"), ("Kč", "CZK"), ("Ft", "HUF"), ("lei", "RON"), ("Fr", "CHF")),
    *(("SFr", "CHF"), ("US$", "USD"), ("C$", "CAD"), ("A$", "AUD"), ("NZ$", "NZD"), ("HK$", "HKD"), ("R$", "BRL")),
    *(("$", code) for code in ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN")),
    *(("kr", code) for code in ("SEK", "NOK", "DKK", "ISK")),
)
_WORDS = ("kr", "zł", "Kč", "Ft", "lei", "Fr", "SFr", "Rs")
_EARLIEST, _LATEST = "TIMESTAMP '0001-01-02'", "TIMESTAMP '9999-12-30'"
_OFFSET = r"regexp_matches({0}, '-\d\d(:?\d\d)?$')"

MACROS = (
    """CREATE OR REPLACE TEMP MACRO as_number(word) AS TRY_CAST(CAST(word AS VARCHAR) AS DECIMAL(24, 6))""",
    # Few ids have a point, a plus, a comma or a hash: to look for these is cheaper than any pattern of a whole id.
    """CREATE OR REPLACE TEMP MACRO as_id(word) AS
       CASE WHEN contains(CAST(word AS VARCHAR), '.')
       THEN CASE WHEN regexp_full_match(CAST(word AS VARCHAR), '\\d+\\.0+')
                 THEN split_part(CAST(word AS VARCHAR), '.', 1)
                 WHEN regexp_full_match(CAST(word AS VARCHAR), '-?\\d\\.\\d+[eE]\\+?\\d+') THEN NULL
                 ELSE CAST(word AS VARCHAR) END
       WHEN regexp_matches(CAST(word AS VARCHAR), '[+,#]')
       THEN CASE WHEN regexp_full_match(CAST(word AS VARCHAR),
                      '-?\\d(,\\d+[eE]\\+?\\d+|[eE]\\+\\d+)|#+|#[A-Z]+(/[A0]| VALUE)?[!?]?') THEN NULL
                 ELSE CAST(word AS VARCHAR) END
       ELSE CAST(word AS VARCHAR) END""",
)
"""What a mapping's own expressions may call; the caller creates them on its connection."""


@dataclass(frozen=True)
class Typed:
    """SQL of a value and, for times, of the local day and hour, over helper columns (`first`) of the select within."""

    value: str
    day: str = ""
    hour: str = ""
    first: dict[str, str] = field(default_factory=dict)

    def select(self) -> str:
        """The value alone, for constants."""
        helpers = ", ".join(f"{sql} AS {alias}" for alias, sql in self.first.items()) or "1"
        return f"SELECT {self.value} FROM (SELECT {helpers})"


def quoted(name: str) -> str:
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def clean_layers(
    source: str, columns: dict[str, tuple[str, str]], null_values: tuple[str, ...], *, nul_bytes: bool = False
) -> str:
    """SELECT of everything in `source` and of `columns` (alias → (SQL, DuckDB type)) as clean text.

    Clean: no blanks around it, and NULL for the words that mean nothing.

    Selects within selects, because an expression that is used twice is worked out twice. `trim` alone takes Unicode's
    blanks but not tabs and line ends; to look for these first is three times faster than a character set on every
    value.
    """
    if not columns:
        return f"SELECT * FROM {source}"
    # Not IN: DuckDB makes a join of it, which works out every column whether it is used or not.
    words = " ".join(f"WHEN {literal(word)} THEN NULL" for word in dict.fromkeys(("", *null_values)))
    longest = max(len(word.encode()) for word in ("", *null_values))
    texts, trimmed, named = [], [], []
    for index, (alias, (sql, of)) in enumerate(columns.items()):
        text, bare = f"fw_text{index}", f"fw_bare{index}"
        texts.append(f"{_as_text(sql, of, nul_bytes)} AS {text}")
        trimmed.append(f"{_trim(text) if of == 'VARCHAR' else text} AS {bare}")
        # A length is there without looking at the text; few values are as short as the words.
        named.append(
            f"CASE WHEN strlen({bare}) > {longest} THEN {bare} ELSE CASE {bare} {words} ELSE {bare} END END"
            f" AS {quoted(alias)}"
        )
    inner = f"SELECT *, {', '.join(trimmed)} FROM (SELECT *, {', '.join(texts)} FROM {source})"
    return f"SELECT *, {', '.join(named)} FROM ({inner})"


def _as_text(sql: str, of: str, nul_bytes: bool) -> str:
    if of != "VARCHAR":
        return f"CAST({sql} AS VARCHAR)"
    return f"replace({sql}, chr(0), '')" if nul_bytes else sql


def _trim(sql: str) -> str:
    ends = " OR ".join(f"suffix({sql}, {end})" for end in ("' '", "chr(9)", "chr(10)", "chr(13)", "chr(160)"))
    wide = f"{sql} < '!' OR {ends} OR prefix({sql}, chr(160))"
    # Nearly all values begin and end with a character of ASCII that is no blank: to see that takes half of a trim.
    bare = f"{sql} BETWEEN '!' AND '~' AND ascii(right({sql}, 1)) BETWEEN 33 AND 126"
    return f"CASE WHEN {bare} THEN {sql} WHEN {wide} THEN trim({sql}, {_SPACES}) ELSE trim({sql}) END"


def is_direct(of: str, to: str) -> bool:
    """Whether a value of DuckDB type `of` can be cast to the vocabulary's type `to` without a detour through text."""
    return (
        _family(of)
        in {
            "id": ("integer",),
            "text": ("integer",),
            "integer": ("integer", "float", "decimal"),
            "quantity": ("integer", "float", "decimal"),
            "money": ("integer", "float", "decimal"),
            "number": ("integer", "float", "decimal"),
            "boolean": ("boolean",),
            "date": ("date", "time", "aware"),
            "timestamp": ("date", "time", "aware"),
        }[to]
    )


def not_nan(sql: str, of: str) -> str:
    """A float's NaN is a blank: that is how data frames write one."""
    return f"CASE WHEN isnan({sql}) THEN NULL ELSE {sql} END" if of in _FLOATS else sql


def typed(
    sql: str,
    of: str,
    to: str,
    *,
    alias: str = "it",
    zone: str = "UTC",
    formats: tuple[str, ...] = (),
    decimal: str = ".",
    currency: str = "",
) -> Typed:
    """SQL that reads `sql` (of DuckDB type `of`; text is clean) as `to`; NULL where it cannot be read.

    `alias` begins the names of helper columns. `currency`: the only one whose sign may stand beside an amount.
    """
    if to in ("timestamp", "date"):
        return _time(sql, of, to, alias, zone, formats)
    lake = LAKE_TYPES[to]
    if is_direct(of, to):
        if to == "number":
            return Typed(f"CASE WHEN isfinite(CAST({sql} AS DOUBLE)) THEN CAST({sql} AS DOUBLE) END")
        if to == "integer" and _family(of) != "integer":
            return Typed(f"CASE WHEN {sql} = trunc({sql}) THEN TRY_CAST({sql} AS BIGINT) END")
        return Typed(sql if to == "boolean" else f"TRY_CAST({sql} AS {lake})")
    if of != "VARCHAR":
        sql = f"CAST({sql} AS VARCHAR)"
    if to == "text":
        return Typed(sql)
    if to == "id":
        return Typed(f"as_id({sql})")
    if to == "boolean":
        return Typed(
            f"CASE WHEN lower({sql}) IN ('true', 't', 'yes', 'y', '1', '1.0') THEN true "
            f"WHEN lower({sql}) IN ('false', 'f', 'no', 'n', '0', '0.0') THEN false END"
        )
    number = f"{alias}_number"
    if to == "integer":
        whole = f"CASE WHEN {number} = trunc({number}) THEN TRY_CAST({number} AS BIGINT) END"
        return Typed(whole, first={number: _number(sql, "DECIMAL(24, 6)", decimal)})
    if to == "number":
        return Typed(f"CASE WHEN isfinite({number}) THEN {number} END", first={number: _number(sql, lake, decimal)})
    return Typed(_number(sql, lake, decimal, signs_of(currency) if to == "money" else ""))


def signs_of(currency: str) -> str:
    """Pattern of what may stand beside an amount: the signs of one currency, or of any."""
    if not currency:
        return f"[$¢£¤¥\u20a0-\u20cf]|[A-Z]{{3}}|[A-Z]{{1,2}}[$]|{'|'.join(_WORDS)}"
    own = [sign for sign, code in _SIGNS if code == currency.upper()]
    return "|".join([currency, *(sign.replace("$", "[$]") for sign in own)])


def dressed(decimal: str, signs: str) -> str:
    """Pattern of a number as it is printed: blanks or apostrophes between thousands, a currency, a minus or brackets.

    Read alike by RE2 and by Python.
    """
    mark, group = (r"\.", ",") if decimal == "." else (",", r"\.")
    rest = rf"({mark}[0-9]+)?"
    number = (
        rf"([0-9]+{rest}|[0-9]{{1,3}}([{_BLANKS}'’][0-9]{{3}})+{rest}|[0-9]{{1,3}}({group}[0-9]{{3}})+{mark}[0-9]+"
        rf"|[0-9]{{1,3}}({group}[0-9]{{3}}){{2,}}|{mark}[0-9]+)"
    )
    blank, minus = f"[{_BLANKS}]?", "[-−]"
    sign = f"(?i:{signs})"
    before, after = (f"({sign}{blank})?", f"({blank}{sign})?") if signs else ("", "")
    forms = [
        f"[-−+]?{blank}{before}{number}{after}",
        f"{before}{number}{after}{blank}{minus}",
        rf"\({blank}{before}{number}{after}{blank}\)",
    ]
    if signs:
        forms += [f"{sign}{blank}{minus}{blank}{number}", f"{number}{blank}{minus}{blank}{sign}"]
    return "|".join(forms)


def _number(sql: str, lake: str, decimal: str, signs: str = "") -> str:
    """A number with thousands marks only where these cannot be taken for the decimal mark; `signs` may be beside it."""
    mark, group, point = (",", ",", r"\.") if decimal == "." else (".", r"\.", ",")
    grouped = rf"[+-]?\d{{1,3}}(({group}\d{{3}})+{point}\d+|({group}\d{{3}}){{2,}})"
    bare = f"replace({sql}, '{mark}', '')"
    if decimal == ",":
        plain = f"CASE WHEN NOT contains({sql}, '.') THEN TRY_CAST(replace({sql}, ',', '.') AS {lake}) END"
        bare = f"replace({bare}, ',', '.')"
    else:
        plain = f"TRY_CAST({sql} AS {lake})"
    return (
        f"coalesce({plain}, CASE WHEN contains({sql}, '{mark}') AND regexp_full_match({sql}, '{grouped}') "
        f"THEN TRY_CAST({bare} AS {lake}) END, {_undressed(sql, lake, decimal, signs)})"
    )


def _undressed(sql: str, lake: str, decimal: str, signs: str) -> str:
    digits = f"regexp_replace({sql}, '[^0-9{decimal}]', '', 'g')"
    digits = f"replace({digits}, ',', '.')" if decimal == "," else digits
    negative = f"CASE WHEN regexp_matches({sql}, '[-−(]') THEN '-' ELSE '' END"
    value = f"TRY_CAST({negative} || {digits} AS {lake})"
    return f"CASE WHEN regexp_full_match({sql}, {literal(dressed(decimal, signs))}) THEN {value} END"


def _time(sql: str, of: str, to: str, alias: str, zone: str, formats: tuple[str, ...]) -> Typed:
    """A local time becomes UTC by its zone. One that the zone skips in spring counts as if the clock had not moved."""
    if not is_direct(of, to):
        instants, locals_ = _read(sql if of == "VARCHAR" else f"CAST({sql} AS VARCHAR)", formats or ("iso",))
    elif _family(of) == "aware":
        instants, locals_ = [sql], []
    else:
        instants, locals_ = [], [f"TRY_CAST({sql} AS TIMESTAMP)"]
    first, moments, days, hours = {}, [], [], []
    zoned = f"timezone({literal(zone)}, {{0}})"
    if instants:
        aware = f"{alias}_instant"
        first[aware] = _either(instants)
        fits = f"{aware} BETWEEN CAST({_EARLIEST} AS TIMESTAMPTZ) AND CAST({_LATEST} AS TIMESTAMPTZ)"
        moments.append(f"WHEN {fits} THEN {aware}")
        days.append(f"WHEN {fits} THEN CAST({zoned.format(aware)} AS DATE)")
        hours.append(f"WHEN {fits} THEN hour({zoned.format(aware)})")
    if locals_:
        naive = f"{alias}_local"
        first[naive] = _either(locals_)
        fits = f"{naive} BETWEEN {_EARLIEST} AND {_LATEST}"
        moments.append(f"WHEN {fits} THEN {zoned.format(naive)}")
        days.append(f"WHEN {fits} THEN CAST({naive} AS DATE)")
        if written := _hour_written(sql, of, formats):
            hours.append(f"WHEN {fits} AND {written} THEN hour({naive})")
    moment, day, hour = (f"CASE {' '.join(arms)} END" if arms else "NULL" for arms in (moments, days, hours))
    return Typed(day, first=first) if to == "date" else Typed(moment, day, hour, first)


def _hour_written(sql: str, of: str, formats: tuple[str, ...]) -> str:
    """SQL that holds where a local time came with its hour, "" for never: to a database a day alone is midnight."""
    if is_direct(of, "timestamp"):
        return "" if _family(of) == "date" else "true"
    kinds = formats or ("iso",)
    if "iso" in kinds:
        # No way to write a day alone takes more than ten characters.
        return f"length(CAST({sql} AS VARCHAR)) > 10"
    return "true" if any(mark in form for form in kinds for mark in ("%H", "%I", "%X", "%c")) else ""


def _read(text: str, formats: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """SQL of instants (where the text has an offset) and of local times, each in the formats' order."""
    instants, locals_ = [], []
    for form in formats:
        if form == "iso":
            # An offset cannot be told by TIMESTAMP's cast, which drops it; "2010-12-01" ends like one.
            offset = f"contains({text}, '+') OR suffix({text}, 'Z') OR (length({text}) > 19 AND {_OFFSET.format(text)})"
            instants.append(f"CASE WHEN {offset} THEN TRY_CAST({text} AS TIMESTAMPTZ) END")
            locals_.append(f"CASE WHEN NOT ({offset}) THEN TRY_CAST({text} AS TIMESTAMP) END")
        elif form in ("epoch", "epoch_ms"):
            scale = 1_000_000 if form == "epoch" else 1000
            micros = f"CAST(round(TRY_CAST({text} AS DECIMAL(30, 6)) * {scale}) AS BIGINT)"
            instants.append(f"TRY(make_timestamptz({micros}))")
        elif "%z" in form:
            instants.append(f"try_strptime({text}, {literal(form)})")
        else:
            locals_.append(f"try_strptime({text}, {literal(form)})")
    return instants, locals_


def _either(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"coalesce({', '.join(choices)})" if choices else "NULL"


def _family(of: str) -> str:
    if of in _INTEGERS:
        return "integer"
    if of in _FLOATS:
        return "float"
    if of.startswith("DECIMAL"):
        return "decimal"
    if of.startswith("TIMESTAMP"):
        return "aware" if of == _AWARE else "time"
    return {"BOOLEAN": "boolean", "DATE": "date"}.get(of, "other")
