"""A tracking plan: what a shop takes of the events that it is sent, and what becomes of the rest.

In: the words, and what a project's `policies/tracking.toml` says (see `plan_file`). Out: `Plan.judge(event)`: allow it,
drop it or put it into quarantine, what to take out of it first, and everything that is wrong with it.

>>> plan = Plan()
>>> plan.judge({"type": "track", "event": "Products Searched", "userId": "7", "properties": {"query": "mug"}}).action
'allow'
>>> verdict = plan.judge({"type": "track", "event": "Products Searched", "properties": {}})
>>> verdict.action, verdict.reason
('quarantine', 'userId and anonymousId are missing')
>>> [(one.severity, str(one)) for one in verdict.problems]
[('error', 'userId and anonymousId are missing'), ('warning', 'properties.query is missing')]

An error is what nobody could use, or what the plan does not take: it goes to quarantine. A warning is taken as it is.
Judging is pure and remembers nothing. Problems name properties, never their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from floorwalker.events.language.fields import Fields, a_kind_of, absent
from floorwalker.events.language.paths import path_of
from floorwalker.events.language.ready import Ready
from floorwalker.events.language.verdict import Action, Problem, Rule, Verdict
from floorwalker.events.language.words import Definition, Words, fold, words

LONGEST = 100
"""Letters of an event's name that a message repeats."""


class Plan:
    """A plan, made ready. Without rules it takes everything that the protocol allows."""

    def __init__(
        self,
        language: Words | None = None,
        rules: Mapping[str, Rule] | None = None,
        calls: Mapping[str, Rule] | None = None,
        *,
        default: Rule | None = None,
        unknown_events: Action = "allow",
        drop: Sequence[str] = (),
    ) -> None:
        """`default`: for events and calls without a rule; `drop`: paths from the event's top, of every event."""
        self.words = words() if language is None else language
        default = Rule() if default is None else default
        everywhere = [(text, path_of(text)) for text in drop]

        def ready(one: Definition, rule: Rule) -> Ready:
            return Ready(one, rule, self.words, everywhere)

        # What has no name can only be refused: the properties of nameless events are unknown, but kept.
        named = {"track": Rule()} | dict(calls or {})
        self._calls = {name: ready(one, named.get(name, default)) for name, one in self.words.calls.items()}
        self._events = {name: ready(one, (rules or {}).get(name, default)) for name, one in self.words.events.items()}
        self._events = {name: self._events[real] for name, real in self.words.names.items()}
        self._unknown = ready(Definition("", call="track"), Rule(unknown_events))
        self._unnamed = (self._unknown, self._calls["track"])
        gone = [path for _, path in everywhere]
        self._envelope = Fields([one for one in self.words.envelope if one.name != "context"], {}, gone)

    def judge(self, event: Mapping[str, Any]) -> Verdict:
        """What becomes of an event, and why. Never raises, whatever it is given."""
        ready = self._ready(event)
        if isinstance(ready, Verdict):
            return ready
        if ready.rule.action == "drop":
            return Verdict("drop", f"the plan drops {ready.definition.name or 'unknown events'}", name=ready.name)
        dropped = ready.dropped(event)
        if ready not in self._unnamed and ready.sound(event) and self._envelope.holds(event):
            return Verdict("allow", "", dropped, (), ready.name) if dropped else ready.fine
        problems = tuple(self._problems(event, ready))
        first = next((one for one in problems if one.severity == "error"), None)
        return Verdict("quarantine" if first else "allow", str(first) if first else "", dropped, problems, ready.name)

    def undefined(self, event: Mapping[str, Any]) -> list[str]:
        """Properties that the definition of a known event lacks: allowed or not, perhaps they are misspelt."""
        ready = self._ready(event)
        return [] if isinstance(ready, Verdict) or ready is self._unknown else ready.undefined(event)

    def _ready(self, event: Mapping[str, Any]) -> Ready | Verdict:
        if type(event) is not dict and not isinstance(event, Mapping):
            return _refused("", f"is {a_kind_of(event)}, not an object", "send an object: {…}")
        call = event.get("type")
        found = self._calls.get(call) if type(call) is str else None
        if found is None:
            what = "is missing" if absent(call) else "is no call of the protocol"
            return _refused("type", what, "send one of " + ", ".join(self.words.calls))
        if call == "track":
            name = event.get("event")
            if type(name) is str and name.strip():
                return self._events.get(name, self._unknown)
        return found

    def _problems(self, event: Mapping[str, Any], ready: Ready) -> Iterator[Problem]:
        if ready is self._unknown:
            yield self._not_known(event["event"], ready.rule.action)
        elif ready is self._calls["track"]:
            name = event.get("event")
            what = (
                "is missing" if absent(name) or type(name) is str else f"is {a_kind_of(name)}, not the name of an event"
            )
            yield Problem("error", "protocol", "event", what, 'send what happened: "event": "Product Viewed"')
        yield from ready.problems(event)
        for fault in self._envelope.faults(event, ""):
            yield Problem("warning", fault.kind, fault.where, fault.what, fault.fix)

    def _not_known(self, name: str, action: Action) -> Problem:
        # Only what is the same but for case and spaces: to look for what is similar takes too long here.
        meant = self.words.folded.get(fold(name[:LONGEST]))
        fix = f"did you mean '{meant}'?" if meant else "add it to policies/tracking.toml, or correct its name"
        short = name if len(name) <= LONGEST else name[:LONGEST] + "…"
        return Problem(
            "error" if action == "quarantine" else "warning", "unknown_event", "event", f"'{short}' is not known", fix
        )


def _refused(where: str, what: str, fix: str) -> Verdict:
    problem = Problem("error", "protocol", where, what, fix)
    return Verdict("quarantine", str(problem), (), (problem,))
