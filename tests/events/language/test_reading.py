"""Files of events in every form that somebody has; a bad line loses only itself."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from floorwalker.errors import SourceError
from floorwalker.events.language.reading import read_items

ONE, TWO = {"type": "page", "userId": "é"}, {"type": "screen", "userId": "2"}


def read(data: bytes) -> list[tuple[str, object]]:
    return [(item.where, item.fault or item.event) for item in read_items(io.BytesIO(data))]


def lines(*values: object) -> bytes:
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values).encode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("data", "where"),
    [
        (lines(ONE, TWO), ("line 1", "line 2")),
        (b"\xef\xbb\xbf\r\n" + lines(ONE, TWO).replace(b"\n", b"\r\n\r\n"), ("line 2", "line 4")),
        (lines([ONE, TWO]), ("line 1, item 1", "line 1, item 2")),
        (json.dumps([ONE, TWO], indent=2).encode(), ("item 1", "item 2")),
        (lines({"batch": [ONE, TWO], "sentAt": "x"}), ("line 1, item 1", "line 1, item 2")),
        (json.dumps({"batch": [ONE, TWO]}, indent=1).encode(), ("item 1", "item 2")),
        (lines({"batch": [ONE]}, {"batch": [TWO]}), ("line 1, item 1", "line 2, item 1")),
    ],
)
def test_forms(data, where, pack):
    assert read(pack(data)) == list(zip(where, (ONE, TWO), strict=True))


def test_one_event_over_many_lines():
    assert read(json.dumps(ONE, indent=2).encode()) == [("item 1", ONE)]


def test_nothing():
    assert read(b"") == read(b"\n \n") == read(gzip.compress(b"")) == read(b"[]") == []


def test_bad_lines_do_not_stop_the_rest():
    data = b'{"type": \n' + lines(ONE) + b"\n\xff\xfe\n[[1],\n" + b"[" * 100_000 + b"\n" + lines(TWO)
    assert read(data) == [
        ("line 1", "is no JSON"),
        ("line 2", ONE),
        ("line 3", "is no JSON"),
        ("line 4", "is no JSON"),
        ("line 5", "is nested too deeply"),
        ("line 6", TWO),
    ]


def test_what_a_batch_says_of_all_its_events():
    batch = {"batch": [{**ONE, "context": {"a": 2}}, TWO, 7, {**TWO, "context": 5}], "context": {"a": 1, "b": 1}}
    assert [event for _, event in read(lines(batch))] == [
        {**ONE, "context": {"a": 2, "b": 1}},
        {**TWO, "context": {"a": 1, "b": 1}},
        7,
        {**TWO, "context": 5},
    ]


@pytest.mark.parametrize("spoil", [lambda data: data[:-12], lambda data: data[:12] + b"\0\0\0" + data[15:]])
def test_a_damaged_file(spoil):
    with pytest.raises(SourceError, match="cannot be unpacked"):
        read(spoil(gzip.compress(lines(*[{"n": n} for n in range(500)]))))
