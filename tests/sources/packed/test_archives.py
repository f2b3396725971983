"""Archives and compressed files: every member read once, nothing written where it should not be."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard
from tests.sources.desk import HEADER, Desk, sales
from tests.sources.packed.workbooks import book, table

from floorwalker.errors import SourceError
from floorwalker.sources.packed import archives
from floorwalker.sources.packed.archives import members

LINE = "1001,2011-07-01 12:00,A1,Mug,2,2.55,17850"
CSV = f"{HEADER}\n{LINE}\n".encode()


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", zipped({"a.csv": CSV})),
        ("a.zip", zipped({"2026/07/a.csv": CSV, "__MACOSX/._a.csv": b"x", "2026/.DS_Store": b"x"})),
        ("a.zip", zipped({"a.csv.gz": gzip.compress(CSV), "~$b.xlsx": b"x"})),
        ("a.zip", zipped({"a.xlsx": book({"A": table(HEADER, LINE)})})),
        ("a.csv", zipped({"a.csv": CSV})),
        ("a.tar.gz", tarred({"a.csv": CSV})),
        ("a.tgz", tarred({"./x/a.csv": CSV})),
        ("a.tar", tarred({"a.csv": CSV}, "w")),
        ("a.csv.gz", gzip.compress(CSV[:20]) + gzip.compress(CSV[20:])),
        ("a.csv", gzip.compress(CSV)),
        ("a.csv.zst", zstandard.compress(CSV)),
        ("a.csv", zstandard.compress(CSV)),
        ("a.csv.bz2", bz2.compress(CSV)),
        ("a.csv.xz", lzma.compress(CSV)),
        ("a.csv.gz", CSV + b"\n"),
        ("a.xlsx.gz", gzip.compress(book({"A": table(HEADER, LINE)}))),
        ("a.xls", CSV.replace(b",", b"\t")),
    ],
)
def test_one_row_in_many_wrappings(desk: Desk, name: str, content: bytes) -> None:
    desk.put("plain/a.csv", CSV)
    desk.put(f"packed/{name}", content)
    result = desk.read(sales().__class__(**{**vars(sales()), "files": ("plain/*", "packed/*")}))
    assert not result.refused
    assert result.kinds["order_lines"].accepted == 2 and result.kinds["order_lines"].repeated == 1


def test_rows_of_a_member_are_found_again(desk: Desk) -> None:
    bad = LINE.replace("2.55", "cheap").encode()
    desk.put(
        "a.zip", zipped({"x/b.csv": CSV + bad + b"\n", "x/a.csv": CSV.replace(b"1001", b"1002"), "readme.md": b"-"})
    )
    result = desk.read(sales('members = "*.csv"'))
    assert desk.rows("file, row_number", "incoming_quarantine") == [("a.zip/x/b.csv", 2)]
    assert [row[0] for row in desk.rows("order_id")] == ["1001", "1002"]
    assert [one.name for one in result.files] == ["a.zip/x/a.csv", "a.zip/x/b.csv"]
    # One member that cannot be read refuses the delivery whole.
    ((_, error),) = desk.read(sales()).refused
    assert "readme.md" in str(error)


def test_the_delivery_is_the_archives_bytes(desk: Desk) -> None:
    desk.put("a.zip", zipped({"a.csv": CSV}))
    (before,) = desk.found(sales())
    desk.put("a.zip", zipped({"b.csv": CSV}))
    (after,) = desk.found(sales())
    assert before.fingerprint != after.fingerprint


def encrypted() -> bytes:
    made = bytearray(zipped({"a.csv": CSV}))
    at = made.index(b"PK\x01\x02") + 8
    made[at : at + 2] = struct.pack("<H", 1)
    return bytes(made)


def linked() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("a.csv")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.zip", encrypted(), "encrypted"),
        ("a.zip", zipped({"../a.csv": CSV}), "leads out"),
        ("a.zip", zipped({"/etc/a.csv": CSV}), "leads out"),
        ("a.zip", zipped({"x\\..\\..\\a.csv": CSV}), "leads out"),
        ("a.zip", zipped({"C:\\a.csv": CSV}), "leads out"),
        ("a.zip", zipped({"b.zip": zipped({"a.csv": CSV})}), "archive within an archive"),
        ("a.zip", zipped({}), "holds no file"),
        ("a.zip", zipped({"a.csv": CSV})[:-30], "cannot be unpacked"),
        ("a.tar", linked(), "link"),
        ("a.tar.gz", tarred({"../a.csv": CSV}), "leads out"),
        ("a.tar.gz", tarred({"a.csv": CSV * 1000})[:-40], "cannot be unpacked"),
        ("a.csv", gzip.compress(CSV * 1000)[:-40], "cannot be read"),
        ("a.csv.xz", lzma.compress(CSV)[:-10], "cannot be read"),
    ],
)
def test_archives_that_are_refused(desk: Desk, name: str, content: bytes, told: str) -> None:
    desk.put("in/" + name, content)
    desk.put("in/z.csv", CSV)
    result = desk.read(sales().__class__(**{**vars(sales()), "files": ("in/*",)}))
    ((delivery, error),) = result.refused
    assert told in str(error) and delivery.name == f"in/{name}"
    assert len(desk.rows("1")) == 1


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 1 << 20)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    many = tmp_path / "a.zip"
    many.write_bytes(zipped({"a.csv": b"0" * (8 << 20)}))
    with pytest.raises(SourceError, match="unpacks to too much"):
        members(many, "a.zip", (), scratch)
    assert not list(scratch.iterdir())
    # One whose directory lies about it: what is written is counted.
    liar = bytearray(many.read_bytes())
    at = liar.index(b"PK\x01\x02")
    liar[at + 24 : at + 28] = struct.pack("<I", 10)
    many.write_bytes(bytes(liar))
    with pytest.raises(SourceError, match=r"cannot be unpacked|too much"):
        members(many, "a.zip", (), scratch)
    assert sum(path.stat().st_size for path in scratch.iterdir()) < 1 << 20
    bomb = tmp_path / "a.tar.gz"
    bomb.write_bytes(tarred({"a.csv": b"0" * (8 << 20)}))
    with pytest.raises(SourceError, match="unpacks to too much"):
        members(bomb, "a.tar.gz", (), scratch)
