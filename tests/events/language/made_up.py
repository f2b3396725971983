"""Made-up events for tests: any JSON, and events that are nearly what SDKs send, with every kind of mistake."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from floorwalker.events.language.words import Property, words

WORDS = words()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.sampled_from(
    ["2026-03-02", "2026-03-02T10:15:00Z", "2026-03-02 10:15", "2026-13-02T10:15:00Z", "soon", "\n"]
)
LIKELY = (
    JSON | TIMES | st.sampled_from(["", " ", "9.99", "9,99", "P-10", 3, 3.0, "granted", "2026-03-02\n", [{}], [None]])
)

RIGHT: dict[str, list[Any]] = {
    "text": ["a", "GBP"],
    "id": ["P-10", 17],
    "integer": [3],
    "quantity": [2, 0.5],
    "money": [9.99, "9.99"],
    "number": [4.5],
    "boolean": [True],
    "date": ["2026-03-02"],
    "timestamp": ["2026-03-02T10:15:00Z"],
    "list": [[]],
    "object": [{}, {"a": 1}],
}


def values(one: Property) -> st.SearchStrategy[Any]:
    """Values that a property may have, or nearly may."""
    right = st.sampled_from([None, *(one.values or RIGHT[one.type])])
    if one.of in WORDS.sets:
        return right | st.lists(objects(WORDS.sets[one.of]), max_size=2) | st.lists(LIKELY, max_size=2)
    return right | right | right | LIKELY


def objects(properties: tuple[Property, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these properties, and others."""
    known = st.fixed_dictionaries({}, optional={one.name: values(one) for one in properties})
    return st.tuples(known, st.dictionaries(st.text(max_size=5), LIKELY, max_size=1)).map(
        lambda both: both[1] | both[0]
    )


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of every name and call, good and bad."""
    name = draw(st.sampled_from([*WORDS.names, *WORDS.calls, "Locker Opened", "product viewed"]))
    one = WORDS.definition(name) or WORDS.calls.get(name)
    event = draw(objects(WORDS.envelope))
    event |= {"type": one.call if one else "track"}
    if event["type"] == "track":
        event["event"] = name if name != "track" else draw(LIKELY)
    if draw(st.booleans()):
        event |= {"anonymousId": "v-1", "groupId": "g-1", "previousId": "v-0"}
    for place in draw(st.sets(st.sampled_from(["properties", "traits"]))):
        event[place] = draw((objects(one.properties) if one else JSON) | LIKELY)
    if draw(st.booleans()):
        event["context"] = draw(st.just({}) | objects(WORDS.calls["identify"].properties).map(lambda x: {"traits": x}))
    return event
