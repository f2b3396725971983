"""Erasure on real Delta tables, SQLite, LMDB and files: seen before, gone after, others untouched, resumed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from tests.governance.household import ANN, ANN_TOO, BEN, CID, JOANN, PHONE, RECORDS, World, make_world, open_world
from tests.governance.lake import files_naming

from floorwalker.engines.database import open_database
from floorwalker.engines.lake import Lake
from floorwalker.engines.lock import run_lock
from floorwalker.engines.project import Project
from floorwalker.engines.settings import LakeSettings
from floorwalker.engines.upkeep import compact_all
from floorwalker.errors import NotFoundError, StateError
from floorwalker.governance import audit, erasure, journal, lake_store, suppression
from floorwalker.governance.files_store import PlainStateHandler, ScratchHandler
from floorwalker.governance.handlers import in_order, unowned_files
from floorwalker.governance.lake_store import LakeHandler
from floorwalker.governance.schema import MIGRATIONS
from floorwalker.governance.sqlite_store import SqliteHandler
from floorwalker.governance.subject import KEY_COLUMNS
from floorwalker.governance.suppression import KINDS

WHEN = {"at": "2026-02-01T09:00:00Z", "actor": "privacy@shop"}


@pytest.fixture
def world(tmp_path) -> World:
    return make_world(tmp_path / "project")


def ann(world: World) -> erasure.Subject:
    with world.lake.read() as connection:
        return erasure.find_subject(connection, ANN)


def erase(world: World, **options) -> erasure.ErasureReport:
    return erasure.erase_customer(
        world.project, ann(world), connection=world.database, handlers=world.handlers(), **WHEN, **options
    )


def trace(world: World) -> set[tuple[str, str]]:
    subject = ann(world)
    return {(f.store, f.kind) for f in erasure.search_everywhere(world.project, subject, in_order(world.handlers()))}


def test_the_subject_is_everything_that_names_her_and_what_she_shares(world):
    subject = ann(world)
    assert subject.customer_ids == (ANN,)
    assert subject.record_ids == tuple(sorted((RECORDS[ANN], ANN_TOO)))
    assert {(i.kind, i.exclusive) for i in subject.identifiers} == {
        ("email", True), ("phone", False), ("customer_ref", True),
    }  # fmt: skip
    assert subject.names == ("A. Leeuwenhoek", "Ann Leeuwenhoek")
    assert subject.addresses == ()  # Ben lives there too


def test_nobody_is_found_for_an_unknown_id(world):
    with world.lake.read() as connection, pytest.raises(NotFoundError):
        erasure.find_subject(connection, "c" + "z" * 26)


def test_before_the_erasure_the_search_sees_her_in_every_store(world):
    stores = {store for store, _ in trace(world)}
    assert stores == {"lake", "database", "exports", "reports", "scratch", "bundles"}


def test_a_dry_run_finds_her_and_changes_nothing(world):
    before = {path: path.read_bytes() for path in world.project.lake.rglob("*") if path.is_file()}
    report = erase(world, dry_run=True)
    assert {finding.store for finding in report.findings} >= {"lake", "database", "exports", "bundles"}
    assert not report.proven
    assert before == {path: path.read_bytes() for path in world.project.lake.rglob("*") if path.is_file()}
    assert suppression.count(world.database) == 0
    assert audit.entries(world.database) == []


def test_after_the_erasure_no_store_holds_a_trace(world):
    subject = ann(world)
    report = erase(world)
    assert report.findings == ()
    assert report.proven
    assert erasure.search_everywhere(world.project, subject, in_order(world.handlers())) == ()
    # Independently of our own decoders: no file holds her address as plain bytes, whatever its kind.
    for path in world.project.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes().lower().replace(b"joann.lee@", b"")
            assert b"ann.lee@example.com" not in data, path
            assert ANN.encode() not in data, path
            assert RECORDS[ANN].encode() not in data, path


def test_the_others_stay_as_they_were(world):
    erase(world)
    with world.lake.read() as connection:
        customers = connection.execute("SELECT customer_id FROM gold.customers").fetchall()
        people = connection.execute("SELECT record_id, phone FROM silver.identity_records").fetchall()
        urls = connection.execute("SELECT event_id, url, amount FROM bronze.browse_events ORDER BY 1").fetchall()
        orders = connection.execute("SELECT order_id, customer_id FROM gold.orders").fetchall()
        households = connection.execute("SELECT customer_ids FROM silver.households ORDER BY household").fetchall()
        blocked = connection.execute("SELECT value FROM silver.blocked_values").fetchall()
    assert [row[0] for row in customers] == [BEN, JOANN, CID]  # and in their order
    assert (RECORDS[BEN], PHONE) in people  # the household's phone is still his
    assert len(people) == 3
    # Cid's visit stays, the address in it does not.
    assert urls[0][:2] == ("e1", "https://shop.example/?u=[erased]&x=1")
    assert [row[0] for row in urls] == ["e1", "e2"]
    assert str(urls[1][2]) == "2.0000"
    assert orders == [("17850", JOANN), ("9", BEN)]  # an order number is no customer number
    assert households == [([BEN],), ([CID],)]
    assert blocked == [("x@example.com",)]
    quarantine = [json.loads(row[0]) for row in world.database.execute("SELECT row FROM quarantine ORDER BY number")]
    assert quarantine == [{"CustomerID": "17850"}, {"mail": "joann.lee@example.com"}]
    assert world.database.execute("SELECT text FROM notes").fetchall() == [("call Cid about [erased], urgent",)]
    exports = world.project.root / "exports"
    assert (exports / "winback.csv").read_text() == f'"customer_id","email"\n"{BEN}","ben@example.com"\n'
    assert (world.project.state / "reports/top.html").read_text() == "<p>Best customer: [erased]</p>"


def test_no_predicate_or_statistic_of_hers_stays_in_the_log_and_notes_are_kept(world):
    erase(world)
    for path in world.lake.tables().values():
        logs = sorted((path / "_delta_log").glob("*.json"))
        assert len(logs) == 1, "older entries carry minimum and maximum of her columns"
        assert "ann.lee" not in logs[0].read_text().lower().replace("joann.lee", "")
    assert DeltaTable(world.lake.path("gold.customers")).history(1)[0]["fingerprint"] == "g1"
    assert DeltaTable(world.lake.path("bronze.customers")).history(1)[0]["delivery"] == "d2"


def test_the_pointer_names_versions_that_exist_and_are_the_newest(world):
    erase(world)
    pointer = world.lake.pointer()
    for name, version in pointer.tables.items():
        assert DeltaTable(world.lake.path(name)).version() == version
    assert pointer.previous == pointer.tables  # what it named before is gone
    assert pointer.run_id == "run-1"
    # And the tables can be written again.
    version, _ = world.lake.write("gold.customers", DeltaTable(world.lake.path("gold.customers")).to_pyarrow_table())
    assert version == pointer.tables["gold.customers"] + 1


def test_an_unpublished_version_is_not_published_by_an_erasure(world):
    half = DeltaTable(world.lake.path("gold.customers")).to_pyarrow_table().slice(0, 1)
    world.lake.write("gold.customers", half, mode="overwrite")  # a run that was killed before it published
    assert erase(world).proven
    with world.lake.read() as connection:
        assert connection.execute("SELECT count(*) FROM gold.customers").fetchall() == [(3,)]


def test_deliveries_not_yet_run_are_kept(world):
    row = DeltaTable(world.lake.path("bronze.browse_events")).to_pyarrow_table().slice(1, 1)
    world.lake.write("bronze.browse_events", row)
    erase(world)
    assert DeltaTable(world.lake.path("bronze.browse_events")).to_pyarrow_table().num_rows == 3


def test_she_is_suppressed_by_what_is_hers_alone(world):
    erase(world)
    secret = world.project.secret
    hashes = {
        "email": suppression.hash_identifier(secret, "email", "ANN.lee@example.com "),
        "ref": suppression.hash_identifier(secret, "customer_ref", suppression.in_source("shop", "17850")),
        "record": suppression.hash_identifier(secret, "record_id", ANN_TOO),
        "phone": suppression.hash_identifier(secret, "phone", PHONE),
        "other": suppression.hash_identifier(secret, "customer_ref", suppression.in_source("till", "17850")),
    }
    on_list = {name for name, digest in hashes.items() if suppression.contains(world.database, digest)}
    assert on_list == {"email", "ref", "record"}


def test_the_receipt_and_the_audit_log_name_nobody(world):
    report = erase(world)
    (receipt,) = journal.stored_receipts(world.database)
    assert receipt.proven
    assert receipt.subjects == (suppression.hash_identifier(world.project.secret, "customer_id", ANN),)
    assert {r.store: r.removed > 0 for r in receipt.receipts} == {
        "lake": True, "database": True, "exports": True, "reports": True, "scratch": True, "bundles": True,
        "state": False,
    }  # fmt: skip
    assert [entry.action for entry in audit.entries(world.database)] == ["erasure.done", "erasure.begin"]
    assert journal.pending(world.database) == []
    stored = json.dumps([str(receipt), [str(entry) for entry in audit.entries(world.database)], str(report)]).lower()
    for word in ("ann", "leeuwenhoek", ANN, RECORDS[ANN], "17850"):
        assert word not in stored.replace("channel", "")


def test_erasing_again_removes_nothing(world):
    subject = ann(world)
    erase(world)
    again = erasure.erase_customer(
        world.project, subject, connection=world.database, handlers=world.handlers(), at="2026-02-02", actor="x"
    )
    assert again.proven
    assert sum(receipt.removed for receipt in again.receipts) == 0
    assert again.suppressed == 0


# -- leftovers must be seen ------------------------------------------------------------------------------------------


def test_an_old_parquet_file_is_found(world):
    subject = ann(world)
    table = world.lake.path("gold.customers")
    file = sorted(table.glob("*.parquet"))[0]
    kept = file.read_bytes()
    erase(world)
    (table / "part-forgotten.parquet").write_bytes(kept)
    findings = erasure.search_everywhere(world.project, subject, world.handlers())
    assert {(f.kind, f.place) for f in findings} >= {
        ("email", "lake/gold/customers/part-forgotten.parquet.email"),
        ("customer_id", "lake/gold/customers/part-forgotten.parquet.customer_id"),
    }


def test_a_log_entry_with_statistics_is_found(world):
    subject = ann(world)
    log = world.lake.path("bronze.customers") / "_delta_log"
    kept = (log / f"{0:020d}.json").read_text()
    erase(world)
    (log / f"{0:020d}.json").write_text(kept)
    findings = erasure.search_everywhere(world.project, subject, world.handlers())
    assert {f.kind for f in findings} >= {"email"}
    assert all("_delta_log" in f.place for f in findings)


def test_a_row_in_a_free_sqlite_page_is_found_and_then_removed(world):
    subject = ann(world)
    erase(world)
    world.database.execute("PRAGMA secure_delete = OFF")
    world.database.executemany("INSERT INTO settings VALUES (?)", [(f"ann.lee@example.com {'x' * 3000}",)] * 20)
    world.database.execute("DELETE FROM settings")
    findings = erasure.search_everywhere(world.project, subject, world.handlers())
    assert [(f.store, f.kind, f.place) for f in findings] == [("database", "email", "floorwalker.db: free space")]
    database = next(handler for handler in world.handlers() if handler.name == "database")
    database.erase(world.project, subject)
    assert erasure.search_everywhere(world.project, subject, world.handlers()) == ()


def test_an_unproven_erasure_stays_pending_until_the_leftover_is_gone(world):
    subject = ann(world)
    world.database.execute("INSERT INTO settings VALUES ('ann.lee@example.com')")  # a table nobody declared
    report = erase(world)
    assert not report.proven
    assert [finding.place for finding in report.findings] == ["floorwalker.db:settings.name"]
    assert [one.proven for one in journal.stored_receipts(world.database)] == [False]
    assert audit.entries(world.database)[0].action == "erasure.unproven"
    world.database.execute("DELETE FROM settings")
    (finished,) = erasure.finish_pending(
        world.project, connection=world.database, at="2026-02-03", actor="cron", handlers=world.handlers()
    )
    assert finished.proven
    assert [one.proven for one in journal.stored_receipts(world.database)] == [True]
    assert erasure.search_everywhere(world.project, subject, world.handlers()) == ()


# -- kill -9 ---------------------------------------------------------------------------------------------------------


def _die(*_args, **_options):
    os.kill(os.getpid(), signal.SIGKILL)


def _die_after(calls: int, function):
    left = [calls]

    def call(*args, **options):
        if not left[0]:
            _die()
        left[0] -= 1
        return function(*args, **options)

    return call


def _erase_and_die(root: Path, knife: str) -> None:
    """Runs in a process of its own, which kills itself where the knife is."""
    world = open_world(root)
    handlers = world.handlers()
    if knife == "move":
        world.lake.move = _die
    elif knife == "after move":
        lake_store.forget_history = _die
    elif knife == "half forgotten":
        lake_store.forget_history = _die_after(4, lake_store.forget_history)
    elif knife == "proof":
        erasure.search_everywhere = _die
    else:
        next(handler for handler in handlers if handler.name == knife).erase = _die
    erasure.erase_customer(world.project, ann(world), connection=world.database, handlers=handlers, **WHEN)


@pytest.mark.parametrize("knife", ["exports", "lake", "move", "after move", "half forgotten", "proof"])
def test_killed_anywhere_it_is_finished_by_the_next_run(world, knife):
    subject = ann(world)
    child = multiprocessing.get_context("spawn").Process(target=_erase_and_die, args=(world.project.root, knife))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    (pending,) = journal.pending(world.database)
    assert "ann" not in str(replace(pending, actor="")).lower().replace(ANN, "").replace("channel", "")
    assert suppression.count(world.database) > 0, "from the first moment nothing brings her back"

    def resolve(customer_ids, record_ids):
        with world.lake.read() as connection:
            return erasure.find_subject(connection, customer_ids[0], record_ids=record_ids)

    (report,) = erasure.finish_pending(
        world.project,
        connection=world.database,
        at="2026-02-02",
        actor="run",
        handlers=world.handlers(),
        resolve=resolve,
    )
    assert report.proven, report.findings
    # The proof of a resumed erasure may have only hashes: ask again with everything we knew of her.
    assert erasure.search_everywhere(world.project, subject, world.handlers()) == ()
    assert journal.pending(world.database) == []
    with world.lake.read() as connection:
        assert connection.execute("SELECT count(*) FROM gold.customers").fetchall() == [(3,)]


def test_hashes_alone_find_her(world):
    subject = ann(world)
    hashes = frozenset(digest for _, digest in erasure.subject_hashes(world.project.secret, subject))
    blind = erasure.Subject((), (), hashes=hashes)
    found = {(f.store, f.kind) for f in erasure.search_everywhere(world.project, blind, world.handlers())}
    assert {store for store, _ in found} >= {"lake", "database", "exports", "bundles", "scratch"}
    assert {kind for _, kind in found} == {"email"}


# -- with the product's own lake and database ----------------------------------------------------------------------


def product_lake(project: Project) -> Lake:
    """Ann's and Ben's tables in the product's lake, published twice."""
    lake = Lake(project)
    people = [
        (RECORDS[person], person, email) for person, email in ((ANN, "ann.lee@example.com"), (BEN, "b@example.com"))
    ]
    absent = ", ".join(f"NULL::VARCHAR AS {column}" for column in (*KINDS, "given_name", "family_name", "address"))
    keys = ", ".join(f"NULL::VARCHAR AS {column}" for column in KEY_COLUMNS.values() if column != "email_key")
    with lake.connect() as connection:
        connection.execute("CREATE TABLE people (record_id VARCHAR, customer_id VARCHAR, email VARCHAR)")
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", people)
        rest = absent.replace("NULL::VARCHAR AS email, ", "")
        queries = {
            "silver.customer_map": "SELECT record_id, customer_id FROM people",
            "silver.identity_records": f"SELECT record_id, 'shop' AS source, email, '' AS postcode, {rest} FROM people",
            "silver.normalised_records": f"SELECT record_id, email AS email_key, {keys} FROM people",
            "gold.customers": "SELECT customer_id, email FROM people",
            "gold.daily_revenue": "SELECT 3 AS orders",
        }
        for run in ("r1", "r2"):
            versions = {
                name: lake.replace(name, connection.sql(query), connection, fingerprint=f"{name} {run}")[0]
                for name, query in queries.items()
            }
            lake.publish(run_id=run, as_of="2026-01-31", versions=versions, held_back={"gold.x": "does not run"})
    return lake


