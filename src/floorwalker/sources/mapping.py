"""A mapping: which columns of a source's files become which columns of the vocabulary.

In: a TOML file and the project's defaults. Out: a checked `Mapping`; whatever cannot be meant is a `ConfigError` with
file and line.

    source = "till"
    files = "data/till/receipts_*.csv"
    time_zone = "Europe/London"

    [[maps]]
    kind = "order_lines"
    where = "kind = 'sale'"
    [maps.columns]
    order_id = "receipt_no"
    occurred_at = { column = "sold_at", formats = ["iso", "%d/%m/%Y %H:%M"] }
    quantity = { expression = "abs(as_number(qty))" }
    unit_price = { column = "price", decimal = "," }
    product_id = "sku"
    channel = { value = "store" }

A column's `map` rewrites values; its `default` stands in for a blank, and with a `map` also for every value the map
does not name. `formats` are tried in order; besides strptime's there are "iso", "epoch" (seconds) and "epoch_ms".
Without formats a time is read as ISO 8601. The first map whose `where` holds takes the row; `rest = "skip"` lets rows
no map wants pass. A map with `each`, SQL of a list, makes a row of every element of it, which expressions call `item`.

>>> text = 'source = "s"\\nfiles = "x.csv"\\n[[maps]]\\nkind = "stores"\\ncolumns = { store_id = "no" }'
>>> parse_mapping(text).kinds
('stores',)
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import zoneinfo
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.events.vocabulary import KINDS, Column, Kind
from floorwalker.sources.shape import KEYS, Arrival, Shape, check_formats, read_arrival, read_shape

FORMATS = ("auto", "csv", "tsv", "jsonl", "parquet", "fixed", "debezium")
NULL_VALUES = ("", "nan", "NaN", "NULL", "null", "N/A", "#N/A")
SET_BY_FLOORWALKER = (
    *("event_id", "source", "delivery_id", "schema_version"),
    *("occurred_on", "occurred_hour", "received_at", "record_id"),
)
POSITION = "__position"
"""Where a change stands in a database's log: part of its identity, so that a row may become what it was before."""
ITEM = "item"  # what expressions call an element of a map's `each`
_OPTIONS = ("column", "expression", "value", "formats", "time_zone", "decimal", "map", "default", "hash")


@dataclass(frozen=True)
class Defaults:
    """What a row carries when neither a column nor the mapping says otherwise; empty: nothing is known."""

    time_zone: str = "UTC"
    channel: str = ""
    market: str = ""
    brand: str = ""
    legal_entity: str = ""
    language: str = ""
    currency: str = ""
    purposes: str = ""


@dataclass(frozen=True)
class ColumnMap:
    """How one column of a kind is filled: exactly one of `column`, `expression` and `value` is not None."""

    target: str
    column: str | None = None
    expression: str | None = None
    value: str | None = None
    formats: tuple[str, ...] = ()
    time_zone: str = ""
    decimal: str = "."
    map: tuple[tuple[str, str], ...] = ()
    default: str | None = None
    hash: str = ""
    names: tuple[str, ...] = ()
    """Source columns it reads."""
    numbers: tuple[str, ...] = ()
    """Arguments of `as_number` in the expression: a text there that is no number sends the row to quarantine."""


@dataclass(frozen=True)
class KindMap:
    """One `[[maps]]`: the rows for which `where` holds become rows of `kind`."""

    kind: str
    columns: tuple[ColumnMap, ...]
    where: str = ""
    names: tuple[str, ...] = ()
    """Source columns that `where` and `each` read."""
    each: str = ""
    """SQL of a list: a row becomes as many as this has elements that are not NULL, at least one."""

    @property
    def mapped(self) -> dict[str, ColumnMap]:
        return {column.target: column for column in self.columns}


