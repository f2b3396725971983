"""The brokers of Kafka, or of anything that speaks its protocol: a topic, its partitions, clients to read and write.

In: a URL, `kafka://host:9092,host2:9092/topic`, and user and password from the environment. Out: answers, or a
StateError that says what to do and has no password in it. What has a dot in the URL's query is an option of librdkafka.

>>> from floorwalker.engines.event_log.settings import LogSettings
>>> link = Link("kafka://one.example:9092,two.example:9092/shop?security.protocol=SSL", LogSettings())
>>> link.shown, link.topic, link.settings["security.protocol"]
('kafka://one.example:9092,two.example:9092/shop', 'shop', 'SSL')
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Generator
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from floorwalker.errors import ConfigError, StateError

if TYPE_CHECKING:
    from floorwalker.engines.event_log.settings import LogSettings

USER, PASSWORD = "FLOORWALKER_KAFKA_USER", "FLOORWALKER_KAFKA_PASSWORD"
MOST_MESSAGE = 64 << 20
JUMPING, FOLLOWING = 10, 100
"""Milliseconds: for a client that looks here and there, and for one that reads on."""
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_HOSTS = re.compile(r"[A-Za-z0-9.\-\[\]:,]+")
_SECRET = re.compile(r"password|secret|oauth|\.pem$|sasl.jaas")
_FRESH = 5.0
"""Seconds for which the number of partitions is taken to be what it was."""
_DENIED = {
    KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
}  # fmt: skip
_UNKNOWN = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
_TELLING = {KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE}

PASSING = {
    KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT,
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.REPLICA_NOT_AVAILABLE, KafkaError.UNKNOWN_LEADER_EPOCH,
}  # fmt: skip
"""What is tried again for a while."""

_log = logging.getLogger("floorwalker.kafka")


class Link:
    """Clients of this process, made when they are needed."""

    def __init__(self, url: str, settings: LogSettings) -> None:
        self.patience = settings.patience_seconds
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.topic, hosts = parts.path.strip("/"), parts.netloc
        self.replicas = query.get("replicas", "")
        options = {name: value for name, value in query.items() if "." in name}
        known = not any(_SECRET.search(name) for name in options) and not query.keys() - options.keys() - {"replicas"}
        sound = known and _TOPIC.fullmatch(self.topic) and _HOSTS.fullmatch(hosts)
        if not sound or not (self.replicas or "1").isdecimal():
            # Without the URL: somebody may have written a password into it.
            raise ConfigError(
                "the URL of the log on Kafka cannot be read",
                why="hosts, a topic, replicas=3 if need be, and options of librdkafka without secrets are looked for",
                fix="write it like kafka://host:9092,host2:9092/topic?security.protocol=SSL; user and password go into"
                f" {USER} and {PASSWORD} of the environment",
            )
        self.shown = f"kafka://{hosts}/{self.topic}"
        self._why = ""
        self.settings: dict[str, Any] = {
            "bootstrap.servers": hosts,
            "client.id": "floorwalker",
            "socket.connection.setup.timeout.ms": 1000 * max(self.patience, 1),
            "socket.nagle.disable": True,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 2,
            "error_cb": self._noted,
            **_signed(options),
            **options,
        }
        # What librdkafka does not know, it says now.
        with self._sound():
            Consumer({**self.settings, "group.id": "floorwalker"}).close()
        self._lock = Lock()
        self._asking: Any = None
        self._partitions: list[int] = []
        self._until = 0.0
        self._trims = True

    def partitions(self) -> list[int]:
        """Of the topic; none where it does not exist."""
        with self._lock:
            if time.monotonic() < self._until:
                return self._partitions
        topic = self._ask(lambda client, left: client.list_topics(self.topic, timeout=left)).topics[self.topic]
        found = sorted(topic.partitions) if topic.error is None and self._exists() else []
        with self._lock:
            self._partitions, self._until = found, time.monotonic() + (_FRESH if found else 0)
        return found

    def make(self, partitions: int) -> None:
        """Make the topic, or give it more partitions. What is there stays as it is."""
        there = len(self.partitions())
        if there >= partitions:
            return
        admin = AdminClient(dict(self.settings))
        try:
            if there:
                futures = admin.create_partitions([NewPartitions(self.topic, partitions)])
            else:
                # Frames go when the log says so, and not by a clock of the broker's.
                kept = {"retention.ms": "-1", "cleanup.policy": "delete", "max.message.bytes": str(MOST_MESSAGE)}
                futures = admin.create_topics(
                    [NewTopic(self.topic, partitions, int(self.replicas or -1), config=kept)],
                    operation_timeout=self.patience,
                )
            futures[self.topic].result(timeout=self.patience + 5)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self.failed(f"be given {partitions} partitions", error) from None
        # Brokers tell of it when all of them know.
        until = time.monotonic() + self.patience
        self._until = 0.0
        while len(self.partitions()) < partitions:
            if time.monotonic() > until:
                raise StateError(
                    f"the log {self.shown} does not have {partitions} partitions",
                    why=f"it has {len(self.partitions())}, though more were asked for",
                    fix="see what the brokers' log says, or give the topic the partitions by their own tools",
                )
            self._until = 0.0
            time.sleep(0.05)

    def reach(self, partition: int) -> tuple[int, int]:
        """The oldest offset that the brokers have, and the one that comes next."""
        place = TopicPartition(self.topic, partition)
        return self._ask(lambda client, left: client.get_watermark_offsets(place, timeout=left))

    def offset_for(self, partition: int, milliseconds: int) -> int:
        """What the brokers say is the first offset of a time. Not all that speak the protocol know: check it."""
        try:
            (found,) = self._asker().offsets_for_times(
                [TopicPartition(self.topic, partition, milliseconds)], timeout=self.patience
            )
        except KafkaException:
            return -1
        return -1 if found.error else found.offset

    def trim(self, partition: int, before: int) -> bool:
        """Have the brokers remove what stands before an offset; False where they cannot."""
        if not self._trims:
            return False
        admin = AdminClient(dict(self.settings))
        futures = admin.delete_records([TopicPartition(self.topic, partition, before)], request_timeout=self.patience)
        try:
            for future in futures.values():
                future.result(timeout=self.patience + 5)
        except KafkaException as error:
            self._trims = False
            _log.warning("the brokers do not remove old frames (%s): their keys are destroyed", error.args[0].name())
        return self._trims

    def consumer(self, wait: int = JUMPING) -> Any:
        """A client that reads what it is told to, and belongs to no group. `wait`: milliseconds that a request may
        wait at the end for more; it holds up a jump to another place for so long."""
        return Consumer(
            {
                **self.settings,
                "group.id": "floorwalker",  # is asked for, and not used
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "allow.auto.create.topics": False,
                "fetch.wait.max.ms": wait,
                "queued.max.messages.kbytes": 16 << 10,
                "fetch.message.max.bytes": 4 << 20,
                "fetch.max.bytes": MOST_MESSAGE + (1 << 20),
                "receive.message.max.bytes": MOST_MESSAGE + (2 << 20),
            }
        )

    def producer(self) -> Any:
        """A client that writes in order, each message once, and waits for all replicas that are in step."""
        return Producer(
            {
                **self.settings,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
                # A new client waits up to a second for the number that makes its messages its own.
                "message.timeout.ms": 1000 * self.patience + 2000,
                "message.max.bytes": MOST_MESSAGE,
                "queue.buffering.max.kbytes": 256 << 10,
            }
        )

    def failed(self, done: str, error: Exception | KafkaError) -> StateError:
        """A StateError of what Kafka says."""
        told = error.args[0] if isinstance(error, KafkaException) else error
        code = told.code() if isinstance(told, KafkaError) else None
        why = f"{told.name()}: {told.str()}" if isinstance(told, KafkaError) else f"{type(error).__name__}: {error}"
        if code in _DENIED or "SASL" in self._why or "uthentication" in self._why:
            fix = f"see {USER} and {PASSWORD} in the environment, and what they may do with the topic"
        elif code in _UNKNOWN:
            fix = f"make the topic '{self.topic}', or let the collector make it: it needs the right to"
        elif code in _TOO_LARGE:
            fix = f"raise max.message.bytes of the topic '{self.topic}' (and message.max.bytes of the brokers)"
        elif code == KafkaError.KAFKA_STORAGE_ERROR:
            fix = "look at the free space and the disks of the brokers"
        else:
            fix = "see that the brokers run, can be reached, and have the replicas that are asked for"
        if self._why and self._why not in why:
            why = f"{why}; {self._why}"
        return StateError(f"the log {self.shown} could not {done}", why=why, fix=fix)

    def close(self) -> None:
        with self._lock:
            if self._asking is not None:
                self._asking.close()
                self._asking = None

    def _ask(self, question: Callable[[Any, float], Any]) -> Any:
        """Ask until there is an answer, or it took too long: a connection that was lost is made again."""
        until = time.monotonic() + self.patience
        while True:
            try:
                return question(self._asker(), max(0.1, until - time.monotonic()))
            except KafkaException as error:
                if error.args[0].code() not in PASSING or time.monotonic() > until:
                    raise self.failed("be reached", error) from None
                time.sleep(0.05)

    def _asker(self) -> Any:
        with self._lock:
            if self._asking is None:
                self._asking = self.consumer()
            return self._asking

    @contextlib.contextmanager
    def _sound(self) -> Generator[None]:
        try:
            yield
        except KafkaException as error:
            raise ConfigError(
                "an option in the URL of the log on Kafka cannot be used",
                why=error.args[0].str(),
                fix="see the options of librdkafka",
            ) from None

    def _exists(self) -> bool:
        """Some brokers tell of a topic that was asked for as if it were there: it is where the list of all has it."""
        return self.topic in self._ask(lambda client, left: client.list_topics(timeout=left)).topics

    def _noted(self, error: KafkaError) -> None:
        if error.code() in _TELLING:
            self._why = error.str()


def _signed(options: dict[str, str]) -> dict[str, Any]:
    """Who we are, from the environment."""
    user = os.environ.get(USER)
    if not user:
        return {}
    safe = any(name.startswith("ssl.") for name in options)
    return {
        "security.protocol": "SASL_SSL" if safe else "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": os.environ.get(PASSWORD, ""),
    }
