"""Driving the product the way people do: by its command line.

In: arguments. Out: `Done` (exit code, stdout, stderr): `call` in this process, for speed; `command` in a process of its
own, for what concerns processes; `start` without waiting.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from floorwalker.app import cli
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project

ROOT = Path(__file__).parents[2]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


def call(folder: Path, *arguments: str) -> Done:
    """Run a command in this process, with the project in `folder`."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["floorwalker", "-p", str(folder), *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Done(code, out.getvalue(), err.getvalue())


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    """`floorwalker run --json` without the report; returns its summary."""
    return call(folder, "run", "--no-report", "--json", *arguments).json


def environment(**more: str) -> dict[str, str]:
    """What a process of ours needs."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), **more}


def start(folder: Path, *arguments: str, module: str = "floorwalker.app.cli", **more: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, "-p", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**more),
        cwd=folder.parent,
    )


def command(folder: Path, *arguments: str, module: str = "floorwalker.app.cli", **more: str) -> Done:
    """Run a command in a process of its own, to its end."""
    process = start(folder, *arguments, module=module, **more)
    out, err = process.communicate(timeout=120)
    return Done(process.returncode, out, err)


def rows(folder: Path, sql: str) -> list[Row]:
    """What the published tables answer."""
    with Lake(Project(folder)).read() as connection:
        return connection.execute(sql).fetchall()


def tables(folder: Path, without: tuple[str, ...] = ()) -> dict[str, list[Row]]:
    """Every published silver and gold table, rows in a total order; what names a run or a moment left out."""
    lake = Lake(Project(folder))
    pointer = lake.pointer()
    assert pointer is not None
    found = {}
    with lake.read() as connection:
        for name in pointer.tables:
            if name.startswith("bronze.") or name in without:
                continue
            columns = [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall() if row[0] not in _PASSING]
            listed = ", ".join(f'"{column}"' for column in columns)
            found[name] = connection.execute(f"SELECT {listed} FROM {name} ORDER BY ALL").fetchall()
    return found


_PASSING = ("run_id", "since_run", "until_run", "delivery_id", "received_at")
