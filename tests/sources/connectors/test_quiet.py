"""dlt keeps to itself: none of its files are read or made, nothing is sent, its variables mean nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.web_server import Answer, Asked, web_server

pytest.importorskip("dlt", reason="needs the extra: pip install -e '.[connectors]'")
SCRIPT = """
import sys
from floorwalker.sources.connectors.definition import parse_connector
from floorwalker.sources.connectors.rest import RestReader
from floorwalker.sources.connectors.sql import SqlReader
from floorwalker.sources.connectors.definition import stream_of
streams = '[[streams]]\\nname="s"\\npath="s"\\nrecords="rows"'
connector = parse_connector('name="a"\\n[client]\\nbase_url="{url}"\\n' + streams)
print([page.records for page in RestReader("a", connector, {"url": sys.argv[1]}).pages(connector.stream("s"), None)])
import sqlite3
sqlite3.connect(sys.argv[2]).executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
reader = SqlReader("b", {"url": "sqlite:///" + sys.argv[2]})
print([page.records for page in reader.pages(stream_of({"name": "t"}, "x"), None)])
"""


def test_dlt_leaves_the_machine_alone(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        (folder / ".dlt").mkdir(parents=True)
        # A file that cannot be read as TOML: whoever reads it fails.
        for name in ("config.toml", "secrets.toml"):
            (folder / ".dlt" / name).write_text("this is = not [ toml")
    asked: list[Asked] = []

    def answer(request: Asked) -> Answer:
        asked.append(request)
        return Answer(200, {"rows": [{"id": 1}]})

    with web_server(answer) as server:
        variables = {
            "HOME": str(home),
            "SOURCES__SQL_DATABASE__CREDENTIALS": "sqlite:///nowhere.db",
            "RUNTIME__DLTHUB_TELEMETRY": "true",
            "RUNTIME__DLTHUB_TELEMETRY_ENDPOINT": f"{server.url}/telemetry",
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, server.url, str(tmp_path / "t.db")],
            cwd=work,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(str(Path(one).resolve()) for one in sys.path if one),
                **variables,
            },
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[[{'id': 1}]]", "[[{'id': 1}]]"]
    assert [one.path for one in asked] == ["/s"]
    assert sorted(path.name for path in home.rglob("*")) == [".dlt", "config.toml", "secrets.toml"]
    assert sorted(path.name for path in work.rglob("*")) == [".dlt", "config.toml", "secrets.toml"]
