"""The runner builds what changed, in order, and shows nothing that failed."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from floorwalker.engines.lake import Lake
from floorwalker.engines.models import SqlModel, parse_model
from floorwalker.engines.project import Project
from floorwalker.engines.runner import Build, BuildResult, plan
from floorwalker.engines.steps import Step
from floorwalker.errors import DataTestError, ModelError

AS_OF = dt.date(2026, 1, 1)


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(Project(tmp_path), memory_limit="500MB", threads=1)
    with lake.connect() as connection:
        lake.replace("bronze.sales", pa.table({"who": ["a", "a", "b"], "amount": [1, 2, 3]}), connection)
    return lake


def totals(extra: str = "", **document) -> SqlModel:
    sql = f"SELECT who, CAST(SUM(amount) AS BIGINT) AS amount FROM bronze.sales {extra} GROUP BY who"
    return parse_model("gold.totals", sql, document=document)


TOP = parse_model("gold.top", "SELECT who FROM gold.totals QUALIFY ROW_NUMBER() OVER (ORDER BY amount DESC, who) = 1")


def build(lake: Lake, *nodes, run_id: str = "r1", as_of: dt.date = AS_OF) -> BuildResult:
    models = [node for node in nodes if isinstance(node, SqlModel)]
    steps = [node for node in nodes if isinstance(node, Step)]
    return Build(lake, run_id, as_of).run(plan(models, steps, ["bronze.sales"]))


def rows(lake: Lake, table: str) -> list[tuple]:
    with lake.connect() as connection:
        lake.view(connection, table)
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall())


def test_models_are_built_in_the_order_their_tables_demand(lake):
    result = build(lake, TOP, totals())
    assert [node.name for node in result.nodes] == ["gold.totals", "gold.top"]
    assert rows(lake, "gold.totals") == [("a", 3), ("b", 3)]
    assert rows(lake, "gold.top") == [("a",)]


def test_nothing_changed_means_nothing_is_built(lake):
    first = build(lake, TOP, totals())
    second = build(lake, TOP, totals(), run_id="r2")
    assert second.built == 0
    assert second.versions == first.versions


def test_new_rows_rebuild_what_reads_them_and_a_changed_model_rebuilds_its_readers(lake):
    other = parse_model("gold.other", "SELECT 1 AS one")
    build(lake, TOP, totals(), other)
    with lake.connect() as connection:
        lake.append("bronze.sales", pa.table({"who": ["b"], "amount": [9]}), connection)
    again = build(lake, TOP, totals(), other)
    assert {node.name for node in again.nodes if node.status == "built"} == {"gold.totals", "gold.top"}
    assert rows(lake, "gold.top") == [("b",)]
    changed = build(lake, TOP, totals("WHERE amount < 9"), other)
    assert {node.name for node in changed.nodes if node.status == "built"} == {"gold.totals", "gold.top"}


def test_a_failing_test_commits_nothing_and_is_tried_again(lake):
    bad = totals(tests=[{"name": "no b", "sql": "SELECT who FROM gold.totals WHERE who = 'b'"}])
    for _ in range(2):
        with pytest.raises(DataTestError, match="no b"):
            build(lake, bad, TOP)
        assert lake.version("gold.totals") is None
        assert lake.version("gold.top") is None


def test_warnings_are_reported_and_remembered(lake):
    warned = totals(tests=[{"name": "no b", "severity": "warn", "sql": "SELECT who FROM gold.totals WHERE who = 'b'"}])
    first = build(lake, warned)
    assert [(one.test, one.status, one.failures) for one in first.tests] == [("no b", "warn", 1)]
    assert build(lake, warned).tests == first.tests


def test_a_step_joins_the_graph(lake):
    def double(context):
        context.write("gold.doubled", context.connection.sql("SELECT who, amount * 2 AS amount FROM gold.totals"))

    step = Step("double", ("gold.totals",), ("gold.doubled",), double)
    last = parse_model("custom.last", "SELECT MAX(amount) AS amount FROM gold.doubled")
    result = build(lake, last, step, totals())
    assert [node.name for node in result.nodes] == ["gold.totals", "double", "custom.last"]
    assert rows(lake, "custom.last") == [(6,)]
    assert build(lake, last, step, totals()).built == 0


def test_a_step_must_write_what_it_declares_and_only_that(lake):
    nothing = Step("lazy", ("bronze.sales",), ("gold.x",), lambda context: None)
    with pytest.raises(ModelError, match="did not write"):
        build(lake, nothing)
    other = Step("wild", ("bronze.sales",), ("gold.x",), lambda context: context.write("gold.y", pa.table({"x": [1]})))
    with pytest.raises(ModelError, match=r"gold\.y"):
        build(lake, other)


def test_a_model_that_fails_names_file_and_line(lake, tmp_path):
    path = tmp_path / "broken.sql"
    broken = parse_model("gold.broken", "SELECT who,\n  amont\nFROM bronze.sales", path=path)
    with pytest.raises(ModelError) as caught:
        build(lake, broken)
    assert str(path) in caught.value.what
    assert "line 2" in caught.value.why


def test_circles_unknown_tables_and_two_writers_are_refused():
    first = parse_model("gold.a", "SELECT x FROM gold.b")
    second = parse_model("gold.b", "SELECT x FROM gold.a")
    with pytest.raises(ModelError, match="circle"):
        plan([first, second], [], [])
    with pytest.raises(ModelError, match=r"gold\.b.*nothing makes"):
        plan([first], [], ["bronze.sales"])
    with pytest.raises(ModelError, match="written by both"):
        plan([first, Step("s", (), ("gold.a",), lambda context: None)], [], ["gold.b"])


def test_the_day_rebuilds_only_what_asks_for_it(lake):
    dated = parse_model("gold.dated", "SELECT r.as_of FROM meta.run AS r")
    build(lake, dated, totals())
    later = build(lake, dated, totals(), as_of=dt.date(2026, 1, 2))
    assert {node.name for node in later.nodes if node.status == "built"} == {"gold.dated"}
    assert rows(lake, "gold.dated") == [(dt.date(2026, 1, 2),)]


def test_previous_tables_show_the_last_publication_and_do_not_count_as_input(lake):
    def remember(context):
        count = context.connection.execute("SELECT COUNT(*) FROM silver.seen_previous").fetchall()[0][0]
        context.write("silver.seen", pa.table({"x": list(range(count + 1))}))

    step = Step("remember", ("bronze.sales", "silver.seen_previous"), ("silver.seen",), remember)
    graph = plan([], [step], ["bronze.sales"])
    empty = {"silver.seen": pa.schema([("x", pa.int64())])}
    first = Build(lake, "r1", AS_OF, previous={"silver.seen": None}, empty=empty).run(graph)
    assert first.nodes[0].rows == {"silver.seen": 1}
    second = Build(lake, "r2", AS_OF, previous={"silver.seen": 0}, empty=empty).run(graph)
    assert second.built == 0
    with lake.connect() as connection:
        lake.append("bronze.sales", pa.table({"who": ["b"], "amount": [9]}), connection)
    third = Build(lake, "r3", AS_OF, previous={"silver.seen": 0}, empty=empty).run(graph)
    assert third.nodes[0].rows == {"silver.seen": 2}


def amending(seen: list[bool], text: str = "1", shares: str = "basis") -> Step:
    """A step that adds a number to everybody's total; what the number is may be amended."""

    def run(context) -> None:
        seen.append(context.standing)
        table = f"SELECT who, CAST(SUM(amount) + {text} AS BIGINT) AS amount FROM bronze.sales GROUP BY who"
        if not context.standing:
            context.write("gold.plus", context.connection.sql(table))
        else:
            ours = context.connection.sql(f"FROM ({table}) WHERE who = 'a'")
            context.merge("gold.plus", ["who"], ours.project("who"), ours)

    return Step("plus", ("bronze.sales",), ("gold.plus",), run, settings=shares, amendments=text)


