"""A map compiled into SQL: from the raw rows of a file to typed rows with their keys, or with what is wrong with them.

In: a mapping, one of its maps, the columns a file has with their DuckDB types, and how its text is cleaned. Out: SQL
texts over the table `incoming_raw` (columns fw_c0 … as delivered, fw_file, fw_map) and `incoming_parts` (fw_file,
fw_delivery, fw_first).

Selects stand in one another, each worked out once: where values start (`e_…`), the mapping's rewriting (`s_…`), typed
values (`v_…`), then per row what is wrong with it and the key of its content. The content's key is a hash of every
mapped column's typed value, so that the same row has it in any format, order or file; defaults and whatever else is
derived are not in it.

>>> separated("k", {"order_id": "'7'", "size": "NULL"})
"concat_ws(chr(31), 'k', 'order_id=' || CAST('7' AS VARCHAR), 'size=' || CAST(NULL AS VARCHAR))"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import duckdb
import sqlglot
from sqlglot import exp

from floorwalker.errors import ConfigError, SourceError, did_you_mean
from floorwalker.events.vocabulary import KINDS, LAKE_TYPES, PERSON, Column, Kind
from floorwalker.sources.conversions import clean_layers, is_direct, literal, not_nan, quoted, typed
from floorwalker.sources.mapping import ITEM, POSITION, ColumnMap, KindMap, Mapping, column_name, needs_time

IDENTIFIERS = tuple(column for column in PERSON if column.name != "record_id")
HashSql = Callable[[str, str], str]
WRONG = {
    "id": "id destroyed by a spreadsheet",
    "date": "cannot be read as a date",
    "timestamp": "cannot be read as a time",
    "boolean": "cannot be read as yes or no",
    "integer": "cannot be read as a whole number",
}


@dataclass(frozen=True)
class Layout:
    """The columns of a group of files: name → (column of incoming_raw, DuckDB type).

    `form`: csv, jsonl, fixed or parquet.
    """

    columns: dict[str, tuple[str, str]]
    form: str

    def find(self, name: str) -> str | None:
        """The column's own spelling; names differ by case only if the file says so. "" is an unnamed first column."""
        if name in self.columns:
            return name
        if name == "" and "column0" in self.columns:
            return "column0"
        return next((known for known in self.columns if known.lower() == name.lower()), None)


def layout_of(names: Iterable[str], types: Iterable[str], form: str) -> Layout:
    """Names as a file gives them, made distinct: an unnamed column is column<n>, a repeated name gets _1, _2 …"""
    columns: dict[str, tuple[str, str]] = {}
    taken: set[str] = set()
    for index, (name, kind) in enumerate(zip(names, types, strict=True)):
        stem = label = name or f"column{index}"
        turn = 0
        while label.lower() in taken:
            turn += 1
            label = f"{stem}_{turn}"
        taken.add(label.lower())
        columns[label] = (f"fw_c{index}", kind)
    return Layout(columns, form)


def missing_columns(mapping: Mapping, layout: Layout) -> SourceError | None:
    """The refusal of files that lack a column the mapping reads; lines of JSON may lack any."""
    missing = [name for name in mapping.names if layout.find(name) is None]
    if not missing or layout.form == "jsonl":
        return None
    names = ", ".join(repr(name) for name in missing)
    return SourceError(
        f"the file has no column {names}",
        why=f"the mapping {mapping.path or mapping.source} reads it",
        fix=did_you_mean(missing[0], layout.columns),
    )


def named_columns(mapping: Mapping, layout: Layout, source: str) -> str:
    """SELECT of `source` and of every column the mapping reads, under its own name, as clean text."""
    known = [layout.find(name) for name in mapping.names]
    columns = {name: layout.columns[name] for name in known if name is not None}
    return clean_layers(source, columns, mapping.null_values, nul_bytes=layout.form == "jsonl")


def routing_sql(mapping: Mapping, layout: Layout) -> str:
    """The number of the first map whose `where` holds, −1 where none does."""
    arms = []
    for number, item in enumerate(mapping.maps):
        if not item.where:
            arms.append(f"ELSE {number}")
            break
        arms.append(f"WHEN coalesce(TRY(CAST(({_own(item.where, layout)}) AS BOOLEAN)), false) THEN {number}")
    if arms[0].startswith("ELSE"):
        return "0"
    return f"CASE {' '.join(arms)}{'' if arms[-1].startswith('ELSE') else ' ELSE -1'} END"


