"""The deterministic rules: which shared values are evidence, and which values are nobody's.

In: silver.normalised_records. Out: temporary tables `identity_people` (records with small integers and hashes),
`identity_hubs` (values seen with too many people) and `identity_pieces` (record -> identifier, a star per value, never
pairs).

| tier | rules | what they say |
|---|---|---|
| 0 | loyalty_id, account_id, customer_ref (within its source) | authenticated |
| 1 | email | verified address, one mailbox |
| 2 | phone_initial, loyalty_initial, email_initial, phone_alone | one household's value, narrowed to a person |
| 2 | name_birth_postcode, name_address | the same words |
| 3 | device_id, cookie_id, fingerprint (with consent) | lend anonymous visits to known customers, see `anonymous` |

`phone_alone` adds records without a name to a phone that only one first initial uses. `loyalty_initial` and
`email_initial` speak only where a family shares a card or a mailbox: whoever the value itself does not go to is still
one person with those of the same initial who use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from floorwalker.errors import ConfigError, did_you_mean
from floorwalker.identity import statistics
from floorwalker.identity.settings import IdentitySettings

VERSION = "1"


@dataclass(frozen=True)
class Rule:
    """`key`: SQL over identity_people giving the shared value, NULL where the rule is silent. `guard`: the identifier
    whose hubs silence it. `when`: SQL over identity_values (`v`) that says for which values of `guard` it speaks."""

    name: str
    tier: int
    weight: float
    identifier_kind: str
    key: str
    guard: str = ""
    when: str = ""


KEYS = {
    "loyalty_id": "loyalty_key", "account_id": "account_key", "customer_ref": "ref_key", "email": "email_key",
    "phone": "phone_key", "device_id": "device_key", "cookie_id": "cookie_key",
}  # fmt: skip
"""Identifier kind -> its column in silver.normalised_records."""

FINGERPRINT = "fingerprint_key"
"""The column of fingerprints, NULL without consent (`consenting`). It is evidence of visits, but no identifier: nobody
is listed or looked up by it."""

KNOWN = "coalesce(loyalty_key, account_key, ref_key, email_key, phone_key, given_name_key, family_name_key) IS NOT NULL"
"""SQL: does a normalised record name anybody? If not, it is an anonymous visit."""

WORDS = """md5_number_lower(concat_ws('|', 'l' || loyalty_key, 'a' || account_key, 'r' || ref_key, 'e' || email_key,
                   'p' || phone_key, 'g' || given_name_key, 'f' || family_name_key, 'b' || birth_date,
                   'z' || postcode_key, 's' || address_key))"""
"""SQL: hash of everything a normalised record says except device and cookie."""

_FULL_NAME = "given_name_key || '|' || family_name_key"

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("loyalty_id", 0, 30.0, "loyalty_id", "loyalty_key", "loyalty_id"),
        Rule("account_id", 0, 28.0, "account_id", "account_key", "account_id"),
        Rule("customer_ref", 0, 26.0, "customer_ref", "ref_key", "customer_ref"),
        Rule("email", 1, 20.0, "email", "email_key", "email"),
        Rule(
            "loyalty_initial", 2, 16.0, "loyalty_id", "loyalty_key || '|' || initial_key", "loyalty_id",
            "v.several_initials",
        ),
        Rule("email_initial", 2, 15.0, "email", "email_key || '|' || initial_key", "email", "v.several_initials"),
        Rule("phone_initial", 2, 14.0, "phone", "phone_key || '|' || initial_key", "phone"),
        Rule("phone_alone", 2, 10.0, "phone", "phone_key", "phone", "NOT v.several_initials AND v.named < v.records"),
        Rule(
            "name_birth_postcode", 2, 13.0, "person",
            f"CASE WHEN length(given_name_key) > 1 THEN {_FULL_NAME} || '|' || birth_date || '|' || postcode_key END",
        ),
        Rule(
            "name_address", 2, 12.0, "person",
            f"CASE WHEN length(given_name_key) > 1 THEN {_FULL_NAME} || '|' || address_key || '|' || postcode_key END",
        ),
        Rule("device_id", 3, 6.0, "device_id", "device_key"),
        Rule("cookie_id", 3, 5.0, "cookie_id", "cookie_key"),
        Rule("fingerprint", 3, 4.0, "fingerprint", FINGERPRINT),
    )
}  # fmt: skip


OWN = {
    "loyalty_id": "loyalty_id", "account_id": "account_id", "customer_ref": "customer_ref", "email": "email",
    "phone": "phone_initial",
}  # fmt: skip
"""Identifier kind -> the rule that goes by it, in the order in which they are believed unless a shop says otherwise."""


def ranked(priority: Sequence[str]) -> dict[str, Rule]:
    """All rules, those of OWN in the places (tier, weight) that `priority` gives their kinds; kinds that it leaves out
    come after those it names. Raises ConfigError for what is no kind.

    >>> [(rule.name, rule.tier, rule.weight) for rule in ranked(["phone"]).values() if rule.name in OWN.values()][3:]
    [('email', 2, 14.0), ('phone_initial', 0, 30.0)]
    """
    for kind in priority:
        if kind not in OWN:
            raise ConfigError(f"identity.priority: no kind {kind!r}", fix=did_you_mean(kind, OWN))
    order = dict.fromkeys([*priority, *OWN])
    places = {OWN[kind]: (RULES[rule].tier, RULES[rule].weight) for kind, rule in zip(order, OWN.values(), strict=True)}
    return {
        name: replace(rule, tier=places[name][0], weight=places[name][1]) if name in places else rule
        for name, rule in RULES.items()
    }


def chosen(settings: IdentitySettings) -> list[Rule]:
    """The rules in use, in a fixed order whatever the order of the setting. Raises ConfigError for what is no rule."""
    names = set(settings.rules)
    if not names:
        raise ConfigError("identity.rules is empty", fix="leave the setting out to use every rule")
    for name in sorted(names - RULES.keys()):
        raise ConfigError(f"identity.rules: no rule {name!r}", fix=did_you_mean(name, RULES))
    return [rule for rule in ranked(settings.priority).values() if rule.name in names]


_COLUMNS = (
    *KEYS.values(),
    FINGERPRINT,
    "given_name_key",
    "family_name_key",
    "birth_date",
    "postcode_key",
    "address_key",
)


def _silent(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Columns in which no record has a value: nothing is planned for them."""
    there = connection.sql("FROM silver.normalised_records").columns
    columns = [column for column in _COLUMNS if column in there]
    counts = ", ".join(f"count({column})" for column in columns)
    (row,) = connection.execute(f"SELECT {counts} FROM silver.normalised_records").fetchall()
    return {column for column, count in zip(columns, row, strict=True) if not count} | set(_COLUMNS) - set(there)


