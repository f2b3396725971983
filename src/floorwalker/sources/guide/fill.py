"""From matches to what a mapping says: columns with their formats, expressions where a column must be made.

In: the matches of a kind and the candidates. Out: `Choice`s for its columns, and which needed ones nothing fills.

A column that is missing is made where that can be honest, at a lower confidence and with a word about it: a unit price
from the line's amount and quantity, names from a full name, a moment from a date and a time, one piece where no
quantity stands, a product from its name, one line for an order that has no lines.

>>> print(number_sql(Candidate("Prix", Facts("Prix", 2, 1.0, 2, {}, decimal=","))))
as_number(replace(replace("Prix", '.', ''), ',', '.'))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.conversions import quoted
from floorwalker.sources.guide.draft import Choice, Doubt
from floorwalker.sources.guide.facts import Facts
from floorwalker.sources.guide.matching import Candidate, Match
from floorwalker.sources.guide.targets import HELPERS
from floorwalker.sources.guide.translate import translated
from floorwalker.sources.mapping import needs_time

_PLAIN_TRUTH = {"true", "t", "yes", "y", "1", "1.0", "false", "f", "no", "n", "0", "0.0"}
_YES = {"ja", "oui", "si", "sì", "sí", "s", "j", "x"}
_BARE = "regexp_replace({0}, '[^0-9.,-]', '', 'g')"


class Filling:
    """Fills the columns of one kind."""

    def __init__(self, kind: str, matches: Mapping[str, Match], candidates: Mapping[str, Candidate]) -> None:
        self.kind, self.matches, self.candidates = kind, dict(matches), candidates
        self.choices: dict[str, Choice] = {}
        self.notes: list[str] = []

    def run(self) -> tuple[tuple[Choice, ...], tuple[str, ...]]:
        """The choices in the kind's order, and the needed columns that nothing fills."""
        for target, found in self.matches.items():
            if target not in HELPERS:
                self.choices[target] = self.plain(target, found)
        if self.kind == "order_lines":
            self.order_line()
        elif self.kind == "returns":
            self.product_by_name()
            self.one_piece()
        elif self.kind == "customers":
            self.names()
        elif self.kind == "consents":
            self.constant("purpose", "marketing_email", 0.5, "nothing says for what consent was given")
        elif self.kind == "loyalty_events":
            self.points_by_sign()
        elif self.kind in ("prices", "exchange_rates"):
            self.from_that_day()
        self.moment()
        about = KINDS[self.kind]
        needed = [column.name for column in about.columns if column.required] + ["occurred_at"] * needs_time(about)
        order = {name: place for place, name in enumerate(about.names)}
        listed = tuple(sorted(self.choices.values(), key=lambda choice: order[choice.target]))
        return listed, tuple(
            name for name in needed if name not in self.choices and name in order and name not in _OURS
        )

    def plain(self, target: str, found: Match) -> Choice:
        """A target that one column fills as it stands."""
        candidate = self.candidates[found.column]
        about = KINDS[self.kind].column(target)
        entry: dict[str, Any] = source_of(candidate)
        doubt = ""
        if about.values:
            known = translated(self.kind, target, candidate.facts.words)
            entry["map"] = {word: known[word] for word in candidate.facts.words if known.get(word, word) != word}
            strange = [word for word in candidate.facts.words if word not in known]
            if not entry["map"]:
                del entry["map"]
            if strange:
                doubt = f"words that are not understood would be refused: {', '.join(strange[:6])}"
        elif about.type in ("timestamp", "date"):
            entry |= time_options(candidate.facts)
            if candidate.facts.times and not candidate.facts.times.sure:
                doubt = candidate.facts.times.why
        elif about.type in ("money", "quantity", "number", "integer"):
            entry = number_entry(candidate)
            if not candidate.facts.decimal_sure:
                doubt = "the decimal mark is a guess"
        elif about.type == "boolean":
            entry |= truth_options(candidate.facts)
        elif target in _HASHED and candidate.facts.share.get("hash", 0.0) > 0.9:
            entry["hash"] = _HASHED[target].format(
                {32: "md5", 40: "sha1", 128: "sha512"}.get(candidate.facts.longest, "sha256")
            )
            doubt = f"how the hashes were made is a guess: {entry['hash']}"
        return Choice(
            target, entry, found.column, found.confidence, found.why, candidate.facts.examples, found.rivals, doubt
        )

    def constant(self, target: str, value: str, confidence: float, why: str) -> None:
        if target not in self.choices:
            self.choices[target] = Choice(target, {"value": value}, "", confidence, why, doubt=why)

    def made(self, target: str, sql: str, of: tuple[Match, ...], factor: float, why: str, **options: Any) -> None:
        """A column made by an expression of others."""
        confidence = round(min(match.confidence for match in of) * factor, 2)
        columns = " + ".join(match.column for match in of)
        self.choices[target] = Choice(target, {"expression": sql, **options}, columns, confidence, why)

    def sql(self, found: Match) -> str:
        return number_sql(self.candidates[found.column])

    def order_line(self) -> None:
        total = self.matches.get("order_total")
        lines = "product_id" in self.choices or "product_name" in self.choices
        if not lines and (total or "amount" in self.choices):
            self.whole_order(total or self.matches["amount"])
            return
        self.product_by_name()
        self.one_piece()
        if "unit_price" not in self.choices:
            amount = self.matches.get("amount") or total
            if amount is None:
                return
            if (count := self.matches.get("quantity")) is not None:
                sql = f"{self.sql(amount)} / nullif({self.sql(count)}, 0)"
                self.made("unit_price", sql, (amount, count), 0.9, "what the line cost, divided by its quantity")
            else:
                self.choices["unit_price"] = self.plain("unit_price", amount)
            if amount.target == "amount":
                self.choices["amount"] = self.plain("amount", amount)

    def whole_order(self, total: Match) -> None:
        """An order without lines: one line that stands for all of it."""
        why = "the file has no lines of orders: the whole order stands as one"
        for target in ("product_id", "amount", "quantity"):
            self.choices.pop(target, None)
        self.constant("product_id", "order", 0.5, why)
        self.constant("quantity", "1", 0.5, why)
        self.choices["unit_price"] = self.plain("unit_price", total)
        self.notes.append(why)

    def product_by_name(self) -> None:
        name = self.matches.get("product_name")
        if "product_id" in self.choices or name is None:
            return
        found = self.choices["product_name"]
        why = "no column has numbers of products: they are told apart by their names"
        self.choices["product_id"] = Choice(
            "product_id", source_of(self.candidates[name.column]), name.column, round(found.confidence * 0.7, 2), why,
            found.examples, doubt=why,
        )  # fmt: skip

    def one_piece(self) -> None:
        self.constant("quantity", "1", 0.5, "no column says how many pieces: every row is taken for one")

    def names(self) -> None:
        """Given and family name from a full one."""
        found = self.matches.get("full_name")
        if found is None or "given_name" in self.choices or "family_name" in self.choices:
            return
        candidate = self.candidates[found.column]
        sql = candidate.expression or quoted(candidate.name)
        comma = sum("," in value for value in candidate.facts.examples) * 2 > len(candidate.facts.examples)
        given, family = (r",\s*(.+)$", r"^([^,]+),") if comma else (r"^(.*\S)\s+\S+$", r"(\S+)$")
        why = "the part behind the comma" if comma else "all but the last word of the full name"
        self.made("given_name", f"regexp_extract({sql}, '{given}', 1)", (found,), 0.85, why)
        why = "the part before the comma" if comma else "the last word of the full name"
        self.made("family_name", f"regexp_extract({sql}, '{family}', 1)", (found,), 0.85, why)

    def points_by_sign(self) -> None:
        """Points come and go by their sign where no column names the event."""
        points = self.matches.get("points")
        if "event_name" in self.choices or points is None:
            return
        sql = f"CASE WHEN {self.sql(points)} < 0 THEN 'Points Redeemed' ELSE 'Points Earned' END"
        self.made("event_name", sql, (points,), 0.7, "no column names the event: points below zero are redeemed")

    def from_that_day(self) -> None:
        """A price or a rate happens on the day from which it holds."""
        day = self.matches.get("valid_from") or self.matches.get("rate_date")
        if day is not None and "occurred_at" not in self.choices:
            self.choices["occurred_at"] = self.plain("occurred_at", day)

    def moment(self) -> None:
        """A date and a time of the day that stand apart make one moment."""
        day, clock = self.matches.get("occurred_at"), self.matches.get("time_of_day")
        if day is None or clock is None:
            return
        reading, form = self.candidates[day.column].facts.times, self.candidates[clock.column].facts.clock
        if reading is None or reading.clock or form is None:
            return
        days = [one if one != "iso" else "%Y-%m-%d" for one in reading.formats or ("iso",)]
        sql = f"concat_ws(' ', {self.text(day)}, {self.text(clock)})"
        formats = [*(f"{one} {form}" for one in days), *days]
        doubt = "" if reading.sure else reading.why
        self.made("occurred_at", sql, (day, clock), 1.0, f"date and time; {reading.why}", formats=formats)
        made = self.choices["occurred_at"]
        self.choices["occurred_at"] = Choice(
            made.target, made.entry, made.column, made.confidence, made.why, self.candidates[day.column].facts.examples,
            doubt=doubt,
        )  # fmt: skip

    def text(self, found: Match) -> str:
        candidate = self.candidates[found.column]
        return candidate.expression or quoted(candidate.name)


