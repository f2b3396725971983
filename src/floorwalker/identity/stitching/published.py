"""What a stitcher starts from: the customers of the last run.

In: a connection on the published tables. Out: a `Stitcher` that answers with the published ids.

- Records that a run has published as one customer stand: whatever made them one (a model, a person's link), they are
  one. New records come to them by the rules.
- Two published customers become one when a new record brings evidence that the rules accept; the id of the one with
  more records stays, as in a run. What people have cut stays apart.
- Rules whose evidence the project's level of confidence leaves out (`cut`) are silent.

    lake = Lake(project)
    stitcher = published(lake.read(TABLES), settings, project.secret, decided=active(database), cut=cut)

A run reconciles: its model and its decisions are the next base.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb
import numpy as np
from numpy.typing import NDArray

from floorwalker.identity import rules
from floorwalker.identity.hashed import parse_token
from floorwalker.identity.records import HASHABLE, OUTPUT
from floorwalker.identity.settings import IdentitySettings
from floorwalker.identity.stitching.holdings import KIOSK, Holdings
from floorwalker.identity.stitching.saying import GUARDED, KINDS, LENDING, NAME_ADDRESS, NAME_BIRTH, Keys
from floorwalker.identity.stitching.stitcher import Stitcher

if TYPE_CHECKING:
    from floorwalker.identity.levels import Cut
    from floorwalker.identity.standing import Standing

TABLES = ("silver.identity_records", "silver.normalised_records", "silver.customer_map")
"""What is read of the lake."""

_KEYS = {NAME_BIRTH: "name_birth_postcode", NAME_ADDRESS: "name_address"}
_NODES = ("loyalty_initial", "email_initial", "phone_initial", "phone_alone")


def published(
    connection: duckdb.DuckDBPyConnection,
    settings: IdentitySettings,
    secret: bytes,
    *,
    decided: Sequence[Standing] = (),
    cut: Cut | None = None,
    schemes: Mapping[str, Iterable[str]] | None = None,
    barred: Iterable[int] = (),
) -> Stitcher:
    """A stitcher that stands on the last run. `decided`: what people have decided (`decisions.active`); `cut`: where
    the project's level ends; `schemes`: ways of hashing beside those in the data; `barred`: codes of values that are
    nobody's."""
    stitcher = Stitcher(settings, secret, barred=barred, schemes=_schemes(connection))
    for kind, texts in (schemes or {}).items():
        for text in texts:
            stitcher.tokens.declare(kind, text)
    if cut:
        # Evidence of a rule weighs more than its base.
        stitcher.held.rules -= {
            rule.name
            for rule in rules.chosen(settings)
            if rule.tier < 3
            and not (rule.tier < cut.tier or (rule.tier == cut.tier and rule.weight + 1e-6 >= cut.weight))
        }
        stitcher.rules_changed()
    found = _columns(connection)
    _hold(stitcher.held, found)
    _stand(stitcher, found)
    _judge(stitcher)
    _decide(stitcher, decided)
    _tell(connection, stitcher)
    stitcher.published()
    return stitcher


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, NDArray]:
    """Records in the order of their ids: what they say, hashed, and their customers."""
    rules.make_people(connection)
    hashes = ", ".join(
        f"coalesce(md5_number_lower('{name}|' || ({rules.RULES[name].key})), 0::UBIGINT) AS {name}"
        for name in (*_KEYS.values(), *_NODES)
    )
    table = connection.sql(f"""
        SELECT record_id, customer_id, known, words, birth_code, initial_code, given_code, family_code,
               {", ".join(f"{kind}_code" for kind in rules.KEYS)}, {hashes},
               coalesce(epoch_us(first_seen), 0) AS first_seen, coalesce(epoch_us(last_seen), 0) AS last_seen
        FROM identity_people LEFT JOIN silver.customer_map USING (record_id) ORDER BY rid
    """).to_arrow_table()
    found = {name: table[name].to_numpy() for name in table.column_names}
    found["names"] = np.array(
        ["", *connection.sql("SELECT name FROM identity_names ORDER BY place").to_arrow_table()["name"].to_pylist()],
        dtype=object,
    )
    connection.execute("DROP TABLE identity_people; DROP TABLE identity_names")
    return found


def _extend(column: array, values: NDArray) -> None:
    """Append numbers to a column of the same width."""
    column.frombytes(np.ascontiguousarray(values.astype(f"={_WIDTHS[column.typecode]}")).tobytes())


