"""Decisions: what they never show, what they say, what consent changes, and that they replay bit for bit."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decisions.shop import CATEGORIES, CONSENT, PEOPLE, bought, bundle_of, c

from floorwalker.decisions.decide import decide, replay
from floorwalker.decisions.explain import neutral
from floorwalker.decisions.policy import Policy, default_text, parse_policy
from floorwalker.decisions.record import unpack_record
from floorwalker.decisions.request import Request
from floorwalker.errors import ConfigError, StateError
from floorwalker.profiles.bundle import Bundle

NOW = 1_780_000_000_000_000
PRODUCTS = [f"p{n:02}" for n in range(40)]
RULED = (
    default_text()
    + """
[[exclude]]
products = ["p07"]
brands = ["Nobody"]
[[exclude]]
categories = ["Toys"]
surfaces = ["home"]
[[pin]]
products = ["p22", "p25"]
surfaces = ["email"]
[[boost]]
categories = ["Candles"]
factor = 3.0
"""
)

requests = st.builds(
    Request,
    surface=st.sampled_from(["home", "product", "cart", "email", "till", "associate"]),
    k=st.none() | st.integers(1, 40),
    customer=st.none() | st.sampled_from([c(name) for name in (*PEOPLE, "zoe", "old")]),
    product_id=st.none() | st.sampled_from([*PRODUCTS, "unheard of"]),
    cart=st.lists(st.sampled_from(PRODUCTS), max_size=4),
    store_id=st.sampled_from([None, "s1", "unheard of"]),
    market=st.sampled_from([None, "UK", "FR", "Mars"]),
    exclude=st.lists(st.sampled_from(PRODUCTS), max_size=6),
    seed=st.integers(0, 9),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_of(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy(RULED)


def place_lacks(store_id: str | None, number: int) -> bool:
    """Whether the shop's stock says no."""
    return number % 3 == 0 if store_id == "s1" else number % 5 == 0


@given(ask=requests, scope=st.sampled_from(["", "UK", "FR"]))
def test_no_list_breaks_a_rule(bundle: Bundle, policy: Policy, ask: Request, scope: str) -> None:
    decision = decide(ask, bundle, policy, decided_at=NOW, scope=scope).decision
    shown = [item.product_id for item in decision.items]
    numbers = [int(product_id[1:]) for product_id in shown]
    rules = policy.rules[ask.surface]
    assert len(shown) == len(set(shown)) <= (ask.k or policy.surfaces[ask.surface].k)
    assert not {"p07", "p39"} & set(shown), "excluded by the policy; inactive"
    assert not {*ask.exclude, *ask.cart, ask.product_id} & set(shown)
    assert not any(place_lacks(ask.store_id, number) for number in numbers)
    if ask.surface == "home":
        assert not any(item.category == "Toys" for item in decision.items)
    if rules.category_cap:
        assert all(sum(i.category == name for i in decision.items) <= rules.category_cap for name in CATEGORIES)
    name = next((name for name in PEOPLE if c(name) == decision.customer_id), None)
    if decision.personalized:
        assert name is not None
        assert CONSENT[name] == "granted"
        assert not set(bought(name)) & set(numbers)
    else:
        assert {item.reason.code for item in decision.items} <= {"popular", "goes_with", "featured"}
    assert sum(decision.trace.values()) - decision.trace["candidates"] + len(shown) <= decision.trace["candidates"]


@given(ask=requests, scope=st.sampled_from(["", "UK", "FR"]))
def test_a_record_replays_bit_for_bit(bundle: Bundle, policy: Policy, ask: Request, scope: str) -> None:
    decided = decide(ask, bundle, policy, decided_at=NOW, scope=scope, secret=b"s")
    assert replay(decided.record, bundle, policy, secret=b"s") == decided.decision
    record = unpack_record(decided.record)
    assert len(record.scores) == 2 * len(record.candidates) == 8 * len(record.verdicts)
    assert [shown[0] for shown in record.items] == [item.product_id for item in decided.decision.items]


def test_the_id_is_a_keyed_hash_of_the_whole_record(bundle: Bundle, policy: Policy) -> None:
    ask = Request(customer=c("ann"), request_id="r1")

    def identity(request: Request, at: int, secret: bytes = b"s") -> str:
        return decide(request, bundle, policy, decided_at=at, secret=secret).decision.decision_id

    assert identity(ask, NOW) == identity(ask, NOW)
    others = {
        identity(ask, NOW + 1),
        identity(ask, NOW, b"t"),
        identity(msgspec.structs.replace(ask, seed=1), NOW),
        identity(msgspec.structs.replace(ask, request_id="r2"), NOW),
    }
    assert len(others | {identity(ask, NOW)}) == 5


@pytest.mark.parametrize("name", ["bob", "cleo", "zoe"])
def test_without_consent_or_name_the_answer_is_everybodys(bundle: Bundle, policy: Policy, name: str) -> None:
    theirs = decide(Request(customer=c(name), market="UK"), bundle, policy, decided_at=NOW).decision
    anybodys = decide(Request(market="UK"), bundle, policy, decided_at=NOW).decision
    assert theirs.items == anybodys.items
    assert len(theirs.items) == 18, "three categories at their cap; the policy shows no Toys here"
    assert not theirs.personalized
    assert theirs.purposes == {"personalization": CONSENT.get(name, "nobody")}


