"""Look-ups before, during and after a rotation, by address and by token, and none by a key that was retired."""

from __future__ import annotations

import shutil
from pathlib import Path

import lmdb
import msgspec
import pytest
from tests.app.driving import call, rows, run

from floorwalker.app import lookup_keys as module
from floorwalker.app.lookup import normaliser
from floorwalker.app.state import open_state
from floorwalker.engines.lake import Lake
from floorwalker.engines.project import Project
from floorwalker.governance.audit import entries
from floorwalker.identity.lookup_keys import LookupKeys
from floorwalker.profiles.bundle import files, reindex
from floorwalker.profiles.bundle.layout import DATABASES, DONE, Done
from floorwalker.profiles.bundle.reader import Bundle
from floorwalker.profiles.bundle.reindex import kids_of
from floorwalker.profiles.bundle.shelf import Shelf, published_bundle


def token_of(folder: Path, identifier: str = "email:Ann@Example.com") -> str:
    return call(folder, "identity", "keys", "token", identifier).out.strip()


def found(folder: Path, *identifiers: str) -> list[str | None]:
    """Whom the service finds, asked anew."""
    project = Project(folder)
    with Bundle.open(published_bundle(project), keys=LookupKeys.load(project), normalise=normaliser(project)) as bundle:
        return [bundle.resolve(*one.split(":", 1)) for one in identifiers]


def test_a_rotation_from_start_to_end(shop: Path) -> None:
    ((ann,),) = rows(shop, "SELECT customer_id FROM silver.customer_identifiers WHERE key = 'ann@example.com'")
    customers = rows(shop, "SELECT record_id, customer_id FROM silver.customer_map ORDER BY ALL")
    old = token_of(shop)
    serving = Shelf(Project(shop), normalise=normaliser(Project(shop)), every=0.0)
    assert serving.current().resolve("email", "ann@example.com") == ann
    assert found(shop, "email:ann@example.com", f"lookup_key:{old}") == [ann, ann]

    listed = call(shop, "identity", "keys", "rotate", "--json").json
    assert [(one["key"], one["state"]) for one in listed] == [("k1", "answered"), ("k2", "current")]
    new = token_of(shop)
    assert new.startswith("k2:") and old.startswith("k1:")
    everything = ("email:ann@example.com", "phone:020 7946 0018", f"lookup_key:{old}", f"lookup_key:{new}")
    assert found(shop, *everything) == [ann] * 4
    assert [serving.current().resolve(*one.split(":", 1)) for one in everything] == [ann] * 4, "without a restart"

    assert call(shop, "identity", "keys", "retire", "k2", "--yes").err.startswith("error: k2 is the current key")
    assert call(shop, "identity", "keys", "retire", "k1", "--yes").code == 0
    assert found(shop, *everything) == [ann, ann, None, ann]
    assert [serving.current().resolve(*one.split(":", 1)) for one in everything] == [ann, ann, None, ann]
    assert not [key for key in index_of(shop) if not key.startswith(b"k2:")]
    serving.close()

    # A run keeps the keys and the ids.
    file = shop / "data" / "crm.csv"
    file.write_text(file.read_text() + "9,Dan,Hill,dan@example.com,,,UK,2026-01-03\n")
    assert run(shop)["status"] == "published"
    assert found(shop, *everything) == [ann, ann, None, ann]
    now = dict(rows(shop, "SELECT record_id, customer_id FROM silver.customer_map"))
    assert all(now[record] == customer for record, customer in customers)
    with open_state(Project(shop)) as state:
        kept = [(one.action, one.detail) for one in reversed(entries(state)) if one.action.startswith("identity.keys")]
    assert kept == [("identity.keys.rotate", {"key": "k2"}), ("identity.keys.retire", {"key": "k1"})]
    secret = LookupKeys.load(Project(shop)).valid["k2"].hex()
    assert secret not in str(kept) and secret not in call(shop, "identity", "keys", "list").out