_WIDTHS = {"i": "i4", "q": "i8", "Q": "u8", "b": "i1", "B": "u1"}


def _hold(held: Holdings, found: dict[str, NDArray]) -> None:
    ids = found["record_id"].tolist()
    held.ids += ids
    held.rows |= zip(ids, range(len(ids)), strict=True)
    held.names[:] = found["names"].tolist()
    held.places |= {name: place for place, name in enumerate(held.names)}
    for column, name in (
        (held.given, "given_code"), (held.family, "family_code"), (held.birth, "birth_code"),
        (held.initial, "initial_code"), (held.words, "words"), (held.known, "known"),
        (held.first_seen, "first_seen"), (held.last_seen, "last_seen"), *zip(held.nodes, _NODES, strict=True),
    ):  # fmt: skip
        _extend(column, found[name])
    _extend(held.marks, np.zeros(len(ids)))
    for kind, name in enumerate(KINDS):
        _chain(held, kind, found[_KEYS.get(kind, f"{name}_code")], found["known"].astype(bool))


def _chain(held: Holdings, kind: int, codes: NDArray[np.uint64], known: NDArray[np.bool_]) -> None:
    """A kind's values, and who holds each."""
    rows = np.flatnonzero(codes)
    values, slot, count = np.unique(codes[rows], return_inverse=True, return_counts=True)
    first = len(held.code)
    held.slot_of |= zip(values.tolist(), range(first, first + len(values)), strict=True)
    _extend(held.code, values)
    _extend(held.count, count)
    _extend(held.flags, np.zeros(len(values)))
    slots = np.full(len(codes), -1)
    slots[rows] = slot + first
    following = np.full(len(codes), -1)
    heads = np.full((2, len(values)), -1)
    # Of devices and cookies the records that name somebody are one chain, visits another.
    is_visit = np.zeros(len(rows), dtype=np.int64) if kind not in LENDING else (~known[rows]).astype(np.int64)
    order = np.lexsort((rows, is_visit, slot))
    ordered, chain = rows[order], slot[order] * 2 + is_visit[order]
    same = np.flatnonzero(chain[1:] == chain[:-1])
    following[ordered[same]] = ordered[same + 1]
    starts = np.flatnonzero(np.append(True, chain[1:] != chain[:-1])[: len(chain)])
    heads[chain[starts] % 2, chain[starts] // 2] = ordered[starts]
    _extend(held.head, heads[0])
    _extend(held.visits, heads[1])
    _extend(held.slots[kind], slots)
    _extend(held.nexts[kind], following)


def _rings(group: NDArray[np.integer], rows: NDArray[np.integer]) -> NDArray[np.integer]:
    """Per row the next one of its group, around; `group` is sorted."""
    following = np.append(rows[1:], rows[:1])
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1])[: len(group)])
    ends = np.append(starts[1:], len(group)) - 1
    following[ends] = rows[starts]
    return following


def _stand(stitcher: Stitcher, found: dict[str, NDArray]) -> None:
    """The published customers, and the rings of their records."""
    customers, standing, size = stitcher.customers, stitcher.standing, len(found["words"])
    known = found["known"].astype(bool)
    # A record that no map names is on its own, under an id that is its own.
    given = found["customer_id"]
    alone = np.array([one is None for one in given.tolist()], dtype=bool)
    names, number = np.unique(np.where(alone, found["record_id"], given).astype(str), return_inverse=True)
    rows = np.lexsort((np.arange(size), ~known, number))
    group = number[rows]
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1])[:size])
    home = rows[starts]
    smallest, seen = np.full(len(names), size), np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(smallest, number, np.arange(size))
    np.minimum.at(seen, number, found["first_seen"])
    is_published = np.ones(len(names), dtype=bool)
    is_published[number[alone]] = False
    own = np.cumsum(is_published) - 1
    own[~is_published] = -1

    label, following = home[number], np.empty(size, dtype=np.int64)
    following[rows] = _rings(group, rows)
    for column, values in ((customers.label, label), (customers.following, following)):
        _extend(column, values)
    _extend(customers.anchor, smallest[number])
    _extend(customers.keeper, own[number])
    home_of = np.full(size, -1)
    home_of[home[is_published]] = own[is_published]
    _extend(customers.home_of, home_of)
    listed = customers.published
    listed.ids += names[is_published].tolist()
    listed.numbers |= zip(listed.ids, range(len(listed.ids)), strict=True)
    _extend(listed.records, np.bincount(number, minlength=len(names))[is_published])
    _extend(listed.first_seen, seen[is_published])
    _extend(listed.home, home[is_published])

    together = np.flatnonzero(known & ~alone)
    together = together[np.lexsort((together, number[together]))]
    beside = np.arange(size)
    beside[together] = _rings(number[together], together)
    _extend(standing.following, beside)
    _extend(standing.number, np.where(known & ~alone, own[number], -1))


