"""People's names: one spelling per name.

In: a name as written, in any script. Out: lower-case letters without marks, titles and suffixes; given names folded
to the name they are short for.

>>> given_name_key("Dr. Bob"), family_name_key("van den  Bérg Jr.")
('robert', 'vandenberg')
>>> initial_key("J.")
'j'
>>> family_name_key("Øster-Łukasz"), given_name_key("Юрий")
('osterlukasz', 'yuriy')
"""

from __future__ import annotations

import re
import unicodedata

from floorwalker.identity.letters import by_looks, visible
from floorwalker.identity.nicknames import FULL_NAME

_TITLE_WORDS = """
mr mrs ms miss mx dr prof professor sir madam dame lord lady rev herr frau fraulein hr fr dhr mevr mw mme mlle m
monsieur madame sr sra srta don dona sig signor signora ing dipl mag phd
"""
_TITLES = frozenset(_TITLE_WORDS.split())
_SUFFIX_WORDS = """
jr sr ii iii iv phd md esq obe mbe junior senior
"""
_SUFFIXES = frozenset(_SUFFIX_WORDS.split())
_SPACES = re.compile(r"[\s.,;:/_()\[\]\"]+")

# Letters that Unicode does not decompose into a base letter and marks.
_LETTERS = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i",
        "ŋ": "n",
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
        "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
        "я": "ya", "і": "i", "ї": "i", "є": "ye", "ґ": "g",
        "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
        "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
        "χ": "ch", "ψ": "ps", "ω": "o",
    }
)  # fmt: skip


def transliterate(value: str) -> str:
    """Lower case without marks, Latin where the script is Latin, Cyrillic or Greek; other scripts stay as they are."""
    if value.isascii():
        return value.lower()
    text = unicodedata.normalize("NFKC", by_looks(visible(value))).casefold()
    text = text.translate(_LETTERS)
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).translate(_LETTERS)


def _words(value: str) -> list[str]:
    words = [word for word in _SPACES.split(transliterate(value)) if word]
    while len(words) > 1 and words[0] in _TITLES:
        words.pop(0)
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    return words


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalpha())


def given_name_key(value: str) -> str | None:
    """The first given name, folded to its full form; a bare initial stays one letter; None without a letter."""
    words = [letters for word in _words(value) if (letters := _letters(word))]
    return FULL_NAME.get(words[0], words[0]) if words else None


def family_name_key(value: str) -> str | None:
    """The family name's letters, particles included, in one word; None without a letter."""
    return _letters("".join(_words(value))) or None


def initial_key(value: str) -> str | None:
    """The first letter of the given name's full form: Bob and Robert share one."""
    key = given_name_key(value)
    return key[0] if key else None
