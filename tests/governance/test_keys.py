"""Keys: shown once, stored hashed, limited by kind, ended for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floorwalker.errors import ConfigError, NotFoundError, PermissionDenied
from floorwalker.governance.keys import (
    KIND_SCOPES,
    MIGRATIONS,
    SCOPES,
    check_key,
    create_key,
    list_keys,
    load_keys,
    revoke_key,
)

NOW = "2026-05-31T12:00:00Z"


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for script in MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


@pytest.mark.parametrize("kind", KIND_SCOPES)
def test_a_key_has_at_most_the_scopes_of_its_kind(database: sqlite3.Connection, kind: str) -> None:
    token = create_key(database, "any", kind, now=NOW)
    key = check_key(load_keys(database), token)
    assert key is not None
    assert key.scopes == KIND_SCOPES[kind]
    for scope in set(SCOPES) - KIND_SCOPES[kind]:
        with pytest.raises(PermissionDenied):
            create_key(database, "any", kind, [scope], now=NOW)


def test_a_browser_key_can_never_read() -> None:
    assert not {"read", "admin"} & KIND_SCOPES["browser"]


def test_the_secret_is_not_stored(database: sqlite3.Connection) -> None:
    token = create_key(database, "shop", "server", ["read"], market="UK", now=NOW)
    dump = "\n".join(database.iterdump())
    assert token not in dump
    assert token.split("_", 3)[3] not in dump
    assert [(key.name, key.kind, key.market, key.scopes) for key in list_keys(database)] == [
        ("shop", "server", "UK", frozenset({"read"}))
    ]


def test_a_revoked_key_ends_and_stays_listed(database: sqlite3.Connection) -> None:
    token = create_key(database, "shop", "server", now=NOW)
    key_id = list_keys(database)[0].key_id
    revoke_key(database, key_id, now=NOW)
    revoke_key(database, key_id, now="2027-01-01T00:00:00Z")
    assert check_key(load_keys(database), token) is None
    assert list_keys(database)[0].revoked_at == NOW
    with pytest.raises(NotFoundError):
        revoke_key(database, "no such", now=NOW)


def test_unknown_words_are_named(database: sqlite3.Connection) -> None:
    with pytest.raises(ConfigError) as caught:
        create_key(database, "x", "brwser", now=NOW)
    assert caught.value.fix == "did you mean 'browser'?"
    with pytest.raises(ConfigError, match="no scope 'reed'"):
        create_key(database, "x", "server", ["reed"], now=NOW)


@given(st.text(), st.integers(0, 60))
def test_nothing_but_the_token_opens(text: str, place: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(MIGRATIONS[0])
    token = create_key(connection, "x", "server", now=NOW)
    keys = load_keys(connection)
    connection.close()
    assert check_key(keys, text) is None
    changed = token[:place] + ("A" if token[place : place + 1] != "A" else "B") + token[place + 1 :]
    assert check_key(keys, changed) is None
    assert check_key(keys, token) is not None