@dataclass(frozen=True)
class Mapping:
    """A whole mapping, checked. `digest` changes when any row could come out differently."""

    source: str
    files: tuple[str, ...]
    maps: tuple[KindMap, ...]
    defaults: Defaults = field(default_factory=Defaults)
    format: str = "auto"
    encoding: str = "auto"
    delimiter: str = ""
    null_values: tuple[str, ...] = NULL_VALUES
    order_scope: str = ""
    delivery: str = "file"
    rest: str = "quarantine"
    change_key: tuple[str, ...] = ()
    """Columns that name a row of a database whose changes are read (format debezium)."""
    path: str = ""
    shape: Shape = field(default_factory=Shape)
    arrival: Arrival = field(default_factory=Arrival)

    @property
    def name(self) -> str:
        """The mapping file's name without its ending."""
        return Path(self.path).stem

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds this mapping produces, each once, in the mapping's order."""
        return tuple(dict.fromkeys(item.kind for item in self.maps))

    @property
    def names(self) -> tuple[str, ...]:
        """Every source column the mapping reads, each once."""
        found: dict[str, None] = {}
        for item in self.maps:
            found.update(dict.fromkeys(item.names))
            for column in item.columns:
                found.update(dict.fromkeys(column.names))
        return tuple(found | dict.fromkeys([POSITION] if self.change_key else []))

    @property
    def digest(self) -> str:
        told = asdict(replace(self, files=(), path=""))
        # What a mapping does not use is not in it: no known delivery is read again because there are new keys.
        unused = {"arrival": told["arrival"], "change_key": (), "shape": asdict(Shape())}
        told = {key: one for key, one in told.items() if key not in unused or one != unused[key]}
        told["maps"] = tuple({key: one for key, one in item.items() if key != "each" or one} for item in told["maps"])
        return hashlib.sha256(repr(told).encode()).hexdigest()


def needs_time(kind: Kind) -> bool:
    """Events must say when they happened; a description of a thing or a customer is as old as its delivery.

    >>> needs_time(KINDS["order_lines"]), needs_time(KINDS["products"]), needs_time(KINDS["customers"])
    (True, False, False)
    """
    return not kind.key and kind.name != "customers"


