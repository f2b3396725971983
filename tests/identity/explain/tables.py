"""Published tables written by hand: records, what ties them, and whose they are.

In: short lists. Out: a DuckDB connection with the tables that explanations read.

>>> shop = Tables(["a ann email=x", "b bob email=x"])
>>> shop.tie("a", "email", "x").tie("b", "email", "x", refused="different first names").customers("a", "b")
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb

from floorwalker.identity.matching.model import ComparisonParameters, LevelParameters, Model, probability
from floorwalker.identity.rules import KEYS, RULES

EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
COLUMNS = {**KEYS, "given_name": "given_name_key", "family_name": "family_name_key", "postcode": "postcode_key",
           "address": "address_key", "birth_date": "birth_date"}  # fmt: skip
RAW = ("given_name", "family_name", "email", "phone", "loyalty_id")


class Tables:
    """The tables of a small shop. A record is written `id source kind=value …`; records are a day apart."""

    def __init__(self, records: list[str]) -> None:
        self.connection = connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA silver")
        connection.execute("CREATE SCHEMA gold")
        keys = ", ".join(f"{column} {'DATE' if column == 'birth_date' else 'VARCHAR'}" for column in COLUMNS.values())
        connection.execute(f"CREATE TABLE silver.normalised_records (record_id VARCHAR, {keys})")
        connection.execute(
            "CREATE TABLE silver.identity_records (record_id VARCHAR, source VARCHAR, market VARCHAR,"
            ' first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, "rows" BIGINT, given_name VARCHAR, family_name VARCHAR,'
            " email VARCHAR, phone VARCHAR, loyalty_id VARCHAR)"
        )
        connection.execute(
            "CREATE TABLE silver.identity_evidence (record_id VARCHAR, rule VARCHAR, rule_version VARCHAR,"
            " tier INTEGER, identifier_kind VARCHAR, identifier_key VARCHAR, weight DOUBLE, kind VARCHAR,"
            " source VARCHAR, first_seen TIMESTAMPTZ, accepted BOOLEAN, reason VARCHAR)"
        )
        connection.execute("CREATE TABLE silver.customer_map (record_id VARCHAR, customer_id VARCHAR)")
        connection.execute(
            "CREATE TABLE silver.customer_aliases (customer_id VARCHAR, alias_of VARCHAR, since_run VARCHAR,"
            " since DATE)"
        )
        connection.execute(
            "CREATE TABLE silver.identity_pairs (record_a VARCHAR, record_b VARCHAR, weight DOUBLE, probability DOUBLE,"
            " model VARCHAR, against_strangers DOUBLE, gamma_given_name SMALLINT, gamma_birth_date SMALLINT)"
        )
        self.seen: dict[str, tuple[str, dt.datetime]] = {}
        for day, text in enumerate(records):
            name, source, *values = text.split()
            said = dict(value.split("=") for value in values)
            seen = EPOCH + dt.timedelta(days=day)
            self.seen[name] = (source, seen)
            connection.execute(
                "INSERT INTO silver.identity_records VALUES (?, ?, 'UK', ?, ?, 1, ?, ?, ?, ?, ?)",
                [name, source, seen, seen, *(said.get(kind) for kind in RAW)],
            )
            marks = ", ".join("?" for _ in COLUMNS)
            connection.execute(
                f"INSERT INTO silver.normalised_records VALUES (?, {marks})", [name, *(said.get(k) for k in COLUMNS)]
            )

    def tie(self, record: str, rule: str, key: str, *, refused: str = "", more: float = 1.0) -> Tables:
        """Evidence of a deterministic rule."""
        one = RULES[rule]
        return self._piece(record, rule, one.tier, one.identifier_kind, key, one.weight + more, "det", refused)

    def model(
        self,
        a: str,
        b: str,
        weight: float,
        *,
        refused: str = "",
        strangers: float | None = None,
        gammas: tuple[int, int] = (2, 1),
    ) -> Tables:
        """A pair that the model has weighed: evidence, unless it is more likely two."""
        a, b = sorted((a, b))
        against = weight if strangers is None else strangers
        self.connection.execute(
            "INSERT INTO silver.identity_pairs VALUES (?, ?, ?, ?, 'm1', ?, ?, ?)",
            [a, b, weight, probability(weight), against, *gammas],
        )
        if weight >= 0:
            self._piece(a, "model", 4, "record", b, weight, "prob", refused)
        return self

    def below(self, a: str, b: str, weight: float) -> Tables:
        """A pair that the level 'crm' does not take."""
        return self.model(a, b, weight, refused="below level crm")

    def person(self, a: str, b: str, *, cut: bool = False) -> Tables:
        """A person's decision, d7."""
        way, refused = ("manual_cut", "a person's decision") if cut else ("manual_link", "")
        a, b = (a, b) if cut else sorted((a, b))
        return self._piece(a, "person", -1, "record", b, 100.0, way, refused, accepted=True, version="d7")

    def customers(self, *groups: str) -> Tables:
        """`customers("a b", "c")`: customer c1 of a and b, c2 of c."""
        rows = [(record, f"c{n}") for n, group in enumerate(groups, 1) for record in group.split()]
        self.connection.executemany("INSERT INTO silver.customer_map VALUES (?, ?)", rows)
        return self

    def levels(self, **weights: float | None) -> Tables:
        """Levels of confidence, strictest first, and the weight each asks of a pair; None: it ends with the rules."""
        self.connection.execute(
            "CREATE TABLE silver.identity_levels (step INTEGER, tier INTEGER, weight DOUBLE, levels VARCHAR)"
        )
        rows = [(n, *((2, 10.0) if cut is None else (4, cut)), level) for n, (level, cut) in enumerate(weights.items())]
        self.connection.executemany("INSERT INTO silver.identity_levels VALUES (?, ?, ?, ?)", rows)
        return self

    def _piece(self, record: str, rule: str, tier: int, kind: str, key: str, weight: float, way: str, reason: str, *,
               accepted: bool | None = None, version: str = "1") -> Tables:  # fmt: skip
        source, seen = self.seen[record]
        accepted = not reason if accepted is None else accepted and (not reason or way == "manual_cut")
        self.connection.execute(
            "INSERT INTO silver.identity_evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [record, rule, version, tier, kind, key, weight, way, source, seen, accepted, reason or None],
        )
        return self


def a_model(**more: Any) -> Model:
    """A model of two comparisons, with a class for the household unless `more` says otherwise."""

    def level(value: int, label: str, m: float, u: float, h: float) -> LevelParameters:
        return LevelParameters(value, label, m, u, h)

    name = (
        level(0, "different", 0.1, 0.9, 0.8),
        level(1, "similar", 0.2, 0.09, 0.1),
        level(2, "equal", 0.7, 0.01, 0.1),
    )
    birth = (level(0, "different", 0.2, 0.99, 0.99), level(1, "equal", 0.8, 0.01, 0.01))
    made: dict[str, Any] = {
        "fields": {"given_name": "given_name", "birth_date": "birth_date"},
        "comparisons": (ComparisonParameters("given_name", name), ComparisonParameters("birth_date", birth)),
        "match": 1e-3, "household": 2e-3, "records": 1000, "blocks": (), "oversized": (), "frequencies": {},
        "rare": 1e-4,
    }  # fmt: skip
    return Model(**(made | more))


def no_keys(kind: str, value: str) -> list[str]:
    """The normalisation of a shop whose people type keys."""
    return []
