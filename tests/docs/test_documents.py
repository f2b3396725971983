"""The documents say what the code does: generated parts are fresh, links lead somewhere, commands and targets exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from scripts import file_map, flow_picture, reference
from scripts.sections import ROOT, fresh

from floorwalker.app.cli import COMMANDS, floorwalker
from floorwalker.app.settings import Settings

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
EVERYTHING = "\n".join(TEXTS.values())


def all_commands() -> Iterator[str]:
    """'floorwalker run', 'floorwalker keys create', …"""
    context = click.Context(floorwalker, info_name="floorwalker")
    for name in COMMANDS:
        command = floorwalker.get_command(context, name)
        assert command is not None
        inner = [f" {sub}" for sub, _ in reference.below(command)] or [""]
        yield from (f"floorwalker {name}{sub}" for sub in inner)


@pytest.mark.parametrize("document", reference.documents())
def test_generated_sections_are_fresh(document):
    now, wanted = fresh(document, reference.documents()[document])
    assert now == wanted, f"run: python -m scripts.reference ({document})"


def test_the_file_map_names_every_file():
    now, wanted = fresh(file_map.DOCUMENT, {"file map": file_map.file_map()})
    assert now == wanted, "run: python -m scripts.file_map"


def test_every_mapped_file_says_what_it_is_for():
    silent = [
        name for name in file_map.files()
        if not name.startswith(tuple(file_map.FAMILIES)) and not name.endswith("__init__.py")
        and not file_map.about(ROOT / name)
    ]  # fmt: skip
    assert silent == []


def test_every_setting_and_table_has_a_sentence():
    assert [key for key, _, text in reference.setting_rows(Settings(), "") if not text] == []
    assert [name for name, (_, text) in reference.table_sentences().items() if not text] == []


def test_sentences_are_about_settings_and_tables_that_exist():
    assert reference.SETTINGS.keys() <= {key for key, _, _ in reference.setting_rows(Settings(), "")}
    assert reference.TABLES.keys() <= reference.table_sentences().keys()


@pytest.mark.parametrize("theme", flow_picture.COLOURS)
def test_the_picture_is_fresh(theme):
    drawn = (ROOT / "docs" / "images" / f"flow-{theme}.svg").read_text(encoding="utf-8")
    assert drawn == flow_picture.picture(theme), "run: python -m scripts.flow_picture"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_resolve(path):
    prose = re.sub(r"^```.*?^```", "", TEXTS[path], flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|srcset)="([^"]+)"', prose)
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{path.name}: {link}"


def anchors(path: Path) -> set[str]:
    """The anchors GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("command", list(all_commands()))
def test_every_command_is_documented(command):
    assert re.search(rf"{re.escape(command)}\b", EVERYTHING)


def test_commands_that_are_named_exist():
    known = set(all_commands())
    groups = {command.rpartition(" ")[0] for command in known if command.count(" ") == 2}
    for one, two in re.findall(
        r"(?:^|[`$ ])floorwalker (?:-p \S+ )?([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?", EVERYTHING, re.MULTILINE
    ):
        if one in COMMANDS:
            whole = f"floorwalker {one}"
            assert whole in known or f"{whole} {two}" in known or (whole in groups and not two), f"{whole} {two}"


def test_make_targets_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", EVERYTHING, re.MULTILINE))
    assert named and named <= targets
    assert set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help", "setup"} <= named


def test_decision_records_are_numbered_and_short():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        assert TEXTS[path].startswith(f"# {path.name[:4]} ")
        assert len(TEXTS[path].splitlines()) < 40, path.name
        parts = re.findall(r"\*\*(Context|Decision|Alternatives|Consequence)", TEXTS[path])
        assert sorted(parts) == ["Alternatives", "Consequence", "Context", "Decision"], path.name


def test_figures_are_those_of_the_last_benchmark():
    content = json.loads((ROOT / "benchmarks" / "results" / "recommend.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row["value"] for row in content["rows"]}
    for protocol in "AB":
        for name in ("knn.ndcg10", "knn.ndcg10.low", "knn.ndcg10.high", "popular.ndcg10"):
            figure = f"{rows[f'beauty.{protocol}.{name}']:.4f}"
            assert figure in TEXTS[ROOT / "README.md"], figure
            assert figure in TEXTS[ROOT / "docs" / "recommendations.md"], figure
