"""What is taken for plain is well formed, whatever the bytes; and files as systems write them are plain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from floorwalker.sources.plain_quotes import first_other_line
from floorwalker.sources.records import well_formed_line

PIECE = st.sampled_from([b'"', b'"', b",", b";", b"\n", b"\r\n", b"\r", b"a", b" ", b'""', b'",', b',"', b"5"])


@given(st.lists(PIECE, max_size=40).map(b"".join), st.sampled_from([b",", b";"]))
def test_before_the_first_other_line_all_are_well_formed(block: bytes, delimiter: bytes) -> None:
    at = first_other_line(block, delimiter)
    assert at == -1 or at == 0 or block[at - 1 : at] == b"\n"
    plain = block if at == -1 else block[:at]
    one = well_formed_line(delimiter)
    for line in plain.split(b"\n"):
        assert b'"' not in line or one.fullmatch(line), line


@given(st.lists(st.lists(st.text("ab ,;\t", max_size=5), min_size=1, max_size=4), max_size=8))
def test_what_a_writer_quotes_is_plain(rows: list[list[str]]) -> None:
    block = b"".join(b",".join(f'"{field}"'.encode() for field in row) + b"\r\n" for row in rows)
    assert first_other_line(block, b",") == -1
