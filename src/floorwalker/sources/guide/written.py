"""A proposal as mapping files: TOML that a person can read, with what each line rests on and what is unsure.

In: a `Proposal`, the source's name and the pattern of its files. Out: text by file name. Of the data it holds the few
words that a column's meaning hangs on (a status, a type of event), and nothing of people.

>>> print(toml_text('say "so"'), toml_text("plain"), entry_text({"column": "Prix", "decimal": ","}))
'say "so"' "plain" { column = "Prix", decimal = "," }
"""

from __future__ import annotations

import json
import re
from typing import Any

from floorwalker.sources.guide.draft import Choice, Draft, MapDraft, Proposal

WIDTH = 60


def mapping_texts(proposal: Proposal, name: str, source: str, files: str) -> dict[str, str]:
    """The text of every mapping file, by its name without ending."""
    return {
        name + (f"_{draft.suffix}" if draft.suffix else ""): mapping_text(proposal, draft, source, files)
        for draft in proposal.drafts
    }


def mapping_text(proposal: Proposal, draft: Draft, source: str, files: str) -> str:
    kinds = " and ".join(dict.fromkeys(item.kind for item in reversed(draft.maps)))
    lines = [
        f"# {kinds}, proposed by `floorwalker map` from the names and values of a sample.",
        "# The number behind a column is the confidence: 1 is certain, lines with ? are worth a look.",
    ]
    lines += [f"# {one}." for note in proposal.notes if not draft.suffix for one in [note[:1].upper() + note[1:]]]
    lines += [f"source = {toml_text(source)}", f"files = {toml_text(files)}"]
    wider = wider_pattern(files)
    if wider:
        lines.append(f"# files = {toml_text(wider)}    # later deliveries too, if they are named so")
    for key, (value, why) in proposal.options.items():
        if key != "currency" or any(item.kind not in ("customers", "consents") for item in draft.maps):
            lines.append(f"{f'{key} = {toml_text(value)}':<{WIDTH}}  # {why}")
    if draft.rest:
        lines.append(f"{f'rest = {toml_text(draft.rest)}':<{WIDTH}}  # rows that no map takes pass without a word")
    for item in draft.maps:
        lines += ["", *_map_lines(item)]
    unsure = [choice for item in draft.maps[-1:] for choice in item.choices if choice.doubt]
    if unsure:
        lines += ["", "# Unsure:", *(f"#   {choice.target}: {_one_line(choice.doubt)}" for choice in unsure)]
    if proposal.unused and not draft.suffix:
        lines += ["", f"# Not used: {', '.join(map(_one_line, proposal.unused))}"]
    return "\n".join(lines) + "\n"


def wider_pattern(files: str) -> str:
    """A pattern that later files would match: what looks like a date or a number in the name may change.

    >>> wider_pattern("data/ventes_2026-01.csv"), wider_pattern("data/stores.csv")
    ('data/ventes_*.csv', '')
    """
    folder, slash, name = files.rpartition("/")
    wider = re.sub(r"\d[\d\-_.T]*\d(?=\D*$)", "*", name)
    return f"{folder}{slash}{wider}" if wider != name and not set(files) & set("*?[") else ""


def _map_lines(item: MapDraft) -> list[str]:
    lines = ["[[maps]]", f"kind = {toml_text(item.kind)}" + (f"    # {item.about}" if item.about else "")]
    lines += [f"{key} = {toml_text(value)}" for key, value in (("where", item.where), ("each", item.each)) if value]
    lines.append("[maps.columns]")
    for choice in item.choices:
        text = f"{choice.target} = {entry_text(choice.entry)}"
        lines.append(f"{text:<{WIDTH}}  # {_about(choice)}")
    return lines


def _about(choice: Choice) -> str:
    return f"{'? ' if choice.unsure else ''}{choice.confidence:.2f} {_one_line(choice.why)}"


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)


def entry_text(entry: dict[str, Any]) -> str:
    """One entry of [maps.columns]."""
    if set(entry) == {"column"}:
        return toml_text(entry["column"])
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in entry.items()) + " }"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {toml_text(word)}" for key, word in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_text, value)) + "]"
    return toml_text(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_text(key)


def toml_text(text: str) -> str:
    """Text in TOML: as it stands where that can be, else escaped."""
    if '"' in text or "\\" in text:
        if "'" not in text and text.isprintable():
            return f"'{text}'"
        if "'''" not in text and not text.endswith("'") and text.isprintable():
            return f"'''{text}'''"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
