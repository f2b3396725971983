"""A mapping's SQL as Python source, for the path that has no SQL engine.

In: an expression over the columns that `flatten` makes, parsed by sqlglot. Out: a Python expression over variables of
these names (`properties`, `line`, `traits` and `context` are dicts), and what type its value has.

>>> compiler = Compiler()
>>> compiler.value(parsed("lower(properties->>'$.gender')")).kind
'text'
>>> compiler.condition(parsed("row_kind = 'stock' AND event_name = 'Made Up'"), {"row_kind": "stock"})
"event_name == 'Made Up'"
>>> compiler.value(parsed("regexp_extract(email, '@.*')"))
Traceback (most recent call last):
floorwalker.sources.collected.expressions.NotCompiled: REGEXP_EXTRACT(email, '@.*')

SQL's third truth value is kept by asking twice: when is a condition true (`_yes`), when is it false (`_no`). JSON that
is asked for text is `text_of`; a `->` keeps MISSING and null apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Literal, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from floorwalker.sources.mapping import column_name

TEXTS = (
    *("event_name", "event_type", "message_id", "occurred_at", "collected_from", "market", "account_id"),
    *("anonymous_id", "group_id", "channel", "email", "phone", "loyalty_id", "device_id"),
)
"""Columns of text: what `flatten` makes beside `row_kind`."""
TREES = ("properties", "line", "traits", "context")
"""Columns that hold JSON."""

Kind = Literal["text", "json", "boolean", "integer", "null"]


class NotCompiled(Exception):
    """The part of an expression that has no Python."""


class Value(NamedTuple):
    """Python for a value. `words`: all that it can be, where these are known."""

    code: str
    kind: Kind
    words: frozenset[str] | None = None


def parsed(sql: str) -> exp.Expr:
    """The expression's tree."""
    try:
        return sqlglot.parse_one(sql, dialect="duckdb")
    except SqlglotError:
        raise NotCompiled(sql) from None


