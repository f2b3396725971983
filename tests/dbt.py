"""What the tests with dbt need: where it is, how it is run, and what it made compared with what was published.

In: a project that has run, a folder for the export. Out: dbt's own counts; the differences, of which there are none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from floorwalker.engines.export_dbt import WAREHOUSE
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project

ROOT = Path(__file__).parent.parent


def dbt_command() -> str:
    """The dbt to test with: FLOORWALKER_DBT, else that of `make setup-dbt`, else the PATH's; skips without one."""
    here = ROOT / ".venv-dbt" / "bin" / "dbt"
    found = os.environ.get("FLOORWALKER_DBT") or (str(here) if here.exists() else shutil.which("dbt"))
    if not found:
        pytest.skip("needs dbt: make setup-dbt, or set FLOORWALKER_DBT to a dbt with dbt-duckdb")
    return found


def dbt(folder: Path, *arguments: str) -> Counter[str]:
    """Run dbt in its project; how many nodes ended how, such as `model success`, `test pass`."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "DBT_PROFILES_DIR")}
    done = subprocess.run(
        [dbt_command(), "--no-use-colors", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert "deprecat" not in done.stdout.lower(), done.stdout[-3000:]
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return Counter(f"{one['unique_id'].partition('.')[0]} {one['status']}" for one in results)


def differences(project: Path, folder: Path, models: list[str]) -> dict[str, Any]:
    """Table → how what dbt built differs from what Floorwalker published: types, rows on one side only."""
    found: dict[str, Any] = {}
    with Lake(Project(project)).read() as connection:
        connection.execute(f"ATTACH '{folder / WAREHOUSE}' AS theirs (READ_ONLY)")
        for table in models:
            types = [connection.execute(f"DESCRIBE {one}").fetchall() for one in (table, f"theirs.{table}")]
            if [row[:2] for row in types[0]] != [row[:2] for row in types[1]]:
                found[table] = [set(types[0]) ^ set(types[1])]
                continue
            for one, other in ((table, f"theirs.{table}"), (f"theirs.{table}", table)):
                sql = f"SELECT COUNT(*) FROM (SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}) AS d"
                ((rows,),) = connection.execute(sql).fetchall()
                if rows:
                    found[f"{table}: rows only in {one}"] = rows
    return found
