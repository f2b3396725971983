"""The reference sections of the documents, written from the code that they describe.

In: the settings, the vocabulary, the events, the run's graph, the routes, the commands. Out: tables in docs/*.md. Run
`python -m scripts.reference` from the repository's root after changing one of them; a test fails when they differ.
"""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import re
import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec
from scripts.file_map import about
from scripts.sections import table, write

from floorwalker.app.cli import COMMANDS, floorwalker
from floorwalker.app.graph import build_graph
from floorwalker.app.http.routes import ENDPOINTS
from floorwalker.app.scaffold import make_project
from floorwalker.app.settings import Settings
from floorwalker.engines.models import SqlModel
from floorwalker.engines.project import Project
from floorwalker.engines.runner import writes_of
from floorwalker.events.language.words import Property, words
from floorwalker.events.vocabulary import COMMON, KINDS, LAKE_TYPES, PERSON, Column
from floorwalker.identity.rules import RULES
from floorwalker.profiles.catalogue import ALL as CATALOGUE
from floorwalker.profiles.features.custom import SOURCES
from floorwalker.profiles.features.describe import cards
from floorwalker.sources.mapping import SET_BY_FLOORWALKER

# Settings whose struct says nothing about them, or not in words that stand alone.
SETTINGS = {
    "project.name": "Name of the project.",
    "defaults.market": "Market of a record when neither its row nor its mapping names one.",
    "defaults.brand": "The same for the brand.",
    "defaults.legal_entity": "The same for the legal entity.",
    "defaults.currency": "The same for the currency, ISO 4217; also the reporting currency unless `[run]` sets one.",
    "defaults.time_zone": "Zone of times that are written without one.",
    "defaults.language": "Language of a record when nothing names one.",
    "engine.memory_limit": "Memory DuckDB may use: at most 60 % of what you want to give the process.",
    "engine.url": "Where SQL models run: `duckdb`, in this process, or `spark://host:port` or `spark://local[2]`.",
    "engine.spark": "Settings of Spark, such as `spark.executor.memory`, when models run there.",
    "engine.threads": "Threads DuckDB may use; default: all cores, at most 8.",
    "run.as_of": "Day a run looks back from: `data` (the day after the newest event), `today` (UTC), or a date.",
    "run.reporting_currency": "Currency of every sum; default: `[defaults] currency`. Others need exchange rates.",
    "run.report": "Write report.html after a run that published.",
    "orders.precedence": "Sources in the order in which they are believed when several report one order.",
    "collect.host": "Address the collector listens on; other machines reach it only once there is a key.",
    "collect.port": "Its port.",
    "collect.log.rotate_mb": "A file of the log that takes so much of the disk is followed by a new one.",
    "collect.log.queue_mb": "Requests that may wait to be stored; beyond that SDKs are asked to come again (503).",
    "identity.hub_names": "An identifier seen with more different (initial + surname) than this names nobody.",
    "identity.hub_share": "Exception: one name that stands on this share of the identifier's named records.",
    "identity.limits.loyalty_id": "Loyalty ids one customer may hold; evidence that would exceed a limit is refused."
    " Every limit may be `{ most = 3, days = 90 }`: so many in any so many days on end.",
    "identity.priority": "Kinds of identifiers in the order in which they are believed where one of two may count.",
    "identity.limits.account_id": "The same for accounts.",
    "identity.limits.customer_ref": "The same for customer numbers of sources.",
    "identity.limits.email": "The same for e-mail addresses.",
    "identity.limits.phone": "The same for phone numbers.",
    "identity.limits.device_id": "Devices that may lend anonymous visits to one customer; the latest seen are kept.",
    "identity.limits.cookie_id": "The same for cookies.",
    "identity.limits.fingerprint": "The same for device fingerprints, where these are used at all.",
    "identity.rules": "Rules in use, see [identity](identity.md).",
    "identity.breaker.on": "Watch every run but the first for an identifier that would start a storm of merges.",
    "identity.breaker.customers": "An identifier that would newly join more published customers than this in one run is"
    " suspicious.",
    "identity.breaker.share": "Suspicious identifiers go into quarantine if they stand behind this share of all that a"
    " run would join.",
    "identity.alarm.times": "Warn when the largest customer has more than this many times the wordings that the largest"
    " usually had.",
    "identity.alarm.runs": "Runs before over which that is the median.",
    "identity.blocked_values": "Values that name nobody, such as a shop's own phone, in any spelling.",
    "identity.golden.sources": "Sources in the order in which the [golden record](golden-record.md) believes them;"
    " those that are not named come after them.",
    "identity.golden.order": "Order of criteria where an attribute has none of its own; the first in which two values"
    " differ decides.",
    "identity.golden.name": "Order for the name, given and family name together; `[]`: `order`.",
    "identity.golden.birth_date": "Order for the birth date.",
    "identity.golden.gender": "Order for the gender.",
    "identity.golden.address": "Order for the address with postcode, city and country.",
    "identity.golden.language": "Order for the language.",
    "identity.golden.market": "Order for the market.",
    "identity.golden.email": "Order for the e-mail address.",
    "identity.golden.phone": "Order for the phone number.",
    "identity.golden.loyalty_id": "Order for the loyalty card.",
    "identity.household.size": "Most customers in a [household](golden-record.md#households); what would join more is a"
    " block of flats, a home or an office.",
    "segmentation.seed": "Seed of everything random in the segmentation.",
    "server.host": "Address `floorwalker serve` listens on.",
    "server.port": "Its port.",
    "server.workers": "Its worker processes.",
}

