"""Order lines that stand in one row of a file: columns side by side, a list of JSON, or a list in a cell.

In: a sample's rows (the view `guide_named`) and the facts of its columns. Out: a `Several`: SQL of the list for a map's
`each`, and a `Candidate` for every part of a line, with facts of its own; None where rows are lines already.

    item_1_sku, item_1_qty, item_2_sku, item_2_qty     each = "[CASE WHEN … THEN {'sku': item_1_sku, …} END, …]"
    [{"sku": "A", "qty": 2}, …]                        each = "CAST(lines AS JSON[])"
    MUG-1:2:7.50; TEE-4:1:19.90                        each = "list_transform(string_split(…), lambda x: …)"
    2x MUG-1 @ 7.50, 1x TEE-4 @ 19.90                  the same, with a pattern

>>> numbered(["order", "sku1", "qty1", "sku2", "qty2", "address1", "address2"])
{(1, 2): {'sku': ('sku1', 'sku2'), 'qty': ('qty1', 'qty2'), 'address': ('address1', 'address2')}}
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from floorwalker.sources.conversions import literal, quoted
from floorwalker.sources.guide.facts import Facts, look
from floorwalker.sources.guide.matching import Candidate
from floorwalker.sources.guide.names import meanings, score_of

NAMED = "guide_named"
_WHAT = ("product_id", "product_name")
_MUCH = ("quantity", "unit_price", "amount")
_PATTERNS = (
    (r"(\d+) ?[x×*] ?(.+?) ?[@à] ?([^\d\s]? ?[\d.,]+).*", ("quantity", "product", "unit price")),
    (r"(\d+) ?[x×*] ?(.+)", ("quantity", "product")),
    (r"(.+?) ?[@à] ?([^\d\s]? ?[\d.,]+) ?[x×*] ?(\d+)", ("product", "unit price", "quantity")),
    (r"(.+?) ?[x×*] ?(\d+)", ("product", "quantity")),
    (r"(.+?) ?\((?:qty:? ?)?(\d+)\)", ("product", "quantity")),
)


@dataclass(frozen=True)
class Several:
    """`used`: columns of the file that the lines stand in."""

    each: str
    parts: dict[str, Candidate]
    used: tuple[str, ...]
    why: str


def lines_in_rows(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, Facts]) -> Several | None:
    """How a row holds several lines, if it does."""
    found = _side_by_side(connection, list(columns))
    for name, facts in columns.items():
        found = found or _json(connection, name, facts) or _cell(connection, name, facts)
    return found


def numbered(names: list[str]) -> dict[tuple[int, ...], dict[str, tuple[str, ...]]]:
    """Columns that differ by a number only, by the numbers they have: what is left of the name → the columns."""
    stems: dict[str, dict[int, str]] = defaultdict(dict)
    for name in names:
        parts = re.fullmatch(r"(.*?)[ _\-.\[(#]*(?<!\d)(\d{1,2})(?!\d)[ _\-.\])]*(\D*)", name)
        if parts:
            stems[f"{parts[1]} {parts[3]}".strip()][int(parts[2])] = name
    groups: dict[tuple[int, ...], dict[str, tuple[str, ...]]] = defaultdict(dict)
    for stem, held in stems.items():
        if len(held) >= 2 and stem:
            groups[tuple(sorted(held))][stem] = tuple(held[number] for number in sorted(held))
    return dict(groups)


def _side_by_side(connection: duckdb.DuckDBPyConnection, names: list[str]) -> Several | None:
    for numbers, stems in numbered(names).items():
        if not _are_lines(stems):
            continue
        fields = _fields(list(stems))
        product = max(stems, key=lambda stem: _best(stem, _WHAT))
        guards = _guards(connection, stems, product)
        items = []
        for place in range(len(numbers)):
            told = ", ".join(f"'{fields[stem]}': {quoted(held[place])}" for stem, held in stems.items())
            filled = " OR ".join(f"{quoted(stems[stem][place])} IS NOT NULL" for stem in guards)
            items.append(f"CASE WHEN {filled} THEN {{{told}}} END")
        each = f"[{', '.join(items)}]"
        parts = {stem: (f"item.{field}", stem) for stem, field in fields.items()}
        used = tuple(name for held in stems.values() for name in held)
        return _several(connection, each, parts, used, f"{len(numbers)} lines side by side in each row")
    return None


def _are_lines(stems: Mapping[str, tuple[str, ...]]) -> bool:
    return any(_best(stem, _WHAT) >= 0.6 for stem in stems) and any(_best(stem, _MUCH) >= 0.6 for stem in stems)


def _best(stem: str, targets: tuple[str, ...]) -> float:
    found = meanings(stem)
    return max(score_of(found, "order_lines", target).score for target in targets)


def _guards(
    connection: duckdb.DuckDBPyConnection, stems: Mapping[str, tuple[str, ...]], product: str
) -> tuple[str, ...]:
    """What makes a place a line: its product, and anything else that is filled without one, unless most empty places
    are filled with zeros."""
    others = [stem for stem in stems if stem != product]
    empty, filled = 0, 0
    for place, name in enumerate(stems[product]):
        rest = " OR ".join(f"{quoted(stems[stem][place])} IS NOT NULL" for stem in others)
        row = connection.execute(
            f"SELECT count(*) FILTER ({quoted(name)} IS NULL), count(*) FILTER ({quoted(name)} IS NULL AND ({rest})) "
            f"FROM {NAMED}"
        ).fetchone()
        empty, filled = empty + (row[0] if row else 0), filled + (row[1] if row else 0)
    return (product,) if not filled or filled > 0.2 * max(empty, 1) else tuple(stems)


def _json(connection: duckdb.DuckDBPyConnection, name: str, facts: Facts) -> Several | None:
    if facts.share.get("list", 0.0) < 0.6:
        return None
    each = f"CAST({quoted(name)} AS JSON[])"
    shape = connection.execute(
        f"SELECT json_group_structure(item) FROM (SELECT unnest(TRY({each})) AS item FROM {NAMED})"
    ).fetchone()
    keys = json.loads(shape[0]) if shape and shape[0] else None
    if not isinstance(keys, dict):
        return None
    plain = [key for key, inner in keys.items() if isinstance(inner, str)]
    if not _are_lines(dict.fromkeys(plain, ())):
        return None
    parts = {key: (f"item->>{literal(key)}", key) for key in plain}
    return _several(connection, each, parts, (name,), f"a list of lines in '{name}'")


def _cell(connection: duckdb.DuckDBPyConnection, name: str, facts: Facts) -> Several | None:
    """A text that separates lines, and within lines their parts, always in the same way."""
    if facts.times or facts.share.get("number", 0.0) > 0.5 or facts.share.get("url", 0.0) > 0.5 or facts.longest < 6:
        return None
    rows = connection.execute(f"SELECT {quoted(name)} FROM {NAMED} WHERE {quoted(name)} IS NOT NULL LIMIT 300")
    values = [row[0] for row in rows.fetchall()]
    for mark in (";", "|", "\n", ", ", ",", " / ", " + "):
        cells = [[part.strip() for part in value.split(mark) if part.strip()] for value in values]
        if sum(len(parts) > 1 for parts in cells) < 0.05 * len(values):
            continue
        items = [part for parts in cells for part in parts]
        found = _pairs(name, mark, items) or _pattern(name, mark, items) or _split(name, mark, items)
        if found:
            each, parts = found
            return _several(
                connection, each, parts, (name,), f"lines separated by '{mark.strip() or mark!r}' in '{name}'"
            )
    return None


def _pattern(name: str, mark: str, items: list[str]) -> tuple[str, dict[str, tuple[str, str]]] | None:
    for pattern, parts in _PATTERNS:
        if sum(re.fullmatch(pattern, item) is not None for item in items) < 0.9 * len(items):
            continue
        fields = [part.replace(" ", "_") for part in parts]
        names = ", ".join(f"'{field}'" for field in fields)
        taken = f"regexp_extract(trim(x), {literal('^' + pattern + '$')}, [{names}])"
        each = f"list_transform(string_split({quoted(name)}, {literal(mark)}), lambda x: {taken})"
        return each, {f"{name}: {part}": (f"item.{field}", part) for part, field in zip(parts, fields, strict=True)}
    return None


def _split(name: str, mark: str, items: list[str]) -> tuple[str, dict[str, tuple[str, str]]] | None:
    for inner in (":", "|", "*", "/", ",", "="):
        counts = [len(item.split(inner)) for item in items]
        size = max(set(counts), key=counts.count)
        if inner == mark.strip() or not 2 <= size <= 6 or counts.count(size) < 0.95 * len(items):
            continue
        part = f"string_split(x, {literal(inner)})"
        each = f"list_transform(string_split({quoted(name)}, {literal(mark)}), lambda x: {part})"
        labels = _labels([[item.split(inner)[place].strip() for item in items if item.count(inner) == size - 1]
                          for place in range(size)])  # fmt: skip
        if "product" in labels and len(set(labels)) > 1:
            return each, {
                f"{name}, part {place} ({label})": (f"item[{place}]", label)
                for place, label in enumerate(labels, 1)
                if label
            }
    return None


def _labels(parts: list[list[str]]) -> list[str]:
    """What the parts of a line are, by their values: words are the product, whole numbers how many, others a price.

    >>> _labels([["MUG-1", "TEE-4"], ["2", "1"], ["7.50", "19,90"]])
    ['product', 'quantity', 'unit price']
    """
    labels = []
    for values in parts:
        numbers = [value for value in values if re.fullmatch(r"\D?\d[\d.,]*\D?", value)]
        decimals = [value for value in numbers if re.search(r"[.,]\d{1,2}\D?$", value)]
        if len(numbers) < 0.9 * len(values):
            label = "product" if "product" not in labels else "product name"
        elif len(decimals) > 0.3 * len(values):
            label = "unit price" if "unit price" not in labels else ""
        else:
            label = "quantity" if "quantity" not in labels else ""
        labels.append(label)
    return labels


def _pairs(name: str, mark: str, items: list[str]) -> tuple[str, dict[str, tuple[str, str]]] | None:
    """Lines of named parts: "sku:A|quantity:2"."""
    for inner in ("|", ",", ";"):
        if inner == mark.strip():
            continue
        for sign in (":", "="):
            keys: dict[str, int] = {}
            whole = 0
            for item in items:
                told = [part.split(sign, 1)[0].strip() for part in item.split(inner) if sign in part]
                whole += len(told) >= 2 and len(told) >= len(item.split(inner)) * 0.8
                for key in told:
                    keys[key] = keys.get(key, 0) + 1
            common = [
                key for key, count in keys.items() if count >= 0.5 * len(items) and re.fullmatch(r"[\w \-]+", key)
            ]
            if whole < 0.9 * len(items) or not _are_lines(dict.fromkeys(common, ())):
                continue
            each = f"string_split({quoted(name)}, {literal(mark)})"
            taken = {}
            for key in common:
                pattern = rf"(?:^|[{inner}])\s*{re.escape(key)}\s*{sign}\s*([^{inner}]*)"
                taken[key] = f"regexp_extract(item, {literal(pattern)}, 1)"
            return each, {f"{name}: {key}": (sql, key) for key, sql in taken.items()}
    return None


def _fields(stems: list[str]) -> dict[str, str]:
    """Names for the parts that SQL takes without quotes."""
    fields: dict[str, str] = {}
    for stem in stems:
        bare = re.sub(r"\W+", "_", stem.lower(), flags=re.ASCII).strip("_") or "part"
        bare = bare if bare[0].isalpha() else f"p_{bare}"
        while bare in fields.values():
            bare += "_"
        fields[stem] = bare
    return fields


def _several(
    connection: duckdb.DuckDBPyConnection,
    each: str,
    parts: Mapping[str, tuple[str, str]],
    used: tuple[str, ...],
    why: str,
) -> Several | None:
    lines = f"SELECT unnest(list_filter(TRY({each}), lambda one: one IS NOT NULL)) AS item FROM {NAMED}"
    candidates = {}
    for name, (sql, label) in parts.items():
        facts = look(connection, name, f"SELECT nullif(trim(CAST(TRY({sql}) AS VARCHAR)), '') AS v FROM ({lines})")
        candidates[name] = Candidate(name, facts, sql, label)
    return Several(each, candidates, used, why) if candidates else None