def stored_columns(mapping: Mapping, kind: Kind) -> tuple[Column, ...]:
    """Columns that differ from row to row: those that any map to this kind reads from the source."""
    dynamic = {
        column.target
        for item in mapping.maps
        if item.kind == kind.name
        for column in item.columns
        if column.value is None
    }
    return tuple(column for column in kind.columns if column.name in dynamic)


def staged_table_sql(mapping: Mapping, kind: Kind) -> str:
    """The table the rows of a kind are staged in."""
    columns = "".join(f", {quoted(column.name)} {LAKE_TYPES[column.type]}" for column in stored_columns(mapping, kind))
    return (
        f"CREATE OR REPLACE TEMP TABLE {staged_name(kind.name)} (fw_delivery INTEGER, fw_file INTEGER, fw_row BIGINT, "
        f"fw_map TINYINT, fw_reason VARCHAR, fw_suppressed BOOLEAN, fw_key UHUGEINT, fw_day DATE, fw_hour TINYINT"
        f"{columns})"
    )


def staged_name(kind: str) -> str:
    return f"incoming_staged_{kind}"


def separated(first: str, values: dict[str, str]) -> str:
    """SQL of one text out of named values, without those that are NULL: what a key is a hash of."""
    words = [f"{literal(name + '=')} || CAST({value} AS VARCHAR)" for name, value in values.items()]
    return f"concat_ws({', '.join(['chr(31)', literal(first), *words])})"