# What steps in Python write; SQL models say it in their own first line.
TABLES = {
    "silver.normalised_records": "Each record's identifiers and names in the form by which they are compared; empty"
    " where a value is absent, invalid or names nobody.",
    "silver.identity_evidence": "Every piece of evidence: record, rule, identifier, weight, and whether it was accepted"
    " or why it was refused.",
    "silver.identity_pairs": "Pairs of records that a model weighed: bits of weight, chance of one person, and how each"
    " field compared.",
    "silver.identity_matched": "Records that were compared, with a hash of what they said: only news is compared.",
    "silver.identity_hubs": "Values that name nobody, by a hash, and why: learned hubs, and what is in quarantine.",
    "silver.identity_levels": "How precision and reach go down the order of evidence, and where each level ends.",
    "silver.customer_levels": "Who is together at another level of confidence, where that differs from the customers.",
    "silver.customer_map": "Which customer each record belongs to; every record exactly once.",
    "silver.customer_aliases": "Customer ids that were merged into others, with the run and day.",
    "silver.customer_ids": "What every customer id stood for, from run to run: itself, or what it was merged into.",
    "silver.customer_map_history": "Which customer each record belonged to, from run to run.",
    "silver.customer_identifiers": "Every identifier of a customer: raw value, key, records, sources, days.",
    "silver.identity_summary": "Figures of the resolution: records, customers, refused evidence, churn of ids.",
    "silver.identity_review": "Pairs of records that a person should look at, the most telling first.",
    "silver.golden_policy": "The policy of the golden record: per attribute the place of each criterion in its order.",
    "silver.golden_sources": "Sources that the policy names: their rank, and whether their values were verified.",
    "silver.households": "Which household each customer is in, and how many customers it has; customers of whom no"
    " address is known and who share no phone are in none.",
    "silver.household_evidence": "What customers share: kind, keyed hash of the value, how many share it, and whether"
    " it joins them or why not.",
    "gold.rfm": "Recency, frequency, money of each buyer, their quintiles, segment and lifecycle.",
    "gold.clusters": "Which cohort each buyer belongs to.",
    "gold.cluster_profiles": "One row per cohort: name, sentence, size, revenue, medians.",
    "gold.clustering_quality": "Every number of cohorts tried, on logarithms and raw figures, and the choice.",
    "gold.segments": "Members of the rule segments of policies/segments.toml.",
    "gold.segment_definitions": "Each rule as written, as evaluated with its quantities, and its size.",
    "gold.recommendations": "Up to 100 products per customer, with score, the product they follow from, and the model.",
    "gold.similar_products": "Products bought by the same people, per product.",
    "gold.popular_products": "Most bought products per market; an empty market means all of them.",
    "gold.recommender_quality": "Figures of the recommenders on the retailer's own data, per model and protocol.",
}


