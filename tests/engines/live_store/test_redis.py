"""The distributed twin: leases that end, servers that go and come back, passwords that nobody sees."""

from __future__ import annotations

import os
import signal
import time
import traceback
import uuid
from pathlib import Path

import pytest
from tests.engines.live_store.processes import start
from tests.engines.live_store.twins import TABLES
from tests.redis_server import redis_server

from floorwalker.engines.live_store.opening import open_store
from floorwalker.engines.live_store.settings import StoreSettings
from floorwalker.errors import ConfigError, StateError

pytest.importorskip("redis", reason="needs the extra: make setup-dev, or pip install -e '.[redis]'")

SHORT = StoreSettings(lease_seconds=1, patience_seconds=1)
ONE = (TABLES[0], b"a", b"1")


@pytest.fixture
def url(redis_url) -> str:
    return f"{redis_url}?prefix={uuid.uuid4().hex}"


@pytest.fixture
def client(redis_url):
    import redis

    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_a_lease_is_renewed_and_given_back(url):
    with open_store(url, TABLES, settings=SHORT, writing=True) as store:
        time.sleep(1.5)
        with pytest.raises(StateError, match="has a writer already"):
            open_store(url, TABLES, settings=SHORT, writing=True)
        store.write([ONE])
    with open_store(url, TABLES, settings=SHORT, writing=True) as store:
        assert store.get(TABLES[0], b"a") == b"1"


@pytest.mark.parametrize("end", ["taken", "gone"])
def test_who_lost_the_lease_writes_nothing(url, client, end):
    prefix = url.partition("prefix=")[2]
    with open_store(url, TABLES, writing=True) as store:
        store.write([ONE])
        if end == "taken":
            client.set(f"{{{prefix}}}::writer", "another")
        else:
            client.delete(f"{{{prefix}}}::writer")
        for attempt in (lambda: store.write([(TABLES[0], b"a", b"2")]), store.clear):
            with pytest.raises(StateError, match="no longer written by this process"):
                attempt()
        assert store.get(TABLES[0], b"a") == b"1"
    # It does not take another one's lease away when it closes.
    assert client.get(f"{{{prefix}}}::writer") == (b"another" if end == "taken" else None)


def test_a_killed_writer_is_followed_when_its_lease_ends(url):
    with open_store(url, TABLES, settings=SHORT, writing=True):
        pass
    child = start("hold", url)
    assert child.stdout.readline() == "held\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with pytest.raises(StateError, match="has a writer already") as caught:
        open_store(url, TABLES, settings=SHORT, writing=True)
    assert "its lease ends" in caught.value.fix


def test_a_server_that_goes_and_comes_back(tmp_path: Path):
    import redis

    with redis_server(tmp_path) as url:
        reader = open_store(url, TABLES, settings=SHORT)
        with redis.Redis.from_url(url) as client:
            client.client_kill_filter(skipme=True)
        assert reader.get(TABLES[0], b"a") is None
        store = open_store(url, TABLES, settings=StoreSettings(patience_seconds=1), writing=True)
        store.write([ONE])
        with redis.Redis.from_url(url) as client:
            client.client_kill_filter(skipme=True)
        store.write([(TABLES[0], b"b", b"2")])
        assert store.get_many(TABLES[0], [b"a", b"b"]) == [b"1", b"2"]
    begun = time.monotonic()
    for attempt in (lambda: reader.get(TABLES[0], b"a"), lambda: store.write([ONE])):
        with pytest.raises(StateError, match="could not be") as caught:
            attempt()
        assert "see that the server runs" in caught.value.fix
    assert time.monotonic() - begun < 10
    store.close()


def test_a_batch_for_which_the_server_has_no_memory_is_not_made(tmp_path: Path):
    with redis_server(tmp_path, "--maxmemory", "4mb") as url:
        store = open_store(url, TABLES, writing=True)
        store.write([ONE])
        number = 0
        with pytest.raises(StateError, match="could not be written"):
            while True:
                store.write([(TABLES[0], b"%d" % number, b"x" * 200_000), (TABLES[1], b"last", b"%d" % number)])
                number += 1
        assert number > 0
        assert (store.count(TABLES[0]), store.get(TABLES[1], b"last")) == (number + 1, b"%d" % (number - 1))
        store.close()
    with (
        redis_server(tmp_path, "--maxmemory", "9mb", "--maxmemory-policy", "allkeys-lru") as url,
        pytest.raises(ConfigError, match="would throw away tables"),
    ):
        open_store(url, TABLES, writing=True)


def test_a_newer_store_and_a_foreign_key_are_refused(url, client):
    prefix = url.partition("prefix=")[2]
    client.set(f"{{{prefix}}}::version", 2)
    with pytest.raises(StateError, match="written by a newer version"):
        open_store(url, TABLES)
    client.set(f"{{{prefix}}}::version", 1)
    client.set(f"{{{prefix}}}:{TABLES[0]}", "text")
    with pytest.raises(StateError, match="not a table of a live store"):
        open_store(url, TABLES)


@pytest.mark.parametrize("url", [
    "redis://:hush%40secret@127.0.0.1:1/0", "redis://name:hush@secret@127.0.0.1:1/0", "redis://:hush/secret@127.0.0.1:1",
    "redis://:hush@127.0.0.1:secret/0", "redis://:hush@127.0.0.1:1/0?password=secret", "redis://:hush@[secret",
    "unix://:hush@/no/such/secretless/place"])  # fmt: skip
def test_passwords_are_in_no_error(url, caplog):
    caplog.set_level("DEBUG")
    with pytest.raises((StateError, ConfigError)) as caught:
        open_store(url, TABLES, settings=SHORT)
    error = caught.value
    told = "".join([str(error), error.why, error.fix, *traceback.format_exception_only(error), caplog.text])
    assert "hush" not in told
    assert "secret@" not in told
    assert error.__suppress_context__ and error.__cause__ is None


def test_a_wrong_password_is_not_tried_again(tmp_path: Path):
    with redis_server(tmp_path, "--requirepass", "right") as url:
        place = url.removeprefix("unix://")
        with open_store(f"unix://:right@{place}", TABLES, writing=True) as store:
            store.write([ONE])
        begun = time.monotonic()
        with pytest.raises(StateError, match="could not be opened") as caught:
            open_store(f"unix://:wrong-one@{place}", TABLES)
        assert "wrong-one" not in str(caught.value)
        assert time.monotonic() - begun < 2


def test_what_no_store_is(tmp_path: Path):
    with pytest.raises(ConfigError, match="of the kind 'http'"):
        open_store("http://localhost", TABLES)
    with pytest.raises(ConfigError, match="cannot be a table"):
        open_store(os.fspath(tmp_path), ("a:b",))
    with pytest.raises(ConfigError, match="0 tables"):
        open_store(os.fspath(tmp_path), ())
