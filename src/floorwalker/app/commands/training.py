"""`features training`, `features check`: tables to train models on, and whether batch and live agree."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floorwalker.app.output import json_option, show, table

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from floorwalker.engines.project import Project
    from floorwalker.profiles.features.leaks import Leak
    from floorwalker.profiles.features.training import TrainingSet


@click.command("training")
@click.argument("labels", type=click.Path(exists=True, dir_okay=False))
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="File to write: .parquet or .csv.")
@click.option("--feature", "names", multiple=True, metavar="NAME", help="A feature; several times. Default: all.")
@click.option("--entity", default="customer", metavar="NAME", help="customer, product or store.")
@click.option("--as-of", "day", metavar="DAY", help="The day all labels look back from, where they have no as_of.")
@click.option("--known-at", metavar="RUN|TIME", help="Use only rows received until then, as a run of that time did.")
@click.option("--label", metavar="COLUMN", help="Look for leaks against this column of the labels.")
@json_option
@click.pass_obj
def training(
    folder: str,
    labels: str,
    out: str,
    names: tuple[str, ...],
    entity: str,
    day: str | None,
    known_at: str | None,
    label: str | None,
    as_json: bool,
) -> None:
    """Join features to LABELS (CSV, Parquet, JSON lines with customer_id, as_of, …): each row as of its own day.

    \b
    floorwalker features training churned.csv --out churn.parquet --label churned
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.features import catalogue_of, make_training_set
    from floorwalker.engines.lake import Lake

    project = open_project(folder)
    chosen = names or tuple(one.name for one in catalogue_of(project, entity).features)
    with Lake(project).read() as connection:
        made = make_training_set(
            project,
            connection,
            _read_labels(connection, labels),
            chosen,
            entity=entity,
            as_of=_day(day),
            known_at=_moment(project, known_at),
        )
        made.relation.create("memory.main.floorwalker_training")
        found = _leaks(connection, made, label) if label else []
        rows = _write(connection, Path(out))
    summary = {
        "rows": rows,
        "features": len(made.features),
        "labels": made.labelled,
        "of unknown customers": made.unknown,
        "without consent": made.without_consent,
        "rows without a purpose's features": dict(made.hidden),
        "wrote": out,
    }
    if as_json:
        show({**summary, "leaks": found}, True)
    else:
        show(summary, False)
        if found:
            table(("column", "suspicion", "strength", "why"), [tuple(vars(one).values()) for one in found])
    if found:
        raise SystemExit(1)


@click.command("check")
@click.option("--customers", default=200, show_default=True, help="How many customers to compare.")
@click.option("--seed", default=1, show_default=True, help="Which ones.")
@json_option
@click.pass_obj
def check(folder: str, customers: int, seed: int, as_json: bool) -> None:
    """Compute features of some customers by the live path and compare them with the published table.

    \b
    floorwalker features check --customers 1000
    """
    from floorwalker.app.config import open_project
    from floorwalker.app.features import published_skew

    report = published_skew(open_project(folder), customers=customers, seed=seed)
    if as_json:
        show(
            {
                "as_of": report.as_of,
                "customers": report.customers,
                "values": report.values,
                "different": report.different,
            },
            True,
        )
    else:
        click.echo(report.words())
    if report.different:
        raise SystemExit(1)


def _read_labels(connection: duckdb.DuckDBPyConnection, file: str) -> duckdb.DuckDBPyRelation:
    import duckdb

    from floorwalker.errors import ConfigError

    read: dict[str, Callable[[str], duckdb.DuckDBPyRelation]] = {
        ".parquet": lambda name: connection.read_parquet(name),
        **dict.fromkeys((".csv", ".tsv"), lambda name: connection.read_csv(name)),
        **dict.fromkeys((".jsonl", ".ndjson", ".json"), lambda name: connection.read_json(name)),
    }
    suffix = Path(file).suffix.lower()
    if suffix not in read:
        raise ConfigError(f"labels in a {suffix or 'nameless'} file", fix="use " + ", ".join(sorted(read)))
    try:
        return read[suffix](file)
    except duckdb.Error as error:
        raise ConfigError(f"{file} cannot be read", why=str(error).splitlines()[0]) from None


def _day(text: str | None) -> dt.date | None:
    from floorwalker.errors import ConfigError

    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"'{text}' is no day", fix="YYYY-MM-DD") from None


def _moment(project: Project, text: str | None) -> dt.datetime | None:
    """A run's id, or a time, as the last moment whose rows count."""
    from floorwalker.app.state import open_state
    from floorwalker.errors import ConfigError

    if text is None:
        return None
    with open_state(project) as state:
        found = state.execute("SELECT started_at FROM runs WHERE run_id = ?", (text,)).fetchone()
    try:
        moment = dt.datetime.fromisoformat(found[0] if found else text)
    except ValueError:
        raise ConfigError(
            f"'{text}' is no run and no time", fix="see floorwalker status, or write 2026-03-01T06:00:00Z"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    # The log of runs keeps whole seconds, the rows of a run its exact start.
    return moment + dt.timedelta(microseconds=999_999) if found else moment


def _leaks(connection: duckdb.DuckDBPyConnection, made: TrainingSet, label: str) -> list[Leak]:
    from floorwalker.profiles.features.leaks import find_leaks

    return find_leaks(connection.table("memory.main.floorwalker_training").to_arrow_table(), label)


def _write(connection: duckdb.DuckDBPyConnection, out: Path) -> int:
    from floorwalker.errors import ConfigError

    formats = {".parquet": "FORMAT parquet, COMPRESSION zstd", ".csv": "FORMAT csv, HEADER"}
    if out.suffix.lower() not in formats:
        raise ConfigError(f"cannot write a {out.suffix or 'nameless'} file", fix="--out NAME.parquet or NAME.csv")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.draft")
    target = str(draft).replace("'", "''")
    made = "SELECT * FROM memory.main.floorwalker_training ORDER BY ALL"
    ((rows,),) = connection.execute(f"COPY ({made}) TO '{target}' ({formats[out.suffix.lower()]})").fetchall()
    draft.replace(out)
    return int(rows)