def settings() -> str:
    """Every setting: dotted key, default, what it does."""
    rows = [(f"`{key}`", _default(value), text) for key, value, text in setting_rows(Settings(), "")]
    return table(("setting", "default", "what it does"), rows)


def setting_rows(struct: msgspec.Struct, prefix: str) -> list[tuple[str, Any, str]]:
    """(dotted key, default, sentence) of a struct and those within."""
    notes = _notes(type(struct))
    rows: list[tuple[str, Any, str]] = []
    for field in msgspec.structs.fields(struct):
        key, value = f"{prefix}{field.encode_name}", getattr(struct, field.name)
        if isinstance(value, msgspec.Struct):
            rows += setting_rows(value, f"{key}.")
        else:
            rows.append((key, value, SETTINGS.get(key) or notes.get(field.name, "")))
    return rows


def _notes(struct: type) -> dict[str, str]:
    """The texts below a struct's fields, which Python itself throws away."""
    module = importlib.import_module(struct.__module__)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    body = next(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == struct.__name__)
    found = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple) and len(value) > 6:
        return "all of them"
    return f"`{msgspec.json.encode(value).decode()}`"


def kinds() -> str:
    """Every kind with its own columns; what all or all personal kinds carry stands once."""
    mapped = [column for column in COMMON + PERSON if column.name not in SET_BY_FLOORWALKER]
    common = [column for column in mapped if column in COMMON]
    parts = ["Every kind may fill these:", _columns(common)]
    parts += [
        "Kinds marked *person* may also fill these, and become part of a customer:",
        _columns([column for column in mapped if column in PERSON]),
        "Floorwalker itself fills " + ", ".join(f"`{name}`" for name in SET_BY_FLOORWALKER) + ".",
    ]
    for kind in KINDS.values():
        marks = ", *person*" if kind.person else ""
        newest = f" The newest row per {' and '.join(f'`{name}`' for name in kind.key)} counts." if kind.key else ""
        parts += [f"### `{kind.name}`{marks}", f"{kind.about[0].upper()}{kind.about[1:]}.{newest}", _columns(kind.own)]
    return "\n\n".join(parts)


def _columns(columns: tuple[Column, ...] | list[Column]) -> str:
    rows = []
    for column in columns:
        words = [column.about] if column.about else []
        words += ["one of: " + ", ".join(column.values)] if column.values else []
        needed = "required" if column.required else ""
        rows.append((f"`{column.name}`", column.type, LAKE_TYPES[column.type], needed, "; ".join(words)))
    return table(("column", "type", "in the lake", "", ""), rows)


def events() -> str:
    """Every event by group, the calls, and the sets of properties that they share."""
    language = words()
    found = [*language.events.values(), *language.calls.values()]
    parts = []
    for group in dict.fromkeys(one.group for one in found):
        rows = [
            (
                f"`{one.name}`",
                one.about + (f"; also `{'`, `'.join(one.aliases)}`" if one.aliases else ""),
                _properties(one.properties),
                ", ".join(f"`{kind}`" for kind in one.feeds),
            )
            for one in found
            if one.group == group
        ]
        parts += [f"### {group}", table(("event", "", "properties", "feeds"), rows)]
    rows = [(f"`{name}`", _properties(properties)) for name, properties in language.sets.items()]
    around = [(f"`{one.name}`", one.type, one.about) for one in language.envelope]
    parts += ["### What any event may carry", table(("", "type", ""), around)]
    return "\n\n".join([*parts, "### Sets of properties", table(("set", "properties"), rows)])


def _properties(properties: tuple[Property, ...]) -> str:
    """A line: name and type of each; text is not said, what is required is bold."""
    said = []
    for one in properties:
        type_ = f"list of {one.of}" if one.of else one.type
        name = f"**{one.name}**" if one.required else one.name
        said.append(name + (f" ({type_})" if type_ != "text" else ""))
    return ", ".join(said)


def tables() -> str:
    """Every table a run makes, by layer, with a sentence."""
    sentences = table_sentences()
    parts = []
    for layer in ("silver", "gold"):
        rows = [(f"`{name}`", how, text) for name, (how, text) in sorted(sentences.items()) if name.startswith(layer)]
        parts += [f"### {layer}", table(("table", "made by", "what it holds"), rows)]
    return "\n\n".join(parts)


