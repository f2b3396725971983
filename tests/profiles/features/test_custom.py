"""A project's own features: what is written is what is meant, and whatever cannot be meant names file and feature."""

from __future__ import annotations

from pathlib import Path

import pytest

from floorwalker.engines.models import lint
from floorwalker.errors import ConfigError
from floorwalker.profiles.catalogue import ALL
from floorwalker.profiles.features.custom import AGGREGATES, SOURCES, extended, load_custom
from floorwalker.profiles.features.definition import Window
from floorwalker.profiles.features.sql import models
from floorwalker.profiles.features.states import measure_of

GIFTS = """[features.gift_orders_365d]
description = "How many orders with a coupon in the last year?"
source = "orders"
aggregate = "count"
where = "coupon_lines > 0"
window = 365
type = "integer"
default = 0
unit = "orders"
owner = "me"
tests = ["not_negative"]
[features.gift_share]
description = "Which share of their orders?"
type = "number"
expression = "gift_orders_365d / orders_365d"
"""


def write(folder: Path, text: str) -> Path:
    folder = folder / "features"
    folder.mkdir(exist_ok=True)
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_folder_nothing_changes(tmp_path: Path) -> None:
    assert load_custom(tmp_path / "features") == []
    assert all(one is two for one, two in zip(extended(ALL, tmp_path / "features"), ALL, strict=True))


def test_what_is_written_is_what_is_meant(tmp_path: Path) -> None:
    old = '[features.old_visits]\ndescription = "How many?"\nentity = "store"\nsource = "orders"\n'
    folder = write(tmp_path, GIFTS + old + 'aggregate = "count"\ntype = "integer"\nwindow = { days = 90, skip = 90 }\n')
    (_, gifts), (_, share), (entity, old) = load_custom(folder)
    assert (gifts.window, gifts.default, gifts.owner, gifts.tests) == (Window(365), 0, "me", ("not_negative",))
    assert (share.aggregate, share.expression, share.group) == (None, "gift_orders_365d / orders_365d", "own")
    assert (entity, old.window) == ("store", Window(90, 90))
    customer, product, store = extended(ALL, folder)
    assert product is ALL[1]
    assert [one.name for one in customer.features[-2:]] == ["gift_orders_365d", "gift_share"]
    assert store.features[-1].name == "old_visits"
    made = models(customer)
    assert "gift_share" in made[-1].sql
    assert [found for model in made for found in lint(model)] == []


def test_every_aggregate_and_source_can_be_written(tmp_path: Path) -> None:
    # Each as the only one of its source, but gaps: those of one source share their condition.
    for kind in AGGREGATES:
        needs = {"total": 'column = "amount"\n', "distinct": 'key = "channel"\n'}
        more = needs["distinct"] if kind in ("distinct", "top", "top_share", "concentration") else ""
        more += needs["total"] if kind in ("total", "smallest", "largest", "latest", "earliest", "attribute") else ""
        kinds = {"top": "text", "first_day": "date", "last_day": "date"}
        text = f'[features.mine]\ndescription = "?"\nsource = "returns"\naggregate = "{kind}"\n{more}type = '
        folder = write(tmp_path, text + f'"{kinds.get(kind, "money")}"\n')
        assert extended(ALL, folder)[0].feature("mine").aggregate.kind == kind
    assert {"orders", "purchases", "returns", "views", "mail"} <= SOURCES.keys()


