"""Reading what is new: every mapping's new deliveries into the bronze tables, whole or not at all.

In: the project's mappings and files. Out: rows appended to `bronze.<kind>`, rows that did not fit in quarantine, and a
`SourceResult` per mapping that accounts for every row.

A delivery is noted as read only after its rows are in the lake; killed between the two, it is read again and adds
nothing, because its rows' keys are known.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floorwalker.engines.event_log import LOG
from floorwalker.engines.lake import Lake
from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.events.quarantine import keep_quarantine
from floorwalker.events.vocabulary import KINDS, LAKE_TYPES
from floorwalker.governance import suppression
from floorwalker.sources.collected import COLLECTED
from floorwalker.sources.connectors.mappings import pulled_mappings
from floorwalker.sources.connectors.settings import read_pulls
from floorwalker.sources.deliveries import known_deliveries, note_delivery
from floorwalker.sources.files import Delivery, find_deliveries
from floorwalker.sources.ingest import BatchResult, bytes_to_read, drop_incoming, new_rows_sql, read_deliveries
from floorwalker.sources.mapping import Defaults, Mapping, load_mapping
from floorwalker.sources.mended import mended_deliveries
from floorwalker.sources.meter import Meter

if TYPE_CHECKING:
    import duckdb

    from floorwalker.app.settings import Settings
    from floorwalker.engines.project import Project

BATCH_BYTES = 1 << 30
"""Files are read together up to this size: many small ones cost as little as one large one, in bounded memory."""

FILES_TOLD = 200
"""So many files of a source are described in a run's result."""


@dataclass
class SourceResult:
    """What a mapping brought. rows_read = rows_new + rows_known + rows_quarantined + rows_suppressed + rows_skipped."""

    source: str
    mapping: str
    deliveries: int = 0
    rows_read: int = 0
    rows_new: int = 0
    rows_known: int = 0
    rows_quarantined: int = 0
    rows_suppressed: int = 0
    rows_skipped: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    """What each new file was found to be: format, encoding, line ends, delimiter, header; at most `FILES_TOLD`."""
    waiting: list[str] = field(default_factory=list)
    """Files that are not whole yet: a later run reads them."""


def load_mappings(project: Project, settings: Settings) -> list[Mapping]:
    """The project's mappings, by file name. Raises ConfigError when one cannot be used."""
    defaults = defaults_of(settings)
    paths = sorted(project.mappings.glob("*.toml"))
    # What SDKs sent needs no mapping of the project's own, but may have one.
    if (project.state / LOG).exists() and all(path.name != COLLECTED.name for path in paths):
        paths.append(COLLECTED)
    return [
        *(load_mapping(path, defaults) for path in paths),
        *pulled_mappings(read_pulls(settings.pulls), {path.stem for path in paths}, defaults),
    ]


def defaults_of(settings: Settings) -> Defaults:
    """What a mapping inherits from the project."""
    given = settings.defaults
    return Defaults(
        time_zone=given.time_zone,
        market=given.market,
        brand=given.brand or "",
        legal_entity=given.legal_entity or "",
        language=given.language or "",
        currency=given.currency,
    )


def make_bronze(lake: Lake) -> None:
    """Make the bronze tables that do not exist yet, and give those of an earlier Floorwalker the columns it did not
    know, empty, so that every model finds what it reads."""
    with lake.connect() as connection:
        for kind in KINDS.values():
            name = f"bronze.{kind.name}"
            held = {one.name for one in lake.open(name).schema().fields} if lake.exists(name) else set()
            if held.issuperset(kind.names):
                continue
            columns = ", ".join(
                one.name if one.name in held else f"CAST(NULL AS {LAKE_TYPES[one.type]}) AS {one.name}"
                for one in kind.columns
            )
            if held:
                lake.view(connection, name)
            rows = f"FROM {name}" if held else "WHERE FALSE"
            lake.replace(name, connection.sql(f"SELECT {columns} {rows}"), connection)


def read_sources(
    project: Project,
    settings: Settings,
    lake: Lake,
    state: sqlite3.Connection,
    run_id: str,
    received_at: dt.datetime,
    progress: Callable[[str, float, str], None],
    only: set[str],
    reload: bool,
) -> list[SourceResult]:
    """Read every new delivery. `only` limits the sources; `reload` reads known deliveries again."""
    mappings = load_mappings(project, settings)
    unknown = only - {mapping.source for mapping in mappings}
    if unknown:
        name = sorted(unknown)[0]
        raise ConfigError(f"no source '{name}'", fix=did_you_mean(name, [mapping.source for mapping in mappings]))
    make_bronze(lake)
    chosen = [mapping for mapping in mappings if not only or mapping.source in only]
    results = []
    # One connection for all: to open one takes longer than to read a small source.
    scratch = project.state / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    with lake.connect() as connection, tempfile.TemporaryDirectory(dir=scratch) as folder:
        for number, mapping in enumerate(chosen):
            progress("sources", number / len(chosen), mapping.source)
            result = SourceResult(mapping.source, Path(mapping.path).stem)
            known = set() if reload else known_deliveries(state, mapping.source)
            there = [
                *find_deliveries(mapping, project.root, result.waiting),
                *mended_deliveries(state, mapping, Path(folder)),
            ]
            new = [one for one in there if one.fingerprint not in known]
            before = 0
            meter = Meter(sum(map(bytes_to_read, new)), partial(_tell, progress, number, len(chosen), mapping.source))
            for batch in _batches(new):
                # Deliveries of a batch are received a microsecond apart; the next batch comes after them.
                at = received_at + dt.timedelta(microseconds=before)
                _read_batch(project, lake, connection, state, mapping, batch, run_id, at, result, meter.add)
                drop_incoming(connection)
                before += len(batch)
            results.append(result)
    progress("sources", 1.0, "")
    return results


