"""Hashed identifiers meet clear ones under the declared scheme, and each other without."""

from __future__ import annotations

import hashlib

from tests.identity.conftest import Identify
from tests.identity.population import record

from floorwalker.identity.hashed import Scheme, parse_token
from floorwalker.identity.settings import IdentitySettings


def _hash(scheme: str, text: str, algorithm: str = "sha256") -> str:
    return f"hash:{scheme}:{hashlib.new(algorithm, text.encode()).hexdigest()}"


def test_hashed_and_clear_emails_are_one_customer(identify: Identify) -> None:
    scheme = "sha256(lower(trim(email)))"
    found = identify(
        [
            record("clear", email=" Ann.Lee@Gmail.com"),
            record("spelt", email="annlee@googlemail.com"),
            record("hashed", email=_hash(scheme, "ann.lee@gmail.com")),
            record("upper", email=_hash(scheme, "ann.lee@gmail.com").upper().replace("HASH", "hash")),
            record("md5", email=_hash("md5(email)", "annlee@gmail.com", "md5")),
            record("other", email=_hash(scheme, "bob@lee.com")),
            record("again", email=_hash(scheme, "bob@lee.com")),
            record("stranger", email=_hash(scheme, "eve@lee.com")),
        ]
    )
    assert found.groups == {
        frozenset({"clear", "spelt", "hashed", "upper", "md5"}),
        frozenset({"other", "again"}),
        frozenset({"stranger"}),
    }


def test_hashed_phones_meet_clear_ones(identify: Identify) -> None:
    found = identify(
        [
            record("clear", phone="07400 918273", given_name="Ann"),
            record("plus", phone=_hash("sha256(e164(phone))", "+447400918273"), given_name="Anna"),
            record("digits", phone=_hash("sha1(phone)", "447400918273", "sha1"), given_name="A."),
            record("brother", phone=_hash("sha256(e164(phone))", "+447400918273"), given_name="Zoe"),
        ],
        IdentitySettings(default_region="GB"),
    )
    assert found.together("clear", "plus", "digits")
    assert not found.together("clear", "brother")


def test_a_scheme_we_cannot_compute_still_matches_itself(identify: Identify) -> None:
    token = "hash:bcrypt(email):" + "ab" * 16
    found = identify([record("a", email=token), record("b", email=token), record("c", email="ann@lee.com")])
    assert found.groups == {frozenset("ab"), frozenset("c")}
    assert Scheme.parse("bcrypt(email)") is None


def test_tokens_have_one_spelling() -> None:
    assert parse_token("HASH:SHA256( email ):" + "AB" * 32) == ("sha256(email)", "hash:sha256(email):" + "ab" * 32)
    assert parse_token("hash:nothing") is None
