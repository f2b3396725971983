"""How lists are made: the section [recommend] of floorwalker.toml, with its defaults.

>>> RecommendSettings(top=50).popular_days
30
"""

from __future__ import annotations

from typing import Literal

import msgspec


class RecommendSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Settings of the recommenders. What is chosen by `choose` replaces k1, b and decay when the data can tell."""

    top: int = 100
    """Longest list of a customer, 1 to 100."""
    signals: Literal["bought", "bought_else_viewed", "both"] = "both"
    """What a customer's taste is read from: purchases; purchases, or views where there are none; or both in order."""
    view_strength: float = 0.3
    """How much a product that was only looked at counts, beside 1 for a purchase."""
    repeat_purchases: bool = False
    """Whether what a customer bought may be recommended to them again."""
    in_stock_only: bool = False
    """Leave out products whose stock is known and zero. Off: stock changes by the hour and is checked when deciding."""
    neighbours: int = 500
    """Similar items kept per item."""
    k1: float = 1.2
    """BM25: the higher, the less a popular item's neighbours are damped."""
    b: float = 0.2
    """BM25: 0 ignores how popular an item is, 1 corrects for it in full."""
    decay: float = 0.7
    """Weight of a customer's touch one moment further back; 1 never forgets."""
    cutoff: int = 50
    """Newest products of a customer that are used."""
    choose: bool = True
    """Try a few values of k1, b and decay on purchases held back from the retailer's own data, keep the best."""
    similar: int = 20
    """Similar products named per product."""
    popular_days: int = 30
    """Days over which sales make a product popular."""
    evaluation_users: int = 2000
    """Customers asked in an evaluation: a sample by hash when there are more."""
    evaluation_days: int = 28
    """Days of purchases held back in the split by time."""
