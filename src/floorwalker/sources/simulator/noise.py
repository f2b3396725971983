"""How wrong a retailer's customer records are: the error rates, each a share of the records that have the field.

In: nothing. Out: `RESEARCH_HARD`, the profile that accuracy bars are held against. Nobody softens it: a test freezes
its numbers.

>>> RESEARCH_HARD.missing_email.pos, RESEARCH_HARD.nickname
(0.7, 0.06)
>>> RESEARCH_HARD.sources.total()
1.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SOURCES = ("till", "shop", "app", "loyalty", "partner")
"""Names of the systems that keep customer records, in the order of `PerSource`."""


class PerSource(NamedTuple):
    """One figure for each system that keeps customer records: till, web shop, app, loyalty programme, partner."""

    pos: float
    ecom: float
    app: float
    loyalty: float
    partner: float

    def total(self) -> float:
        return round(sum(self), 12)


@dataclass(frozen=True)
class NoiseProfile:
    """Shares in 0…1. Missing rates are per source; `missing_loyalty` is of those who hold a card."""

    sources: PerSource
    records_per_person: float
    heavy_users: float
    heavy_user_records: float
    persons_per_household: float
    same_surname: float
    household_phone: float
    loyalty_holders: float
    missing_name: PerSource
    missing_birth_date: PerSource
    missing_email: PerSource
    missing_phone: PerSource
    missing_address: PerSource
    missing_loyalty: PerSource
    nickname: float
    initial: float
    given_name_typo: float
    family_name_typo: float
    names_swapped: float
    maiden_name: float
    moved: float
    birth_date_default: float
    birth_date_swapped: float
    birth_date_digit: float
    second_email: float
    email_typo: float
    email_tag: float
    email_upper_case: float
    store_email: float
    dummy_phone: float
    phone_formats: int


RESEARCH_HARD = NoiseProfile(
    sources=PerSource(pos=0.25, ecom=0.30, app=0.20, loyalty=0.15, partner=0.10),
    records_per_person=3.2,
    heavy_users=0.002,
    heavy_user_records=25.0,
    persons_per_household=1.7,
    same_surname=0.75,
    household_phone=0.18,
    loyalty_holders=0.60,
    missing_name=PerSource(0.45, 0.03, 0.15, 0.02, 0.10),
    missing_birth_date=PerSource(0.97, 0.75, 0.60, 0.15, 0.55),
    missing_email=PerSource(0.70, 0.02, 0.05, 0.15, 0.30),
    missing_phone=PerSource(0.55, 0.25, 0.35, 0.10, 0.35),
    missing_address=PerSource(0.90, 0.08, 0.70, 0.10, 0.30),
    missing_loyalty=PerSource(0.45, 0.70, 0.45, 0.00, 0.60),
    nickname=0.06,
    initial=0.04,
    given_name_typo=0.04,
    family_name_typo=0.05,
    names_swapped=0.01,
    maiden_name=0.04,
    moved=0.12,
    birth_date_default=0.03,
    birth_date_swapped=0.03,
    birth_date_digit=0.03,
    second_email=0.18,
    email_typo=0.04,
    email_tag=0.06,
    email_upper_case=0.04,
    store_email=0.015,
    dummy_phone=0.015,
    phone_formats=4,
)
