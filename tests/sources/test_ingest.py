"""Files with the defects real ones have, read into rows of the vocabulary; every row is accounted for."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal as D

import pytest
from tests.sources.desk import HEADER, RECEIVED, Desk, sales

from floorwalker.errors import ConfigError
from floorwalker.events.vocabulary import KINDS, LAKE_TYPES
from floorwalker.sources.ingest import drop_incoming, new_rows_sql, read_deliveries
from floorwalker.sources.mapping import Defaults, parse_mapping

LINE = "1001,2011-07-01 12:00,A1,Mug,2,2.55,17850.0"
CORE = "order_id, occurred_at, product_id, product_name, quantity, unit_price, customer_ref"
WANTED = [("1001", dt.datetime(2011, 7, 1, 11, tzinfo=dt.UTC), "A1", "Mug", D(2), D("2.55"), "17850")]


def csv(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def test_a_row_has_every_column_of_its_kind(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE))
    result = desk.read(sales())
    assert desk.rows(CORE) == WANTED
    described = desk.connection.execute("DESCRIBE incoming_order_lines").fetchall()
    types = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    kind = KINDS["order_lines"]
    assert [(row[0], row[1]) for row in described] == [
        (column.name, types.get(LAKE_TYPES[column.type], LAKE_TYPES[column.type])) for column in kind.columns
    ]
    derived = "source, occurred_on, received_at, channel, market, brand, order_key, amount, currency, schema_version"
    assert desk.rows(derived) == [
        ("till", dt.date(2011, 7, 1), RECEIVED, "store", "UK", None, "till:1001", D("5.10"), "GBP", 1)
    ]
    (event, record, delivery) = desk.rows("event_id, record_id, delivery_id")[0]
    assert len(event) == len(record) == len(delivery) == 32
    assert delivery == result.deliveries[0].delivery.delivery_id


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", csv(LINE).replace("\n", "\r")),
        ("a.csv", csv(LINE).replace("\n", "\r\n")),
        ("a.csv", b"\xef\xbb\xbf" + csv(LINE).encode()),
        ("a.csv", csv(LINE).encode("utf-16")),
        ("a.csv", csv("  1001,  2011-07-01 12:00,\tA1 , Mug,  2 , 2.55,  17850.0 ")),
        ("a.csv", csv(LINE).replace(",", ";")),
        ("a.tsv", csv(LINE).replace(",", "\t")),
        ("a.csv.gz", gzip.compress(csv(LINE).encode(), mtime=0)),
        ("odd [1]*.csv", csv(LINE)),
        ("a.csv", csv(LINE, header=HEADER.replace("sku", ' "sku" '))),
        ("a.csv", "\n\n" + csv(LINE) + "\n\n"),
        ("a.csv", csv(LINE).replace("Mug", "M\0ug")),
        ("a.csv", csv(LINE + ",9", header=HEADER + ",No")),
        ("a.jsonl", json.dumps(dict(zip(HEADER.split(","), LINE.split(","), strict=True)))),
        ("a.jsonl", '{"no":1001,"at":"2011-07-01T11:00:00Z","sku":"A1","name":"Mu\\u0000g","qty":2,"price":2.55,'
                    '"customer":17850.0}\r\n\r\n'),
    ],
)  # fmt: skip
def test_one_row_in_many_dresses_is_one_row(desk: Desk, name: str, content: str | bytes) -> None:
    desk.put("plain/a.csv", csv(LINE))
    desk.put(name, content)
    mapping = sales('rest = "quarantine"')
    both = [*desk.found(parse(mapping, "plain/*")), *desk.found(mapping)]
    result = desk.read(mapping, both)
    assert desk.rows(CORE) == WANTED
    assert result.kinds["order_lines"].accepted == 2
    assert result.kinds["order_lines"].repeated == 1
    assert not result.refused


def parse(mapping, pattern: str):
    from dataclasses import replace

    return replace(mapping, files=(pattern,))


def test_bad_rows_go_alone_and_with_reasons(desk: Desk) -> None:
    desk.put(
        "a.csv",
        csv(
            LINE,
            "1002,2011-07-01 12:00,A1,Mug,two,2.55,1",
            "1003,,A1,Mug,2,2.55,1",
            "1004,2011-07-01 12:00,A1,Mug",
            "1005,2011-13-01 12:00,,Mug,2,2.55,1",
            "1006,2011-07-01 12:00,A1,Mug,2,2.55,9.94E+14",
            "1007,2011-07-01 12:00,A1,Mug,2,2.55,1,surplus,more",
            '1008,2011-07-01 12:00,A1,"Mug,2,2.55,1',
            "1009,2011-07-01 12:00,A1,Mug,999999999999,999999999,1",
            LINE.replace("1001", "1010"),
        ),
    )
    result = desk.read(sales())
    assert [row[0] for row in desk.rows("order_id")] == ["1001", "1010"]
    assert desk.quarantine() == [
        (2, "quantity: cannot be read as a number"),
        (3, "occurred_at: missing"),
        (4, "malformed line: too few fields"),
        (5, "occurred_at: cannot be read as a time; product_id: missing"),
        (6, "customer_ref: id destroyed by a spreadsheet"),
        (7, "malformed line: too many fields"),
        (8, "malformed line: quotes that do not match"),
        (9, "amount: too large"),
    ]
    assert result.deliveries[0].read == 10 == result.deliveries[0].accepted + result.deliveries[0].quarantined
    raw = dict(desk.rows("row_number, raw", "incoming_quarantine"))
    assert json.loads(raw[2])["qty"] == "two"
    assert json.loads(raw[4]) == "1004,2011-07-01 12:00,A1,Mug"
    assert json.loads(raw[8]).startswith("1008,")


def test_invalid_json_goes_alone(desk: Desk) -> None:
    good = json.dumps(dict(zip(HEADER.split(","), LINE.split(","), strict=True)))
    desk.put("a.jsonl", "\n".join([good, '{"no": 1', "[1, 2]", "", good.replace("1001", "1002"), "x\x1fy"]))
    result = desk.read(sales())
    assert [row[0] for row in desk.rows("order_id")] == ["1001", "1002"]
    assert [reason for _, reason in desk.quarantine()] == [
        *["invalid JSON line"] * 2,
        "malformed line: too many fields",
    ]
    assert [number for number, _ in desk.quarantine()] == [2, 3, 6]
    assert result.unrouted == 3
    assert result.deliveries[0].read == 5


def test_json_paths_numbers_and_booleans(desk: Desk) -> None:
    desk.put(
        "a.jsonl",
        '{"shop":{"id":7},"tags":["x","y"],"geo":{"lat":51.5},"open.since":"2001-02-03"}\n{"shop":{"id":"8"},"geo":null}\n',
    )
    mapping = parse_mapping(
        'source = "s"\nfiles = "*"\n[[maps]]\nkind = "stores"\n[maps.columns]\nstore_id = "shop.id"\ncity = "tags.1"\n'
        'opened_on = "open.since"\nlatitude = "geo.lat"\nname = { expression = "\'no. \' || shop.id" }\n'
    )
    desk.read(mapping)
    assert desk.rows("store_id, city, latitude, name", "stores") == [
        ("7", "y", 51.5, "no. 7"),
        ("8", None, None, "no. 8"),
    ]


def test_routing_first_match_rest_and_null(desk: Desk) -> None:
    text = """