def _judge(stitcher: Stitcher) -> None:
    """What every value is that several records hold."""
    held, label, people = stitcher.held, stitcher.customers.label, stitcher.held.settings.shared_device_people
    several = np.frombuffer(held.count, dtype=np.int32) > 1
    for kind in (*GUARDED, *LENDING):
        slots = np.unique(np.frombuffer(held.slots[kind], dtype=np.int32))
        slots = slots[slots >= 0]
        for slot in slots[several[slots]].tolist():
            if kind in GUARDED:
                held.tally(kind, slot)
                held.judge(kind, slot)
            elif held.visits[slot] >= 0 and len({label[row] for row in held.holders(kind, slot)}) > people:
                held.flags[slot] |= KIOSK
    del several


def _decide(stitcher: Stitcher, decided: Sequence[Standing]) -> None:
    """What people have cut."""
    rows = stitcher.held.rows
    for cut, one in enumerate(decided):
        if one.kind == "cut":
            for side, members in enumerate((one.a, one.b)):
                for member in members:
                    if (row := rows.get(member.record_id)) is not None:
                        stitcher.standing.cuts.setdefault(row, {})[cut] = side


def _schemes(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The ways in which the values of each kind are hashed."""
    found: dict[str, list[str]] = {}
    for kind in HASHABLE:
        rows = connection.execute(
            f"SELECT DISTINCT regexp_extract(lower(trim({kind})), '^hash:([^:]+):', 1) FROM silver.identity_records"
            f" WHERE starts_with(lower(trim({kind})), 'hash:') ORDER BY 1"
        ).fetchall()
        if texts := [text for (text,) in rows if text]:
            found[kind] = texts
    return found


def _tell(connection: duckdb.DuckDBPyConnection, stitcher: Stitcher) -> None:
    """What clear values hash to, and which records came hashed."""
    # Fingerprints are for a run, which knows who has allowed them.
    tokens, fields = stitcher.tokens, tuple((key, one) for key, one in OUTPUT.items() if key != rules.FINGERPRINT)
    hashed = [kind for kind in HASHABLE if tokens.has(kind)]
    for kind in hashed:
        key = next(column for column, field in fields if field == kind)
        query = connection.execute(
            f"SELECT record_id, r.{kind}, n.{key} FROM silver.identity_records r JOIN silver.normalised_records n"
            f" USING (record_id) WHERE n.{key} <> '' AND NOT starts_with(lower(r.{kind}), 'hash:')"
        )
        while rows := query.fetchmany(10_000):
            for record_id, raw, found in rows:
                tokens.add_told(record_id, tokens.hashes(kind, raw, found))
    if not hashed:
        return
    came = " OR ".join(f"starts_with(lower(r.{kind}), 'hash:')" for kind in hashed)
    query = connection.execute(
        f"SELECT r.record_id, {', '.join(f'r.{kind}' for kind in hashed)},"
        f" {', '.join(f'n.{column}::VARCHAR' for column, _ in fields)},"
        " coalesce(epoch_us(r.first_seen), 0), coalesce(epoch_us(r.last_seen), 0)"
        f" FROM silver.identity_records r JOIN silver.normalised_records n USING (record_id) WHERE {came}"
    )
    while rows := query.fetchmany(10_000):
        for record_id, *values in rows:
            raw, rest = values[: len(hashed)], values[len(hashed) :]
            keys = Keys(record_id, first_seen=rest[-2], last_seen=rest[-1])
            for (_, field), key in zip(fields, rest, strict=False):
                setattr(keys, _FIELDS.get(field, field), key)
            for kind, value in zip(hashed, raw, strict=True):
                if value and (token := parse_token(value)) and value[:5].lower() == "hash:":
                    setattr(keys, kind, token[1])
                    keys.hashed += (kind,)
            if keys.hashed:
                tokens.add_born(keys)


_FIELDS = {"given_name": "given", "family_name": "family", "birth_date": "birth"}
"""Field of a record -> field of `Keys`, where they differ."""
