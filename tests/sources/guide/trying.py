"""A file of text guessed as `floorwalker map` does, for tests: proposal, texts, preview."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from floorwalker.sources.guide.draft import Choice, Proposal, Said
from floorwalker.sources.guide.preview import Preview, preview
from floorwalker.sources.guide.propose import columns_of, propose
from floorwalker.sources.guide.sample import take_sample
from floorwalker.sources.guide.written import mapping_texts
from floorwalker.sources.mapping import parse_mapping

EXPORTS = Path(__file__).parent / "exports"


@dataclass(frozen=True)
class Tried:
    proposal: Proposal
    texts: dict[str, str]
    previews: dict[str, Preview]

    @property
    def kind(self) -> str:
        return self.proposal.drafts[0].maps[-1].kind

    def choices(self, draft: int = 0) -> dict[str, Choice]:
        """The choices of a draft's last map, by target."""
        return {choice.target: choice for choice in self.proposal.drafts[draft].maps[-1].choices}

    def columns(self, draft: int = 0) -> dict[str, str]:
        return {target: choice.column for target, choice in self.choices(draft).items()}


def try_file(path: Path, said: Mapping[tuple[str, ...], str] | None = None) -> Tried:
    """What is proposed for a file, written and read again."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
    with tempfile.TemporaryDirectory() as folder:
        sample = take_sample(connection, path, Path(folder))
        found = propose(connection, columns_of(connection, sample), path.name, Said(dict(said or {})))
        texts = mapping_texts(found, "it", "source", path.as_posix())
        mappings = {name: parse_mapping(text) for name, text in texts.items() if not found.drafts[0].missing}
        previews = {name: preview(connection, mapping, sample.path) for name, mapping in mappings.items()}
    return Tried(found, texts, previews)


def try_text(folder: Path, name: str, text: str | bytes, said: Mapping[tuple[str, ...], str] | None = None) -> Tried:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return try_file(path, said)
