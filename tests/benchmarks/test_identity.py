"""Identity's benchmark on little data: measures against counting by hand, data sets as their publishers describe them,
and the whole of it on a few hundred records."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import benchmarks.identity as bench
import numpy as np
import pyarrow as pa
import pytest
from benchmarks.identity_data import LABELLED, SETS, load
from benchmarks.identity_engine import RECORDS, RETAIL, found_in, lake_of, run
from benchmarks.identity_generic import by_model, by_rules
from benchmarks.identity_measures import Found, judge, labelled, same_partition
from benchmarks.identity_online import events, timed
from benchmarks.identity_retail import write_retail
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data import bench_data

from floorwalker.engines.lake import Lake


def table(**columns: list) -> pa.Table:
    return pa.table(columns)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=9),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.sampled_from([0.1, 0.6, 0.9])), max_size=20),
)
def test_blocking_recall_and_calibration_equal_those_counted_by_hand(
    rows: list[tuple[int, int]], drawn: list[tuple[int, int, float]]
) -> None:
    ids = [f"r{n}" for n in range(len(rows))]
    pairs = {(a, b): p for a, b, p in drawn if a < b < len(rows)}
    certain = table(record_id=ids, customer_id=[str(c) for c, _ in rows])
    truth = table(record_id=ids, person_id=[str(p) for _, p in rows])
    weighed = pa.table(
        {
            "record_a": pa.array([ids[a] for a, _ in pairs], pa.string()),
            "record_b": pa.array([ids[b] for _, b in pairs], pa.string()),
            "probability": pa.array(list(pairs.values()), pa.float64()),
        }
    )
    said = judge(Found(certain, certain, weighed), truth)
    true = {(a, b) for a, b in itertools.combinations(range(len(rows)), 2) if rows[a][1] == rows[b][1]}
    reached = {(a, b) for a, b in true if rows[a][0] == rows[b][0] or (a, b) in pairs}
    assert said["blocking_recall"] == pytest.approx(len(reached) / len(true) if true else 1.0)
    apart = [pair for pair in pairs if rows[pair[0]][0] != rows[pair[1]][0]]
    for name, chosen in (("calibration_error", list(pairs)), ("calibration_error_uncertain", apart)):
        if len({pairs[pair] for pair in chosen}) == 1:
            expected = abs(pairs[chosen[0]] - np.mean([pair in true for pair in chosen]))
            assert said[name] == pytest.approx(expected)
        elif not chosen:
            assert math.isnan(said[name])


def test_levels_are_held_to_what_they_promise() -> None:
    ids = ["a", "b", "c"]
    apart, together = (table(record_id=ids, customer_id=c) for c in (["1", "2", "3"], ["1", "1", "1"]))
    said = judge(
        Found(apart, levels={"ads": (0.9, together), "crm": (0.99, apart)}),
        table(record_id=ids, person_id=["p", "p", "q"]),
    )
    assert said["ads.pair_precision"] == pytest.approx(1 / 3)
    assert said["ads.precision_error"] == pytest.approx(0.9 - 1 / 3)
    assert said["crm.precision_error"] == pytest.approx(0.01)


def test_labelled_pairs_are_counted_over_all_and_over_the_test_split() -> None:
    labels = table(
        record_a=["l1", "l1", "l2", "l3"], record_b=["r1", "r2", "r2", "r3"],
        same=[True, False, True, True], split=["test", "train", "test", "train"],
    )  # fmt: skip
    found = Found(table(record_id=["l1", "r1", "r2", "l2", "l3", "r3"], customer_id=["1", "1", "1", "2", "3", "3"]))
    said = labelled(found, labels)
    assert (said["pair_precision"], said["pair_recall"], said["pair_f1"]) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (said["test_pair_precision"], said["test_pair_recall"]) == (1.0, 0.5)


def test_partitions_are_compared_whatever_their_ids() -> None:
    ids = ["a", "b", "c"]
    one = table(record_id=ids, customer_id=["x", "x", "y"])
    assert same_partition(one, table(record_id=["c", "a", "b"], customer_id=["1", "2", "2"]))
    assert not same_partition(one, table(record_id=ids, customer_id=["1", "1", "1"]))
    assert not same_partition(one, table(record_id=ids, customer_id=["1", "2", "3"]))
    assert not same_partition(one, one.slice(0, 2))


@pytest.mark.parametrize(
    ("name", "records", "people", "pairs"),
    [
        ("febrl1", 1000, 500, 500),
        ("febrl2", 5000, 4000, 1934),
        ("febrl3", 5000, 2000, 6538),
        ("febrl_zingg20k", 20_000, 19_027, 1116),
        ("fake_1000", 1000, 251, None),
        ("historical_50k", 50_578, 5156, 303_961),
    ],
)
def test_tables_of_people_are_what_their_publishers_say(
    name: str, records: int, people: int, pairs: int | None
) -> None:
    bench_data("er_febrl", "febrl1.parquet")
    one = load(name)
    assert one.truth is not None
    assert one.records.num_rows == one.truth.num_rows == records
    sizes = [row["counts"] for row in one.truth["person_id"].value_counts().to_pylist()]
    assert len(sizes) == people
    assert pairs is None or sum(n * (n - 1) // 2 for n in sizes) == pairs
    said = one.records.select(list(one.fields))
    assert all(value is None or value == value.strip() != "" for column in said.columns for value in column.to_pylist())


def test_febrl_without_the_national_id_has_none() -> None:
    bench_data("er_febrl", "febrl3.parquet")
    assert load("febrl3").fields["soc_sec_id"] == "id"
    assert "soc_sec_id" not in load("febrl3_no_national_id").records.column_names
    dates = load("febrl3").records["date_of_birth"].drop_null().to_pylist()
    assert all(len(date) == 10 and date[4] == date[7] == "-" for date in dates)


@pytest.mark.parametrize(("name", "positives"), [("abt_buy", 1028), ("beer", 68), ("fodors_zagats", 110)])
def test_labelled_pairs_join_the_records_of_two_sides(name: str, positives: int) -> None:
    bench_data("er_products_labelled_pairs", f"{name}.parquet")
    one = load(name)
    assert one.labels is not None
    assert sum(one.labels["same"].to_pylist()) == positives
    sides = dict(zip(one.records["record_id"].to_pylist(), one.records[one.between].to_pylist(), strict=True))
    assert {sides[a] for a in one.labels["record_a"].to_pylist()} == {"l"}
    assert {sides[b] for b in one.labels["record_b"].to_pylist()} == {"r"}
    assert "class" not in one.records.column_names
    assert set(one.fields) == set(LABELLED[name])


def test_a_set_that_is_not_here_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOORWALKER_BENCH_DATA", str(tmp_path))
    assert bench.main(["--only", "febrl3", "--scratch", str(tmp_path / "s"), "--results", str(tmp_path)]) == 0
    assert "febrl3 is left out: data set 'er_febrl/febrl3.parquet' is not here" in capsys.readouterr().err
    assert [row["name"] for row in json.loads((tmp_path / "identity.json").read_text())["rows"]] == ["load_at_start"]


def test_the_rules_read_any_table_of_people() -> None:
    people = table(
        record_id=["a", "b", "c"], first=["Ann", "Ann", "Bob"], last=["Lee", "Lee", "Lee"], no=["5", "5", "5"],
        street=["Mill Lane", "Mill Lane", "Mill Lane"], zip=["LS1 1AA"] * 3, born=["1980-02-03", None, "1856-86-18"],
    )  # fmt: skip
    kinds = ("given_name", "family_name", "street_number", "address", "postcode", "birth_date")
    found = by_rules(people, dict(zip(people.column_names[1:], kinds, strict=True)))
    customer = dict(zip(*(found.customers[c].to_pylist() for c in ("record_id", "customer_id")), strict=True))
    assert customer["a"] == customer["b"] != customer["c"]


@pytest.mark.slow
def test_the_model_finds_damaged_people() -> None:
    bench_data("er_febrl", "febrl1.parquet")
    one = load("febrl1")
    assert one.truth is not None
    said = judge(by_model(one.records, one.fields), one.truth)
    assert said["pair_f1"] > 0.99
    assert said["blocking_recall"] > 0.99


def test_linked_sources_are_joined_across_only() -> None:
    bench_data("er_products_labelled_pairs", "fodors_zagats.parquet")
    one = load("fodors_zagats")
    found = by_model(one.records, one.fields, one.between)
    assert found.pairs is not None and one.labels is not None
    assert {
        (a[0], b[0]) for a, b in zip(*(found.pairs[c].to_pylist() for c in ("record_a", "record_b")), strict=True)
    } == {("l", "r")}
    assert labelled(found, one.labels)["pair_precision"] > 0.9


def test_the_stitcher_is_timed_on_what_comes_after_its_identifiers() -> None:
    customers: dict[str, str] = {}
    calls = []

    def stitch(event: dict[str, str]) -> str:
        calls.append(event)
        ids = [f"{kind}:{event[kind]}" for kind in ("account_id", "cookie_id", "customer_ref") if kind in event]
        known = next((customers[one] for one in ids if one in customers), ids[0])
        return customers.setdefault(ids[0], known)

    told = timed(stitch, events(seed=1), identifiers=2000, calls=500)
    assert 2000 <= told["identifiers"] < 2010
    assert len(calls) > 900
    assert 0 < told["p50_us"] <= told["p99_us"] <= told["p999_us"]
    assert any(set(event) == {"source", "market", "cookie_id"} for event in calls)


def test_what_is_finished_is_not_measured_again(tmp_path: Path) -> None:
    runs, made = bench.Runs(tmp_path), []

    def work() -> dict[str, int]:
        made.append(1)
        return {"seconds": 1}

    assert runs.kept("one", work) == runs.kept("one", work) == {"seconds": 1}
    assert made == [1]


def test_the_worst_seed_carries_the_goal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {1: 0.97, 2: 0.96, 3: 0.98}
    done: Callable[..., dict] = lambda _self, _size, seed, _method: {  # noqa: E731
        "said": {"pair_precision": said[seed], "largest_cluster": 28 + seed, "records": 100 + seed},
        "nodes": {}, "seconds": 1.0, "cpu": 1.0, "peak_mb": 300.0 + seed,
    }  # fmt: skip
    monkeypatch.setattr(bench.Runs, "retail", done)
    report = bench.Told("identity")
    bench.of_retail(report, bench.Runs(tmp_path), "retail_10k", 3)
    rows = {row.name: row for row in report.rows}
    assert (rows["retail_10k.pair_precision"].value, rows["retail_10k.pair_precision"].met) == (0.96, False)
    assert rows["retail_10k.pair_precision.mean"].value == pytest.approx(0.97)
    assert (rows["retail_10k.largest_cluster"].value, rows["retail_10k.largest_cluster"].met) == (31, False)
    assert rows["retail_10k.raw_equality.pair_precision"].value == pytest.approx(0.97)
    assert rows["retail_10k.records"].value == 102


def test_a_day_goes_on_from_the_last_run(tmp_path: Path) -> None:
    lake, method = lake_of(tmp_path), RETAIL["deterministic"]
    write_retail(lake, 600, seed=3)
    run(lake, method)
    first = customers_of(lake)
    with lake.connect() as connection:
        lake.view(connection, RECORDS)
        new = connection.sql(f"SELECT * REPLACE ('new' AS record_id, 'n1' AS customer_ref) FROM {RECORDS} LIMIT 1")
        lake.append(RECORDS, new.to_arrow_table(), connection)
    run(lake, method)
    second = customers_of(lake)
    assert second.keys() - first.keys() == {"new"}
    assert {record: second[record] for record in first} == first


def customers_of(lake: Lake) -> dict[str, str]:
    found = found_in(lake, RETAIL["deterministic"]).customers
    return dict(zip(found["record_id"].to_pylist(), found["customer_id"].to_pylist(), strict=True))


def test_every_goal_is_of_a_section() -> None:
    for row in (*bench.AT_LEAST, *bench.AT_MOST):
        assert row.split(".")[0].removesuffix("_ratio") in bench.SECTIONS
    assert set(SETS) <= set(bench.SECTIONS)


@pytest.mark.slow
def test_the_whole_benchmark_on_a_few_hundred_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SIZES", {"retail_10k": 400, "retail_100k": 700, "retail_1m": 1500})
    monkeypatch.setattr(bench, "AT_LEAST", {})
    monkeypatch.setattr(bench, "AT_MOST", {})
    sections = ["--only", "retail_10k,retail_1m", "incremental", "--seeds", "2"]
    assert bench.main([*sections, "--scratch", str(tmp_path / "s"), "--results", str(tmp_path)]) == 0
    rows = {row["name"]: row["value"] for row in json.loads((tmp_path / "identity.json").read_text())["rows"]}
    for name in ("pair_recall", "pair_recall.min", "largest_cluster", "seconds", "peak_mb", "raw_equality.pair_f1"):
        assert rows[f"retail_10k.{name}"] > 0
    assert rows["retail_10k.splink_tutorial.blocking_recall"] > 0
    assert rows["incremental_ratio"] > 0
    assert rows["incremental_day.records"] > 0
    assert "retail_1m.splink_tutorial.pair_f1" in rows
