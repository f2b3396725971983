"""`lake`: its tables and their versions; small files joined; what nobody needs any more deleted."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from floorwalker.app.output import json_option, show, table

if TYPE_CHECKING:
    from floorwalker.engines.lake import Lake
    from floorwalker.engines.settings import LakeSettings


@click.group()
def lake() -> None:
    """Tables and their versions; join small files, delete what nobody needs.

    \b
    floorwalker lake tables
    """


@lake.command("tables")
@click.argument("names", metavar="[TABLE]...", nargs=-1)
@json_option
@click.pass_obj
def list_tables(folder: str, names: tuple[str, ...], as_json: bool) -> None:
    """How large each table is, in how many files, and which versions are kept.

    \b
    floorwalker lake tables
    floorwalker lake tables gold.customers --json
    """
    from floorwalker.engines.upkeep import tables

    opened, settings = _open(folder)
    found = tables(opened, settings, names)
    if as_json:
        show([asdict(one) for one in found], True)
        return
    rows = [
        (one.table, one.rows, one.files, f"{one.small_share:.0%}", _size(one.bytes), _size(one.on_disk),
         one.newest, one.published, ", ".join(map(str, one.kept)))
        for one in found
    ]  # fmt: skip
    table(("table", "rows", "files", "small", "size", "on disk", "newest", "published", "kept versions"), rows)
    live, all_of_it = sum(one.bytes for one in found), sum(one.on_disk for one in found)
    click.echo(
        f"{len(found)} tables, {sum(one.files for one in found)} files, {_size(live)}; {_size(all_of_it)} on disk"
    )


@lake.command("history")
@click.argument("name", metavar="TABLE")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Versions at most.")
@json_option
@click.pass_obj
def history_of(folder: str, name: str, limit: int, as_json: bool) -> None:
    """The versions of a table, newest first: what made them, what changed, who reads them.

    \b
    floorwalker lake history gold.customers
    """
    from floorwalker.engines.upkeep import history

    opened, _ = _open(folder)
    found = [asdict(one) for one in history(opened, name)[:limit]]
    if as_json:
        show(found, True)
    else:
        table(tuple(found[0]), [tuple(one.values()) for one in found])


@lake.command("compact")
@click.argument("names", metavar="[TABLE]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only say what would be joined.")
@json_option
@click.pass_obj
def compact(folder: str, names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Join the small files of tables; no row changes, and readers notice nothing.

    A run does it by itself for tables with many small files ([lake] compact = "auto").

    \b
    floorwalker lake compact
    floorwalker lake compact bronze.browse_events --dry-run
    """
    from floorwalker.engines.lock import run_lock
    from floorwalker.engines.upkeep import compact_all

    opened, settings = _open(folder)
    if dry_run:
        done = compact_all(opened, settings, names, dry_run=True)
    else:
        with run_lock(opened.project, "lake compact"):
            done = compact_all(opened, settings, names)
    if as_json:
        show([asdict(one) for one in done], True)
        return
    if not done:
        click.echo("nothing to join")
        return
    rows = [(one.table, one.rows, one.files, one.files_after, _size(one.bytes), one.status) for one in done]
    table(("table", "rows", "small files", "joined to", "size", "status"), rows)
    if not dry_run:
        click.echo("the old files go with a vacuum, once no reader can be at them")


@lake.command("vacuum")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@json_option
@click.pass_obj
def vacuum_lake(folder: str, dry_run: bool, as_json: bool) -> None:
    """Delete files that no kept version needs; each run that publishes does it, too.

    What is kept: [lake] keep_runs, keep_days, grace_minutes.

    \b
    floorwalker lake vacuum --dry-run
    """
    from floorwalker.engines.lock import run_lock
    from floorwalker.engines.vacuum import vacuum

    opened, settings = _open(folder)
    if dry_run:
        gone = vacuum(opened, settings, dry_run=True)
    else:
        with run_lock(opened.project, "lake vacuum"):
            gone = vacuum(opened, settings)
    total = sum(one.bytes for one in gone)
    if as_json:
        files = [
            {"table": one.table or None, "file": one.path.relative_to(opened.project.state).as_posix(),
             "bytes": one.bytes, "why": one.why}
            for one in gone
        ]  # fmt: skip
        show({"dry_run": dry_run, "bytes": total, "files": files}, True)
        return
    counted, sizes = Counter((one.table, one.why) for one in gone), Counter[tuple[str, str]]()
    for one in gone:
        sizes[one.table, one.why] += one.bytes
    if gone:
        rows = [(*key, counted[key], _size(sizes[key])) for key in sorted(counted)]
        table(("table", "why", "files", "size"), rows)
    click.echo(f"{'would delete' if dry_run else 'deleted'} {len(gone)} files, {_size(total)}")


def _open(folder: str) -> tuple[Lake, LakeSettings]:
    from floorwalker.app.config import load_config, open_project
    from floorwalker.engines.lake import Lake

    project = open_project(folder)
    settings = load_config(project).settings
    engine = settings.engine
    return Lake(project, memory_limit=engine.memory_limit, threads=engine.threads), settings.lake


def _size(count: int) -> str:
    """Bytes for people.

    >>> _size(512), _size(2_500_000)
    ('512 B', '2.4 MB')
    """
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
