"""The pipeline's benchmark at a hundredth of its size: the control makes the product's tables, and a cheat shows."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from benchmarks.measuring import peak_mb
from benchmarks.pipeline import IDENTITY, differences, event_rows, without_identity
from benchmarks.pipeline_stages import Stages, group_of
from deltalake import DeltaTable, write_deltalake

from benchmarks import plain_sql
from floorwalker.app.scaffold import make_project
from floorwalker.engines.project import Project
from floorwalker.sources.simulator import simulate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path, Stages]:
    """A small retailer's tables, by the product and by the plain script."""
    folder = tmp_path_factory.mktemp("bench")
    project = Project(make_project(folder / "shop", template="demo"))
    simulate(project.root / "data", customers=150, seed=2)
    stages = Stages(project)
    stages.run("sql")
    plain_sql.run(project.root / "data", folder / "plain", project.lake, "1GB", 2)
    return project, folder / "plain", stages


def test_the_control_makes_the_same_tables(both: tuple[Project, Path, Stages]) -> None:
    project, control, stages = both
    assert differences(project.lake, control) == []
    made = {f"{path.parent.name}.{path.name}" for path in control.glob("*/*")}
    sql = {node for node in stages.nodes if node not in IDENTITY}
    assert sql == {name for name in made if not name.startswith("bronze.")}
    assert "gold.customers" in sql
    assert event_rows(project) > 1000


def test_a_control_that_leaves_work_out_is_found(both: tuple[Project, Path, Stages], tmp_path: Path) -> None:
    project, control, _ = both
    files = DeltaTable(control / "gold" / "daily_revenue").file_uris()
    cheats = {
        "gold/daily_revenue.*": f"SELECT * FROM read_parquet({files}) LIMIT 5",
        "gold/daily_revenue.revenue sum": "SELECT * REPLACE (CAST(revenue + 1 AS DECIMAL(28,4)) AS revenue) "
        f"FROM read_parquet({files})",
    }
    for number, (wanted, query) in enumerate(cheats.items()):
        cheat = tmp_path / str(number)
        write_deltalake(cheat / "gold" / "daily_revenue", duckdb.sql(query).to_arrow_table())
        assert any(line.startswith(wanted) for line in differences(project.lake, cheat))


def test_reading_again_adds_nothing(both: tuple[Project, Path, Stages], tmp_path: Path) -> None:
    project, _, _ = both
    out = tmp_path / "plain"
    for _ in range(2):
        plain_sql.run(project.root / "data", out, project.lake, "1GB", 2)
    assert differences(project.lake, out) == []


def test_identity_is_timed_on_neither_side() -> None:
    nodes = {"gold.customers": [1.0, 1.0], **{name: [0.0, 0.0] for name in IDENTITY}}
    nodes |= {"identity.normalise": [2.0, 3.0], "identity.resolve": [4.0, 5.0]}
    figures = without_identity({"seconds": 10.0, "cpu": 12.0, "peak_mb": 7.0, "nodes": nodes})
    assert (figures["seconds"], figures["cpu"], figures["peak_mb"]) == (4.0, 4.0, 7.0)


def test_every_node_has_a_group() -> None:
    assert group_of("silver.identity_records") == group_of("identity.resolve") == "identity"
    assert [group_of(name) for name in ("silver.order_lines", "gold.customers", "clusters")] == [
        "silver",
        "gold",
        "models",
    ]
    assert peak_mb() > 10
