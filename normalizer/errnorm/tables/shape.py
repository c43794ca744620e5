"""
The shape of a text: the text without the values of its digits and its double-quoted parts.

A double-quoted part is a value that a peer has chosen, and a number nearly always is one too. Thousands of texts therefore have
the same shape, and the table has the same judgement for all of them, unless a row itself contains digits or a quotation.
`alike` checks that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from errnorm.tables.pattern import Template
    from errnorm.tables.row import Entry

__all__ = ["DIGITS", "alike", "shape_of", "shapes_of"]

DIGITS = bytes.maketrans(b"123456789", b"000000000")
# The characters that a quotation may contain: none that ends it, begins another quotation, or ends the line.
_PLAIN = bytes(letter for letter in range(0x20, 0x7F) if chr(letter) not in "\"'`\\")
_SPELLED = frozenset('0123456789"')
_PLACE = regex(r'"?\{[a-z_]+\}"?')


def shape_of(text: str) -> bytes | None:
    """
    Return a text with 0 in the place of each digit, and with empty double quotes.

    Returns:
        The shape. `None` if the text is not ASCII, or if it is not certain where its quotations begin and end.
    """
    if not text.isascii():
        return None
    parts = text.encode().translate(DIGITS).split(b'"')
    if len(parts) == 1:
        return parts[0]
    if not len(parts) & 1 or b"".join(parts[1::2]).translate(None, _PLAIN):
        return None
    return b'"'.join(parts[::2])


def shapes_of(texts: Mapping[str, Entry]) -> dict[bytes, set[Entry]]:
    """Return the rows whose texts contain a digit or a quotation, by the shape of the text."""
    shapes: dict[bytes, set[Entry]] = {}
    for text, entry in texts.items():
        shape = None if _SPELLED.isdisjoint(text) else shape_of(text)
        if shape is not None:
            shapes.setdefault(shape, set()).add(entry)
    return shapes


def alike(text: str, entry: Entry | None, templates: Iterable[Template[Entry]], spelled: Mapping[bytes, set[Entry]]) -> bool:
    """
    Return whether all texts of one shape have the same row.

    Args:
        text: One of the texts, in lower case if the section ignores case. It has a shape.
        entry: The row of that text, found by a template; `None` if no row matches.
        templates: All templates of the section.
        spelled: The rows of the section whose texts contain digits or quotations, by shape.
    """
    shape, quotes = shape_of(text), text.count('"')
    if shape is None or spelled.get(shape, set()) - {entry}:
        return False
    begin, read = _zeroed(text), entry is None
    for template in templates:
        if template.value is entry:
            if template.read(text) is not None:
                # Each quotation of the text is read by a parameter in quotes, and no literal part contains a digit or quote.
                read = template.text.count('"') == quotes and _literal(template.text).isdisjoint(_SPELLED)
                if not read:
                    return False
        elif begin.startswith(_zeroed(template.head.partition('"')[0])) and _could_read(template, shape, quotes):
            return False
    return read


def _could_read(template: Template[Entry], shape: bytes, quotes: int) -> bool:
    """Return whether the template of another row may match a text of the shape, judged by its quotations."""
    own = template.text.count('"')
    if 2 * len(template.kinds) == own:
        return shape_of(template.folded) == shape
    return own <= quotes


def _literal(text: str) -> frozenset[str]:
    return frozenset(_PLACE.sub("", text))


def _zeroed(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace").translate(DIGITS)
