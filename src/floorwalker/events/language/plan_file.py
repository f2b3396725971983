"""Reading a tracking plan: `policies/tracking.toml`, checked.

In: a project's file. Out: a `Plan`; whatever cannot be meant is a `ConfigError` with file, line and what was perhaps
meant. Without a file everything is taken that the protocol allows.

    unknown_events = "quarantine"               # allow (if left out), drop or quarantine
    unknown_properties = "allow"                # the same, of properties that an event's definition lacks
    wrong_types = "warn"                        # warn (if left out) or quarantine
    missing_properties = "warn"                 # the same, of properties that a definition requires
    drop = ["context.ip"]                       # paths from the event's top, taken out of every event

    [events."Product Shared"]                   # the first four, for this event
    drop = ["recipient", "share_message"]       # properties that are taken out before anything is kept
    require = ["product_id"]                    # properties without which it goes to quarantine
    [events."Product Shared".properties]        # properties that the shop sends beside those of the vocabulary
    colour = { about = "in the shop's words" }

    [events."Coupon Entered"]
    action = "drop"                             # allow (if left out), drop or quarantine

    [calls.identify]                            # identify, page, screen, group: of their traits or properties
    drop = ["age"]

    [custom."Locker Opened"]                    # an event of the shop's own, as the vocabulary has them
    about = "took a parcel out of a locker"
    [custom."Locker Opened".properties]
    locker_id = { type = "id", required = true }

>>> plan = parse_plan('[events."Product Shared"]\\ndrop = ["recipient"]')
>>> plan.judge({"type": "track", "event": "Product Shared", "userId": 7,
...             "properties": {"product_id": 1, "recipient": "x"}}).dropped
('properties.recipient',)
>>> parse_plan('[events."Product Sharde"]')
Traceback (most recent call last):
floorwalker.errors.ConfigError: no event 'Product Sharde'
  why: policies/tracking.toml:1
  try: did you mean 'Product Shared'? An event of your own: [custom."Product Sharde"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from floorwalker.engines.project import Project
from floorwalker.errors import ConfigError, FloorwalkerError, did_you_mean
from floorwalker.events.language.paths import joined, path_of
from floorwalker.events.language.plan import Plan
from floorwalker.events.language.verdict import Action, Rule, Severity
from floorwalker.events.language.words import Definition, Words, definition_of, payload_of, properties_of, words

SECTIONS = ("events", "calls", "custom")
NAME = "policies/tracking.toml"
PARTS = ("context", "properties", "traits", "integrations")
"""What of an event may be dropped. Ids and times are what makes it an event."""


class _Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    action: Action = "allow"
    drop: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    unknown_properties: Action | None = None
    wrong_types: Severity | None = None
    missing_properties: Severity | None = None
    properties: dict[str, Any] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    unknown_events: Action = "allow"
    unknown_properties: Action = "allow"
    wrong_types: Severity = "warn"
    missing_properties: Severity = "warn"
    drop: tuple[str, ...] = ()
    events: dict[str, _Rule] = {}
    calls: dict[str, _Rule] = {}
    custom: dict[str, dict[str, Any]] = {}


def load_plan(project: Project) -> Plan:
    """The plan of a project; without a file, the one that takes everything that the protocol allows."""
    path = project.policies / "tracking.toml"
    return read_plan(path, NAME) if path.exists() else Plan()


def read_plan(path: Path, name: str = "") -> Plan:
    """The plan in a file. `name`: how messages call the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{name or path.name} cannot be read", why=getattr(error, "strerror", "it is not UTF-8")
        ) from None
    return parse_plan(text, name or path.name)


