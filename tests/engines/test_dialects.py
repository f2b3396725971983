"""One expression, one value, on DuckDB and on Spark: the list that `engines.translate` answers for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlglot

from floorwalker.engines.sql_duckdb import DuckDBSql
from floorwalker.engines.translate import DIALECTS, translate
from floorwalker.errors import ModelError

ROWS = """SELECT * FROM (VALUES
  (1, 10, CAST(3 AS BIGINT), CAST(1.25 AS DECIMAL(18,4)), CAST(0.5 AS DOUBLE), 'abc', DATE '2024-01-31',
    CAST('2024-01-31 23:59:59.5+00' AS TIMESTAMPTZ), TRUE),
  (2, 0, CAST(-7 AS BIGINT), CAST(-2.5 AS DECIMAL(18,4)), CAST(2.5 AS DOUBLE), 'Zürich İSΣ', DATE '2024-02-29',
    CAST('2024-02-29 00:00:00+00' AS TIMESTAMPTZ), FALSE),
  (3, NULL, CAST(0 AS BIGINT), CAST(0 AS DECIMAL(18,4)), CAST(0.145 AS DOUBLE), '', DATE '1969-12-31',
    CAST('1969-12-31 23:59:59.25+00' AS TIMESTAMPTZ), NULL),
  (4, 4, CAST(5 AS BIGINT), CAST(1.5 AS DECIMAL(18,4)), CAST(-1.5 AS DOUBLE), 'a-b', DATE '2026-12-31',
    CAST('2026-12-31 12:00:00+00' AS TIMESTAMPTZ), TRUE),
  (5, 4, NULL, NULL, NULL, NULL, NULL, NULL, TRUE)) AS v(i, n, b, m, f, s, d, t, o)"""

LATER = "CAST('2024-03-01 00:00:01+00' AS TIMESTAMPTZ)"

EXPRESSIONS = [
    # numbers: division, rounding, exact decimals
    *("10 / n", "m / n", "m / b", "f / n", "b / 2", "m / NULLIF(n, 0)", "b % 4", "b // 4", "-m", "ABS(m)"),
    *("m * m", "m * CAST(1.12345678 AS DECIMAL(18,8))", "i + m", "m + f", "i * f", "m > 0.5", "i = m", "SIGN(b)"),
    *("CAST(m AS INTEGER)", "CAST(f AS INTEGER)", "CAST(f AS BIGINT)", "CAST(m * 3 AS BIGINT)", "CAST(o AS INTEGER)"),
    *(
        "CAST(f AS DECIMAL(18,2))",
        "CAST(f * 2 AS DECIMAL(28,1))",
        "CAST(m / NULLIF(n, 0) AS DECIMAL(28,4))",
        "CAST(m AS DOUBLE)",
    ),
    *("CAST(CAST(1.005 AS DOUBLE) AS DECIMAL(18,2))", "CAST(m / 3 AS DECIMAL(18,0))", "CAST(m AS DECIMAL(9,1))"),
    *("ROUND(m, 1)", "FLOOR(f)", "CEIL(m)", "SQRT(ABS(f))", "CAST(EXP(f) AS DECIMAL(18,9))", "GREATEST(i, n)"),
    *("CAST(LOG(b * b + 1) AS DECIMAL(18,9))", "CAST(LN(b * b + 1) AS DECIMAL(18,9))", "LEAST(i, n)", "NULLIF(n, 0)"),
    *("CAST(CASE WHEN o THEN m ELSE 0 END AS DECIMAL(18,4))", "COALESCE(m, 0)", "COALESCE(f, 0)"),
    # text
    *(
        "s || CAST(NULL AS VARCHAR)",
        "s || '-' || i",
        "CONCAT(s, '-', i)",
        "CONCAT_WS(',', s, 'x')",
        "LOWER(s)",
        "LENGTH(s)",
        "TRIM(s)",
    ),
    *("LPAD(s, 2, '0')", "LPAD(CAST(i AS VARCHAR), 6, '0')", "SUBSTRING(s, 2)", "SUBSTRING(s, -2)", "LEFT(s, 2)"),
    *("REPLACE(s, 'b', 'x')", "STRPOS(s, 'b')", "SPLIT_PART(s, '-', 2)", "STARTS_WITH(s, 'a')", "CONTAINS(s, 'b')"),
    *("s LIKE 'a%'", "s LIKE 'a\\%'", "s ILIKE '%B%'", "REGEXP_MATCHES(s, '^[a-c]+$')", "REGEXP_EXTRACT(s, '[a-c]+')"),
    *("REGEXP_REPLACE(s, '[ab]', 'x', 'g')", "MD5(s)", "s > 'B'", "'a\\d'", """'{"a":{"b":1}}' ->> '$.a.b'"""),
    *("CAST(t AS VARCHAR)", "CAST(d AS VARCHAR)", "CAST(m AS VARCHAR)", "CAST(o AS VARCHAR)", "CAST(b AS VARCHAR)"),
    # days and moments
    *("EXTRACT(YEAR FROM d)", "EXTRACT(DOW FROM d)", "EXTRACT(ISODOW FROM d)", "DAYOFWEEK(d)", "ISODOW(d)"),
    *("EXTRACT(DOY FROM d)", "EXTRACT(WEEK FROM d)", "EXTRACT(QUARTER FROM d)", "EXTRACT(HOUR FROM t)", "MONTH(t)"),
    *("EXTRACT(SECOND FROM t)", "EXTRACT(EPOCH FROM t)", "EPOCH(t)", "EXTRACT(HOUR FROM t AT TIME ZONE 'Asia/Tokyo')"),
    *(f"DATE_DIFF('{unit}', t, {LATER})" for unit in ("second", "minute", "hour", "day", "week", "month", "quarter")),
    *(f"DATE_DIFF('{unit}', d, DATE '2024-03-01')" for unit in ("day", "week", "month", "quarter", "year")),
    *(f"1 - DATE_DIFF('{unit}', t, {LATER})" for unit in ("millisecond", "year")),
    *("DATE_TRUNC('month', d)", "DATE_TRUNC('week', t)", "DATE_TRUNC('hour', t)", "LAST_DAY(d)", "d + 1", "d + i"),
    *("d + INTERVAL 1 MONTH", "d - INTERVAL 30 DAY", "t + INTERVAL 30 MINUTE"),
    *("DATE_ADD(d, INTERVAL 5 DAY)", "d - DATE '2024-01-01'", "CAST(t AS DATE)", "CAST(d AS TIMESTAMPTZ)", "d < t"),
    *("STRFTIME(t, '%Y-%m-%d %H:%M:%S')", "STRFTIME(d, '%Y-%m')", "MAKE_DATE(2024, 1, i)"),
    # NULL and windows
    *("i IS DISTINCT FROM n", "n IN (0, NULL)", "n NOT IN (10)", "IF(o, 1, 0)", "o AND NULL"),
    *("ROW_NUMBER() OVER (ORDER BY n DESC, i)", "ROW_NUMBER() OVER (ORDER BY n, i)", "NTILE(3) OVER (ORDER BY n, i)"),
    *("PERCENT_RANK() OVER (ORDER BY n)", "CUME_DIST() OVER (ORDER BY n)", "LEAD(n, 1, -1) OVER (ORDER BY i)"),
    *("LAG(n IGNORE NULLS) OVER (ORDER BY i)", "FIRST_VALUE(n) OVER (ORDER BY i)", "MAX(o) OVER (PARTITION BY n)"),
    "CAST(SUM(n) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS BIGINT)",
    "COUNT(*) OVER (ORDER BY d RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW)",
]

QUERIES = [
    "SELECT MIN(o) AS a, MAX(o) AS b, BOOL_AND(o) AS c, BOOL_OR(o) AS d, MIN(s) AS e, MAX(s) AS f FROM gold.v",
    "SELECT CAST(SUM(n) AS BIGINT) AS a, CAST(SUM(m) AS DECIMAL(28,4)) AS b, CAST(SUM(m) AS BIGINT) AS c FROM gold.v",
    "SELECT CAST(SUM(m) AS DECIMAL(28,4)) AS a, COUNT(*) AS b, MAX(i) AS c FROM gold.v WHERE i > 9",
    "SELECT COUNT(*) FILTER (WHERE n > 1) AS a, CAST(SUM(m) FILTER (WHERE n > 1) AS DECIMAL(28,4)) AS b FROM gold.v",
    "SELECT STRING_AGG(s, ',' ORDER BY s) AS a, STRING_AGG(s, ';' ORDER BY i DESC) AS b,"
    " STRING_AGG(DISTINCT s, ',' ORDER BY s) AS c FROM gold.v",
    "SELECT STRING_AGG(s, ',' ORDER BY s) AS a FROM gold.v WHERE i > 9",
    "SELECT o, COUNT(DISTINCT n) AS n FROM gold.v GROUP BY o HAVING COUNT(*) > 1 ORDER BY o",
    "SELECT i FROM gold.v QUALIFY ROW_NUMBER() OVER (PARTITION BY o ORDER BY i DESC) = 1 ORDER BY i",
    "SELECT n FROM gold.v EXCEPT SELECT 10 ORDER BY 1",
    "SELECT v.i, w.x FROM gold.v LEFT JOIN (SELECT i + 1 AS i, m AS x FROM gold.v) AS w ON w.i = v.i ORDER BY v.i",
    "SELECT i FROM gold.v AS a WHERE NOT EXISTS (SELECT 1 FROM gold.v AS b WHERE b.n = a.i) ORDER BY i",
    """SELECT 1 AS "rows", 'x' AS "Mixed Case", 2 AS "order" """,
    "SELECT i, s FROM gold.v ORDER BY s DESC, i",
]


def alike(value: object) -> object:
    """NaN is not even equal to itself."""
    return "NaN" if isinstance(value, float) and value != value else value


@pytest.fixture
def both(spark, tmp_path):
    """The same rows before both engines: what each answers to a SELECT, and the types it says they have."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA gold")
    own = DuckDBSql(connection)
    ((file, _),) = own.write(ROWS, tmp_path / "rows")
    own.show("gold.v", [str(file)])
    spark.show("gold.v", [str(file)])

    def ask(sql: str):
        # With `write`, so that types are those of the files that other engines will read.
        answers = []
        for engine, name in ((own, "a"), (spark, "b")):
            files = [str(path) for path, _ in engine.write(sql, tmp_path / name)]
            own.show(f"gold.{name}", files)
            described = [row[:2] for row in own.rows(f"DESCRIBE gold.{name}")]
            answers.append((described, sorted(own.rows(f"SELECT * FROM gold.{name}"), key=repr)))
        return answers

    yield ask
    connection.close()


