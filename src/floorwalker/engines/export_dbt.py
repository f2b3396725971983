"""A project's SQL models as a dbt project that runs on dbt-duckdb.

In: models in their order, the tables that dbt does not make (bronze, and what steps in Python wrote) with the Parquet
files of their published version, the facts of the run. Out: the project's files, name → text.

    files = dbt_project(models, sources, facts)
    files["models/silver/silver__orders.sql"]

dbt names a model once for all schemas, so `silver.orders` is the model `silver__orders` with the alias `orders` in the
schema `silver`. Sources name their files, as the lake does: a folder also holds files of versions nobody published.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from floorwalker import __version__
from floorwalker.engines.checks import read_tests
from floorwalker.engines.dbt_sql import column_tests, escaped, generic_tests, model_name, singular_test, to_jinja
from floorwalker.engines.exporting import yaml_text
from floorwalker.engines.models import SqlModel
from floorwalker.errors import StateError

VERSIONS = {"dbt-core": "1.11.16", "dbt-duckdb": "1.11.1"}
"""What the export was built with; the `Makefile` installs the same for the tests."""

WAREHOUSE = "warehouse.duckdb"


@dataclass(frozen=True)
class DbtSource:
    """A table that dbt reads and does not make. `files`: below the lake's folder, of the published version."""

    table: str
    files: tuple[str, ...]
    description: str = ""
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFacts:
    """What `meta.run` and `meta.sources` say of the run that is exported, and where its lake is."""

    run_id: str
    as_of: str
    reporting_currency: str
    precedence: tuple[str, ...] = ()
    lake: str = ""
    memory_limit: str = "2GB"


def dbt_project(models: Sequence[SqlModel], sources: Sequence[DbtSource], facts: RunFacts) -> dict[str, str]:
    """Every file of the project. Raises StateError for a lake whose path dbt cannot be told."""
    if set(facts.lake) & set("{}'\""):
        raise StateError(f"dbt cannot be told of {facts.lake}", why="a quote or brace in a path means something to it")
    known = {"meta.run", "meta.sources", *(model.name for model in models)}
    files = {
        "dbt_project.yml": _yaml(_settings(models, facts)),
        "profiles.yml": _yaml(_profile(facts)),
        "models/sources.yml": _yaml({"version": 2, "sources": _sources(sources)}),
        "macros/generate_schema_name.sql": _SCHEMA_NAME,
        "models/meta/meta__run.sql": _RUN,
        "models/meta/meta__sources.sql": _PRECEDENCE,
        "models/meta/meta.yml": _yaml({"version": 2, "models": _META}),
        "README.md": _README.format(version=__version__, warehouse=WAREHOUSE, **_pinned()),
        ".gitignore": f"target/\nlogs/\n{WAREHOUSE}\n{WAREHOUSE}.wal\n.user.yml\n",
        **generic_tests(),
    }
    layers: dict[str, list[dict[str, Any]]] = {}
    for model in models:
        layer, _, name = model.name.partition(".")
        files[f"models/{layer}/{model_name(model.name)}.sql"] = to_jinja(model.sql, known) + "\n"
        layers.setdefault(layer, []).append(_properties(model, name, known))
        files |= _singular_tests(model, known)
    for layer, properties in layers.items():
        files[f"models/{layer}/{layer}.yml"] = _yaml({"version": 2, "models": properties})
    return files


def _yaml(document: dict[str, Any]) -> str:
    return yaml_text(document) + "\n"


def _pinned() -> dict[str, str]:
    return {name.replace("-", "_"): version for name, version in VERSIONS.items()}


def _settings(models: Sequence[SqlModel], facts: RunFacts) -> dict[str, Any]:
    layers = dict.fromkeys(["meta", *(model.name.partition(".")[0] for model in models)])
    return {
        "name": "floorwalker",
        "version": __version__,
        "config-version": 2,
        "profile": "floorwalker",
        "model-paths": ["models"],
        "macro-paths": ["macros"],
        "test-paths": ["tests"],
        "flags": {"send_anonymous_usage_stats": False},
        "vars": {
            "lake": facts.lake,
            "run_id": facts.run_id,
            "as_of": facts.as_of,
            "reporting_currency": facts.reporting_currency,
            "precedence": list(facts.precedence),
        },
        "models": {"floorwalker": {"+materialized": "table", **{layer: {"+schema": layer} for layer in layers}}},
    }


