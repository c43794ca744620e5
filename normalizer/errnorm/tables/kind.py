"""
Kinds of parameters: what a value of each looks like in a text, and how it is read.

The kind of a parameter also decides how its value is redacted (`errnorm.privacy`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "SAMPLES", "Params", "value_of"]

# The values of an error by the name of their parameter.
Params = dict[str, "str | int | bool"]

# The pattern of an unquoted value. Each is linear, and none matches a line end except `text`, which is free text and may
# stand only once in a template.
KINDS: Mapping[str, str] = {
    "account": r"\S+",
    "address": r"\S+",
    "duration": r"[0-9][0-9a-zµ.]*",
    "host": r"\S+",
    "id": r"\S+",
    "jid": r"\S+",
    "name": r"\S+",
    "number": r"-?[0-9]+",
    "queue": r"\S+",
    "subject": r"\S+",
    "text": r".*",
    "user": r"\S+",
    "version": r"\S+",
}

# One value of each kind, for finding two templates that accept the same text. Kinds that are not listed accept "word".
SAMPLES: Mapping[str, str] = {"number": "7", "duration": "7s", "text": "some words"}

_MOST_DIGITS = 18
_LARGEST = 2**63 - 1


def value_of(kind: str, text: str) -> str | int:
    """Return a value as its kind is read: a `number` as an integer of at most 64 bits, any other kind as text."""
    if kind != "number":
        return text
    # int() of a huge number is slow, and raises from 4300 digits on. No counter is larger than 64 bits.
    if len(text) > _MOST_DIGITS:
        return -_LARGEST if text.startswith("-") else _LARGEST
    return int(text)