source = "till"
files = "*"
{rest}
[[maps]]
kind = "returns"
where = "type = 'R'"
columns = {{ product_id = "sku", quantity = "qty", occurred_at = "at", is_cancellation = {{ value = true }} }}
[[maps]]
kind = "returns"
where = "type IN ('R', 'C')"
columns = {{ product_id = "sku", quantity = "qty", occurred_at = "at" }}
"""
    desk.put("a.csv", "type,sku,qty,at\nR,A,1,2026-01-01\nC,A,1,2026-01-01\n,A,1,2026-01-01\nX,B,1,2026-01-01\n")
    result = desk.read(parse_mapping(text.format(rest="")))
    assert desk.rows("product_id, is_cancellation", "returns", "event_id") in (
        [("A", True), ("A", None)],
        [("A", None), ("A", True)],
    )
    assert desk.quarantine() == [(3, "no map matches"), (4, "no map matches")]
    assert result.unrouted == result.deliveries[0].quarantined == 2
    result = desk.read(parse_mapping(text.format(rest='rest = "skip"')))
    assert (desk.quarantine(), result.skipped, result.deliveries[0].skipped) == ([], 2, 2)
    assert len(desk.rows("1", "returns")) == 2


def test_values_rewritten_hashed_and_spelt(desk: Desk) -> None:
    text = """