def test_a_rotation_that_was_cut_off_is_finished_by_the_next_run(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    old = token_of(shop)
    monkeypatch.setattr(module, "reindex_bundle", killed)
    assert call(shop, "identity", "keys", "rotate").code == 130
    monkeypatch.undo()
    ann, by_old, by_new = found(shop, "email:ann@example.com", f"lookup_key:{old}", f"lookup_key:{token_of(shop)}")
    assert ann == by_old and by_new is None
    assert run(shop)["status"] == "unchanged"
    assert found(shop, f"lookup_key:{token_of(shop)}") == [ann]
    assert "already" in call(shop, "identity", "keys", "apply").out


def test_a_bundle_of_other_keys_finds_nobody_and_holds_no_address(
    shop: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = token_of(shop)
    monkeypatch.setenv("FLOORWALKER_LOOKUP_KEYS", f"k8={'ab' * 32}")
    assert found(shop, "email:ann@example.com", f"lookup_key:{token}") == [None, None]
    shelf = Shelf(Project(shop), every=0.0)
    shelf.current()
    shelf.close()
    assert "none of the look-up keys fits" in caplog.text
    assert "index written anew" in call(shop, "identity", "keys", "apply").out
    assert found(shop, "email:ann@example.com", f"lookup_key:{token}", f"lookup_key:{token_of(shop)}")[1:] != [None] * 2
    assert not any(b"example" in key or b"7946" in key for key in index_of(shop))


def test_a_bundle_from_before_keys_had_ids_serves_on(shop: Path) -> None:
    project = Project(shop)
    path, token = published_bundle(project), token_of(shop)
    (ann,) = found(shop, "email:ann@example.com")
    make_old(path)
    assert kids_of(path) == ()
    assert found(shop, "email:ann@example.com", f"lookup_key:{token}") == [ann, ann]
    assert module.apply(project) is False
    module.rotate(project)
    assert kids_of(path) == ("k1", "k2")
    assert found(shop, "email:ann@example.com", f"lookup_key:{token}") == [ann, ann]


def test_what_is_no_identifier_has_no_token(shop_once: Path) -> None:
    for wrong in ("emial:a@b.com", "phone:12", "c52aeapbigfmix3jjmwulhfu5uw"):
        done = call(shop_once, "identity", "keys", "token", wrong)
        assert done.code == 1 and "no identifier by which" in done.err


def test_rewriting_the_index_leaves_everything_else(shop: Path, tmp_path: Path) -> None:
    project = Project(shop)
    path = published_bundle(project)
    copy = Path(shutil.copytree(path, tmp_path / path.name))
    with Lake(project).read() as connection:
        reindex.reindex_bundle(connection, copy, LookupKeys.load(project))
    before, after = contents(path), contents(copy)
    assert before.keys() == after.keys() and before["identifiers"]
    assert before == after


def contents(path: Path) -> dict[str, list[tuple[bytes, bytes]]]:
    """Every entry of a bundle."""
    file = path / msgspec.json.decode((path / DONE).read_bytes(), type=Done).file
    environment = files.acquire(file)
    try:
        with environment.begin() as transaction:
            return {
                name: list(transaction.cursor(environment.open_db(name.encode(), txn=transaction, create=False)))
                for name in DATABASES
            }
    finally:
        files.release(file)


def index_of(folder: Path) -> list[bytes]:
    return [key for key, _ in contents(published_bundle(Project(folder)))["identifiers"]]


def make_old(path: Path) -> None:
    """Take the ids of keys out, as bundles were before."""
    done = msgspec.json.decode((path / DONE).read_bytes(), type=Done)
    with lmdb.open(str(path / done.file), subdir=False, lock=False, max_dbs=20) as environment:
        index, meta = (environment.open_db(name, create=False) for name in (b"identifiers", b"meta"))
        with environment.begin(write=True) as transaction:
            pairs = list(transaction.cursor(index))
            transaction.drop(index, delete=False)
            for key, value in pairs:
                transaction.put(key.partition(b":")[2], value, db=index)
            said = msgspec.msgpack.decode(transaction.get(b"meta", db=meta))
            del said["kids"]
            transaction.put(b"meta", msgspec.msgpack.encode(said), db=meta)
