"""Which encoding a file has: by its mark, by its bytes, and never by one odd line alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.sources.encodings import Guess, declared


def guessed(content: bytes, *, bare_cr: bool = False, size: int = 1 << 20) -> str:
    guess = Guess()
    for at in range(0, len(content), size):
        guess.feed(content[at : at + size])
    return guess.codec(bare_cr)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"plain", "utf-8"),
        ("café – 3 €".encode(), "utf-8"),
        ("café".encode("latin-1"), "latin-1"),
        ("café – “3 €”".encode("cp1252"), "cp1252"),
        (b"\xe9 \x81 \x93", "latin-1"),
        ("naïve café “x”".encode("mac-roman"), "cp1252"),
    ],
)
def test_by_the_bytes(content: bytes, wanted: str) -> None:
    assert guessed(content) == guessed(content, size=1) == wanted


def test_old_macs_end_lines_in_a_bare_cr() -> None:
    assert guessed("a\rcafé “x”\r".encode("mac-roman"), bare_cr=True) == "mac-roman"
    assert guessed("a\rcafé\r".encode(), bare_cr=True) == "utf-8"


def test_one_spoilt_line_does_not_spoil_the_others() -> None:
    assert guessed("é,ü,ß,ø\n".encode() * 50 + b"caf\xe9\n") == "utf-8"
    assert guessed("é,ü\n".encode("latin-1") * 50 + "é\n".encode()) == "latin-1"


@pytest.mark.parametrize(
    ("content", "encoding", "wanted"),
    [
        (b"\xef\xbb\xbfa", "auto", "utf-8"),
        ("a,b\n".encode("utf-16"), "auto", "utf-16"),
        ("no,qty\n1,2\n".encode("utf-16-le"), "auto", "utf-16-le"),
        ("no,qty\n1,é\n".encode("utf-16-be"), "auto", "utf-16-be"),
        (b"a\0b\n1,2\n3,4\n", "auto", "utf-8"),
        (b"a,b", "cp1252", "cp1252"),
        (b"", "auto", "utf-8"),
    ],
)
def test_by_the_start(content: bytes, encoding: str, wanted: str) -> None:
    assert declared(content, encoding) == wanted


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(1, 9))
@settings(deadline=None)
def test_utf_8_is_always_told(text: str, size: int) -> None:
    assert guessed(text.encode(), size=size) == "utf-8"