source = "crm"
files = "*"
[[maps]]
kind = "consents"
[maps.columns]
occurred_at = "at"
purpose = { column = "what", map = { "news" = "marketing_email" }, default = "ads" }
status = "status"
email = { column = "mail", hash = "sha256(lower(trim(email)))" }
loyalty_id = { column = "card", default = "none" }
language = { expression = "'  en ' " }
"""
    digest = "AB" * 32
    desk.put("a.csv", f"at,what,status,mail,card\n2026-01-01,news,GRANTED,{digest},\n2026-01-01,post,denied,,7\n"
                      "2026-01-01,news,perhaps,,7\n2026-01-01,news,denied,me@example.org,7\n")  # fmt: skip
    desk.read(parse_mapping(text))
    assert desk.rows("purpose, status, email, loyalty_id, language", "consents") == [
        ("ads", "denied", None, "7", "en"),
        ("marketing_email", "granted", "hash:sha256(lower(trim(email))):" + digest.lower(), "none", "en"),
    ]
    assert desk.quarantine() == [(3, "status: not an accepted value"), (4, "email: not a hash")]


def test_number_in_an_expression_that_is_none(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE, "1002,2011-07-01 12:00,A1,Mug,2,cheap,1"))
    desk.read(sales(unit_price='{ expression = "abs(as_number(price))" }'))
    assert desk.quarantine() == [(2, "unit_price: missing; unit_price: cannot be read as a number")]


def test_unnamed_repeated_and_awkward_column_names(desk: Desk) -> None:
    desk.put("a.csv", ',no,"it\'s ""sku""",qty,qty\n7,S1,A,1,2\n')
    text = """
source = "s"
files = "*"
[[maps]]
kind = "stock"
[maps.columns]
store_id = "{first}"
product_id = 'it''s "sku"'
quantity = "qty_1"
"""
    for first in ("", "column0"):
        desk.read(
            parse_mapping(
                text.format(first=first).replace("it''s", "it's").replace("'it's \"sku\"'", '"it\'s \\"sku\\""')
            )
        )
    assert desk.rows("store_id, product_id, quantity", "stock") == [("7", "A", D(2))]


def test_missing_column_refuses_the_delivery_alone(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE, header=HEADER.replace("customer", "custmer")))
    desk.put("b.csv", csv(LINE))
    desk.put("c.csv.gz", b"no gzip at all")
    desk.put("d.parquet", b"no parquet")
    desk.put("e.weird", b"?")
    result = desk.read(sales())
    assert desk.rows(CORE) == WANTED
    assert [delivery.name for delivery, _ in result.refused] == ["a.csv", "c.csv.gz", "d.parquet", "e.weird"]
    assert "did you mean 'custmer'?" in str(result.refused[0][1])
    assert [one.delivery.name for one in result.deliveries] == ["b.csv"]


