"""What was found in a text, where, and how it is known."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

__all__ = ["Finding", "How"]


class How(StrEnum):
    """How a finding is known."""

    WHOLE = "whole"
    """The line is the error, and nothing else stands in it."""

    FRAMED = "framed"
    """The error stands in a known frame: a time, a level, a container's name, a field of a structured line."""

    INSIDE = "inside"
    """The error stands somewhere in somebody's words. Such a finding is for people and never decides for a program."""


class Finding(NamedTuple):
    """
    One error in a text.

    Attributes:
        line: Number of the line, from 1.

        start: Where the match begins in its line, in characters from 0.

        end: Where it ends.

        match: The characters that matched.

        how: How it is known.

        error: What it is; its category is `unknown` if the line is an error that no row knows.
    """

    line: int
    start: int
    end: int
    match: str
    how: How
    error: NormalizedError
