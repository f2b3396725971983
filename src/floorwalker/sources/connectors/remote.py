"""Files of a remote folder, by dlt's filesystem: those that are new are brought as they are, and read by a mapping.

In: an address that fsspec knows, a pattern, the project's database. Out: delivery files, and a `StreamResult`.

    [pulls.erp]
    connector = "files"
    url = "sftp://files.example.com/out"     # s3://…, gs://…, az://… with fsspec's package for it; file:///… for tests
    pattern = "orders_*.csv"
    username = "reader"                      # what else stands here goes to fsspec's file system
    password_env = "ERP_PASSWORD"

A file is new when its address, size and time of change are. It is whole here before the cursor moves; changed there, it
comes again under another name, and rows that are known add nothing.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from floorwalker.errors import ConfigError, FloorwalkerError, SourceError
from floorwalker.sources.connectors.cursors import Position, back, load, number, save, seconds, time_of, written
from floorwalker.sources.connectors.definition import CursorRule
from floorwalker.sources.connectors.landing import land_file
from floorwalker.sources.connectors.pulling import Asked, StreamResult
from floorwalker.sources.connectors.quiet import quiet_dlt
from floorwalker.sources.connectors.settings import Pull

ROWS = "files"
RULE = CursorRule("modification_date", overlap_minutes=60)
_PIECE = 4 << 20


def pull_files(pull: Pull, state: sqlite3.Connection, folder: Path, asked: Asked) -> StreamResult:
    """Bring what is new, the oldest first. Raises SourceError; what has been brought until then stays."""
    result = StreamResult(pull.name, ROWS)
    was = load(state, pull.name, ROWS)
    start = seconds(asked.since) if asked.since else back(RULE, was.value) if was.value is not None else None
    if asked.full or start is None:
        start = seconds(pull.since) if pull.since and not asked.full else None
    result.since = "" if start is None else written(RULE, start)
    seen: dict[str, str] = {}
    reached = was.value
    for item in sorted(_listed(pull), key=lambda one: (one["modification_date"], one["file_url"])):
        changed = number(RULE, item["modification_date"])
        if changed is None or (start is not None and changed < start):
            continue
        result.records += 1
        told = f"{item['file_url']}\0{item.get('size_in_bytes')}\0{changed}"
        digest = hashlib.blake2b(told.encode(), digest_size=12).hexdigest()
        seen[digest] = str(changed)
        reached = changed if reached is None else max(reached, changed)
        if digest in was.seen and not asked.full:
            result.known += 1
            continue
        result.new += 1
        if not asked.dry_run:
            # The time first: a later file of one name comes later. Nothing of the address leads out of the folder.
            name = str(item.get("relative_path") or item["file_name"]).strip("/").replace("/", "__")
            stamp = time_of(changed).strftime("%Y%m%dT%H%M%S.%f")
            land_file(_pieces(pull, item), folder / ROWS / f"{stamp}Z-{name}")
            result.files += 1
        asked.progress(f"{result.new} files")
    if reached is not None:
        reached = min(reached, seconds(asked.now))
        result.cursor = written(RULE, reached)
        later = asked.since is not None and was.value is not None and seconds(asked.since) > was.value
        if not asked.dry_run and not later:
            kept = {one: value for one, value in seen.items() if Decimal(value) >= back(RULE, reached)}
            save(state, pull.name, ROWS, Position(reached, "", kept), result.cursor, asked.now)
    return result


def _listed(pull: Pull) -> list[Any]:
    """Every file that the pattern names."""
    if "url" not in pull.options:
        raise ConfigError(f"pulls.{pull.name} needs 'url'", fix='url = "s3://bucket/folder"')
    given = {name: value for name, value in pull.options.items() if name not in ("url", "pattern")}
    try:
        with quiet_dlt():
            import fsspec
            from dlt.sources.filesystem import filesystem

            url = pull.options["url"]
            files, _ = fsspec.core.url_to_fs(url, **given, **pull.secret_values())
            pattern = pull.options.get("pattern", "*")
            return list(filesystem(bucket_url=url, credentials=files, file_glob=pattern))
    except FloorwalkerError:
        raise
    except Exception as error:
        raise _failed(pull, error) from None


def _pieces(pull: Pull, item: Any) -> Iterator[bytes]:
    try:
        with item.open(mode="rb", compression="disable") as file:
            while piece := file.read(_PIECE):
                yield piece
    except Exception as error:
        raise _failed(pull, error) from None


def _failed(pull: Pull, error: Exception) -> SourceError:
    """Without the error's own words, which may quote an address or a secret."""
    return SourceError(
        f"{pull.name}: the folder cannot be read",
        why=type(error).__name__,
        fix="check the url, the pattern, the secret, and that fsspec's package for such addresses is installed",
    )
