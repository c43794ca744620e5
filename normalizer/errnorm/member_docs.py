"""
The text below each member of an enumeration.

Python does not store a string below an assignment, but editors show it as the description of the member, so each description is
written once, beside the word that it describes. Log lines contain descriptions, and a program may have no sources, or no file
descriptor left to read them. The module `errnorm.described` therefore contains the descriptions of this package; `.ci/describe`
generates it.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from errnorm.described import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum

__all__ = ["from_source", "member_docs"]


def member_docs(kind: type[Enum]) -> Mapping[str, list[str]]:
    """
    Return the paragraphs of the text below each member, by the name of the member. Each paragraph is one line.

    Raises:
        OSError: If the enumeration belongs to another package, and its source is not available.
    """
    return DESCRIBED.get(f"{kind.__module__}.{kind.__qualname__}") or from_source(kind)


@cache
def from_source(kind: type[Enum]) -> Mapping[str, list[str]]:
    """
    Read the same from the source.

    Raises:
        OSError: If the source is not available.
    """
    import ast  # noqa: PLC0415 - importing the library must be fast, and few programs read sources
    import inspect  # noqa: PLC0415 - as above

    definition = ast.parse(inspect.getsource(kind)).body[0]
    return {
        member.targets[0].id: _paragraphs(text.value.value)
        for member, text in pairwise(getattr(definition, "body", []))
        if isinstance(member, ast.Assign)
        and isinstance(member.targets[0], ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _paragraphs(text: str) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
