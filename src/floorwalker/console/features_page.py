"""The catalogue page: `features_data` in, one HTML text out that explains every feature and fetches nothing.

Style and script of the report are its own, too, with what the catalogue adds. Without script everything is there; the
script only narrows the list.

>>> page = html({"project": "Shop", "version": "1", "run": None, "entities": []})
>>> "<h1>Shop: features</h1>" in page
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from floorwalker.console import numbers
from floorwalker.console.page import _asset, _environment, policy
from floorwalker.console.svg import escape, tag

_BOX = (240, 46)
_PLURALS = {"customer": "customers", "product": "products", "store": "stores"}


def html(data: Mapping[str, Any]) -> str:
    """The whole page. Every text of the data is escaped, in HTML by the template and in SVG by `svg.tag`."""
    script = _asset("report.js") + "\n" + _asset("features.js")
    entities = [_entity(one, (data["run"] or {}).get("currency", "")) for one in data["entities"]]
    features = [one for entity in data["entities"] for one in entity["features"]]
    return (
        _environment()
        .get_template("features.html.jinja")
        .render(
            project=data["project"],
            version=data["version"],
            run=data["run"],
            entities=entities,
            total=len(features),
            live=sum(one["live"] for one in features),
            questions=len({(one["name"], one["entity"], one["question"]) for one in features}),
            groups=list(dict.fromkeys(one["group"] for one in features)),
            purposes=list(dict.fromkeys(one["purpose"] for one in features)),
            style=Markup(_asset("report.css") + "\n" + _asset("features.css")),
            script=Markup(script),
            policy=policy(script),
        )
    )


def _entity(entity: Mapping[str, Any], currency: str) -> dict[str, Any]:
    features = sorted(entity["features"], key=_order_of(entity["features"]))
    groups = []
    for name, some in groupby(features, key=lambda one: one["group"]):
        listed = list(some)
        live = sum(one["live"] for one in listed)
        groups.append(
            {
                "name": name,
                "title": name[:1].upper() + name[1:],
                "key": f"{entity['name']}--{_slug(name)}",
                "live": live,
                "batch": len(listed) - live,
                "features": [_feature(one, currency) for one in listed],
            }
        )
    count = len(features)
    return {
        "name": entity["name"],
        "plural": _PLURALS.get(entity["name"], entity["name"]).capitalize(),
        "table": entity["table"],
        "rows": None if entity["rows"] is None else numbers.count(entity["rows"]),
        "count": count,
        "live": sum(one["live"] for one in features),
        "constant": sum(_is_constant(one["figures"]) for one in features),
        "empty": sum(_is_empty(one["figures"]) for one in features),
        "groups": groups,
    }


def _order_of(features: Sequence[Mapping[str, Any]]) -> Any:
    """Groups in the order in which they first appear, features within one as they are."""
    places = {group: place for place, group in enumerate(dict.fromkeys(one["group"] for one in features))}
    return lambda one: places[one["group"]]


def _feature(one: Mapping[str, Any], currency: str) -> dict[str, Any]:
    figures = one["figures"]
    unit = currency if one["unit"] == "reporting currency" and currency else one["unit"]
    made = f"{one['computed']} of {one['source']}" if one["source"] else one["computed"]
    return {
        **one,
        "id": f"{one['entity']}.{one['name']}",
        "unit": unit,
        "made": made + (f" where {one['where']}" if one["where"] else ""),
        "shown_default": "nothing (NULL)" if one["default"] is None else _plain(one["default"]),
        "text": f"{one['name']} {one['question']} {unit} {one['source']} {one['group']}".lower(),
        "figures": _figures(one, figures, currency) if figures else None,
    }


def _plain(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _figures(one: Mapping[str, Any], figures: Mapping[str, Any], currency: str) -> dict[str, Any]:
    filled, rows = figures["filled"], figures["rows"]
    facts = [("filled", numbers.share(filled / rows if rows else None))]
    note, words, svg, ends = "", [], Markup(""), ()
    kind = figures["kind"]
    if _is_empty(figures):
        note = "Nothing in this run fills it."
    elif _is_constant(figures):
        only = _value(one, figures["least"], currency) if kind == "spread" else ""
        note = f"The same for all: {only}" if only else "The same for all that have it."
    else:
        facts.append(("different values", numbers.compact(figures["distinct"])))
    if kind == "personal":
        note = note or "Personal: only counts are shown."
    elif kind == "counts" and not note:
        note = "Too many different values to list."
    elif kind == "words" and not note:
        named = [(_word(top["word"]), top["share"]) for top in figures["top"]]
        others = [("others", figures["others"])] if figures["others"] else []
        words = [
            {"word": word, "share": numbers.share(share), "width": f"{100 * share:.1f}%", "other": place >= len(named)}
            for place, (word, share) in enumerate([*named, *others])
        ]
    elif kind == "spread" and not note:
        facts += [(name, _value(one, figures[key], currency)) for name, key in _EXTREMES]
        svg = Markup(_bars(one, figures))
        ends = (_value(one, figures["from"], currency), _end(one, figures, currency))
    return {"facts": facts, "note": note, "words": words, "svg": svg, "ends": ends}


_EXTREMES = (("least", "least"), ("median", "median"), ("most", "most"))


def _is_empty(figures: Mapping[str, Any] | None) -> bool:
    return figures is not None and figures["filled"] == 0


def _is_constant(figures: Mapping[str, Any] | None) -> bool:
    return (
        figures is not None
        and figures["filled"] > 0
        and figures["distinct"] == 1
        and figures["filled"] == figures["rows"]
    )


def _word(text: str) -> str:
    return {"true": "yes", "false": "no"}.get(text, text)


def _end(one: Mapping[str, Any], figures: Mapping[str, Any], currency: str) -> str:
    """Where the bars end; the last one holds all that lies above its beginning when `open`."""
    if isinstance(figures["from"], str):
        return _value(one, figures["most"], currency)
    start = figures["from"] + figures["width"] * (len(figures["bars"]) - 1)
    return f"{_value(one, start, currency)} and above" if figures["open"] else _value(one, figures["most"], currency)


def _value(one: Mapping[str, Any], value: Any, currency: str) -> str:
    """A value as people read it, in the feature's type and unit."""
    if value is None or isinstance(value, str):
        return value or numbers.NONE
    if one["unit"] == "share":
        return numbers.share(value)
    if one["type"] == "money" or (one["unit"] == "reporting currency" and currency):
        return numbers.compact_money(value, currency)
    if one["type"] == "integer":
        return numbers.compact(value) if abs(value) >= 10_000 else numbers.decimal(value)
    return numbers.compact(value) if abs(value) >= 1_000 else f"{value:.3g}".replace("-", "−")


def _bars(one: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """A small histogram; heights are square roots, so that few beside many can be seen."""
    width, height = _BOX
    counts = figures["bars"]
    top = max(counts) ** 0.5 or 1.0
    step = width / len(counts)
    drawn = []
    for place, number in enumerate(counts):
        if number:
            tall = max(1.5, (height - 2) * number**0.5 / top)
            last = figures["open"] and place == len(counts) - 1
            drawn.append(
                tag(
                    "rect", x=place * step + (0.5 if step > 3 else 0), y=height - tall,
                    width=max(step - 1, step * 0.7), height=tall, class_="b" if last else "a",
                )
            )  # fmt: skip
    axis = tag("line", x1=0, x2=width, y1=height - 0.5, y2=height - 0.5, class_="axis")
    return (
        f'<svg class="spark" role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'preserveAspectRatio="none" aria-label="{escape("How the values of " + one["name"] + " lie")}">'
        f"{''.join(drawn)}{axis}</svg>"
    )


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower())
