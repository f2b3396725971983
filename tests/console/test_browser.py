"""The page in a real browser, when one is installed: silent, still, and with no label on another, wide and narrow.

The probe is a script added to a copy of the page (without its content security policy); it looks at what is visible.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium: install it to see the report as people do")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--force-device-scale-factor=1"),
)
PROBE = """
<script>
addEventListener("load", () => {
  const words = (node) => [...node.childNodes].filter((child) => child.nodeType === 3)
    .map((child) => child.data).join("");
  const overlaps = [], outside = [];
  let drawings = 0;
  for (const svg of document.querySelectorAll("svg.chart")) {
    const frame = svg.getBoundingClientRect();
    if (!frame.width) continue;
    drawings += 1;
    const boxes = [...svg.querySelectorAll("text")].map((node) => [words(node), node.getBoundingClientRect()]);
    for (const [text, box] of boxes)
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1) outside.push(text);
    boxes.forEach(([text, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 4) overlaps.push([text, other]);
    }));
  }
  const size = Math.min(...[...document.querySelectorAll("svg.chart")].filter((svg) => svg.clientWidth)
    .map((svg) => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width));
  document.documentElement.dataset.probe = JSON.stringify({
    overlaps, outside, drawings, size,
    width: innerWidth, scroll: document.documentElement.scrollWidth,
    fetched: performance.getEntriesByType("resource").map((entry) => entry.name),
    theme: getComputedStyle(document.body).backgroundColor,
    button: document.getElementById("theme-name").textContent,
  });
});
</script>
"""


def browse(tmp_path: Path, address: str, *flags: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'browser'}", *flags, address]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


def probe(tmp_path: Path, page: str, width: int, theme: str) -> dict[str, Any]:
    """What the probe sees in a frame of that width: a headless window cannot be narrower than 500."""
    opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace("</body>", PROBE + "</body>")
    opened = opened.replace('<html lang="en">', f'<html lang="en" data-theme="{theme}">')
    path = tmp_path / "probe.html"
    path.write_text(
        f'<!doctype html><iframe style="border:0;width:{width}px;height:2000px" '
        f'srcdoc="{html.escape(opened)}"></iframe>'
        "<script>addEventListener('load', () => document.documentElement.dataset.seen ="
        " frames[0].document.documentElement.dataset.probe)</script>",
        encoding="utf-8",
    )
    shown = browse(tmp_path, path.as_uri(), "--dump-dom", "--window-size=1400,2100").stdout
    found = re.search(r'<html[^>]*data-seen="([^"]*)"', shown)
    assert found, "the probe did not run"
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (900, "light"), (400, "dark")])
def test_labels_stand_free_and_the_page_does_not_scroll_sideways(
    tmp_path: Path, page: str, width: int, theme: str
) -> None:
    seen = probe(tmp_path, page, width, theme)
    assert seen["width"] == width
    assert seen["scroll"] <= width
    assert seen["drawings"] >= 15
    assert seen["overlaps"] == []
    assert seen["outside"] == []
    assert seen["size"] >= 10.5
    assert seen["fetched"] == []
    assert seen["theme"] == ("rgb(246, 245, 242)" if theme == "light" else "rgb(18, 20, 23)")
    assert seen["button"] == ("Dark" if theme == "light" else "Light")


def test_the_probe_sees_what_is_wrong(tmp_path: Path, page: str) -> None:
    broken = page.replace(".chart text { font: 12px", ".chart text { font: 24px")
    assert broken != page
    seen = probe(tmp_path, broken.replace("<main", '<p style="width:3000px">wide</p><main'), 1280, "light")
    assert seen["overlaps"] and seen["outside"]
    assert seen["scroll"] > 1280


def complaints(run: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in run.stderr.splitlines() if "CONSOLE" in line]


def test_the_console_stays_silent(tmp_path: Path, page: str) -> None:
    talk = ("--enable-logging=stderr", "--dump-dom")
    noisy = tmp_path / "noisy.html"
    noisy.write_text(page.replace("img-src data:", "img-src data:;").replace("</body>", "<script>1</script></body>"))
    # The control: a script that the policy does not name is refused, and we hear of it.
    assert complaints(browse(tmp_path, noisy.as_uri(), *talk))
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    shown = browse(tmp_path, path.as_uri() + "?theme=dark", *talk)
    assert complaints(shown) == []
    # The one script that may run did: it uncovered the button and took the theme it was asked for.
    assert '<html lang="en" data-theme="dark">' in shown.stdout
    assert re.search(r'<button type="button" id="theme" aria-label', shown.stdout)