@pytest.mark.parametrize("content", ["", "\n", HEADER, HEADER + "\n"])
def test_nothing_in_a_file_is_a_delivery_of_nothing(desk: Desk, content: str) -> None:
    desk.put("a.csv", content)
    result = desk.read(sales())
    assert (result.deliveries[0].read, result.refused, desk.rows("1")) == (0, (), [])


def test_quoted_newlines_stay_in_their_field(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE.replace("Mug", '"Mug,\r\n""blue"""'), "x", LINE.replace("1001", "1002")))
    desk.read(sales())
    assert desk.rows("order_id, product_name") == [("1001", 'Mug,\n"blue"'), ("1002", "Mug")]
    assert desk.quarantine() == [(2, "malformed line: too few fields")]


def test_types_of_parquet_are_used_and_its_raw_rows_kept(desk: Desk) -> None:
    rows = (
        "SELECT 1001 AS no, TIMESTAMP '2011-07-01 12:00' AS at, 'A1' AS sku, ' Mug' AS name, 2::SMALLINT AS qty, "
        "2.55::DOUBLE AS price, 17850.0::DOUBLE AS customer, 'kept' AS unmapped"
    )
    worse = rows.replace("2::SMALLINT", "NULL::SMALLINT").replace("17850.0", "'nan'")
    desk.connection.execute(f"COPY ({rows} UNION ALL {worse}) TO '{desk.folder}/a.parquet'")
    desk.put("b.csv", csv(LINE))
    result = desk.read(sales())
    assert desk.rows(CORE) == WANTED
    assert result.kinds["order_lines"].repeated == 1
    assert desk.quarantine() == [(2, "quantity: missing")]
    assert json.loads(desk.rows("raw", "incoming_quarantine")[0][0])["unmapped"] == "kept"


def test_words_for_nothing_may_be_numbers(desk: Desk) -> None:
    desk.connection.execute(f"COPY (SELECT 'A' AS sku, -1 AS qty, 'S' AS shop) TO '{desk.folder}/a.parquet'")
    text = 'source = "s"\nfiles = "*"\nnull_values = ["-1"]\n[[maps]]\nkind = "stock"\n'
    desk.read(parse_mapping(text + 'columns = { product_id = "sku", quantity = "qty", store_id = "shop" }'))
    assert desk.quarantine() == [(1, "quantity: missing")]


def test_things_and_customers_may_be_undated(desk: Desk) -> None:
    text = 'source = "s"\nfiles = "*"\ntime_zone = "Pacific/Auckland"\n[[maps]]\nkind = "customers"\n'
    mapping = parse_mapping(text + 'columns = { email = "mail", city = "city" }')
    desk.put("a.csv", "mail,city\nA@x.org,Bath\n,Bath\n")
    desk.read(mapping)
    assert desk.rows("occurred_at, occurred_on", "customers") == [(RECEIVED, dt.date(2026, 2, 1))] * 2
    assert [row[0] is None for row in desk.rows("record_id", "customers", "email")] == [False, True]
    ids = desk.rows("event_id", "customers")
    read_deliveries(desk.connection, mapping, desk.found(mapping), RECEIVED + dt.timedelta(days=9))
    assert desk.rows("event_id", "incoming_customers") == ids


def test_one_persons_words_make_one_record(desk: Desk) -> None:
    desk.put(
        "a.csv", csv(LINE, LINE.replace("1001", "1002"), LINE.replace("17850.0", "2"), LINE.replace("17850.0", ""))
    )
    desk.read(sales())
    found = dict(desk.rows("order_id || coalesce(customer_ref, '-'), record_id"))
    assert found["100117850"] == found["100217850"] != found["10012"]
    assert found["1001-"] is None


def test_equal_rows_of_a_delivery_are_kept_and_those_of_another_known(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE, LINE))
    desk.put("b.csv", csv(LINE, LINE, LINE))
    result = desk.read(sales())
    assert len(desk.rows("event_id")) == len(set(desk.rows("event_id"))) == 3
    assert (result.kinds["order_lines"].accepted, result.kinds["order_lines"].repeated) == (5, 2)
    again = desk.read(sales())
    assert len(desk.rows("event_id")) == 3
    assert again.kinds["order_lines"].accepted == 5