def erase_from_product(project: Project, lake: Lake) -> erasure.ErasureReport:
    with lake.read() as connection:
        subject = erasure.find_subject(connection, ANN)
    database = open_database(project, {"governance": MIGRATIONS})
    handlers = [LakeHandler(Lake), SqliteHandler(()), ScratchHandler(), PlainStateHandler()]
    with run_lock(project, "erasure"):
        return erasure.erase_customer(project, subject, connection=database, handlers=handlers, **WHEN)


def test_the_products_lake_and_database_work_with_it(tmp_path):
    project = Project(tmp_path / "project")
    lake = product_lake(project)
    lake.clean()
    report = erase_from_product(project, lake)
    assert report.proven, report.findings
    assert lake.pointer().run_id == "r2"
    assert lake.pointer().held_back == {"gold.x": "does not run"}
    assert lake.commit_info("gold.customers")["fingerprint"] == "gold.customers r2"
    with lake.read() as connection:
        assert connection.execute("SELECT customer_id FROM gold.customers").fetchall() == [(BEN,)]
        assert connection.execute("SELECT orders FROM gold.daily_revenue").fetchall() == [(3,)]
    lake.clean()
    with lake.read() as connection:
        assert connection.execute("SELECT count(*) FROM silver.customer_map").fetchall() == [(1,)]


