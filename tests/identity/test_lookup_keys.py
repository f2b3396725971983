"""The keys by which customers are looked up: made, kept, rotated, retired; never shown."""

from __future__ import annotations

import hmac
import re
import stat
from pathlib import Path

import pytest

from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError, NotFoundError, StateError
from floorwalker.identity.lookup_keys import FILE, VARIABLE, LookupKeys

NOW = "2026-11-28T10:00:00+00:00"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_before_the_first_rotation_it_is_the_secret_and_no_file(project: Project) -> None:
    keys = LookupKeys.load(project)
    assert keys.token("email", "a@b.com") == "k1:" + hmac.digest(project.secret, b"email:a@b.com", "sha256").hex()
    assert not (project.state / FILE).exists()


def test_rotated_keys_last_and_are_their_owners_only(project: Project) -> None:
    first = LookupKeys.load(project)
    second = first.rotated(NOW)
    second.save(project)
    path = project.state / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert project.secret.decode() not in path.read_text(), "the secret stays where it is"
    again = LookupKeys.load(project)
    assert (again.current, again.valid, again.made_at) == ("k2", second.valid, {"k1": "", "k2": NOW})
    assert again.token("email", "a@b.com") != first.token("email", "a@b.com")
    assert again.entry(first.token("email", "a@b.com")) == again.entry_of("k1", "email", "a@b.com")


def test_a_retired_key_is_gone_and_its_number_is_not_used_again(project: Project) -> None:
    first = LookupKeys.load(project)
    keys = first.rotated(NOW).rotated(NOW)
    keys.without("k2", NOW).without("k1", NOW).save(project)
    found = LookupKeys.load(project)
    assert (sorted(found.valid), sorted(found.retired)) == (["k3"], ["k1", "k2"])
    assert found.entry(first.token("email", "a@b.com")) is None
    assert keys.valid["k2"].hex() not in (project.state / FILE).read_text()
    assert found.rotated(NOW).current == "k4"
    with pytest.raises(ConfigError, match="k3 is the current key"):
        found.without("k3", NOW)
    with pytest.raises(NotFoundError, match="no valid key 'k2'"):
        found.without("k2", NOW)


def test_keys_are_never_shown(project: Project) -> None:
    keys = LookupKeys.load(project).rotated(NOW)
    assert not re.search(r"valid|b'", repr(keys))


@pytest.mark.parametrize("token", ["", "k1", "k1:abc", "k9:" + "0" * 64, "k1:" + "G" * 64, "x" * 67])
def test_what_is_no_token_stands_nowhere(project: Project, token: str) -> None:
    assert LookupKeys.load(project).entry(token) is None


def test_the_environment_takes_the_place_of_the_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"k7={'ab' * 32}, k6={'cd' * 32}")
    keys = LookupKeys.load(project)
    assert (keys.current, sorted(keys.valid)) == ("k7", ["k6", "k7"])
    with pytest.raises(ConfigError, match="not kept by this project"):
        keys.rotated(NOW).save(project)
    for wrong in ("k7", "k7=abc", f"k7={'zz' * 32}", f"{'ab' * 32}"):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(ConfigError) as error:
            LookupKeys.load(project)
        assert wrong not in str(error.value)


def test_a_file_that_is_open_to_others_or_damaged(project: Project) -> None:
    LookupKeys.load(project).rotated(NOW).save(project)
    path = project.state / FILE
    path.chmod(0o640)
    with pytest.raises(StateError, match="can be read by others"):
        LookupKeys.load(project)
    path.chmod(0o600)
    for damaged in (path.read_text()[:-5], path.read_text().replace("k2", "k5", 1), "[]"):
        path.write_text(damaged)
        with pytest.raises(StateError, match="is damaged"):
            LookupKeys.load(project)