COUNT = 'source = "orders"\naggregate = "count"\n'


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (COUNT + "windw = 3", ("unknown key 'windw'", "did you mean 'window'")),
        (COUNT + "window = { days = 3, skp = 1 }", ("unknown key 'skp'", "did you mean 'skip'")),
        (COUNT + "window = 0", ("window", ">= 1")),
        ('source = "ordrs"\naggregate = "count"', ("unknown source 'ordrs'", "did you mean 'orders'")),
        ('source = "orders"\naggregate = "cuont"', ("unknown aggregate 'cuont'", "did you mean 'count'")),
        ('source = "orders"', ("a source needs an aggregate",)),
        ('aggregate = "count"', ("an aggregate needs a source",)),
        (COUNT + 'column = "amount"', ("'count' takes no column",)),
        ('source = "orders"\naggregate = "top"', ("'top' needs a key",)),
        (COUNT + 'entity = "custmer"', ("unknown entity 'custmer'", "did you mean 'customer'")),
        (COUNT + 'purpose = "marketing"', ("unknown purpose 'marketing'",)),
        (COUNT + 'tests = ["positive"]', ("unknown test 'positive'",)),
        (COUNT + 'default = "none"', ("the default 'none' is no integer",)),
        (COUNT + "default = true", ("the default True is no integer",)),
        (COUNT + 'where = "RANDOM() > 0.5"', ("where", "which features cannot")),
        (COUNT + 'where = "amount >"', ("where", "is not an expression")),
        ('expression = "ordes + 1"', ("reads 'ordes', which is no feature", "did you mean 'orders'")),
        ('expression = "mine + 1"', ("circle",)),
        ('expression = "orders + 1"\nwindow = 30', ("an expression has no window",)),
        ('expression = "orders / 2"', ("FLOOR",)),
        ('source = "orders"\naggregate = "total"\ncolumn = "units"', ("as quantity, this one as integer",)),
        ('source = "orders"\naggregate = "longest_gap"\nwhere = "channel = \'web\'"', ("one condition only",)),
        ('expression = "age + 1"', ("'age', which is for profiling", 'purpose = "profiling"')),
        ('source = "records"\naggregate = "latest"\ncolumn = "children"', ("says who somebody is",)),
        (COUNT + 'type = "int"', ("TOML",)),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_names_the_file(tmp_path: Path, more: str, told: tuple[str, ...]) -> None:
    folder = write(tmp_path, f'[features.mine]\ndescription = "How many?"\ntype = "integer"\n{more}\n')
    with pytest.raises(ConfigError) as caught:
        extended(ALL, folder)
    for word in ("features/mine.toml", *told):
        assert word in str(caught.value)


def test_names_and_tables_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this name is taken"):
        extended(ALL, write(tmp_path, '[features.orders]\ndescription = "?"\ntype = "integer"\nexpression = "1"\n'))
    with pytest.raises(ConfigError, match="unknown key 'feature'"):
        load_custom(write(tmp_path, "[feature.x]\n"))
    with pytest.raises(ConfigError, match="missing required field `description`"):
        load_custom(write(tmp_path, '[features.x]\ntype = "integer"\n'))
    with pytest.raises(ConfigError, match="lower-case"):
        load_custom(write(tmp_path, '[features.X]\ndescription = "?"\ntype = "integer"\nexpression = "1"\n'))


def test_a_default_cannot_leave_its_quotes(tmp_path: Path) -> None:
    text = '[features.x]\ndescription = "?"\ntype = "text"\nsource = "orders"\naggregate = "top"\nkey = "channel"\n'
    assert load_custom(write(tmp_path, text + 'default = "none yet"\n'))[0][1].default == "none yet"
    with pytest.raises(ConfigError, match="a default is letters"):
        load_custom(write(tmp_path, text + "default = \"x' || 'y\"\n"))


def test_conditions_that_differ_by_an_operator_are_two_states(tmp_path: Path) -> None:
    text = (
        GIFTS
        + '[features.plain_orders]\ndescription = "?"\ntype = "integer"\n'
        + COUNT
        + 'where = "coupon_lines < 0"\n'
    )
    customer = extended(ALL, write(tmp_path, text))[0]
    names = {
        measure_of(one.aggregate).name
        for one in customer.features
        if one.name in ("gift_orders_365d", "plain_orders") and one.aggregate
    }
    assert len(names) == 2
