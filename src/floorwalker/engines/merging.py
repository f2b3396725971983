"""Merging into a table: the rows of touched keys go out, new rows come in, in one commit that rewrites few files.

In: a table, its key, the touched keys and the rows they have now. Out: a version in which every other row is as it was.
Only files that hold a row which really changed are written anew (copy-on-write); the rows that changed, old and new,
are left beside the table in `_changes/`, so that models that read it can bring themselves up to date from these alone.

    version, rows = lake.merge("gold.totals", ["who"], touched, new_rows, connection)

One merge at a time per table on this machine (`lock.table_lane`); a commit of anybody else in between (Spark, another
process) is noticed, and the merge is worked out again on what is there now.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from floorwalker.engines.delta import Conflict, Staged, empty_table, write_commit
from floorwalker.engines.lock import table_lane
from floorwalker.engines.sql_duckdb import Data, as_relation, scan, write_parquet
from floorwalker.errors import StateError

if TYPE_CHECKING:
    from floorwalker.engines.lake import Lake

CHANGES = "_changes"
ATTEMPTS = 12
_IN_FILE = "floorwalker_file"
_FILE = f", filename = '{_IN_FILE}'"


def merge(
    lake: Lake, name: str, key: Sequence[str], touched: Data, new_rows: Data, connection: duckdb.DuckDBPyConnection,
    *, tell: bool = True, **note: str,
) -> tuple[int, int]:  # fmt: skip
    """Merge and commit; returns (version, rows written). `tell`: see `stage_merge`.

    Raises StateError when others keep committing in between."""
    if not lake.exists(name):
        return lake.append(name, new_rows, connection, **note)
    # A stream can be read once, and a merge may have to be worked out again.
    touched, new_rows = as_relation(connection, touched), as_relation(connection, new_rows)
    with table_lane(lake.project, name):
        for attempt in range(ATTEMPTS):
            staged = stage_merge(lake, name, key, touched, new_rows, connection, tell=tell)
            try:
                return commit_merge(lake, staged, **note), staged.rows
            except Conflict:
                staged.discard()
                time.sleep(min(0.02 * 2**attempt, 1.0))
    raise StateError(
        f"{name} could not be merged", why=f"others committed to it {ATTEMPTS} times in between", fix="run again"
    )


def stage_merge(
    lake: Lake,
    name: str,
    key: Sequence[str],
    touched: Data,
    new_rows: Data,
    connection: duckdb.DuckDBPyConnection,
    *,
    tell: bool = True,
) -> Staged:
    """Write the files of a merge into an existing table; nobody sees them before `commit_merge`. Hold its lane.

    `tell`: find out which rows really changed, and leave them for later readers. To compare hundreds of columns takes
    longer than to write them, so a wide table is merged without.
    """
    as_relation(connection, touched).create_view("floorwalker_given", replace=True)
    as_relation(connection, new_rows).create_view("floorwalker_incoming", replace=True)
    fitted = lake.fitted(name, connection, "floorwalker_incoming")
    table = lake.open(name)
    base, files, schema = table.version(), lake.files(name, table.version()), table.schema()
    connection.from_arrow(empty_table(schema)).create_view("floorwalker_shape", replace=True)
    columns = ", ".join(f'"{field.name}"' for field in schema.fields)
    keys = ", ".join(f'"{column}"' for column in key)
    new = shaped(columns, f"SELECT {fitted} FROM floorwalker_incoming")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE floorwalker_touched AS SELECT DISTINCT * FROM"
        f" (SELECT {keys} FROM floorwalker_given UNION ALL SELECT {keys} FROM floorwalker_incoming)"
    )
    # One look at the table: what touched keys have now, and in which files.
    whole = shaped(columns, f"SELECT * FROM {scan(files, _FILE)}", f", {_IN_FILE}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE floorwalker_old AS"
        f" SELECT {columns if tell else keys}, {_IN_FILE} FROM ({whole}) AS o WHERE {_touched('o', key)}"
    )
    held, changes = _holding(connection, key), None
    if held and tell:
        old = f"SELECT {columns} FROM floorwalker_old"
        ((file, rows), *rest) = write_parquet(
            connection,
            f"SELECT {columns} FROM (({old} EXCEPT ALL ({new})) UNION ALL (({new}) EXCEPT ALL {old}))",
            lake.path(name) / CHANGES,
        )
        rows += sum(more for _, more in rest)
        if rows == 0:
            file.unlink()
            _forget(connection)
            return Staged(name, lake.path(name), (), schema, base=base, changes="", kept=tuple(files))
        # Keys whose rows are as before need no rewriting.
        changed = [file, *(more for more, _ in rest)]
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE floorwalker_touched AS SELECT DISTINCT {keys} FROM {scan(changed)}"
        )
        held = _holding(connection, key)
        changes = ",".join(f"{CHANGES}/{one.name}" for one in changed)
    rest_of_files = ""
    if held:
        whole = shaped(columns, f"SELECT * FROM {scan(held)}")
        rest_of_files = f"SELECT {columns} FROM ({whole}) AS o WHERE NOT {_touched('o', key)} UNION ALL "
    written = write_parquet(
        connection, f"{rest_of_files}SELECT {columns} FROM ({new}) AS n WHERE {_touched('n', key)}", lake.path(name)
    )
    _forget(connection)
    away = {Path(file).name for file in held}
    kept = tuple(file for file in files if Path(file).name not in away)
    if not away and all(rows == 0 for _, rows in written):
        for file, _ in written:
            file.unlink()
        return Staged(name, lake.path(name), (), schema, base=base, changes="", kept=kept)
    return Staged(name, lake.path(name), tuple(written), schema, tuple(sorted(away)), base, changes, kept=kept)


def commit_merge(lake: Lake, staged: Staged, **note: str) -> int:
    """Make a staged merge the table's next version. Raises Conflict when the table has moved on since it was staged."""
    base = staged.base or 0
    said: dict[str, object] = {"at": base + 1}
    if not staged.files and not staged.removed:
        said["same_as"] = lake.content(staged.name, base)
    elif staged.changes:
        said["changes"] = staged.changes.split(",")
    note = {**note, "merge": json.dumps(said)}
    return write_commit(staged.folder, staged.schema, staged.files, "merge", note, remove=staged.removed, base=base)


def shaped(columns: str, select: str, more: str = "") -> str:
    """The rows of a SELECT with all columns of the table, NULL where it lacks one, and `more` of its own."""
    return f"SELECT {columns}{more} FROM (SELECT * FROM floorwalker_shape UNION ALL BY NAME ({select}))"


def _touched(alias: str, key: Sequence[str]) -> str:
    same = " AND ".join(f't."{column}" IS NOT DISTINCT FROM {alias}."{column}"' for column in key)
    return f"EXISTS (SELECT 1 FROM floorwalker_touched AS t WHERE {same})"


def _holding(connection: duckdb.DuckDBPyConnection, key: Sequence[str]) -> list[str]:
    """The files that hold a touched key."""
    held = f"SELECT DISTINCT {_IN_FILE} FROM floorwalker_old AS o WHERE {_touched('o', key)}"
    return sorted(file for (file,) in connection.execute(held).fetchall())


def _forget(connection: duckdb.DuckDBPyConnection) -> None:
    for table in ("touched", "old"):
        connection.execute(f"DROP TABLE IF EXISTS floorwalker_{table}")
    for view in ("given", "incoming", "shape"):
        connection.execute(f"DROP VIEW IF EXISTS floorwalker_{view}")
