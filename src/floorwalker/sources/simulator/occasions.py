"""Why people buy: occasions, what each puts before a person in each month, and how the person chooses.

In: a `World`. Out: an `Occasions` that draws products for visits. An occasion favours some categories, brands and
styles and has its months; a person has a mixture of occasions (`people`). Co-purchase follows from occasions and
collections, not from a product of vectors.

>>> sum(OCCASIONS[0].categories.values()) > 0, len(OCCASIONS)
(True, 16)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from floorwalker.sources.simulator.catalogue import ANYONE, BRANDS, CATEGORIES, MEN, STYLES, WOMEN, World


@dataclass(frozen=True)
class Occasion:
    """`months`: weight in January … December, one digit each. `women`, `men`, `family`, `young`: how much likelier in
    such people.
    """

    name: str
    categories: dict[int, float]
    months: str
    women: float = 1.0
    men: float = 1.0
    family: float = 1.0
    young: float = 1.0


# Categories by position in CATEGORIES: 0 tops, 1 bottoms, 2 dresses, 3 coats, 4 shoes, 5 sport, 6 accessories,
# 7 beauty, 8 home, 9 kitchen, 10 kids, 11 food and gifts.
OCCASIONS = (
    Occasion("office", {0: 5, 1: 5, 2: 3, 4: 3, 3: 1, 6: 2}, "665554459754", young=1.2),
    Occasion("weekend", {0: 6, 1: 5, 4: 3, 6: 2, 3: 1}, "555666655555"),
    Occasion("party", {2: 6, 4: 4, 6: 3, 7: 3, 0: 1}, "333455433479", women=1.6, young=1.5),
    Occasion("gym", {5: 9, 4: 3, 0: 1, 7: 0.5}, "964455545433", young=1.6),
    Occasion("school run", {10: 8, 0: 2, 3: 1, 11: 1}, "444444579444", family=2.0),
    Occasion("new baby", {10: 9, 8: 2, 7: 1}, "555555555555", family=1.5, young=1.2),
    Occasion("new home", {8: 8, 9: 7, 11: 0.5}, "544556677544"),
    Occasion("present", {11: 6, 6: 4, 7: 4, 9: 2, 8: 2, 10: 1}, "243435333369"),
    Occasion("summer holiday", {2: 4, 0: 4, 1: 3, 6: 4, 4: 2, 7: 2}, "112357973211"),
    Occasion("winter warm", {3: 7, 6: 4, 0: 4, 4: 2, 8: 1}, "753211124798"),
    Occasion("care", {7: 9, 6: 0.5}, "555555555556", women=1.8),
    Occasion("pantry", {11: 8, 9: 3}, "444444444467"),
    Occasion("outdoors", {5: 4, 3: 4, 4: 4, 6: 2, 1: 1}, "334666656543", men=1.4),
    Occasion("cosy home", {8: 7, 7: 2, 11: 3, 9: 1}, "754322235788"),
    Occasion("best dressed", {0: 3, 1: 3, 3: 3, 4: 4, 6: 2}, "345665545557", men=1.8),
    Occasion("kitchen", {9: 9, 11: 3, 8: 1}, "554444444568"),
)


class Occasions:
    """Draws products: `cumulative[k, m]` holds the shares of all products in occasion k and month m of the
    simulation.
    """

    def __init__(self, world: World, seed: int) -> None:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1 << 31, 2)))
        months = len(world.days.months)
        self.world = world
        self.season = np.array([[int(m) for m in o.months] for o in OCCASIONS], float)[:, world.days.season_of_month]
        by_category = np.full((len(OCCASIONS), len(CATEGORIES)), 0.06)
        for row, occasion in enumerate(OCCASIONS):
            by_category[row, list(occasion.categories)] = list(occasion.categories.values())
        brand = np.exp(rng.normal(0, 1.1, (len(OCCASIONS), len(BRANDS))))
        style = np.exp(rng.normal(0, 1.0, (len(OCCASIONS), len(STYLES))))
        share = np.array([c.share for c in CATEGORIES])
        fit = (
            by_category[:, world.category]
            / share[world.category]
            * brand[:, world.brand]
            * style[:, world.style]
            * world.popularity
        )
        summer = np.cos((world.days.season_of_month - 6) / 12 * 2 * np.pi)
        warmth = np.exp(0.9 * world.season[:, None] * summer) * world.on_sale()
        self.cumulative = np.empty((len(OCCASIONS) * months, world.products))
        for row in range(len(OCCASIONS)):
            shares = np.cumsum(fit[row, None, :] * warmth.T, axis=1)
            self.cumulative[row * months : (row + 1) * months] = shares / shares[:, -1:]
        self._flat = (self.cumulative + np.arange(len(self.cumulative))[:, None]).ravel()
        self.months = months

    def occasion(self, rng: np.random.Generator, mixture: np.ndarray, month: np.ndarray) -> np.ndarray:
        """One occasion per visit: the person's mixture (visits, occasions) bent by the month."""
        weights = np.cumsum(mixture * self.season.T[month], axis=1)
        return np.minimum((rng.random((len(month), 1)) * weights[:, -1:] > weights).sum(axis=1), len(OCCASIONS) - 1)

    def offered(self, rng: np.random.Generator, occasion: np.ndarray, month: np.ndarray, count: int) -> np.ndarray:
        """(visits, count) products the occasion brings to mind."""
        row = occasion * self.months + month
        found = np.searchsorted(self._flat, row[:, None] + rng.random((len(row), count)))
        return np.clip(found - row[:, None] * self.world.products, 0, self.world.products - 1)

    def chosen(
        self,
        rng: np.random.Generator,
        offers: np.ndarray,
        person: np.ndarray,
        day: np.ndarray,
        people: Tastes,
    ) -> np.ndarray:
        """One product per row of `offers`: the dearest to the person, by brand, style, price and promotion, with
        chance.
        """
        world = self.world
        who, when = person[:, None], day[:, None]
        price = world.price[offers, when] * (1 - world.promotion[offers, when] / 100.0)
        typical = _TYPICAL[world.category[offers]]
        utility = people.brand[who, world.brand[offers]] + people.style[who, world.style[offers]]
        too_dear = np.log(price / typical) - people.budget[who]
        utility -= people.sensitivity[who] * np.maximum(too_dear, 0) + 0.5 * np.maximum(-too_dear, 0)
        wanted = np.where(rng.random(len(person)) < 0.13, 1 - people.sex[person], people.sex[person])[:, None]
        department = world.department[offers]
        utility = np.where(
            (department == ANYONE) | (department == np.where(wanted == 1, MEN, WOMEN)), utility, utility - 5
        )
        utility += rng.gumbel(0, 0.6, offers.shape)
        return np.take_along_axis(offers, utility.argmax(axis=1)[:, None], axis=1)[:, 0]


@dataclass(frozen=True)
class Tastes:
    """Hidden likings of a chunk's people, one row each. `budget`: log of the price level they buy at; `sex`: 0 woman,
    1 man.
    """

    mixture: np.ndarray
    later_mixture: np.ndarray
    shift_day: np.ndarray
    """Day number since 1970 from which the later mixture holds."""
    brand: np.ndarray
    style: np.ndarray
    sensitivity: np.ndarray
    budget: np.ndarray
    sex: np.ndarray

    def at(self, person: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The mixture of occasions of each person on each day (since 1970)."""
        return np.where((day >= self.shift_day[person])[:, None], self.later_mixture[person], self.mixture[person])


_TYPICAL = np.array([c.median_price for c in CATEGORIES], float)
