"""What a SQLite file still holds of rows that are gone: free pages, and the gaps inside pages.

In: the bytes of a database file. Out: its regions that belong to no living row. A deleted row stays there, readable,
until the page is used again, unless `secure_delete` was on or the file was rebuilt with VACUUM. Slack behind the last
piece of an overflowing value is not walked: `secure_delete` and VACUUM leave none. Layout: sqlite.org/fileformat2.html.

>>> list(leftover_regions(b"not a database"))
[]
"""

from __future__ import annotations

from collections.abc import Iterator

MAGIC = b"SQLite format 3\x00"
_LEAF_OR_INTERIOR = {2: 12, 5: 12, 10: 8, 13: 8}  # page kind → length of its header


def leftover_regions(data: bytes) -> Iterator[bytes]:
    """Free pages whole; of b-tree pages the unallocated gap and the freeblocks."""
    if not data.startswith(MAGIC):
        return
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    free = set(_free_pages(data, size))
    for number in range(1, len(data) // size + 1):
        page = data[(number - 1) * size : number * size]
        if number in free:
            yield page
        else:
            yield from _gaps(page, 100 if number == 1 else 0)


def _free_pages(data: bytes, size: int) -> Iterator[int]:
    trunk = int.from_bytes(data[32:36], "big")
    seen = set()
    while trunk and trunk not in seen and trunk * size <= len(data):
        seen.add(trunk)
        yield trunk
        start = (trunk - 1) * size
        leaves = min(int.from_bytes(data[start + 4 : start + 8], "big"), size // 4 - 2)
        for index in range(leaves):
            yield int.from_bytes(data[start + 8 + 4 * index : start + 12 + 4 * index], "big")
        trunk = int.from_bytes(data[start : start + 4], "big")


def _gaps(page: bytes, start: int) -> Iterator[bytes]:
    header = _LEAF_OR_INTERIOR.get(page[start])
    if header is None:
        return
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    content = int.from_bytes(page[start + 5 : start + 7], "big") or 65536
    yield page[start + header + 2 * cells : content]
    block, seen = int.from_bytes(page[start + 1 : start + 3], "big"), set()
    while block and block not in seen and block + 4 <= len(page):
        seen.add(block)
        length = int.from_bytes(page[block + 2 : block + 4], "big")
        yield page[block + 4 : block + max(length, 4)]
        block = int.from_bytes(page[block : block + 2], "big")
