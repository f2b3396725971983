"""The twin on Kafka: brokers that do not answer or forget, writers that are killed, keys that are destroyed."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kafka_broker import OPTIONS, broker, needs_kafka, shared_hosts

needs_kafka()

from confluent_kafka import Producer  # noqa: E402
from tests.engines.event_log.processes import frame_of, start  # noqa: E402
from tests.engines.event_log.sealed import messages, readable  # noqa: E402
from tests.engines.event_log.test_rewriting import marked  # noqa: E402

from floorwalker.engines.event_log.interface import EventLog  # noqa: E402
from floorwalker.engines.event_log.kafka_frames import NAME, Header, Place, seal  # noqa: E402
from floorwalker.engines.event_log.kafka_keys import KeyStore  # noqa: E402
from floorwalker.engines.event_log.opening import open_log  # noqa: E402
from floorwalker.engines.event_log.settings import LogSettings  # noqa: E402
from floorwalker.errors import ConfigError, StateError  # noqa: E402

SHORT = LogSettings(patience_seconds=1)


class Topic:
    """A topic of the shared broker, and a folder for its keys."""

    def __init__(self, folder: Path, hosts: str = "") -> None:
        self.folder, self.topic = folder / "log", folder.name
        self.hosts = hosts or shared_hosts()
        self.url = f"kafka://{self.hosts}/{self.topic}?{OPTIONS}"

    def open(self, partitions: int | None = 1, **more: object) -> EventLog:
        return open_log(self.url, partitions=partitions, keys=self.folder, settings=SHORT, **more)  # type: ignore[arg-type]

    def keys(self) -> KeyStore:
        return KeyStore(self.folder, self.topic)

    def frames(self) -> list[bytes]:
        log = self.open()
        found: list[bytes] = []
        at = log.starts()[0]
        while stored := log.read(0, at):
            found += [one.frame for one in stored]
            at = stored[-1].offset + 1
        log.close()
        return found

    def send(self, *sent: tuple[bytes, bytes]) -> None:
        """Messages that no writer of ours sends now: header and value."""
        producer = Producer({"bootstrap.servers": self.hosts, "batch.num.messages": 1})
        for header, value in sent:
            producer.produce(self.topic, value, partition=0, headers=[(NAME, header)])
        assert producer.flush(5) == 0


@pytest.fixture
def place(tmp_path: Path) -> Topic:
    return Topic(tmp_path)


def test_what_the_brokers_have_cannot_be_read_without_the_keys(place):
    log = place.open()
    with log.writer(0) as writer:
        writer.append([marked("old1", 3000), b"", marked("old2", 100)])
        found = messages(place.hosts, place.topic)
        assert [len(one.value()) for one in found] == [3016, 16, 116]
        assert not any(b"old" in one.value() for one in found)
        assert not any(b"old" in path.read_bytes() for path in place.folder.glob("*.db*"))
    log.close()
    other = open_log(place.url, keys=place.folder.parent / "other")
    with pytest.raises(StateError, match="offset 0 of partition 0 of the log cannot be read"):
        other.read(0, 0)
    other.close()


def test_a_frame_that_was_replaced_is_gone_though_the_brokers_have_it(place):
    log = place.open()
    frames = [marked(f"old{number}", 500 + number) for number in range(40)]
    with log.writer(0) as writer:
        writer.append(frames)
        before = place.keys()
        assert readable(before, messages(place.hosts, place.topic)) == dict(enumerate(frames))
        seeds = {seed for nodes in before.all_nodes().values() for seed in nodes.values()}
        before.close()
        log.rewrite(0, {3: b"new3", 17: b"", 39: b"new39"})
        seeds_left = [path.read_bytes() for path in place.folder.glob("*.db*")]
        assert not any(seed in text for seed in seeds for text in seeds_left), "the node above them is in no page"
        found = messages(place.hosts, place.topic)
        assert len(found) == 40, "the brokers have what they had"
        keys = place.keys()
        assert sorted(set(range(40)) - readable(keys, found).keys()) == [3, 17, 39]
        keys.close()
        assert writer.append([b"and on"]) == range(40, 41)
    log.close()
    new = {3: b"new3", 17: b"", 39: b"new39"}
    assert place.frames() == [new.get(number, frame) for number, frame in enumerate(frames)] + [b"and on"]


@settings(max_examples=6, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 29), st.binary(max_size=300), max_size=5), max_size=4), st.data())
def test_any_sequence_of_rewrites_destroys_exactly_those(tmp_path_factory, rounds, data):
    place = Topic(tmp_path_factory.mktemp("rewrites"))
    log = place.open()
    frames = [b"%d " % number * 50 for number in range(30)]
    cut = data.draw(st.integers(1, 29))
    for some in (frames[:cut], frames[cut:]):
        with log.writer(0) as writer:
            writer.append(some)
    kept = dict(enumerate(frames))
    before: set[bytes] = set()
    gone: set[int] = set()
    for new in rounds:
        keys = place.keys()
        before |= {seed for nodes in keys.all_nodes().values() for seed in nodes.values()}
        log.rewrite(0, new)
        after = {seed for nodes in keys.all_nodes().values() for seed in nodes.values()}
        kept |= new
        gone |= new.keys()
        assert readable(keys, messages(place.hosts, place.topic)).keys() == set(range(30)) - gone
        keys.close()
        assert [one.frame for one in log.read(0, 0)] == [kept[offset] for offset in range(30)]
        files = b"".join(path.read_bytes() for path in sorted(place.folder.glob("*.db*")))
        assert not any(seed in files for seed in before - after)
    log.close()


def test_a_process_that_was_killed_while_it_destroyed_keys_leaves_no_copy(place):
    """Killed after the change was made and before the file was made anew: the next to open it does that."""
    log = place.open()
    with log.writer(0) as writer:
        writer.append([b"old0", b"old1"])
    log.close()
    keys = place.keys()
    seeds = [seed for nodes in keys.all_nodes().values() for seed in nodes.values()]
    keys._tidy = lambda: None  # as far as a process comes that is killed there
    keys.rewrite(0, {0: b"new0"})
    files = b"".join(path.read_bytes() for path in place.folder.glob("*.db*"))
    assert any(seed in files for seed in seeds)
    keys._keys = keys._rewritten = sqlite3.connect(":memory:")
    assert place.frames() == [b"new0", b"old1"]
    files = b"".join(path.read_bytes() for path in place.folder.glob("*.db*"))
    assert not any(seed in files for seed in seeds)


def test_rewriting_that_is_killed_leaves_the_old_or_the_new(place):
    chance = random.Random(5)
    log = place.open()
    with log.writer(0) as writer:
        writer.append([b"%d.0" % number for number in range(8)])
    for cycle in range(1, 9):
        child = start("rewrite", str(place.folder), f"{place.url} {cycle} 8")
        assert child.stdout is not None
        done = [child.stdout.readline() for _ in range(chance.randrange(1, 7))]
        time.sleep(chance.random() * 0.03)
        child.send_signal(signal.SIGKILL)
        done += child.stdout.read().splitlines()
        child.wait()
        finished = {int(line) for line in done if line.strip()}
        for number, one in enumerate(log.read(0, 0)):
            assert one.frame in (b"%d.%d" % (number, cycle), b"%d.%d" % (number, cycle - 1))
            assert number not in finished or one.frame == b"%d.%d" % (number, cycle)
        log.rewrite(0, {number: b"%d.%d" % (number, cycle) for number in range(8)})
    keys = place.keys()
    assert readable(keys, messages(place.hosts, place.topic)) == {}
    keys.close()
    log.close()


def test_readers_beside_one_who_rewrites_see_old_or_new(place):
    log = place.open()
    with log.writer(0) as writer:
        writer.append([b"%d.0" % number for number in range(20)])
        child = start("rewrite", str(place.folder), f"{place.url} 1 20")
        newest: dict[int, bytes] = {}
        while child.poll() is None:
            for one in log.read(0, 0):
                assert one.frame in (b"%d.0" % one.offset, b"%d.1" % one.offset)
                # What was replaced does not come back.
                assert newest.get(one.offset, b"").endswith(b".1") <= one.frame.endswith(b".1")
                newest[one.offset] = one.frame
            writer.append([b"%d.0" % len(newest)])
            newest[len(newest)] = b"%d.0" % len(newest)
        assert child.wait() == 0
    assert [one.frame for one in log.read(0, 0, most_frames=20)] == [b"%d.1" % number for number in range(20)]
    log.close()


def test_what_is_too_old_cannot_be_read_whatever_the_brokers_keep(place):
    log = place.open()
    for group in range(3):
        with log.writer(0) as writer:
            for number in range(5):
                writer.append([b"%d.%d" % (group, number)])
                time.sleep(0.003)
    stored = log.read(0, 0)
    log.rewrite(0, {2: b"new", 8: b"new"})
    assert log.retain(stored[7].appended_at) == 7
    assert log.retain(stored[7].appended_at) == 0
    keys, found = place.keys(), messages(place.hosts, place.topic)
    assert readable(keys, found).keys() == {7, *range(9, 15)}
    assert (keys.rewritten(0, 2), keys.rewritten(0, 8)) == (None, b"new")
    keys.close()
    assert [one.frame for one in log.read(0, 7)] == [b"1.2", b"new", *(one.frame for one in stored[9:])]
    assert log.retain(stored[-1].appended_at + 1000) == 8
    assert (log.starts(), log.ends(), log.sizes()) == ({0: 15}, {0: 15}, {0: 0})
    log.close()


def test_a_killed_writer_loses_nothing_that_it_acknowledged(place):
    chance = random.Random(7)
    acknowledged: dict[int, bytes] = {}
    follower = place.open()
    for number in range(6):
        child = start("stream-kafka", str(place.folder), f"{place.url} {number}")
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(chance.choice((1, 5, 40, 150)) + chance.randrange(20))]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        child.wait()
        for line in lines:
            sequence, offset, size = map(int, line.split())
            assert offset not in acknowledged
            acknowledged[offset] = frame_of(f"{number}.{sequence}", size)
    for log in (follower, place.open()):
        found, times, at = {}, [], 0
        while stored := log.read(0, at):
            found |= {one.offset: one.frame for one in stored}
            times += [one.appended_at for one in stored]
            at = stored[-1].offset + 1
        assert {offset: found[offset] for offset in acknowledged} == acknowledged
        assert times == sorted(times) and len({*found.values()}) == len(found)
        log.close()
    assert len(acknowledged) > 60


def test_what_comes_late_from_a_writer_that_was_gone_does_not_count(place):
    log = place.open()
    with log.writer(0) as writer:
        writer.append([b"first"])
        keys = place.keys()
        gone = keys.owner(0, 0)
        late = seal(keys.key(0, 1), Place(0, gone.id, 1), b"late")
        keys.close()
    with log.writer(0) as writer:
        place.send((Header(gone.id, 1, 5).packed(), late))
        with pytest.raises(StateError, match="another message came in between"):
            writer.append([b"second"])
        assert writer.append([b"third", b"fourth"]) == range(3, 5)
        # The offset of a time steps over what does not count, too.
        stored = log.read(0, 0)
        assert [(one.offset, one.frame) for one in stored] == [(0, b"first"), (3, b"third"), (4, b"fourth")]
        assert log.offset_at(0, stored[1].appended_at) == 3 or stored[1].appended_at == stored[0].appended_at
        assert [one.offset for one in log.read(0, 1, most_frames=1)] == [3]
        place.send((Header(gone.id, 2, 5).packed(), b"?"))
        assert log.read(0, 5) == [] and log.ends() == {0: 6}
    log.close()


def test_what_others_write_into_the_topic_is_told(place):
    log = place.open()
    with log.writer(0) as writer:
        writer.append([b"first"])
        place.send((b"not ours", b"?"))
        assert [one.frame for one in log.read(0, 0)] == [b"first"]
        with pytest.raises(StateError, match="offset 1 of partition 0 of the log cannot be read"):
            log.read(0, 1)
        with pytest.raises(StateError, match="came in between"):
            writer.append([b"second"])
        assert writer.append([b"third"]) == range(3, 4)
    assert [one.frame for one in log.read(0, 3)] == [b"third"]
    log.close()


def test_a_key_store_of_an_older_backup_goes_on_without_what_came_since(place):
    log = place.open()
    with log.writer(0) as writer:
        writer.append([b"first"])
        log.close()
        shutil.copytree(place.folder, place.folder.with_name("backup"))
        log = place.open()
        writer.append([b"second"])
    with log.writer(0) as writer:
        writer.append([b"third", b"fourth"])
    log.close()
    place.folder.rename(place.folder.with_name("lost"))
    place.folder.with_name("backup").rename(place.folder)
    log = place.open()
    assert [one.frame for one in log.read(0, 0)] == [b"first", b"second"], "its session has the key"
    with pytest.raises(StateError, match="offset 2 of partition 0 of the log cannot be read"):
        log.read(0, 2)
    with log.writer(0) as writer:
        writer.append([b"fifth"])
    assert [(one.offset, one.frame) for one in log.read(0, 0)] == [(0, b"first"), (1, b"second"), (4, b"fifth")]
    assert [one.offset for one in log.read(0, 2)] == [4]
    log.close()


def test_brokers_that_do_not_answer_fail_a_group_and_not_the_writer(tmp_path):
    with broker(tmp_path) as one:
        place = Topic(tmp_path, one.hosts)
        log = place.open()
        with log.writer(0) as writer:
            writer.append([b"first"])
            one.pause()
            for _ in range(2):
                with pytest.raises(StateError, match="could not") as told:
                    writer.append([b"second"])
                assert told.value.why and told.value.fix
            with pytest.raises(StateError, match="could not be reached"):
                log.ends()
            one.go_on()
            offsets = writer.append([b"third"])
        found = {stored.offset: stored.frame for stored in log.read(0, 0)}
        assert found[0] == b"first" and found[offsets[0]] == b"third"
        assert [*found.values()].count(b"third") == 1
        log.close()


def test_brokers_that_forgot_everything_are_found_out(tmp_path):
    with broker(tmp_path) as one:
        place = Topic(tmp_path, one.hosts)
        log = place.open()
        with log.writer(0) as writer:
            writer.append([b"first", b"second"])
        with log.writer(0):
            pass
        log.close()
        one.kill()
        with pytest.raises(StateError, match="could not be reached"):
            place.open()
        one.start()
        log = place.open()
        with pytest.raises(StateError, match="has lost frames") as told:
            log.writer(0)
        assert told.value.why == "it ends at 0, and was written from 2 on"
        log.close()


def test_nobody_sees_a_password(tmp_path, monkeypatch):
    for url in (
        "kafka://ann:hunter2@localhost:9092/shop", "kafka://localhost:9092/shop?sasl.password=hunter2",
        "kafka://localhost:9092/shop?password=hunter2", "kafka://localhost:9092/", "kafka://localhost/a/b",
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="cannot be read") as told:
            open_log(url, keys=tmp_path)
        assert "hunter2" not in str(told.value)
    with pytest.raises(ConfigError, match="cannot be used"):
        open_log("kafka://localhost:9092/shop?no.such.option=1", keys=tmp_path)
    with pytest.raises(ConfigError, match="folder for its keys"):
        open_log("kafka://localhost:9092/shop")
    monkeypatch.setenv("FLOORWALKER_KAFKA_USER", "ann")
    monkeypatch.setenv("FLOORWALKER_KAFKA_PASSWORD", "hunter2")
    place = Topic(tmp_path)
    with pytest.raises(StateError) as failed:
        place.open()
    assert "hunter2" not in "".join(traceback.format_exception(failed.value))


def test_a_frame_that_is_too_long_is_refused_and_the_next_one_is_not(place):
    log = place.open()
    with log.writer(0) as writer:
        with pytest.raises(StateError, match="could not") as told:
            writer.append([b"x" * (65 << 20)])
        assert "max.message.bytes" in told.value.fix
        assert writer.append([b"short"]) == range(1)
    log.close()
