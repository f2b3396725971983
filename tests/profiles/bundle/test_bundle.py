"""Building, reading, swapping and erasing bundles."""

from __future__ import annotations

import hmac
import math
from pathlib import Path

import duckdb
import pytest
from tests.decisions.shop import (
    AS_OF,
    KEYS,
    PEOPLE,
    RUN,
    SECRET,
    bought,
    bundle_of,
    c,
    gold,
    normalise,
    project_of,
    publish,
    recommended,
)

from floorwalker.errors import NotFoundError, StateError
from floorwalker.identity.lookup_keys import LookupKeys
from floorwalker.profiles.bundle import Bundle, Shelf, build_bundle, erase_from_bundle
from floorwalker.profiles.bundle.erasure import erase_from_bundles
from floorwalker.profiles.bundle.layout import DONE


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_of(tmp_path_factory.mktemp("bundles"))


def test_a_profile_keeps_money_exact_and_times_in_utc(bundle: Bundle) -> None:
    profile = bundle.profile(c("ann"))
    assert profile is not None
    assert profile["revenue"] == "77.5000"
    assert profile["last_order_on"] == "2026-05-03"
    assert profile["last_seen"] == "2026-05-03T10:00:00Z"
    assert profile["segments"] == ["everyone"]
    assert profile["rfm_segment"] == "Champions"
    assert {"kind": "email", "value": "Ann@Example.com"} in profile["identifiers"]


def test_identifiers_resolve_by_their_normalised_key(bundle: Bundle) -> None:
    assert bundle.resolve("email", " ANN@example.com ") == c("ann")
    assert bundle.resolve("loyalty_id", "L-dan") == c("dan")
    assert bundle.resolve("email", "nobody@example.com") is None
    assert bundle.resolve("email", "no address") is None
    assert bundle.resolve("loyalty_id", "ann@example.com") is None


def test_an_identifier_of_two_customers_resolves_to_neither(bundle: Bundle) -> None:
    assert bundle.resolve("phone", "+442079460000") is None


def test_a_former_customer_id_resolves_to_the_current_one(bundle: Bundle) -> None:
    assert bundle.resolve("customer_id", c("old")) == c("ann")
    assert bundle.resolve("customer_id", c("ann")) == c("ann")
    assert bundle.resolve("customer_id", c("zoe")) is None


def test_the_index_is_a_keyed_hash_and_holds_no_address(bundle: Bundle) -> None:
    assert KEYS.entry_of("k1", "email", "a@b.com") == b"k1:" + hmac.digest(SECRET, b"email:a@b.com", "sha256")
    other = Bundle.open(bundle.path, keys=LookupKeys.of(b"another secret"), normalise=normalise)
    assert other.resolve("email", "ann@example.com") is None


@pytest.mark.parametrize("name", PEOPLE)
def test_recommendations_come_back_in_order_with_their_cause(bundle: Bundle, name: str) -> None:
    stored = bundle.recommendations(c(name))
    assert [product_id for product_id, _, _ in stored] == [f"p{n:02}" for n in recommended(name)]
    assert all(math.isclose(score, 1 / rank, rel_tol=1e-6) for rank, (_, score, _) in enumerate(stored, start=1))
    assert stored[0][2] == f"p{bought(name)[1]:02}"


def test_stock_is_of_the_place_and_falls_back_to_the_web(bundle: Bundle) -> None:
    assert bundle.stock_place("s1") == "s1"
    assert bundle.stock_place("unheard of") == bundle.stock_place(None) == ""
    assert bundle.out_of_stock("").tolist() == [n % 5 == 0 for n in range(40)]
    assert bundle.out_of_stock("s1").tolist() == [n % 3 == 0 for n in range(40)]


def test_without_a_stock_feed_nothing_is_out_of_stock(tmp_path: Path) -> None:
    assert bundle_of(tmp_path, stock=False).stock_place("s1") is None


def test_only_customers_and_products_are_required(tmp_path: Path) -> None:
    connection = gold()
    for table in ("gold.customer_products", "gold.recommendations", "gold.similar_products", "gold.rfm",
                  "gold.segments",
                  "gold.stock", "silver.customer_identifiers", "silver.customer_aliases", "gold.popular_products",
                  "silver.products"):  # fmt: skip
        connection.execute(f"DROP TABLE {table}")
    path = build_bundle(connection, tmp_path, run_id=RUN, as_of=AS_OF, keys=KEYS)
    with Bundle.open(path, keys=KEYS) as plain:
        assert plain.recommendations(c("ann")) == []
        assert plain.popular("UK")[0].tolist() == plain.popular("")[0].tolist() == list(range(40))
    connection.execute("DROP TABLE gold.customers")
    with pytest.raises(StateError, match=r"gold\.customers"):
        build_bundle(connection, tmp_path, run_id=RUN, as_of=AS_OF, keys=KEYS)