def test_parts_of_a_folder_are_one_delivery(desk: Desk) -> None:
    for day in ("monday", "tuesday"):
        for part in ("1", "2"):
            desk.put(f"{day}/part{part}.csv", csv(LINE) + ("\n" if part == "2" else ""))
    mapping = parse(sales('delivery = "folder"'), "*/*.csv")
    result = desk.read(mapping)
    assert len(desk.rows("event_id")) == 2
    assert [one.delivery.name for one in result.deliveries] == ["monday"], "equal content is one delivery"
    assert result.deliveries[0].read == 2


def test_the_name_of_a_file_and_defaults_are_no_content(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE))
    desk.read(sales())
    renamed = Desk(desk.folder)
    (desk.folder / "a.csv").rename(desk.folder / "b.csv")
    mapping = sales()
    assert [one.fingerprint for one in renamed.found(mapping)] == [desk.result.deliveries[0].delivery.fingerprint]
    other = sales('brand = "Acme"')
    assert renamed.found(other)[0].fingerprint != renamed.found(mapping)[0].fingerprint
    renamed.read(other)
    assert renamed.rows("event_id, brand") == [(desk.rows("event_id")[0][0], "Acme")]


def test_suppressed_people_pass_neither_into_rows_nor_into_quarantine(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE, LINE.replace("17850.0", "2"), LINE.replace(",2,", ",two,")))
    desk.connection.execute("CREATE TEMP TABLE gone AS SELECT md5('customer_ref17850') AS hash")
    result = desk.read(sales(), suppressed="gone", hash_sql=lambda kind, sql: f"md5('{kind}' || {sql})")
    assert desk.rows("customer_ref") == [("2",)]
    assert desk.quarantine() == []
    assert result.deliveries[0].suppressed == result.kinds["order_lines"].suppressed == 2
    assert result.deliveries[0].read == 3


def test_sql_and_constants_that_do_not_run_say_so(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE))
    with pytest.raises(ConfigError, match="the SQL of 'product_name' does not run"):
        desk.read(sales(product_name='{ expression = "no_such_function(name)" }'))
    with pytest.raises(ConfigError, match="the mapping's SQL does not run"):
        desk.read(parse_mapping('source="s"\nfiles="*"\n[[maps]]\nkind="stock"\nwhere="nope(sku)"\n'
                                'columns={product_id="sku", quantity="qty"}'))  # fmt: skip
    with pytest.raises(ConfigError, match="the value of 'quantity' does not fit"):
        desk.read(sales(quantity='{ value = "many" }'))
    with pytest.raises(ConfigError, match="no time zone"):
        read_deliveries(desk.connection, sales(), [], dt.datetime(2026, 1, 1))


def test_constants_differ_by_map_and_count_as_content(desk: Desk) -> None:
    text = """
source = "c"
files = "*"
[[maps]]
kind = "consents"
where = "news = 'Y'"
columns = { occurred_at = "at", email = "mail", purpose = { value = "ads" }, status = { value = "granted" } }
[[maps]]
kind = "consents"
columns = { occurred_at = "at", email = "mail", purpose = { value = "ads" }, status = { value = "denied" } }
"""
    desk.put("a.csv", "at,mail,news\n2026-01-01,a@x.org,Y\n2026-01-01,a@x.org,N\n")
    desk.read(parse_mapping(text))
    assert desk.rows("status", "consents") == [("denied",), ("granted",)]
    first = desk.rows("event_id", "consents")
    desk.put("a.csv", "at,mail,news\n2026-01-01,a@x.org,N\n2026-01-01,a@x.org,Y\n")
    desk.read(parse_mapping(text))
    assert desk.rows("event_id", "consents") == first


