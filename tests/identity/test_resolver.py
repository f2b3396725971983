"""The partition is a pure function of records and evidence: metamorphic tests on the whole path and on the resolver."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity.conftest import Identify
from tests.identity.population import population, record

from floorwalker.identity import resolver
from floorwalker.identity.merging import clusters_of, merge_in_order
from floorwalker.identity.settings import IdentitySettings, Limit, Limits

DATED = IdentitySettings(limits=Limits(email=Limit(1, days=4), phone=Limit(2, days=9), account_id=Limit(1, days=2)))
TIGHT = IdentitySettings(limits=Limits(email=2, phone=2, account_id=2), cluster_records=6, hub_names=5)


WORLDS = 40
METAMORPHIC = settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 10_000)


def _worlds(rng: random.Random) -> list[dict[str, object]]:
    """Many small worlds that share no value, each dense in conflicts: one run tries them all."""
    rows = []
    for world in range(WORLDS):
        choices: dict[str, list[object]] = {
            "loyalty_id": ["card1", "card2"], "account_id": ["a1", "a2", "a3"],
            "email": ["u@lee.com", "v@lee.com", "w@lee.com"], "address": ["1 High Street"],
            "phone": [f"07400 91{world:03d}{n}" for n in range(2)],
        }  # fmt: skip
        shared: dict[str, list[object]] = {
            "given_name": ["Ann", "Bob", "Lee"], "family_name": ["Lee", "Bee"], "postcode": ["B1 1AA"],
            "birth_date": [dt.date(1980, 3, 4), dt.date(1951, 12, 27)],
        }  # fmt: skip
        for number in range(rng.randrange(2, 17)):
            words = {
                field: value if field == "phone" else f"{world}{value}"
                for field, values in choices.items()
                if (value := rng.choice([None, *values]))
            }
            words |= {field: rng.choice([None, *values]) for field, values in shared.items()}
            rows.append(record(f"w{world:02d}r{number:02d}", **words))
    return rows


def _words(row: dict[str, object]) -> str:
    return repr(sorted((field, value) for field, value in row.items() if field != "record_id" and value))


@METAMORPHIC
@given(SEEDS)
def test_row_order_and_the_names_of_records_change_nothing(identify: Identify, seed: int) -> None:
    """Renamed, the same sets of words come together (records that say the same are interchangeable)."""
    rng = random.Random(seed)
    rows = _worlds(rng)
    first = identify(rows, TIGHT)
    evidence = "SELECT record_id, rule, identifier_key, accepted, reason FROM silver.identity_evidence ORDER BY ALL"
    assert len(first.refusals()) >= 5
    rng.shuffle(rows)
    second = identify(rows, TIGHT)
    assert first.groups == second.groups
    assert first.rows(evidence) == second.rows(evidence)
    renamed = identify([row | {"record_id": f"n{n:04d}"} for n, row in enumerate(rows)], TIGHT)
    says = {row["record_id"]: _words(row) for row in rows} | {f"n{n:04d}": _words(row) for n, row in enumerate(rows)}
    assert sorted(sorted(says[r] for r in group) for group in first.groups) == sorted(
        sorted(says[r] for r in group) for group in renamed.groups
    )


@METAMORPHIC
@given(SEEDS)
def test_isolated_records_and_blocked_values_change_nothing(identify: Identify, seed: int) -> None:
    rows = _worlds(random.Random(seed))
    before = identify(rows, TIGHT).groups
    changed = [row | {"device_id": "0000-0000", "customer_ref": "n/a", "cookie_id": "null"} for row in rows]
    after = identify([*changed, record("alone", email="alone@else.com")], TIGHT).groups
    assert after == before | {frozenset({"alone"})}


@METAMORPHIC
@given(SEEDS)
def test_the_partition_is_the_components_of_the_accepted_evidence_and_holds_the_limits(
    identify: Identify, seed: int
) -> None:
    found = identify(_worlds(random.Random(seed)), TIGHT)
    parent = {r: r for r in found.customer}

    def find(x: str) -> str:
        while parent[x] != x:
            x = parent[x]
        return x

    for member, rule, key in found.rows(
        "SELECT record_id, rule, identifier_key FROM silver.identity_evidence WHERE accepted"
    ):
        node = key if rule == "model" else f"{rule}:{key}"
        parent.setdefault(node, node)
        parent[find(member)] = find(node)
    joined: dict[str, set[str]] = {}
    for member in found.customer:
        joined.setdefault(find(member), set()).add(member)
    assert {frozenset(group) for group in joined.values()} == found.groups
    most = found.rows("""
        SELECT kind, max(n) FROM (SELECT customer_id, kind, count(*) AS n FROM silver.customer_identifiers GROUP BY ALL)
        GROUP BY kind ORDER BY kind
    """)
    assert most == [("account_id", 2), ("email", 2), ("loyalty_id", 1), ("phone", 2)]


NAMES = ["", "a", "b", "ann", "bob", "rob", "lee"]


def _random_case(seed: int, records: int = 60, pieces: int = 110) -> tuple[resolver.People, resolver.Evidence]:
    rng = np.random.default_rng(seed)

    def codes(values: int) -> np.ndarray:
        return (rng.integers(1, values, records) * (rng.random(records) < 0.4)).astype(np.uint64)

    cut = rng.choice(records, 6, replace=False).astype(np.int32)
    people = resolver.People(
        codes={kind: codes(40) for kind in resolver.COUNTED},
        given=(rng.integers(1, len(NAMES), records) * (rng.random(records) < 0.5)).astype(np.int32),
        family=rng.integers(0, len(NAMES), records).astype(np.int32),
        names=NAMES,
        birth=np.where(rng.random(records) < 0.2, rng.choice([19800304, 19510607, 19800403], records), 0).astype(
            np.int32
        ),
        words=rng.integers(1, 1 << 60, records).astype(np.uint64),
        days=rng.integers(0, 20, records).astype(np.int32),
        cuts=resolver.Cuts(cut, np.repeat([0, 1, 2], 2).astype(np.int32), np.tile([0, 1], 3).astype(np.int8)),
    )
    tier = rng.choice([-1, 0, 1, 2, 4], pieces, p=[0.03, 0.25, 0.25, 0.25, 0.22]).astype(np.int8)
    pair = (tier == 4) | (tier == -1)
    record, partner = (rng.integers(0, records, pieces).astype(np.int32) for _ in range(2))
    evidence = resolver.Evidence(
        record=record,
        node=np.where(pair, 1000 + np.arange(pieces), rng.integers(1, 50, pieces)).astype(np.uint64),
        tier=tier,
        weight=rng.integers(0, 3, pieces).astype(np.float64),
        partner=np.where(pair, partner, -1).astype(np.int32),
    )
    return people, evidence


def _one_by_one(
    people: resolver.People, evidence: resolver.Evidence, order: np.ndarray, settings: IdentitySettings
) -> list[int]:
    """The reference: nothing but merging, piece after piece."""
    own, limits = np.arange(len(people)), list(resolver.limits_of(settings).values())
    clusters = dict(enumerate(clusters_of(people, own, np.ones(len(people), dtype=np.int8), limits)))
    right = np.where(evidence.partner >= 0, evidence.partner, len(people) + evidence.node.astype(np.int64))
    return merge_in_order(
        clusters,
        evidence.record[order].tolist(),
        right[order].tolist(),
        evidence.tier[order].tolist(),
        limits,
        settings.cluster_records,
    )


@pytest.mark.parametrize("chosen", [IdentitySettings(), DATED], ids=["default", "dated"])
@pytest.mark.parametrize("seed", range(30))
def test_the_vectorised_path_equals_merging_one_by_one(seed: int, chosen: IdentitySettings) -> None:
    people, evidence = _random_case(seed)
    _, refused = resolver.resolve(people, evidence, chosen)
    order = evidence.in_order(people)
    assert refused[order].tolist() == _one_by_one(people, evidence, order, chosen)


@pytest.mark.parametrize("chosen", [IdentitySettings(), DATED], ids=["default", "dated"])
@pytest.mark.parametrize("seed", range(10))
def test_a_component_alone_resolves_as_in_the_whole(seed: int, chosen: IdentitySettings) -> None:
    people, evidence = _random_case(seed, records=90, pieces=70)
    labels, refused = resolver.resolve(people, evidence, chosen)
    size = len(people) + int(evidence.node.max()) + 1
    other = np.where(evidence.partner >= 0, evidence.partner, len(people) + evidence.node.astype(np.int64))
    whole = resolver.components(evidence.record, other, size)[: len(people)]
    for component in np.unique(whole):
        rows = np.flatnonzero(whole == component)
        pieces = np.flatnonzero(whole[evidence.record] == component)
        mine = np.flatnonzero(np.isin(people.cuts.record, rows))
        part = resolver.People(
            {kind: codes[rows] for kind, codes in people.codes.items()}, people.given[rows], people.family[rows],
            people.names, people.birth[rows], people.words[rows],
            resolver.Cuts(
                np.searchsorted(rows, people.cuts.record[mine]).astype(np.int32), people.cuts.cut[mine],
                people.cuts.side[mine],
            ),
            people.days[rows],
        )  # fmt: skip
        partner = evidence.partner[pieces]
        alone = resolver.Evidence(
            np.searchsorted(rows, evidence.record[pieces]).astype(np.int32), evidence.node[pieces],
            evidence.tier[pieces], evidence.weight[pieces],
            np.where(partner >= 0, np.searchsorted(rows, partner), -1).astype(np.int32),
        )  # fmt: skip
        part_labels, part_refused = resolver.resolve(part, alone, chosen)
        assert rows[part_labels].tolist() == labels[rows].tolist()
        assert part_refused.tolist() == refused[pieces].tolist()


@pytest.mark.parametrize("seed", range(20))
def test_less_evidence_of_the_order_only_splits(seed: int) -> None:
    """Raising a threshold: what remains of the order gives a refinement, and the same verdicts."""
    people, evidence = _random_case(seed, pieces=200)
    labels, refused = resolver.resolve(people, evidence, IdentitySettings())
    order = evidence.in_order(people)
    for cut in (50, 100, 150):
        first = np.sort(order[:cut])
        strict, verdicts = resolver.resolve(people, evidence.take(first), IdentitySettings())
        assert verdicts.tolist() == refused[first].tolist()
        assert all(len(np.unique(labels[strict == label])) == 1 for label in np.unique(strict))


@pytest.mark.parametrize("seed", range(20))
def test_the_sides_of_a_cut_never_meet(seed: int) -> None:
    people, evidence = _random_case(seed, pieces=300)
    labels, _ = resolver.resolve(people, evidence, IdentitySettings())
    cuts = people.cuts
    for cut in np.unique(cuts.cut):
        one, two = (set(labels[cuts.record[(cuts.cut == cut) & (cuts.side == side)]].tolist()) for side in (0, 1))
        assert not one & two


def test_no_evidence_leaves_everyone_alone() -> None:
    people, evidence = _random_case(1)
    none = evidence.take(np.arange(0))
    labels, refused = resolver.resolve(people, none, IdentitySettings())
    assert labels.tolist() == list(range(len(people)))
    assert len(refused) == 0


def test_batches_do_not_matter(identify: Identify) -> None:
    records, _ = population(600, seed=3)
    shuffled = records.take(random.Random(1).sample(range(len(records)), len(records)))
    assert identify(records).groups == identify(shuffled).groups
