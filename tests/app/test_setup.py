"""Making a project, its settings, help, and what wrong usage is told."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from scripts.reference import below
from tests.app.driving import Done, call, command

from floorwalker.app.cli import COMMANDS, floorwalker
from floorwalker.app.scaffold import TEMPLATES


def commands() -> list[tuple[str, click.Command]]:
    """Every command and sub-command with its words."""
    context = click.Context(floorwalker)
    found: list[tuple[str, click.Command]] = []
    for name in COMMANDS:
        one = floorwalker.get_command(context, name)
        assert one is not None
        found += [(f"{name} {word}", sub) for word, sub in below(one)] or [(name, one)]
    return found


def refused(done: Done, *words: str) -> None:
    assert done.code == 1, done.out + done.err
    assert done.err.startswith("error: ") and "Traceback" not in done.err
    for word in words:
        assert word in done.err


@pytest.mark.parametrize(("words", "one"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_commands_help_has_an_example(words: str, one: click.Command) -> None:
    assert f"floorwalker {words}" in (one.help or "")


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates_make_projects_whose_settings_and_models_are_in_order(template: str, tmp_path: Path) -> None:
    folder = tmp_path / "corner shop"
    done = call(tmp_path, "init", str(folder), "--template", template)
    assert done.code == 0 and "floorwalker run" in done.out
    settings = {row["key"]: row["value"] for row in call(folder, "config", "show", "--json").json}
    assert settings["project.name"] == "corner-shop"
    assert call(folder, "models", "lint").code == 0
    listed = {row["table"] for row in call(folder, "models", "list", "--json").json}
    assert {"gold.customers", "gold.rfm", "gold.recommendations"} <= listed
    refused(call(tmp_path, "init", str(folder)), "is a project already", "--force")


def test_origin_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call(tmp_path, "init", str(tmp_path / "shop"), "--template", "blank")
    monkeypatch.setenv("FLOORWALKER__ENGINE__THREADS", "3")
    found = {row["key"]: row for row in call(tmp_path / "shop", "config", "show", "--origin", "--json").json}
    assert found["engine.threads"] == {
        "key": "engine.threads", "value": "3", "origin": "environment FLOORWALKER__ENGINE__THREADS"
    }  # fmt: skip
    assert found["engine.memory_limit"]["origin"].startswith("floorwalker.toml:")
    assert found["server.port"]["origin"] == "default"


def test_an_unknown_key_is_an_error_with_its_line_and_a_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = tmp_path / "shop"
    call(tmp_path, "init", str(shop), "--template", "blank")
    file = shop / "floorwalker.toml"
    text = file.read_text()
    file.write_text(text.replace("memory_limit", "memory_limits"))
    line = next(
        number for number, one in enumerate(file.read_text().splitlines(), 1) if one.startswith("memory_limits")
    )
    refused(call(shop, "run"), "unknown key 'engine.memory_limits'", f"floorwalker.toml:{line}", "'memory_limit'")
    file.write_text(text)
    monkeypatch.setenv("FLOORWALKER__ENGIN__THREADS", "3")
    refused(call(shop, "run"), "unknown key 'engin'", "FLOORWALKER__ENGIN__THREADS", "'engine'")
    monkeypatch.delenv("FLOORWALKER__ENGIN__THREADS")
    file.write_text(text.replace('"2GB"', "[2]"))
    refused(call(shop, "config", "show"), "engine.memory_limit", "floorwalker.toml:")
    file.write_text(text + "[engine\n")
    refused(call(shop, "config", "show"), "not valid TOML")
    assert not (shop / "state" / "published.json").exists()


def test_no_command_leaves_anything_in_a_folder_that_is_no_project(tmp_path: Path) -> None:
    asked = ("run", "status", "report", "query 1", "quarantine list", "customers search ann", "segments list", "decide")
    told = ("serve", "keys list", "audience list", "erase --customer ann --yes", "audit verify", "models list")
    for words in asked + told:
        refused(call(tmp_path, *words.split()), "is not a project", "floorwalker init")
    assert not list(tmp_path.iterdir())


def test_damaged_state_is_named_with_a_cure(shop: Path) -> None:
    pointer = shop / "state" / "published.json"
    whole = pointer.read_text()
    pointer.write_text(whole[:40])
    refused(call(shop, "status"), "published.json is damaged", "backup")
    pointer.write_text(whole)
    (shop / "state" / "floorwalker.db").write_bytes(b"no database at all, though long enough to be looked at" * 100)
    refused(call(shop, "status"), "floorwalker.db cannot be opened", "backup")


def test_wrong_usage_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = command(tmp_path, "runn")
    assert done.code == 2
    assert "did you mean 'run'?" in done.err and "Usage: floorwalker" in done.err
    assert "Traceback" not in done.err


def test_wrong_usage(tmp_path: Path) -> None:
    assert call(tmp_path, "customers", "search").code == 2
    assert call(tmp_path, "run", "--nonsense").code == 2
    refused(
        call(tmp_path, "init", str(tmp_path / "x"), "--template", "retail"), "no template 'retail'", "online-retail"
    )
    missing = str(tmp_path / "missing.csv")
    done = call(tmp_path, "init", str(tmp_path / "y"), "--template", "online-retail", "--data", missing)
    refused(done, "no such file", "missing.csv")
    done = call(tmp_path, "init", str(tmp_path / "y"), "--template", "demo", "--data", __file__)
    refused(done, "no mapping of this template reads", "receipts_*.csv")
    assert not list(tmp_path.iterdir())
