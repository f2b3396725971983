"""What a column's name means, in eight languages: from "Kunden-Nr.", "custEmailAddr" or "n° de ticket" to targets.

In: a column's name, and the words of `words.toml`. Out: for each target that the name could mean a score from 0 to 1,
with the phrase and the language it was recognised by.

A name is cut into words (case, accents, blanks, hyphens, humps do not matter) and held against phrases: words they
share count, words that only one of them has cost, those that merely say whose thing it is ("customer", "billing") cost
little. Typing errors and abbreviations are close words. No vendor is known here.

>>> meanings("Kunden-Nr.")["customer_ref"].score, meanings("custEmailAddr")["email"].score > 0.6
(1.0, True)
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple

from rapidfuzz import fuzz, process

_NUMBER = {"no", "nr", "num", "nbr", "nummer", "numero", "number", "n", "#", "nro", "numer", "n°", "nº", "№"}
_IDS = {"id", "nr", "code", "key", "ref", "uid", "identifier", "reference", "codice", "codigo", "identifiant"}
_FILLERS = {
    "the",
    "of",
    "de",
    "du",
    "del",
    "der",
    "des",
    "la",
    "le",
    "el",
    "al",
    "il",
    "di",
    "da",
    "van",
    "d",
    "l",
    "sha",
    "md",
    "hash",
    "hashed",
    "256",
    "to",
    "for",
}
_CONTEXT = {
    *("customer", "client", "user", "contact", "billing", "order", "line", "item", "lineitem", "product", "buyer"),
    *("person", "member", "profile", "default", "primary", "main", "store", "shop", "sale", "sales", "transaction"),
    *("bill", "mailing", "subscriber", "kunden", "kunde", "cliente", "klant", "artikel", "article", "home", "our"),
    *("purchased", "event", "ticket", "fact", "dim", "tbl", "col", "value", "desc", "f", "c"),
}
_AWAY = {"shipping", "ship", "delivery", "lieferung", "livraison", "envio", "previous", "old", "alt", "secondary", "2"}
_CLOSE = 85


class Meaning(NamedTuple):
    """How well a name fits a target, by which phrase and in which language."""

    score: float
    phrase: str
    language: str


class _Phrase(NamedTuple):
    target: str
    language: str
    text: str
    words: tuple[str, ...]


@functools.lru_cache(maxsize=2048)
def meanings(name: str) -> dict[str, Meaning]:
    """The targets that `name` could mean. Keys are columns, or `kind.column` where a kind has words of its own."""
    phrases, by_word, _ = _book()
    words = words_of(name)
    joined = "".join(words)
    candidates: dict[int, None] = {}
    near = {word: _near(word) for word in words}
    for found in near.values():
        for other in found:
            candidates.update(dict.fromkeys(by_word[other]))
    for index in by_word.get(joined, ()):
        candidates[index] = None
    best: dict[str, Meaning] = {}
    for index in candidates:
        phrase = phrases[index]
        score = _score(words, joined, phrase.words, near)
        held = best.get(phrase.target)
        if score > 0.2 and (held is None or score > held.score):
            best[phrase.target] = Meaning(round(score, 3), phrase.text, phrase.language)
    return best


def score_of(found: dict[str, Meaning], kind: str, target: str) -> Meaning:
    """What a name scores for a kind's column: the better of the kind's own words and everybody's."""
    nothing = Meaning(0.0, "", "")
    return max(found.get(f"{kind}.{target}", nothing), found.get(target, nothing), key=lambda one: one.score)


def language_of(names: Iterable[str]) -> str:
    """The language that most names are in, "" where none is ahead: words that two languages share count for both."""
    votes: dict[str, float] = {}
    for name in names:
        exact = {
            phrase.language
            for phrase in _book()[0]
            if "".join(phrase.words) == "".join(words_of(name)) and len(name) > 2
        }
        for language in exact:
            votes[language] = votes.get(language, 0.0) + 1 / len(exact)
    first = sorted(votes.items(), key=lambda vote: -vote[1])[:2]
    if not first or (len(first) > 1 and first[0][1] < first[1][1] + 0.75):
        return ""
    return first[0][0]