def test_no_file_of_the_lake_names_her_whatever_was_done_to_it(tmp_path):
    """Merges and what they changed, compactions, earlier runs that are kept, files that nobody ever committed."""
    project = Project(tmp_path / "project")
    lake = product_lake(project)
    with lake.connect() as connection:
        for email in ("ann@old.example", "ann.lee@example.com"):
            person = connection.sql(f"SELECT '{ANN}' AS customer_id, '{email}' AS email")
            lake.merge("gold.customers", ["customer_id"], person.project("customer_id"), person, connection)
        more = connection.sql(f"SELECT '{ANN}' AS customer_id, 'ann.lee@example.com' AS email")
        lake.append("bronze.visits", more, connection)
        lake.append("bronze.visits", more, connection)
        lake.stage("custom.endless", more, connection)  # its run was killed before it committed
        lake.stage("bronze.visits", more, connection)
    pointer = lake.pointer()
    versions = {name: lake.version(name) for name in (*pointer.tables, "bronze.visits")}
    lake.publish(run_id="r3", as_of="2026-02-01", versions=versions)
    compact_all(lake, LakeSettings(keep_runs=9))
    words = ["ann.lee@example.com", "ann@old.example", ANN, RECORDS[ANN]]
    before = files_naming(project.lake, words)
    assert {path.split("/")[1] for path in before} >= {"customers", "visits", "endless"}
    assert any("_changes" in path for path in before)
    assert len(lake.pointer().former) == 3

    report = erase_from_product(project, lake)
    assert report.proven, report.findings
    assert files_naming(project.lake, words) == []
    assert lake.pointer().former == []
    with lake.read() as connection:
        assert connection.execute("SELECT customer_id FROM gold.customers").fetchall() == [(BEN,)]


# -- the registry ----------------------------------------------------------------------------------------------------


def test_a_new_store_must_join(world):
    assert unowned_files(world.project, world.handlers()) == []
    stray = world.project.state / "cache" / "people.bin"
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    assert [path.as_posix() for path in unowned_files(world.project, world.handlers())] == ["cache/people.bin"]
    assert not erase(world).proven


def test_the_lake_goes_last_and_names_are_unique(world):
    assert [handler.name for handler in in_order(world.handlers())][-1] == "lake"
    with pytest.raises(StateError, match="one name"):
        in_order([*world.handlers(), *world.handlers()])


def test_registering_twice_does_no_harm(world, monkeypatch):
    monkeypatch.setattr("floorwalker.governance.handlers._REGISTERED", {})
    for handler in [*world.handlers(), *world.handlers()]:
        erasure.register(handler)
    assert len(erasure.registered()) == len(world.handlers())