_HASHED = {"email": "{}(lower(trim(email)))", "phone": "{}(e164(phone))"}
"""How partners mostly hash what names a person."""
_OURS = {"event_id", "source", "delivery_id", "schema_version"}


def source_of(candidate: Candidate) -> dict[str, Any]:
    return {"expression": candidate.expression} if candidate.expression else {"column": candidate.name}


def number_entry(candidate: Candidate) -> dict[str, Any]:
    """A number's column, cleaned of currency signs and marks between thousands that the reader would not take."""
    facts = candidate.facts
    entry = source_of(candidate)
    if not facts.clean:
        entry = {"expression": _BARE.format(candidate.expression or quoted(candidate.name))}
    if facts.grouped and facts.decimal_sure:
        sql = entry.get("expression") or quoted(candidate.name)
        group = "." if facts.decimal == "," else ","
        entry = {"expression": f"replace({sql}, '{group}', '')"}
    if facts.decimal == ",":
        entry["decimal"] = ","
    return entry


def number_sql(candidate: Candidate) -> str:
    """SQL of the number itself, for expressions that reckon with it."""
    facts = candidate.facts
    sql = candidate.expression or quoted(candidate.name)
    if not facts.clean:
        sql = _BARE.format(sql)
    if facts.decimal == ",":
        return f"as_number(replace(replace({sql}, '.', ''), ',', '.'))"
    return f"as_number(replace({sql}, ',', ''))" if facts.grouped else f"as_number({sql})"


