"""From the log into the lake: what was collected becomes deliveries that a run reads like any other.

In: the project's log, and how far it was read. Out: Parquet files below `state/collected/`, events that do not count in
quarantine, and the new position, together. No event is lost and none comes twice:

- A file is named after the offsets it covers and is whole before the position moves. Killed in between, the next export
  removes it and makes it again; rows that a run has read meanwhile are known by their content.
- Of events with one message id only the first counts, within a delivery, against those that wait to be read and against
  the last `DAYS` of the bronze table `collected_events`.

    export(project, lake, state)          # a run does this before it reads its sources
    clear(project, read_sources(…))       # … and this once they are read
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from floorwalker.app.collect.erasing import COLLECTED
from floorwalker.app.collect.log import project_log
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.ranges import pieces
from floorwalker.events.frames import unpack
from floorwalker.events.language.words import words
from floorwalker.sources.collected.flatten import fed, flatten_sql, said_sql
from floorwalker.sources.collected.frames_to_rows import rows_of

if TYPE_CHECKING:
    import duckdb

    from floorwalker.app.intake import SourceResult
    from floorwalker.engines.event_log.interface import Stored
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.project import Project

SOURCE = "collector"
_MANY = 1 << 20
CHUNK_BYTES = 64 << 20
"""Frames that are worked on at once."""
DAYS = 7
"""An event that is sent again after so many days is a new one for the lake, too, unless its rows are the same."""
SEEN = "bronze.collected_events"
_AGAIN = "-again.parquet"


@dataclass
class Exported:
    """What an export brought: events read, of which some were refused, the rest are rows or known already."""

    events: int = 0
    refused: int = 0
    repeated: int = 0
    files: int = 0


@dataclass(frozen=True)
class Chunk:
    """Frames of a partition, in order. `again`: one that was brought before."""

    partition: int
    stored: Sequence[Stored]
    again: bool = False

    @property
    def begin(self) -> int:
        return self.stored[0].offset

    @property
    def after(self) -> int:
        return self.stored[-1].offset + 1

    @property
    def name(self) -> str:
        return f"{self.begin:020d}-{self.after:020d}{_AGAIN if self.again else '.parquet'}"


def export(project: Project, lake: Lake, state: sqlite3.Connection) -> Exported:
    """Bring what the log has beyond the positions into files."""
    done = Exported()
    if not (project.state / LOG).exists():
        return done
    log = project_log(project)
    try:
        ends, starts = log.ends(), log.starts()
        positions = dict(state.execute("SELECT partition, next_offset FROM log_positions").fetchall())
        _remove_unfinished(project, positions)
        again = state.execute("SELECT partition, log_offset FROM log_again ORDER BY 1, 2").fetchall()
        waiting = {one: end for one, end in ends.items() if end > max(positions.get(one, 0), starts.get(one, 0))}
        if not waiting and not again:
            return done
        with lake.connect() as connection:
            _make_words(connection)
            if lake.exists(SEEN):
                lake.view(connection, SEEN)
            for partition, end in sorted(waiting.items()):
                begin = max(positions.get(partition, 0), starts[partition])
                for stored in pieces(log, partition, begin, end, most_frames=_MANY, most_bytes=CHUNK_BYTES):
                    chunk = Chunk(partition, stored)
                    _export_chunk(project, connection, state, chunk, lake.exists(SEEN), done)
            for partition, offset in again:
                for stored in pieces(log, partition, max(offset, starts.get(partition, 0)), offset + 1):
                    chunk = Chunk(partition, stored, again=True)
                    _export_chunk(project, connection, state, chunk, lake.exists(SEEN), done)
    finally:
        log.close()
    return done


def clear(project: Project, read: Iterable[SourceResult]) -> None:
    """Remove the files that a run has read: their rows are in the bronze tables, and the log has the events."""
    if any(one.source == SOURCE and not one.refused for one in read):
        shutil.rmtree(project.state / COLLECTED, ignore_errors=True)


def read_until(project: Project, state: sqlite3.Connection) -> dict[int, int]:
    """Per partition how far the bronze tables have the log: files that wait to be read are not in them."""
    found = dict(state.execute("SELECT partition, next_offset FROM log_positions").fetchall())
    for path in (project.state / COLLECTED).glob("*/*.parquet"):
        if not path.name.endswith(_AGAIN):
            partition, begin = int(path.parent.name), int(path.name.partition("-")[0])
            found[partition] = min(found.get(partition, begin), begin)
    return found


def _export_chunk(
    project: Project,
    connection: duckdb.DuckDBPyConnection,
    state: sqlite3.Connection,
    chunk: Chunk,
    known: bool,
    done: Exported,
) -> None:
    events = rows_of((chunk.partition, one.offset, unpack(one.frame)) for one in chunk.stored)
    connection.register("collected_events_now", events)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE collected_said AS {said_sql('collected_events_now')}")
    for seen in _seen(project, known):
        connection.execute(
            f"DELETE FROM collected_said s USING ({seen}) k WHERE k.source = s.source AND k.message_id = s.message_id"
        )
    ((new,),) = connection.execute("SELECT count(*) FROM collected_said").fetchall()
    refused = connection.sql("""
        SELECT "offset", place, coalesce(refused, 'it is not JSON as a database reads it') AS reason, raw, received_us
        FROM collected_events_now WHERE refused IS NOT NULL OR NOT json_valid(raw) ORDER BY "offset", place
    """).fetchall()
    if new:
        _write(connection, project.state / COLLECTED / f"{chunk.partition:04d}", chunk.name)
        done.files += 1
    connection.unregister("collected_events_now")
    state.execute("BEGIN IMMEDIATE")
    state.executemany(
        "INSERT INTO quarantine (source, mapping, kind, delivery_id, fingerprint, content, file, row_number, reason,"
        " raw, received_at) VALUES (?, 'collected', '', ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (fingerprint, file, row_number) DO NOTHING",
        [_quarantined(chunk.partition, *row) for row in refused],
    )
    if chunk.again:
        state.execute("DELETE FROM log_again WHERE (partition, log_offset) = (?, ?)", (chunk.partition, chunk.begin))
    else:
        state.execute(
            "INSERT INTO log_positions VALUES (?, ?)"
            " ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset",
            (chunk.partition, chunk.after),
        )
    state.execute("COMMIT")
    done.events += len(events)
    done.refused += len(refused)
    done.repeated += len(events) - len(refused) - new


def _write(connection: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    """Whole or not at all, and on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{name}.new"
    target = str(new).replace("'", "''")
    connection.execute(f"COPY ({flatten_sql('collected_said', 'collected_words')}) TO '{target}' (FORMAT parquet)")
    with new.open("rb") as handle:
        os.fsync(handle.fileno())
    new.replace(folder / name)
    handle_of_folder = os.open(folder, os.O_RDONLY)
    os.fsync(handle_of_folder)
    os.close(handle_of_folder)


