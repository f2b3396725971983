"""Who is held out of an audience: a fixed share, by hash, the same in Python, in SQL and on every day.

In: a customer_id, a seed (the audience's name), a share. Out: whether the customer is in the hold-out. FNV-1a, 32 bit,
version 2 of the bucket rule used by GrowthBook: `fnv(decimal(fnv(seed + value))) mod 10000 / 10000`. Raising the share
only adds people; two audiences hold out independently. Hash opaque ASCII ids only: SDKs disagree about other
characters.

>>> bucket("a", "seed"), bucket("def", "foo")
(0.0505, 0.2019)
>>> in_holdout("a", "seed", 0.05), in_holdout("a", "seed", 0.051)
(False, True)
"""

from __future__ import annotations

_START, _PRIME, _MASK, _BUCKETS = 2166136261, 16777619, 0xFFFFFFFF, 10_000


def fnv1a(text: str) -> int:
    """FNV-1a, 32 bit, over character codes."""
    value = _START
    for character in text:
        value = ((value ^ ord(character)) * _PRIME) & _MASK
    return value


def bucket(value: str, seed: str) -> float:
    """Where a value falls in [0, 1), in steps of 1/10,000."""
    return fnv1a(str(fnv1a(seed + value))) % _BUCKETS / _BUCKETS


def in_holdout(customer_id: str, seed: str, share: float) -> bool:
    """Whether the customer is held out. `share` in [0, 1]."""
    return bucket(customer_id, seed) < share


def holdout_sql(column_sql: str, seed: str, share: float) -> str:
    """`in_holdout` as a DuckDB expression."""
    if share <= 0:
        return "false"
    text = seed.replace("'", "''")
    inner = _fnv_sql(f"('{text}' || {column_sql})")
    outer = _fnv_sql(f"CAST({inner} AS VARCHAR)")
    # The same division as in Python, so that a share on the edge of a bucket falls the same way.
    return f"(CAST({outer} % {_BUCKETS} AS DOUBLE) / {_BUCKETS} < CAST({share!r} AS DOUBLE))"


def _fnv_sql(text_sql: str) -> str:
    codes = f"list_transform(string_split({text_sql}, ''), lambda one: CAST(unicode(one) AS BIGINT))"
    return (
        f"list_reduce(list_prepend(CAST({_START} AS BIGINT), {codes}),"
        f" lambda value, code: (xor(value, code) * {_PRIME}) & {_MASK})"
    )
