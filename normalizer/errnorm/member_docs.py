"""
Read the text below each member of an enumeration.

Python keeps a string below an assignment nowhere, but editors show it when the member is hovered. It is read from the source when
it is first asked for, so a description is written once, beside the word that it describes.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enum import Enum

__all__ = ["member_docs"]


@cache
def member_docs(kind: type[Enum]) -> dict[str, list[str]]:
    """
    Return the paragraphs below each member, by its name, each on one line.

    Raises:
        OSError: If the source of the class is not there.
    """
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