@pytest.mark.slow
def test_expressions_have_the_same_value_and_type(both):
    wrong = []
    # Many to a query: Spark takes half a second for each.
    for start in range(0, len(EXPRESSIONS), 15):
        some = EXPRESSIONS[start : start + 15]
        columns = ", ".join(f"{expression} AS x{number}" for number, expression in enumerate(some))
        (types, rows), (spark_types, spark_rows) = both(f"SELECT i, {columns} FROM gold.v")
        assert len(rows) == len(spark_rows) == 5
        for number, expression in enumerate(some, 1):
            ours, theirs = ({row[0]: alike(row[number]) for row in found} for found in (rows, spark_rows))
            if ours != theirs or types[number] != spark_types[number]:
                wrong.append(f"{expression}: {types[number][1]} {ours} ≠ {spark_types[number][1]} {theirs}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("sql", QUERIES)
def test_queries_give_the_same_rows(both, sql):
    ours, theirs = both(sql)
    assert ours == theirs


@pytest.mark.slow
def test_what_has_another_wording_is_refused_where_only_the_rows_can_tell(spark):
    from floorwalker.engines.sql import SqlError

    with pytest.raises(SqlError, match="DECIMAL first"):
        spark.rows("SELECT CAST(CAST(0.1 AS DOUBLE) AS VARCHAR) AS x")


@pytest.mark.slow
def test_errors_do_not_quote_what_stood_in_the_row(spark):
    from floorwalker.engines.sql import SqlError

    spark.define("gold.names", "SELECT 'Ann Smith' AS name")
    with pytest.raises(SqlError) as caught:
        spark.rows("SELECT CAST(name AS INTEGER) AS x FROM gold.names")
    assert "Ann" not in str(caught.value)


@pytest.mark.slow
def test_values_are_those_of_python(spark):
    row = spark.rows("SELECT CAST(2.5 AS DECIMAL(9,2)) AS m, DATE '2026-01-02' AS d, NTILE(2) OVER (ORDER BY 1) AS n")
    assert row == [(Decimal("2.50"), dt.date(2026, 1, 2), 1)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_expression_can_be_said_and_read_again(dialect):
    for sql in [*(f"SELECT {expression} AS x FROM gold.v" for expression in EXPRESSIONS), *QUERIES]:
        if dialect == "snowflake" and ("->>" in sql or "RANGE BETWEEN" in sql):
            continue
        sqlglot.parse_one(translate(sql, dialect), dialect=dialect)


def test_golden_translations():
    said = {
        "CAST(t AS DATE)": "CAST(t AS DATE)",
        "CAST(COUNT(*) AS BIGINT)": "CAST(COUNT(*) AS BIGINT)",
        "CAST(0 AS DECIMAL(18,4))": "CAST(0 AS DECIMAL(18, 4))",
        "a / NULLIF(b, 0)": "CAST(a AS DOUBLE) / CAST(NULLIF(b, 0) AS DOUBLE)",
        "EXTRACT(DOW FROM d)": "(DAYOFWEEK(d) - 1)",
        "DATE_DIFF('day', a, b) > 3": "(DATEDIFF(TO_DATE(b), TO_DATE(a))) > 3",
        "LOWER(s)": "LOWER(TRANSLATE(s, 'İΣ', 'iσ'))",
    }
    for expression, expected in said.items():
        assert translate(f"SELECT {expression} AS x FROM gold.v", "spark") == f"SELECT {expected} AS x FROM gold.v"


def test_a_division_by_what_may_be_zero_asks_first():
    assert "WHEN CAST(b AS DOUBLE) = 0 THEN" in translate("SELECT a / b AS x FROM gold.v", "spark")


def test_what_cannot_be_said_names_the_dialect_or_the_units():
    with pytest.raises(ModelError, match="centur"):
        translate("SELECT DATE_DIFF('century', a, b) AS x FROM gold.v", "spark")
    with pytest.raises(ModelError, match="databricks"):
        translate("SELECT FROM WHERE", "databricks")
