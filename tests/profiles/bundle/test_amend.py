"""An amended bundle holds what a bundle of the same tables built whole holds, entry by entry."""

from __future__ import annotations

from pathlib import Path

import duckdb
import lmdb
import msgspec
import pytest
from tests.decisions.shop import AS_OF, KEYS, PEOPLE, RUN, c, gold

from floorwalker.profiles.bundle import Bundle, build_bundle
from floorwalker.profiles.bundle.amend import PEOPLE as TABLES
from floorwalker.profiles.bundle.amend import amend_bundle
from floorwalker.profiles.bundle.layout import DATABASES, DONE, Done

NEW = "c" + "n" * 26


def entries(folder: Path) -> dict[str, dict[bytes, bytes]]:
    """Everything in a bundle."""
    done = msgspec.json.decode((folder / DONE).read_bytes(), type=Done)
    with (
        lmdb.open(
            str(folder / done.file), subdir=False, readonly=True, lock=False, max_dbs=len(DATABASES)
        ) as environment,
        environment.begin() as transaction,
    ):
        return {
            name: dict(transaction.cursor(environment.open_db(name.encode(), txn=transaction, create=False)))
            for name in DATABASES
        }


def _amended(connection: duckdb.DuckDBPyConnection, folder: Path, customers: list[str], pairs: list[tuple[str, str]]):
    former = build_bundle(gold(), folder / "former", run_id=RUN, as_of=AS_OF, keys=KEYS)
    return amend_bundle(
        connection, former, folder / "bundles", customers, pairs, run_id="later", as_of=AS_OF, keys=KEYS
    )


def test_people_who_changed_came_and_went(tmp_path: Path) -> None:
    connection = gold()
    ann, bob, cora = (c(name) for name in PEOPLE[:3])
    connection.execute("UPDATE gold.customers SET revenue = 12.25, market = 'FR' WHERE customer_id = ?", [ann])
    connection.execute("DELETE FROM gold.recommendations WHERE customer_id = ? AND rank > 3", [ann])
    # Bob goes: his mail is Ann's now, the phone they shared is hers alone, and his id an alias of hers.
    for table in TABLES:
        if table not in ("gold.clusters", "gold.consents", "silver.customer_identifiers"):
            connection.execute(f"DELETE FROM {table} WHERE customer_id = ?", [bob])
    connection.execute(
        "DELETE FROM silver.customer_identifiers WHERE customer_id = ? AND kind IN ('phone', 'cookie_id')", [bob]
    )
    connection.execute("UPDATE silver.customer_identifiers SET customer_id = ? WHERE customer_id = ?", [ann, bob])
    connection.execute("INSERT INTO silver.customer_aliases VALUES (?, ?)", [bob, ann])
    # Somebody comes who looks like Cora and has her card too.
    for table in ("gold.customers", "gold.customer_products", "gold.rfm", "gold.segments"):
        connection.execute(
            f"INSERT INTO {table} SELECT * REPLACE (? AS customer_id) FROM {table} WHERE customer_id = ?", [NEW, cora]
        )
    connection.execute("INSERT INTO silver.customer_identifiers VALUES (?, 'loyalty_id', 'x', ?)",
                       [NEW, f"L-{PEOPLE[2]}"])  # fmt: skip
    connection.execute("UPDATE gold.products SET units_30d = 1000 WHERE product_id = 'p07'")
    pairs = [
        ("email", f"{PEOPLE[1]}@example.com"), ("phone", "+442079460000"), ("cookie_id", f"cookie-{PEOPLE[1]}"),
        ("loyalty_id", f"L-{PEOPLE[2]}"), ("loyalty_id", f"L-{PEOPLE[1]}"),
    ]  # fmt: skip
    path = _amended(connection, tmp_path, [ann, bob, NEW], pairs)
    assert path == tmp_path / "bundles" / "later"
    whole = build_bundle(connection, tmp_path / "whole", run_id="later", as_of=AS_OF, keys=KEYS)
    mine, theirs = entries(path), entries(whole)
    for name in DATABASES:
        assert mine[name] == theirs[name], name
    with Bundle.open(path, keys=KEYS) as bundle:
        assert bundle.current_id(bob) == ann
        assert bundle.resolve("loyalty_id", f"L-{PEOPLE[2]}") is None
        assert bundle.resolve("phone", "+442079460000") == ann


def test_nobody_changed(tmp_path: Path) -> None:
    path = _amended(gold(), tmp_path, [], [])
    assert path is not None
    assert entries(path) == entries(build_bundle(gold(), tmp_path / "w", run_id="later", as_of=AS_OF, keys=KEYS))


@pytest.mark.parametrize("change", [
    "INSERT INTO gold.products (product_id, price) VALUES ('p99', 1)",
    "ALTER TABLE gold.customers ADD COLUMN hats BIGINT",
])  # fmt: skip
def test_a_former_bundle_that_does_not_serve_is_left_alone(tmp_path: Path, change: str) -> None:
    connection = gold()
    connection.execute(change)
    assert _amended(connection, tmp_path, [c("ann")], []) is None
    assert not list((tmp_path / "bundles" / "later").glob("*"))


def test_without_a_former_bundle_there_is_nothing_to_amend(tmp_path: Path) -> None:
    (tmp_path / "former").mkdir()
    assert amend_bundle(
        gold(), tmp_path / "former", tmp_path, [], [], run_id="later", as_of=AS_OF, keys=KEYS
    ) is None  # fmt: skip
