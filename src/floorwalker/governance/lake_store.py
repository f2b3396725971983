"""Erasure in the lake: a person leaves every table, every old version, and the transaction log.

In: the lake (`TableStore`, which `engines.lake.Lake` is). Out: a handler.

What makes Delta tables hard to erase from, and what is done about it:
- A DELETE keeps its predicate, with the person's id, in `_delta_log` for ever. So rows are left out while the table is
  written anew; no predicate is ever committed.
- Old versions keep the rows on disk, and the log keeps minimum and maximum of their columns: an e-mail address as a
  statistic. So once readers have the new versions, a checkpoint is made and every older log entry and every file that
  the newest version does not name is deleted, left-overs of crashed writers included. Time travel ends there, as it
  must. (`vacuum` does not serve: it adds commits behind the published version and leaves the log's statistics.)
- Rows go by record_id and customer_id, and by an identifier that only this person has: a row may carry one without a
  record of its own on the map. In tables without such ids, by any word that only this person has. Free
  text of others that quotes the person (an address in a URL) is kept, with the words replaced by [erased].

Silver and gold are rewritten from the version readers see, bronze from its newest: deliveries not yet run stay.
Killed before `move`, readers still have the old versions and the next attempt starts again; killed after it, the
next attempt only forgets the history.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deltalake import DeltaTable

from floorwalker.engines.delta import custom_metadata, has_log
from floorwalker.governance.decode import Finding, search_file
from floorwalker.governance.handlers import Receipt
from floorwalker.governance.needles import Needles, is_surrogate_column, kind_of

if TYPE_CHECKING:
    import duckdb

    from floorwalker.engines.project import Project
    from floorwalker.governance.subject import Subject

_LOG_ENTRY = re.compile(r"^(\d{20})\.")


class Published(Protocol):
    """What readers see: the part of the lake's pointer that erasure asks for."""

    @property
    def tables(self) -> dict[str, int]: ...


class TableStore(Protocol):
    """What erasure needs of the lake."""

    def connect(self) -> duckdb.DuckDBPyConnection: ...
    def tables(self) -> dict[str, Path]: ...
    def pointer(self) -> Published | None: ...
    def replace(
        self, name: str, data: duckdb.DuckDBPyRelation, connection: duckdb.DuckDBPyConnection, **note: str
    ) -> tuple[int, int]: ...
    def move(self, versions: Mapping[str, int], *, forget: bool = False) -> None: ...


class LakeHandler:
    """Erases from every Delta table under state/lake. `open_lake`: gives the lake of a project."""

    name = "lake"
    runs_last = True

    def __init__(self, open_lake: Callable[[Project], TableStore]) -> None:
        self.open_lake = open_lake

    def owns(self, path: Path) -> bool:
        return path.parts[:1] == ("lake",)

    def erase(self, project: Project, subject: Subject) -> Receipt:
        lake = self.open_lake(project)
        needles = Needles.of(subject, project.secret)
        pointer = lake.pointer()
        published = dict(pointer.tables) if pointer else {}
        versions, removed = dict(published), {}
        with lake.connect() as connection:
            # Tables may be sorted for quick lookups: leaving rows out must not shuffle the others.
            connection.execute("SET preserve_insertion_order = true")
            _share(connection, subject, needles)
            for name, path in sorted(lake.tables().items()):
                newest = DeltaTable(path).version()
                base = newest if name.startswith("bronze.") else published.get(name, newest)
                version, rows = _rewrite(lake, connection, name, path, base, newest, needles)
                removed[name] = rows
                if name in published:
                    versions[name] = version
        if pointer is not None:
            # It also remembers earlier versions, and those are about to go.
            lake.move(versions, forget=True)
        for folder in project.lake.glob("*/*"):
            # A table whose first writer was killed: it has files and no version, so nobody reads it.
            if folder.is_dir() and not has_log(folder):
                shutil.rmtree(folder)
        for name, path in sorted(lake.tables().items()):
            forget_history(path, version=versions.get(name))
        detail = ", ".join(f"{name} {rows}" for name, rows in sorted(removed.items()) if rows)
        return Receipt(self.name, sum(removed.values()), detail)

    def search(self, project: Project, subject: Subject) -> list[Finding]:
        needles = Needles.of(subject, project.secret)
        files = sorted(path for path in project.lake.rglob("*") if path.is_file()) if project.lake.exists() else []
        return [found for path in files for found in search_file(path, needles, store=self.name, root=project.state)]


def forget_history(path: Path, *, version: int | None = None) -> int:
    """Leave one version of a table (default: the newest) and nothing of those before it; returns how many files went.

    The version keeps its number, so that a pointer to it stays valid. A later, unpublished version must not exist.
    """
    table = DeltaTable(path, version=version)
    kept = table.version()
    named = {Path(uri).resolve() for uri in table.file_uris()}
    log = path / "_delta_log"
    data = [
        file for file in path.rglob("*") if file.is_file() and log not in file.parents and file.resolve() not in named
    ]
    older = [file for file in log.rglob("*") if file.is_file() and _entry_version(file) not in (None, kept)]
    drafts = [file for file in log.rglob("*") if file.is_file() and (file.suffix == ".tmp" or "_commit_" in file.name)]
    if older:
        # The log before the checkpoint is not needed to read the table.
        table.create_checkpoint()
    for file in (*data, *older, *drafts):
        file.unlink(missing_ok=True)
    return len(data) + len(older) + len(drafts)


