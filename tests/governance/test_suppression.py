"""The suppression list: Python and SQL hash alike, nobody is refused who is not on it, and it holds no clear text."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.governance.database import open_test_database

from floorwalker.governance import suppression as s

SECRET = b"a project's secret"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)


@pytest.fixture(scope="module")
def engine():
    return duckdb.connect()


@given(values=st.lists(TEXT, min_size=1, max_size=20), kind=st.sampled_from(s.KINDS))
@example(values=[" Ann@X.com\t", "İstanbul", "ΣΑΣ", "ß", "a\x1fb", "O'Neil", "\x0b\x0c x"], kind="email")
def test_sql_and_python_hash_alike(engine, values, kind):
    query = f"SELECT {s.hash_sql(kind, 'value', SECRET)} FROM (SELECT unnest(?::VARCHAR[]) AS value)"
    assert [row[0] for row in engine.execute(query, [values]).fetchall()] == [
        s.hash_identifier(SECRET, kind, value) for value in values
    ]


def test_in_source_is_the_same_in_sql(engine):
    digest = s.hash_sql("customer_ref", s.in_source_sql("'shop'", "'17850'"), SECRET)
    assert engine.execute(f"SELECT {digest}").fetchall()[0][0] == s.hash_identifier(
        SECRET, "customer_ref", s.in_source("shop", "17850")
    )


def test_kind_and_secret_matter():
    digests = {s.hash_identifier(secret, kind, "x") for secret in (b"1", b"2") for kind in s.KINDS}
    assert len(digests) == 2 * len(s.KINDS)


def test_null_is_nobody(engine):
    assert engine.execute(f"SELECT {s.hash_sql('email', 'NULL::VARCHAR', SECRET)}").fetchall() == [(None,)]


def test_the_list_refuses_rows_of_erased_people_only(tmp_path, engine):
    connection = open_test_database(tmp_path / "floorwalker.db")
    ann = [("email", s.hash_identifier(SECRET, "email", "ann@example.com"))]
    assert s.add(connection, ann, reason="erasure", at="2026-01-01") == 1
    assert s.add(connection, ann, reason="erasure", at="2026-01-02") == 0
    assert s.contains(connection, ann[0][1])
    assert s.share(connection, engine) == 1
    rows = engine.execute(
        f"SELECT email, {s.suppressed_sql({'email': 'email', 'phone': 'phone'}, SECRET)} FROM"
        " (VALUES (' ANN@example.com', NULL), ('bob@example.com', '1'), (NULL, NULL), (NULL, 'ann@example.com'))"
        " t(email, phone)"
    ).fetchall()
    assert [refused for _, refused in rows] == [True, False, False, False]
    assert b"ann@example.com" not in (tmp_path / "floorwalker.db").read_bytes()
    assert s.lift(connection, [ann[0][1]]) == 1
    assert s.count(connection) == 0


def test_an_empty_list_refuses_nobody(tmp_path, engine):
    connection = open_test_database(tmp_path / "floorwalker.db")
    assert s.share(connection, engine) == 0
    test = s.suppressed_sql({"email": "'ann@example.com'"}, SECRET)
    assert engine.execute(f"SELECT {test}").fetchall() == [(False,)]