def make_people(connection: duckdb.DuckDBPyConnection) -> None:
    """identity_people: records numbered in the order of their ids, `known` if they name anyone, hashes of what they
    say. identity_names: their names, numbered from 1 in order."""
    codes = ", ".join(
        f"CASE WHEN {column} IS NULL THEN 0::UBIGINT ELSE md5_number_lower('{kind}|' || {column}) END AS {kind}_code"
        for kind, column in KEYS.items()
    )
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_names AS
        SELECT name, row_number() OVER (ORDER BY name)::INTEGER AS place FROM (
            SELECT given_name_key AS name FROM silver.normalised_records
            UNION SELECT family_name_key FROM silver.normalised_records
        ) WHERE name IS NOT NULL
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_people AS
        SELECT row_number() OVER (ORDER BY n.record_id)::INTEGER - 1 AS rid, n.* EXCLUDE (hashes),
               r.source, r.first_seen, r.last_seen,
               {KNOWN} AS known,
               coalesce(unicode(initial_key), 0)::INTEGER AS initial_code,
               coalesce(g.place, 0) AS given_code, coalesce(f.place, 0) AS family_code,
               initial_key || family_name_key AS name_key,
               coalesce(strftime(birth_date, '%Y%m%d')::INTEGER, 0) AS birth_code,
               {WORDS} AS words,
               {codes}
        FROM silver.normalised_records n
        JOIN (SELECT record_id, source, first_seen, last_seen FROM silver.identity_records) r USING (record_id)
        LEFT JOIN identity_names g ON g.name = n.given_name_key
        LEFT JOIN identity_names f ON f.name = n.family_name_key
        ORDER BY n.record_id
    """)


def make_hubs(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """identity_values: identifiers that two records or more share. identity_hubs: those that name nobody, with the
    reason.

    A hub is a value seen with more different people than a household holds (a store's e-mail, a till's own card, a
    dummy phone), counted by initial and surname or by initial, or by more different sets of words than one customer
    may have; and one that is barred already (`statistics`)."""
    silent = _silent(connection)
    kinds = ("loyalty_id", "account_id", "customer_ref", "email", "phone")
    values = " UNION ALL ".join(
        f"SELECT rid, '{kind}' AS kind, {kind}_code AS code, name_key, initial_key, words FROM identity_people "
        f"WHERE {kind}_code <> 0"
        for kind in [kind for kind in kinds if KEYS[kind] not in silent] or kinds[:1]
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_values AS
        WITH named AS (
            SELECT kind, code, any_value(name_key) AS name_key, any_value(initial_key) AS initial_key,
                   count(*) AS records
            FROM ({values}) GROUP BY kind, code, coalesce(name_key, initial_key)
        )
        SELECT kind, code, sum(records)::BIGINT AS records, count(name_key) AS names,
               coalesce(sum(records) FILTER (name_key IS NOT NULL), 0)::BIGINT AS named,
               coalesce(max(records) FILTER (name_key IS NOT NULL), 0) AS most_of_one_name,
               min(initial_key) IS DISTINCT FROM max(initial_key) AS several_initials,
               coalesce(sum(records) FILTER (initial_key IS NOT NULL), 0)::BIGINT AS initialed
        FROM named GROUP BY kind, code HAVING sum(records) > 1
    """)
    # Sets of words are counted only where they could matter: a value with few records cannot hold many.
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_hubs AS
        WITH heavy AS (
            SELECT v.kind, v.code, count(DISTINCT v.words) AS word_sets
            FROM ({values}) v JOIN identity_values i USING (kind, code)
            WHERE i.records > {settings.cluster_records} GROUP BY v.kind, v.code
        ), crowds AS (
            -- Where no surname is asked for, first initials tell a crowd; where it is, so do names.
            SELECT kind, code FROM (
                SELECT v.kind, v.code, v.initial_key, count(*) AS records
                FROM ({values}) v JOIN identity_values i USING (kind, code)
                WHERE i.initialed > greatest(i.named, {settings.hub_names}) AND v.initial_key IS NOT NULL
                GROUP BY v.kind, v.code, v.initial_key
            ) GROUP BY kind, code
            HAVING count(*) > {settings.hub_names} AND max(records) < {settings.hub_share} * sum(records)
        ), judged AS (
            SELECT i.kind, i.code, h.word_sets, c.code IS NOT NULL OR
                   i.names > {settings.hub_names} AND i.most_of_one_name < {settings.hub_share} * i.named AS many_names
            FROM identity_values i LEFT JOIN heavy h USING (kind, code) LEFT JOIN crowds c USING (kind, code)
        )
        SELECT kind, code,
               CASE WHEN many_names THEN 'learned hub: more than {settings.hub_names} names'
                    ELSE 'learned hub: more than {settings.cluster_records} records' END AS reason
        FROM judged WHERE many_names OR word_sets > {settings.cluster_records}
    """)
    statistics.bar(connection, [kind for kind in kinds if KEYS[kind] not in silent])


def make_pieces(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings) -> None:
    """identity_pieces(rid, rule, tier, node, weight, blocked, partner): evidence before resolution; `blocked` names the
    hub; `partner` is -1, or the other record where evidence ties two records (`manual`).

    Within a rule, weight is higher for the first initial that more of the value's records carry: a shared card goes to
    whoever uses it most."""
    silent, rules = _silent(connection), chosen(settings)
    parts = []
    for rule in [rule for rule in rules if not any(column in rule.key for column in silent)] or rules[:1]:
        known = "" if rule.tier < 3 else "AND n.anonymous > 0"
        code = f"p.{rule.guard}_code" if rule.guard else "p.node"
        guard = f"v.kind = '{rule.guard}' AND v.code = p.{rule.guard}_code" if rule.guard else "FALSE"
        barred = f"h.kind = '{rule.guard or statistics.PERSON}' AND h.code = {code}"
        values = f"{'' if rule.when else 'LEFT'} JOIN identity_values v ON {guard} AND {rule.when or 'TRUE'}"
        parts.append(f"""
            SELECT p.rid, '{rule.name}' AS rule, {rule.tier}::TINYINT AS tier, p.node,
                   {rule.weight}::DOUBLE AS base, coalesce(v.several_initials, FALSE) AS several, p.initial_code,
                   h.reason AS blocked
            FROM (SELECT *, md5_number_lower('{rule.name}|' || ({rule.key})) AS node FROM identity_people
                  WHERE ({rule.key}) IS NOT NULL) p
            JOIN (SELECT md5_number_lower('{rule.name}|' || ({rule.key})) AS node,
                         count(*) FILTER (NOT known) AS anonymous
                  FROM identity_people WHERE ({rule.key}) IS NOT NULL GROUP BY 1 HAVING count(*) > 1) n
              ON n.node = p.node {known}
            {values}
            LEFT JOIN identity_hubs h ON {barred}
        """)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE identity_pieces_raw AS {' UNION ALL '.join(parts)}")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE identity_pieces AS
        WITH shares AS (
            SELECT rule, node, initial_code, count(*) / sum(count(*)) OVER (PARTITION BY rule, node) AS share
            FROM identity_pieces_raw WHERE several AND initial_code <> 0 GROUP BY rule, node, initial_code
        )
        SELECT r.rid, r.rule, r.tier, r.node,
               r.base + CASE WHEN r.blocked IS NULL THEN coalesce(s.share, 1.0) ELSE 0 END AS weight, r.blocked,
               -1::INTEGER AS partner
        FROM identity_pieces_raw r LEFT JOIN shares s USING (rule, node, initial_code)
        ORDER BY r.rule, r.node, r.rid
    """)
    connection.execute("DROP TABLE identity_pieces_raw")
