"""The tables that identity writes: shapes, completeness, and an empty shop."""

from __future__ import annotations

import datetime as dt

from tests.identity.conftest import Identify
from tests.identity.population import EPOCH, population, record

from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.steps import steps

COLUMNS = {
    "normalised_records": "record_id email_key phone_key loyalty_key account_key ref_key device_key cookie_key "
    "fingerprint_key given_name_key family_name_key initial_key birth_date postcode_key address_key hashes",
    "identity_evidence": "record_id rule rule_version tier identifier_kind identifier_key weight kind source "
    "first_seen accepted reason",
    "customer_map": "record_id customer_id",
    "customer_aliases": "customer_id alias_of since_run since",
    "customer_identifiers": "customer_id kind value key records sources first_seen last_seen",
    "identity_summary": "name value",
}


def test_an_empty_shop_has_empty_tables_of_the_right_shape(identify: Identify) -> None:
    found = identify([])
    for table, columns in COLUMNS.items():
        assert found.context.connection.table(f"silver.{table}").columns == columns.split(), table
    assert dict(found.rows("FROM silver.identity_summary"))["customers"] == 0


def test_every_record_has_one_customer_and_steps_leave_nothing_behind(identify: Identify) -> None:
    records, _ = population(500, seed=2)
    found = identify(records)
    assert found.rows("SELECT count(*), count(DISTINCT record_id) FROM silver.customer_map") == [(500, 500)]
    assert found.rows("SELECT table_name FROM duckdb_tables() WHERE temporary") == []


def test_identifiers_show_the_latest_spelling(identify: Identify) -> None:
    found = identify(
        [
            record("a", email="Ann@Gmail.com", source="pos", last_seen=EPOCH),
            record("b", email="ann+x@gmail.com", source="web", last_seen=EPOCH + dt.timedelta(1)),
        ]
    )
    assert found.rows("SELECT kind, value, key, records, sources FROM silver.customer_identifiers") == [
        ("email", "ann+x@gmail.com", "ann@gmail.com", 2, "pos,web")
    ]


def test_a_record_without_a_usable_key_is_a_customer_alone(identify: Identify) -> None:
    found = identify([record("a"), record("b", email="nonsense"), record("c", given_name="Ann", family_name="Lee")])
    assert len(found.groups) == 3
    assert dict(found.rows("FROM silver.identity_summary"))["records.without_identifier"] == 3


def test_settings_are_part_of_a_steps_version() -> None:
    one, two = steps(IdentitySettings()), steps(IdentitySettings(hub_names=4))
    assert [a.settings != b.settings for a, b in zip(one, two, strict=True)] == [True, True]
