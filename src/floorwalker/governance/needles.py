"""What to look for when a person must be gone: exact words, with boundaries, in text and in raw bytes.

In: a `Subject`. Out: `Needles`, which say of any text, column or piece of raw storage *what kind* of trace is in it
(never the trace itself: a finding must not repeat the personal data it reports).

Two classes of words:
- **distinct** words are looked for everywhere: our surrogate ids, e-mail addresses, long mixed ids, digit strings of
  ten and more, full names and addresses that nobody else has, and the SHA-256 digests of e-mail and phone that ad files
  carry;
- **short** words ("17850") are also other people's order numbers: they count only as the whole cell of a column of
  their kind (`email`, `email_key`, `customer_ref`, …).

When an interrupted erasure is resumed after the lake lost the person, only keyed hashes are left: then each word of a
text is hashed and compared, slower but as sure.

>>> from floorwalker.governance.subject import Identifier, Subject
>>> ann = Subject(("c1",), ("r1",), (Identifier("email", "Ann@x.com"), Identifier("customer_ref", "17850")))
>>> needles = Needles.of(ann)
>>> needles.in_text("write to ANN@X.COM."), needles.in_text("joann@x.com"), needles.in_text("order 17850")
({'email'}, set(), set())
>>> needles.in_cells(["17850"], "customer_ref")
{'customer_ref'}
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from floorwalker.governance.subject import KEY_COLUMNS, Identifier, Subject
from floorwalker.governance.suppression import KINDS, hash_identifier, plain_form

_PER_PATTERN = 150  # words in one regular expression: RE2's memory is limited
_STRUCTURED = re.compile(r"(_id|_key|_ref|_no|_number|sku|amount|price|quantity)$")
_SURROGATE_COLUMN = re.compile(r"(^|_)(record|customer)_(ids?|[ab])(_|$)")
_WORD = re.compile(r"[^\s\"'<>,;()\[\]{}|=&?\\]{3,}")


@dataclass(frozen=True)
class Needles:
    """Words to find. `distinct`: lower-cased word → kind. `short`: (kind, source) → whole values, lower-cased."""

    distinct: Mapping[str, str]
    short: Mapping[tuple[str, str | None], frozenset[str]]
    hashes: frozenset[str] = frozenset()
    secret: bytes = b""
    _patterns: dict[bool, list[str]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, subject: Subject, secret: bytes = b"") -> Needles:
        """The words of a subject; with `subject.hashes` and no identifiers it compares keyed hashes instead."""
        distinct = {word.lower(): kind for word, kind in _surrogates(subject)}
        short: dict[tuple[str, str | None], set[str]] = {}
        for identifier in subject.identifiers:
            if not identifier.exclusive:
                continue
            for value in filter(None, (identifier.value, identifier.key)):
                lowered = value.strip().lower()
                short.setdefault((identifier.kind, identifier.source), set()).add(lowered)
                for form in _forms(identifier, lowered):
                    distinct[form] = identifier.kind
        for kind, texts in (("name", subject.names), ("address", subject.addresses)):
            for text in texts:
                for form in _turned(text.lower()) if kind == "name" else (text.lower(),):
                    if len(form) >= 8:
                        distinct[form] = kind
        hashes = subject.hashes if not subject.identifiers else frozenset()
        return cls(distinct, {place: frozenset(values) for place, values in short.items()}, hashes, secret)

    def in_text(self, text: str) -> set[str]:
        """Kinds of traces in one text, at word boundaries, case ignored."""
        return self.in_texts([text])

    def in_texts(self, texts: Sequence[str], *, column: str = "") -> set[str]:
        """Kinds of traces in any of the texts. `column`: where they stand; digit strings do not count in id columns."""
        return self.in_array(pa.array(texts, pa.large_string()), column)

    def in_array(self, values: pa.Array, column: str = "") -> set[str]:
        """The same for an Arrow text array: the way columns of millions are searched."""
        found: set[str] = set()
        for pattern in self._regexes(digits=not _STRUCTURED.search(column)):
            hits = values.filter(pc.call_function("match_substring_regex", [values], pc.MatchSubstringOptions(pattern)))
            if len(hits):
                found |= {
                    kind
                    for text in hits.to_pylist()
                    for word, kind in self.distinct.items()
                    if _bounded(text.lower(), word)
                }
        if self.hashes:
            found |= self._hashed_words(filter(None, values.to_pylist()))
        return found

    def in_cells(self, values: Iterable[str], column: str, source: str | None = None) -> set[str]:
        """Kinds of short words that are a whole value of a column of their kind. `source`: where the rows come from."""
        wanted = self.short_values(column, source)
        if wanted and any(value is not None and value.strip().lower() in wanted for value in values):
            return {kind_of(column) or column}
        return set()

    def short_values(self, column: str, source: str | None = None) -> frozenset[str]:
        """Whole values that would name the person in this column, in rows of this source where one is given."""
        kind = kind_of(column)
        found: set[str] = set()
        for (name, scope), values in self.short.items():
            if name == kind and (scope is None or source is None or scope == source):
                found |= values
        return frozenset(found)

    def short_of_source(self, source: str) -> frozenset[str]:
        """Whole values that name the person in rows of this source only (customer numbers)."""
        return frozenset(value for (_, scope), values in self.short.items() if scope == source for value in values)

    def in_few(self, texts: Sequence[str], column: str = "") -> set[str]:
        """`in_texts` in plain Python: quicker for one row at a time."""
        digits = not _STRUCTURED.search(column)
        found = set()
        for text in texts:
            lowered = text.lower()
            for word, kind in self.distinct.items():
                if word in lowered and (digits or not word.isdigit()) and _bounded(lowered, word):
                    found.add(kind)
        return found | self._hashed_words(texts) if self.hashes else found

    def in_raw(self, data: bytes, *, bounded: bool = True) -> set[str]:
        """Kinds of traces in raw storage. `bounded=False`: neighbouring cells may touch, as in a free SQLite page."""
        lowered = data.lower()
        found = set()
        for word, kind in self.distinct.items():
            needle = word.encode()
            at = lowered.find(needle)
            while at >= 0:
                if not bounded or _starts_word(lowered, at):
                    found.add(kind)
                    break
                at = lowered.find(needle, at + 1)
        if self.hashes:
            runs = re.findall(rb"[\x20-\x7e\x80-\xff]{3,}", data)
            found |= self._hashed_words(run.decode("utf-8", "ignore") for run in runs)
        return found

    def regexes(self, column: str = "") -> list[str]:
        """RE2 patterns with one group before and one after the word, for redaction in DuckDB: `\\1[erased]\\2`."""
        return self._regexes(digits=not _STRUCTURED.search(column))

    def redact(self, text: str) -> str:
        """The text with every trace replaced."""
        for word in sorted(self.distinct, key=len, reverse=True):
            # Case is ignored in the word alone: with it ignored around, İ and ı would count as letters of A to Z.
            text = re.sub(rf"(?<![0-9A-Za-z])(?i:{re.escape(word)})(?![0-9A-Za-z])", "[erased]", text)
        if self.hashes:
            text = _WORD.sub(lambda word: "[erased]" if self._hashed_words([word[0]]) else word[0], text)
        return text

    def _regexes(self, *, digits: bool) -> list[str]:
        if digits not in self._patterns:
            words = sorted(
                (word for word in self.distinct if digits or not word.lstrip("+").isdigit()), key=lambda w: (-len(w), w)
            )
            parts = [words[start : start + _PER_PATTERN] for start in range(0, len(words), _PER_PATTERN)]
            self._patterns[digits] = [
                "(?i)(^|[^0-9a-z])(?:" + "|".join(map(_quoted, part)) + ")([^0-9a-z]|$)" for part in parts
            ]
        return self._patterns[digits]

    def _hashed_words(self, texts: Iterable[str]) -> set[str]:
        words = {word for text in texts for word in (plain_form(text), *map(plain_form, _WORD.findall(text)))}
        return {
            kind for word in words for kind in KINDS if word and hash_identifier(self.secret, kind, word) in self.hashes
        }


def kind_of(column: str) -> str | None:
    """Which kind of identifier a column holds by its name: `email` and `email_key` hold e-mail addresses."""
    if column in KINDS:
        return column
    return next((kind for kind, key in KEY_COLUMNS.items() if key == column), None)


def is_surrogate_column(column: str) -> bool:
    """Whether a column holds our ids of people: record_id, customer_id, record_id_l, customer_ids, …"""
    return _SURROGATE_COLUMN.search(column) is not None


def _surrogates(subject: Subject) -> Iterator[tuple[str, str]]:
    yield from ((record, "record_id") for record in subject.record_ids)
    yield from ((customer, "customer_id") for customer in subject.customer_ids)


def _forms(identifier: Identifier, lowered: str) -> Iterator[str]:
    digits = lowered.lstrip("+")
    mixed = any(character.isdigit() for character in lowered) and len(lowered) >= 8
    if digits.isdigit():
        if len(digits) >= 10:
            yield digits
    elif "@" in lowered or mixed or len(lowered) >= 16:
        yield lowered
        if quote(lowered, safe="") != lowered:
            yield quote(lowered, safe="").lower()
    if lowered.startswith("hash:"):
        yield lowered.rsplit(":", 1)[1]
    elif identifier.kind in ("email", "phone"):
        yield hashlib.sha256(lowered.encode()).hexdigest()


def _turned(name: str) -> tuple[str, ...]:
    given, _, family = name.partition(" ")
    return (name, f"{family}, {given}", f"{family} {given}") if family else ()


def _quoted(word: str) -> str:
    return re.sub(r"([^0-9A-Za-z_\s\x80-\U0010ffff])", r"\\\1", word)


def _bounded(text: str, word: str) -> bool:
    return re.search(rf"(?<![0-9a-z]){re.escape(word)}(?![0-9a-z])", text) is not None


def _starts_word(data: bytes, at: int) -> bool:
    if at == 0 or not (data[at - 1 : at].isalnum() and data[at - 1] < 0x80):
        return True
    # In MessagePack the byte before a text of 32 and more is its length, which may look like a letter.
    return (at >= 2 and data[at - 2] == 0xD9) or (at >= 3 and data[at - 3] == 0xDA)
