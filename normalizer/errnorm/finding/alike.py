"""
Lines that are alike: the same but for their digits.

A server writes the same few hundred lines with other times, addresses and numbers. With each digit as 0 they are equal, and to
find that out costs less than any expression. Where digits may say which error it is, such a line is looked at more closely.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.tables.table import Table

__all__ = ["DIGITS", "MARKED", "Coded", "zeroed"]

DIGITS = bytes.maketrans(b"123456789", b"000000000")
# Numbers that are the names of errors, and which stand after marks that many other numbers stand after too. They become letters.
MARKED = (("-98", "-\x01\x02"), ("0x8009", "0x\x01\x02\x03\x04"))
_MARKED = tuple((number.encode(), mark.encode()) for number, mark in MARKED)
_PLACE = re.compile(r"\{[a-z_]+\}")
# A number alone says nothing, what stands around it does; and one behind a letter is a part of a name: nobody writes c3s for c2s.
_TELLING = re.compile(r"(?=.*(?<![A-Za-z_0-9])[0-9])(?=.*[A-Za-z-])")
_CODED = re.compile(
    r"(?i)xmlns|code|errno|status|NATS/0|.[(\[]00000[)\]]|NatsError: 0|os error|jerr|error 0|Publishing: 0|\x01|#0|\(00?,"
    r"|connect: 0xx|muc#user 0|^\(00000",
)


def zeroed(text: bytes) -> bytes:
    """Return a text, or many, with each digit as 0; no byte moves."""
    for number, mark in _MARKED:
        if number in text:
            text = text.replace(number, mark)
    return text.translate(DIGITS)


class Coded:
    """Tells where a digit may say which error it is."""

    def __init__(self, tables: Iterable[Table]) -> None:
        """Take the texts of all rows that spell out a digit."""
        texts = {text for table in tables for row in table.rows.values() for text in (*row.texts(), row.code)}
        pieces = {piece.strip().lower() for text in texts for piece in _PLACE.split(text) if _TELLING.search(piece)}
        shapes = sorted({zeroed(piece.encode()).decode() for piece in pieces})
        self._spelled = re.compile("|".join(map(re.escape, shapes)) or "(?!)")

    def __call__(self, shape: str) -> bool:
        """Tell whether a digit may say which error it is, in the lines that are equal with each digit as 0."""
        return _CODED.search(shape) is not None or self._spelled.search(shape.lower()) is not None
