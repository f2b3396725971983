"""Guided mapping as one act: look at a file, propose or recognise, ask, try on the sample, write.

In: a file, what the person wants, and a function that asks. Out: a `Guided`: the proposal or the recognised export, the
text of every mapping file, what it makes of the sample, and the paths that were written.

The person is asked one question at a time, and every answer makes a new proposal, so that what an answer changes
elsewhere is seen before the next question. Nothing is written before the texts have been parsed and read the sample.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.events.vocabulary import KINDS
from floorwalker.sources.exports import Export, Recognised, export_named, held_against, recognise
from floorwalker.sources.guide.draft import Doubt, Proposal, Said
from floorwalker.sources.guide.facts import Facts
from floorwalker.sources.guide.preview import Preview, preview
from floorwalker.sources.guide.propose import columns_of, propose
from floorwalker.sources.guide.sample import Sample, take_sample
from floorwalker.sources.guide.written import mapping_texts
from floorwalker.sources.mapping import Defaults, parse_mapping

_NOTHING = 0.12
"""Kinds that score less are not taken without somebody who says so."""
Ask = Callable[[Doubt, Proposal], str]


@dataclass(frozen=True)
class Wanted:
    """`name`: of the mapping file without its ending; empty: after the source. `kind`: what the file holds."""

    source: str = ""
    name: str = ""
    kind: str = ""
    guess: bool = False
    """Whether to guess even where the layout is known."""
    clear: bool = False


@dataclass(frozen=True)
class Guided:
    """Either `proposal` or `known` is set. `texts` and `previews`: by the mapping file's name."""

    source: str
    sample: Sample
    columns: Mapping[str, Facts]
    texts: dict[str, str]
    previews: dict[str, Preview]
    proposal: Proposal | None = None
    known: Recognised | None = None
    written: list[Path] = field(default_factory=list)


def guide(path: Path, project: Project | None, defaults: Defaults, wanted: Wanted, ask: Ask | None = None) -> Guided:
    """Work out the mapping of a file; `ask` is None where nobody is there to be asked. Writes nothing.

    Raises `SourceError` when the file cannot be read, `ConfigError` when no mapping can be made of it.
    """
    if wanted.kind and wanted.kind not in KINDS:
        raise ConfigError(f"unknown kind '{wanted.kind}'", fix=did_you_mean(wanted.kind, KINDS))
    with _desk() as (connection, scratch):
        sample = take_sample(connection, path, scratch)
        columns = columns_of(connection, sample)
        known = None if wanted.guess or wanted.kind else recognise(sample.names)
        files = pattern_of(path, project)
        if known is not None:
            source = wanted.source or known.export.mapping.source
            texts = {name: _as_ours(text, source, files) for name, text in _of_export(known, sample.names, wanted)}
            tried = _try(connection, texts, sample, defaults, wanted.clear)
            return Guided(source, sample, columns, texts, tried, known=known)
        said = Said({("kind",): wanted.kind} if wanted.kind else {})
        found = propose(connection, columns, path.name, said)
        while ask is not None and found.doubts:
            doubt = found.doubts[0]
            said = Said({**said.answers, doubt.key: ask(doubt, found)})
            found = propose(connection, columns, path.name, said)
        _refuse_incomplete(found, path.name)
        source = wanted.source or source_name(path)
        texts = mapping_texts(found, wanted.name or source, source, files)
        return Guided(source, sample, columns, texts, _try(connection, texts, sample, defaults, wanted.clear), found)


def write(guided: Guided, project: Project, *, force: bool) -> Guided:
    """Write the mapping files, all or none. Raises `ConfigError` when one is there already, unless `force`."""
    paths = {name: project.mappings / f"{name}.toml" for name in guided.texts}
    there = [path.name for path in paths.values() if path.exists()]
    if there and not force:
        raise ConfigError(
            f"mappings/{there[0]} is there already", fix="--out another name, or --force to write over it"
        )
    project.mappings.mkdir(exist_ok=True)
    for name, path in paths.items():
        path.write_text(guided.texts[name], encoding="utf-8")
    return replace(guided, written=list(paths.values()))