def _tell(
    progress: Callable[[str, float, str], None], number: int, of: int, source: str, done: float, text: str
) -> None:
    """One source's share of the stage."""
    progress("sources", (number + min(done, 0.999)) / of, f"{source} {text}")


def _batches(deliveries: list[Delivery]) -> Iterator[list[Delivery]]:
    batch: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        weight = sum(size for size, _, _ in delivery.stamps)
        if batch and size + weight > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(delivery)
        size += weight
    if batch:
        yield batch


def _read_batch(
    project: Project,
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    state: sqlite3.Connection,
    mapping: Mapping,
    batch: list[Delivery],
    run_id: str,
    received_at: dt.datetime,
    result: SourceResult,
    progress: Callable[[int], None],
) -> None:
    erased = suppression.share(state, connection, "suppressed_hashes")
    outcome = read_deliveries(
        connection,
        mapping,
        batch,
        received_at,
        suppressed="suppressed_hashes" if erased else "",
        hash_sql=partial(_hash_sql, project.secret, mapping.source),
        scratch=project.state / "tmp",
        progress=progress,
    )
    changed = [one for one in batch if not one.is_as_it_was]
    if changed:
        # What was read is not what the fingerprint says: nothing of it may count, and the others are read again.
        for one in changed:
            result.refused[one.name] = "it changed while it was read: the next run reads it"
        drop_incoming(connection)
        if rest := [one for one in batch if one not in changed]:
            _read_batch(project, lake, connection, state, mapping, rest, run_id, received_at, result, progress)
        return
    told = [asdict(one) for one in outcome.files[: FILES_TOLD - len(result.files)]]
    result.files += [{key: value for key, value in one.items() if value} for one in told]
    new: dict[str, int] = {}
    for kind in mapping.kinds:
        added = _append(lake, connection, kind, run_id)
        for delivery_id, rows in added.items():
            new[delivery_id] = new.get(delivery_id, 0) + rows
        result.kinds[kind] = result.kinds.get(kind, 0) + sum(added.values())
    state.execute("BEGIN IMMEDIATE")
    keep_quarantine(state, connection, received_at.isoformat(timespec="seconds"))
    _note(state, outcome, new, run_id, received_at, result)
    state.execute("COMMIT")


def _append(lake: Lake, connection: duckdb.DuckDBPyConnection, kind: str, run_id: str) -> dict[str, int]:
    """Append the rows the table does not hold yet; returns how many per delivery."""
    name = f"bronze.{kind}"
    lake.view(connection, name)
    staged = lake.stage(name, connection.sql(new_rows_sql(kind, name)), connection, "append")
    if staged.rows == 0:
        staged.discard()
        return {}
    counted = connection.execute(
        "SELECT delivery_id, COUNT(*) FROM read_parquet(?) GROUP BY delivery_id", [staged.paths]
    ).fetchall()
    lake.commit(staged, "append", run_id=run_id)
    return dict(counted)


def _note(
    state: sqlite3.Connection,
    outcome: BatchResult,
    new: dict[str, int],
    run_id: str,
    received_at: dt.datetime,
    result: SourceResult,
) -> None:
    for one in outcome.deliveries:
        rows_new = new.get(one.delivery.delivery_id, 0)
        note_delivery(state, one, rows_new, run_id, received_at)
        result.deliveries += 1
        result.rows_read += one.read
        result.rows_new += rows_new
        result.rows_known += one.accepted - rows_new
        result.rows_quarantined += one.quarantined
        result.rows_suppressed += one.suppressed
        result.rows_skipped += one.skipped
    for delivery, error in outcome.refused:
        result.refused[delivery.name] = str(error)


def _hash_sql(secret: bytes, source: str, kind: str, column: str) -> str:
    """The keyed hash by which an erased person's identifier is recognised; a customer number counts in its source."""
    if kind == "customer_ref":
        column = suppression.in_source_sql("'" + source.replace("'", "''") + "'", column)
    return suppression.hash_sql(kind, column, secret)
