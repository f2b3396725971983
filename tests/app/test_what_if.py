"""`floorwalker identity what-if`: what it says is what setting it does, and it leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.app.driving import call, rows, start

from floorwalker.app import what_if as module
from floorwalker.app.amending import amend, parse_sets
from floorwalker.app.commands.identity_what_if import _print as show
from floorwalker.app.config import load_config, read_config
from floorwalker.app.graph import build_graph
from floorwalker.app.settings import Settings
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError
from floorwalker.identity.rules import KNOWN

STRICT = ("--set", "identity.hub_names=1", "--set", "identity.limits.phone=1")


@pytest.fixture(scope="module")
def shop(demo_once: tuple[Path, str]) -> Path:
    """The simulated retailer. Only to be read."""
    return demo_once[0]


def state_of(folder: Path) -> dict[str, str]:
    """Every file of the project, hashed; and every folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def what_if(folder: Path, *arguments: str) -> dict[str, Any]:
    return call(folder, "identity", "what-if", *arguments, "--json").json


@pytest.fixture(scope="module")
def strict(shop: Path) -> dict[str, Any]:
    """What it says of stricter guards, with many examples."""
    before = state_of(shop)
    said = what_if(shop, *STRICT, "--pairs", "50")
    assert state_of(shop) == before, "nothing may be left behind"
    return said


