"""A stitcher and its journal: what is written, what is read again.

In: a stitcher and a file. Out: the stitcher with what the file holds; the file with what came since the base.

Replaying is adding again, and what a base has already is no news, so a journal goes on when a run has published a new
base: only what that does not have stays in it.

    keeper = Keeper(stitcher, path)
    position = keeper.open()                  where the caller goes on reading
    keeper.save(position)                     everything so far is on disk
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from floorwalker.identity.stitching.journal import Came, Entry, Gone, Journal, Mark, Policy, Seen

if TYPE_CHECKING:
    from floorwalker.identity.stitching.stitcher import Stitcher


class Keeper:
    """Writes nothing before `open` has read."""

    def __init__(self, stitcher: Stitcher, path: Path) -> None:
        self._stitcher = stitcher
        self._journal = Journal(path)
        self._position = ""
        self._is_open = False

    def open(self) -> str:
        """Replay the file; the position last saved, "" if there is none or the settings are others now."""
        entries, policy = self._journal.entries, self._policy()
        self._journal.entries = []
        for entry in entries if entries[:1] == [policy] else ():
            if isinstance(entry, Mark):
                self._position = entry.position
            elif not isinstance(entry, Policy):
                self._stitcher.replay(entry)
        # A record that came hashed may have met a clear value that has been erased since.
        self._stitcher.read_hashed_again()
        self._is_open = True
        live = list(self._all())
        if entries[:1] != [policy] or len(entries) > 2 * len(live):
            self._journal.rewrite(live)
        return self._position

    def came(self, row: int) -> None:
        """A record was added."""
        if self._is_open:
            self._journal.append(self._came(row))

    def seen(self, row: int) -> None:
        """A record came again."""
        if self._is_open:
            held = self._stitcher.held
            self._journal.append(Seen(held.ids[row], held.first_seen[row], held.last_seen[row]))

    def save(self, position: str) -> None:
        """Have everything on disk."""
        self._position = position
        self._journal.append(Mark(position))
        self._journal.flush()

    def close(self) -> None:
        """Write what waits; another process may open the file then."""
        self._is_open = False
        self._journal.close()

    def rewrite(self) -> None:
        """Write the file anew. After forgetting, a line that says so would not do: the file must not have it."""
        if self._is_open:
            self._journal.rewrite(self._all())

    def _policy(self) -> Policy:
        return Policy(md5(msgspec.json.encode(self._stitcher.held.settings), usedforsecurity=False).hexdigest())

    def _all(self) -> Iterator[Entry]:
        """What makes this stitcher of its base."""
        stitcher, held = self._stitcher, self._stitcher.held
        yield self._policy()
        for record_id in sorted(stitcher.touched):
            row = held.rows.get(record_id)
            if row is None:
                yield Gone(record_id)
            elif row < stitcher.base:
                yield Seen(record_id, held.first_seen[row], held.last_seen[row])
        for row in range(stitcher.base, len(held.ids)):
            if held.ids[row]:
                yield self._came(row)
        if self._position:
            yield Mark(self._position)

    def _came(self, row: int) -> Came:
        return came(self._stitcher, row)


def came(stitcher: Stitcher, row: int) -> Came:
    """What makes a record of a stitcher in another one: `Stitcher.replay`."""
    record_id = stitcher.held.ids[row]
    told = tuple(stitcher.tokens.told.get(record_id, ()))
    stays = stitcher.standing.number[row] >= 0
    return Came(stitcher.held.said(row), told, stitcher.tokens.born.get(record_id), stays)
