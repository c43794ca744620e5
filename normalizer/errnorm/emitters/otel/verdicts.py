"""
Store the errors that guards have made of exceptions, for exceptions that other code records on spans.

A span has only the class and the message of an exception, not the exception itself. What the guard knew beyond that (the
protocol, the real error behind a time-out, an attribute) is looked up here. The store is one bounded cache for the process.
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
    """The errors of exceptions, by trace id, class and message."""

    def __init__(self, most: int = 4096) -> None:
        """Create a cache of at most this many entries."""
        self._known: BoundedCache[tuple[int, str, str], NormalizedError] = BoundedCache(most)

    def remember(self, trace: int, exception: BaseException, error: NormalizedError) -> None:
        """Store the error that a guard has made of an exception in a trace."""
        words = message_of(exception)[:_LONGEST]
        self._known.remember((trace, class_names(exception)[0].removeprefix("builtins."), words), error)
        self._known.remember((trace, "", words), error)

    def of(self, trace: int, kind: str, words: str) -> NormalizedError | None:
        """Return the error that a guard has made of an exception. `kind` is its class, or `""` if that is not known."""
        return self._known.get((trace, kind, words[:_LONGEST]))


said: Final = Verdicts()
