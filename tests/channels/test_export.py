"""Exports: nobody without consent, one row per address, every candidate accounted for, safe to open and to send."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from dataclasses import replace

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.governance.database import open_test_database

from floorwalker.channels.addresses import email_sql, phone_number
from floorwalker.channels.audiences import Audience
from floorwalker.channels.export import export_audience
from floorwalker.channels.exports import ExportsHandler, default_path, exports, exports_of, log_export
from floorwalker.channels.holdout import in_holdout
from floorwalker.channels.schema import MIGRATIONS
from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.governance import suppression
from floorwalker.governance.consent import ConsentPolicy, allowed
from floorwalker.governance.subject import Identifier, Subject

SECRET = b"secret"
ANN, BEN = ("c" + letter * 26 for letter in "ab")
EMAIL = Audience("winback", "lapsed", "email", "marketing_email", columns=("given_name",))
SMS = Audience("text", "lapsed", "sms", "marketing_sms")
ADS = Audience("ads", "lapsed", "ads", "ads", columns=("given_name", "country", "email"))
FILE = Audience("own", "lapsed", "file", "analytics")
POLICY = {audience.name: audience for audience in (EMAIL, SMS, ADS, FILE)}
YES = ConsentPolicy({"marketing_email": True, "marketing_sms": True, "ads": True, "analytics": True})
COLUMNS = "customer_id VARCHAR, market VARCHAR, given_name VARCHAR, email VARCHAR, phone VARCHAR, country VARCHAR,"


@pytest.fixture
def tables():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA gold")
    connection.execute(f"CREATE TABLE gold.customers ({COLUMNS} last_seen TIMESTAMPTZ)")
    connection.execute("CREATE TABLE gold.consents (customer_id VARCHAR, purpose VARCHAR, status VARCHAR)")
    connection.execute("CREATE TABLE gold.segments (segment VARCHAR, customer_id VARCHAR)")
    return connection


def person(
    tables, id, email=None, phone=None, *, name="Ann", country="GB", market="uk", seen="2026-01-01", lapsed=True
):
    row = [id, market, name, email, phone, country, seen]
    tables.execute("INSERT INTO gold.customers VALUES (?, ?, ?, ?, ?, ?, ?::TIMESTAMPTZ)", row)
    if lapsed:
        tables.execute("INSERT INTO gold.segments VALUES ('lapsed', ?)", [id])


def consent(tables, id, purpose, status):
    tables.execute("INSERT INTO gold.consents VALUES (?, ?, ?)", [id, purpose, status])


def export(tables, out, name="winback", *, policy=POLICY, consents=YES, **options):
    return export_audience(tables, name, policy, consents, out, secret=SECRET, **options)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_per_address_and_the_numbers_add_up(tables, tmp_path):
    person(tables, "a", " Ann@Example.com ")
    person(tables, "b", "ann@example.com", name="Anna", seen="2026-01-09")  # seen last: keeps the address
    person(tables, "c", "not an address")
    person(tables, "d")
    person(tables, "e", "eve@example.com", lapsed=False)
    person(tables, "f", "fay@example.com")
    consent(tables, "f", "marketing_email", "denied")
    report = export(tables, tmp_path / "out" / "x.csv")
    assert rows(report.file) == [{"customer_id": "b", "email": "ann@example.com", "given_name": "Anna"}]
    assert (report.candidates, report.without_consent, report.without_address) == (5, 1, 2)
    assert (report.held_out, report.duplicate_address, report.suppressed, report.exported) == (0, 1, 0, 1)
    assert report.file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in report.file.parent.iterdir()) == ["x.csv"]  # no draft is left


def test_a_refusal_is_of_the_address_whoever_gave_it(tables, tmp_path):
    person(tables, "a", "home@example.com")
    consent(tables, "a", "marketing_email", "granted")
    person(tables, "b", "HOME@example.com", lapsed=False)
    consent(tables, "b", "all", "denied")
    report = export(tables, tmp_path / "x.csv")
    assert (report.exported, report.without_consent) == (0, 1)


ADDRESSES = st.sampled_from([None, "a@x.com", "A@x.com ", "b@x.com", "c@x.com", "nobody", "+x@y.com"])
STATUS = st.dictionaries(
    st.sampled_from(["marketing_email", "all", "profiling"]), st.sampled_from(["granted", "denied", "withdrawn"])
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(st.tuples(ADDRESSES, STATUS), max_size=8), absent=st.booleans(), share=st.sampled_from([0, 0.5]))
def test_nobody_is_ever_exported_without_consent(tables, tmp_path, people, absent, share):
    for table in ("customers", "consents", "segments"):
        tables.execute(f"DELETE FROM gold.{table}")
    policy = ConsentPolicy({"marketing_email": absent})
    for number, (email, status) in enumerate(people):
        person(tables, f"c{number}", email)
        for purpose, word in status.items():
            consent(tables, f"c{number}", purpose, word)
    audience = {"winback": replace(EMAIL, holdout=share)}
    report = export(tables, tmp_path / "x.csv", policy=audience, consents=policy)
    sent = {row["customer_id"] for row in rows(report.file)}
    may = {f"c{n}" for n, (_, status) in enumerate(people) if allowed(status, "marketing_email", policy)}
    held = {f"c{n}" for n in range(len(people)) if in_holdout(f"c{n}", "winback", share)}
    assert sent <= may - held
    addresses = [row["email"] for row in rows(report.file)]
    assert len(addresses) == len(set(addresses)) == report.exported
    refused = {
        (email or "").strip().lower()
        for email, status in people
        if {word for purpose, word in status.items() if purpose != "profiling"} & {"denied", "withdrawn"}
    }
    assert not refused & set(addresses)
    left_out = (
        report.without_consent,
        report.suppressed,
        report.without_address,
        report.held_out,
        report.duplicate_address,
    )
    assert sum(left_out) + report.exported == report.candidates == len(people)


def test_who_is_held_out_is_held_out_at_every_address(tables, tmp_path):
    share = 0.5
    held = next(id for id in map(str, range(99)) if in_holdout(id, "winback", share))
    free = next(id for id in map(str, range(99)) if not in_holdout(id, "winback", share))
    person(tables, held, "home@example.com")
    person(tables, free, "home@example.com")
    report = export(tables, tmp_path / "x.csv", policy={"winback": replace(EMAIL, holdout=share)})
    assert (report.held_out, report.exported) == (2, 0)


def test_erased_people_on_an_older_run_are_left_out(tables, tmp_path):
    person(tables, "a", "ann@example.com")
    person(tables, "b", "ben@example.com")
    database = open_test_database(tmp_path / "floorwalker.db")
    suppression.add(
        database, [("email", suppression.hash_identifier(SECRET, "email", "ann@example.com"))], reason="erasure", at="x"
    )
    report = export(tables, tmp_path / "x.csv", suppressed=suppression.as_arrow(database))
    assert (report.suppressed, [row["customer_id"] for row in rows(report.file)]) == (1, ["b"])


def test_hashes_are_what_ad_platforms_compute(tables, tmp_path):
    digest = hashlib.sha256(b"b@example.com").hexdigest()
    person(tables, "a", " Ann@Example.com", "020 7946 0018", name=" Ann ")
    person(tables, "b", f"hash:sha256(lower(trim(email))):{digest}")
    person(tables, "c", None, "+44 20 7946 0018", seen="2025-01-01")  # Ann's phone
    report = export(tables, tmp_path / "x.jsonl", "ads", hashed=True, format="jsonl")
    lines = [json.loads(line) for line in report.file.read_text().splitlines()]
    found = {line["email_sha256"]: line for line in lines}
    sha = {text: hashlib.sha256(text.encode()).hexdigest() for text in ("ann@example.com", "+442079460018", "ann")}
    assert set(found) == {sha["ann@example.com"], digest}
    ann = found[sha["ann@example.com"]]
    assert ann == {
        "email_sha256": sha["ann@example.com"], "phone_sha256": sha["+442079460018"], "given_name_sha256": sha["ann"],
        "country": "GB",
    }  # fmt: skip
    assert report.duplicate_address == 1
    assert "example.com" not in report.file.read_text()


def test_phones_are_sent_as_e164_and_not_spoilt_by_the_guard(tables, tmp_path):
    person(tables, "a", phone="020 7946 0018")
    person(tables, "b", phone="+442079460018", seen="2026-01-05")
    person(tables, "c", phone="123")
    report = export(tables, tmp_path / "x.csv", "text")
    assert rows(report.file) == [{"customer_id": "b", "phone": "+442079460018"}]
    assert (report.duplicate_address, report.without_address) == (1, 1)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-2+3", "'-2+3"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("+1234567", "+1234567"),
        ('An"n, Lee\nx', 'An"n, Lee\nx'),
        ("O'Neil", "O'Neil"),
    ],
)
def test_no_cell_of_a_csv_is_a_formula(tables, tmp_path, name, written):
    person(tables, "a", "ann@example.com", name=name)
    assert rows(export(tables, tmp_path / "x.csv").file)[0]["given_name"] == written
    lines = export(tables, tmp_path / "x.jsonl", format="jsonl").file.read_text()
    assert json.loads(lines)["given_name"] == name  # only spreadsheets need the care


@pytest.mark.parametrize(
    "email", ["=cmd|x!a1@x.com", "+a@x.com", "-a@x.com", "@x.com", "a@x", "a b@x.com", "a@x.com,b@x.com"]
)
def test_addresses_that_cannot_be_written_safely_are_none(tables, email):
    assert tables.execute(f"SELECT {email_sql('?::VARCHAR')}".replace("?::VARCHAR", "$e"), {"e": email}).fetchall() == [
        (None,)
    ]


def test_parquet_markets_and_dry_runs(tables, tmp_path):
    person(tables, "a", "ann@example.com")
    person(tables, "b", "ben@example.com", market="fr")
    report = export(tables, tmp_path / "x.parquet", format="parquet", market="fr")
    assert pq.read_table(report.file).to_pylist() == [
        {"customer_id": "b", "email": "ben@example.com", "given_name": "Ann"}
    ]
    assert (report.candidates, report.exported) == (1, 1)
    dry = export(tables, tmp_path / "dry.csv", dry_run=True)
    assert (dry.exported, dry.file) == (2, None)
    assert not (tmp_path / "dry.csv").exists()


def test_a_file_for_own_systems_needs_no_address(tables, tmp_path):
    person(tables, "a")
    assert rows(export(tables, tmp_path / "x.csv", "own").file) == [{"customer_id": "a"}]


def test_the_same_input_gives_the_same_file(tables, tmp_path):
    for number in range(50):
        person(tables, f"c{number}", f"{number}@example.com")
    files = [export(tables, tmp_path / name).file.read_bytes() for name in ("x.csv", "y.csv")]
    assert files[0] == files[1]
    assert len(files[0].splitlines()) == 51


def test_mistakes_are_named(tables, tmp_path):
    with pytest.raises(NotFoundError):
        export(tables, tmp_path / "x.csv", "winbak")
    with pytest.raises(ConfigError, match="no column 'given'"):
        export(tables, tmp_path / "x.csv", policy={"winback": replace(EMAIL, columns=("given",))})
    with pytest.raises(ConfigError, match="format"):
        export(tables, tmp_path / "x.csv", format="xlsx")
    with pytest.raises(ConfigError, match="hash"):
        export(tables, tmp_path / "x.csv", "own", hashed=True)
    assert list(tmp_path.iterdir()) == []


def test_phone_numbers_need_a_country_or_a_prefix():
    assert phone_number("06 12345678", "NL") == "+31612345678"
    assert phone_number("06 12345678", None) is None
    assert phone_number("not a phone", "NL") is None


def test_the_log_knows_who_was_in_which_file_and_erasure_uses_it(tables, tmp_path):
    project = Project(tmp_path / "project")
    project.state.mkdir(parents=True)
    database = open_test_database(project.database)
    for id, email in ((ANN, "ann@example.com"), (BEN, "ben@example.com")):
        person(tables, id, email)
    audience = replace(EMAIL, recipient="Mailing House")
    for at, hashed in (("2026-01-01T00:00:00Z", False), ("2026-01-02T00:00:00Z", True)):
        out = default_path(project, "winback", at=at, format="csv")
        report = export_audience(
            tables, "winback", {"winback": audience}, YES, out, secret=project.secret, hashed=hashed
        )
        log_export(database, project, audience, report, at=at, run_id="run-1")
    tables.execute("DELETE FROM gold.segments WHERE customer_id = ?", [ANN])
    out = default_path(project, "winback", at="2026-01-03T00:00:00Z", format="csv")
    report = export_audience(tables, "winback", {"winback": audience}, YES, out, secret=project.secret)
    log_export(database, project, audience, report, at="2026-01-03T00:00:00Z")
    assert [(one.rows, one.run_id) for one in exports(database)] == [(1, None), (2, "run-1"), (2, "run-1")]
    assert exports(database, audience="other") == []
    assert [one.at[:10] for one in exports_of(database, project.secret, [ANN])] == ["2026-01-02", "2026-01-01"]
    assert exports_of(database, project.secret, ["nobody"]) == []

    ann = Subject((ANN,), ("0" * 32,), (Identifier("email", "Ann@example.com", "ann@example.com"),))
    handler = ExportsHandler()
    assert len(handler.search(project, ann)) >= 2
    receipt = handler.erase(project, ann)
    assert receipt.removed == 2  # a line in the clear file, a line in the hashed one
    assert [told.split(",")[0] for told in receipt.told] == ["Mailing House: winback"] * 2
    assert handler.search(project, ann) == []
    assert all(len(path.read_text().splitlines()) == 2 for path in (project.root / "exports").iterdir())


def test_a_dry_run_cannot_be_logged(tables, tmp_path):
    database = sqlite3.connect(":memory:")
    database.executescript(MIGRATIONS[0])
    report = export(tables, tmp_path / "x.csv", dry_run=True)
    with pytest.raises(ValueError, match="dry run"):
        log_export(database, Project(tmp_path), EMAIL, report, at="x")
