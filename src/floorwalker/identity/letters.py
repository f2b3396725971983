"""Letters that look alike: what a person would read as the same must not tell two apart, nor two pass for one.

In: text as a source wrote it. Out: the same text without what cannot be seen, and words of several scripts written in
one.

A real Cyrillic or Greek name is transliterated by its sound (`names`): С is s. Where Latin letters stand in the same
word, somebody took С for the C it looks like: there it is folded by its looks. Names are folded; an e-mail address
never is, for the mailboxes are two: whoever registers the look-alike of an address must not become its owner.

>>> visible("Ann\\u200b"), visible("１２３ＡＢ")
('Ann', '123AB')
>>> by_looks("Сarl"), by_looks("Сергей"), mixed("pаul")
('Carl', 'Сергей', True)
"""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = re.compile(
    "[\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufe00-\\ufe0f\\ufeff]"
)
"""Characters without a picture: joiners, marks of direction, soft hyphens, byte order marks."""

_WIDTHS = {0x3000: " "} | {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_LOOKS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁһԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρυχι",
    "ABESIJKMHOPCTYXaesijopcyxdhqw" + "ABEZHIKMNOPTYXoavpuxi",
)
"""Cyrillic and Greek letters that are printed as Latin ones."""
_LATIN = re.compile(r"[a-z\u00c0-\u024f]", re.IGNORECASE)
_OTHER = re.compile(r"[\u0370-\u03ff\u0400-\u052f]")
_WORD = re.compile(r"[^\W\d_]+")


def visible(text: str) -> str:
    """The text without characters that cannot be seen, full-width letters and digits as plain ones."""
    return text if text.isascii() else _UNSEEN.sub("", unicodedata.normalize("NFC", text)).translate(_WIDTHS)


def mixed(text: str) -> bool:
    """Do Latin and Cyrillic or Greek letters stand in one word?

    >>> mixed("anna.иванова"), mixed("jürgen")
    (False, False)
    """
    return not text.isascii() and any(_LATIN.search(word) and _OTHER.search(word) for word in _WORD.findall(text))


def by_looks(text: str) -> str:
    """Words of several scripts in Latin letters, as they are read; others as they are."""
    if text.isascii():
        return text
    return _WORD.sub(lambda word: word[0].translate(_LOOKS) if mixed(word[0]) else word[0], text)
