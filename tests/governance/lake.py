"""A lake for tests of erasure: Delta tables written by delta-rs (with column statistics in the log), a pointer file.

It offers what erasure needs of `engines.lake.Lake`, with harder habits: statistics in the log, several files, history.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake

from floorwalker.engines.project import Project


@dataclass
class TestPointer:
    __test__ = False
    run_id: str
    as_of: str
    tables: dict[str, int]
    previous: dict[str, int]
    reporting_currency: str = "GBP"
    bundle: str | None = None


class TestLake:
    __test__ = False

    def __init__(self, project: Project) -> None:
        self.project = project
        self.published = 0

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def path(self, name: str) -> Path:
        return self.project.lake.joinpath(*name.split("."))

    def tables(self) -> dict[str, Path]:
        logs = sorted(self.project.lake.glob("*/*/_delta_log"))
        return {f"{log.parent.parent.name}.{log.parent.name}": log.parent for log in logs}

    def pointer(self) -> TestPointer | None:
        path = self.project.state / "published.json"
        return TestPointer(**json.loads(path.read_text())) if path.exists() else None

    def replace(self, name, data, connection, **note):
        return self.write(name, data, mode="overwrite", note=note)

    def write(self, name, data, *, mode="append", note=None):
        table = data if isinstance(data, pa.Table) else data.to_arrow_table()
        write_deltalake(
            self.path(name), table, mode=mode, commit_properties=CommitProperties(custom_metadata=dict(note or {}))
        )
        return DeltaTable(self.path(name)).version(), table.num_rows

    def publish(self, *, run_id, as_of, versions, reporting_currency="GBP", bundle=None):
        before = self.pointer()
        fields = {
            "run_id": run_id, "as_of": str(as_of), "tables": dict(versions),
            "previous": before.tables if before else {}, "reporting_currency": reporting_currency, "bundle": bundle,
        }  # fmt: skip
        (self.project.state / "published.json").write_text(json.dumps(fields))
        self.published += 1

    def move(self, versions, *, forget=False):
        before = self.pointer()
        tables = {**before.tables, **versions}
        fields = {**vars(before), "tables": tables, "previous": tables if forget else before.previous}
        (self.project.state / "published.json").write_text(json.dumps(fields))

    def publish_newest(self, run_id="run-1"):
        versions = {
            name: DeltaTable(path).version() for name, path in self.tables().items() if not name.startswith("bronze.")
        }
        self.publish(run_id=run_id, as_of="2026-01-31", versions=versions)

    def read(self) -> duckdb.DuckDBPyConnection:
        """Views on the published versions, on the newest for bronze."""
        connection = self.connect()
        versions = self.pointer().tables
        for name, path in self.tables().items():
            layer = name.split(".")[0]
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}")
            files = DeltaTable(path, version=versions.get(name)).file_uris()
            listed = ", ".join(f"'{file}'" for file in files)
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], union_by_name = true)")
        return connection


def files_naming(folder: Path, words: Sequence[str]) -> list[str]:
    """Files below a folder in which one of the words stands, Parquet decoded."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            text += str(pq.read_table(path).to_pylist())
        if any(word in text for word in words):
            found.append(path.relative_to(folder).as_posix())
    return found
