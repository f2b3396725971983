"""Which encoding a text file has: told by its mark, or by its bytes.

In: the bytes of a file, chunk by chunk. Out: the name of a Python codec.

    a byte order mark                      what it says
    every second byte of the start NUL     UTF-16 without a mark
    valid UTF-8                            UTF-8; also where a few lines of a file in UTF-8 are spoilt
    bytes 0x80–0x9f                        cp1252, which has quotes, dashes and the euro there; in a file whose lines
                                           end in a bare CR: mac_roman
    anything else                          latin-1

>>> guess = Guess()
>>> guess.feed(b"caf\\xe9 \\x80 3"); guess.codec(bare_cr=False)
'cp1252'
"""

from __future__ import annotations

import codecs

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ALL = bytes(range(256))
_ALL_BUT_C1 = _ALL[:0x80] + _ALL[0xA0:]
_ALL_BUT_LEADS = _ALL[:0xC2] + _ALL[0xF5:]
_NOT_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"
SINGLE_BYTE = ("latin-1", "iso8859-1", "cp1252", "mac-roman")
"""Codecs whose line ends and quotes are the bytes of ASCII, as `codecs.lookup` and this module call them."""


def declared(start: bytes, encoding: str) -> str:
    """The codec that a file's first bytes or the mapping name; "auto" starts as utf-8."""
    for mark, codec in _BOMS:
        if start.startswith(mark):
            return codec
    if encoding != "auto":
        return codecs.lookup(encoding).name
    even, odd = start[0::2], start[1::2]
    if len(start) >= 8 and start.count(0) > len(start) // 3:
        if odd.count(0) > 0.6 * len(odd) and not even.count(0):
            return "utf-16-le"
        if even.count(0) > 0.6 * len(even) and not odd.count(0):
            return "utf-16-be"
    return "utf-8"


class Guess:
    """Sees every byte once; `codec` then names what they are."""

    def __init__(self) -> None:
        self._strict = codecs.getincrementaldecoder("utf-8")()
        self._lenient = codecs.getincrementaldecoder("utf-8")("replace")
        self._valid = True
        self._leads = self._broken = 0
        self._c1: set[int] = set()

    def feed(self, chunk: bytes, last: bool = False) -> None:
        """Take the next bytes."""
        if not chunk.isascii():
            self._leads += len(chunk.translate(None, _ALL_BUT_LEADS))
            self._c1.update(chunk.translate(None, _ALL_BUT_C1))
        if self._valid:
            try:
                self._strict.decode(chunk, last)
            except UnicodeDecodeError:
                self._valid = False
                # What began in an earlier chunk is broken too; the other decoder has not seen it.
                self._broken = 1
        if not self._valid:
            self._broken += self._lenient.decode(chunk, last).count("\ufffd")

    def codec(self, bare_cr: bool) -> str:
        """The encoding; `bare_cr`: the file's lines end in a lone carriage return."""
        self.feed(b"", last=True)
        # In latin-1 nearly every such byte breaks UTF-8; a few broken ones among many cost their own lines only.
        if self._valid or self._leads > 20 * self._broken:
            return "utf-8"
        if not self._c1:
            return "latin-1"
        if bare_cr:
            return "mac-roman"
        return "latin-1" if self._c1 & set(_NOT_IN_CP1252) else "cp1252"
