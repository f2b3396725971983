"""SQL models: one `.sql` file is one table; what it reads is found in the SQL itself.

In: folders `<layer>/<name>.sql` (with `<name>.toml` beside it for columns and tests). Out: `SqlModel` objects with the
tables they read, checked by `lint` so that the same file runs on DuckDB, Spark, Databricks and Snowflake.

>>> model = parse_model("gold.totals", "SELECT CAST(SUM(o.amount) AS DECIMAL(28,4)) AS amount FROM silver.orders AS o")
>>> model.reads
('silver.orders',)
>>> lint(parse_model("gold.now", "SELECT CURRENT_DATE AS today"))[0].message
'CURRENT_DATE asks the clock: read the day from meta.run.as_of'
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from floorwalker.engines.differences import difference
from floorwalker.engines.lake import LAYERS
from floorwalker.engines.translate import translate
from floorwalker.errors import ModelError

ENGINES = ("spark", "databricks", "snowflake")
"""The dialects a portable model must translate to and be parsed in again."""

_CLOCKS = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.CurrentDatetime)
_RANKING = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue)


_AROUND_A_SUM = (
    *(exp.Window, exp.Filter, exp.Paren, exp.Binary),
    *(exp.Coalesce, exp.Nullif, exp.Case, exp.If, exp.Neg),
)


@dataclass(frozen=True)
class SqlModel:
    """A table defined by a query. `document` is the TOML beside it: description, columns, tests."""

    name: str
    sql: str
    path: Path | None
    reads: tuple[str, ...]
    document: dict[str, Any] = field(default_factory=dict, compare=False)
    facts: tuple[str, ...] | None = None
    """Columns of meta.run that it reads, where that is known without parsing."""

    @property
    def where(self) -> str:
        return str(self.path) if self.path else self.name


@dataclass(frozen=True)
class Finding:
    """Something in a model that does not travel between engines."""

    model: str
    line: int
    message: str


def load_models(folder: Path, *, default_layer: str = "custom") -> list[SqlModel]:
    """All models under a folder: `gold/x.sql` → gold.x, `x.sql` → custom.x. Raises ModelError with file and line."""
    models = []
    for path in sorted(folder.rglob("*.sql")):
        parts = path.relative_to(folder).parts
        layer = parts[0] if len(parts) == 2 else default_layer
        if len(parts) > 2 or layer not in LAYERS or not path.stem.isidentifier():
            raise ModelError(
                f"{path} is not a model",
                why="a model is <layer>/<name>.sql or <name>.sql, its name made of letters, digits and _",
                fix=f"layers: {', '.join(LAYERS)}",
            )
        document = path.with_suffix(".toml")
        models.append(
            parse_model(
                f"{layer}.{path.stem}",
                path.read_text(encoding="utf-8"),
                path=path,
                document=_read_document(document) if document.exists() else {},
            )
        )
    return models


def _read_document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{path} is not valid TOML", why=str(error)) from None


def parse_model(name: str, sql: str, *, path: Path | None = None, document: dict[str, Any] | None = None) -> SqlModel:
    """Parse one model and find the tables it reads."""
    tree = _tree(sql, str(path or name))
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    reads = set()
    for table in tree.find_all(exp.Table):
        if not table.db and table.name in ctes:
            continue
        if not table.db:
            raise ModelError(
                f"{path or name}:{_line(table)}: table '{table.name}' has no layer",
                why="models read tables by full name",
                fix=f"write <layer>.{table.name or 'table'}, for example gold.customers",
            )
        reads.add(f"{table.db}.{table.name}")
    return SqlModel(name, sql, path, tuple(sorted(reads)), document or {})


def _tree(sql: str, where: str) -> exp.Query:
    try:
        statements = [tree for tree in sqlglot.parse(sql, dialect="duckdb") if tree]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        raise ModelError(
            f"{where}:{first.get('line', 1)}:{first.get('col', 1)}: {first.get('description', 'cannot be parsed')}",
            why=f"near: {first.get('start_context', '')[-40:]}»{first.get('highlight', '')}«",
        ) from None
    except SqlglotError as error:
        raise ModelError(f"{where}: cannot be parsed", why=str(error)) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ModelError(f"{where}: a model is exactly one SELECT", why=f"found {len(statements)} statements")
    return statements[0]


def _line(node: exp.Expr) -> int:
    """Line of a node: sqlglot keeps positions on identifiers only."""
    for part in node.walk():
        if "line" in part.meta:
            return int(part.meta["line"])
    return 1


@lru_cache(maxsize=512)
def lint(model: SqlModel) -> list[Finding]:
    """What would not run, or not give the same rows, on another engine."""
    tree = _tree(model.sql, model.where)
    found: list[Finding] = []

    def report(node: exp.Expr, message: str) -> None:
        found.append(Finding(model.name, _line(node), message))

    for node in tree.walk():
        if isinstance(node, _CLOCKS):
            report(node, f"{node.sql(dialect='duckdb').split('(')[0]} asks the clock: read the day from meta.run.as_of")
        elif isinstance(node, (exp.Rand, exp.Uuid)):
            report(node, "random values differ from run to run: derive them from a key with MD5")
        elif isinstance(node, exp.Join) and str(node.args.get("method", "")).upper() in ("ASOF", "POSITIONAL"):
            report(node, "ASOF and POSITIONAL joins run on DuckDB only: join on a validity interval made with LEAD")
        elif isinstance(node, exp.Star) and (
            node.args.get("except_") or node.args.get("replace") or node.args.get("rename")
        ):
            report(node, "* EXCLUDE / REPLACE runs on DuckDB only: name the columns")
        elif isinstance(node, (exp.Pivot, exp.TableSample)):
            report(node, f"{type(node).__name__.upper()} differs between engines: write it with CASE or MD5 of a key")
        elif isinstance(node, (exp.Lambda, exp.List, exp.Struct)):
            report(node, "lists, structs and lambdas differ between engines: keep one value per column")
        elif isinstance(node, exp.Distinct) and node.args.get("on"):
            report(node, "DISTINCT ON runs on DuckDB only: QUALIFY ROW_NUMBER() OVER (…) = 1")
        elif isinstance(node, exp.Anonymous) and node.name.upper() in ("NOW", "TODAY", "GETDATE"):
            report(node, f"{node.name.upper()}() asks the clock: read the day from meta.run.as_of")
        elif isinstance(node, exp.Anonymous):
            report(node, f"function {node.name} is not known to the other engines")
        elif isinstance(node, (exp.Group, exp.Order)) and _by_all(node):
            report(node, "GROUP BY ALL / ORDER BY ALL: name the columns")
        elif isinstance(node, exp.Sum) and not _is_cast(node):
            report(node, "SUM has another type on each engine: CAST(SUM(…) AS BIGINT) or DECIMAL(28,4)")
        elif isinstance(node, exp.Window) and isinstance(node.this, _RANKING) and not node.args.get("order"):
            report(node, f"{node.this.sql_name()} without ORDER BY gives a random answer")
        elif isinstance(node, exp.Limit) and not (node.parent and node.parent.args.get("order")):
            report(node, "LIMIT without ORDER BY gives random rows")
    for node in tree.walk():
        message = difference(node)
        if message:
            report(node, message)
    found += _untranslatable(model, tree)
    return sorted(set(found), key=lambda finding: (finding.line, finding.message))


def _by_all(node: exp.Expr) -> bool:
    if node.args.get("all"):
        return True
    return any(
        isinstance(item, exp.Column) and item.name.upper() == "ALL" and not item.table for item in node.expressions
    )


def _is_cast(node: exp.Expr) -> bool:
    """Is the sum, or the arithmetic, filter or window around it, cast?"""
    parent = node.parent
    while isinstance(
        parent, (exp.Window, exp.Filter, exp.Paren, exp.Binary, exp.Coalesce, exp.Nullif, exp.Case, exp.If, exp.Neg)
    ):
        parent = parent.parent
    return isinstance(parent, (exp.Cast, exp.Order, exp.Ordered, exp.Having))


def _untranslatable(model: SqlModel, tree: exp.Query) -> list[Finding]:
    found = []
    for engine in ENGINES:
        try:
            sqlglot.parse_one(translate(model.sql, engine), dialect=engine)
        except ModelError as error:
            found.append(Finding(model.name, 1, f"{engine}: {error.what}: {error.why or error.fix}"))
        except SqlglotError as error:
            found.append(Finding(model.name, 1, f"{engine} cannot parse its translation: {str(error).splitlines()[0]}"))
    return found
