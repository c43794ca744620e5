"""
Know which attempt of a retry loop is running: a guard inside leaves it to the loop to tell what failed.

The loop alone knows whether an attempt will be repeated. So a guard hands its failure to the attempt it runs in, and the loop
tells it with what became of the operation. What the code inside has handled by itself never reaches the loop; the attempt
gives it back to its guard when it ends.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from errnorm.marks import mark_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.guard import Guard

__all__ = ["Attempt", "begin", "running"]


class Attempt:
    """
    One attempt of a loop.

    Attributes:
        outer: The attempt of another loop around this one.
    """

    __slots__ = ("_is_over", "_pending", "outer")

    def __init__(self, is_over: Callable[[], bool], outer: Attempt | None = None) -> None:
        """
        Begin.

        Args:
            is_over: Tells whether the attempt has ended. A loop that is left early has no chance to say so itself.
            outer: The attempt of another loop around this one.
        """
        self.outer = outer
        self._is_over = is_over
        self._pending: list[tuple[BaseException, Guard]] = []

    def is_over(self) -> bool:
        """Tell whether the attempt has ended."""
        return self._is_over()

    def leave(self, exception: BaseException, guard: Guard) -> None:
        """Leave it to the loop to tell what a guard has seen."""
        self._pending.append((exception, guard))

    def settle(self, leaving: BaseException | None) -> Guard | None:
        """
        End: what does not leave the attempt is told now, because it was handled inside and the loop never sees it.

        Args:
            leaving: The exception that leaves the attempt.

        Returns:
            The guard that has left the telling of that exception to the loop, if one has.
        """
        mark = None if leaving is None else mark_of(leaving)
        found: Guard | None = None
        pending, self._pending = self._pending, []
        for exception, guard in pending:
            if exception is leaving or (mark is not None and mark_of(exception) is mark):
                found = guard
            else:
                guard.middleware.saw(exception, guard)
        return found


_RUNNING: ContextVar[Attempt | None] = ContextVar("errnorm_attempt", default=None)


def running() -> Attempt | None:
    """Return the innermost attempt that runs in this context."""
    attempt = _RUNNING.get()
    while attempt is not None and attempt.is_over():
        attempt = attempt.outer
    return attempt


def begin(is_over: Callable[[], bool]) -> Attempt:
    """Begin an attempt in this context."""
    attempt = Attempt(is_over, running())
    _RUNNING.set(attempt)
    return attempt