def parse_plan(text: str, name: str = NAME) -> Plan:
    """The plan that a text means. Raises ConfigError with file, line and a suggestion."""
    return _Reader(text, name).plan()


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name

    def plan(self) -> Plan:
        try:
            document = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{self.name} is not valid TOML", why=str(error)) from None
        self.known(document, _File, ())
        file = self.converted({key: value for key, value in document.items() if key not in SECTIONS}, _File, ())
        sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        for section, found in sections.items():
            for key, one in self.table(document, section).items():
                if not isinstance(one, dict):
                    self.fail(f"'{section}.{key}' is no table", (section, key), f'write [{section}."{key}"]')
                if section != "custom":
                    self.known(one, _Rule, (section, key))
                    one = self.converted(one, _Rule, (section, key))
                found[key] = one
        file = msgspec.structs.replace(file, **sections)
        language = self.language(file)
        default = Rule(
            unknown_properties=file.unknown_properties,
            wrong_types=file.wrong_types,
            missing_properties=file.missing_properties,
        )
        for path in file.drop:
            self.whole_path(path)
        gone = file.drop
        rules = {key: self.rule(language, language.events[key], one, default, gone) for key, one in file.events.items()}
        calls = {key: self.rule(language, language.calls[key], one, default, gone) for key, one in file.calls.items()}
        return Plan(language, rules, calls, default=default, unknown_events=file.unknown_events, drop=file.drop)

    def converted(self, values: Mapping[str, Any], struct: type[Any], where: tuple[str, ...]) -> Any:
        try:
            return msgspec.convert(values, struct)
        except msgspec.ValidationError as error:
            what, _, at = str(error).partition(" - at `$.")
            key = re.split(r"[.\[`]", at)[0]
            self.fail(f"{key}: {what}", (*where, key), "see docs/events.md")

    def language(self, file: _File) -> Words:
        """The words of Floorwalker, those of the shop, and what the shop adds to either."""
        language = words()
        custom: dict[str, Definition] = {}
        for key, one in file.custom.items():
            taken = language.names.get(key)
            if taken:
                self.fail(f"'{key}' is in the vocabulary", ("custom", key), f'add to it: [events."{taken}".properties]')
            custom[key] = self.made(("custom", key), lambda key=key, one=one: definition_of(key, one, language.sets))
            for alias in custom[key].aliases:
                if alias in language.names or alias in file.custom:
                    self.fail(f"the alias '{alias}' is an event already", ("custom", key), "leave the alias out")
        language = language.joined(custom)
        for section, known in (("events", language.events), ("calls", language.calls)):
            for key in getattr(file, section):
                if key not in known or (section, key) == ("calls", "track"):
                    self.unknown(language, section, key)
        events = {
            key: self.added(language, language.events[key], one, ("events", key))
            for key, one in file.events.items()
            if one.properties
        }
        calls = {key: self.added(language, language.calls[key], one, ("calls", key)) for key, one in file.calls.items()}
        return msgspec.structs.replace(language.joined(events), calls={**language.calls, **calls})

    def unknown(self, language: Words, section: str, key: str) -> NoReturn:
        if section == "calls":
            known = [call for call in language.calls if call != "track"]
            fix = 'rules of track stand in [events."…"]' if key == "track" else did_you_mean(key, known)
            self.fail(f"no call '{key}' to make rules for", (section, key), fix)
        if key in language.names:
            self.fail(f"'{key}' is an alias", (section, key), f"write '{language.names[key]}'; the alias follows it")
        meant = language.suggestion(key)
        hint = f"did you mean '{meant}'? An" if meant else "an"
        self.fail(f"no event '{key}'", (section, key), f'{hint} event of your own: [custom."{key}"]')

    def added(self, language: Words, one: Definition, rule: _Rule, where: tuple[str, ...]) -> Definition:
        """A definition with the properties that the plan adds."""
        more = self.made(where, lambda: properties_of({"properties": rule.properties}, language.sets))
        merged = {old.name: old for old in one.properties} | {new.name: new for new in more}
        return msgspec.structs.replace(one, properties=tuple(merged.values()))

    def rule(self, language: Words, one: Definition, rule: _Rule, default: Rule, gone: Sequence[str]) -> Rule:
        where = ("events" if one.call == "track" else "calls", one.name)
        for text in rule.drop:
            self.path(language, one, text, where)
        for text in rule.require:
            known = [has.name for has in one.properties]
            if text not in known:
                self.fail(f"{one.name} has no property '{text}' to require", (*where, "require"), _meant(text, known))
            if text in rule.drop or joined(payload_of(one.call), text) in gone:
                self.fail(f"'{text}' is both required and dropped", (*where, "drop"), "leave one of them out")
        return Rule(
            rule.action,
            rule.drop,
            rule.require,
            rule.unknown_properties or default.unknown_properties,
            rule.wrong_types or default.wrong_types,
            rule.missing_properties or default.missing_properties,
        )

    def path(self, language: Words, one: Definition, text: str, where: tuple[str, ...]) -> None:
        """A misspelt path would keep what was to be dropped."""
        first, *rest = path_of(text)
        fields = {has.name: has for has in one.properties}
        if first not in fields:
            self.fail(f"{one.name} has no property '{first}' to drop", (*where, "drop"), _meant(first, fields))
        inner = [has.name for has in language.sets.get(fields[first].of, ())]
        if rest and inner and rest[0] not in inner:
            self.fail(f"'{first}' has no '{rest[0]}' to drop", (*where, "drop"), did_you_mean(rest[0], inner))
        if rest and not inner and fields[first].type != "object":
            self.fail(f"'{first}' is {fields[first].type}: nothing lies in it", (*where, "drop"), f"drop '{first}'")

    def whole_path(self, text: str) -> None:
        first, *rest = path_of(text)
        if first not in PARTS:
            fix = f'paths begin with {", ".join(PARTS)}; of one event: [events."…"] drop = ["{text}"]'
            self.fail(f"'{text}' cannot be dropped from every event", ("drop",), fix)
        if not rest and first in (payload_of("track"), payload_of("identify")):
            self.fail(f"'{text}' would leave nothing", ("drop",), f'name what is to go: "{first}.…"')

    def known(self, values: Mapping[str, Any], struct: type[msgspec.Struct], where: tuple[str, ...]) -> None:
        for key in values:
            if key not in struct.__struct_fields__:
                self.fail(f"unknown key '{key}'", (*where, key), did_you_mean(key, struct.__struct_fields__))

    def table(self, document: Mapping[str, Any], section: str) -> Mapping[str, Any]:
        found = document.get(section, {})
        if not isinstance(found, dict):
            self.fail(f"'{section}' is a section", (section,), f'write [{section}."…"]')
        return found

    def made(self, where: tuple[str, ...], make: Any) -> Any:
        try:
            return make()
        except FloorwalkerError as error:
            self.fail(f"{'.'.join(where)}: {error.what}", where, error.fix)

    def fail(self, what: str, where: tuple[str, ...], fix: str) -> NoReturn:
        raise ConfigError(what, why=f"{self.name}:{self.line(where)}", fix=fix)

    def line(self, where: tuple[str, ...]) -> int:
        """The line of a key: in the table that has it, else that of the table."""
        wanted, found, table = tuple(where), 1, ()
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[+(.+?)\]+\s*(#.*)?$", line)
            if header:
                table = tuple("".join(one) for one in re.findall(r'"([^"]*)"|\'([^\']*)\'|([^\s."\']+)', header[1]))
                if table == wanted:
                    return number
                if table == wanted[: len(table)]:
                    found = number
            elif table == wanted[:-1] and re.match(rf'\s*"?{re.escape(wanted[-1])}"?\s*[=.]', line):
                return number
        return found


def _meant(name: str, known: Any) -> str:
    return f"{did_you_mean(name, known)} One of your own: declare it in [….properties]"
