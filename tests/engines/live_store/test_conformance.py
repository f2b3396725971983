"""What every twin of the store promises."""

from __future__ import annotations

import os
import random
import threading

import pytest
from tests.engines.live_store.processes import start

from floorwalker.errors import NotFoundError, StateError


def test_what_was_written_is_read(store, open_twin):
    everything = bytes(range(200))
    store.write([("profiles", b"a", b"1"), ("profiles", everything, b""), ("segments", b"a", b"\x00\xff")])
    for reader in (store, open_twin()):
        assert (reader.get("profiles", b"a"), reader.get("segments", b"a")) == (b"1", b"\x00\xff")
        assert reader.get("profiles", everything) == b""
        assert reader.get("profiles", b"none") is None
        assert reader.get_many("profiles", [b"none", everything, b"a", b"a"]) == [None, b"", b"1", b"1"]
        assert reader.get_many("profiles", []) == []
        assert dict(reader.items("profiles")) == {b"a": b"1", everything: b""}
        assert (reader.count("profiles"), reader.count("segments")) == (2, 1)
        assert reader.tables == ("profiles", "segments")


def test_an_empty_store_can_be_read(open_twin):
    reader = open_twin()
    assert (reader.get("profiles", b"a"), reader.get_many("profiles", [b"a"])) == (None, [None])
    assert (list(reader.items("profiles")), reader.count("segments"), reader.size() >= 0) == ([], 0, True)
    writer = open_twin(writing=True)
    writer.write([])
    writer.write([("profiles", b"a", b"1")])
    assert reader.get("profiles", b"a") == b"1"


def test_deleting_and_the_last_change_of_a_key(store):
    store.write([("profiles", b"a", b"1"), ("profiles", b"b", b"1"), ("profiles", b"none", None)])
    store.write([("profiles", b"a", None), ("profiles", b"b", None), ("profiles", b"b", b"2"), ("segments", b"a", b"")])
    assert dict(store.items("profiles")) == {b"b": b"2"}
    store.write([("profiles", b"b", b"3"), ("profiles", b"b", None), ("segments", b"a", None)])
    assert (store.count("profiles"), store.count("segments")) == (0, 0)
    assert store.get("segments", b"a") is None


def test_large_values(store, open_twin):
    reader = open_twin()
    value = random.Random(3).randbytes(16 << 20)
    store.write([("profiles", b"large", value), ("profiles", b"small", b"1")])
    assert reader.get("profiles", b"large") == value
    assert dict(reader.items("profiles")) == {b"large": value, b"small": b"1"}
    with pytest.raises(StateError, match="a value of 16,777,217 bytes"):
        store.write([("profiles", b"large", value + b"!")])


def test_many_entries_and_the_size(store):
    chance = random.Random(5)
    expected = {chance.randbytes(chance.randint(1, 200)): chance.randbytes(chance.randint(0, 400)) for _ in range(9000)}
    store.write(("profiles", key, value) for key, value in expected.items())
    empty = store.size()
    assert 9000 * 200 < empty < 9000 * 2000
    assert dict(store.items("profiles")) == expected
    found = list(store.items("profiles"))
    assert len(found) == store.count("profiles") == len(expected)
    keys = [*expected, b"none"]
    assert store.get_many("profiles", keys) == [*expected.values(), None]
    store.clear()
    assert (store.count("profiles"), list(store.items("profiles"))) == (0, [])
    assert store.size() < empty / 100


def test_reading_keeps_bounds(open_twin, place):
    store = open_twin(writing=True)
    expected = {b"%d" % number: b"%d" % number * 300_000 for number in range(30)}
    store.write(("profiles", key, value) for key, value in expected.items())
    entries = store.items("profiles")
    next(entries)
    # What is not read yet is not held: it may go.
    store.write(("profiles", key, None) for key in expected)
    assert len(list(entries)) < 29


def test_clearing_empties_all_tables_at_once(store, open_twin):
    store.clear()
    store.write([(table, b"a", b"1") for table in store.tables])
    store.clear()
    assert [open_twin().count(table) for table in store.tables] == [0, 0]
    store.write([("segments", b"a", b"2")])
    assert open_twin().get("segments", b"a") == b"2"


@pytest.mark.parametrize("bad", [("none", b"a", b"1"), ("profiles", b"", b"1"), ("profiles", b"k" * 201, b"1"),
                                 ("profiles", "text", b"1"), ("profiles", b"a", "text")])  # fmt: skip
def test_an_error_in_the_middle_of_a_batch_leaves_everything_as_it_was(store, open_twin, bad):
    store.write([("profiles", b"a", b"1"), ("segments", b"a", b"1")])
    with pytest.raises((StateError, NotFoundError, TypeError)):
        store.write([("profiles", b"a", b"2"), ("segments", b"a", None), ("profiles", b"b", b"2"), bad])

    def breaking():
        yield ("profiles", b"a", b"2")
        raise OSError("the source of the changes broke")

    with pytest.raises(OSError):
        store.write(breaking())
    reader = open_twin()
    assert (dict(reader.items("profiles")), dict(reader.items("segments"))) == ({b"a": b"1"}, {b"a": b"1"})


def test_what_cannot_be_a_key_is_not_found(store):
    store.write([("profiles", b"a", b"1")])
    for key in (b"", b"k" * 201, b"k" * 5000):
        assert store.get("profiles", key) is None
    assert store.get_many("profiles", [b"", b"a", b"k" * 5000]) == [None, b"1", None]
    with store.reading() as moment:
        assert moment.get_many("profiles", [b"", b"a", b"k" * 5000]) == [None, b"1", None]
        assert moment.get("profiles", b"") is None


