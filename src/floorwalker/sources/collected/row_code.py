"""A mapping's maps as generated Python functions: from what an event says to a typed row, or what is wrong with it.

In: a mapping and the kinds wanted. Out: per kind of flattened row a function `take(rows, refused, *fields)` (FIELDS),
which adds the row to the one list or the other. What `compile` and `views` say in SQL stands here as Python source,
compiled once: an event costs few calls.

>>> from floorwalker.sources.mapping import parse_mapping
>>> text = '''source = "s"
... files = "x"
... [[maps]]
... kind = "stores"
... where = "row_kind = 'visit'"
... columns = { store_id = { expression = "properties->>'$.no'" } }'''
>>> takes, rows = takers(parse_mapping(text), None, ["visit", "sale"]), []
>>> takes["visit"](rows, [], *fields(properties={"no": "7.0"}, occurred_at=0))
>>> rows[0].values["store_id"], takes["sale"]
('7', None)
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, NamedTuple

from floorwalker.errors import ConfigError
from floorwalker.events.vocabulary import DEMOGRAPHICS, KINDS, Column, Kind
from floorwalker.sources.collected import values
from floorwalker.sources.collected.expressions import TEXTS, TREES, Compiler, NotCompiled, Value, parsed
from floorwalker.sources.compile import IDENTIFIERS, WRONG, known_currency, read_as
from floorwalker.sources.conversions import signs_of
from floorwalker.sources.mapping import ColumnMap, KindMap, Mapping, needs_time

FIELDS = (*TEXTS, *TREES)
"""What a generated function is given: `occurred_at` is a moment in microseconds, the last four are dicts."""
try:
    from _md5 import md5  # ty: ignore[import-not-found]  # Python's own: for so few bytes twice as fast as OpenSSL's
except ImportError:
    from hashlib import md5

Take = Callable[..., None]
_DEFAULTED = ("channel", "market", "brand", "legal_entity", "language", "purposes", "currency")


class Row(NamedTuple):
    """A row of a kind: values by column, as Python has them; `occurred_at` in microseconds since 1970, UTC."""

    kind: str
    values: dict[str, Any]


class Refused(NamedTuple):
    """A row that the batch path would put into quarantine, and why."""

    kind: str
    reason: str


def fields(**given: Any) -> tuple[Any, ...]:
    """Arguments of a generated function, by name; the rest is empty."""
    return tuple(given.get(name, {} if name in TREES else None) for name in FIELDS)


def takers(mapping: Mapping, kinds: Collection[str] | None, row_kinds: Iterable[str]) -> dict[str, Take | None]:
    """The function of each kind of flattened row; None where it makes nothing that is wanted.

    `kinds`: of the vocabulary, None for all. Raises ConfigError for an expression that has no Python.
    """
    maker = _Maker(mapping)
    return {row_kind: maker.take(row_kind, kinds) for row_kind in row_kinds}


class _Maker:
    """Generates and compiles."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.clean = values.Cleaner(mapping.null_values)
        self.made: dict[tuple[int, str], Take] = {}
        self.zone = zoneinfo.ZoneInfo(mapping.defaults.time_zone)
        self.names: dict[str, Any] = {
            name: getattr(values, name)
            for name in ("BLANKS", "FLOATS", "MISSING", "as_id", "context_text", "hashed", "item", "json_text",
                         "json_type", "lower", "pruned", "text_of", "trimmed", "upper", "written")
        }  # fmt: skip
        self.names |= {
            "Row": partial(tuple.__new__, Row), "Refused": Refused, "NULLS": self.clean.nulls,
            "odd_clean": self.clean.odd, "amount_of": values.amount, "DAYS": values.Days(mapping.defaults.time_zone),
            "md5": md5,
        }  # fmt: skip

    def take(self, row_kind: str, kinds: Collection[str] | None) -> Take | None:
        """The first map whose `where` holds takes the row; one of a kind that nobody wants takes it away."""
        arms: list[tuple[str, Take | None]] = []
        compiler = Compiler()
        for number, item in enumerate(self.mapping.maps):
            condition = self.compiled(item, "where", item.where, row_kind, compiler) if item.where else "True"
            if condition != "False":
                arms.append((condition, self.map(number, row_kind) if kinds is None or item.kind in kinds else None))
            if condition == "True":
                break
        if not any(take for _, take in arms):
            return None
        if arms[0][0] == "True":
            return arms[0][1]
        names = {f"map_{place}": take for place, (_, take) in enumerate(arms) if take}
        lines = [f"def take(rows, refused, {', '.join(FIELDS)}):"]
        for place, (condition, take) in enumerate(arms):
            then = f"map_{place}(rows, refused, {', '.join(FIELDS)})" if take else "None"
            lines.append(f"    if {condition}:\n        return {then}")
        return self.run(lines, "take", names)

    def compiled(self, item: KindMap, target: str, sql: str, row_kind: str, compiler: Compiler) -> str:
        with_kind = {"row_kind": row_kind}
        try:
            return compiler.condition(parsed(sql), with_kind)
        except NotCompiled as error:
            raise self.refusal(item, target, sql, error) from None

    def refusal(self, item: KindMap, target: str, sql: str, error: NotCompiled) -> ConfigError:
        return ConfigError(
            f"the live path cannot work out '{target}' of {item.kind}",
            why=f"{self.mapping.path}: in {sql} it has no way for {error}",
            fix="write it with coalesce, CASE, ->> and comparisons of text, as collected.toml does",
        )

    def run(self, lines: list[str], name: str, more: dict[str, Any]) -> Take:
        space = {**self.names, **more}
        exec(compile("\n".join(lines), f"<{self.mapping.path}: {name}>", "exec"), space)
        return space[name]

    def map(self, number: int, row_kind: str) -> Take:
        """The function of one map for rows of a kind."""
        if (number, row_kind) not in self.made:
            self.made[number, row_kind] = _Function(self, self.mapping.maps[number], row_kind).made()
        return self.made[number, row_kind]


