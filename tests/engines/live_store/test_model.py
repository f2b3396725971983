"""Any sequence of batches, reads, clearing and reopening, beside plain dictionaries."""

from __future__ import annotations

import tempfile
import uuid

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.engines.live_store.twins import SETTINGS, TABLES, TWINS

from floorwalker.engines.live_store.opening import open_store
from floorwalker.errors import StateError

key = st.one_of(st.binary(min_size=1, max_size=3), st.binary(min_size=1, max_size=200))
value = st.builds(lambda seed, size: bytes([seed]) * size, st.integers(0, 255), st.integers(0, 30_000))
change = st.tuples(st.sampled_from(TABLES), key, st.one_of(st.none(), value))


class StoreMachine(RuleBasedStateMachine):
    """The model: a dictionary per table."""

    place = ""

    def __init__(self) -> None:
        super().__init__()
        name = uuid.uuid4().hex
        self.where = f"{self.place}?prefix={name}" if "://" in self.place else f"{self.place}/{name}"
        self.writer = open_store(self.where, TABLES, settings=SETTINGS, writing=True)
        self.other = open_store(self.where, TABLES, settings=SETTINGS)
        self.model: dict[str, dict[bytes, bytes]] = {table: {} for table in TABLES}

    @rule(changes=st.lists(change, max_size=30), breaks=st.sampled_from([False, False, False, True]))
    def write(self, changes: list[tuple[str, bytes, bytes | None]], breaks: bool) -> None:
        if breaks:
            with pytest.raises(StateError):
                self.writer.write([*changes, (TABLES[0], b"", b"")])
            return
        self.writer.write(changes)
        for table, one, new in changes:
            if new is None:
                self.model[table].pop(one, None)
            else:
                self.model[table][one] = new

    @rule(data=st.data(), table=st.sampled_from(TABLES))
    def read(self, data: st.DataObject, table: str) -> None:
        known = sorted(self.model[table])
        keys = data.draw(st.lists(st.one_of(st.sampled_from(known), key) if known else key, max_size=10))
        expected = [self.model[table].get(one) for one in keys]
        for store in (self.writer, self.other):
            assert store.get_many(table, keys) == [store.get(table, one) for one in keys] == expected
            with store.reading() as moment:
                assert moment.get_many(table, keys) == expected

    @rule(table=st.sampled_from(TABLES))
    def items(self, table: str) -> None:
        found = list(self.other.items(table))
        assert sorted(found) == sorted(self.model[table].items())
        if "://" not in self.where:
            assert found == sorted(found)

    @rule()
    def clear(self) -> None:
        self.writer.clear()
        self.model = {table: {} for table in TABLES}

    @rule()
    def reopen(self) -> None:
        self.writer.close()
        self.writer = open_store(self.where, TABLES, settings=SETTINGS, writing=True)

    @rule()
    def another_reader(self) -> None:
        self.other.close()
        self.other = open_store(self.where, TABLES, settings=SETTINGS)

    @invariant()
    def counts(self) -> None:
        for table in TABLES:
            assert self.other.count(table) == len(self.model[table])

    def teardown(self) -> None:
        for table in TABLES:
            assert dict(self.writer.items(table)) == self.model[table]
        self.writer.clear()
        self.writer.close()
        self.other.close()


@pytest.mark.parametrize("twin", TWINS)
def test_any_sequence(twin: str, request: pytest.FixtureRequest) -> None:
    with tempfile.TemporaryDirectory() as folder:

        class Machine(StoreMachine):
            place = folder if twin == "lmdb" else request.getfixturevalue("redis_url")

        run_state_machine_as_test(Machine, settings=settings(max_examples=30, stateful_step_count=25, deadline=None))
