"""A project with four people: Ann and Ben share a household phone, Joann's address ends like Ann's, Cid is alone.

Ann (customer cann…) is the one to be erased. She is in bronze, silver, gold, in other people's texts, in the database's
quarantine, in an export, in a bundle, in a model archive and in a report.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import lmdb
import msgspec
import numpy as np
import pyarrow as pa
from tests.governance.database import open_test_database
from tests.governance.lake import TestLake

from floorwalker.engines.project import Project
from floorwalker.governance.decode import search_file
from floorwalker.governance.files_store import FilesHandler, PlainStateHandler, ScratchHandler
from floorwalker.governance.handlers import Receipt
from floorwalker.governance.lake_store import LakeHandler
from floorwalker.governance.needles import Needles
from floorwalker.governance.sqlite_store import PersonalTable, SqliteHandler

ANN, BEN, JOANN, CID = ("c" + letter * 26 for letter in "abjd")
RECORDS = {person: f"{number:032x}" for number, person in enumerate((ANN, BEN, JOANN, CID), start=0xABC)}
ANN_TOO = f"{0xDEF:032x}"  # a second record of Ann's
PHONE = "+442079460018"
PEOPLE = [
    # record, customer, source, customer_ref, email, phone, given, family, address
    (RECORDS[ANN], ANN, "shop", "17850", "Ann.Lee@example.com", PHONE, "Ann", "Leeuwenhoek", "1 Elm Street"),
    (ANN_TOO, ANN, "till", None, None, None, "A.", "Leeuwenhoek", None),
    (RECORDS[BEN], BEN, "shop", "17851", "ben@example.com", PHONE, "Ben", "Leeuwenhoek", "1 Elm Street"),
    (RECORDS[JOANN], JOANN, "shop", "17852", "joann.lee@example.com", None, "Joann", "Lee", "9 Oak Road"),
    (RECORDS[CID], CID, "till", "17850", "cid@example.com", None, "Cid", "Moor", None),
]


class BundlesHandler:
    """What the owner of a store writes: here the bundle is simply dropped, to be built again."""

    name = "bundles"

    def owns(self, path: Path) -> bool:
        return path.parts[0] in ("bundles", "models")

    def erase(self, project, subject):
        found = self.search(project, subject)
        for place in {project.state / finding.place.split(":")[0].split(" (")[0] for finding in found}:
            while not place.is_file():
                place = place.parent
            place.unlink()
        return Receipt(self.name, len(found), "bundles to be built again")

    def search(self, project, subject):
        needles = Needles.of(subject, project.secret)
        files = [
            p for folder in ("bundles", "models") for p in sorted((project.state / folder).rglob("*")) if p.is_file()
        ]
        return [found for path in files for found in search_file(path, needles, store=self.name, root=project.state)]


@dataclass
class World:
    project: Project
    lake: TestLake
    database: object

    def handlers(self):
        quarantine = PersonalTable("quarantine", ("row",), source_column="source")
        notes = PersonalTable("notes", ("text",), action="redact")
        return [
            LakeHandler(lambda project: self.lake),
            SqliteHandler((quarantine, notes)),
            FilesHandler("exports", "exports"),
            FilesHandler("reports", "state/reports"),
            ScratchHandler(),
            PlainStateHandler(),
            BundlesHandler(),
        ]


def make_world(root: Path) -> World:
    project = Project(root)
    project.state.mkdir(parents=True)
    lake = TestLake(project)
    _write_lake(lake)
    database = open_test_database(project.database)
    _write_database(database)
    _write_files(project)
    return World(project, lake, database)


def open_world(root: Path) -> World:
    """The world of another process."""
    project = Project(root)
    return World(project, TestLake(project), open_test_database(project.database))


def _write_lake(lake: TestLake) -> None:
    columns = list(zip(*PEOPLE, strict=True))
    names = (
        "record_id",
        "customer_id",
        "source",
        "customer_ref",
        "email",
        "phone",
        "given_name",
        "family_name",
        "address",
    )
    people = pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
    bronze = people.drop_columns(["customer_id"])
    for absent in ("loyalty_id", "account_id", "device_id", "cookie_id"):
        bronze = bronze.append_column(absent, pa.nulls(len(people), pa.string()))
    lake.write("bronze.customers", bronze.slice(0, 3), note={"delivery": "d1"})
    lake.write("bronze.customers", bronze.slice(3), note={"delivery": "d2"})
    visits = pa.table(
        {
            "event_id": ["e1", "e2", "e3"],
            "record_id": [RECORDS[CID], RECORDS[CID], RECORDS[ANN]],
            # Cid's browser followed a link of Ann's: her address stands in his row.
            "url": [
                "https://shop.example/?u=ann.lee%40example.com&x=1",
                "https://shop.example/",
                "https://shop.example/a",
            ],
            "amount": pa.array([1, 2, 3], pa.decimal128(18, 4)),
        }
    )
    lake.write("bronze.browse_events", visits)
    identity = bronze.append_column("postcode", pa.nulls(len(people), pa.string()))
    lake.write("silver.identity_records", identity, note={"fingerprint": "f1"})
    lower = [None if value is None else value.lower() for value in columns[4]]
    keys = {f"{kind}_key": pa.nulls(len(people), pa.string()) for kind in ("loyalty", "account", "device", "cookie")}
    keys |= {"email_key": pa.array(lower), "phone_key": people["phone"], "ref_key": pa.nulls(len(people), pa.string())}
    lake.write("silver.normalised_records", pa.table({"record_id": people["record_id"], **keys}))
    lake.write("silver.customer_map", people.select(["record_id", "customer_id"]))
    lake.write(
        "silver.blocked_values",
        pa.table({"kind": ["email", "email"], "value": ["ann.lee@example.com", "x@example.com"]}),
    )
    lake.write("silver.households", pa.table({"household": ["h1", "h2"], "customer_ids": [[ANN, BEN], [CID]]}))
    gold = pa.table({"customer_id": [ANN, BEN, JOANN, CID], "email": [PEOPLE[i][4] for i in (0, 2, 3, 4)]})
    lake.write("gold.customers", gold.slice(0, 2), note={"fingerprint": "old"})
    lake.write("gold.customers", gold, mode="overwrite", note={"fingerprint": "g1"})
    lake.write("gold.orders", pa.table({"order_id": ["17850", "9"], "customer_id": [JOANN, BEN]}))
    lake.write("gold.daily_revenue", pa.table({"day": ["2026-01-01"], "orders": [17850]}))
    lake.publish_newest()


def _write_database(database) -> None:
    database.executescript(
        "CREATE TABLE quarantine (number INTEGER PRIMARY KEY, source TEXT, row TEXT);"
        "CREATE TABLE notes (text TEXT); CREATE TABLE settings (name TEXT);"
    )
    rows = [
        ("shop", json.dumps({"mail": "ANN.LEE@example.com", "qty": "x"})),
        ("shop", json.dumps({"CustomerID": "17850"})),
        ("till", json.dumps({"CustomerID": "17850"})),  # Cid's number, in another source
        ("shop", json.dumps({"mail": "joann.lee@example.com"})),
    ]
    database.executemany("INSERT INTO quarantine (source, row) VALUES (?, ?)", rows)
    database.execute("INSERT INTO notes VALUES ('call Cid about Ann.Lee@example.com, urgent')")


def _write_files(project: Project) -> None:
    exports = project.root / "exports"
    exports.mkdir()
    (exports / "winback.csv").write_text(
        f'"customer_id","email"\n"{BEN}","ben@example.com"\n"{ANN}","ann.lee@example.com"\n'
    )
    lines = [json.dumps({"email": email}) for email in ("joann.lee@example.com", "ann.lee@example.com")]
    (exports / "winback.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    reports = project.state / "reports"
    reports.mkdir()
    (reports / "top.html").write_text("<p>Best customer: Ann Leeuwenhoek</p>")
    scratch = project.state / "tmp"
    scratch.mkdir()
    (scratch / "spill.block").write_bytes(b"\x00\x01ann.lee@example.com\x00")
    bundle = project.bundles / "b1"
    bundle.mkdir(parents=True)
    environment = lmdb.open(str(bundle / "profiles.mdb"), subdir=False, map_size=1 << 20, max_dbs=2)
    profiles = environment.open_db(b"profiles")
    with environment.begin(write=True, db=profiles) as transaction:
        transaction.put(b"\x01", msgspec.msgpack.encode({"email": "ann.lee@example.com", "orders": 3}))
        transaction.put(b"\x02", msgspec.msgpack.encode({"email": "joann.lee@example.com"}))
    environment.close()
    (bundle / "profiles.mdb-lock").unlink()
    models = project.state / "models"
    models.mkdir()
    np.savez_compressed(models / "knn.npz", customers=np.array([ANN, BEN]), scores=np.ones(2))
    with zipfile.ZipFile(models / "run.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("artifacts/sample.json", json.dumps({"row": [RECORDS[ANN]]}))
