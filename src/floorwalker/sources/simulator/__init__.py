"""The simulator: a retailer with stores, web shop, app, e-mail and loyalty card, whose truth is known.

No public data set has all five channels of one retailer *and* says which records are one person. This package makes
one, at any size, as raw files that look as if each system had written them itself:

    from floorwalker.sources.simulator import simulate

    simulate(Path("demo/data"), customers=20_000, seed=1)

Out, below the folder given (which must be new or empty):

    till/        customers.csv, receipts_YYYY-MM.csv      semicolons, latin-1, British dates, local time
    shop/        customers.jsonl, orders_… and returns_….jsonl      nested objects, flat order lines, UTC
    app/         users.parquet, orders_… and events_….parquet       typed columns, device ids, kiosks shared by many
    web/         clicks_….parquet                         cookies; about 40 % of the events without a login
    email/       events_….csv                             sent, opened, clicked, bounced, unsubscribed
    loyalty/     members.csv, events_….csv                joined, earned, redeemed
    partner/     members.csv, earnings_….csv              a partner that gives e-mail addresses only as SHA-256
    helpdesk/    tickets_….jsonl
    catalogue/   products.csv, prices.csv, stock.csv, stores.csv
    consents.csv, exchange_rates.csv
    truth/       person_of_record, people, person_of_order, person_of_cookie (.parquet): never read by a pipeline

**People.** Households live at one address; people have an age, sizes, a budget, a sensitivity to prices, loved brands
and styles, habits of channel, a gamma-distributed rate of purchase, a day they came and, some of them, a day they
silently left. Nobody has a "taste vector" whose product with an item vector is a purchase: a visit has an *occasion*
(office, party, new home …) drawn from the person's own mixture, which drifts with the season and may change for good
on one day; the occasion puts a handful of products before the person, who chooses among them by price, promotion,
brand and style; further lines complete the first (a collection) or restock a staple. E-mails cause some orders, more
in some people than in others; `truth/person_of_order` says which.

**Records.** What the five systems know about a person is wrong in the ways of `RESEARCH_HARD` (`noise.py`), frozen by
a test.

**Streaming.** People are made in chunks of 5,000 with their own random streams (seed, chunk, subject): memory does
not grow with the number of customers, and the first chunks of a large data set equal those of a small one (but for
the running numbers of its systems).

Every name, address, telephone number and brand is made up; e-mail addresses use reserved domains, or characters their
provider refuses.

Modules: `noise` the error table · `wording` text columns · `days` the calendar · `catalogue`, `occasions` what is
sold and why · `people`, `records` who they are, and what systems know · `mailing`, `shopping`, `baskets`, `browsing`
what they do · `store_files`, `online_files`, `catalogue_files` how systems write it · `files` the appending writers ·
`run` the loop over chunks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from floorwalker.sources.simulator.noise import RESEARCH_HARD, NoiseProfile

if TYPE_CHECKING:
    from floorwalker.sources.simulator.run import SimulationSummary, simulate

__all__ = ["RESEARCH_HARD", "NoiseProfile", "SimulationSummary", "simulate"]


def __getattr__(name: str) -> Any:
    """`simulate` loads numpy and pyarrow: only when it is asked for."""
    if name in ("SimulationSummary", "simulate"):
        from floorwalker.sources.simulator import run

        return getattr(run, name)
    raise AttributeError(name)
