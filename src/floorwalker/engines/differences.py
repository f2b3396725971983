"""What engines do differently and no translation can settle: `engines.models.lint` refuses it, with the way that works.

In: a node of a model's SQL. Out: a sentence, or None. What can be translated is in `engines.translate`; how each of the
two was found stands in docs/engines.md.

>>> difference(sqlglot.parse_one("AVG(x)", dialect="duckdb"))
'AVG adds up in another order each time: CAST(SUM(x) AS DECIMAL(28,4)) / COUNT(x)'
"""

from __future__ import annotations

import re

from sqlglot import exp

_TIES = (exp.AnyValue, exp.First, exp.Last, exp.ArgMax, exp.ArgMin, exp.Mode)
_LAST_DIGIT = (exp.Ln, exp.Log, exp.Exp, exp.Pow)
_SPREAD = (
    *(exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Kurtosis, exp.Skewness),
    *(exp.Corr, exp.CovarPop, exp.CovarSamp, exp.RegrSlope, exp.RegrIntercept, exp.RegrR2),
)
_QUANTILES = (exp.Quantile, exp.PercentileCont, exp.PercentileDisc, exp.ApproxQuantile, exp.Median)
_APPROXIMATE = (exp.ApproxDistinct, exp.ApproxTopK)
_MOMENTS = "%Y %m %d %H %M %S"


def difference(node: exp.Expr) -> str | None:
    """Why this does not give the same value on every engine, and what does."""
    if isinstance(node, exp.Avg):
        return "AVG adds up in another order each time: CAST(SUM(x) AS DECIMAL(28,4)) / COUNT(x)"
    if isinstance(node, _TIES):
        return f"{_name(node)} takes any row among equals: ROW_NUMBER() OVER (… ORDER BY …, key) = 1"
    if isinstance(node, _SPREAD):
        return f"{_name(node)} differs in its last digits: work it out from exact sums of x and x * x"
    if isinstance(node, _QUANTILES):
        return f"{_name(node)} has another type on each engine: take the middle rows by ROW_NUMBER()"
    if isinstance(node, _APPROXIMATE):
        return f"{_name(node)} has another approximation on each engine: count exactly"
    if isinstance(node, _LAST_DIGIT) and not _in_decimal(node):
        return f"{_name(node)} differs in its last digit: CAST({_name(node)}(…) AS DECIMAL(18,9))"
    if isinstance(node, exp.Round) and not (_is_decimal(node.this) or _in_decimal(node)):
        return "ROUND of floating point differs at the half: CAST(x AS DECIMAL(18,2)) rounds alike"
    if isinstance(node, exp.Upper):
        return "UPPER('ß') is SS on Spark: compare with LOWER"
    if isinstance(node, exp.TryCast):
        return "TRY_CAST understands other texts on each engine: mappings convert, models read typed columns"
    if isinstance(node, exp.RegexpReplace) and "g" not in node.text("modifiers"):
        return "REGEXP_REPLACE without 'g' replaces all on Spark and the first on DuckDB: give 'g'"
    if (
        isinstance(node, exp.Substring)
        and isinstance(node.args.get("start"), exp.Literal)
        and node.text("start") == "0"
    ):
        return "SUBSTRING counts from 1"
    if isinstance(node, exp.Window) and isinstance(node.this, exp.Count) and isinstance(node.this.this, exp.Distinct):
        return "COUNT(DISTINCT …) OVER does not exist on Spark: count in a subquery and join"
    if isinstance(node, exp.TimeToStr) and set(re.findall("%.", node.text("format"))) - set(_MOMENTS.split()):
        return f"STRFTIME: only {_MOMENTS} mean the same everywhere"
    if isinstance(node, (exp.Monthname, exp.Dayname)):
        return f"{_name(node)} is 'January' on DuckDB and 'Jan' on Spark: use EXTRACT and CASE"
    if isinstance(node, exp.Interval) and node.this is not None and not isinstance(node.this, exp.Literal):
        return "INTERVAL of an expression is lost on Snowflake: day + number"
    if isinstance(node, exp.UnixToTime):
        return "EPOCH_MS means two things on DuckDB: EPOCH(moment), in seconds"
    return None


def _name(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb").partition("(")[0].upper()


def _is_decimal(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DECIMAL


def _in_decimal(node: exp.Expr) -> bool:
    """Is the value, or the arithmetic around it, cast to DECIMAL?"""
    parent = node.parent
    while isinstance(parent, (exp.Paren, exp.Binary, exp.Neg, exp.Coalesce, exp.Round)):
        parent = parent.parent
    return parent is not None and _is_decimal(parent)