def printed(said: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    """The same for people."""
    show(msgspec.convert(said, module.WhatIf))
    return capsys.readouterr().out


@pytest.mark.slow
def test_what_it_says_is_what_setting_it_does(shop: Path, strict: dict[str, Any], tmp_path: Path) -> None:
    said = strict
    assert said["notes"] == []
    assert said["difference"]["joins"]["examples"] or said["difference"]["splits"]["examples"]
    own = Path(shutil.copytree(shop, tmp_path / "demo"))
    was = dict(rows(own, "SELECT record_id, customer_id FROM silver.customer_map"))
    file = own / "floorwalker.toml"
    file.write_text(file.read_text() + "\n[identity]\nhub_names = 1\n[identity.limits]\nphone = 1\n")
    assert call(own, "identity", "resolve").code == 0
    now = dict(rows(own, "SELECT record_id, customer_id FROM silver.customer_map"))
    found = said["difference"]
    assert found["customers"] == [len(set(was.values())), len(set(now.values()))]
    assert found["changed"] + found["visits"] == sum(was[record] != now[record] for record in now)
    sizes = dict(rows(own, "SELECT segment, count(*) FROM gold.segments GROUP BY 1"))
    told = {one["name"]: one["after"] for one in said["audiences"] if one["kind"] == "segment"}
    assert told and told == {name: sizes.get(name, 0) for name in told}
    ends = dict(
        rows(own, "SELECT unnest(split(levels, ',')), customers FROM silver.identity_levels WHERE levels <> ''")
    )
    assert {one["name"]: one["customers"] for one in said["levels_after"]} == ends
    # Whom it joins and parts, counted another way.
    known = rows(own, f"SELECT record_id FROM silver.normalised_records WHERE {KNOWN}")
    pairs = {(was[record], now[record]) for (record,) in known}
    sides = [{}, {}]
    for pair in pairs:
        for side in (0, 1):
            sides[side].setdefault(pair[side], set()).add(pair[1 - side])
    parted, joined = ([others for others in side.values() if len(others) > 1] for side in sides)
    for told_of, groups in ((found["splits"], parted), (found["joins"], joined)):
        assert {told_of["customers"], told_of["into"]} == {len(groups), sum(map(len, groups))}


def test_a_threshold_shows_whom_it_reaches_and_gets_wrong(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = what_if(shop, "--set", "identity.levels.crm=0.9", "--pairs", "0")
    before, after = ({one["name"]: one for one in said[side]} for side in ("levels_before", "levels_after"))
    assert after["crm"]["target"] == 0.9
    assert after["crm"]["customers"] <= before["crm"]["customers"]
    assert after["crm"]["wrong_people"] >= before["crm"]["wrong_people"]
    assert after["ads"] == before["ads"] | {"target": 0.95}
    text = printed(said, capsys)
    assert "identity.levels.crm = 0.9  (now 0.99)" in text and "wrong people" in text


def test_identifiers_are_masked(shop: Path, strict: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(strict, capsys) + json.dumps(strict)
    values = {
        str(value)
        for row in rows(
            shop, "SELECT email_key, phone_key, loyalty_key, family_name_key FROM silver.normalised_records"
        )
        for value in row
        if value and len(str(value)) > 6
    }
    words = set(re.findall(r"[^\s,;\"]+", text))
    assert "would be taken apart" in text
    assert not {value for value in values if value in words}


def test_settings_that_change_nothing(shop: Path) -> None:
    done = call(shop, "identity", "what-if", "--set", "identity.hub_names=3")
    assert done.code == 0 and "nothing would change" in done.out
    assert what_if(shop, "--set", "identity.hub_names=3")["difference"] is None
    done = call(shop, "identity", "what-if", "--set", "identity.limits.cookie_id=51")
    assert done.code == 0 and "everybody stays who they are" in done.out


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("identity.hub_nams=5", "did you mean 'hub_names'?"),
        ("hub_names=5", "did you mean 'identity.hub_names'?"),
        ("recommend.k=5", "what-if changes settings of [identity]"),
        ("identity.limits.fone=5", "did you mean 'phone'?"),
        ("identity.hub_names=many", "identity.hub_names: Expected `int`"),
        ("identity.hub_names", "a setting is key=value"),
        ("identity.rules=email,emial", "no rule 'emial'"),
        ("identity.levels.crm=1.5", "is no precision"),
        ("identity.level=crn", "did you mean 'crm'?"),
        ("identity.blocked_patterns=(", "not a regular expression"),
    ],
)
def test_what_is_set_wrongly_is_said(shop: Path, setting: str, says: str) -> None:
    done = call(shop, "identity", "what-if", "--set", setting)
    assert done.code == 1 and says in done.err and "Traceback" not in done.err
    assert call(shop, "identity", "what-if").code == 1


def test_another_file_of_settings(shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[identity]\nhub_names = 1\n")
    settings = load_config(Project(shop)).settings
    base = read_config(other).settings.identity
    expected = amend(settings, parse_sets(["identity.hub_names=1", "identity.limits.phone=1"]))
    assert amend(settings, {"identity.limits.phone": 1}, base).changes == expected.changes
    done = call(shop, "identity", "what-if", "--config", str(other), "--set", "identity.hub_names=3")
    assert "nothing would change" in done.out


def test_before_the_first_run(tmp_path: Path) -> None:
    assert call(tmp_path, "init", str(tmp_path / "new")).code == 0
    done = call(tmp_path / "new", "identity", "what-if", *STRICT)
    assert done.code == 1 and "nothing has been published yet" in done.err


def test_an_error_leaves_nothing(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("something in the middle")

    before = state_of(shop)
    monkeypatch.setattr(module, "_build", fail)
    assert "something in the middle" in call(shop, "identity", "what-if", *STRICT).err
    assert state_of(shop) == before


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(shop: Path, tmp_path: Path, ending: signal.Signals) -> None:
    own = Path(shutil.copytree(shop, tmp_path / "demo"))
    before = state_of(own)
    # On a busy machine the answer may be there before the signal: then once more.
    for _ in range(3):
        process = start(own, "identity", "what-if", *STRICT)
        until = time.monotonic() + 60
        while not list((own / "state" / "tmp").glob("overlay-*/state/lake/silver")) and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(process.pid, ending)
        out, err = process.communicate(timeout=60)
        assert state_of(own) == before
        if process.returncode != 0:
            break
        assert out, "it ended well and said nothing"
    assert process.returncode == 130, err


def test_settings_that_wait_are_told_apart(shop: Path) -> None:
    project = Project(shop)
    lake, pointer = Lake(project), Lake(project).pointer()
    settings = load_config(project).settings
    assert pointer is not None
    assert module._pending(lake, pointer, build_graph(project, settings), settings) == []
    waiting = amend(settings, {"identity.hub_share": 0.9}).settings
    (note,) = module._pending(lake, pointer, build_graph(project, waiting), waiting)
    assert "have changed since the published run" in note


def test_amended_settings_are_whole() -> None:
    amended = amend(Settings(), {"identity.levels.push": 0.97, "identity.rules": ["email"]})
    assert amended.settings.identity.levels == {"transactional": 0.999, "crm": 0.99, "ads": 0.95, "push": 0.97}
    assert amended.settings.identity.rules == ("email",)
    assert [one.key for one in amended.changes] == ["identity.levels.push", "identity.rules"]
    assert amended.changes[0].before is None