def published_build(lake: Lake, *steps: Step, quick: bool = False, publish: bool = True) -> BuildResult:
    pointer = lake.pointer()
    published = pointer.tables if pointer else {}
    result = Build(lake, "r1", AS_OF, published=published, quick=quick).run(plan([], steps, ["bronze.sales"]))
    if publish:
        lake.publish(run_id="r1", as_of=AS_OF, versions=result.versions)
    return result


def test_a_step_learns_that_its_tables_were_made_as_it_would_make_them(lake):
    seen: list[bool] = []
    published_build(lake, amending(seen))
    assert published_build(lake, amending(seen)).built == 0
    published_build(lake, amending(seen, "10"))
    assert seen == [False, True]
    # The step touched one of its rows, and left the other as it was published.
    assert rows(lake, "gold.plus") == [("a", 13), ("b", 4)]
    published_build(lake, amending(seen, "10", shares="others"))
    with lake.connect() as connection:
        lake.append("bronze.sales", pa.table({"who": ["b"], "amount": [9]}), connection)
    published_build(lake, amending(seen, "10", shares="others"))
    assert seen[2:] == [False, True]


def test_a_step_learns_what_has_come_to_its_inputs_since_its_tables_were_made(lake):
    seen: list[object] = []

    def run(context) -> None:
        rows = context.changes("bronze.sales", ["who", "amount"])
        seen.append(None if rows is None else rows.fetchall())
        context.write("gold.count", context.connection.sql("SELECT COUNT(*) AS n FROM bronze.sales"))

    step = Step("count", ("bronze.sales",), ("gold.count",), run)
    published_build(lake, step)
    for amount, publish in ((9, False), (10, True)):
        with lake.connect() as connection:
            lake.append("bronze.sales", pa.table({"who": ["d"], "amount": [amount]}), connection)
        published_build(lake, step, publish=publish)
    # What a run that never published has seen is news still.
    assert seen == [None, [("d", 9)], [("d", 9), ("d", 10)]]


