"""SQL models as scripts for another engine, translated as they are for Spark (`engines.translate`).

In: models in the order of a run, a dialect, what `meta.run` holds. Out: the scripts, name → text, in the order to run
them: `000_meta.sql`, then one per model.

>>> from floorwalker.engines.models import parse_model
>>> files = sql_scripts([parse_model("gold.x", "SELECT COUNT(*) AS n FROM gold.y")], "databricks", MetaFacts("r1"))
>>> sorted(files)
['000_meta.sql', '001_gold_x.sql']
>>> print(files["001_gold_x.sql"].partition("CREATE")[2])
 OR REPLACE TABLE gold.x AS
SELECT
  COUNT(*) AS n
FROM gold.y;
<BLANKLINE>
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot.errors import SqlglotError

from floorwalker import __version__
from floorwalker.engines.models import SqlModel
from floorwalker.engines.translate import DIALECTS, translate
from floorwalker.errors import ModelError

STANDING = {
    "duckdb": "as models are written; `floorwalker run` runs this text",
    "spark": "translated as for `floorwalker run --engine spark://…`, whose results are tested against DuckDB's",
    "databricks": "translated and parsed as Databricks SQL. NOT EXECUTED: nobody has run it on Databricks",
    "snowflake": "translated and parsed as Snowflake SQL. NOT EXECUTED: nobody has run it on Snowflake",
}
"""What was done with a dialect's text, told at the head of every file."""

assert tuple(STANDING) == DIALECTS


@dataclass(frozen=True)
class MetaFacts:
    """What `meta.run` and `meta.sources` are to hold. `as_of` empty: nothing has been published yet."""

    run_id: str = ""
    as_of: str = ""
    reporting_currency: str = "GBP"
    precedence: tuple[str, ...] = ()


def sql_scripts(models: Sequence[SqlModel], dialect: str, facts: MetaFacts) -> dict[str, str]:
    """One script per model. Raises ModelError when one cannot be said in the dialect, or not be parsed in it again."""
    layers = sorted({"bronze", "silver", "gold", "meta", *(model.name.partition(".")[0] for model in models)})
    files = {"000_meta.sql": _meta(dialect, facts, layers)}
    for number, model in enumerate(models, 1):
        files[script_name(number, model.name)] = script(model, dialect)
    for name, text in files.items():
        _parse(text, dialect, name)
    return files


def script_name(number: int, table: str) -> str:
    """The file of the model that is built as the `number`th."""
    return f"{number:03}_{table.replace('.', '_')}.sql"


def script(model: SqlModel, dialect: str) -> str:
    """A model as a statement that builds its table."""
    try:
        body = translate(model.sql, dialect, pretty=True).strip().rstrip(";").rstrip()
    except ModelError as error:
        raise ModelError(f"{model.where}: {error.what}", why=error.why, fix=error.fix) from None
    end = "\n;" if "--" in body.rpartition("\n")[2] else ";"
    unheld = "-- Its TOML says portable = false: it is not held to what travels.\n"
    note = "" if model.document.get("portable", True) else unheld
    reads = f"-- Reads: {', '.join(model.reads) or 'nothing'}\n"
    return f"{_head(model.name, dialect)}{note}{reads}{_create(model.name, body, dialect)}{end}\n"


def _head(what: str, dialect: str) -> str:
    return f"-- {what}, for {dialect}. Exported by Floorwalker {__version__}: {STANDING[dialect]}.\n"


def _create(table: str, body: str, dialect: str) -> str:
    if dialect == "spark":
        # Tables of Spark's own catalogue cannot be replaced in one statement.
        return f"DROP TABLE IF EXISTS {table};\nCREATE TABLE {table} USING PARQUET AS\n{body}"
    return f"CREATE OR REPLACE TABLE {table} AS\n{body}"


def _meta(dialect: str, facts: MetaFacts, layers: Sequence[str]) -> str:
    """The tables by which models know the run, with what it was when they were exported."""
    run = (
        f"SELECT CAST({_text(facts.run_id)} AS VARCHAR) AS run_id,"
        f" CAST({_text(facts.as_of or '1970-01-01')} AS DATE) AS as_of,"
        f" CAST({_text(facts.reporting_currency)} AS VARCHAR) AS reporting_currency"
    )
    ranked = [
        f"SELECT CAST({_text(source)} AS VARCHAR) AS source, CAST({rank} AS INTEGER) AS precedence"
        for rank, source in enumerate(facts.precedence, 1)
    ] or ["SELECT CAST('' AS VARCHAR) AS source, CAST(0 AS INTEGER) AS precedence FROM meta.run WHERE 1 = 0"]
    unknown = "" if facts.as_of else " Nothing has been published yet: the day below is a placeholder."
    return "\n".join(
        [
            _head("meta.run and meta.sources", dialect).rstrip(),
            *(f"CREATE SCHEMA IF NOT EXISTS {layer};" for layer in layers),
            f"-- Set as_of before each run: the day that models look back from, that after the newest event.{unknown}",
            "-- reporting_currency is that of every sum; run_id is free text that names the run.",
            _create("meta.run", translate(run, dialect), dialect) + ";",
            "-- Which source is believed when several report one order, 1 the most; without rows they rank by name.",
            _create("meta.sources", translate(" UNION ALL ".join(ranked), dialect), dialect) + ";\n",
        ]
    )


def _parse(text: str, dialect: str, name: str) -> None:
    try:
        sqlglot.parse(text, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise ModelError(f"{name} cannot be parsed as {dialect}", why=str(error).splitlines()[0]) from None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
