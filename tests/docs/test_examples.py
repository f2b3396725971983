"""What the documents show is what a reader gets: their examples run, and print what they say."""

from __future__ import annotations

import re
import tomllib

import pytest
from tests.docs.console import ROOT, run_document, steps_of

from floorwalker.sources.mapping import parse_mapping

RUNNABLE = (
    *("README.md", "docs/features.md", "docs/getting-started.md", "docs/golden-record.md", "docs/project-folder.md"),
    *("docs/events.md", "docs/identity-explain.md", "docs/quality-and-lineage.md"),
)


# Longer ones, of which a part stands in the README too.
LONG = ("docs/getting-started.md", "docs/quality-and-lineage.md", "docs/identity-explain.md", "docs/golden-record.md")


@pytest.mark.parametrize("name", [pytest.param(one, marks=pytest.mark.slow if one in LONG else ()) for one in RUNNABLE])
def test_examples_run(name, tmp_path):
    assert run_document(ROOT / name, tmp_path)


def test_no_document_has_examples_that_are_not_run():
    documents = [path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]]
    with_steps = {name for name in documents if steps_of((ROOT / name).read_text(encoding="utf-8"))}
    assert with_steps == set(RUNNABLE)


@pytest.mark.parametrize(
    "name", ["docs/mappings.md", "docs/sql-models.md", "docs/segments-and-audiences.md", "docs/quality-and-lineage.md"]
)
def test_examples_of_toml_are_toml(name):
    blocks = re.findall(
        r"^```toml[^\n]*\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert blocks and all(tomllib.loads(block) for block in blocks)


def test_the_mapping_in_the_guide_is_accepted():
    text = (ROOT / "docs" / "mappings.md").read_text(encoding="utf-8")
    block = re.search(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert parse_mapping(block[1]).kinds == ("order_lines",)
