"""Public data sets with a known truth, for the generic matcher: people, papers, products, restaurants.

In: a name of `SETS`. Out: a `DataSet`: records as text columns with the kind of each, and what is true of them. Blanks
are trimmed and empty text is NULL, as the publishers mean it; dates are ISO text.

    febrl = load("febrl3")
    febrl.records.column_names        # record_id, given_name, …
    febrl.fields["soc_sec_id"]        # 'id'
    febrl.truth                       # record_id, person_id

FEBRL and the Splink sets name the person of every record. The paper and product sets are pairs of records of two
sources, labelled by hand: equal rows of a side are one record, and what was not labelled is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
from benchmarks.report import data


@dataclass(frozen=True)
class DataSet:
    """`records`: record_id and the columns of `fields` (column -> kind), all text. `truth`: record_id, person_id.
    `labels`: record_a, record_b, same, split, for sets whose pairs are labelled; `between`: then the column that is
    different on the two sides of a pair."""

    records: pa.Table
    fields: dict[str, str]
    truth: pa.Table | None = None
    labels: pa.Table | None = None
    between: str | None = None


FEBRL = {
    "given_name": "given_name", "surname": "family_name", "street_number": "street_number", "address_1": "address",
    "address_2": "text", "suburb": "place", "postcode": "postcode", "state": "category", "date_of_birth": "birth_date",
    "soc_sec_id": "id",
}  # fmt: skip
FAKE = {
    "first_name": "given_name", "surname": "family_name", "dob": "birth_date", "city": "place", "email": "email",
}  # fmt: skip
# full_name and first_and_surname say again what first_name and surname say: one fact counts once.
HISTORICAL = {
    "first_name": "given_name", "surname": "family_name", "dob": "birth_date", "birth_place": "place",
    "postcode_fake": "postcode", "gender": "category", "occupation": "category",
}  # fmt: skip
LABELLED = {
    "dblp_acm": {"title": "text", "authors": "text", "venue": "category", "year": "year"},
    "dblp_acm_dirty": {"title": "text", "authors": "text", "venue": "category", "year": "year"},
    "abt_buy": {"name": "text", "description": "text", "price": "number"},
    # `class` is the truth itself: equal on all matching pairs and on no other.
    "fodors_zagats": {"name": "text", "addr": "address", "city": "place", "phone": "phone", "type": "category"},
    "beer": {"Beer_Name": "text", "Brew_Factory_Name": "text", "Style": "category", "ABV": "number"},
}
"""Labelled pairs: column -> kind."""

_COMPACT = "CASE WHEN length({0}) = 8 THEN strftime(try_strptime({0}, '%Y%m%d'), '%Y-%m-%d') END"
"""yyyymmdd; a day that is none is NULL."""
# A mistyped date (1856-86-18) tells nearly as much as a right one.
_ISO = "CASE WHEN regexp_full_match({0}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') THEN {0} END"


def _febrl(name: str, without: str = "") -> DataSet:
    fields = {column: kind for column, kind in FEBRL.items() if column != without}
    return _people(data("er_febrl", f"{name}.parquet"), fields, "rec_id", "entity", _COMPACT)


def _splink(name: str, fields: dict[str, str]) -> DataSet:
    return _people(data("er_splink", f"{name}.parquet"), fields, "unique_id", "cluster", _ISO)


SETS: dict[str, Callable[[], DataSet]] = {
    "febrl3": lambda: _febrl("febrl3"),
    "febrl3_no_national_id": lambda: _febrl("febrl3", without="soc_sec_id"),
    "febrl1": lambda: _febrl("febrl1"),
    "febrl2": lambda: _febrl("febrl2"),
    "febrl_zingg20k": lambda: _febrl("febrl_zingg20k"),
    "fake_1000": lambda: _splink("fake_1000", FAKE),
    "historical_50k": lambda: _splink("historical_figures_with_errors_50k", HISTORICAL),
    **{name: lambda name=name: _labelled(name) for name in LABELLED},
}
"""Name -> how to load it. Loading ends the process with a message where the set is not there."""


def load(name: str) -> DataSet:
    return SETS[name]()


def missing(name: str) -> str:
    """Why a set cannot be loaded here, '' when it can."""
    try:
        load(name)
    except SystemExit as reason:
        return str(reason)
    return ""


def _clean(column: str, kind: str, date: str) -> str:
    trimmed = f"NULLIF(trim({column}), '')"
    return date.format(trimmed) if kind == "birth_date" else trimmed


def _people(file: Path, fields: dict[str, str], key: str, person: str, date: str) -> DataSet:
    said = ", ".join(f"{_clean(column, kind, date)} AS {column}" for column, kind in fields.items())
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(file))
        return DataSet(
            rows.project(f"trim({key}) AS record_id, {said}").order("record_id").to_arrow_table(),
            fields,
            truth=rows.project(f"trim({key}) AS record_id, {person}::VARCHAR AS person_id").to_arrow_table(),
        )


def _labelled(name: str) -> DataSet:
    file = str(data("er_products_labelled_pairs", f"{name}.parquet"))
    fields = LABELLED[name]
    sides = {side: ", ".join(f"{_clean(f'{side}_{column}', '', '')}" for column in fields) for side in "lr"}
    named = ", ".join(fields)
    with duckdb.connect() as connection:
        connection.read_parquet(file).create_view("pairs")
        for side, columns in sides.items():
            # Equal rows of a side are one record, numbered in the order of their words.
            connection.execute(f"""
                CREATE TEMP TABLE {side} AS
                SELECT '{side}' || lpad(row_number() OVER (ORDER BY {named})::VARCHAR, 5, '0') AS record_id, *
                FROM (SELECT DISTINCT {columns} FROM pairs) AS one({named})
            """)
        joins = " ".join(
            f"JOIN {side} ON "
            + " AND ".join(f"{side}.{c} IS NOT DISTINCT FROM {_clean(f'p.{side}_{c}', '', '')}" for c in fields)
            for side in sides
        )
        # A few pairs are labelled twice, once each way: they count as the same.
        labels = connection.sql(f"""
            SELECT l.record_id AS record_a, r.record_id AS record_b, max(p.label) = 1 AS same, min(p.split) AS split
            FROM pairs AS p {joins} GROUP BY ALL ORDER BY ALL
        """).to_arrow_table()
        records = connection.sql(" UNION ALL ".join(f"SELECT '{side}' AS source, * FROM {side}" for side in sides))
        return DataSet(records.order("record_id").to_arrow_table(), fields, labels=labels, between="source")