class CompiledMap:
    """One map against one layout."""

    def __init__(self, mapping: Mapping, number: int, layout: Layout, connection: duckdb.DuckDBPyConnection) -> None:
        self.mapping, self.number, self.layout, self.connection = mapping, number, layout, connection
        self.item: KindMap = mapping.maps[number]
        self.kind: Kind = KINDS[self.item.kind]
        self.zone = mapping.defaults.time_zone
        raw = f"(SELECT rowid AS fw_rowid, * FROM incoming_raw WHERE fw_map = {number})"
        self.named = named_columns(mapping, layout, raw)
        if self.item.each:
            self.named = self.one_by_one(self.named)

    def insert_sql(self, suppressed: str, hash_sql: HashSql | None) -> str:
        """Stage the rows of `incoming_raw` that this map takes."""
        starts, texts, sources, helpers, values = {}, {}, {}, {}, {}
        day = hour = "NULL"
        for column in self.item.columns:
            name, about = column.target, self.kind.column(column.target)
            starts[f"e_{name}"], of = self.start(column, about)
            begin = f"e_{name}"
            if column.expression is not None and of == "VARCHAR":
                # What an expression makes may have blanks around it again.
                begin = f"t_{name}"
                texts[begin] = (f"e_{name}", of)
            sources[f"s_{name}"], of = self.rewritten(begin, of, column)
            read = typed(
                f"s_{name}",
                of,
                "text" if column.hash else read_as(about),
                alias=f"h_{name}",
                zone=column.time_zone or self.zone,
                formats=column.formats,
                decimal=column.decimal,
                currency=known_currency(self.mapping, self.item),
            )
            helpers |= read.first
            values[f"v_{name}"] = self.accepted(read.value, column, about)
            if name == "occurred_at":
                day, hour = read.day, read.hour
        if self.mapping.change_key:
            starts["e_position"] = quoted(POSITION)
        for index, text in enumerate(self.numbers):
            starts[f"n_{index}"] = _own(text, self.layout, bool(self.item.each))
        rows = f"SELECT fw_file, fw_rowid, {_aliased(starts)} FROM ({self.named})"
        rows = clean_layers(f"({rows})", texts, self.mapping.null_values)
        for layer in (sources, helpers, values | {"v_day": day, "v_hour": hour}):
            rows = f"SELECT *, {_aliased(layer)} FROM ({rows})" if layer else rows
        outcome = ", ".join(self.outcome(suppressed, hash_sql))
        into = f"INSERT INTO {staged_name(self.kind.name)} SELECT {outcome}"
        return f"{into} FROM ({rows}) JOIN incoming_parts USING (fw_file)"

    def one_by_one(self, rows: str) -> str:
        """A row for each element of the map's `each`; a row without any stays one, and is judged by what it lacks."""
        own = self.layout.find(ITEM)
        others = f"* EXCLUDE ({quoted(own)})" if own and own in self.mapping.names else "*"
        found = f"coalesce(list_filter(TRY({_own(self.item.each, self.layout)}), lambda one: one IS NOT NULL), [])"
        return (
            f"SELECT {others}, unnest(CASE WHEN len(fw_items) = 0 THEN [NULL] ELSE fw_items END) AS {ITEM} "
            f"FROM (SELECT *, {found} AS fw_items FROM ({rows}))"
        )

    @property
    def numbers(self) -> list[str]:
        """What the map's expressions call as_number with."""
        return sorted({text for column in self.item.columns for text in column.numbers})

    def outcome(self, suppressed: str, hash_sql: HashSql | None) -> list[str]:
        """The staged table's columns over the typed values: place, reasons, key, values."""
        mapped = self.item.mapped
        reasons = [
            *(f"CASE WHEN {bad} THEN {literal(f'{name}: {why}')} END" for name, bad, why in self.refusals()),
            *self.number_refusals(),
        ]
        content = {name: _canonical(f"v_{name}", self.kind.column(name)) for name in mapped}
        if self.mapping.change_key:
            content["position"] = "e_position"
        key = separated(f"{self.mapping.source}{chr(31)}{self.kind.name}", content)
        return [
            "fw_delivery",
            "fw_file",
            "fw_rowid - fw_first + 1",
            str(self.number),
            f"nullif(concat_ws('; ', {', '.join(reasons)}), '')" if reasons else "NULL",
            self.suppression(suppressed, hash_sql),
            f"md5_number({key})",
            "v_day",
            "v_hour",
            *(f"v_{item.name}" if item.name in mapped else "NULL" for item in stored_columns(self.mapping, self.kind)),
        ]

    def start(self, column: ColumnMap, about: Column) -> tuple[str, str]:
        """SQL of the value a column starts from, and its DuckDB type."""
        if column.value is not None:
            self.check_constant(column, about)
            return literal(column.value), "VARCHAR"
        if column.expression is not None:
            of = self.type_of(column.expression, column.target)
            return not_nan(f"TRY({_own(column.expression, self.layout, bool(self.item.each))})", of), of
        known = self.layout.find(column.column or "")
        if known is None:
            return "CAST(NULL AS VARCHAR)", "VARCHAR"
        raw, of = self.layout.columns[known]
        if is_direct(of, about.type) and not self.needs_text(column):
            return not_nan(raw, of), of
        return quoted(known), "VARCHAR"

    def needs_text(self, column: ColumnMap) -> bool:
        """Words that stand for nothing may be numbers ("-1"): then numbers must be looked at as text."""
        odd = [word for word in self.mapping.null_values if word.lower() not in ("", "nan", "null", "n/a", "#n/a")]
        return bool(column.map or column.hash or column.default is not None or odd)

    def rewritten(self, sql: str, of: str, column: ColumnMap) -> tuple[str, str]:
        """The value after the mapping's `map`, `default` and `hash`, and its type."""
        if column.map or column.default is not None or column.hash:
            sql, of = sql if of == "VARCHAR" else f"CAST({sql} AS VARCHAR)", "VARCHAR"
        if column.map:
            arms = " ".join(f"WHEN {literal(key)} THEN {literal(word)}" for key, word in column.map)
            sql = f"CASE {sql} {arms} ELSE {sql if column.default is None else literal(column.default)} END"
        elif column.default is not None:
            sql = f"coalesce({sql}, {literal(column.default)})"
        return (f"lower({sql})" if column.hash else sql), of

    def check_constant(self, column: ColumnMap, about: Column) -> None:
        if constant_text(self.connection, self.mapping, column, about) is None:
            why = (
                f"{column.value!r} is not one of: {', '.join(about.values)}"
                if about.values
                else f"it is no {about.type}"
            )
            raise ConfigError(f"the value of '{column.target}' does not fit", why=f"{self.mapping.path}: {why}")

    def accepted(self, sql: str, column: ColumnMap, about: Column) -> str:
        """Accepted words in the vocabulary's own spelling; a hash with its scheme."""
        if column.hash:
            scheme = literal(f"hash:{column.hash}:")
            return f"CASE WHEN regexp_full_match({sql}, '[0-9a-f]{{32,128}}') THEN {scheme} || {sql} END"
        return _in_own_spelling(sql, about)

    def refusals(self) -> list[tuple[str, str, str]]:
        """(column, SQL that is true where a row must not pass, why)."""
        found = []
        for column in self.item.columns:
            about = self.kind.column(column.target)
            why = WRONG.get(read_as(about), "cannot be read as a number")
            why = "not an accepted value" if about.values else "not a hash" if column.hash else why
            name = column.target
            if column.value is None and (read_as(about) != "text" or about.values or column.hash):
                found.append((name, f"s_{name} IS NOT NULL AND v_{name} IS NULL", why))
            if about.required or (name == "occurred_at" and needs_time(self.kind)):
                found.append((name, f"s_{name} IS NULL", "missing"))
        values = {name: f"v_{name}" for name in self.item.mapped}
        amount = default_amount({"amount": "NULL", **values}) if "amount" in self.kind.names else ""
        if amount:
            lost = f"{values.get('amount', 'NULL')} IS NULL AND {amount} IS NULL"
            found.append(("amount", f"v_quantity IS NOT NULL AND v_unit_price IS NOT NULL AND {lost}", "too large"))
        return found

    def number_refusals(self) -> list[str]:
        of = {text: column.target for column in reversed(self.item.columns) for text in column.numbers}
        wrong = "CASE WHEN n_{0} IS NOT NULL AND as_number(n_{0}) IS NULL THEN {1} END"
        return [
            wrong.format(index, literal(f"{of[text]}: cannot be read as a number"))
            for index, text in enumerate(self.numbers)
        ]

    def suppression(self, suppressed: str, hash_sql: HashSql | None) -> str:
        known = [column.name for column in IDENTIFIERS if self.kind.person and column.name in self.item.mapped]
        if not suppressed or hash_sql is None or not known:
            return "false"
        checks = [
            f"coalesce({hash_sql(name, f'v_{name}')} IN (SELECT hash FROM {suppressed}), false)" for name in known
        ]
        return " OR ".join(checks)

    def type_of(self, expression: str, target: str) -> str:
        sql = f"SELECT {_own(expression, self.layout, bool(self.item.each))} AS it FROM ({self.named}) LIMIT 0"
        try:
            return str(self.connection.execute(sql).description[0][1])
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            raise ConfigError(f"the SQL of '{target}' does not run", why=f"{self.mapping.path}: {first}") from error