@functools.lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """A name's words in one spelling.

    >>> words_of("Straße und HausNr."), words_of("orderID")
    (('strasse', 'und', 'haus', 'nr'), ('order', 'id'))
    """
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name.replace("&", " "))
    text = text.lower().replace("ß", "ss").replace("n°", " nr ").replace("nº", " nr ").replace("№", " nr ")
    text = re.sub("([äöü])", lambda found: {"ä": "ae", "ö": "oe", "ü": "ue"}[found[1]], text)
    text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    found = re.findall(r"[a-z]+|\d+|#", text)
    return tuple(_folded(word) for word in found if word not in ("s",)) or (text,)


def _folded(word: str) -> str:
    """Spellings that mean the same: numbers of all languages, umlauts written out or left out."""
    if word in _NUMBER:
        return "nr"
    if word in ("ts", "dt", "dttm", "timestamp", "datetime"):
        return "date"
    for ending in ("nummer", "number"):
        if word.endswith(ending) and len(word) > len(ending):
            word = word.removesuffix(ending) + "nr"
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u") if len(word) > 3 else word


@functools.lru_cache(maxsize=1)
def _book() -> tuple[list[_Phrase], dict[str, list[int]], list[str]]:
    """Every phrase, which of them have a word (or are it, written together), and all words."""
    text = (files("floorwalker.sources.guide") / "words.toml").read_text(encoding="utf-8")
    phrases: list[_Phrase] = []
    for target, languages in tomllib.loads(text).items():
        nested = {f"{target}.{key}": value for key, value in languages.items() if isinstance(value, dict)}
        for name, listed in (nested or {target: languages}).items():
            for language, line in listed.items():
                phrases += [_Phrase(name, language, one.strip(), words_of(one.strip())) for one in line.split(",")]
    by_word: dict[str, list[int]] = defaultdict(list)
    for index, phrase in enumerate(phrases):
        for word in {*phrase.words, "".join(phrase.words)}:
            by_word[word].append(index)
    return phrases, dict(by_word), sorted(by_word)


@functools.lru_cache(maxsize=4096)
def _near(word: str) -> dict[str, float]:
    """Words of the book that `word` may be, with how sure that is."""
    vocabulary = _book()[2]
    found = {word: 1.0} if word in _book()[1] else {}
    if len(word) >= 5:
        for other, ratio, _ in process.extract(word, vocabulary, scorer=fuzz.ratio, score_cutoff=_CLOSE, limit=4):
            found.setdefault(other, ratio / 100 * 0.95)
    if len(word) >= 3:
        for other in vocabulary:
            # custEmailAddr, prod, qté: people cut words short; what is cut to two letters says nothing.
            if other.startswith(word) and len(other) > len(word) and len(word) >= len(other) * 0.4:
                found.setdefault(other, 0.8)
    return found


def _score(name: tuple[str, ...], joined: str, phrase: tuple[str, ...], near: dict[str, dict[str, float]]) -> float:
    if joined == "".join(phrase):
        return 1.0
    told, matched, rest = 0.0, 0.0, 0.0
    left = list(phrase)
    for word in name:
        close = max(((near[word].get(other, 0.0), other) for other in left), default=(0.0, ""))
        if close[0] == 0 and word in _IDS and (ids := [other for other in left if other in _IDS]):
            close = (0.8, ids[0])
        if close[0] > 0:
            left.remove(close[1])
            matched += close[0] * _weight(word)
            told += _weight(close[1])
        else:
            rest += 0.8 if word in _AWAY else 0.25 if word in _CONTEXT else _weight(word)
    if not matched:
        # German, Dutch and Swedish write phrases together: what a long word ends with says what it is.
        whole = "".join(phrase)
        return 0.7 * (len(whole) / len(joined)) ** 0.5 if len(whole) >= 5 and joined.endswith(whole) else 0.0
    wanted = told + sum(0.3 if word in _CONTEXT else _weight(word) for word in left)
    return min((matched / wanted) ** 1.5 * (matched / (matched + rest)) ** 0.7, 0.97)


def _weight(word: str) -> float:
    return 0.1 if word in _FILLERS else 0.4 if word in _IDS else 1.0
