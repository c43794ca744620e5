"""
Read the text below each member of an enumeration.

Python does not store a string below an assignment, but editors show it as the description of the member. This module reads it
from the source on first use, so that each description is written once, beside the word that it describes.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enum import Enum

__all__ = ["member_docs"]


@cache
def member_docs(kind: type[Enum]) -> dict[str, list[str]]:
    """
    Return the paragraphs of the text below each member, by the name of the member. Each paragraph is one line.

    Raises:
        OSError: If the source of the class is not available.
    """
    import ast  # noqa: PLC0415 - importing the library must be fast, and few programs read these texts
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
