"""The live stitcher of a project: on its last run, through a restart, and after an erasure."""

from __future__ import annotations

from pathlib import Path

from tests.app.driving import call, rows

from floorwalker.app.config import load_config
from floorwalker.engines.project import Project
from floorwalker.identity.stitching.opening import journal_path, open_stitcher
from floorwalker.identity.stitching.stitcher import Stitcher


def _opened(shop: Path) -> Stitcher:
    project = Project(shop)
    return open_stitcher(project, load_config(project).settings.identity)


def test_live_answers_are_those_of_the_last_run_and_outlive_the_process(shop: Path) -> None:
    published = dict(rows(shop, "SELECT record_id, customer_id FROM silver.customer_map"))
    live = _opened(shop)
    assert live.position == ""
    assert {one: live.customer_of(one) for one in published} == published
    ann = rows(shop, "SELECT customer_id FROM gold.customers WHERE email = 'ann@example.com'")[0][0]
    met = live.add({"email": "Ann@Example.com", "cookie_id": "live-1", "source": "web", "market": "UK"})
    visit = live.add({"record_id": "visit", "cookie_id": "live-1", "device_id": "d-9", "source": "web"})
    assert met == visit == ann
    stranger = live.add({"record_id": "new", "email": "zoe@else.com", "source": "web"})
    assert stranger not in published.values()
    live.save("offset 3")
    live.close()

    again = _opened(shop)
    assert again.position == "offset 3"
    assert (again.customer_of("visit"), again.customer_of("new")) == (ann, stranger)
    again.close()


def test_an_erased_person_is_not_in_the_journal(shop: Path) -> None:
    live = _opened(shop)
    erased = rows(
        shop,
        "SELECT record_id FROM silver.customer_map JOIN gold.customers USING (customer_id)"
        " WHERE email = 'ann@example.com' ORDER BY 1",
    )
    # A record that the next run will find in the lake, and that has been seen again since.
    (record_id,) = erased[0]
    row = live.held.rows[record_id]
    live._again(row, live.held.first_seen[row], live.held.last_seen[row] + 1)
    live.save()
    live.close()
    journal = journal_path(Project(shop).state)
    assert record_id.encode() in journal.read_bytes()
    done = call(shop, "erase", "--customer", "ann@example.com", "--yes", "--json").json
    assert done["proven"] is True
    assert {one["store"]: one["removed"] for one in done["stores"]}["live"] == 1
    assert record_id.encode() not in journal.read_bytes()
    again = _opened(shop)
    assert again.customer_of(record_id) is None
    again.close()
