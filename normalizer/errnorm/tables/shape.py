"""
The shape of a text: what is left of it without its digits and its quotations.

What stands in double quotes is a value that a peer has chosen, and a number nearly always is one. So thousands of texts have one
shape, and what a table says of one of them it says of all. It does not where a row spells out digits or a quotation itself;
`alike` tells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from errnorm.tables.pattern import Template
    from errnorm.tables.row import Entry

__all__ = ["alike", "shape_of", "shapes_of"]

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
# What a quotation may hold: nothing that ends it, begins another one, or ends the line.
_PLAIN = bytes(letter for letter in range(0x20, 0x7F) if chr(letter) not in "\"'`\\")
_SPELLED = frozenset('0123456789"')
_PLACE = re.compile(r'"?\{[a-z_]+\}"?')


def shape_of(text: str) -> bytes | None:
    """
    Return a text with each digit as 0 and without what stands in double quotes.

    Returns:
        `None` if its quotations cannot be told with certainty, or it is not ASCII: such a text has no shape.
    """
    if not text.isascii():
        return None
    parts = text.encode().translate(_DIGITS).split(b'"')
    if len(parts) == 1:
        return parts[0]
    if not len(parts) & 1 or b"".join(parts[1::2]).translate(None, _PLAIN):
        return None
    return b'"'.join(parts[::2])


def shapes_of(texts: Mapping[str, Entry]) -> dict[bytes, set[Entry]]:
    """Return the rows of texts that spell out a digit or a quotation, by the shape of the text."""
    shapes: dict[bytes, set[Entry]] = {}
    for text, entry in texts.items():
        shape = None if _SPELLED.isdisjoint(text) else shape_of(text)
        if shape is not None:
            shapes.setdefault(shape, set()).add(entry)
    return shapes


def alike(text: str, entry: Entry | None, templates: Iterable[Template[Entry]], spelled: Mapping[bytes, set[Entry]]) -> bool:
    """
    Tell whether all texts of one shape have one row.

    Args:
        text: One of them, in the case in which the section compares; it has a shape.
        entry: Its row, found by a template; `None` if no row knows it.
        templates: All templates of the section.
        spelled: The rows of the section whose texts spell out digits or quotations, by shape.
    """
    shape, quotes = shape_of(text), text.count('"')
    if shape is None or spelled.get(shape, set()) - {entry}:
        return False
    begin, read = _zeroed(text), entry is None
    for template in templates:
        if template.value is entry:
            if template.read(text) is not None:
                # The places in quotes take all quotations, and the others none.
                read = template.text.count('"') == quotes and _literal(template.text).isdisjoint(_SPELLED)
                if not read:
                    return False
        elif begin.startswith(_zeroed(template.head.partition('"')[0])) and _could_read(template, shape, quotes):
            return False
    return read


def _could_read(template: Template[Entry], shape: bytes, quotes: int) -> bool:
    """Tell whether another row could read a text of the shape, as far as its quotations tell."""
    own = template.text.count('"')
    if 2 * len(template.kinds) == own:
        return shape_of(template.folded) == shape
    return own <= quotes


def _literal(text: str) -> frozenset[str]:
    return frozenset(_PLACE.sub("", text))


def _zeroed(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace").translate(_DIGITS)
