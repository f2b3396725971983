"""The decision policy: what is refused, and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from floorwalker.decisions.policy import default_text, load_policy, parse_policy
from floorwalker.errors import ConfigError

HOME = '[surfaces.home]\nsources = ["popular"]\n'


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("[weigths]\n" + HOME, "unknown key 'weigths' in the top level", "did you mean 'weights'?"),
        (
            HOME + "[rules]\nexclude_bougth = true",
            "'exclude_bougth' in [rules]",
            "did you mean 'exclude_bought'?",
        ),
        (HOME + "weights = { colaborative = 1 }", "unknown key 'colaborative'", "did you mean 'collaborative'?"),
        (HOME + '[[pin]]\nproduct = ["a"]', "unknown key 'product' in [[pin]]", "did you mean 'products'?"),
        (HOME + '[[boost]]\nsurfaces = ["hme"]', "no surface 'hme'", "did you mean 'home'?"),
        (HOME + "k = 0", "[surfaces.home] k is 0", "1 to 100"),
        (HOME + "category_cap = -1", "below 0", "no cap"),
        (HOME + "[[boost]]\nfactor = -2.0", "a boost's factor", ""),
        (HOME + "[objectives]\nrelevance = nan", "weights and objectives", ""),
        ('[surfaces.home]\nsources = ["populer"]', "a value that cannot be used", ""),
        ("[surfaces.home]\nsources = []", "has no sources", "recommended"),
        ("version = 1", "has no surface", "add [surfaces.home]"),
        ("this is not", "is not TOML", ""),
    ],
)
def test_what_is_wrong_is_named(text: str, what: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_policy(text)
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_the_built_in_policy_holds_the_prior() -> None:
    policy = parse_policy(default_text())
    assert set(policy.surfaces) == {"home", "product", "cart", "email", "till", "associate"}
    assert policy.weights["home"].collaborative == 0.7
    assert policy.objectives.relevance == 0.5
    assert policy.rules["email"].category_cap == 2
    assert policy.rules["home"].category_cap == 6


def test_the_digest_names_the_text_and_the_consent_rule(tmp_path: Path) -> None:
    first = load_policy(tmp_path)
    (tmp_path / "consent.toml").write_text('[absent]\npersonalization = "allow"\n')
    second = load_policy(tmp_path)
    (tmp_path / "decision.toml").write_text(default_text() + "# seen by a person\n")
    third = load_policy(tmp_path)
    assert len({first.digest, second.digest, third.digest}) == 3
    assert (first.absent_personalization, second.absent_personalization) == (False, True)
    (tmp_path / "consent.toml").write_text('[absent]\npersonalization = "maybe"\n')
    with pytest.raises(ConfigError, match="maybe"):
        load_policy(tmp_path)