def table_sentences() -> dict[str, tuple[str, str]]:
    """Table → (what makes it, a sentence). The sentence is empty when nobody has written one."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(make_project(Path(folder) / "shop", template="blank"))
        graph = build_graph(project, Settings())
    found = {}
    for name, node in graph.nodes.items():
        for written in writes_of(node):
            if isinstance(node, SqlModel):
                text = about(node.path) if node.path else str(node.document.get("description", ""))
            else:
                text = TABLES.get(written, "")
            found[written] = ("SQL" if isinstance(node, SqlModel) else f"step {name}", text)
    return found


def feature_sources() -> str:
    """What features count."""
    rows = [(f"`{one.name}`", f"`{one.table}`", one.about, one.batch_only) for one in SOURCES.values()]
    return table(("source", "table", "what it holds", "batch only"), rows)


def features() -> str:
    """Every feature of the product, by entity."""
    parts = []
    for one in CATALOGUE:
        rows = [
            (
                f"`{card.name}`",
                card.question,
                f"{card.type}, {card.unit}" if card.unit else card.type,
                card.window,
                "yes" if card.live else "",
                card.purpose,
            )
            for card in cards([one])
        ]
        parts += [
            f"### {one.entity.name} features",
            f"{len(rows)} columns of `{one.entity.table}`.",
            table(("feature", "question", "type and unit", "window", "live", "purpose"), rows),
        ]
    return "\n\n".join(parts)


def rules() -> str:
    """The deterministic rules of identity, best first."""
    ordered = sorted(RULES.values(), key=lambda rule: (rule.tier, -rule.weight))
    rows = [(f"`{rule.name}`", str(rule.tier), f"{rule.weight:g}", rule.identifier_kind) for rule in ordered]
    return table(("rule", "tier", "weight", "identifier"), rows)


def routes() -> str:
    """Every route of the service with its scope."""
    rows = []
    for one in ENDPOINTS:
        scope = "none" if one.scope == "open" else f"`{one.scope}`"
        rows.append((f"`{one.method} {one.path}`", scope, "yes" if one.allows_browser else "", one.about))
    return table(("route", "scope", "from a page", "what it answers"), rows)


def commands() -> str:
    """Every command with its arguments and options."""
    parts = []
    context = click.Context(floorwalker, info_name="floorwalker")
    for name in COMMANDS:
        command = floorwalker.get_command(context, name)
        assert command is not None
        inner = [(f"{name} {sub}", one) for sub, one in below(command)] or [(name, command)]
        if isinstance(command, click.Group) and command.invoke_without_command:
            inner.insert(0, (name, command))
        parts += [_command(path, one) for path, one in inner]
    return "\n\n".join(parts)


def below(command: click.Command) -> list[tuple[str, click.Command]]:
    """The commands of a group, by name; of a command that is none, none."""
    if not isinstance(command, click.Group):
        return []
    context = click.Context(command)
    found = ((name, command.get_command(context, name)) for name in sorted(command.list_commands(context)))
    return [(name, one) for name, one in found if one is not None]


def _command(path: str, command: click.Command) -> str:
    arguments = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    text = " ".join(re.split(r"\n\s*\n", command.help or "")[0].split())
    rows = []
    for option in command.params:
        if isinstance(option, click.Option):
            default = option.default if option.show_default and option.default not in (None, False) else ""
            rows.append((f"`{', '.join(option.opts)}`", option.help or "", str(default)))
    lines = [f"### `{' '.join(['floorwalker', path, *arguments])}`", text]
    if rows:
        lines.append(table(("option", "", "default"), rows))
    return "\n\n".join(lines)


@functools.cache
def documents() -> dict[str, dict[str, str]]:
    """Every document with a reference section, and what the section should be."""
    return {
        "docs/project-folder.md": {"settings": settings()},
        "docs/events.md": {"events": events()},
        "docs/mappings.md": {"kinds": kinds()},
        "docs/tables.md": {"tables": tables()},
        "docs/features.md": {"feature sources": feature_sources(), "features": features()},
        "docs/identity.md": {"rules": rules()},
        "docs/http-api.md": {"routes": routes()},
        "docs/commands.md": {"commands": commands()},
    }


if __name__ == "__main__":
    write(documents())