def _profile(facts: RunFacts) -> dict[str, Any]:
    output = {
        "type": "duckdb",
        "path": WAREHOUSE,
        "threads": 2,
        # The extensions that are built in do: nothing is fetched.
        "config_options": {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
        "settings": {"TimeZone": "UTC", "memory_limit": facts.memory_limit, "preserve_insertion_order": False},
    }
    return {"floorwalker": {"target": "local", "outputs": {"local": output}}}


def _sources(sources: Sequence[DbtSource]) -> list[dict[str, Any]]:
    layers: dict[str, list[dict[str, Any]]] = {}
    for source in sources:
        layer, _, name = source.table.partition(".")
        listed = ", ".join(f"'{{{{ var(\"lake\") }}}}/{file}'" for file in source.files)
        union = ", union_by_name = true" if len(source.files) > 1 else ""
        table = {
            "name": name,
            "description": escaped(source.description),
            "config": {"meta": {"external_location": f"read_parquet([{listed}]{union})"}},
            "columns": [{"name": key, "description": escaped(about)} for key, about in source.columns.items()],
        }
        layers.setdefault(layer, []).append({key: value for key, value in table.items() if value})
    return [{"name": layer, "schema": layer, "tables": tables} for layer, tables in layers.items()]


def _properties(model: SqlModel, alias: str, known: Collection[str]) -> dict[str, Any]:
    document = model.document
    columns = []
    for name, about in document.get("columns", {}).items():
        text = ", ".join(word for word in (about.get("about", ""), about.get("unit", "")) if word)
        column = {"name": name, "description": escaped(text), "data_tests": column_tests(about, known)}
        columns.append({key: value for key, value in column.items() if value})
    properties = {
        "name": model_name(model.name),
        "description": escaped(description(model)),
        "config": {"alias": alias},
        "columns": columns,
    }
    return {key: value for key, value in properties.items() if value}


def description(model: SqlModel) -> str:
    """What a model says of its table: in its TOML, else in the comment that its SQL begins with."""
    first = re.match(r"\s*--\s*(.*)", model.sql)
    return str(model.document.get("description") or (first[1].strip() if first else ""))


def _singular_tests(model: SqlModel, known: Collection[str]) -> dict[str, str]:
    written: dict[str, str] = {}
    own = len(model.document.get("tests", []))
    tests = read_tests(model.name, model.document)
    for test in tests[len(tests) - own :]:
        slug = re.sub(r"[^a-z0-9]+", "_", test.name.lower()).strip("_")[:60]
        file = f"tests/{model_name(model.name)}__{slug}.sql"
        if file in written:
            file = f"tests/{model_name(model.name)}__{slug}_{len(written) + 1}.sql"
        written[file] = singular_test(test, known)
    return written


_SCHEMA_NAME = """{#- silver.orders is to be silver.orders, whatever the target's own schema is called. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name | trim if custom_schema_name is not none else target.schema }}
{%- endmacro %}
"""

_RUN = """-- The run: one row by which models know the day, never by the clock. Set in dbt_project.yml, `vars`.
SELECT
  CAST('{{ var("run_id") | replace("'", "''") }}' AS VARCHAR) AS run_id,
  CAST('{{ var("as_of") }}' AS DATE) AS as_of,
  CAST('{{ var("reporting_currency") | replace("'", "''") }}' AS VARCHAR) AS reporting_currency
"""

_PRECEDENCE = """-- Which source is believed when several report one order: 1 the most. Set in dbt_project.yml, `vars`.
{% for source in var("precedence") -%}
SELECT CAST('{{ source | replace("'", "''") }}' AS VARCHAR) AS source, CAST({{ loop.index }} AS INTEGER) AS precedence
UNION ALL
{% endfor -%}
SELECT CAST(NULL AS VARCHAR) AS source, CAST(NULL AS INTEGER) AS precedence WHERE FALSE
"""

_META = [
    {
        "name": "meta__run",
        "description": "The run: one row by which models know the day",
        "config": {"alias": "run"},
        "columns": [
            {"name": "run_id", "description": "the run whose tables were exported", "data_tests": ["not_null"]},
            {"name": "as_of", "description": "the day that models look back from", "data_tests": ["not_null"]},
            {"name": "reporting_currency", "description": "currency of every sum", "data_tests": ["not_null"]},
        ],
    },
    {
        "name": "meta__sources",
        "description": "Which source is believed when several report one order; may be empty",
        "config": {"alias": "sources"},
        "columns": [{"name": "source", "data_tests": ["unique"]}, {"name": "precedence", "data_tests": ["unique"]}],
    },
]

_README = """# A dbt project made by Floorwalker {version}

Two commands, in this folder, in a virtual environment of its own:

```sh
pip install dbt-core=={dbt_core} dbt-duckdb=={dbt_duckdb}
dbt build
```

The tables are then in `{warehouse}`, in schemas of their own: `silver.orders` is `silver.orders`.

- `models/` has every SQL model of the project, as Floorwalker runs it; only the names of tables became `ref` and
  `source`. Comments and lines are the models' own. A model of another name than its table: `silver__orders`, because
  dbt wants names that differ across schemas.
- `models/sources.yml` has what dbt does not make: bronze tables, and what steps in Python write (who is who, cohorts,
  recommendations). They are the Parquet files of the published version, each named, in the folder `lake` of
  `dbt_project.yml`. A later run or an erasure replaces files: then export again, `floorwalker export dbt`.
- `meta.run` and `meta.sources` are what models know of the run: the day they look back from, the reporting currency,
  which source is believed first. Set in `dbt_project.yml` under `vars`, or by `dbt build --vars`.
- Tests of the models are data tests: generic ones in the `.yml` files, those with SQL of their own in `tests/`.

Built this way, each table has the rows of the one that Floorwalker published. dbt builds in place and whole: there is
no publication that readers see at once, nothing incremental, and no Python step runs.

`{warehouse}` is a copy of personal data that `floorwalker erase` does not know of: remove it and build it again after
an erasure.
"""
