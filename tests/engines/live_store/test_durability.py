"""The embedded twin: writers that are killed, machines that stopped, files of others."""

from __future__ import annotations

import os
import random
import signal
import threading

import lmdb
import pytest
from tests.engines.live_store.processes import ENTRIES, numbered, start
from tests.engines.live_store.twins import SETTINGS, TABLES

from floorwalker.engines.live_store import unclean
from floorwalker.engines.live_store.interface import LiveStore
from floorwalker.engines.live_store.opening import open_store
from floorwalker.errors import StateError

ROUNDS = 10


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


def opened(folder, writing: bool = False) -> LiveStore:
    return open_store(folder, TABLES, settings=SETTINGS, writing=writing)


def last_batch(store: LiveStore) -> int:
    """The number of the last batch, after a look that the store holds all batches up to it, and each whole."""
    with store.reading() as moment:
        values = moment.get_many(TABLES[0], [b"entry %d" % entry for entry in range(ENTRIES)])
    assert len(set(values)) == 1
    value = values[0]
    number = int(value[: len(value) // 300])
    kept = {key: new for _, key, new in (change for back in range(5) for change in numbered(number - back))}
    expected = {key: new for key, new in kept.items() if key.startswith(b"batch") and new is not None}
    found = dict(store.items(TABLES[1]))
    assert found == {key: new for key, new in expected.items() if int(new) > number - 5 and int(new) >= 0}
    return number


def test_a_killed_writer_leaves_whole_batches_and_every_one_that_it_acknowledged(folder):
    chance = random.Random(11)
    number = -1
    reader = opened(folder)
    for _ in range(ROUNDS):
        child = start("write", str(folder), str(number + 1))
        lines = [child.stdout.readline() for _ in range(chance.choice((1, 3, 20, 120)) + chance.randrange(10))]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        child.communicate()
        acknowledged = [int(line) for line in lines if line.strip().isdecimal()]
        number = last_batch(reader)
        # The last line may have been cut by the kill, or not have been written after its batch was.
        assert max(acknowledged) <= number <= max(acknowledged) + 1
        with opened(folder, writing=True) as writer:
            assert last_batch(writer) == number
    assert number > 5 * ROUNDS
    reader.close()


def test_a_killed_reader_does_not_keep_old_entries(folder):
    with opened(folder, writing=True) as writer:
        writer.write([(TABLES[0], b"%d" % number, b"x" * 3000) for number in range(100)])
        reader = start("read", str(folder))
        reader.stdin.write(b"0".hex() + "\n")
        reader.stdin.flush()
        assert reader.stdout.readline()
        reader.kill()
        reader.communicate()
        for number in range(300):
            writer.write([(TABLES[0], b"%d" % (number % 100), b"y" * 3000)])
        assert (folder / "data.mdb").stat().st_size < 3 << 20


def test_a_machine_that_stopped_while_the_store_was_written(folder):
    with opened(folder, writing=True) as writer:
        writer.write([(TABLES[0], b"a", b"1")])
        assert (folder / unclean.NAME).exists()
    assert not (folder / unclean.NAME).exists()
    (folder / unclean.NAME).write_text("another boot")
    for writing in (False, True):
        with pytest.raises(StateError, match="may be damaged") as caught:
            opened(folder, writing)
        assert "remove the folder" in caught.value.fix
    unclean.begin(folder)
    with opened(folder, writing=True) as writer:
        assert writer.get(TABLES[0], b"a") == b"1"


def test_a_newer_store_is_refused(folder):
    opened(folder, writing=True).close()
    with lmdb.open(str(folder), max_dbs=8) as environment:
        meta = environment.open_db(b":store")
        with environment.begin(write=True) as transaction:
            assert transaction.get(b"version", db=meta) == b"1"
            transaction.put(b"version", b"2", db=meta)
    for writing in (True, False, True):
        with pytest.raises(StateError, match="written by a newer version"):
            opened(folder, writing)


def test_a_file_of_something_else(folder):
    folder.mkdir()
    (folder / "data.mdb").write_bytes(b"something else" * 1000)
    with pytest.raises(StateError, match="could not be opened"):
        opened(folder)


def test_a_moment_that_lasts_keeps_the_map_and_nothing_is_lost(folder, monkeypatch):
    monkeypatch.setattr("floorwalker.engines.live_store.environment._PATIENCE", 0.3)
    writer, inside, over = opened(folder, writing=True), threading.Event(), threading.Event()
    writer.write([(TABLES[0], b"a", b"1")])

    def hold() -> None:
        with writer.reading() as moment:
            inside.set()
            over.wait()
            assert moment.get(TABLES[0], b"a") == b"1"

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    large = [(TABLES[0], b"%d" % number, b"x" * 100_000) for number in range(30)]
    with pytest.raises(StateError, match="cannot be mapped anew"):
        writer.write([(TABLES[0], b"a", b"2"), *large])
    assert (writer.get(TABLES[0], b"a"), writer.count(TABLES[0])) == (b"1", 1)
    over.set()
    thread.join()
    writer.write([(TABLES[0], b"a", b"2"), *large])
    assert writer.count(TABLES[0]) == 31
    writer.close()


def test_a_child_that_was_forked_within_a_moment_says_so(folder):
    store = opened(folder, writing=True)
    store.write([(TABLES[0], b"a", b"1")])
    result, told = os.pipe()
    with store.reading() as moment:
        child = os.fork()
        if not child:
            try:
                store.get(TABLES[0], b"a")
            except StateError as error:
                os.write(told, error.why.encode())
            finally:
                os._exit(0)
        os.close(told)
        with os.fdopen(result, "rb") as answer:
            assert b"forked while a thread" in answer.read()
        os.waitpid(child, 0)
        assert moment.get(TABLES[0], b"a") == b"1"
    store.write([(TABLES[0], b"a", b"2" * 3_000_000)])
    assert len(store.get(TABLES[0], b"a")) == 3_000_000
    store.close()
