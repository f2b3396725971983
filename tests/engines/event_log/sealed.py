"""What somebody can read who has the topic and the key store: for proofs that there is nothing.

In: a project's folder and the brokers. Out: every frame that a key opens which any node derives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.kafka_broker import needs_kafka

needs_kafka()

from confluent_kafka import Consumer, TopicPartition  # noqa: E402

from floorwalker.engines.event_log.kafka_frames import Header, Place, unseal  # noqa: E402
from floorwalker.engines.event_log.kafka_keys import KeyStore  # noqa: E402
from floorwalker.engines.event_log.key_tree import Leaves  # noqa: E402


def messages(hosts: str, topic: str, partition: int = 0) -> list[Any]:
    """All that the brokers have."""
    client = Consumer(
        {"bootstrap.servers": hosts, "group.id": "test", "auto.offset.reset": "error", "enable.partition.eof": True}
    )
    found = []
    client.assign([TopicPartition(topic, partition, 0)])
    try:
        while True:
            for message in client.consume(1, 5.0):
                if message.error():
                    return found
                found.append(message)
    finally:
        client.close()


def readable(keys: KeyStore, found: list[Any], partition: int = 0) -> dict[int, bytes]:
    """By offset what can be opened of the messages, wherever its key may come from."""
    opened = {}
    nodes = keys.all_nodes()
    for message in found:
        header = Header.read(message.headers())
        assert header is not None
        key = Leaves(nodes.get(header.session, {})).key(header.leaf)
        frame = key and unseal(key, Place(partition, header.session, header.leaf), message.value())
        if frame is not None:
            opened[message.offset()] = frame
    return opened


def everything_readable(project: Path, hosts: str) -> list[bytes]:
    """The same of a project's log of one partition, and what was put in the place of frames."""
    topic = project.parent.name
    keys = KeyStore(project / "state" / "log", topic)
    try:
        found = messages(hosts, topic)
        replaced = [keys.rewritten(0, message.offset()) for message in found]
        return [*readable(keys, found).values(), *(frame for frame in replaced if frame is not None)]
    finally:
        keys.close()