def test_what_a_killed_run_left_is_neither_amended_nor_kept(lake):
    seen: list[bool] = []
    published_build(lake, amending(seen))
    published_build(lake, amending(seen, "10"), publish=False)
    published_build(lake, amending(seen, "100"))
    assert seen == [False, True, False]
    assert rows(lake, "gold.plus") == [("a", 103), ("b", 103)]

    def merging(context) -> None:
        new = context.connection.sql("SELECT 'c' AS who, CAST(7 AS BIGINT) AS amount")
        context.merge("gold.plus", ["who"], new.project("who"), new)

    # A merge stands on what is published, too.
    published_build(lake, amending(seen, "5"), publish=False)
    published_build(lake, Step("plus", ("bronze.sales",), ("gold.plus",), merging))
    assert rows(lake, "gold.plus") == [("a", 103), ("b", 103), ("c", 7)]


def test_a_quick_build_asks_models_and_the_next_one_fits_them(lake):
    asked: list[str] = []

    def model(word: str, scored: bool = True) -> Step:
        def score(context) -> bool:
            asked.append(
                f"score {context.made_by('gold.model')} {context.changed('bronze.sales', 'who', ['amount']).fetchall()}"
            )
            return scored

        def fit(context) -> None:
            asked.append("fit")
            context.write("gold.model", context.connection.sql("SELECT COUNT(*) AS n FROM bronze.sales"))

        return Step("model", ("bronze.sales",), ("gold.model",), fit, settings=word, score=score)

    published_build(lake, model("a"), quick=True)
    assert asked == ["fit"], "nothing stands yet"
    with lake.connect() as connection:
        lake.append("bronze.sales", pa.table({"who": ["c"], "amount": [1]}), connection)
    quick = published_build(lake, model("a"), quick=True)
    assert [node.status for node in quick.nodes] == ["scored"] and asked[1:] == ["score r1 [('c',)]"]
    assert rows(lake, "gold.model") == [(3,)]
    assert [node.status for node in published_build(lake, model("a")).nodes] == ["built"]
    assert rows(lake, "gold.model") == [(4,)]
    published_build(lake, model("b", scored=False), quick=True)
    assert asked[-2:] == ["score r1 []", "fit"], "a model that cannot be asked is fitted"