def reckon_in(project: Project, currency: str) -> bool:
    """Make `currency` the project's own while nothing depends on another: no mapping written, nothing published.

    Else amounts in a currency that is not the template's could not be reported without rates. Whether it was done.
    """
    fresh = not any(project.mappings.glob("*.toml")) and not (project.state / "published.json").exists()
    text = project.config_file.read_text(encoding="utf-8")
    head, mark, rest = text.partition("[defaults]")
    changed, times = re.subn(r'(?m)^currency = "[A-Z]{3}"', f'currency = "{currency}"', rest, count=1)
    if not fresh or not mark or not times:
        return False
    project.config_file.write_text(head + mark + changed, encoding="utf-8")
    return True


def currency_of(guided: Guided) -> str:
    """The currency that the proposal is in, where it is one and no column's."""
    return guided.proposal.options.get("currency", ("", ""))[0] if guided.proposal else ""


def source_name(path: Path) -> str:
    """A source's name after a file: its words, without dates, numbers and the word export.

    >>> source_name(Path("Ventes_2026-03.csv.gz")), source_name(Path("2026.csv"))
    ('ventes', 'source')
    """
    words = re.findall(r"[^\W\d_]+", path.name.split(".")[0].lower())
    kept = [word for word in words if word not in ("export", "exports", "csv")] or words
    return "_".join(kept) or "source"


def pattern_of(path: Path, project: Project | None) -> str:
    """How a mapping names the file: below the project where it lies there, else absolute."""
    whole = path.resolve()
    if project is not None and whole.is_relative_to(project.root):
        return whole.relative_to(project.root).as_posix()
    return whole.as_posix()


def export_text(name: str) -> tuple[Export, str]:
    """A shipped mapping as it would be written, for reading."""
    export = export_named(name)
    return export, export.text


def _of_export(known: Recognised, header: tuple[str, ...], wanted: Wanted) -> list[tuple[str, str]]:
    """The recognised mapping and those that read the same file for another kind, by the names they are written as."""
    found = [(wanted.name or known.export.name, known.text)]
    for also in known.export.also:
        companion = held_against(export_named(also), header)
        if companion is not None:
            suffix = also.rsplit("_", 1)[-1]
            found.append((f"{wanted.name}_{suffix}" if wanted.name else also, companion.text))
    return found


def _as_ours(text: str, source: str, files: str) -> str:
    """An export's mapping with this project's source and file."""
    quoted = {"source": source, "files": files}
    for key, value in quoted.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        text = re.sub(rf"(?m)^{key} = .*$", lambda _, line=f'{key} = "{escaped}"': line, text, count=1)
    return text


def _try(
    connection: duckdb.DuckDBPyConnection, texts: Mapping[str, str], sample: Sample, defaults: Defaults, clear: bool
) -> dict[str, Preview]:
    return {
        name: preview(connection, parse_mapping(text, defaults, f"{name}.toml"), sample.path, clear=clear)
        for name, text in texts.items()
    }


def _refuse_incomplete(found: Proposal, file: str) -> None:
    """No mapping without what its kind cannot do without."""
    draft = found.drafts[0]
    kind = draft.maps[-1].kind
    best = ", ".join(f"{name} ({score:.2f})" for name, score in found.kinds[:3])
    if found.kinds[0][1] < _NOTHING and kind == found.kinds[0][0] and not draft.missing:
        raise ConfigError(
            f"{file} holds nothing that is known",
            why=f"what it may hold: {best}",
            fix="floorwalker map FILE --kind KIND",
        )
    if not draft.missing:
        return
    raise ConfigError(
        f"{file} cannot be mapped to {kind}",
        why=f"no column was found for {', '.join(draft.missing)}; what it may hold: {best}",
        fix="floorwalker map FILE --kind KIND, answer its questions, or write the mapping by hand: docs/mappings.md",
    )


@contextlib.contextmanager
def _desk() -> Generator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A database in memory, and a folder for the sample, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="floorwalker-map-") as folder:
        connection = duckdb.connect()
        try:
            connection.execute("SET TimeZone = 'UTC'; SET threads = 2; SET memory_limit = '1GB'")
            yield connection, Path(folder)
        finally:
            connection.close()
