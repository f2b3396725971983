"""Pre-flight: is each kind of identifier fit to tell people apart?

In: identity_people and identity_hubs (see `rules`) beside silver.identity_records and silver.customer_map. Out: a
`Preflight`: per kind how many records carry it, how many of them share a value, what names nobody, and a verdict with
what to do. Values are masked.

    check(connection, IdentitySettings()).kinds[0].verdict          "fit"

The figure to look at is the mean number of records per value: 1 joins nothing, 2 to 5 is what people do, tens are a
counter's or a machine's, not a person's.

>>> verdict(mean=2.4, barred=0.0, unusable=0.01)[0], verdict(mean=24.0, barred=0.0, unusable=0.0)[0]
('fit', 'unfit')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from floorwalker.identity.explain.words import masked
from floorwalker.identity.letters import mixed
from floorwalker.identity.records import OUTPUT
from floorwalker.identity.resolver import COUNTED
from floorwalker.identity.rules import KEYS
from floorwalker.identity.statistics import code_of

if TYPE_CHECKING:
    import duckdb

    from floorwalker.identity.settings import IdentitySettings

FIT, HIGH, UNFIT = 5.0, 5.0, 10.0
MANY = 0.1
"""Share of a kind's records from which what stands on it is worth a look."""


class Offender(msgspec.Struct, frozen=True):
    """A value that many records share. `names`: different initials and surnames on it; `barred`: why it names nobody,
    '' where it counts."""

    value: str
    code: str
    records: int
    names: int
    barred: str


class Kind(msgspec.Struct, frozen=True):
    """A kind of identifier. `records`: that carry something; `unusable`: of these, blanks, dummies, what is invalid or
    blocked; `values`: different keys of the rest; `mean`: records per value; `barred_values`, `barred_records`: that
    name nobody because of a crowd."""

    kind: str
    records: int
    unusable: int
    values: int
    mean: float
    largest: int
    barred_values: int
    barred_records: int
    verdict: str
    advice: str
    offenders: list[Offender]


class Preflight(msgspec.Struct, frozen=True):
    """`without_identifier`: records that carry none; `mixed_scripts`: e-mail addresses written in letters of several
    scripts, which are kept apart from those they look like."""

    records: int
    without_identifier: int
    share_without: float
    mixed_scripts: int
    kinds: list[Kind]


def verdict(*, mean: float, barred: float, unusable: float, lends: bool = False) -> tuple[str, str]:
    """(word, what to do). `barred`, `unusable`: shares of the kind's records; `lends`: is it a device or cookie?

    >>> verdict(mean=1.0, barred=0.3, unusable=0.0)[0], verdict(mean=7.0, barred=0.0, unusable=0.0)[0]
    ('crowded', 'high')
    """
    if mean > UNFIT:
        return "unfit", "leave its rules out ([identity] rules), or map another column: it does not tell people apart"
    if barred > MANY:
        if lends:
            return "crowded", "many visits are on shared ones and stay anonymous; list your tills' in kiosk_devices"
        return "crowded", "see floorwalker identity blocked; list your own in blocked_values or own_email_domains"
    if unusable > MANY:
        return "placeholders", "many values name nobody: see what is entered where the question is not answered"
    if mean > HIGH:
        return "high", "look at its top values: are they people's?"
    if mean < 1.05:
        return "unique", "it joins next to nothing; that is right for ids of visits and receipts"
    return "fit", ""


def check(connection: duckdb.DuckDBPyConnection, settings: IdentitySettings, offenders: int = 3) -> Preflight:
    """Look at every kind. `offenders`: of each, as many of the values that most records share."""
    ((records, without),) = connection.execute(
        f"SELECT count(*), count(*) FILTER (coalesce({', '.join(KEYS.values())}) IS NULL) FROM identity_people"
    ).fetchall()
    odd = connection.execute(
        "SELECT DISTINCT email_key FROM identity_people WHERE NOT regexp_full_match(email_key, '[ -~]*')"
    ).fetchall()
    return Preflight(
        records,
        without,
        round(without / records, 4) if records else 0.0,
        sum(mixed(key.rpartition("@")[0]) for (key,) in odd),
        [_kind(connection, kind, settings, offenders) for kind in KEYS],
    )


def _kind(connection: duckdb.DuckDBPyConnection, kind: str, settings: IdentitySettings, offenders: int) -> Kind:
    column, field = KEYS[kind], OUTPUT[KEYS[kind]]
    ((records,),) = connection.execute(
        f"SELECT count(*) FROM silver.identity_records WHERE trim({field}) <> ''"
    ).fetchall()
    ((usable, values, largest),) = connection.execute(f"""
        SELECT coalesce(sum(records), 0)::BIGINT, count(*), coalesce(max(records), 0) FROM (
            SELECT count(*) AS records FROM identity_people WHERE {column} IS NOT NULL GROUP BY {column}
        )
    """).fetchall()
    ((barred_values, barred_records),) = connection.execute(f"""
        SELECT count(*), coalesce(sum(records), 0)::BIGINT FROM ({_shared(kind, settings)}) WHERE barred <> ''
    """).fetchall()
    top = connection.execute(
        f"SELECT * FROM ({_shared(kind, settings)}) ORDER BY records DESC, code LIMIT ?", [offenders]
    ).fetchall()
    mean = usable / values if values else 0.0
    word, advice = ("absent", "") if not records else verdict(
        # What a crowd shares joins nobody: the rest must be people's.
        mean=(usable - barred_records) / max(values - barred_values, 1),
        barred=barred_records / records,
        unusable=(records - usable) / records,
        lends=kind not in COUNTED,
    )  # fmt: skip
    return Kind(
        kind, records, records - usable, values, round(mean, 2), largest, barred_values, barred_records, word, advice,
        [Offender(masked(kind, key), code_of(code), count, names, why) for key, code, count, names, why in top],
    )  # fmt: skip


def _shared(kind: str, settings: IdentitySettings) -> str:
    """SQL: key, code, records, names, barred of the values that several records share."""
    column, code = KEYS[kind], f"{kind}_code"
    if kind in COUNTED:
        return f"""
            SELECT p.{column} AS key, p.{code} AS code, count(*) AS records, count(DISTINCT p.name_key) AS names,
                   coalesce(any_value(h.reason), '') AS barred
            FROM identity_people p LEFT JOIN identity_hubs h ON h.kind = '{kind}' AND h.code = p.{code}
            WHERE p.{column} IS NOT NULL GROUP BY p.{column}, p.{code} HAVING count(*) > 1
        """
    most = settings.shared_device_people
    return f"""
        SELECT p.{column} AS key, p.{code} AS code, count(*) AS records, count(DISTINCT p.name_key) AS names,
               CASE WHEN count(DISTINCT m.customer_id) FILTER (p.known) > {most}
                    THEN 'shared device: more than {most} customers' ELSE '' END AS barred
        FROM identity_people p JOIN silver.customer_map m USING (record_id)
        WHERE p.{column} IS NOT NULL GROUP BY p.{column}, p.{code} HAVING count(*) > 1
    """
