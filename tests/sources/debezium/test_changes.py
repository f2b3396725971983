"""Files of Debezium's messages, read by a mapping: types, order, deletions, what changes nothing, what is bad."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.debezium.messages import decimal, line, lines, mysql, postgres, with_schema
from tests.sources.desk import Desk

from floorwalker.errors import ConfigError
from floorwalker.sources.debezium.values import decoded
from floorwalker.sources.mapping import Mapping, parse_mapping

TEXT = """
source = "erp"
files = "*"
format = "debezium"
change_key = "id"
rest = "skip"
[[maps]]
kind = "order_lines"
where = "__table = 'lines'"
[maps.columns]
order_id = { value = "A1" }
line_no = "id"
product_id = "sku"
quantity = { expression = "CASE WHEN __deleted = 'true' THEN '0' ELSE qty END" }
unit_price = "price"
occurred_at = { column = "sold_at", time_zone = "Europe/Berlin" }
email = "info.buyer.email"
"""
MAPPING = parse_mapping(TEXT)
TOLD = "SELECT line_no, quantity, unit_price, epoch_ms(occurred_at), email FROM order_lines ORDER BY ALL"


def give(desk: Desk, mapping: Mapping, name: str, text: str) -> None:
    """Read one more file."""
    path = desk.put(name, text)
    desk.read(mapping, [one for one in desk.found(mapping) if one.files[0].path == path])


def rows(desk: Desk) -> list[tuple]:
    return desk.connection.execute(
        "SELECT line_no, CAST(quantity AS DOUBLE), CAST(unit_price AS VARCHAR) FROM order_lines ORDER BY ALL"
    ).fetchall()


def test_types_by_the_schema(desk: Desk) -> None:
    give(desk, MAPPING, "a.jsonl", lines(with_schema(postgres("c", 10, None, line(1, "2.5", "-0.05")))))
    assert desk.connection.execute(TOLD).fetchall() == [
        ("1", Decimal("2.500"), Decimal("-0.0500"), 1767603600250, "ann@example.com")
    ]


def test_without_a_schema_a_decimal_must_be_text(desk: Desk) -> None:
    plain = {**line(1), "price": "5.10", "qty": "2", "sold_at": "2026-01-05T10:00:00"}
    give(desk, MAPPING, "a.jsonl", lines(postgres("c", 10, None, plain), postgres("c", 11, None, line(2))))
    assert rows(desk) == [("1", 2.0, "5.1000")]
    (why,) = desk.connection.execute("SELECT reason FROM incoming_quarantine").fetchone()
    assert "unit_price: cannot be read as a number" in why


def test_the_last_change_of_a_row_by_the_log_and_not_by_its_place_in_the_file(desk: Desk) -> None:
    messages = [
        postgres("r", 10, None, line(1, "1")),
        postgres("u", 30, line(1, "1"), line(1, "3")),
        postgres("u", 20, line(1, "1"), line(1, "2")),
        postgres("c", 11, None, line(2, "7")),
        postgres("d", 40, line(2, "7"), None),
    ]
    for place, order in enumerate(itertools.islice(itertools.permutations(messages), 0, 120, 17)):
        one = Desk(desk.folder / str(place))
        give(one, MAPPING, "a.jsonl", lines(*map(with_schema, order)))
        assert rows(one) == [("1", 3.0, "5.1000"), ("2", 0.0, "5.1000")]


def test_mysql_by_file_place_and_row(desk: Desk) -> None:
    messages = [
        mysql("u", 10, 4, line(1), line(1, "4")),
        mysql("u", 9, 900, line(1), line(1, "3")),
        mysql("u", 10, 4, line(1), line(1, "5"), row=1),
        mysql("c", 2, 4, None, line(3, "1")),
    ]
    give(desk, MAPPING, "a.jsonl", lines(*map(with_schema, messages)))
    assert rows(desk) == [("1", 5.0, "5.1000"), ("3", 1.0, "5.1000")]


def test_what_changes_no_row_is_passed_by(desk: Desk) -> None:
    nothing = [
        {"schema": None, "payload": None},
        "null",
        "",
        {"key": {"id": 1}, "value": None},
        {"status": "BEGIN", "id": "555:10", "ts_ms": 1, "event_count": None, "data_collections": None},
        {"status": "END", "id": "555:10", "event_count": 2, "data_collections": []},
        {"ts_ms": 1767607200000},
        {"source": {"server": "mysql-server-1"}, "databaseName": "shop", "ddl": "ALTER TABLE", "tableChanges": []},
        with_schema(postgres("m", 12, None, None)),
        with_schema(postgres("c", 12, None, {"id": 5}, table="others")),
    ]
    wrapped = {"key": {"id": 1}, "value": with_schema(postgres("c", 10, None, line(1)))}
    give(desk, MAPPING, "a.jsonl", lines(*nothing, wrapped))
    assert rows(desk) == [("1", 2.0, "5.1000")]
    assert desk.connection.execute("SELECT count(*) FROM incoming_quarantine").fetchone() == (0,)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{half", "it is not JSON"),
        ("[1]", "the message is no object"),
        ({"id": 1}, "no envelope of Debezium: it has no op"),
        (with_schema({**postgres("c", 1, None, line(1)), "op": "x"}), "an op that is none of c, u, r, d"),
        (with_schema(postgres("u", 1, None, None)), "op u without after"),
        (with_schema(postgres("d", 1, None, None)), "op d without before"),
        (with_schema({**postgres("c", 1, None, line(1)), "source": None}), "no source with a table"),
        (with_schema(postgres("c", 1, None, {**line(1), "id": None})), "it has no id, which names the row"),
        (with_schema(postgres("c", 1, None, {**line(1), "price": "%%"})), "price is no Decimal"),
        (with_schema(postgres("c", 1, None, {**line(1), "sold_at": "today"})), "sold_at is no MicroTimestamp"),
        (with_schema(postgres("t", 1, None, None)), "the table was emptied"),
    ],
)
def test_a_bad_message_waits_alone(desk: Desk, bad: object, reason: str) -> None:
    good = [with_schema(postgres("c", 10 + number, None, line(number))) for number in (1, 2)]
    give(desk, MAPPING, "a.jsonl", lines(good[0], bad, good[1]))
    assert [row[0] for row in rows(desk)] == ["1", "2"]
    ((number, why, raw),) = desk.connection.execute(
        "SELECT row_number, reason, raw FROM incoming_quarantine"
    ).fetchall()
    assert number == 2 and reason in why and why.startswith("change: ")
    assert raw and raw != '""'


def test_told_again_it_is_known_and_a_row_may_become_what_it_was(desk: Desk) -> None:
    first = with_schema(postgres("c", 10, None, line(1, "1")))
    second = with_schema(postgres("u", 20, line(1, "1"), line(1, "2")))
    third = with_schema(postgres("u", 30, line(1, "2"), line(1, "1")))
    for place, one in enumerate((first, second, third)):
        give(desk, MAPPING, f"{place}.jsonl", lines(one))
    assert len(rows(desk)) == 3
    # At least once: the connector begins again before where it ended.
    give(desk, MAPPING, "again.jsonl", lines(second, third))
    assert len(rows(desk)) == 3
    # A snapshot that is taken again says nothing new.
    for lsn in (40, 50):
        give(desk, MAPPING, f"r{lsn}.jsonl", lines(with_schema(postgres("r", lsn, None, line(9)))))
    assert len(rows(desk)) == 4


def test_a_value_that_was_not_logged_is_never_its_stand_in(desk: Desk) -> None:
    gone = {**line(1), "info": "__debezium_unavailable_value"}
    mapping = parse_mapping(TEXT.replace('email = "info.buyer.email"', 'product_name = "info"'))
    plain = {**gone, "price": "1", "qty": "1", "sold_at": "2026-01-05T10:00:00"}
    give(desk, mapping, "a.jsonl", lines(postgres("u", 10, None, plain)))
    assert desk.connection.execute("SELECT product_name FROM order_lines").fetchall() == [(None,)]


def test_a_mapping_must_say_what_names_a_row() -> None:
    with pytest.raises(ConfigError, match="come together"):
        parse_mapping(TEXT.replace('change_key = "id"\n', ""))
    with pytest.raises(ConfigError, match="come together"):
        parse_mapping(TEXT.replace('format = "debezium"', 'format = "jsonl"'))


@given(st.integers(-(10**18), 10**18), st.integers(0, 9))
def test_decimals_of_any_size_come_back(unscaled: int, scale: int) -> None:
    value = Decimal(unscaled).scaleb(-scale)
    field = {"name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": str(scale)}}
    assert decoded(decimal(str(value), scale), field) == value


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("io.debezium.time.Date", 20458, "2026-01-05"),
        ("io.debezium.time.Timestamp", 1767607200250, "2026-01-05T10:00:00.250000"),
        ("io.debezium.time.NanoTimestamp", 1767607200250000001, "2026-01-05T10:00:00.250000"),
        ("org.apache.kafka.connect.data.Timestamp", -1, "1969-12-31T23:59:59.999000"),
        ("io.debezium.time.MicroTime", 36_000_000_000, "10:00:00"),
        ("io.debezium.time.ZonedTimestamp", "2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z"),
        ("io.debezium.data.Enum", "red", "red"),
    ],
)
def test_times(name: str, value: object, expected: str) -> None:
    assert decoded(value, {"name": name}) == expected
