"""The machine's trouble is told apart from a mistake of ours."""

from __future__ import annotations

import pytest

from floorwalker.engines.trouble import explained
from floorwalker.errors import StateError


def test_a_mistake_made_while_a_missing_file_is_dealt_with_stays_a_mistake() -> None:
    with pytest.raises(KeyError) as caught:
        try:
            raise FileNotFoundError(2, "No such file or directory", "x")
        except FileNotFoundError:
            {}["a mistake"]
    assert explained(caught.value) is None


def test_what_came_of_a_full_disk_is_the_full_disk() -> None:
    error = StateError("a table could not be written")
    error.__cause__ = OSError(28, "No space left on device")
    found = explained(error)
    assert found is not None and found.what == "the disk is full"