def time_options(facts: Facts) -> dict[str, Any]:
    reading = facts.times
    if reading is None:
        return {}
    options: dict[str, Any] = {"formats": list(reading.formats)} if reading.formats else {}
    if reading.utc:
        options["time_zone"] = "UTC"
    return options


def truth_options(facts: Facts) -> dict[str, Any]:
    words = [word for word in facts.words if word.lower() not in _PLAIN_TRUTH]
    return {"map": {word: "true" if word.lower() in _YES else "false" for word in words}} if words else {}


def doubt_about(kind: str, choice: Choice, candidates: Mapping[str, Candidate]) -> Doubt | None:
    """The question that a choice raises; None where it is sure, or where nobody could answer by picking."""
    facts = candidates[choice.column].facts if choice.column in candidates else None
    if (
        facts
        and facts.times
        and not facts.times.sure
        and KINDS[kind].column(choice.target).type in ("timestamp", "date")
    ):
        orders = (("day first", "day"), ("month first", "month"))
        options = orders if facts.times.day_first else orders[::-1]
        return Doubt(
            ("order", choice.column), f"'{choice.column}': which comes first? {choice.doubt}", options, facts.examples
        )
    if not choice.unsure:
        return None
    others = [(name, name) for name, _ in choice.rivals if name != choice.column]
    first = (choice.column or f"always {choice.entry.get('value')}", choice.column)
    text = f"{kind}.{choice.target}: {choice.doubt or choice.why} (confidence {choice.confidence:.2f})"
    return Doubt(("column", kind, choice.target), text, (first, *others, ("none of these", "")), choice.examples)
