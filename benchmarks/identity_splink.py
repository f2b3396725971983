"""The control: Splink as its tutorials use it on a table of customers, without any guard.

In: a lake that holds silver.identity_records. Out: `Found`: connected components of the pairs at p ≥ .95, and all pairs
that Splink weighed.

What is done, in the words of the tutorials ("Exploring data" to "Clustering", Splink 5):

- input: our own keys of e-mail, phone, postcode and card (kinder than the tutorials, which lower and trim), names and
  address in lower case, the birth date as it was given; nothing is blocked as nobody's, no nickname is folded;
- eight comparisons: `NameComparison` of given name and of surname with term frequencies, `DateOfBirthComparison`,
  `EmailComparison`, Levenshtein 1 and 2 of the phone, Jaro-Winkler .9 and .7 of the address, exact postcode with term
  frequencies, exact card;
- blocks: e-mail, phone, card, surname + birth date, given name + birth date, surname + postcode, given name + postcode,
  address + given name;
- prior from three exact rules (e-mail; card; both names and birth date) with recall .65; u from 1e6 random pairs
  (seed 1); m by expectation maximisation on two blocks, both names and e-mail;
- edges p ≥ .95, connected components.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
from benchmarks.identity_engine import RECORDS
from benchmarks.identity_measures import Found

from floorwalker.engines.lake import Lake
from floorwalker.identity.records import normalise_records
from floorwalker.identity.settings import IdentitySettings

PROBABILITY = 0.95
RANDOM_PAIRS = 1e6

_WORDS = """
SELECT r.record_id AS unique_id, lower(trim(r.given_name)) AS first_name, lower(trim(r.family_name)) AS surname,
       CAST(r.birth_date AS VARCHAR) AS dob, n.email_key AS email, n.phone_key AS phone,
       lower(trim(r.address)) AS address, n.postcode_key AS postcode, n.loyalty_key AS card
FROM silver.identity_records r JOIN normalised n USING (record_id) ORDER BY r.record_id
"""


def splink_tutorial(lake: Lake) -> Found:
    """Train, predict and cluster in one go."""
    with lake.connect() as connection:
        lake.view(connection, RECORDS)
        normalise_records(connection, IdentitySettings()).create_view("normalised")
        connection.execute(f"CREATE TEMP TABLE words AS {_WORDS}")
        return _link(connection)


def _link(connection: duckdb.DuckDBPyConnection) -> Found:
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    names = [cl.NameComparison(name).configure(term_frequency_adjustments=True) for name in ("first_name", "surname")]
    blocks = (
        ("email",), ("phone",), ("card",), ("surname", "dob"), ("first_name", "dob"), ("surname", "postcode"),
        ("first_name", "postcode"), ("address", "first_name"),
    )  # fmt: skip
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            *names,
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.EmailComparison("email"),
            cl.LevenshteinAtThresholds("phone", [1, 2]),
            cl.JaroWinklerAtThresholds("address", [0.9, 0.7]),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
            cl.ExactMatch("card"),
        ],
        blocking_rules_to_generate_predictions=[block_on(*columns) for columns in blocks],
        retain_matching_columns=False,
    )
    linker = Linker(DuckDBAPI(connection).register("words"), settings, log_level="ERROR")
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("email"), block_on("card"), block_on("first_name", "surname", "dob")], recall=0.65
    )
    training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=1)
    for columns in (("first_name", "surname"), ("email",)):
        training.estimate_parameters_using_expectation_maximisation(block_on(*columns))
    weighed = linker.inference.predict()
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(weighed, PROBABILITY)
    return Found(
        _table(connection, f"SELECT unique_id AS record_id, cluster_id AS customer_id FROM {clusters.physical_name}"),
        pairs=_table(
            connection,
            "SELECT unique_id_l AS record_a, unique_id_r AS record_b, match_probability AS probability "
            f"FROM {weighed.physical_name}",
        ),
    )


def _table(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return connection.sql(query).to_arrow_table()