def test_the_consent_policy_decides_for_who_never_said_anything(bundle: Bundle) -> None:
    allow = parse_policy(default_text(), absent_personalization=True)
    deny = parse_policy(default_text())
    assert allow.digest != deny.digest
    assert decide(Request(customer=c("cleo")), bundle, allow, decided_at=NOW).decision.personalized
    assert not decide(Request(customer=c("cleo")), bundle, deny, decided_at=NOW).decision.personalized
    assert not decide(Request(customer=c("bob")), bundle, allow, decided_at=NOW).decision.personalized


def test_reasons_cite_this_persons_facts(bundle: Bundle, policy: Policy) -> None:
    items = decide(Request(customer=c("ann"), k=8), bundle, policy, decided_at=NOW).decision.items
    texts = {item.reason.text for item in items}
    assert "because you bought Product 14 on 3 May" in texts
    assert "because you looked at Product 38 on 4 May" in texts
    for item in items:
        if item.reason.code == "bought":
            assert int((item.reason.product_id or "")[1:]) in bought("ann")


def test_reasons_for_anybody_cite_the_market_and_the_page(bundle: Bundle, policy: Policy) -> None:
    home = decide(Request(market="FR"), bundle, policy, decided_at=NOW).decision
    assert {item.reason.text for item in home.items} == {"popular in FR this month"}
    page = decide(Request(surface="product", product_id="p03", k=3), bundle, policy, decided_at=NOW).decision
    assert {item.reason.text for item in page.items} == {"goes with Product 3"}


@given(ask=requests)
def test_a_public_reason_says_nothing_of_the_person(bundle: Bundle, policy: Policy, ask: Request) -> None:
    decision = decide(ask, bundle, policy, decided_at=NOW).decision
    for item in decision.items:
        reason = neutral(item.reason, personalized=decision.personalized)
        assert reason.code in {"for_you", "popular", "goes_with", "featured"}
        if decision.personalized:
            assert reason.code == "goes_with" or reason.text in {
                "chosen for you",
                "popular now",
                "featured by the shop",
            }
        if reason.code == "goes_with":
            assert reason.product_id in {ask.product_id, *ask.cart}


def test_pins_come_first_and_still_obey_stock(bundle: Bundle, policy: Policy) -> None:
    items = decide(Request(surface="email", customer=c("ann")), bundle, policy, decided_at=NOW).decision.items
    assert items[0].product_id == "p22"
    assert items[0].reason.code == "featured"
    assert "p25" not in {item.product_id for item in items}, "pinned, but the web has none"


def test_boosts_lift(bundle: Bundle) -> None:
    plain = decide(Request(k=20), bundle, parse_policy(default_text()), decided_at=NOW).decision
    boosted = parse_policy(default_text() + '[[boost]]\nproducts = ["p38"]\nfactor = 50.0')
    assert plain.items[0].product_id != "p38"
    assert decide(Request(k=20), bundle, boosted, decided_at=NOW).decision.items[0].product_id == "p38"


def test_a_key_of_one_market_does_not_know_the_people_of_another(bundle: Bundle, policy: Policy) -> None:
    decision = decide(Request(customer=c("ann")), bundle, policy, decided_at=NOW, scope="FR").decision
    assert decision.customer_id is None
    assert not decision.personalized
    assert decision.items[0].reason.text == "popular in FR this month"


def test_a_former_id_and_an_identifier_find_the_same_person(bundle: Bundle, policy: Policy) -> None:
    asks = [Request(customer=c("old")), Request(identifiers={"email": "ANN@example.com"}), Request(customer=c("ann"))]
    answers = [decide(ask, bundle, policy, decided_at=NOW).decision for ask in asks]
    assert answers[0] == answers[1] == answers[2]
    record = decide(asks[1], bundle, policy, decided_at=NOW).record
    assert b"example.com" not in record.lower()


def test_replay_refuses_other_inputs(bundle: Bundle, policy: Policy) -> None:
    record = decide(Request(customer=c("ann")), bundle, policy, decided_at=NOW).record
    with pytest.raises(StateError, match="policy"):
        replay(record, bundle, parse_policy(default_text()))
    then = unpack_record(record)
    for field, word in (("run_id", "bundle"), ("profile", "profile")):
        forged = msgspec.msgpack.encode(msgspec.structs.replace(then, **{field: "other"}))
        with pytest.raises(StateError, match=word):
            replay(forged, bundle, policy)
    forged = msgspec.msgpack.encode(msgspec.structs.replace(then, items=then.items[::-1]))
    with pytest.raises(StateError, match="another answer"):
        replay(forged, bundle, policy)


def test_an_unknown_surface_is_the_shops_mistake(bundle: Bundle, policy: Policy) -> None:
    with pytest.raises(ConfigError, match="no surface 'hom'") as caught:
        decide(Request(surface="hom"), bundle, policy, decided_at=NOW)
    assert caught.value.fix == "did you mean 'home'?"


def test_without_a_stock_feed_stock_drops_nothing(tmp_path: Path, policy: Policy) -> None:
    decision = decide(Request(), bundle_of(tmp_path, stock=False), policy, decided_at=NOW).decision
    assert decision.trace["out_of_stock"] == 0