def test_an_unknown_table(store):
    attempts = [
        lambda: store.get("none", b"a"),
        lambda: store.get_many("none", [b"a"]),
        lambda: store.count("none"),
        lambda: list(store.items("none")),
        lambda: store.write([("none", b"a", b"1")]),
    ]
    for attempt in attempts:
        with pytest.raises(NotFoundError, match="no table none"):
            attempt()
    with store.reading() as moment, pytest.raises(NotFoundError, match="no table none"):
        moment.get("none", b"a")


def test_a_table_that_joins_later(open_twin):
    with open_twin(("profiles",), writing=True) as first:
        first.write([("profiles", b"a", b"1")])
        with open_twin(("later",)) as later:
            assert later.count("later") == 0
            assert first.get("profiles", b"a") == b"1"
    second = open_twin(("profiles", "later"), writing=True)
    second.write([("later", b"a", b"2")])
    assert (second.get("profiles", b"a"), second.get("later", b"a")) == (b"1", b"2")


def test_one_writer(open_twin, place):
    first = open_twin(writing=True)
    with pytest.raises(StateError, match="has a writer already"):
        open_twin(writing=True)
    with pytest.raises(StateError, match="not written by this process"):
        open_twin().write([("profiles", b"a", b"1")])
    with pytest.raises(StateError, match="not written by this process"):
        open_twin().clear()
    first.close()
    other = start("hold", place)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StateError, match="has a writer already") as caught:
            open_twin(writing=True)
        assert f"pid {other.pid}" in caught.value.why
    finally:
        other.kill()
        other.communicate()


def test_a_closed_store_says_so(open_twin):
    store = open_twin(writing=True)
    store.sync()
    store.close()
    store.close()
    attempts = [
        lambda: store.get("profiles", b"a"),
        lambda: store.write([("profiles", b"a", b"1")]),
        lambda: store.count("profiles"),
        lambda: store.reading().__enter__(),
        store.sync,
    ]
    for attempt in attempts:
        with pytest.raises(StateError, match="closed"):
            attempt()


def test_another_process_sees_a_write_when_it_has_returned(store, place):
    other = start("read", place)

    def seen(key: bytes) -> str:
        other.stdin.write(key.hex() + "\n")
        other.stdin.flush()
        return other.stdout.readline().strip()

    try:
        assert seen(b"a") == "-"
        for number in range(300):
            # LMDB's map grows meanwhile, under the other process.
            value = os.urandom(10 + 200 * number)
            store.write([("profiles", b"a", value), ("profiles", b"%d" % number, value)])
            assert seen(b"a") == value.hex()
        store.write([("profiles", b"a", None)])
        assert seen(b"a") == "-"
        store.clear()
        assert seen(b"7") == "-"
    finally:
        other.communicate()


def test_a_moment(store, open_twin):
    store.write([("profiles", b"a", b"1"), ("segments", b"a", b"1")])
    with open_twin().reading() as moment:
        assert (moment.get("profiles", b"a"), moment.get_many("segments", [b"a", b"b"])) == (b"1", [b"1", None])
    with store.reading() as moment:
        with pytest.raises(StateError, match="as of one moment"):
            store.write([("profiles", b"a", b"2")])
        assert (moment.get("profiles", b"a"), store.get("profiles", b"a")) == (b"1", b"1")
    store.write([("profiles", b"a", b"2")])
    with store.reading() as moment:
        assert moment.get("profiles", b"a") == b"2"


def test_threads_read_whole_batches_while_one_writes(store, open_twin):
    """Every batch gives all keys one value; LMDB's map grows and is replaced under the readers."""
    keys = [b"%d" % number for number in range(20)]
    store.write([("profiles", key, b"0") for key in keys])
    over = threading.Event()
    wrong: list[object] = []
    reads = [0] * 4

    def read(which: int) -> None:
        reader = store if which % 2 else open_twin()
        while not over.is_set():
            try:
                if len(set(reader.get_many("profiles", keys))) != 1 or reader.get("profiles", keys[0]) is None:
                    wrong.append("a torn batch")
                with reader.reading() as moment:
                    moment.get("profiles", keys[0])
                reads[which] += 1
            except Exception as error:
                wrong.append(error)
                return

    threads = [threading.Thread(target=read, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for number in range(150):
        value = b"%d" % number + b"x" * (number * 100)
        store.write([("profiles", key, value) for key in keys] + [("segments", b"%d" % number, value * 5)])
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(reads)


def test_several_threads_write(store):
    def work(name: int) -> None:
        for number in range(40):
            store.write(
                [("profiles", b"%d.%d" % (name, number), b"%d" % name * 2000), ("segments", b"last", b"%d" % name)]
            )

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (store.count("profiles"), store.count("segments")) == (160, 1)


def test_a_forked_child_reads_on_and_does_not_write(store):
    store.write([("profiles", b"a", b"1")])
    result, told = os.pipe()
    child = os.fork()
    if not child:
        said = b"?"
        try:
            found = store.get("profiles", b"a"), store.get_many("profiles", [b"a"]), store.count("profiles")
            try:
                store.write([("profiles", b"a", b"2")])
            except StateError:
                said = b"read on" if found == (b"1", [b"1"], 1) else b"wrong"
            store.close()
        finally:
            os.write(told, said)
            os._exit(0)
    os.close(told)
    with os.fdopen(result, "rb") as answer:
        # The parent goes on at the same time.
        store.write([("segments", b"a", b"1" * 500_000)])
        assert answer.read() == b"read on"
    os.waitpid(child, 0)
    store.write([("profiles", b"a", b"3")])
    assert store.get("profiles", b"a") == b"3"