class Compiler:
    """Compiles expressions of one function: their helping variables must not meet."""

    def __init__(self) -> None:
        self._turns = itertools.count()

    def value(self, node: exp.Expr, known: Mapping[str, str] | None = None) -> Value:
        """Python for the value of an expression. `known`: columns whose text is certain."""
        self._known = known or {}
        return self._value(node)

    def condition(self, node: exp.Expr, known: Mapping[str, str] | None = None) -> str:
        """Python that is true where a condition is; `True` or `False` alone where that is certain."""
        self._known = known or {}
        return self._yes(node)

    def _fresh(self) -> str:
        return f"t{next(self._turns)}"

    def _value(self, node: exp.Expr) -> Value:
        if isinstance(node, exp.Paren):
            return self._value(node.this)
        if isinstance(node, exp.Column):
            return self._column(node)
        if isinstance(node, exp.Literal):
            if node.is_string:
                return Value(repr(node.this), "text", frozenset((node.this,)))
            if str(node.this).isdecimal():
                return Value(str(int(node.this)), "integer")
        if isinstance(node, exp.Null):
            return Value("None", "null", frozenset())
        if isinstance(node, exp.JSONExtract) and not isinstance(node, exp.JSONExtractScalar):
            return Value(self._path(node), "json")
        if isinstance(node, exp.Case):
            return self._case(node)
        if isinstance(node, exp.If):
            return self._choice([(self._yes(node.this), node.args["true"])], node.args.get("false"))
        if isinstance(node, exp.Coalesce):
            return self._coalesce([node.this, *node.expressions])
        if isinstance(node, exp.Cast):
            if not node.to.is_type("varchar", "text"):
                raise self._none(node)
            return Value(self._text(node.this), "text")
        if _is_condition(node):
            return Value(f"(True if {self._yes(node)} else False if {self._no(node)} else None)", "boolean")
        return Value(self._made_text(node), "text")

    def _column(self, node: exp.Column) -> Value:
        name = column_name(node).lower()
        if name in self._known:
            return Value(repr(self._known[name]), "text", frozenset((self._known[name],)))
        if name == "occurred_at":
            return Value("written(occurred_at)", "text")
        if name in TEXTS:
            return Value(name, "text")
        if name in ("properties", "traits"):
            return Value(f"json_text({name})", "text")
        raise self._none(node)

    def _text(self, node: exp.Expr) -> str:
        """Python for a text."""
        made = self._value(node)
        if made.kind == "json":
            held = self._fresh()
            return f"(None if ({held} := {made.code}) is MISSING else json_text({held}))"
        if made.kind not in ("text", "null"):
            raise self._none(node)
        return made.code

    def _plain(self, node: exp.Expr) -> str:
        """Python for a text that is no JSON: to a database these compare otherwise."""
        made = self._value(node)
        if made.kind not in ("text", "null"):
            raise self._none(node)
        return made.code

    def _made_text(self, node: exp.Expr) -> str:
        if isinstance(node, exp.JSONExtractScalar):
            held = self._fresh()
            of, root = self._path(node), self._steps(node)[0]
            other = f"context_text({held}, context)" if root == "context" else f"text_of({held})"
            number = f"FLOATS[{held}] if type({held}) is float else str({held}) if type({held}) is int else {other}"
            return f"({held} if ({held} := {of}) is None or type({held}) is str else {number})"
        if isinstance(node, exp.JSONType):
            return f"json_type({self._path(node.this)})"
        if isinstance(node, exp.DPipe):
            return self._joined([node.this, node.expression])
        if isinstance(node, exp.Concat):
            parts = [f"({self._plain(one)} or '')" for one in node.expressions]
            return f"({' + '.join(parts)})"
        if isinstance(node, exp.Lower):
            return self._of(node.this, "lower({})")
        if isinstance(node, exp.Upper):
            return self._of(node.this, "upper({})")
        if isinstance(node, exp.Trim) and not any(node.args.get(key) for key in ("expression", "position")):
            return self._of(node.this, "trimmed({})")
        if isinstance(node, exp.Left):
            return self._of(node.this, f"{{}}[:{self._count(node.expression)}]")
        if isinstance(node, exp.Substring):
            start = self._count(node.args.get("start")) - 1
            length = node.args.get("length")
            end = "" if length is None else start + self._count(length)
            if start < 0:
                raise self._none(node)
            return self._of(node.this, f"{{}}[{start}:{end}]")
        if isinstance(node, exp.Replace):
            old, new = node.expression, node.args.get("replacement")
            if new is not None and _is_word(old) and _is_word(new) and old.this:
                return self._of(node.this, f"{{}}.replace({old.this!r}, {new.this!r})")
        if isinstance(node, exp.Nullif):
            held = self._fresh()
            other = self._plain(node.expression)
            return f"(None if ({held} := {self._plain(node.this)}) == {other} else {held})"
        raise self._none(node)

    def _of(self, node: exp.Expr, form: str) -> str:
        """A function of a text, NULL of NULL. `form` has a place for the text."""
        held = self._fresh()
        code = self._plain(node)
        return f"(None if ({held} := {code}) is None else {form.replace('{}', held)})"

    def _joined(self, nodes: list[exp.Expr]) -> str:
        held = [(self._fresh(), self._plain(one)) for one in nodes]
        some = " or ".join(f"({name} := {code}) is None" for name, code in held)
        return f"(None if {some} else {' + '.join(name for name, _ in held)})"

    def _case(self, node: exp.Case) -> Value:
        arms, default = [], node.args.get("default")
        if node.this is None:
            arms = [(self._yes(arm.this), arm.args["true"]) for arm in node.args["ifs"]]
            return self._choice(arms, default)
        held, code = self._fresh(), self._plain(node.this)
        for number, arm in enumerate(node.args["ifs"]):
            if not _is_word(arm.this):
                raise self._none(arm.this)
            what = f"({held} := {code})" if number == 0 else held
            arms.append((f"{what} == {arm.this.this!r}", arm.args["true"]))
        return self._choice(arms, default)

    def _choice(self, arms: list[tuple[str, exp.Expr]], default: exp.Expr | None) -> Value:
        made = [(condition, self._value(result)) for condition, result in arms]
        last = self._value(default) if default is not None else Value("None", "null", frozenset())
        results = [*(one for _, one in made), last]
        code = "".join(f"{one.code} if {condition} else " for condition, one in made) + last.code
        return Value(f"({code})", *self._common(results, arms[0][1]))

    def _coalesce(self, nodes: list[exp.Expr]) -> Value:
        made = [self._value(node) for node in nodes]
        kind, words = self._common(made, nodes[0])
        if kind == "json":
            raise self._none(nodes[0])
        code = made[-1].code
        for one in reversed(made[:-1]):
            held = self._fresh()
            code = f"({held} if ({held} := {one.code}) is not None else {code})"
        return Value(code, kind, words)

    def _common(self, values: list[Value], node: exp.Expr) -> tuple[Kind, frozenset[str] | None]:
        """The type of what may be either of these, and the words, where all are known."""
        kinds = {one.kind for one in values} - {"null"}
        if len(kinds) > 1 or (kinds == {"json"} and any(one.kind == "null" for one in values)):
            raise self._none(node.parent or node)
        words: frozenset[str] | None = frozenset()
        for one in values:
            words = None if words is None or one.words is None else words | one.words
        return (kinds.pop() if kinds else "null"), words

    def _path(self, node: exp.Expr) -> str:
        """Python for a part of JSON, as it is decoded. For text None stands for MISSING too: that is faster."""
        scalar = isinstance(node, exp.JSONExtractScalar)
        root, keys = self._steps(node)
        missing = "" if scalar else ", MISSING"
        empty = "None" if scalar else "MISSING"
        code = root
        for number, key in enumerate(keys):
            if isinstance(key, int):
                code = f"item({code}, {key})"
            elif number == 0:
                code = f"{root}.get({key!r}{missing})"
            else:
                held = self._fresh()
                code = f"({held}.get({key!r}{missing}) if type({held} := {code}) is dict else {empty})"
        return f"pruned({code}, context)" if root == "context" and not scalar else code

    def _steps(self, node: exp.Expr) -> tuple[str, list[str | int]]:
        """The column that a path begins in, and its steps."""
        if isinstance(node, exp.Paren):
            return self._steps(node.this)
        if isinstance(node, exp.Lambda) and len(node.expressions) == 1 and _is_word(node.this):
            # sqlglot reads `json_type(a->'$.b')` as a function of a.
            path = exp.JSONExtract(this=exp.column(node.expressions[0].name), expression=node.this)
            return self._steps(path)
        if isinstance(node, exp.Column):
            name = column_name(node).lower()
            if name in TREES:
                return name, []
        if isinstance(node, exp.JSONExtract | exp.JSONExtractScalar):
            if isinstance(node.this, exp.JSONExtractScalar):
                raise self._none(node)
            root, steps = self._steps(node.this)
            return root, steps + self._keys(node)
        raise self._none(node)

    def _keys(self, node: exp.JSONExtract | exp.JSONExtractScalar) -> list[str | int]:
        path = node.expression
        if _is_word(path):
            if path.this.startswith("/"):
                raise self._none(node)
            path = exp.JSONPath(expressions=[exp.JSONPathRoot(), *_path_keys(path.this)])
        if not isinstance(path, exp.JSONPath) or node.expressions:
            raise self._none(node)
        steps: list[str | int] = []
        for one in path.expressions:
            named = isinstance(one, exp.JSONPathKey) and isinstance(one.this, str)
            if named or (isinstance(one, exp.JSONPathSubscript) and isinstance(one.this, int) and steps):
                steps.append(one.this)
            elif not isinstance(one, exp.JSONPathRoot):
                raise self._none(node)
        if not steps:
            raise self._none(node)
        return steps

    def _count(self, node: exp.Expr | None) -> int:
        if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdecimal():
            return int(node.this)
        raise NotCompiled(node.sql(dialect="duckdb") if node is not None else "a number is missing")

    def _yes(self, node: exp.Expr) -> str:
        """Python that is true where the condition is true."""
        if isinstance(node, exp.Paren):
            return self._yes(node.this)
        if isinstance(node, exp.Not):
            return self._no(node.this)
        if isinstance(node, exp.And):
            return _both(self._yes(node.this), self._yes(node.expression))
        if isinstance(node, exp.Or):
            return _either(self._yes(node.this), self._yes(node.expression))
        if isinstance(node, exp.Boolean):
            return str(bool(node.this))
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return self._is_null(node, "is", "None")
        if isinstance(node, exp.EQ):
            return self._compared(node, "==")
        if isinstance(node, exp.NEQ):
            return self._compared(node, "!=")
        if isinstance(node, exp.In):
            return f"{self._plain(node.this)} in {self._list(node)}"
        if isinstance(node, exp.StartsWith):
            return self._starts(node, "")
        raise self._none(node)

    def _no(self, node: exp.Expr) -> str:
        """Python that is true where the condition is false."""
        if isinstance(node, exp.Paren):
            return self._no(node.this)
        if isinstance(node, exp.Not):
            return self._yes(node.this)
        if isinstance(node, exp.And):
            return _either(self._no(node.this), self._no(node.expression))
        if isinstance(node, exp.Or):
            return _both(self._no(node.this), self._no(node.expression))
        if isinstance(node, exp.Boolean):
            return str(not node.this)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return self._is_null(node, "is not", "None")
        if isinstance(node, exp.EQ):
            return self._compared(node, "!=")
        if isinstance(node, exp.NEQ):
            return self._compared(node, "==")
        if isinstance(node, exp.In):
            held = self._fresh()
            return f"(({held} := {self._plain(node.this)}) is not None and {held} not in {self._list(node)})"
        if isinstance(node, exp.StartsWith):
            return self._starts(node, "not ")
        raise self._none(node)

    def _compared(self, node: exp.Binary, sign: str) -> str:
        left, right = self._value(node.this), self._value(node.expression)
        if {left.kind, right.kind} != {"text"}:
            raise self._none(node)
        if left.words and right.words and len(left.words) == len(right.words) == 1:
            return str((left.words == right.words) == (sign == "=="))
        if right.words is None and left.words is not None:
            left, right = right, left
        if right.words == {""} and (nothing := self._or_nothing(node.this, left, sign)):
            return nothing
        if right.words and len(right.words) == 1:
            if sign == "==":
                return f"{left.code} == {right.code}"
            held = self._fresh()
            return f"(({held} := {left.code}) is not None and {held} != {right.code})"
        one, other = self._fresh(), self._fresh()
        both = f"({one} := {left.code}) is not None and ({other} := {right.code}) is not None"
        return f"({both} and {one} {sign} {other})"

    def _or_nothing(self, node: exp.Expr, left: Value, sign: str) -> str:
        """Shorter Python for `x <> ''` and `coalesce(x, '') = ''`, which mappings are full of; "" for all else."""
        if sign == "!=":
            return f"{left.code}" if left.code.isidentifier() else ""
        if isinstance(node, exp.Coalesce) and [_is_word(one) and one.this == "" for one in node.expressions] == [True]:
            return f"not {self._plain(node.this)}"
        return ""

    def _is_null(self, node: exp.Is, word: str, what: str) -> str:
        made = self._value(node.this)
        if made.kind == "json":
            what = "MISSING"
        return f"({made.code} {word} {what})"

    def _starts(self, node: exp.StartsWith, word: str) -> str:
        if not _is_word(node.expression):
            raise self._none(node)
        held = self._fresh()
        begins = f"{held}.startswith({node.expression.this!r})"
        return f"(({held} := {self._plain(node.this)}) is not None and {word}{begins})"

    def _list(self, node: exp.In) -> str:
        if not node.expressions or not all(_is_word(one) for one in node.expressions):
            raise self._none(node)
        return repr(tuple(one.this for one in node.expressions))

    def _none(self, node: exp.Expr) -> NotCompiled:
        return NotCompiled(node.sql(dialect="duckdb"))


def _is_condition(node: exp.Expr) -> bool:
    return isinstance(
        node, exp.Not | exp.And | exp.Or | exp.Is | exp.EQ | exp.NEQ | exp.In | exp.StartsWith | exp.Boolean
    )


def _is_word(node: object) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _path_keys(written: str) -> list[exp.Expr]:
    """Steps of a path that stands as text: `$.a.b`, or one name."""
    names = written[2:].split(".") if written.startswith("$.") else [written]
    if not all(name.replace("_", "a").isalnum() for name in names):
        raise NotCompiled(written)
    return [exp.JSONPathKey(this=name) for name in names]


def _both(left: str, right: str) -> str:
    if "False" in (left, right):
        return "False"
    return right if left == "True" else left if right == "True" else f"({left} and {right})"


def _either(left: str, right: str) -> str:
    if "True" in (left, right):
        return "True"
    return right if left == "False" else left if right == "False" else f"({left} or {right})"
