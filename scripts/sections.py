"""Generated parts of documents: what stands between two marks is replaced, the rest is a person's.

In: a document's text, the name of a section, its new content. Out: the text with the content between the marks.

    <!-- settings: made by scripts/reference.py -->
    …
    <!-- settings: end -->

>>> replace("a\\n<!-- x: made by s -->\\nold\\n<!-- x: end -->\\nb\\n", "x", "new")
'a\\n<!-- x: made by s -->\\n\\nnew\\n\\n<!-- x: end -->\\nb\\n'
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def replace(text: str, name: str, content: str) -> str:
    """The text with the section's content. Raises ValueError when the document has no such marks."""
    pattern = re.compile(
        rf"(<!-- {re.escape(name)}: made by [^>]*-->\n).*?(<!-- {re.escape(name)}: end -->)", re.DOTALL
    )
    if not pattern.search(text):
        raise ValueError(f"no section '{name}'")
    return pattern.sub(lambda found: f"{found[1]}\n{content.strip()}\n\n{found[2]}", text, count=1)


def fresh(document: str, sections: Mapping[str, str]) -> tuple[str, str]:
    """(the document as it is, as it should be). `document`: its path in the repository."""
    now = (ROOT / document).read_text(encoding="utf-8")
    wanted = now
    for name, content in sections.items():
        wanted = replace(wanted, name, content)
    return now, wanted


def write(documents: Mapping[str, Mapping[str, str]]) -> None:
    """Write every document whose sections have changed, and say so."""
    for document, sections in documents.items():
        now, wanted = fresh(document, sections)
        if now != wanted:
            (ROOT / document).write_text(wanted, encoding="utf-8")
            sys.stdout.write(f"wrote {document}\n")


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; bars in cells are escaped.

    >>> table(("a", "b"), [("1", "x|y")]).splitlines()[2]
    '| 1 | x\\\\|y |'
    """
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
