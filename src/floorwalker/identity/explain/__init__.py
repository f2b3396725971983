"""Why records are one person, why others are not, and what a model makes of two: from the published tables, in words.

    find(connection, "ann@example.com", keys)     whom somebody means                       finding.py
    why(connection, customer_id)                  the evidence that holds a customer        reasons.py
    why_not(connection, a, b)                     what stands between two                   differences.py
    pair(connection, record, record, model)       both side by side, and the waterfall      waterfall.py
    graph(connection, customer_id)                the identity graph, for a page            network.py

Nothing here writes. Identifiers are masked unless `clear` is asked for.
"""

from floorwalker.identity.explain import words
from floorwalker.identity.explain.differences import WhyNot, why_not
from floorwalker.identity.explain.finding import Party, find, one_customer
from floorwalker.identity.explain.network import Graph, graph
from floorwalker.identity.explain.reasons import Why, why
from floorwalker.identity.explain.waterfall import Pair, pair

__all__ = [
    "Graph",
    "Pair",
    "Party",
    "Why",
    "WhyNot",
    "find",
    "graph",
    "one_customer",
    "pair",
    "why",
    "why_not",
    "words",
]
