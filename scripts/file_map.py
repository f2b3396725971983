"""The file map of CONTRIBUTING.md: every file of the repository that a person wrote, with what it is for.

In: the files git knows. Out: a line per file, from the first line of its docstring (Python), comment (SQL, TOML, shell)
or heading (Markdown). Run `python -m scripts.file_map` from the repository's root after adding a file.
"""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
from pathlib import Path

from scripts.sections import ROOT, write

DOCUMENT = "CONTRIBUTING.md"
FOLDERS = ("src", "tests", "benchmarks", "scripts", "docs")
ENDINGS = (".py", ".sql", ".toml", ".md", ".sh")

# Files that need no line of their own: families whose folder says it all, and what has no words.
FAMILIES = {
    "src/floorwalker/profiles/sql/": "the product's SQL models; docs/tables.md has a line on each",
    "src/floorwalker/app/templates/": "project folders that `floorwalker init` copies: three, and what they share",
    "src/floorwalker/console/templates/": "pages, styles and scripts of the report and the catalogue of features",
    "src/floorwalker/sources/connectors/shipped/": "systems that are pulled, as data, with mappings of their rows",
    "src/floorwalker/sources/simulator/words/": "word lists from which the simulator makes names and places",
    "src/floorwalker/sources/exports/": "mappings of common exports, a file each, and how one is known by its header",
    "benchmarks/results/": "what the benchmarks last measured, as JSON",
    "docs/images/": "pictures, drawn by `scripts/flow_picture.py`",
}


def first_sentence(text: str) -> str:
    """The first line of a docstring or comment, up to its first full stop.

    >>> first_sentence("One run at a time: a lock.\\n\\nIn: a project.")
    'One run at a time: a lock.'
    """
    paragraph = " ".join(line.strip() for line in text.strip().split("\n\n")[0].splitlines())
    return re.split(r"(?<=[^.][.:])\s(?=[A-Z])", paragraph, maxsplit=1)[0].rstrip(":")


def about(path: Path) -> str:
    """What a file says of itself; empty when it says nothing."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return first_sentence(ast.get_docstring(ast.parse(text)) or "")
    if path.suffix == ".md":
        heading = re.search(r"^# (.+)$", text, re.MULTILINE)
        return heading[1] if heading else ""
    mark = "--" if path.suffix == ".sql" else "#"
    lines = [line for line in text.splitlines() if not line.startswith("#!")]
    comment = itertools.takewhile(lambda line: line.startswith(mark), lines)
    return first_sentence("\n".join(line.removeprefix(mark) for line in comment))


def files() -> list[str]:
    """The repository's files in the folders above: what git tracks, and new files it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", *FOLDERS],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return sorted(name for name in listed if name.endswith(ENDINGS) and (ROOT / name).exists())


def file_map() -> str:
    """The map, a list per folder. An empty `__init__.py` has no line."""
    single = [name for name in files() if not name.startswith(tuple(FAMILIES))]
    lines = {name: about(ROOT / name) for name in single}
    lines = {name: text for name, text in lines.items() if text or not name.endswith("__init__.py")}
    folders = sorted({str(Path(name).parent) for name in lines})
    parts = []
    for folder in folders:
        inside = [name for name in lines if str(Path(name).parent) == folder]
        parts.append(f"**{folder}/**\n")
        parts += [f"- `{Path(name).name}` {lines[name]}" for name in inside]
        parts.append("")
    parts.append("**Families**\n")
    parts += [f"- `{folder}` {text}" for folder, text in FAMILIES.items()]
    return "\n".join(parts)


if __name__ == "__main__":
    write({DOCUMENT: {"file map": file_map()}})