def load_mapping(path: Path | str, defaults: Defaults | None = None) -> Mapping:
    """Read and check a mapping file. Raises `ConfigError` with the file and, where it can be found, the line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read the mapping {path.name}", why=str(error)) from error
    return parse_mapping(text, defaults, str(path))


def parse_mapping(text: str, defaults: Defaults | None = None, path: str = "mapping") -> Mapping:
    """The same, from TOML text; `path` is what errors call it."""
    return _Reader(text, path).mapping(defaults or Defaults())


class _Reader:
    """Reads one TOML text; knows where its keys stand, so that errors can say so."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path

    def mapping(self, defaults: Defaults) -> Mapping:
        try:
            document = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError("the mapping is not valid TOML", why=f"{self.path}: {error}") from error
        inherited = tuple(item.name for item in fields(Defaults))
        known = ("source", "files", "format", "encoding", "delimiter", "null_values", "order_scope", "delivery", "rest",
                 "decimal", "change_key", "maps", *KEYS, *inherited)  # fmt: skip
        self.known(document, known, "key")
        for key in ("source", "files", "maps"):
            if not document.get(key):
                raise ConfigError(f"the mapping has no '{key}'", why=self.path, fix=f"add {key} = …")
        source = self.string(document, "source")
        own = {}
        for key in inherited:
            if key in document:
                value = document[key]
                own[key] = (
                    " ".join(value) if key == "purposes" and isinstance(value, list) else self.string(document, key)
                )
        defaults = replace(defaults, **own)
        self.zone(defaults.time_zone, "time_zone")
        decimal = self.choice(document, "decimal", (".", ","), ".")
        delimiter = self.string(document, "delimiter", "")
        if len(delimiter.encode()) > 1:
            self.fail(f"delimiter {delimiter!r} is not one character", "delimiter", fix='"," ";" "|" or "\\t"')
        change_key, changes = self.strings(document, "change_key"), document.get("format") == "debezium"
        if changes != bool(change_key):
            self.fail("format debezium and change_key come together", "change_key" if change_key else "format",
                      fix='format = "debezium" and change_key = "id", the columns that name a row')  # fmt: skip
        maps = document["maps"]
        if not isinstance(maps, list) or not all(isinstance(item, dict) for item in maps):
            self.fail("'maps' must be a list of tables", "maps", fix="write each as [[maps]]")
        return Mapping(
            source=source,
            files=self.strings(document, "files"),
            maps=tuple(self.kind_map(item, index, decimal) for index, item in enumerate(maps)),
            defaults=defaults,
            format=self.choice(document, "format", FORMATS, "auto"),
            encoding=self.encoding(self.string(document, "encoding", "auto")),
            delimiter=delimiter,
            null_values=self.strings(document, "null_values", NULL_VALUES),
            order_scope=self.string(document, "order_scope", source),
            delivery=self.choice(document, "delivery", ("file", "folder"), "file"),
            rest=self.choice(document, "rest", ("quarantine", "skip"), "quarantine"),
            change_key=change_key,
            path=self.path,
            shape=read_shape(document, self.fail),
            arrival=read_arrival(document, self.fail),
        )

    def kind_map(self, item: dict[str, Any], index: int, decimal: str) -> KindMap:
        self.known(item, ("kind", "where", "each", "columns"), "key of [[maps]]", index)
        name = str(item.get("kind", ""))
        if name not in KINDS:
            self.fail(f"unknown kind {name!r}", "kind", index, fix=did_you_mean(name, KINDS))
        kind = KINDS[name]
        columns = item.get("columns")
        if not isinstance(columns, dict) or not columns:
            self.fail(f"the map to {name} has no columns", "kind", index, fix="add [maps.columns]")
        targets = tuple(column for column in kind.names if column not in SET_BY_FLOORWALKER)
        each = self.string(item, "each", "", index)
        items = self.parse(each, "each", index)[0] if each else ()
        made = {}
        for target, entry in columns.items():
            if target in SET_BY_FLOORWALKER:
                self.fail(f"column '{target}' is filled by Floorwalker", target, index, fix="take it out")
            if target not in targets:
                self.fail(f"{name} has no column '{target}'", target, index, fix=did_you_mean(target, targets))
            made[target] = self.column_map(kind.column(target), entry, index, decimal, items)
        required = [column.name for column in kind.columns if column.required]
        for target in required + ["occurred_at"] * needs_time(kind):
            if target not in made:
                self.fail(f"{name} needs the column '{target}'", "kind", index, fix=f"map {target} in [maps.columns]")
        where = self.string(item, "where", "", index)
        read = tuple(dict.fromkeys((*(self.parse(where, "where", index)[0] if where else ()), *items)))
        return KindMap(name, tuple(made[target] for target in kind.names if target in made), where, read, each)

    def column_map(self, column: Column, entry: Any, index: int, decimal: str, items: tuple[str, ...]) -> ColumnMap:
        target = column.name
        if isinstance(entry, str):
            entry = {"column": entry}
        if not isinstance(entry, dict):
            self.fail(
                f"'{target}' must be a column's name or a table", target, index, fix='for a constant: { value = "…" }'
            )
        self.known(entry, _OPTIONS, f"option of '{target}'", index, target)
        if sum(key in entry for key in ("column", "expression", "value")) != 1:
            self.fail(f"'{target}' needs one of column, expression, value", target, index)
        if entry.get("hash") and not column.personal:
            self.fail(f"'{target}' is not an identifier, so it cannot arrive hashed", target, index)
        if column.type not in ("timestamp", "date") and ("formats" in entry or "time_zone" in entry):
            self.fail(f"'{target}' is not a time: formats and time_zone mean nothing here", target, index)
        if "time_zone" in entry:
            self.zone(entry["time_zone"], target, index)
        check_formats(self.strings(entry, "formats", (), index), target, index, self.fail)
        names, numbers = (entry["column"],) if "column" in entry else (), ()
        if "expression" in entry:
            names, numbers = self.parse(str(entry["expression"]), target, index)
            if items:
                # What is said of an item is read from where the items are.
                own = [name for name in names if name.split(".")[0] != ITEM]
                names = tuple(dict.fromkeys((*own, *(items if len(own) < len(names) else ()))))
        value = entry.get("value")
        pairs = entry.get("map", {})
        if not isinstance(pairs, dict) or not all(
            isinstance(word, str | int | float | bool) for word in pairs.values()
        ):
            self.fail(f"the map of '{target}' must be a table of words", target, index)
        return ColumnMap(
            target=target,
            column=entry.get("column"),
            expression=entry.get("expression"),
            value=None if value is None else _text(value),
            formats=self.strings(entry, "formats", (), index),
            time_zone=entry.get("time_zone", ""),
            decimal=self.choice(entry, "decimal", (".", ","), decimal, index),
            map=tuple((key, _text(word)) for key, word in pairs.items()),
            default=None if entry.get("default") is None else _text(entry["default"]),
            hash=self.string(entry, "hash", "", index),
            names=names,
            numbers=numbers,
        )

    def parse(self, sql: str, key: str, index: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Source columns of a row expression, and the arguments of its `as_number` calls."""
        try:
            tree = sqlglot.parse_one(sql, dialect="duckdb")
        except SqlglotError as error:
            message = re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()[0]
            self.fail(f"the SQL of '{key}' does not parse", key, index, fix=message)
        if isinstance(tree, exp.Query | exp.DDL | exp.DML | exp.Command) or tree.find(
            exp.Query, exp.AggFunc, exp.Window
        ):
            self.fail(f"the SQL of '{key}' must be an expression over one row", key, index)
        bound = {name.name for lam in tree.find_all(exp.Lambda) for name in lam.expressions}
        names = dict.fromkeys(column_name(item) for item in tree.find_all(exp.Column))
        numbers = dict.fromkeys(
            call.expressions[0].sql(dialect="duckdb")
            for call in tree.find_all(exp.Anonymous)
            if call.name.lower() == "as_number" and call.expressions
        )
        return tuple(sorted(name for name in names if name not in bound)), tuple(sorted(numbers))

    def known(self, table: dict[str, Any], names: tuple[str, ...], what: str, index: int = -1, at: str = "") -> None:
        for key in table:
            if key not in names:
                self.fail(f"unknown {what}: '{key}'", at or key, index, fix=did_you_mean(key, names))

    def string(self, table: dict[str, Any], key: str, default: str = "", index: int = -1) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            self.fail(f"'{key}' must be text", key, index)
        return value

    def strings(
        self, table: dict[str, Any], key: str, default: tuple[str, ...] = (), index: int = -1
    ) -> tuple[str, ...]:
        value = table.get(key, list(default))
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(f"'{key}' must be text or a list of texts", key, index)
        return tuple(value)

    def choice(self, table: dict[str, Any], key: str, choices: tuple[str, ...], default: str, index: int = -1) -> str:
        value = self.string(table, key, default, index)
        if value not in choices:
            self.fail(
                f"{key} = {value!r} is not one of {', '.join(choices)}", key, index, fix=did_you_mean(value, choices)
            )
        return value

    def encoding(self, name: str) -> str:
        try:
            return name if name == "auto" else "".encode(name).decode(name) or name
        except LookupError:
            self.fail(f"unknown encoding {name!r}", "encoding", fix='"auto", "utf-8", "latin-1" or "cp1252"')

    def zone(self, name: Any, key: str, index: int = -1) -> None:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError):
            zones = zoneinfo.available_timezones()
            # A machine without a time zone database cannot check the name; DuckDB, which has its own, will.
            if zones:
                self.fail(f"unknown time zone {name!r}", key, index, fix=did_you_mean(str(name), zones))

    def fail(self, what: str, key: str, index: int = -1, fix: str = "") -> NoReturn:
        line = self.line(key, index)
        raise ConfigError(what, why=f"{self.path} line {line}" if line else self.path, fix=fix)

    def line(self, key: str, index: int) -> int:
        """Line of `key`: before the first [[maps]] for index −1, else within the index-th; 0 when it is not found."""
        at = -1
        pattern = re.compile(rf'(^|[\s{{,."\'])["\']?{re.escape(key)}["\']?\s*[=\]]')
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.match(r"\s*\[\[\s*maps\s*\]\]", line):
                at += 1
                if key == "maps":
                    return number
            if at == index and pattern.search(line):
                return number
        return 0


def column_name(column: exp.Column) -> str:
    """The source column an expression means: `customer.email` is the JSON path, not a table's column."""
    return ".".join(part.name for part in column.parts)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
