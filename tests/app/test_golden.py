"""The golden record and households of a whole project: true to the records, in every table of them, and erasable."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.app.driving import call, rows, run
from tests.profiles.golden import FIELDS

RAW = " ".join(f"WHEN '{name}' THEN CAST(r.{name} AS VARCHAR)" for name in FIELDS)
LARGEST = """SELECT household_key, members FROM silver.households
    ORDER BY members DESC, household_key LIMIT 1"""


def test_every_golden_value_is_the_raw_value_of_the_record_it_names(demo_once: tuple[Path, str]) -> None:
    demo, _ = demo_once
    ((count, wrong, foreign),) = rows(
        demo,
        f"""
        SELECT count(*), count(*) FILTER (g.value IS DISTINCT FROM CASE g.attribute {RAW} END),
               count(*) FILTER (m.customer_id IS DISTINCT FROM g.customer_id OR r.source <> g.source)
        FROM silver.golden_fields AS g LEFT JOIN silver.identity_records AS r USING (record_id)
        LEFT JOIN silver.customer_map AS m USING (record_id)
    """,
    )
    assert count > 1000 and (wrong, foreign) == (0, 0)
    reasons = {reason for (reason,) in rows(demo, "SELECT DISTINCT reason FROM silver.golden_fields")}
    assert {"only value", "better formed", "most records", "newest"} <= reasons
    ((hashed,),) = rows(demo, "SELECT count(*) FROM silver.golden_fields WHERE lower(value) LIKE 'hash:%'")
    assert hashed == 0


def test_customers_are_made_from_the_golden_record_and_from_nothing_else(demo_once: tuple[Path, str]) -> None:
    demo, _ = demo_once
    for attribute, shown in (
        *((name, name) for name in ("given_name", "family_name", "postcode", "city", "loyalty_id")),
        ("email", "email"),
    ):
        value = "lower(trim(value))" if attribute == "email" else "value"
        golden = f"SELECT customer_id, {value} FROM silver.golden_fields WHERE attribute = '{attribute}' ORDER BY ALL"
        customers = f"SELECT customer_id, {shown} FROM gold.customers WHERE {shown} IS NOT NULL ORDER BY ALL"
        assert rows(demo, golden) == rows(demo, customers), attribute
    ((unlike,),) = rows(
        demo,
        """
        SELECT count(*) FROM gold.customers AS c LEFT JOIN silver.households AS h USING (customer_id)
        WHERE h.household_key IS DISTINCT FROM c.household_id OR coalesce(h.members, 1) <> c.household_members
    """,
    )
    assert unlike == 0


def test_a_customer_s_record_shows_where_each_field_comes_from_and_whom_they_live_with(
    demo_once: tuple[Path, str],
) -> None:
    demo, _ = demo_once
    ((key, members),) = rows(demo, LARGEST)
    together = [
        one for (one,) in rows(demo, f"SELECT customer_id FROM silver.households WHERE household_key = '{key}'")
    ]
    record = call(demo, "customers", "show", together[0], "--json").json
    assert record["household"]["household_id"] == key
    assert record["household"]["size"] == members == len(together) > 1
    assert record["household"]["members"] == sorted(together)
    assert any(one["accepted"] for one in record["household"]["shares"])
    fields = {one["attribute"]: one for one in record["provenance"]}
    assert fields["family_name"]["value"] == record["demographics"]["family_name"]
    assert fields["family_name"]["record_id"] == fields["given_name"]["record_id"]
    assert {"source", "reason", "alternatives", "records", "last_seen"} <= fields["family_name"].keys()
    printed = call(demo, "customers", "show", together[0]).out
    assert "attribute=family_name" in printed and "reason=" in printed and key in printed


@pytest.mark.slow
def test_an_erased_member_leaves_the_household_as_it_was_for_the_others(
    demo_once: tuple[Path, str], tmp_path: Path
) -> None:
    demo = Path(shutil.copytree(demo_once[0], tmp_path / "demo"))
    ((key, members),) = rows(demo, LARGEST)
    others = f"SELECT customer_id, household_key FROM silver.households WHERE household_key <> '{key}' ORDER BY ALL"
    unchanged = rows(demo, others)
    # the one the id came from, so that it would change if it followed from the members who are left
    gone, *rest = [
        one
        for (one,) in rows(demo, f"SELECT customer_id FROM silver.households WHERE household_key = '{key}' ORDER BY 1")
    ]
    assert call(demo, "erase", "--customer", gone, "--yes", "--json").json["proven"] is True
    for again in (False, True):
        if again:
            run(demo, "--reload")
        assert rows(demo, others) == unchanged
        left = rows(demo, f"SELECT customer_id FROM silver.households WHERE household_key = '{key}' ORDER BY 1")
        assert [one for (one,) in left] == rest
        for table in ("golden_fields", "household_evidence", "households"):
            assert rows(demo, f"SELECT count(*) FROM silver.{table} WHERE customer_id = '{gone}'") == [(0,)]
    assert rows(demo, f"SELECT DISTINCT members FROM silver.households WHERE household_key = '{key}'") == [
        (members - 1,)
    ]