def test_the_connection_is_left_as_it_was(desk: Desk) -> None:
    desk.connection.execute("SET preserve_insertion_order = false")
    desk.put("a.csv", csv(LINE, "x"))
    desk.read(sales())
    assert desk.connection.execute("SELECT current_setting('preserve_insertion_order')").fetchone() == (False,)
    drop_incoming(desk.connection)
    left = "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'incoming')"
    assert desk.connection.execute(left).fetchall() == []


def test_defaults_of_the_project_reach_the_rows(desk: Desk) -> None:
    desk.put("a.csv", "sku,price,from\nA,2.5,2026-01-01\n")
    text = 'source = "s"\nfiles = "*"\n[[maps]]\nkind = "prices"\n'
    columns = 'columns = { product_id = "sku", price = "price", valid_from = "from", occurred_at = "from" }'
    desk.read(
        parse_mapping(text + columns, Defaults(currency="EUR", legal_entity="Acme Ltd", purposes="analytics ads"))
    )
    assert desk.rows("currency, legal_entity, purposes, channel", "prices") == [
        ("EUR", "Acme Ltd", "analytics ads", None)
    ]


def test_many_files_of_one_header_are_one_scan(desk: Desk) -> None:
    for day in range(1, 31):
        desk.put(f"d{day:02}.csv", csv(LINE.replace("1001", str(day)), "x", LINE.replace("1001", f"{day}b")))
    result = desk.read(sales())
    assert len(desk.rows("order_id")) == 60
    assert desk.rows("file, row_number, reason", "incoming_quarantine")[0] == (
        "d01.csv", 2, "malformed line: too few fields"
    )  # fmt: skip
    assert {one.read for one in result.deliveries} == {3}


def test_new_rows_sql() -> None:
    assert "ANTI JOIN (SELECT event_id FROM bronze.stock)" in new_rows_sql("stock", "bronze.stock")


@pytest.mark.parametrize(
    ("written", "options", "hour"),
    [
        ("2011-07-01 12:59", "", 12),
        ("2011-07-01T11:00:00Z", "", 12),
        ("2011-07-01", "", None),
        ("01/07/2011", 'formats = ["%d/%m/%Y"]', None),
        ("01/07/2011 23:05", 'formats = ["%d/%m/%Y %H:%M"]', 23),
        ("1309518000", 'formats = ["epoch"]', 12),
    ],
)
def test_the_hour_is_the_source_s_and_a_day_alone_has_none(
    desk: Desk, written: str, options: str, hour: int | None
) -> None:
    desk.put("a.csv", csv(f"1001,{written},A1,Mug,2,2.55,17850"))
    at = f'{{ column = "at", {options} }}' if options else '"at"'
    desk.read(sales(occurred_at=at))
    assert desk.rows("occurred_on, occurred_hour") == [(dt.date(2011, 7, 1), hour)]


def test_deliveries_of_one_batch_are_received_in_their_order(desk: Desk) -> None:
    desk.put("a.csv", csv(LINE))
    desk.put("b.csv", csv(LINE.replace("1001", "1002")))
    desk.read(sales())
    assert desk.rows("order_id, received_at") == [("1001", RECEIVED), ("1002", RECEIVED + dt.timedelta(microseconds=1))]


def test_circumstances_are_no_part_of_who_somebody_is(desk: Desk) -> None:
    text = """source = "crm"
files = "*"
[[maps]]
kind = "customers"
columns = { email = "mail", income_band = "income", children = "children" }"""
    desk.put("a.csv", "mail,income,children\nann@x.org,20-30K,1\n")
    desk.put("b.csv", "mail,income,children\nann@x.org,30-40K,2\n")
    desk.read(parse_mapping(text))
    assert len(desk.rows("record_id, income_band, children", "customers")) == 2
    assert len(desk.rows("DISTINCT record_id", "customers")) == 1
