"""Text files of every bad habit become one kind of file; a line that is no record loses only itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from floorwalker.errors import SourceError
from floorwalker.sources import lines, records
from floorwalker.sources.lines import Prepared, prepare


def prepared(
    tmp_path: Path, content: bytes, form: str = "csv", encoding: str = "auto", delimiter: str = ""
) -> Prepared:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return prepare(path, form, encoding, delimiter, scratch)


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"a,b\r\n1,2\r\n",
        b'a,b\n"1,5","say ""x"""\n',
        b'a,b\n5" nail,2',
        "a,b\né,2\n".encode(),
        b"",
        b"a,b",
    ],
)
def test_clean_files_are_read_where_they_lie(tmp_path: Path, content: bytes) -> None:
    assert prepared(tmp_path, content).path == tmp_path / "in.csv"


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", "a,b\n1,2\n"),
        ("a,b\né,2\n".encode("latin-1"), "a,b\né,2\n"),
        ("a,b\né,2\n".encode("utf-16"), "a,b\né,2\n"),
        (b"\xfe\xff" + "a,b\né,2\n".encode("utf-16-be"), "a,b\né,2\n"),
        (b"a,b\r1,2\r3,4", "a,b\n1,2\n3,4\n"),
        (b"a,b\r\n1,2\n3,4\r\n", "a,b\n1,2\n3,4\n"),
        (b"a,b\n1,x\ry\n", "a,b\n1,x y\n"),
        (b"a,b\n\n1,2\n\n\n3,4\n\n", "a,b\n1,2\n3,4\n"),
        (b"\na,b\n1,2\n", "a,b\n1,2\n"),
        (b"a,b\n1,x\0y\n", "a,b\n1,xy\n"),
        (b'a,b\n1,"x\n\ny"\n', 'a,b\n1,"x\n\ny"\n'),
    ],
)
def test_habits_put_right(tmp_path: Path, content: bytes, wanted: str) -> None:
    found = prepared(tmp_path, content)
    assert found.path.read_bytes().decode() == wanted
    assert found.header == ("a", "b")
    assert not found.bad


@pytest.mark.parametrize(
    ("content", "bad"),
    [
        (b'a,b\n1,"2\n3,4\n', {1: '1,"2'}),
        (b'a,b\n1,"2\n3,"4"\n5,6\n', {1: '1,"2'}),
        (b'a,b\n1,"2"x\n3,"4\n4"\n', {1: '1,"2"x'}),
        (b'a,b\n3,4\n1,"2', {2: '1,"2'}),
        (b'a,b\n"1\n2\n3,"\n4,5\n', {1: '"1', 3: '3,"'}),
    ],
)
def test_quotes_that_never_close(tmp_path: Path, content: bytes, bad: dict[int, str]) -> None:
    assert prepared(tmp_path, content).bad == bad


def test_small_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f'{number},"two\nlines {number}"' if number % 7 == 0 else f"{number},x" for number in range(400)]
    rows[100] = '100,"open'
    content = ("a,b\n" + "\n".join(rows)).encode()
    whole = prepared(tmp_path, content)
    monkeypatch.setattr(lines, "CHUNK", 97)
    monkeypatch.setattr(records, "RECORD_LIMIT", 64)
    pieces = prepared(tmp_path, content)
    assert whole.bad == pieces.bad == {101: '100,"open'}
    assert whole.path.read_bytes() == pieces.path.read_bytes()


@given(
    cells=st.lists(st.lists(st.text("ab\n é", min_size=1, max_size=6), min_size=3, max_size=3), max_size=8),
    spoilt=st.text('ab,"', max_size=8).filter(lambda line: line.count('"') % 2 == 1 and '""' not in line),
    at=st.integers(0, 8),
)
@settings(max_examples=60, deadline=None)
def test_neighbours_of_a_spoilt_line_are_copied(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], spoilt: str, at: int
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    quoted = [",".join(f'"{cell}"' for cell in row) for row in cells]
    at = min(at, len(quoted))
    # A quote left open is closed by a next record whose first cell begins with a line break: nobody can tell.
    assume(not (at < len(quoted) and quoted[at].startswith('"\n')))
    content = "\n".join(["a,b,c", *quoted[:at], spoilt, *quoted[at:]]) + "\n"
    found = prepared(folder, content.encode())
    text = found.path.read_text()
    for row in quoted:
        assert row + "\n" in text


def test_header_and_delimiter(tmp_path: Path) -> None:
    assert prepared(tmp_path, b'"a;b"; c ;\n1;2;3\n').header == ("a;b", "c", "")
    assert prepared(tmp_path, b"a|b\n").delimiter == "|"
    assert prepared(tmp_path, b"a,x\tb\n", form="tsv").header == ("a,x", "b")
    assert prepared(tmp_path, b"a;b\n", delimiter=",").header == ("a;b",)


def test_what_cannot_be_decoded_or_unpacked(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be decoded"):
        prepared(tmp_path, b"a,b\n\x81,2\n", encoding="cp1252")
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(b"\x1f\x8b\x08\x00torn")
    with pytest.raises(SourceError, match=r"torn\.csv\.gz cannot be read"):
        prepare(torn, "csv", "auto", "", tmp_path)