def read_as(about: Column) -> str:
    """The type a column's values are read as: a phone's number is destroyed by spreadsheets as ids are."""
    return "id" if about.name == "phone" else about.type


def known_currency(mapping: Mapping, item: KindMap) -> str:
    """The one currency of a map's amounts, where it is known before any row is read."""
    column = item.mapped.get("currency")
    return mapping.defaults.currency if column is None else column.value or ""


def constant_text(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, column: ColumnMap, about: Column
) -> str | None:
    """A mapping's `value` as text that casts to the column's type; None where it does not fit."""
    zone = column.time_zone or mapping.defaults.time_zone
    read = typed(literal(column.value or ""), "VARCHAR", about.type, zone=zone, formats=column.formats)
    found = connection.execute(
        f"SELECT CAST({_in_own_spelling('it', about)} AS VARCHAR) FROM ({read.select()}) AS t(it)"
    ).fetchone()
    return found[0] if found else None


def default_amount(values: dict[str, str]) -> str:
    """SQL of quantity × unit_price − discount, NULL where that is too large; "" where a kind has no such amount.

    `values`: SQL by column. A kind whose amount is mapped can still lack it in a row.
    """
    if not {"amount", "quantity", "unit_price"} <= values.keys():
        return ""
    discount = f" - coalesce({values['discount']}, 0)" if "discount" in values else ""
    return f"TRY(CAST({values['quantity']} * {values['unit_price']}{discount} AS DECIMAL(18, 4)))"


def _aliased(columns: dict[str, str]) -> str:
    return ", ".join(f"{sql} AS {alias}" for alias, sql in columns.items())


def _in_own_spelling(sql: str, about: Column) -> str:
    if not about.values:
        return sql
    arms = " ".join(f"WHEN {literal(word.lower())} THEN {literal(word)}" for word in about.values)
    return f"CASE lower({sql}) {arms} END"


def _canonical(sql: str, column: Column) -> str:
    """A value as text that depends on nothing but the value."""
    return f"epoch_us({sql})" if column.type == "timestamp" else sql


def _own(expression: str, layout: Layout, each: bool = False) -> str:
    """An expression over the file's columns; in lines of JSON `customer.email` is one column's name.

    `each`: it may speak of a list's `item`, which is none of the file's columns.
    """
    if layout.form != "jsonl":
        return f"({expression})"
    tree = sqlglot.parse_one(expression, dialect="duckdb")

    def dotted(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and len(node.parts) > 1 and not (each and node.parts[0].name == ITEM):
            return exp.column(exp.to_identifier(column_name(node), quoted=True))
        return node

    return f"({tree.transform(dotted).sql(dialect='duckdb')})"