def test_the_same_tables_make_the_same_entries_twice(tmp_path: Path) -> None:
    first, second = bundle_of(tmp_path / "a"), bundle_of(tmp_path / "b")
    assert first.meta == second.meta
    for name in PEOPLE:
        assert first.person_bytes(c(name)) == second.person_bytes(c(name))
        assert first.profile(c(name)) == second.profile(c(name))


def test_a_build_that_dies_is_not_seen(tmp_path: Path) -> None:
    broken = duckdb.connect()
    broken.execute(
        "CREATE SCHEMA gold; CREATE TABLE gold.customers (wrong INTEGER); CREATE TABLE gold.products (wrong INTEGER)"
    )
    with pytest.raises(duckdb.Error):
        build_bundle(broken, tmp_path, run_id=RUN, as_of=AS_OF, keys=KEYS)
    assert list((tmp_path / RUN).iterdir()) == []
    with pytest.raises(NotFoundError):
        Bundle.open(tmp_path / RUN, keys=KEYS)


def test_erasing_leaves_no_trace_in_the_bytes_and_all_others(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    kept = {name: (bundle.profile(c(name)), bundle.person_bytes(c(name))) for name in PEOPLE if name != "ann"}
    bundle.close()
    assert erase_from_bundle(tmp_path / RUN, [c("ann"), c("nobody")]) == 1
    files = [path for path in (tmp_path / RUN).iterdir() if path.name != DONE]
    assert len(files) == 1
    content = files[0].read_bytes()
    for trace in (c("ann").encode(), b"Ann@Example.com", b"ann@example.com", b"cookie-ann", c("old").encode()):
        assert trace not in content
    after = Bundle.open(tmp_path / RUN, keys=KEYS, normalise=normalise)
    assert after.profile(c("ann")) is None
    assert after.resolve("email", "ann@example.com") is None
    assert after.resolve("customer_id", c("old")) is None
    assert after.meta.customers == len(PEOPLE) - 1
    assert {name: (after.profile(c(name)), after.person_bytes(c(name))) for name in kept} == kept


def test_erasing_covers_every_bundle_and_unfinished_ones(tmp_path: Path) -> None:
    for run_id in ("run-1", "run-2"):
        build_bundle(gold(), tmp_path, run_id=run_id, as_of=AS_OF, keys=KEYS)
    (tmp_path / "run-2" / DONE).unlink()
    assert erase_from_bundles(tmp_path, [c("ann")]) == 1
    assert list((tmp_path / "run-2").iterdir()) == []
    assert erase_from_bundles(tmp_path / "absent", [c("ann")]) == 0


def test_the_shelf_moves_to_a_new_run_within_its_interval(tmp_path: Path) -> None:
    project, now = project_of(tmp_path), [100.0]
    shelf = Shelf(project, normalise=normalise, every=1.0, clock=lambda: now[0])
    assert shelf.current().run_id == "run-1"
    publish(project, "run-2")
    now[0] += 5
    assert shelf.current().run_id == "run-1", "run-2 has no bundle yet"
    build_bundle(gold(), project.bundles, run_id="run-2", as_of=AS_OF, keys=LookupKeys.load(project))
    assert shelf.current().run_id == "run-1", "not looked again within the second"
    now[0] += 1
    assert shelf.current().run_id == "run-2"


def test_the_shelf_lets_go_of_erased_people(tmp_path: Path) -> None:
    project, now = project_of(tmp_path), [0.0]
    shelf = Shelf(project, normalise=normalise, clock=lambda: now[0])
    assert shelf.current().profile(c("ann"))
    erase_from_bundle(project.bundles / RUN, [c("ann")])
    now[0] += 1
    assert shelf.current().profile(c("ann")) is None


def test_the_shelf_is_empty_before_the_first_run(tmp_path: Path) -> None:
    project = project_of(tmp_path)
    (project.state / "published.json").unlink()
    shelf = Shelf(project)
    with pytest.raises(NotFoundError, match="no serving bundle"):
        shelf.current()
    publish(project, RUN)
    assert shelf.current().run_id == RUN