def _seen(project: Project, known: bool) -> Iterator[str]:
    """SQL of (source, message_id) of events that have come before."""
    waiting = sorted((project.state / COLLECTED).glob("*/*.parquet"))
    if waiting:
        files = "[" + ", ".join("'" + str(one).replace("'", "''") + "'" for one in waiting) + "]"
        yield (
            f"SELECT collected_from AS source, message_id FROM read_parquet({files})"
            " WHERE row_kind = 'collected_events'"
        )
    if known:
        yield (
            f"SELECT collected_from AS source, message_id FROM {SEEN} WHERE received_at >="
            f" (SELECT min(received) FROM collected_said) - INTERVAL {DAYS} DAYS"
        )


def _remove_unfinished(project: Project, positions: dict[int, int]) -> None:
    """Files beyond the positions: an export was cut off after it wrote them."""
    for path in (project.state / COLLECTED).glob("*/*"):
        begin = int(path.name.partition("-")[0])
        if path.suffix == ".new" or begin >= positions.get(int(path.parent.name), 0):
            path.unlink()


def _make_words(connection: duckdb.DuckDBPyConnection) -> None:
    """collected_words(word, name, kind): see `flatten`."""
    rows = fed(words())
    connection.register(
        "collected_batch", pa.table(dict(zip(("word", "name", "kind"), zip(*rows, strict=True), strict=True)))
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE collected_words AS SELECT DISTINCT * FROM collected_batch")
    connection.unregister("collected_batch")


def _quarantined(partition: int, offset: int, place: int, reason: str, raw: str, received_us: int) -> tuple:
    frame = f"log {partition}/{offset}"
    at = dt.datetime.fromtimestamp(received_us / 1e6, dt.UTC).isoformat(timespec="seconds")
    return SOURCE, frame, frame, frame, frame, place + 1, reason, raw, at
