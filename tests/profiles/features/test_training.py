"""Training sets: each row sees what its own day saw, and nobody who said no."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.profiles.features.world import AS_OF, connect, features, row, served

from floorwalker.errors import ConfigError, NotFoundError
from floorwalker.governance.consent import ConsentPolicy
from floorwalker.profiles.catalogue import CUSTOMER
from floorwalker.profiles.features.training import CELLS, training_set

CATALOGUE = features()
NAMES = [one.name for one in CATALOGUE.features]


def labelled(connection, *rows, columns=("customer_id", "as_of", "label")):
    return connection.from_arrow(pa.table({name: [one[place] for one in rows] for place, name in enumerate(columns)}))


def day(ago: int) -> dt.date:
    return AS_OF - dt.timedelta(days=ago)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["c1", "c2"]), st.integers(1, 100), st.integers(1, 5)), max_size=20),
    st.lists(st.integers(0, 90), min_size=1, max_size=4, unique=True),
    st.sampled_from([CELLS, len(NAMES)]),  # in one query, or a slice of customers at a time
)
def test_a_row_equals_what_was_served_on_its_day(happened, days_ago, cells):
    rows = [
        row(number, customer, day(ago), amount=Decimal(pieces), pieces=pieces)
        for number, (customer, ago, pieces) in enumerate(happened)
    ]
    with connect(rows, ["c1", "c2"]) as connection:
        labels = labelled(connection, *((who, day(ago), 1) for who in ("c1", "c2") for ago in days_ago))
        made = training_set(connection, labels, NAMES, catalogue=CATALOGUE, cells=cells).relation
        assert len(made) == len(labels)
        found = {(values[0], values[1]): dict(zip(NAMES, values[3:], strict=True)) for values in made.fetchall()}
    for ago in days_ago:
        with connect(rows, ["c1", "c2"], as_of=day(ago)) as connection:
            for customer, expected in served(connection, NAMES).items():
                assert found[customer, day(ago)] == expected


def test_two_labels_of_one_customer_and_day_give_two_rows():
    with connect([row(1, "c1", day(3))], ["c1"]) as connection:
        made = training_set(
            connection, labelled(connection, ("c1", AS_OF, 0), ("c1", AS_OF, 1)), ["n"], catalogue=CATALOGUE
        )
        assert sorted(made.relation.fetchall()) == [("c1", AS_OF, 0, 1), ("c1", AS_OF, 1, 1)]


def test_only_what_was_asked_for_comes_back_in_that_order():
    with connect([row(1, "c1", day(3))], ["c1"]) as connection:
        made = training_set(connection, labelled(connection, ("c1", AS_OF, 0)), ["twice", "n"], catalogue=CATALOGUE)
        assert made.relation.columns == ["customer_id", "as_of", "label", "twice", "n"]


def test_one_day_for_all_labels():
    with connect([row(1, "c1", day(3))], ["c1"]) as connection:
        labels = labelled(connection, ("c1", 1), columns=("customer_id", "label"))
        made = training_set(connection, labels, ["n_7d"], catalogue=CATALOGUE, as_of=day(2))
        assert made.relation.fetchall() == [("c1", day(2), 1, 1)]


def test_customers_that_nobody_knows_are_counted_and_merged_ones_found():
    with connect([row(1, "c1", day(3))], ["c1"]) as connection:
        connection.execute("CREATE TABLE silver.customer_aliases AS SELECT 'old' AS customer_id, 'c1' AS alias_of")
        labels = labelled(connection, ("old", AS_OF, 1), ("gone", AS_OF, 0))
        made = training_set(connection, labels, ["n"], catalogue=CATALOGUE)
        assert made.relation.fetchall() == [("c1", AS_OF, 1, 1)]
        assert (made.labelled, made.unknown) == (2, 1)


def test_without_consent_no_row_and_without_a_purpose_no_value():
    catalogue = CUSTOMER.with_inputs(["orders", "views_30d"])
    assert catalogue.feature("views_30d").purpose == "personalization"
    with connect([], ["c1", "c2", "c3"]) as connection:
        for bucket in ("orders", "views"):
            connection.execute(
                f"CREATE TABLE silver.customer_{bucket}_days AS"
                f" SELECT 'c' || i AS customer_id, DATE '{day(2)}' AS day, i AS n FROM range(1, 4) AS r(i)"
            )
        connection.execute("CREATE OR REPLACE TABLE silver.customer_people AS SELECT customer_id FROM silver.people")
        connection.execute(
            "CREATE TABLE gold.consents AS SELECT * FROM (VALUES ('c1', 'analytics', 'granted'),"
            " ('c1', 'personalization', 'granted'), ('c2', 'analytics', 'granted'), ('c3', 'analytics', 'denied'))"
            " AS t(customer_id, purpose, status)"
        )
        labels = labelled(connection, *((who, AS_OF, 1) for who in ("c1", "c2", "c3")))
        made = training_set(connection, labels, ["orders", "views_30d"], catalogue=catalogue, consent=ConsentPolicy())
        assert sorted(made.relation.fetchall()) == [("c1", AS_OF, 1, 1, 1), ("c2", AS_OF, 1, 2, None)]
        assert (made.without_consent, made.hidden) == (1, {"personalization": 1})


@pytest.mark.parametrize(
    ("columns", "rows", "names", "message"),
    [
        (("who", "as_of"), [("c1", AS_OF)], ["n"], "no column customer_id"),
        (("customer_id", "label"), [("c1", 1)], ["n"], "from which day"),
        (("customer_id", "as_of", "n"), [("c1", AS_OF, 1)], ["n"], "which is a feature too"),
        (("customer_id", "as_of"), [("c1", AS_OF + dt.timedelta(days=1))], ["n"], "only reach to"),
        (("customer_id", "as_of"), [("c1", "soon")], ["n"], "is no day"),
        (("customer_id", "as_of"), [("c1", None)], ["n"], "have no as_of"),
        (("customer_id", "as_of"), [("c1", AS_OF)], [], "needs features"),
    ],
)
def test_labels_that_cannot_be_meant(columns, rows, names, message):
    with connect([], ["c1"]) as connection, pytest.raises(ConfigError, match=message):
        training_set(connection, labelled(connection, *rows, columns=columns), names, catalogue=CATALOGUE)


def test_unknown_features_and_nobody_known():
    with connect([], ["c1"]) as connection:
        with pytest.raises(NotFoundError, match="no feature 'm'"):
            training_set(connection, labelled(connection, ("c1", AS_OF, 1)), ["m"], catalogue=CATALOGUE)
        with pytest.raises(NotFoundError, match="none of the 1 labels"):
            training_set(connection, labelled(connection, ("x", AS_OF, 1)), ["n"], catalogue=CATALOGUE)
