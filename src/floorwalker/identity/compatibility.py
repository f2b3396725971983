"""May two records be one person's, by name and by birth date? What merging never joins across.

In: folded names (`names.given_name_key`, `family_name_key`; "" = unknown) and dates as yyyymmdd. Out: yes or no.

>>> compatible_names(("robert", "lee"), ("r", "lee")), compatible_names(("john", "lee"), ("james", "lee"))
(True, False)
>>> near_dates(19800304, 19800403), near_dates(19800304, 19520304)
(True, False)

The cut-offs on the Jaro-Winkler similarity (Winkler 1990) tell apart what a slip of the pen makes of a name
(`elizabeth`, `wlizabeth`: .93) and another name (`john`, `james`: .53; `daniel`, `david`: .76 passes, as a doubt must).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

from rapidfuzz.distance import JaroWinkler

_SEVERAL_WORDS = """
beth: elizabeth bethany
sam: samuel samantha
harry: henry harold harrison
jo: josephine joanne joanna
ron: ronald veronica
laurie: lawrence laura
meg: margaret megan
em: emily emma
chris: christopher christina
alex: alexander alexandra
pat: patricia patrick
nick: nicholas nicola
steph: stephanie stephen
bella: isabella annabel
bert: robert albert herbert gilbert
ted: edward theodore
tony: anthony antonia
cath: katherine cathy catriona
lottie: charlotte ottilie
millie: emily mildred amelia
liv: olivia livia
max: maximilian maxwell maxine
gerry: gerald geraldine
lou: louise louis
terry: theresa terence
jack: john jackson
"""
_SHORT_FOR = frozenset(
    frozenset(pair)
    for line in _SEVERAL_WORDS.strip().splitlines()
    for pair in combinations(line.partition(":")[2].split(), 2)
)
"""Names that one short form stands for: it is folded to one of them, and the person may bear another."""

SAME_INITIAL = 0.70
"""Names with one first letter are different from this similarity down."""
OTHER_INITIAL = 0.88
"""Names with different first letters are one name from this similarity up: the slip fell on the first letter."""

Name = tuple[str, str]


@lru_cache(maxsize=1 << 18)
def near_names(one: str, two: str) -> bool:
    """One given name, as written twice: equal, an initial of the other, or a slip away.

    >>> near_names("a", "ann"), near_names("ohn", "john"), near_names("mary", "gary"), near_names("emma", "emily")
    (True, True, False, True)
    """
    if one == two or frozenset((one, two)) in _SHORT_FOR:
        return True
    if len(one) == 1 or len(two) == 1:
        return one[0] == two[0]
    return JaroWinkler.similarity(one, two) >= (SAME_INITIAL if one[0] == two[0] else OTHER_INITIAL)


def compatible_names(one: Name, two: Name) -> bool:
    """May these (given, family) be one person's? Unknown agrees with all; family names change; exchanged names agree.

    >>> compatible_names(("ann", "smith"), ("smith", "ann")), compatible_names(("", "lee"), ("bob", "lee"))
    (True, True)
    """
    if not one[0] or not two[0] or near_names(one[0], two[0]):
        return True
    return bool(one[1] and two[1]) and near_names(one[0], two[1]) and near_names(one[1], two[0])


def near_dates(one: int, two: int) -> bool:
    """May these dates (yyyymmdd) be one date mistyped: equal, one digit apart, or day and month exchanged?

    >>> near_dates(19800304, 19800403), near_dates(19800304, 19800384), near_dates(19800304, 19520304)
    (True, True, False)
    """
    if one == two or (one // 10000 == two // 10000 and one % 100 == two // 100 % 100 and two % 100 == one // 100 % 100):
        return True
    return sum(a != b for a, b in zip(f"{one:08d}", f"{two:08d}", strict=True)) <= 1