class _Function:
    """One map's function."""

    def __init__(self, maker: _Maker, item: KindMap, row_kind: str) -> None:
        self.maker, self.item, self.kind = maker, item, KINDS[item.kind]
        self.known = {"row_kind": row_kind}
        self.mapping = maker.mapping
        self.compiler = Compiler()
        self.names: dict[str, Any] = {}
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}

    def made(self) -> Take:
        for column in self.item.columns:
            self.column(column, self.kind.column(column.target))
        self.amount()
        self.time()
        self.lines += [
            "if bad:",
            f"    refused.append(Refused({self.kind.name!r}, '; '.join(bad)))",
            "    return",
        ]
        self.record_id()
        row = ", ".join(f"{name!r}: {code}" for name, code in self.row().items())
        self.lines.append(f"rows.append(Row(({self.kind.name!r}, {{{row}}})))")
        head = [f"def map_row(rows, refused, {', '.join(FIELDS)}):", "    bad = None"]
        return self.maker.run(head + [f"    {line}" for line in self.lines], "map_row", self.names)

    def column(self, column: ColumnMap, about: Column) -> None:
        """Lines that set `v_…`, the typed value, by way of `s`, the clean text; or note what is wrong."""
        name = column.target
        if column.value is not None:
            self.constant(column, about)
            return
        if name == "occurred_at" and self.is_moment(column):
            return
        value = self.start(column)
        code = value.code
        if value.kind == "json":
            code = f"(None if (s := {code}) is MISSING else json_text(s))"
        elif value.kind in ("boolean", "integer"):
            code = f"text_of({code})"
        self.add(f"v_{name} = s = {code}")
        known = value.words is not None and all(self.maker.clean(word) == word for word in value.words)
        if column.expression is not None and value.kind == "text" and not known:
            self.add("if s is not None and (not s or s[0] in BLANKS or s[-1] in BLANKS or s in NULLS):")
            self.add(f"    v_{name} = s = odd_clean(s)")
        if column.map or column.default is not None or column.hash:
            self.rewrite(column)
        required = about.required or (name == "occurred_at" and needs_time(self.kind))
        read = self.read(column, about)
        if read:
            why = WRONG.get(read_as(about), "cannot be read as a number")
            why = "not an accepted value" if about.values else "not a hash" if column.hash else why
            self.add("if s is not None:")
            self.lines += [f"    {line}" for line in read]
            self.lines[-1] += f": bad = [*(bad or ()), {f'{name}: {why}'!r}]"
        if required:
            self.add(f"{'else' if read else 'if s is None'}: bad = [*(bad or ()), {name + ': missing'!r}]")

    def add(self, line: str) -> None:
        self.lines.append(line)

    def name(self, value: Any) -> str:
        """A name by which the code has a Python object."""
        name = f"g{len(self.names)}"
        self.names[name] = value
        return name

    def is_moment(self, column: ColumnMap) -> bool:
        plain = not (column.map or column.default is not None or column.formats)
        return plain and (column.column or "").lower() == "occurred_at"

    def start(self, column: ColumnMap) -> Value:
        sql = column.expression if column.expression is not None else f'"{column.column}"'
        try:
            if column.numbers:
                raise NotCompiled("as_number")
            return self.compiler.value(parsed(sql), self.known)
        except NotCompiled as error:
            raise self.maker.refusal(self.item, column.target, sql, error) from None

    def rewrite(self, column: ColumnMap) -> None:
        """The mapping's own `map`, `default` and `hash`."""
        if column.map:
            words = self.name(dict(reversed(column.map)))
            self.add(f"s = {words}.get(s, {'s' if column.default is None else repr(column.default)})")
        elif column.default is not None:
            self.add(f"if s is None: s = {column.default!r}")
        if column.hash:
            self.add("if s is not None: s = lower(s)")
        self.add(f"v_{column.target} = s")

    def read(self, column: ColumnMap, about: Column) -> list[str]:
        """Lines for a text that is there. The last asks whether it cannot be read, and lacks what happens then. No
        lines for a type that any text is of."""
        name = f"v_{column.target}"
        unread = f"if {name} is None"
        if column.hash:
            return [f"{name} = hashed(s, {column.hash!r})", unread]
        if about.values:
            spelling = {word.lower(): word for word in about.values} | {word: word for word in about.values}
            words = self.name(spelling)
            return [f"{name} = {words}.get(s)", f"{unread} and ({name} := {words}.get(lower(s))) is None"]
        if read_as(about) == "text":
            return []
        if read_as(about) == "id":
            # Only numbers are ever damaged.
            numeric = "s < ':' and ('.' in s or '+' in s or ',' in s or s[0] == '#')"
            return [f"if {numeric} and ({name} := as_id(s)) is None"]
        known = self.name(values.Known(self.reading(column, about)))
        if column.target == "occurred_at":
            return [f"v_occurred_at, v_day, v_hour = {known}[s] or (None, None, None)", unread]
        return [f"{name} = {known}[s]", unread]

    def reading(self, column: ColumnMap, about: Column) -> Callable[[str], Any]:
        zone = zoneinfo.ZoneInfo(column.time_zone) if column.time_zone else self.maker.zone
        if about.type in ("date", "timestamp"):
            if column.formats not in ((), ("iso",)):
                raise ConfigError(
                    f"the live path cannot read '{column.target}' of {self.kind.name} by formats",
                    why=f"{self.mapping.path}: it knows ISO 8601 only",
                    fix="let clients send ISO 8601, as the event language wants it",
                )
            return partial(values.date if about.type == "date" else values.instant, zone=zone)
        scale = {"quantity": 3, "money": 4}.get(about.type)
        if scale is not None:
            signs = signs_of(known_currency(self.mapping, self.item)) if about.type == "money" else ""
            return partial(values.decimals, width=18, scale=scale, decimal=column.decimal, signs=signs)
        if about.type == "boolean":
            return values.boolean
        return partial(values.whole if about.type == "integer" else values.number, decimal=column.decimal)

    def constant(self, column: ColumnMap, about: Column) -> None:
        text, value = column.value or "", None
        if about.values:
            value = {word.lower(): word for word in about.values}.get(values.lower(text))
        elif about.type in ("text", "id"):
            value = text if read_as(about) == "text" else values.as_id(text)
        else:
            value = self.reading(column, about)(text)
        if value is None:
            raise ConfigError(
                f"the value of '{column.target}' does not fit", why=f"{self.mapping.path}: {text!r} is no {about.type}"
            )
        self.constants[column.target] = value
        self.add(f"v_{column.target} = {value!r}" if type(value) is str else f"v_{column.target} = {self.name(value)}")
        if column.target == "occurred_at":
            self.add("v_occurred_at, v_day, v_hour = v_occurred_at")

    def has(self, name: str) -> bool:
        return name in self.item.mapped

    def amount(self) -> None:
        """What a line cost, where the source does not say it."""
        if not {"amount", "quantity", "unit_price"} <= set(self.kind.names):
            return
        if not self.has("amount"):
            self.add("v_amount = None")
        if self.has("quantity") and self.has("unit_price"):
            discount = "v_discount" if self.has("discount") else "None"
            self.add("if v_amount is None and v_quantity is not None and v_unit_price is not None:")
            self.add(f"    v_amount = amount_of(v_quantity, v_unit_price, {discount})")
            self.add("    if v_amount is None: bad = [*(bad or ()), 'amount: too large']")

    def time(self) -> None:
        column = self.item.mapped.get("occurred_at")
        if column is None:
            # A description is as old as its delivery: here, as the event.
            self.add("v_occurred_at = occurred_at")
        elif not self.is_moment(column):
            if not needs_time(self.kind):
                self.add("if v_occurred_at is None:")
                self.add("    v_occurred_at = occurred_at")
                self.add("    v_day, v_hour = DAYS[v_occurred_at // 30000000]")
            return
        else:
            self.add("v_occurred_at = occurred_at")
        self.add("v_day, v_hour = DAYS[v_occurred_at // 30000000]")

    def record_id(self) -> None:
        """Hash of who the row says it is, as `views` makes it."""
        own = [one for one in self.kind.own if one not in DEMOGRAPHICS] if self.kind.name == "customers" else ()
        columns = [one for one in (*IDENTIFIERS, *own) if self.kind.person and self.has(one.name)]
        self.add("v_record_id = None")
        naming = [f"v_{one.name} is not None" for one in columns if one.personal]
        if not naming:
            return
        self.add(f"if {' or '.join(naming)}:")
        self.add(f"    w = {self.mapping.source!r}")
        for one in columns:
            text = f"v_{one.name}" if one.type in ("text", "id") else f"text_of_value(v_{one.name})"
            self.add(f"    if v_{one.name} is not None: w += {chr(31) + one.name + '='!r} + {text}")
        self.add("    v_record_id = md5(w.encode()).hexdigest()")
        self.names["text_of_value"] = _as_text

    def row(self) -> dict[str, str]:
        """The row's values: Python by column."""
        found = {name: f"v_{name}" for name in self.item.mapped}
        found |= {"occurred_at": "v_occurred_at", "occurred_on": "v_day", "occurred_hour": "v_hour"}
        if "amount" in self.kind.names and {"quantity", "unit_price"} <= set(self.kind.names):
            found["amount"] = "v_amount"
        for name in _DEFAULTED:
            default = getattr(self.mapping.defaults, name)
            if default and name in self.kind.names and not self.kind.column(name).required:
                found[name] = f"{default!r} if v_{name} is None else v_{name}" if self.has(name) else repr(default)
        if "order_key" in self.kind.names:
            scope = f"{self.mapping.order_scope}:"
            key = f"None if v_order_id is None else {scope!r} + v_order_id" if self.has("order_id") else "None"
            found["order_key"] = f"v_order_key if v_order_key is not None else {key}" if self.has("order_key") else key
        if self.kind.person:
            found["record_id"] = "v_record_id"
        return found


def _as_text(value: Any) -> str:
    """What a database casts a value to."""
    return value.isoformat() if isinstance(value, dt.date) else str(value).lower() if value is True else str(value)


__all__ = ["FIELDS", "Kind", "Refused", "Row", "Take", "fields", "takers"]
