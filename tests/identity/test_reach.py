"""What levels reach and get wrong, from the curve alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from floorwalker.identity.levels import Step
from floorwalker.identity.reach import levels, reached, step


def test_joins_that_are_wrong_as_often_as_pairs() -> None:
    curve = [step("email", 800, 400, 1.0, 0.4), step("model", 700, 500, 0.9, 0.5)]
    # A hundred joins make a hundred pairs, fifty of them wrong.
    assert [round(one.wrong_people, 9) for one in reached(curve, 1000)] == [0.0, 50.0]
    (found,) = levels(curve, 1000, {"ads": 0.9})
    assert (found.customers, found.pairs, found.wrong_pairs, found.wrong_people) == (700, 500, 50, 50.0)


def test_a_target_that_nothing_holds_ends_at_the_surest_evidence() -> None:
    curve = [step("email", 800, 400, 0.95, 0.4), step("model", 700, 500, 0.9, 0.5)]
    assert levels(curve, 1000, {"strict": 0.999})[0].down_to == "email"
    assert levels([], 0, {"crm": 0.99}) == []


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 200), st.floats(0, 1)), min_size=1, max_size=8),
)
def test_never_more_people_than_joins(steps: list[tuple[int, int, float]]) -> None:
    customers, pairs, wrong, curve = 1000, 0, 0.0, []
    for place, (joins, more, doubt) in enumerate(steps):
        joins = min(joins, more)
        customers, pairs, wrong = customers - joins, pairs + more, wrong + more * doubt
        curve.append(Step(4, -float(place), str(place), pairs, customers, 1 - wrong / pairs if pairs else 1.0, 0.5))
    people = [round(one.wrong_people, 6) for one in reached(curve, 1000)]
    assert people == sorted(people)
    assert 0 <= people[-1] <= 1000 - customers
