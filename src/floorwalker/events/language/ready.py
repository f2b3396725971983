"""What a plan says of one event, made ready: where its properties lie, what they must be, what is taken out.

In: a definition and its rule. Out: `Ready`, which answers quickly whether nothing is wrong, and slowly what is.

>>> from floorwalker.events.language.words import words
>>> ready = Ready(words().events["Products Searched"], Rule(drop=("page_no",)), words(), ())
>>> event = {"userId": "7", "properties": {"query": "mug", "page_no": 2}}
>>> ready.sound(event), ready.dropped(event), ready.sound({"userId": "7"})
(True, ('properties.page_no',), False)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from floorwalker.events.language.fields import HINTS, TESTS, Fault, Fields, a_kind_of, absent
from floorwalker.events.language.paths import Path, joined, path_of, present
from floorwalker.events.language.verdict import Problem, Rule, Verdict
from floorwalker.events.language.words import Definition, Words, payload_of

NEEDS = {"group": (("groupId",),), "alias": (("previousId",),)}
"""What a call needs beside an id of a person: one of each."""
PERSON_IDS = ("userId", "anonymousId")
_OF_PERSON = "send the id of the login as userId, or that of the visitor or device as anonymousId"
_FIXES = {
    PERSON_IDS: _OF_PERSON,
    ("groupId",): "send the number of the company or club as groupId",
    ("previousId",): "send the id that the person had before as previousId",
}
_is_id = TESTS["id"]
_NOTHING: Mapping[str, Any] = {}


class Ready:
    """One event of a plan."""

    __slots__ = (
        "_containers",
        "_drops",
        "_fields",
        "_hidden",
        "_known",
        "_needs",
        "_place",
        "_places",
        "definition",
        "fine",
        "name",
        "rule",
    )

    def __init__(
        self, definition: Definition, rule: Rule, words: Words, everywhere: Sequence[tuple[str, Path]]
    ) -> None:
        self.definition, self.rule = definition, rule
        self.name = definition.event or (definition.name if definition.call == "track" != definition.name else "")
        self.fine = Verdict("allow", name=self.name)
        self._needs = ((PERSON_IDS,) if definition.person else ()) + NEEDS.get(definition.call, ())
        places: list[Path] = [] if definition.call == "alias" else [(payload_of(definition.call),)]
        # Some SDKs put the traits of `identify` into the context.
        whole = {path for _, path in everywhere}
        if definition.call == "identify" and not whole & {("context",), ("context", "traits")}:
            places.append(("context", "traits"))
        self._places = tuple((".".join(place), place) for place in places)
        self._place = self._places[0][0] if places else ""
        self._containers = (*places, ("context",))
        own = [path_of(text) for text in rule.drop]
        self._drops = tuple(
            dict.fromkeys([*everywhere, *((_text(place + path), place + path) for place in places for path in own)])
        )
        gone = own + [path[len(place) :] for _, path in everywhere for place in places if path[: len(place)] == place]
        self._fields = Fields(definition.properties, words.sets, [path for path in gone if path])
        # What is dropped where it lies does not count as sent there.
        self._hidden = {
            where: {path[-1] for _, path in self._drops if path[:-1] == place} for where, place in self._places
        }
        self._known = {one.name for one in definition.properties}

    def sound(self, event: Mapping[str, Any]) -> bool:
        """Whether nothing is wrong with its ids and properties."""
        rule, fields = self.rule, self._fields
        if rule.action != "allow":
            return False
        for names in self._needs:
            for name in names:
                value = event.get(name)
                if value.strip() if type(value) is str else _is_id(value):
                    break
            else:
                return False
        context = event.get("context")
        if context is not None and type(context) is not dict and not isinstance(context, Mapping):
            return False
        payload = event.get(self._place) if self._place else None
        if context and len(self._places) > 1 and context.get("traits") is not None:
            if payload is not None or self._hidden["context.traits"]:  # seldom, so by the long way
                return next(self.problems(event), None) is None
            payload = context["traits"]
        if payload is None:
            payload = _NOTHING
        elif type(payload) is not dict and not isinstance(payload, Mapping):
            return False
        if not fields.holds(payload):
            return False
        for name in rule.require:
            if absent(payload.get(name)):
                return False
        return rule.unknown_properties != "quarantine" or payload.keys() <= self._known

    def problems(self, event: Mapping[str, Any]) -> Iterator[Problem]:
        """Everything that is wrong with its ids and properties; nothing, where it is `sound`."""
        rule, name = self.rule, self.definition.name
        if rule.action == "quarantine" and name:
            yield Problem("error", "refused", "", f"the plan puts {name} into quarantine", "take it out of the plan")
        for names in self._needs:
            if not any(_names(event.get(one)) for one in names):
                verb = "are missing" if len(names) > 1 else "is missing"
                yield Problem("error", "protocol", "", f"{' and '.join(names)} {verb}", _FIXES[names])
        for place in self._containers:
            value = _at(event, place)
            if value is not None and not isinstance(value, Mapping):
                what = f"is {a_kind_of(value)}, not an object"
                yield Problem("error", "protocol", ".".join(place), what, HINTS["object"])
        parts = self._parts(event)
        together = {
            one: value
            for where, part in reversed(parts)
            for one, value in part.items()
            if not absent(value) and one not in self._hidden[where]
        }
        for where, part in parts:
            for fault in self._fields.wrong(part, where):
                yield self._problem(fault)
            if rule.unknown_properties == "quarantine":
                for one in sorted(part.keys() - self._known):
                    fix = "take it out, or add it to policies/tracking.toml"
                    yield Problem("error", "unknown_property", joined(where, one)[:200], "is not in the plan", fix)
        where = parts[0][0] if parts else self._place
        for fault in self._fields.missing(together, where):
            if fault.where.removeprefix(f"{where}.") not in rule.require:
                yield self._problem(fault)
        for one in rule.require:
            if absent(together.get(one)):
                yield Problem("error", "missing", joined(where, one), "is missing, and the plan requires it", "send it")

    def dropped(self, event: Mapping[str, Any]) -> tuple[str, ...]:
        """Paths in it that the plan takes out."""
        unknown = self.rule.unknown_properties == "drop"
        if not self._drops and not unknown:
            return ()
        found = [text for text, path in self._drops if present(event, path)]
        if unknown:
            gone = {path for _, path in self._drops}
            for where, part in self._parts(event):
                texts = [joined(where, one) for one in part.keys() - self._known]
                found += sorted(text for text in texts if path_of(text) not in gone)
        return tuple(found)

    def undefined(self, event: Mapping[str, Any]) -> list[str]:
        """Properties in it that its definition does not have."""
        return sorted(str(one) for _, part in self._parts(event) for one in part.keys() - self._known)

    def _parts(self, event: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        found = [(where, _at(event, place)) for where, place in self._places]
        return [(where, part) for where, part in found if isinstance(part, Mapping)]

    def _problem(self, fault: Fault) -> Problem:
        severity = self.rule.missing_properties if fault.kind == "missing" else self.rule.wrong_types
        return Problem(
            "error" if severity == "quarantine" else "warning", fault.kind, fault.where, fault.what, fault.fix
        )


def _names(value: Any) -> bool:
    """Whether an id names anybody: blanks do not."""
    return bool(value.strip()) if type(value) is str else _is_id(value)


def _at(event: Mapping[str, Any], place: Path) -> Any:
    value: Any = event
    for step in place:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(path: Path) -> str:
    text = ""
    for step in path:
        text = joined(text, step)
    return text
