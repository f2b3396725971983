"""Whether a kind of identifier tells people apart, what is barred, and when the largest customer is too large."""

from __future__ import annotations

from tests.identity.conftest import Identify, Outcome
from tests.identity.population import record

from floorwalker.identity import rules, statistics
from floorwalker.identity.alarm import judge
from floorwalker.identity.barred import barred, placeholders
from floorwalker.identity.preflight import Preflight, check
from floorwalker.identity.settings import AlarmSettings, IdentitySettings

SETTINGS = IdentitySettings()
NAMES = ["ann", "bob", "cid", "dora", "earl", "fay", "gus", "hope", "ike", "june"]


def looked_at(found: Outcome) -> Preflight:
    """Preflight of what a run has published."""
    connection = found.context.connection
    statistics.stage(connection, ())
    rules.make_people(connection)
    rules.make_hubs(connection, SETTINGS)
    return check(connection, SETTINGS)


def test_each_kind_has_its_figures_and_verdict(identify: Identify) -> None:
    rows = [
        *(record(f"a{n}", account_id=f"acc{n % 10}", email=f"p{n}@lee.com", source=f"s{n}") for n in range(30)),
        *(record(f"h{n}", phone="07400 918273", given_name=name, family_name="Lee") for n, name in enumerate(NAMES)),
        *(record(f"d{n}", loyalty_id="n/a", cookie_id="c") for n in range(4)),
        *(record(f"k{n}", account_id=f"acc{n}", device_id="kiosk") for n in range(8)),
        record("look", email="саrl@lee.com"),
        record("nothing", given_name="Zoe"),
    ]
    found = looked_at(identify(rows))
    kinds = {one.kind: one for one in found.kinds}
    assert (found.records, found.without_identifier, found.mixed_scripts) == (54, 1, 1)
    account = kinds["account_id"]
    assert (account.records, account.values, account.mean, account.largest, account.verdict) == (38, 10, 3.8, 4, "fit")
    assert (kinds["email"].mean, kinds["email"].verdict) == (1.0, "unique")
    phone = kinds["phone"]
    assert (phone.barred_values, phone.barred_records, phone.verdict) == (1, 10, "crowded")
    assert [(one.value, one.records, one.names) for one in phone.offenders] == [("+44…273", 10, 10)]
    assert (kinds["loyalty_id"].unusable, kinds["loyalty_id"].verdict) == (4, "placeholders")
    assert kinds["device_id"].offenders[0].barred == "shared device: more than 3 customers"
    assert "kiosk_devices" in kinds["device_id"].advice
    assert kinds["customer_ref"].verdict == "absent"


def test_a_counter_that_is_used_as_an_identifier_is_unfit(identify: Identify) -> None:
    found = looked_at(identify([record(f"r{n:03}", account_id=f"till{n % 3}", source=f"s{n}") for n in range(75)]))
    (account,) = [one for one in found.kinds if one.kind == "account_id"]
    assert (account.mean, account.verdict) == (25.0, "unfit")


def test_what_is_barred_says_since_when_and_why(identify: Identify) -> None:
    crowd = [record(f"h{n}", email="desk@lee.com", given_name=name, family_name="Lee") for n, name in enumerate(NAMES)]
    found = identify([*crowd, *(record(f"p{n}", phone="0000000000") for n in range(3))])
    connection, state = found.context.connection, found.context.project.state
    pinned = statistics.load(state, statistics.basis_of(SETTINGS))
    looked_at(found)
    (hub,) = barred(connection, pinned)
    assert (hub.value, hub.records, hub.because) == ("d…@lee.com", 10, "pinned")
    assert barred(connection, statistics.Statistics(""))[0].because == "hub"
    assert [(one.kind, one.value, one.records) for one in placeholders(connection)] == [("phone", "000…000", 3)]


def test_the_alarm_needs_a_past_and_tells_of_a_limit_once() -> None:
    size, limit = "largest_customer.word_sets", "customers.at_record_limit"
    assert judge({size: 25.0}, [{size: 5.0}] * 2, SETTINGS).warnings == []
    assert judge({size: 10.0}, [{size: 5.0}] * 4, SETTINGS).warnings == []
    loud = judge({size: 11.0}, [{size: 5.0}] * 4, SETTINGS)
    assert (loud.usual, loud.times, len(loud.warnings)) == (5.0, 2.2, 1)
    assert judge({size: 11.0}, [{size: 5.0}] * 4, IdentitySettings(alarm=AlarmSettings(times=3.0))).warnings == []
    assert judge({limit: 2.0}, [], SETTINGS).warnings == ["2 customers have as many wordings as one may have (30)"]
    assert judge({limit: 2.0}, [{limit: 2.0}], SETTINGS).warnings == []
    assert judge({limit: 3.0}, [{limit: 2.0}], SETTINGS).warnings != []
