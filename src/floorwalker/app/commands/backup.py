"""`backup`, `restore`, `migrate`: a project in one file, back again, and forward to this version."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click

from floorwalker.app.output import json_option, progress_bars, show, table


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--verify", is_flag=True, help="Only read FILE to its end and check it.")
@click.option("--force", is_flag=True, help="Write over FILE.")
@json_option
@click.pass_obj
def backup(folder: str, file: Path, verify: bool, force: bool, as_json: bool) -> None:
    """Write the project into FILE (tar, zstd): settings, mappings, policies, lake, log, databases, models, keys.

    Not in it: raw files, and what is made anew (live store, scratch). It holds personal data and the project's secret:
    only its owner can read it; keep it as safe as the project. The collector may go on meanwhile, a run may not.

    \b
    floorwalker backup /backups/shop-2026-01-05.tar.zst
    floorwalker backup /backups/shop-2026-01-05.tar.zst --verify
    """
    from floorwalker.app.backups import archive, making
    from floorwalker.app.config import open_project
    from floorwalker.errors import StateError

    if verify:
        total = max(file.stat().st_size, 1) if file.exists() else 1
        with _bar("checking", total) as progress:
            manifest = archive.read_manifest(file, progress)
    else:
        project = open_project(folder)
        if file.exists() and not force:
            raise StateError(f"{file} is there already", fix="another name, or --force")
        with _bar("backing up", making.size_of(project)) as progress:
            manifest = making.backup(project, file, progress)
    told = {**manifest.about, "files": len(manifest.files), "bytes": manifest.bytes, "archive": file.stat().st_size}
    if as_json:
        show(told, True)
    else:
        done = "is whole" if verify else "is written"
        click.echo(
            f"{file} {done}: {told['files']:,} files, {told['bytes'] / 1e6:,.1f} MB, run {told['run_id'] or '-'}"
        )


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Move a project that is in TARGET aside; who was erased there stays out.")
@json_option
def restore(file: Path, target: Path, replace: bool, as_json: bool) -> None:
    """Make TARGET the project that FILE holds. It is checked whole before anything is touched.

    \b
    floorwalker restore /backups/shop-2026-01-05.tar.zst shop
    floorwalker restore /backups/shop-2026-01-05.tar.zst shop --replace
    """
    from floorwalker.app.backups.restoring import restore as restored

    with _bar("restoring", max(file.stat().st_size, 1)) as progress:
        found = restored(file, target, replace=replace, progress=progress)
    told = {**found.manifest.about, "files": len(found.manifest.files), "erased": found.erased, "aside": found.aside}
    if as_json:
        show(told, True)
        return
    click.echo(f"{target} is the project of {told['made_at']}, run {told['run_id'] or '-'}")
    if found.erased:
        click.echo(f"{found.erased:,} customers had been erased since and are gone here, too")
    if found.aside:
        click.echo(f"what was there lies in {found.aside}: remove it when you are content, it holds personal data")
    click.echo("next: floorwalker doctor, then floorwalker run")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
@click.pass_obj
def migrate(folder: str, dry_run: bool, as_json: bool) -> None:
    """Move every store of the project forward to this version of Floorwalker. Commands do it by themselves as they go.

    \b
    floorwalker backup before.tar.zst
    floorwalker migrate --dry-run
    floorwalker migrate
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.migrating import migrate as migrated

    steps = migrated(open_project(folder), dry_run=dry_run)
    rows = [(one.what, one.found, one.known, one.does) for one in steps if as_json or one.is_needed]
    if not rows:
        click.echo("nothing to do: everything is of this version")
        return
    table(("store", "version", "becomes", "would be done" if dry_run else "done"), rows, as_json)


@contextmanager
def _bar(title: str, total: int) -> Generator[Callable[[int], None]]:
    """Progress in bytes on stderr: how much, how fast, how long still."""
    done, began = 0, time.monotonic()
    with progress_bars(title) as update:

        def more(size: int) -> None:
            nonlocal done
            done += size
            rate = done / max(time.monotonic() - began, 0.001)
            left = max(total - done, 0) / max(rate, 1)
            update(title, min(done / max(total, 1), 1.0), f"{rate / 1e6:,.0f} MB/s, {left:,.0f} s left")

        yield more
