"""Generations: names, the one that is read, and a store that a stopped machine has spoilt."""

from __future__ import annotations

import random
from pathlib import Path

from tests.app.collect.collecting import make_project
from tests.app.driving import call
from tests.profiles.live.stepping import events_of, steps_of
from tests.redis_server import redis_server

from floorwalker.app.config import load_config
from floorwalker.app.live_path import generations
from floorwalker.app.live_path.following import Follower
from floorwalker.app.live_path.settings import LiveSettings
from floorwalker.engines.event_log import LOG
from floorwalker.engines.event_log.opening import open_log
from floorwalker.engines.live_store import unclean
from floorwalker.engines.live_store.opening import open_store
from floorwalker.engines.project import Project
from floorwalker.profiles.live.layout import TABLES


def followed(project: Project, *, again: bool = False) -> dict[str, list[tuple[bytes, bytes]]]:
    with Follower(project, load_config(project).settings, again=again) as follower:
        follower.catch_up()
        return {table: list(follower.store.items(table)) for table in TABLES}


def test_a_store_is_made_anew_where_a_machine_stopped_in_the_middle_of_it(tmp_path: Path) -> None:
    project, rng = Project(make_project(tmp_path / "shop")), random.Random(1)
    log = open_log(project.state / LOG, partitions=2)
    for step in steps_of(events_of(rng, 60), rng):
        for partition, stored in step:
            with log.writer(partition) as writer:
                writer.append([one.frame for one in stored])
    before = followed(project)
    assert generations.current(project) == "none~1" and before["records"]
    assert followed(project) == before, "opened again, it goes on"
    (generations.folder(project) / "none~1" / unclean.NAME).write_text("another boot")
    after = followed(project)
    assert generations.current(project) == "none~2"
    assert after["records"] == before["records"] and after["customers"] == before["customers"]
    assert sorted(path.name for path in generations.folder(project).glob("*~*")) == ["none~2"]
    assert followed(project, again=True) == after
    assert generations.current(project) == "none~3" and generations.next_name(project, "run") == "run~4"


def test_on_redis_it_is_the_same(tmp_path: Path) -> None:
    project, rng = Project(make_project(tmp_path / "shop")), random.Random(3)
    log = open_log(project.state / LOG, partitions=2)
    for step in steps_of(events_of(rng, 60), rng):
        for partition, stored in step:
            with log.writer(partition) as writer:
                writer.append([one.frame for one in stored])
    embedded = followed(project)
    with redis_server(tmp_path) as url:
        with (project.root / "floorwalker.toml").open("a") as file:
            file.write(f'\n[live]\nurl = "{url}?prefix=shop"\n')
        distributed = followed(project, again=True)
        assert {table: sorted(items) for table, items in distributed.items()} == embedded
        found = call(project.root, "live", "show", "cookie_id:cookie-1-0")
        assert found.json["records"] > 1
        # The next generation takes the place of this one, which leaves nothing behind.
        followed(project, again=True)
        with open_store(f"{url}?prefix=shop.none.2", TABLES) as store:
            assert not any(store.count(table) for table in TABLES)


def test_a_server_has_a_prefix_per_generation(tmp_path: Path) -> None:
    project = Project(tmp_path)
    settings = LiveSettings(url="redis://localhost:6379/0?prefix=shop")
    assert generations._place(project, settings, "r1~2") == "redis://localhost:6379/0?prefix=shop.r1.2"
    local = LiveSettings(url="unix:///run/redis.sock")
    assert generations._place(project, local, "r1~2") == "unix:///run/redis.sock?prefix=floorwalker.r1.2"
