"""`demo`: everything, on a simulated retailer."""

from __future__ import annotations

from pathlib import Path

import click

from floorwalker.app.output import progress_bars


@click.command()
@click.option("--out", default="demo", show_default=True, type=click.Path(file_okay=False))
@click.option("--customers", type=click.IntRange(100), default=20_000, show_default=True, help="How many people.")
@click.option("--seed", default=1, show_default=True)
def demo(out: str, customers: int, seed: int) -> None:
    """Simulate a retailer, run everything on it, write a report.

    \b
    floorwalker demo --customers 2000 --out small
    """
    from floorwalker.app.demo import run_demo

    click.echo(f"simulating {customers:,} customers and running everything on them in {out}/ …", err=True)
    with progress_bars("demo") as progress:
        lines = run_demo(Path(out), customers=customers, seed=seed, progress=progress)
    for line in lines:
        click.echo(line)
