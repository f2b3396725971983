"""Events mended in quarantine, the log read again, the log kept short."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from tests.app.collect.test_exporting import NOW, Shop, page
from tests.app.driving import call

from floorwalker.app.collect.replaying import retain
from floorwalker.app.state import open_state
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.settings import LogSettings
from floorwalker.events.frames import unpack


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop")
    made.came(page("m1"), {"type": "page", "messageId": "m2", "properties": {"url": "/x"}}, page("m3"))
    made.take_in()
    return made


def test_one_of_many_is_mended_and_comes_in_once(shop: Shop) -> None:
    (row,) = call(shop.project.root, "quarantine", "list", "--json").json
    still = call(shop.project.root, "quarantine", "fix", str(row["id"]), "--set", "properties.url=/y")
    assert still.code == 1 and "neither userId nor anonymousId" in still.err
    done = call(shop.project.root, "quarantine", "fix", str(row["id"]), "--set", "userId=u9", "--json")
    assert done.json == {"type": "page", "messageId": "m2", "properties": {"url": "/x"}, "userId": "u9"}
    assert call(shop.project.root, "quarantine", "list", "--json").json == []
    assert call(shop.project.root, "quarantine", "fix", str(row["id"]), "--set", "userId=u9").code == 1
    shop.take_in()
    assert shop.ids() == Counter(["m1", "m2", "m3"])
    assert shop.rows("SELECT account_id, url FROM bronze.browse_events WHERE account_id IS NOT NULL") == [("u9", "/x")]
    shop.take_in()
    assert shop.ids() == Counter(["m1", "m2", "m3"])
    frame = unpack(shop.log.read(0, 0)[0].frame)
    assert frame.head.refused == {} and len(frame.subjects) == 3


def test_what_cannot_be_mended_says_so(shop: Shop) -> None:
    (row,) = call(shop.project.root, "quarantine", "list", "--json").json
    for arguments, words in (
        (["--set", "userId=u", "--dry-run"], "no trying"),
        ([], "nothing is to be changed"), (["--set", "userId"], "no COLUMN=VALUE"), (["--event", "{"], "not JSON"),
        (["--event", "[]"], "no object"), (["--set", "type.x=1"], "no object"), (["--unset", "type"], "type"),
    ):  # fmt: skip
        done = call(shop.project.root, "quarantine", "fix", str(row["id"]), *arguments)
        assert done.code == 1 and words in done.err, done.err


def test_the_log_is_read_again_and_adds_nothing(shop: Shop) -> None:
    shop.came(page("m4"), at=NOW)
    shop.take_in()
    shop.came(page("m5"))
    assert call(shop.project.root, "status", "--json").json["collected_waiting"] == 1
    shop.take_in()
    assert "0 requests wait" in call(shop.project.root, "status").out
    before = shop.ids()
    dry = call(shop.project.root, "events", "replay", "--since", "2020-01-01", "--dry-run", "--json").json
    assert [one["frames"] for one in dry] == [3, 0]
    assert call(shop.project.root, "events", "replay", "--since", "2020-01-01").code == 0
    (result,) = shop.take_in()
    assert shop.ids() == before and result.rows_new == 0
    assert call(shop.project.root, "events", "replay", "--since", "soon").code == 1


def test_only_what_is_old_and_in_the_lake_is_removed(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.log.close()
    from floorwalker.engines.event_log.opening import open_log

    shop.log = open_log(shop.project.state / LOG, partitions=1, settings=LogSettings(rotate_mb=1))
    big = page("", properties={"text": "x" * 30_000})
    for n in range(80):
        shop.came(big | {"messageId": f"m{n}"})
    files = len([*(shop.project.state / LOG).rglob("*.db")])
    assert files >= 3
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=40)
    with open_state(shop.project) as state:
        assert retain(shop.project, state, 30, later) == 0  # nothing has been brought into the lake
        shop.export()
        assert retain(shop.project, state, 30, dt.datetime.now(dt.UTC)) == 0
        assert retain(shop.project, state, 30, later) == files - 1
    shop.take_in()
    assert len(shop.ids()) == 80
