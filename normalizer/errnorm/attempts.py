"""
Track which attempt of a retry loop is running, so that a guard inside it leaves the emission of a failure to the loop.

Only the loop knows whether an attempt will be repeated. A guard therefore hands a failure to the attempt in which it runs, and
the loop emits it together with the outcome of the operation. A failure that the code inside the attempt handles by itself never
reaches the loop; the attempt returns it to its guard when the attempt ends.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from errnorm.exceptions import causes
from errnorm.marks import mark_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.guard import Guard

__all__ = ["Attempt", "begin", "running"]


class Attempt:
    """
    One attempt of a retry loop.

    Attributes:
        outer: The attempt of another loop around this one.

        began: The time of its beginning, in seconds on the clock of `time.monotonic`.
    """

    __slots__ = ("_is_over", "_pending", "began", "outer")

    def __init__(self, is_over: Callable[[], bool], outer: Attempt | None = None) -> None:
        """
        Begin an attempt.

        Args:
            is_over: Returns whether the attempt has ended. It is a function because a loop that is left early cannot report its
                end.
            outer: The attempt of another loop around this one.
        """
        self.outer = outer
        self.began = time.monotonic()
        self._is_over = is_over
        self._pending: list[tuple[BaseException, Guard]] = []

    def is_over(self) -> bool:
        """Return whether the attempt has ended."""
        return self._is_over()

    def leave(self, exception: BaseException, guard: Guard) -> None:
        """Store an exception that a guard has seen, so that the loop emits it instead of the guard."""
        self._pending.append((exception, guard))

    def settle(self, leaving: BaseException | None) -> Guard | None:
        """
        End the attempt, and let the guards emit the stored exceptions that were handled inside it.

        The loop never sees an exception that was handled inside the attempt. An exception that is a member or an explicit cause
        of the one that leaves the attempt was not handled.

        Args:
            leaving: The exception that leaves the attempt, if one does.

        Returns:
            The guard that has stored `leaving`, or an exception inside it, in this attempt, if there is one.
        """
        found: Guard | None = None
        pending, self._pending = self._pending, []
        links = list(causes(leaving)) if pending and leaving is not None else []
        marks = [mark for link in links if (mark := mark_of(link)) is not None]
        for exception, guard in pending:
            mark = mark_of(exception)
            if any(exception is link for link in links) or any(mark is other for other in marks):
                found = guard
            else:
                guard.middleware.saw(exception, guard)
        return found


_RUNNING: ContextVar[Attempt | None] = ContextVar("errnorm_attempt", default=None)


def running() -> Attempt | None:
    """Return the innermost attempt that is running in this context."""
    attempt = _RUNNING.get()
    while attempt is not None and attempt.is_over():
        attempt = attempt.outer
    return attempt


def begin(is_over: Callable[[], bool]) -> Attempt:
    """Begin an attempt in this context."""
    attempt = Attempt(is_over, running())
    _RUNNING.set(attempt)
    return attempt
