"""The figures of identity: of the published run, and how they moved from run to run.

In: a connection on the published tables; for the history the project's SQLite. Out: `Metrics`.

    measure(connection).rules[0]        Rule(rule='loyalty_id', tier=0, accepted=5762, refused=31)
    history(state, 10)                  the last ten runs' figures, the newest first

silver.identity_summary has the figures of one run; the lake keeps few runs, so a run that publishes leaves its
figures in SQLite (`remember`), a few dozen numbers that name nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from floorwalker.governance.transactions import atomic
from floorwalker.identity.explain.pieces import has, rows
from floorwalker.identity.explain.waterfall import LEVELS
from floorwalker.identity.rules import KNOWN, RULES

if TYPE_CHECKING:
    import duckdb

MIGRATIONS = (
    """
    CREATE TABLE identity_figures (
      run_id TEXT NOT NULL,
      as_of TEXT NOT NULL,
      at TEXT NOT NULL,
      name TEXT NOT NULL,
      value REAL NOT NULL,
      PRIMARY KEY (run_id, name)
    ) WITHOUT ROWID
    """,
)
"""The room 'identity_metrics' of the project's database."""

IMPERSONAL_TABLES = ("identity_figures",)
KEPT = 400
"""Runs whose figures are kept."""

SUMMARY, REVIEW = "silver.identity_summary", "silver.identity_review"


class Rule(msgspec.Struct, frozen=True):
    """Pieces of evidence of one rule."""

    rule: str
    tier: int | None
    accepted: int
    refused: int


class Stitched(msgspec.Struct, frozen=True):
    """Records that name nobody (visits by device or cookie), and how many of them found a customer who is known."""

    anonymous: int
    stitched: int
    share: float | None


class Metrics(msgspec.Struct, frozen=True):
    """Figures of one run. `levels`: as silver.identity_levels has them; `ids`: what became of customer ids."""

    run_id: str
    as_of: str
    records: int
    customers: int
    one_record: int
    largest: int
    largest_wordings: int
    at_record_limit: int
    without_identifier: int
    anonymous: Stitched
    rules: list[Rule]
    refusals: dict[str, int]
    hubs: dict[str, int]
    quarantined: dict[str, int]
    ids: dict[str, float]
    levels: list[dict[str, Any]]
    review: int | None


class Moment(msgspec.Struct, frozen=True):
    """The figures a run left."""

    run_id: str
    as_of: str
    at: str
    figures: dict[str, float]


def measure(connection: duckdb.DuckDBPyConnection) -> Metrics:
    """The figures of the published run."""
    figures = summary(connection)
    run_id, as_of = _run(connection)
    accepted, refused = _under(figures, "accepted."), _under(figures, "refused.")
    by_rule = {
        rule: (tier, count)
        for rule, tier, count in connection.execute(
            "SELECT rule, min(tier), count(*) FILTER (NOT accepted) FROM silver.identity_evidence GROUP BY rule"
        ).fetchall()
    }
    return Metrics(
        run_id,
        as_of,
        records=int(figures.get("records", 0)),
        customers=int(figures.get("customers", 0)),
        one_record=int(figures.get("customers.one_record", 0)),
        largest=int(figures.get("largest_customer", 0)),
        largest_wordings=int(figures.get("largest_customer.word_sets", 0)),
        at_record_limit=int(figures.get("customers.at_record_limit", 0)),
        without_identifier=int(figures.get("records.without_identifier", 0)),
        anonymous=stitched(connection),
        rules=_rules({name: int(value) for name, value in accepted.items()}, by_rule),
        refusals={reason: int(value) for reason, value in sorted(refused.items(), key=lambda it: (-it[1], it[0]))},
        hubs={kind: int(value) for kind, value in _under(figures, "hubs.").items()},
        quarantined={kind: int(value) for kind, value in _under(figures, "quarantined.").items()},
        ids=_under(figures, "ids."),
        levels=rows(connection, f"FROM {LEVELS}") if has(connection, LEVELS) else [],
        review=_count(connection, f"SELECT count(*) FROM {REVIEW}") if has(connection, REVIEW) else None,
    )


def stitched(connection: duckdb.DuckDBPyConnection) -> Stitched:
    """Of the records that name nobody, those whose customer has a record that does."""
    ((anonymous, joined),) = connection.execute(f"""
        WITH records AS (
            SELECT m.customer_id, {KNOWN} AS known
            FROM silver.normalised_records JOIN silver.customer_map m USING (record_id)
        ), people AS (SELECT DISTINCT customer_id FROM records WHERE known)
        SELECT count(*), count(*) FILTER (customer_id IN (FROM people)) FROM records WHERE NOT known
    """).fetchall()
    return Stitched(anonymous, joined, joined / anonymous if anonymous else None)


def summary(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """silver.identity_summary as a dict."""
    return dict(connection.execute(f"SELECT name, value FROM {SUMMARY} ORDER BY name").fetchall())


def remember(state: sqlite3.Connection, *, run_id: str, as_of: str, at: str, figures: Mapping[str, float]) -> None:
    """Keep a run's figures; told again, they replace those told before. The oldest runs are forgotten."""
    with atomic(state):
        state.execute("DELETE FROM identity_figures WHERE run_id = ?", (run_id,))
        state.executemany(
            "INSERT INTO identity_figures VALUES (?, ?, ?, ?, ?)",
            [(run_id, as_of, at, name, value) for name, value in figures.items()],
        )
        state.execute(
            "DELETE FROM identity_figures WHERE run_id NOT IN"
            " (SELECT run_id FROM identity_figures GROUP BY run_id ORDER BY min(at) DESC, run_id DESC LIMIT ?)",
            (KEPT,),
        )


def history(state: sqlite3.Connection, limit: int = 30) -> list[Moment]:
    """The figures of the last runs, the newest first."""
    found: dict[str, Moment] = {}
    for run_id, as_of, at, name, value in state.execute(
        "SELECT run_id, as_of, at, name, value FROM identity_figures WHERE run_id IN"
        " (SELECT run_id FROM identity_figures GROUP BY run_id ORDER BY min(at) DESC, run_id DESC LIMIT ?)"
        " ORDER BY at DESC, run_id DESC, name",
        (limit,),
    ):
        found.setdefault(run_id, Moment(run_id, as_of, at, {})).figures[name] = value
    return list(found.values())


def _rules(accepted: Mapping[str, int], found: Mapping[str, tuple[int, int]]) -> list[Rule]:
    """In the order of the rules; those of a model and of people come last. `found`: rule -> tier, pieces refused."""
    named = [name for name in RULES if name in found]
    others = sorted(found.keys() - RULES.keys())
    return [
        Rule(name, found[name][0] if name in RULES else None, accepted.get(name, 0), found[name][1])
        for name in (*named, *others)
    ]


def _under(figures: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The figures whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): value for name, value in figures.items() if name.startswith(prefix)}


def _run(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    if not has(connection, "meta.run"):
        return "", ""
    ((run_id, as_of),) = connection.execute("SELECT run_id, as_of FROM meta.run").fetchall()
    return str(run_id), str(as_of)


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    ((count,),) = connection.execute(query).fetchall()
    return count
