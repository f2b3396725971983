"""The catalogue page in a real browser, when one is installed: it fits, it narrows, and it is silent."""

from __future__ import annotations

import html as markup
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.console.test_browser import BROWSER, browse, complaints

from floorwalker.console.features_data import features_data
from floorwalker.console.features_page import html
from floorwalker.profiles.catalogue import ALL

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium: install it to see the page as people do")
PROBE = """
<script>
addEventListener("load", async () => {
  const form = document.getElementById("filter");
  const shown = () => document.querySelectorAll(".feature:not([hidden])").length;
  const seen = { all: shown(), scroll: document.documentElement.scrollWidth, width: innerWidth, form: !form.hidden };
  const type = (name, value) => {
    form.elements[name].value = value;
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };
  type("search", "average order");
  seen.search = shown(); seen.said = form.elements.count.textContent;
  type("search", ""); type("entity", "store");
  seen.store = shown();
  seen.sections = [...document.querySelectorAll(".entity:not([hidden])")].map((one) => one.id);
  type("search", "nothing has these words");
  seen.none = shown(); seen.told = !document.getElementById("none").hidden;
  location.hash = "customer.orders_30d";
  await new Promise((done) => setTimeout(done, 300));
  seen.revealed = shown();
  seen.theme = getComputedStyle(document.body).backgroundColor;
  seen.fetched = performance.getEntriesByType("resource").length;
  document.documentElement.dataset.probe = JSON.stringify(seen);
});
</script>
"""


@pytest.fixture(scope="module")
def page() -> str:
    return html(features_data("A shop", "0.1.0", ALL, None))


def probe(tmp_path: Path, page: str, width: int, theme: str) -> dict[str, Any]:
    opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace("</body>", PROBE + "</body>")
    (tmp_path / "page.html").write_text(opened.replace('lang="en"', f'lang="en" data-theme="{theme}"'), "utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<!doctype html><iframe style="border:0;width:{width}px;height:2000px" src="page.html"></iframe>'
        "<script>const look = () => { const seen = frames[0].document.documentElement.dataset.probe;"
        " if (seen) document.documentElement.dataset.seen = seen; else setTimeout(look, 50); };"
        " addEventListener('load', look)</script>",
        encoding="utf-8",
    )
    flags = ("--dump-dom", "--window-size=1400,2100", "--allow-file-access-from-files", "--virtual-time-budget=5000")
    shown = browse(tmp_path, frame.as_uri(), *flags).stdout
    found = re.search(r'<html[^>]*data-seen="([^"]*)"', shown)
    assert found, "the probe did not run"
    return json.loads(markup.unescape(found[1]))


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (400, "dark")])
def test_it_fits_and_narrows(tmp_path: Path, page: str, width: int, theme: str) -> None:
    seen = probe(tmp_path, page, width, theme)
    total, stores = sum(len(one.features) for one in ALL), len(ALL[2].features)
    assert (seen["all"], seen["width"], seen["form"]) == (total, width, True)
    assert seen["scroll"] <= width
    assert 0 < seen["search"] < total / 4
    assert seen["said"] == f"{seen['search']} of {total} features"
    assert (seen["store"], seen["sections"]) == (stores, ["store"])
    assert (seen["none"], seen["told"]) == (0, True)
    assert seen["revealed"] == total
    assert seen["fetched"] == 0
    assert seen["theme"] == ("rgb(246, 245, 242)" if theme == "light" else "rgb(18, 20, 23)")


def test_the_console_stays_silent(tmp_path: Path, page: str) -> None:
    path = tmp_path / "features.html"
    path.write_text(page, encoding="utf-8")
    shown = browse(tmp_path, path.as_uri() + "?theme=dark", "--enable-logging=stderr", "--dump-dom")
    assert complaints(shown) == []
    assert '<html lang="en" data-theme="dark">' in shown.stdout
    assert re.search(r'<form class="filter" id="filter" role="search"', shown.stdout)
