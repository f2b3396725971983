"""audiences.toml: what is right is read, what is wrong is named with its cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from floorwalker.channels.audiences import find_audience, load_audiences
from floorwalker.errors import ConfigError, NotFoundError

GOOD = """
[audiences.winback_email]
description = "Lapsed"
segment = "lapsed"
channel = "email"
purpose = "marketing_email"
holdout = 0.05
columns = ["given_name", "language"]
"""


def _load(tmp_path, text):
    path = tmp_path / "audiences.toml"
    path.write_text(text)
    return load_audiences(path)


def test_an_audience_is_read(tmp_path):
    audience = _load(tmp_path, GOOD)["winback_email"]
    assert (audience.segment, audience.purpose, audience.holdout) == ("lapsed", "marketing_email", 0.05)
    assert audience.addresses == ("email",)
    assert audience.columns == ("given_name", "language")


def test_no_file_no_audiences(tmp_path):
    assert load_audiences(tmp_path / "audiences.toml") == {}


def test_an_unknown_audience_is_met_with_the_closest(tmp_path):
    with pytest.raises(NotFoundError) as raised:
        find_audience(_load(tmp_path, GOOD), "winback_mail")
    assert "winback_email" in raised.value.fix


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("holdout", "hold_out", "holdout"),
        ('"email"', '"e-mail"', "email"),
        ('"marketing_email"', '"marketing_mail"', "marketing_email"),
        ('"marketing_email"', '"analytics"', "marketing_email"),
        ("0.05", "5", "0.05"),
        ("0.05", "true", "0.05"),
        ('segment = "lapsed"', "", "segment"),
        ('["given_name", "language"]', '"given_name"', "columns"),
        ('["given_name", "language"]', '["a; DROP TABLE x"]', "columns"),
        ("[audiences.winback_email]", '[audiences."../x"]', "letters"),
        ("[audiences.winback_email]", "[audience.winback_email]", "audiences"),
        ('description = "Lapsed"', "description = 3", "description"),
    ],
)
def test_a_mistake_is_named_with_its_cure(tmp_path, old, new, said):
    assert old in GOOD
    with pytest.raises(ConfigError) as raised:
        _load(tmp_path, GOOD.replace(old, new, 1))
    assert said in raised.value.fix


def test_the_shipped_audiences_load():
    shipped = Path(__file__).parents[2] / "src/floorwalker/app/templates/shared/policies/audiences.toml"
    assert set(load_audiences(shipped)) == {"winback_email", "winback_ads"}
