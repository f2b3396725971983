"""What a shop may set about identity; the defaults were measured on populations with a known truth.

In: the `[identity]` section of floorwalker.toml. Out: `IdentitySettings`.

>>> IdentitySettings().limits.loyalty_id
1
"""

from __future__ import annotations

from typing import Literal

import msgspec

Criterion = Literal["verified", "source", "recency", "completeness", "frequency"]
"""By what one value is preferred to another, see `golden`."""

_MOST_SAID: tuple[Criterion, ...] = ("verified", "source", "frequency", "recency", "completeness")


class Limit(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """So many identifiers of a kind.

    >>> Limits(email=Limit(3, days=90)).of("email"), Limits().of("email")
    (Limit(most=3, days=90), Limit(most=5, days=0))
    """

    most: int
    days: int = 0
    """In any so many days on end; 0: ever."""

    def __post_init__(self) -> None:
        if self.most < 0 or self.days < 0:
            raise ValueError("a limit and its days are numbers from 0 on")

    def __str__(self) -> str:
        return f"{self.most} in {self.days} days" if self.days else str(self.most)


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many different identifiers of a kind one customer may hold: a number, or `{ most = 3, days = 90 }`.

    The first five count the identifiers in a customer's records: evidence that would exceed them is refused. With
    days, an identifier counts on the day on which a record with it was first seen, and no days on end may see more.
    Devices and cookies count those that lend their anonymous visits to the customer; the latest seen are kept. With
    days, one counts on the day on which it was last seen.
    """

    loyalty_id: int | Limit = 1
    account_id: int | Limit = 60
    """People open accounts again: a smaller limit costs recall (on simulated records 3 gives .64, 60 gives .78) and
    gains no precision. Set it to 1 where the shop itself makes sure of it."""
    customer_ref: int | Limit = 60
    email: int | Limit = 5
    phone: int | Limit = 3
    device_id: int | Limit = 20
    cookie_id: int | Limit = 50
    fingerprint: int | Limit = 10

    def __post_init__(self) -> None:
        for kind in self.__struct_fields__:
            self.of(kind)

    def of(self, kind: str) -> Limit:
        """The limit of a kind."""
        told = getattr(self, kind)
        return told if isinstance(told, Limit) else Limit(told)


class ReviewSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which pairs of records a person is asked about (`floorwalker identity review`)."""

    below: float = 4.0
    """Bits of weight below the threshold from which a pair that would join two customers is asked about."""
    above: float = 2.0
    """Bits above the threshold up to which a pair that was accepted is asked about, if it is a bridge."""
    records: int = 3
    """Records that either side of a pair must have; of what model and constraints contradict each other in, none."""
    chance: float = 0.1
    """Two customers are not asked about when the chance that they are one is smaller."""
    size: int = 500
    """Most pairs in the queue; the most telling are kept."""


class GoldenSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which of the values that records give for an attribute is the customer's.

    Each attribute has an order of criteria; the first in which two values differ decides. Those without one of their
    own (`()`) go by `order`. What people keep is taken from most records, what they change from the newest.
    """

    sources: tuple[str, ...] = ()
    """Sources in the order in which they are believed; those that are not named come after them."""
    verified_sources: tuple[str, ...] = ()
    """Sources whose values somebody checked: by a link in an e-mail, by papers at a desk."""
    order: tuple[Criterion, ...] = ("verified", "source", "recency", "completeness", "frequency")
    """Criteria, the first decides: `verified`, `source` (its rank), `recency`, `completeness` (of the record),
    `frequency` (in how many records)."""
    name: tuple[Criterion, ...] = _MOST_SAID
    """The same for the name, given and family name together."""
    birth_date: tuple[Criterion, ...] = _MOST_SAID
    """The same for the birth date."""
    gender: tuple[Criterion, ...] = _MOST_SAID
    """The same for the gender."""
    address: tuple[Criterion, ...] = ()
    """The same for the address with postcode, city and country; empty: `order`."""
    language: tuple[Criterion, ...] = ()
    """The same for the language."""
    market: tuple[Criterion, ...] = ()
    """The same for the market."""
    email: tuple[Criterion, ...] = _MOST_SAID
    """The same for the e-mail address."""
    phone: tuple[Criterion, ...] = _MOST_SAID
    """The same for the phone number."""
    loyalty_id: tuple[Criterion, ...] = _MOST_SAID
    """The same for the loyalty card."""


class HouseholdSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who lives together; see `households`."""

    size: int = 12
    """Most persons in a household: a value that would join more is a block of flats, a home or an office."""


class BreakerSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When an identifier is taken out because it would start a storm of merges; see `breaker`."""

    on: bool = True
    """Watch every run but the first."""
    customers: int = 10
    """An identifier that would newly join more published customers than this in one run is suspicious ..."""
    share: float = 0.2
    """... and goes into quarantine if the suspicious ones stand behind this share of all that the run would join."""


class AlarmSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """When the size of the largest customer is worth a warning; see `alarm`."""

    times: float = 2.0
    """The largest customer has more than this many times the wordings that the largest usually had ..."""
    runs: int = 10
    """... which is the median over as many runs before."""


class IdentitySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Settings of the whole room. A change of any of them rebuilds the customer map from the same evidence."""

    default_region: str = ""
    """ISO country for phone numbers written without country code when `market` names none; empty: such numbers are
    refused."""
    regions: dict[str, str] = msgspec.field(default_factory=dict)
    """market -> ISO country, for markets that are not themselves a country code."""
    blocked_patterns: tuple[str, ...] = ()
    """Regular expressions (whole value, case ignored) of values that name nobody, beside the built-in ones."""
    blocked_values: tuple[str, ...] = ()
    """Values that name nobody, such as a shop's own phone, in any spelling; phones without a country code are read as
    the default region's."""
    kiosk_devices: tuple[str, ...] = ()
    """Ids of tills, kiosks and store tablets: such a device is nobody's and lends its visits to nobody."""
    own_email_domains: tuple[str, ...] = ()
    """The shop's own domains: an address there is the till's, not a customer's."""
    hub_names: int = 3
    """An identifier seen with more different (initial + surname) than this names nobody ..."""
    hub_share: float = 0.5
    """... unless one of them stands on this share of its named records: the typos of a heavy user are no hub."""
    shared_device_people: int = 3
    """A device or cookie seen with more known customers than this is a kiosk."""
    fingerprint_purpose: str = ""
    """Purpose, such as `analytics`, that a visitor must have allowed before a device fingerprint is evidence; empty:
    fingerprints are never used."""
    cluster_records: int = 30
    """No customer and no identifier holds more different sets of words than this (devices and cookies do not count)."""
    limits: Limits = Limits()
    priority: tuple[str, ...] = ("loyalty_id", "account_id", "customer_ref", "email", "phone")
    """Kinds of identifiers in the order in which they are believed: where a limit or a constraint lets only one of two
    pieces of evidence count, it is that of the kind named first. Kinds left out come after those named."""
    review: ReviewSettings = ReviewSettings()
    probable: bool = True
    """Join records that a model finds to be one person, beside those that the rules join."""
    relearn_growth: float = 0.2
    """The matching model and the cuts of the levels are learned anew when the records have grown by this share."""
    levels: dict[str, float] = msgspec.field(default_factory=lambda: {"transactional": 0.999, "crm": 0.99, "ads": 0.95})
    """Level of confidence -> precision it is held to: of the pairs of records within customers, the share that is
    right."""
    level: str = "crm"
    """The level whose customers the project works with; an audience may choose another."""
    rules: tuple[str, ...] = (
        "loyalty_id", "account_id", "customer_ref", "email", "loyalty_initial", "email_initial", "phone_initial",
        "name_birth_postcode", "name_address", "phone_alone", "device_id", "cookie_id",
        "fingerprint",
    )  # fmt: skip
    """Rules in use; see `rules.RULES`."""
    golden: GoldenSettings = GoldenSettings()
    household: HouseholdSettings = HouseholdSettings()
    breaker: BreakerSettings = BreakerSettings()
    alarm: AlarmSettings = AlarmSettings()
