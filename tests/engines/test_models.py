"""Models are found, read and held to what runs on every engine."""

from __future__ import annotations

import pytest

from floorwalker.engines.models import lint, load_models, parse_model
from floorwalker.errors import ModelError


def findings(sql: str) -> str:
    return " | ".join(finding.message for finding in lint(parse_model("gold.x", sql)))


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT NOW() AS t", "clock"),
        ("SELECT CURRENT_DATE AS t", "clock"),
        ("SELECT RANDOM() AS t", "random"),
        ("SELECT a.x FROM silver.a AS a ASOF JOIN silver.b AS b ON a.t >= b.t", "ASOF"),
        ("SELECT * EXCLUDE (x) FROM silver.a", "EXCLUDE"),
        ("SELECT SUM(x) AS x FROM silver.a", "CAST(SUM"),
        ("SELECT ROW_NUMBER() OVER (PARTITION BY x) AS n FROM silver.a", "ORDER BY"),
        ("SELECT x FROM silver.a LIMIT 3", "LIMIT"),
        ("SELECT DISTINCT ON (x) x, y FROM silver.a", "DISTINCT ON"),
        ("SELECT LIST_TRANSFORM([1, 2], v -> v + 1) AS x", "list"),
        ("SELECT no_such_function(x) AS y FROM silver.a", "NO_SUCH_FUNCTION"),
        ("SELECT x, CAST(SUM(y) AS BIGINT) AS y FROM silver.a GROUP BY ALL", "GROUP BY ALL"),
        ("SELECT AVG(x) AS x FROM silver.a", "AVG"),
        ("SELECT ANY_VALUE(x) AS x FROM silver.a", "ANY_VALUE takes any row"),
        ("SELECT ARG_MAX(x, y) AS x FROM silver.a", "any row among equals"),
        ("SELECT STDDEV(x) AS x FROM silver.a", "exact sums"),
        ("SELECT MEDIAN(x) AS x FROM silver.a", "ROW_NUMBER"),
        ("SELECT QUANTILE_CONT(x, 0.5) AS x FROM silver.a", "ROW_NUMBER"),
        ("SELECT APPROX_COUNT_DISTINCT(x) AS x FROM silver.a", "exactly"),
        ("SELECT 1 + EXP(x) AS x FROM silver.a", "CAST(EXP"),
        ("SELECT x ** 2 AS x FROM silver.a", "last digit"),
        ("SELECT ROUND(x, 2) AS x FROM silver.a", "DECIMAL(18,2)"),
        ("SELECT UPPER(x) AS x FROM silver.a", "LOWER"),
        ("SELECT TRY_CAST(x AS INTEGER) AS x FROM silver.a", "mappings"),
        ("SELECT REGEXP_REPLACE(x, 'a', 'b') AS x FROM silver.a", "'g'"),
        ("SELECT SUBSTRING(x, 0, 2) AS x FROM silver.a", "from 1"),
        ("SELECT COUNT(DISTINCT x) OVER (PARTITION BY y) AS x FROM silver.a", "subquery"),
        ("SELECT STRFTIME(x, '%Y-%V') AS x FROM silver.a", "STRFTIME"),
        ("SELECT MONTHNAME(x) AS x FROM silver.a", "January"),
        ("SELECT d - INTERVAL (x) DAY AS x FROM silver.a", "INTERVAL"),
        ("SELECT EPOCH_MS(x) AS x FROM silver.a", "EPOCH"),
        ("SELECT DATE_DIFF('century', x, y) AS x FROM silver.a", "centur"),
    ],
)
def test_what_does_not_travel_is_found(sql, word):
    assert word.lower() in findings(sql).lower()


def test_portable_sql_passes():
    assert not findings(
        "WITH r AS (SELECT x, ROW_NUMBER() OVER (PARTITION BY g ORDER BY t DESC, x) AS n FROM silver.a)"
        " SELECT CAST(SUM(COALESCE(x, 0)) AS BIGINT) AS total, COUNT(DISTINCT x) AS d FROM r WHERE n = 1"
    )


def test_what_looks_alike_but_gives_the_same_everywhere_passes():
    assert not findings(
        "SELECT CAST(EXP(-0.1 * x) AS DECIMAL(18,9)) AS weight, ROUND(CAST(y AS DECIMAL(18,4)), 2) AS y,"
        " CAST(ROUND(z) AS DECIMAL(18,0)) AS z, REGEXP_REPLACE(a, ' +', ' ', 'g') AS a, STRFTIME(t, '%Y-%m') AS m,"
        " COUNT(DISTINCT x) AS n, SUBSTRING(a, 2) AS b FROM silver.a GROUP BY 1, 2, 3, 4, 5, 7"
    )


def test_line_numbers_point_into_the_file():
    model = parse_model("gold.x", "-- a comment\nSELECT\n  x,\n  no_such(x) AS y\nFROM silver.a")
    assert lint(model)[0].line == 4


def test_reads_are_the_tables_not_the_ctes():
    model = parse_model("gold.x", "WITH a AS (SELECT 1 AS x) SELECT a.x FROM a JOIN silver.b AS b ON b.x = a.x")
    assert model.reads == ("silver.b",)


def test_a_syntax_error_names_file_and_line(tmp_path):
    (tmp_path / "gold").mkdir()
    path = tmp_path / "gold" / "broken.sql"
    path.write_text("SELECT x\nFROM silver.a\nWHERE (x > 1")
    with pytest.raises(ModelError) as caught:
        load_models(tmp_path)
    assert f"{path}:3" in caught.value.what


def test_a_table_without_a_layer_is_refused():
    with pytest.raises(ModelError, match=r"gold\.customers"):
        parse_model("gold.x", "SELECT x FROM customers")


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "DROP TABLE gold.x", "INSERT INTO gold.x VALUES (1)", ""])
def test_a_model_is_exactly_one_select(sql):
    with pytest.raises(ModelError):
        parse_model("gold.x", sql)


def test_files_become_tables_by_folder(tmp_path):
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "a.sql").write_text("SELECT 1 AS x")
    (tmp_path / "b.sql").write_text("SELECT 1 AS x")
    (tmp_path / "b.toml").write_text('description = "ones"')
    models = {model.name: model for model in load_models(tmp_path)}
    assert set(models) == {"gold.a", "custom.b"}
    assert models["custom.b"].document == {"description": "ones"}


def test_the_product_s_own_models_travel():
    from floorwalker.profiles import SQL

    models = load_models(SQL)
    assert len(models) > 20
    assert {model.name: lint(model) for model in models if lint(model)} == {}
