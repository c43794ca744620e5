"""
Kinds of parameters: the form of a value in a text, and how the value is read.

The kind of a parameter also decides how its value is redacted (`errnorm.privacy`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "SAMPLES", "Params", "value_of"]

# The values of an error, by the names of the parameters.
Params = dict[str, "str | int | bool"]

# The pattern of an unquoted value. Each pattern takes linear time. Only `text`, which is free text, matches a line end; it may
# occur only once in a template.
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

# One value of each kind, to detect two templates that match the same text. Kinds that are not listed accept "word".
SAMPLES: Mapping[str, str] = {"number": "7", "duration": "7s", "text": "some words"}

_MOST_DIGITS = 18
_LARGEST = 2**63 - 1


def value_of(kind: str, text: str) -> str | int:
    """Convert a value according to its kind: a `number` to an integer of at most 64 bits; any other kind stays text."""
    if kind != "number":
        return text
    # `int()` is slow for a huge number and raises from 4300 digits on. No counter is larger than 64 bits.
    if len(text) > _MOST_DIGITS:
        return -_LARGEST if text.startswith("-") else _LARGEST
    return int(text)
