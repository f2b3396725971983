"""The page: `report_data` in, one HTML text out. Style and script are inlined; the page may fetch nothing.

A content security policy says so to the browser: no address is allowed, and of scripts only our own, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from floorwalker.console import page_customers, page_decisions, page_revenue, page_segments, page_trust
from floorwalker.console.parts import Section, unbroken


def sections(data: Mapping[str, Any]) -> list[Section]:
    """The ten parts of the report, in reading order."""
    return [
        page_trust.headline(data),
        page_customers.channels(data),
        page_customers.identity(data),
        page_segments.rfm(data),
        page_segments.clusters(data),
        page_revenue.revenue(data),
        page_trust.quality(data),
        page_decisions.recommender(data),
        page_decisions.decision(data),
        page_trust.how(data),
    ]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("floorwalker.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    return environment


def _asset(name: str) -> str:
    return resources.files("floorwalker.console").joinpath("templates", name).read_text("utf-8").strip()


def policy(script: str) -> str:
    """The content security policy for a page with that one inline script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; base-uri 'none'"
    )


def html(data: Mapping[str, Any]) -> str:
    """The whole page. Every text of the data is escaped, in HTML by the template and in SVG by `svg.tag`."""
    script = _asset("report.js")
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            project=data["project"],
            run=data["run"],
            sections=sections(data),
            style=Markup(_asset("report.css")),
            script=Markup(script),
            policy=policy(script),
        )
    )
