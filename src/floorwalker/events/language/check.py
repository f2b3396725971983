"""Checking events before they are sent, or after: every problem with its place, and figures by event.

In: items of a file (`reading`), a plan. Out: `Report`.

>>> from floorwalker.events.language.plan import Plan
>>> from floorwalker.events.language.reading import Item
>>> event = {"type": "track", "event": "product viewed", "userId": "7", "properties": {"proudct_id": "P-10"}}
>>> report = check([Item("line 1", event)], Plan())
>>> [(one.where, str(one.problem), one.problem.fix) for one in report.found]
[('line 1', "event 'product viewed' is not known", "did you mean 'Product Viewed'?")]
>>> report.events, report.quarantined, report.by_event["product viewed"].suggestion
(1, 0, 'Product Viewed')

Problems beyond `keep` are counted and not kept, so that a file of any size can be checked.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from floorwalker.events.language.plan import LONGEST, Plan
from floorwalker.events.language.reading import Item
from floorwalker.events.language.verdict import Problem

UNKNOWN_KEPT = 1000
"""Names, of events and of properties, that a report tells apart; the rest is counted under one name."""
OTHERS = "(others)"


@dataclass(frozen=True)
class Found:
    """A problem, and where it stands."""

    where: str
    event: str
    action: str
    problem: Problem


@dataclass
class Tally:
    """Figures of one event."""

    events: int = 0
    with_problems: int = 0
    dropped: int = 0
    quarantined: int = 0
    known: bool = True
    suggestion: str = ""
    undefined: Counter[str] = field(default_factory=Counter)
    """Properties that its definition lacks, with how often they came."""
    meant: dict[str, str] = field(default_factory=dict)
    """Those that are perhaps misspelt → the property that was perhaps meant."""


@dataclass
class Report:
    """What was found in a file."""

    events: int = 0
    unreadable: int = 0
    dropped: int = 0
    quarantined: int = 0
    problems: int = 0
    found: list[Found] = field(default_factory=list)
    by_event: dict[str, Tally] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing would go to quarantine or be refused."""
        return not self.quarantined and not self.unreadable

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        rows = [
            {
                "event": name,
                **{key: getattr(one, key) for key in Tally.__dataclass_fields__},
                "undefined": dict(one.undefined),
            }
            for name, one in self.by_event.items()
        ]
        problems = [
            {"at": one.where, "event": one.event, "action": one.action, "severity": one.problem.severity,
             "kind": one.problem.kind, "where": one.problem.where, "what": one.problem.what, "fix": one.problem.fix}
            for one in self.found
        ]  # fmt: skip
        figures = ("events", "unreadable", "dropped", "quarantined", "problems")
        return {**{key: getattr(self, key) for key in figures}, "by_event": rows, "found": problems}


def check(items: Iterable[Item], plan: Plan, keep: int = 1000) -> Report:
    """Judge every event; keep the first `keep` problems, count all."""
    report = Report()
    for item in items:
        if item.fault:
            report.unreadable += 1
            problem = Problem("error", "unreadable", "", item.fault, "write one JSON object a line, or one list")
            _note(report, keep, Found(item.where, "", "refused", problem))
            continue
        report.events += 1
        verdict = plan.judge(item.event)
        name = verdict.name or _name(item.event)
        tally = _tally(report, plan, name, known=bool(verdict.name) or name in plan.words.calls)
        tally.events += 1
        tally.with_problems += bool(verdict.problems)
        tally.dropped += verdict.action == "drop"
        tally.quarantined += verdict.action == "quarantine"
        report.dropped += verdict.action == "drop"
        report.quarantined += verdict.action == "quarantine"
        for problem in verdict.problems:
            _note(report, keep, Found(item.where, name, verdict.action, problem))
        for one in plan.undefined(item.event):
            tally.undefined[one[:LONGEST] if len(tally.undefined) < UNKNOWN_KEPT else OTHERS] += 1
    for name, tally in report.by_event.items():
        tally.meant = _meant(plan, name, tally)
    report.by_event = dict(sorted(report.by_event.items(), key=lambda pair: (-pair[1].events, pair[0])))
    return report


def _note(report: Report, keep: int, found: Found) -> None:
    report.problems += 1
    if len(report.found) < keep:
        report.found.append(found)


def _name(event: Any) -> str:
    """How an event is called that no definition names."""
    if not isinstance(event, dict):
        return "(no object)"
    name = event.get("event") if event.get("type") == "track" else event.get("type")
    return name[:LONGEST] if isinstance(name, str) and name else "(no name)"


def _tally(report: Report, plan: Plan, name: str, known: bool) -> Tally:
    found = report.by_event.get(name)
    if found is None:
        if not known and len(report.by_event) >= UNKNOWN_KEPT:
            return report.by_event.setdefault(OTHERS, Tally(known=False))
        found = Tally(known=known, suggestion="" if known else plan.words.suggestion(name))
        report.by_event[name] = found
    return found


def _meant(plan: Plan, name: str, tally: Tally) -> dict[str, str]:
    one = plan.words.events.get(name) or plan.words.calls.get(name)
    if one is None:
        return {}
    known = [has.name for has in one.properties]
    close = {wrong: difflib.get_close_matches(wrong, known, n=1, cutoff=0.8) for wrong in list(tally.undefined)[:100]}
    return {wrong: found[0] for wrong, found in close.items() if found}
