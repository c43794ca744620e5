"""A finding: an error in a text, with its place and the way in which it was found."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

__all__ = ["Finding", "How"]


class How(StrEnum):
    """How an error was found in a line."""

    WHOLE = "whole"
    """The line contains the error and nothing else."""

    FRAMED = "framed"
    """The error is in a known frame: after a time, a level or a container's name, or in a field of a structured line."""

    INSIDE = "inside"
    """The error is somewhere inside other text. Such a finding is for people, and programs must not base decisions on it."""


class Finding(NamedTuple):
    """
    One error in a text.

    Attributes:
        line: The number of the line, from 1.

        start: The position in the line at which the match begins, in characters from 0.

        end: The position in the line at which the match ends.

        match: The text that matched.

        how: How the error was found.

        error: The normalized error; its category is `unknown` if no row matches.
    """

    line: int
    start: int
    end: int
    match: str
    how: How
    error: NormalizedError