def _entry_version(file: Path) -> int | None:
    found = _LOG_ENTRY.match(file.name)
    return int(found[1]) if found else None


def _share(connection: duckdb.DuckDBPyConnection, subject: Subject, needles: Needles) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE _erased_ids (id VARCHAR)")
    connection.execute("INSERT INTO _erased_ids SELECT unnest(?::VARCHAR[])", [list(subject.surrogates)])
    connection.execute("SET VARIABLE erased_ids = (SELECT coalesce(list(id), []) FROM _erased_ids)")
    connection.execute("CREATE OR REPLACE TEMP TABLE _erased_words (word VARCHAR)")
    connection.execute("INSERT INTO _erased_words SELECT unnest(?::VARCHAR[])", [sorted(needles.distinct)])


def _rewrite(
    lake: TableStore,
    connection: duckdb.DuckDBPyConnection,
    name: str,
    path: Path,
    base: int,
    newest: int,
    needles: Needles,
) -> tuple[int, int]:
    """Write the table without the person where needed; returns (version to publish, rows removed or redacted)."""
    table = DeltaTable(path, version=base)
    files = table.file_uris()
    note = custom_metadata(table.history(1)[0])
    if not files:
        return base, 0
    listed = ", ".join(_quote(file) for file in files)
    scan = f"read_parquet([{listed}]{', union_by_name = true' if len(files) > 1 else ''})"
    columns = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
    drop = _drop_condition(columns, needles)
    patterns = {column: needles.regexes(column) for column, kind in columns if kind == "VARCHAR"}
    quoting = " OR ".join(
        f'regexp_matches("{column}", {_quote(pattern)})' for column, some in patterns.items() for pattern in some
    )
    lists = [column for column, kind in columns if kind == "VARCHAR[]" and is_surrogate_column(column)]
    listing = " OR ".join(f"list_has_any(\"{column}\", getvariable('erased_ids'))" for column in lists)
    change = f"coalesce({quoting or 'false'}, false) OR coalesce({listing or 'false'}, false)"
    ((dropped, changed),) = connection.execute(
        f"SELECT count(*) FILTER (WHERE {drop}), count(*) FILTER (WHERE NOT {drop} AND ({change})) FROM {scan}"
    ).fetchall()
    said = needles.in_text((path / "_delta_log" / f"{newest:020d}.json").read_text(encoding="utf-8"))
    if not dropped and not changed and base == newest and not said:
        return newest, 0
    projection = ", ".join(
        _projected(column, patterns.get(column, []), column in lists, bool(changed)) for column, _ in columns
    )
    rest = connection.sql(f"SELECT {projection} FROM {scan} WHERE NOT {drop}")
    version, _ = lake.replace(name, rest, connection, **{key: needles.redact(text) for key, text in note.items()})
    return version, int(dropped + changed)


def _drop_condition(columns: list[tuple[str, str]], needles: Needles) -> str:
    """SQL that is true for the person's rows and never NULL."""
    texts = [column for column, kind in columns if kind == "VARCHAR"]
    surrogates = [column for column in texts if is_surrogate_column(column)]
    tests = [f'"{column}" IN (SELECT id FROM _erased_ids)' for column in surrogates]
    if not surrogates:
        tests = [f'lower(trim("{column}")) IN (SELECT word FROM _erased_words)' for column in texts]
    scoped = "source" in texts
    for column in texts:
        for (kind, source), values in sorted(needles.short.items(), key=str):
            # A customer number means something only in its source: without that column it proves nothing.
            if kind == kind_of(column) and (source is None or scoped):
                within = f' AND "source" = {_quote(source)}' if source is not None else ""
                wanted = ", ".join(_quote(value) for value in sorted(values))
                tests.append(f'(lower(trim("{column}")) IN ({wanted}){within})')
    return "(" + " OR ".join(f"coalesce({test}, false)" for test in tests or ["false"]) + ")"


def _projected(column: str, patterns: list[str], is_list: bool, changed: bool) -> str:
    quoted = f'"{column}"'
    if is_list:
        # A variable, because a lambda may hold no subquery.
        return f"list_filter({quoted}, lambda one: NOT list_contains(getvariable('erased_ids'), one)) AS {quoted}"
    if not changed or not patterns:
        return quoted
    text = quoted
    # Twice: two mentions may share the character between them, and a match consumes it.
    for pattern in (*patterns, *patterns):
        text = f"regexp_replace({text}, {_quote(pattern)}, '\\1[erased]\\2', 'g')"
    return f"{text} AS {quoted}"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
