"""Events as rows: times by the one rule, the first of equal message ids, what each event feeds."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floorwalker.events.frames import Head, pack, unpack
from floorwalker.events.stamps import occurred, parse
from floorwalker.sources.collected.flatten import flatten_sql, said_sql
from floorwalker.sources.collected.frames_to_rows import rows_of

RECEIVED = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WORDS = [
    ("Order Completed", "Order Completed", "browse_events"), ("Order Completed", "Order Completed", "order_lines"),
    ("Completed Order", "Order Completed", "order_lines"), ("Order Completed", "Order Completed", "redemptions"),
    ("Consent Updated", "Consent Updated", "consents"), ("call:identify", "identify", "customers"),
    ("call:page", "Page Viewed", "browse_events"), ("Unsubscribed", "Unsubscribed", "consents"),
]  # fmt: skip


def said(events: list[Any], **head: Any) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; CREATE TABLE words (word VARCHAR, name VARCHAR, kind VARCHAR)")
    connection.executemany("INSERT INTO words VALUES (?, ?, ?)", WORDS)
    given = Head(int(RECEIVED.timestamp() * 1e6), "web", **head)
    raws = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in events]
    connection.register("events", rows_of([(0, 0, unpack(pack(given, raws)))]))
    connection.execute(f"CREATE TABLE said AS {said_sql('events')}")
    return connection


def rows(connection: duckdb.DuckDBPyConnection, columns: str) -> list[tuple[Any, ...]]:
    return connection.sql(f"SELECT {columns} FROM ({flatten_sql('said', 'words')}) ORDER BY ALL").fetchall()


MOMENTS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 1, 1), timezones=st.just(dt.UTC))
WRITTEN = st.one_of(
    st.none(), st.just("yesterday"), st.just(""), MOMENTS.map(lambda at: at.isoformat()),
    MOMENTS.map(lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
    MOMENTS.map(lambda at: at.astimezone(dt.timezone(dt.timedelta(hours=-7))).isoformat()),
    MOMENTS.map(lambda at: int(at.timestamp())), MOMENTS.map(lambda at: int(at.timestamp() * 1000)),
    MOMENTS.map(lambda at: at.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30))).strftime("%Y-%m-%d %H:%M%z")),
    st.sampled_from([
        "now", "infinity", "epoch", "today", "290309-12-22", "0000-01-01", "9999-12-31T23:59:59Z", "2026-02-30", "1e5",
        "2026-01-01T24:00:00", "2026-01-01T10", "20260101", "2026-W01-1", "2026-01-01T10:00:00+99:00", 10**20, -5, 1.5,
        "1700000000", "1700000000.5", "2026-01-01T10:00:00.123456789Z", "2026-01-01T10:00:60Z", True, {}, [],
        "0001-01-01", "-1700000000000",
    ]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(WRITTEN, WRITTEN, WRITTEN)
def test_when_it_happened_is_worked_out_as_in_python(original: Any, own: Any, sent: Any) -> None:
    event = {"type": "page", "userId": "u", "messageId": "m", "originalTimestamp": original, "timestamp": own}
    connection = said([event | {"sentAt": sent}])
    ((found,),) = connection.execute("SELECT moment FROM said").fetchall()
    at = original if original is not None else own
    expected, _ = occurred(parse(at), parse(sent), RECEIVED)
    assert abs(found - expected) < dt.timedelta(milliseconds=1)


def test_an_order_becomes_lines_a_visit_and_a_coupon() -> None:
    order = {
        "type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1", "properties": {
            "order_id": "o1", "coupon": "C1", "currency": "GBP",
            "products": [{"product_id": "p1", "price": 1.5}, {"sku": "p2"}],
        },
    }  # fmt: skip
    found = rows(said([order]), "row_kind, event_name, account_id, line")
    assert found == [
        ("browse_events", "Order Completed", "u1", None), ("collected_events", "Order Completed", "u1", None),
        ("order_lines", "Order Completed", "u1", '{"product_id":"p1","price":1.5}'),
        ("order_lines", "Order Completed", "u1", '{"sku":"p2"}'), ("redemptions", "Order Completed", "u1", None),
    ]  # fmt: skip


def test_aliases_have_the_name_that_models_look_for() -> None:
    event = {"type": "track", "event": "Completed Order", "userId": "u", "properties": {"products": [{}]}}
    assert rows(said([event], assigned={0: "m"}), "row_kind, event_name") == [
        ("collected_events", "Order Completed"), ("order_lines", "Order Completed"),
    ]  # fmt: skip


def test_consent_comes_by_property_by_category_by_unsubscribing_and_by_the_browser() -> None:
    def track(event: str, **more: Any) -> dict[str, Any]:
        return {"type": "track", "event": event, "userId": "u", "messageId": event + str(more), **more}

    found = rows(
        said([
            track("Consent Updated", properties={"purpose": "ads", "status": "denied"}),
            track("Consent Updated", context={"consent": {"categoryPreferences": {"analytics": True, "ads": False}}}),
            track("Unsubscribed"),
        ], gpc=True),
        "line->>'purpose', line->>'status', line->>'method'",
    )  # fmt: skip
    consents = [one for one in found if one[0]]
    assert consents == [
        ("ads", "denied", "Global Privacy Control"), ("ads", "denied", None), ("ads", "denied", None),
        ("analytics", "granted", None), ("marketing_email", "withdrawn", None),
    ]  # fmt: skip


def test_who_it_was_is_found_wherever_an_sdk_puts_it() -> None:
    events = [
        {"type": "identify", "userId": "u", "messageId": "1", "traits": {"email": "a@b.de", "phone": "1"}},
        {"type": "page", "anonymousId": 7, "messageId": "2", "context": {"traits": {"email": "c@d.de"}}},
        {"type": "page", "anonymousId": "a", "messageId": "3", "context": {
            "device": {"id": "d1"}, "externalIds": [{"id": "L0", "type": "x"}, {"id": "L1", "type": "loyalty_id"}]}},
        {"type": "alias", "userId": "u", "previousId": "a", "messageId": "4"},
    ]  # fmt: skip
    found = rows(
        said(events, context=b'{"locale":"de"}'),
        "message_id, account_id, anonymous_id, email, phone, device_id, loyalty_id, context->>'locale', row_kind",
    )
    wanted = [one[:-1] for one in found if one[-1] == "collected_events"]
    assert wanted == [
        ("1", "u", None, "a@b.de", "1", None, None, "de"), ("2", None, "7", "c@d.de", None, None, None, "de"),
        ("3", None, "a", None, None, "d1", "L1", "de"), ("4", "u", None, None, None, None, None, "de"),
    ]  # fmt: skip
    assert ("4", "u", "a", None, None, None, None, "de", "customers") in found


@pytest.mark.parametrize("odd", [
    {"properties": [1]}, {"traits": "x"}, {"context": 3}, {"properties": {"products": 7}}, {"context": {"traits": 1}},
    {"context": {"consent": 1}}, {"context": {"externalIds": {"id": 1}}}, {"properties": None}, {"timestamp": {}},
])  # fmt: skip
def test_odd_shapes_are_no_reason_to_stop(odd: dict[str, Any]) -> None:
    event = {"type": "track", "event": "Order Completed", "userId": "u", "messageId": "m"}
    found = rows(said([event | odd]), "row_kind")
    assert ("collected_events",) in found


def test_one_of_equal_message_ids_counts_and_refused_or_broken_events_do_not() -> None:
    page = {"type": "page", "userId": "u", "messageId": "m"}
    events = [
        page,
        page | {"userId": "v"},
        page | {"messageId": "n"},
        b'{"type":"page","userId":"u","x":1e99999}',
        page,
    ]
    connection = said(events, refused={4: "no"}, assigned={3: "o"})
    found = connection.execute("SELECT message_id, user_id FROM said ORDER BY 1").fetchall()
    assert found[:2] == [("m", "u"), ("n", "u")]
