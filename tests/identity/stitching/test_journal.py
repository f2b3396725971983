"""What came since the last run outlives the process, also one that is killed while it writes."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.identity.stitching.crowds import DEFAULT, SCHEMES, TIGHT, crowd, hidden
from tests.identity.stitching.test_published import based
from tests.identity.stitching.test_stitcher import SECRET, by_a_run, customers

from floorwalker.errors import StateError
from floorwalker.identity.stitching.journal import erase
from floorwalker.identity.stitching.stitcher import Stitcher

CHILD = """
import random, sys
from pathlib import Path
from tests.identity.stitching.crowds import DEFAULT, crowd
from floorwalker.identity.stitching.stitcher import Stitcher
stitcher = Stitcher(DEFAULT, b"key")
stitcher.keep(Path(sys.argv[1]))
for number, row in enumerate(crowd(random.Random(4), 200), start=1):
    stitcher.add(row)
    stitcher.save(str(number))
    print(number, flush=True)
"""


def opened(path: Path, chosen: object = DEFAULT) -> tuple[Stitcher, str]:
    stitcher = Stitcher(chosen, SECRET, schemes=SCHEMES)
    return stitcher, stitcher.keep(path)


@pytest.mark.parametrize("seed", range(3))
def test_opened_again_it_is_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rows = hidden(rng, crowd(rng, 12))
    path = tmp_path / "live.journal"
    first, position = opened(path)
    assert position == ""
    for row in rows:
        first.add(row)
    for row in rng.sample(rows, 20):
        first.add(row | {"first_seen": None, "last_seen": "2026-01-01" and row["last_seen"], "email": "new@lee.com"})
    first.save("offset 9")
    first.close()
    second, position = opened(path)
    assert position == "offset 9"
    assert customers(second) == customers(first)
    # … and goes on as the first one would have.
    more = hidden(rng, crowd(rng, 12))
    for row in more:
        first.add(row)
        second.add(row)
    gone = [str(row["record_id"]) for row in rng.sample(more, 30)]
    assert second.forget(gone) == first.forget(gone)
    assert customers(second) == customers(first)
    second.save()
    second.close()
    assert customers(opened(path)[0]) == customers(first)


def test_what_was_forgotten_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "live.journal"
    stitcher, _ = opened(path)
    stitcher.add({"record_id": "r1", "email": "ann@lee.com", "given_name": "Annabella"})
    stitcher.add({"record_id": "r2", "email": "bob@lee.com"})
    stitcher.save()
    assert b"annabella" in path.read_bytes()
    stitcher.forget(["r1"])
    assert b"annabella" not in path.read_bytes() and b"r1" not in path.read_bytes()
    stitcher.close()
    assert set(customers(opened(path)[0])) == {"r2"}


def test_erased_while_no_process_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "live.journal"
    stitcher, _ = opened(path)
    hashed = f"hash:{SCHEMES['email'][0]}:{hashlib.sha256(b'ann@lee.com').hexdigest()}"
    rows = [
        {"record_id": "r1", "email": "ann@lee.com", "given_name": "Annabella"},
        {"record_id": "r2", "email": hashed},
    ]
    assert len({stitcher.add(row) for row in reversed(rows)} | set(customers(stitcher).values())) == 2
    stitcher.save("9")
    with pytest.raises(StateError, match="another process"):
        erase(path, ["r1"])
    stitcher.close()
    assert erase(path, ["r1"]) == 1
    assert erase(path, ["r1"]) == 0 == erase(tmp_path / "none", ["r1"])
    assert b"annabella" not in path.read_bytes()
    again, position = opened(path)
    assert position == "9"
    # What it hashes to is forgotten too.
    only, _ = opened(tmp_path / "other.journal")
    only.add(rows[1])
    assert customers(again) == customers(only)
    assert again.held.said(again.held.rows["r2"]) == only.held.said(0)


def test_identifiers_are_in_the_file_as_hashes_alone(tmp_path: Path) -> None:
    path = tmp_path / "live.journal"
    stitcher = Stitcher(DEFAULT, SECRET)
    stitcher.keep(path)
    stitcher.add({"email": "ann@lee.com", "phone": "07400 910001", "loyalty_id": "L77", "cookie_id": "ck-1"})
    stitcher.save()
    assert not [word for word in (b"ann@lee", b"910001", b"l77", b"ck-1") if word in path.read_bytes().lower()]


def test_on_a_base_only_what_came_after_it_is_kept(tmp_path: Path) -> None:
    rng = random.Random(7)
    rows = hidden(rng, crowd(rng, 12))
    old, new = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    before = by_a_run(old, TIGHT, SECRET)
    path = tmp_path / "live.journal"
    first = based(old, before, TIGHT, schemes=SCHEMES)
    first.keep(path)
    for row in [*new, *old]:
        first.add(row)
    first.forget([str(row["record_id"]) for row in rng.sample(rows, 20)])
    first.save("here")
    first.close()
    second = based(old, before, TIGHT, schemes=SCHEMES)
    assert second.keep(path) == "here"
    assert customers(second) == customers(first)


def test_other_settings_start_anew(tmp_path: Path) -> None:
    path = tmp_path / "live.journal"
    first, _ = opened(path)
    first.add({"record_id": "r1", "email": "ann@lee.com"})
    first.save("offset 1")
    first.close()
    second, position = opened(path, TIGHT)
    assert (len(second), position) == (0, "")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "live.journal"
    path.write_text("a shopping list, which is longer than a head")
    with pytest.raises(StateError, match="not a journal"):
        opened(path)


def test_a_torn_end_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "live.journal"
    rows = crowd(random.Random(3))
    first, _ = opened(path)
    for row in rows[:40]:
        first.add(row)
    first.save("40")
    whole = path.read_bytes()
    for row in rows[40:60]:
        first.add(row)
    first.save("60")
    first.close()
    longer = path.read_bytes()
    for cut in range(len(whole), len(longer), max(1, (len(longer) - len(whole)) // 40)):
        path.write_bytes(longer[:cut])
        second, position = opened(path)
        assert position == "40"
        for row in rows[40:60]:
            second.add(row)
        assert customers(second) == customers(first)
        second.save("60")
        second.close()
        third, position = opened(path)
        assert position == "60"
        third.close()


def test_a_killed_process_loses_nothing_that_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "live.journal"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert child.stdout
    said = 0
    for line in child.stdout:
        said = int(line)
        if said >= 120:
            child.send_signal(signal.SIGKILL)
            break
    child.wait()
    stitcher = Stitcher(DEFAULT, b"key")
    position = int(stitcher.keep(path))
    assert position >= said
    rows = crowd(random.Random(4), 200)
    for row in rows[position:]:
        stitcher.add(row)
    other = Stitcher(DEFAULT, b"key")
    for row in rows:
        other.add(row)
    assert customers(stitcher) == customers(other)
