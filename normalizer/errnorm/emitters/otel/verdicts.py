"""
Remember what guards made of exceptions, for when the same exception is found on a span that others have made.

A span has the class and the words of an exception, not the exception itself. What the guard knew beyond that (the protocol,
what is behind a time-out, an attribute) is looked up here. The memory is one bounded dictionary for the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from errnorm.bounded import BoundedCache
from errnorm.exceptions import class_names, message_of

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

__all__ = ["Verdicts", "said"]

_LONGEST = 512


class Verdicts:
    """What was made of exceptions, by trace, class and words."""

    def __init__(self, most: int = 4096) -> None:
        """Remember so many."""
        self._known: BoundedCache[tuple[int, str, str], NormalizedError] = BoundedCache(most)

    def remember(self, trace: int, exception: BaseException, error: NormalizedError) -> None:
        """Remember what a guard made of an exception in a trace."""
        words = message_of(exception)[:_LONGEST]
        self._known.remember((trace, class_names(exception)[0].removeprefix("builtins."), words), error)
        self._known.remember((trace, "", words), error)

    def of(self, trace: int, kind: str, words: str) -> NormalizedError | None:
        """Return what a guard made of an exception, by its class as a span names it; `""` for a class that is not known."""
        return self._known.get((trace, kind, words[:_LONGEST]))


said: Final = Verdicts()
