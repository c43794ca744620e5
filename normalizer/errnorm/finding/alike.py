"""
Recognise lines that differ only in their digits.

A server writes the same few hundred lines again and again, with other times, addresses and numbers. If each digit is replaced by
0, such lines are equal, and the replacement costs less than a regular expression. A line in which digits may decide which error
it is must be read by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from errnorm.tables.shape import DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.tables.table import Table

__all__ = ["DIGITS", "MARKED", "NUMBERS", "Coded", "zeroed"]

# Numbers and hexadecimal words, as Python and RE2 both read them.
NUMBERS: Final = r"\b[0-9a-fA-F]*[0-9][0-9a-fA-F-]{11,}\b|0x[0-9a-fA-F]+|[0-9]+"
# Beginnings of numbers that name errors, although other numbers can begin in the same way. Their digits are replaced by letters.
MARKED = (("-98", "-\x01\x02"), ("0x8009", "0x\x01\x02\x03\x04"))
_MARKED = tuple((number.encode(), mark.encode()) for number, mark in MARKED)
_PLACE = re.compile(r"\{[a-z_]+\}")
# A digit in the text of a row counts only if the text also has letters around it. A digit after a letter is a part of a name, as
# in c2s, and does not count.
_TELLING = re.compile(r"(?=.*(?<![A-Za-z_0-9])[0-9])(?=.*[A-Za-z-])")
_CODED = re.compile(
    r"(?i)xmlns|code|errno|status|NATS/0|.[(\[]00000[)\]]|NatsError: 0|os error|jerr|error 0|Publishing: 0|\x01|#0|\(00?,"
    r"|connect: 0xx|muc#user 0|^\(00000",
)


def zeroed(text: bytes) -> bytes:
    """Return a text, or several, with each digit replaced by 0. The length stays the same."""
    for number, mark in _MARKED:
        if number in text:
            text = text.replace(number, mark)
    return text.translate(DIGITS)


class Coded:
    """Decides whether a digit in a line may decide which error it is."""

    def __init__(self, tables: Iterable[Table]) -> None:
        """Collect the texts of all rows that contain a digit."""
        texts = {text for table in tables for row in table.rows.values() for text in (*row.texts(), row.code)}
        pieces = {piece.strip().lower() for text in texts for piece in _PLACE.split(text) if _TELLING.search(piece)}
        shapes = sorted({zeroed(piece.encode()).decode() for piece in pieces})
        self._spelled = re.compile("|".join(map(re.escape, shapes)) or "(?!)")

    def __call__(self, shape: str) -> bool:
        """Return whether a digit may decide which error it is, in the lines that are equal to `shape` without their digits."""
        return _CODED.search(shape) is not None or self._spelled.search(shape.lower()) is not None
