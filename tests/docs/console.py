"""Runs the examples of a document as a reader would, and compares what they print with what the document says.

In: Markdown. Out: a `Step` per command and per file, in order; `run_document` raises AssertionError at the first
that differs.

    ```console                          commands after `$ `, what they print below; `…` stands for anything
    ```csv file=data/orders.csv         a file that the reader writes, in any language
    ```sh                               shown, not run
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"file=(\S+)")


@dataclass(frozen=True)
class Step:
    """A command with the lines it should print, or a file with its text."""

    command: str = ""
    prints: str = ""
    file: str = ""
    text: str = ""


def steps_of(markdown: str) -> list[Step]:
    """The document's runnable steps."""
    steps = []
    for language, rest, body in _BLOCK.findall(markdown):
        named = _FILE.search(rest)
        if named:
            steps.append(Step(file=named[1], text=body))
        elif language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, _, prints = part.partition("\n")
                steps.append(Step(command=command, prints=prints.rstrip()))
    return steps


def run_document(path: Path, folder: Path) -> list[tuple[str, str]]:
    """Do the document's steps in `folder`; returns (command, what it printed)."""
    shim = folder / "bin" / "floorwalker"
    shim.parent.mkdir(parents=True)
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m floorwalker.app.cli "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FLOORWALKER_")},
        "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "COLUMNS": "200",
        "FLOORWALKER_SECRET": "a secret for the documents",
        # MLflow's database costs seconds and is no part of the examples.
        "FLOORWALKER__SEGMENTATION__TRACK": "false",
    }
    here = folder / "work"
    here.mkdir()
    done = []
    for step in steps_of(path.read_text(encoding="utf-8")):
        if step.file:
            (here / step.file).parent.mkdir(parents=True, exist_ok=True)
            (here / step.file).write_text(step.text, encoding="utf-8")
            continue
        if step.command.startswith("cd "):
            here = here / step.command.removeprefix("cd ")
            assert here.is_dir(), f"{path.name}: {step.command}"
            continue
        result = subprocess.run(
            ["sh", "-c", step.command],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        printed = "\n".join(line.rstrip() for line in result.stdout.splitlines()).rstrip()
        assert result.returncode == 0, f"{path.name}: {step.command}\n{result.stderr}"
        assert same(step.prints, printed), f"{path.name}: {step.command}\nexpected:\n{step.prints}\nprinted:\n{printed}"
        done.append((step.command, printed))
    return done


def same(expected: str, printed: str) -> bool:
    """Whether the output is what the document shows, `…` standing for anything; nothing shown: anything goes.

    >>> same("run …, 2 rows", "run 17, 2 rows"), same("a\\n…", "a\\nb\\nc"), same("2 rows", "3 rows")
    (True, True, False)
    """
    if not expected:
        return True
    pattern = ".*".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
