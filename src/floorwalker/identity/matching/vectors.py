"""Splink at work: comparison vectors and weights of pairs of records, on DuckDB or Spark.

In: a table of records (`rid`, the model's columns), a table of candidate pairs (`join_key_l`, `join_key_r`,
`match_key`) and one of frequencies per column that has any (the column, `tf_<column>`), all known to an engine of
Splink's. Out: the name of a table with `rid_l`, `rid_r`, `match_weight` and one `gamma_<comparison>` per comparison.

Splink (splink.data, MIT; its model of 2022, Linacre et al., https://doi.org/10.23889/ijpds.v7i3.1794) writes the SQL
of both engines. Its saved models are not portable between them: ours is (`model`), and is told to Splink anew each
time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from floorwalker.identity.matching.comparisons import Comparison
from floorwalker.identity.matching.model import Model

if TYPE_CHECKING:
    from splink.internals.database_api import DatabaseAPI

_EVEN = 0.5
_LEAST_FREQUENCY = 1e-6


def settings(definitions: Sequence[Comparison], dialect: str, model: Model | None = None) -> dict[str, Any]:
    """Splink's settings for these comparisons; without a model all weights are even: only vectors are wanted."""
    told = {one.name: one.levels for one in model.comparisons} if model else {}
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "rid",
        "probability_two_random_records_match": model.match if model else 1e-4,
        "blocking_rules_to_generate_predictions": [{"blocking_rule": "l.rid = r.rid", "sql_dialect": dialect}],
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": False,
        "comparisons": [_comparison(one, dialect, told.get(one.name, ())) for one in definitions],
    }


def _comparison(one: Comparison, dialect: str, told: Sequence[Any]) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": one.unknown_sql(dialect), "label_for_charts": "unknown", "is_null_level": True}
    ]
    for place, level in enumerate((*one.levels, None)):
        value = len(one.levels) - place
        chances = (told[value].m, told[value].u) if told else (_EVEN, _EVEN)
        entry: dict[str, Any] = {
            "sql_condition": level.sql(dialect) if level else "ELSE",
            "label_for_charts": level.label if level else "different",
            "m_probability": chances[0],
            "u_probability": chances[1],
        }
        if told and level and level.frequency:
            entry |= {
                "tf_adjustment_column": level.frequency,
                "tf_adjustment_weight": 1.0,
                "tf_minimum_u_value": _LEAST_FREQUENCY,
            }
        levels.append(entry)
    return {"output_column_name": one.name, "comparison_levels": levels}


def compare(
    api: DatabaseAPI[Any],
    records: str,
    pairs: str,
    definitions: Sequence[Comparison],
    model: Model | None = None,
    least_weight: float | None = None,
    frequencies: Mapping[str, str] | None = None,
) -> str:
    """Score the pairs; returns the table's name. The caller drops it. `least_weight`: lighter pairs are left out.
    `frequencies`: column -> its table; without them Splink would count the values of these records."""
    from splink import Linker

    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "splink"]:
        logging.getLogger(name).setLevel(logging.ERROR)
    linker = Linker(api.register(records), settings(definitions, api.sql_dialect.sql_dialect_str, model))
    for column, table in (frequencies or {}).items():
        linker.table_management.register_term_frequency_lookup(api.register(table), column)
    linker.table_management.register_blocked_pairs_for_predict(api.register(pairs))
    found = linker.inference.predict(threshold_match_weight=least_weight, warning_mode="never")
    return found.physical_name
