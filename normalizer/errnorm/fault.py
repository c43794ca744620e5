"""What emitters are told: an error as it happened to somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from errnorm.decision import Decision
    from errnorm.error import NormalizedError

__all__ = ["Emitter", "Fault"]


class Fault:
    """
    One error as it happened to somebody: what emitters are told. Each fault is told once.

    Attributes:
        error: What it is.

        exception: The exception it arrived as, if it did.

        operation: What was being done, in a low-cardinality word of the caller's: `"publish"`.

        decision: Retry or abort, where that was decided.

        peer: Whom it happened with, as the caller names it: a server, a cluster. Low cardinality.

        client: What the client library did about it by itself: `"reconnecting"`, `"closed"`, `"nothing"`; `None` if not known.

        handled: True if the operation went on or was retried: spans are then left alone.

        attempt: Which attempt of the operation it was, from 1; `None` if not known.
    """

    __slots__ = ("attempt", "client", "decision", "error", "exception", "handled", "operation", "peer")

    def __init__(  # noqa: PLR0913 - one small object
        self,
        error: NormalizedError,
        *,
        exception: BaseException | None = None,
        operation: str | None = None,
        decision: Decision | None = None,
        peer: str | None = None,
        client: str | None = None,
        handled: bool = False,
        attempt: int | None = None,
    ) -> None:
        """Hold what happened and what is known around it."""
        self.error = error
        self.exception = exception
        self.operation = operation
        self.decision = decision
        self.peer = peer
        self.client = client
        self.handled = handled
        self.attempt = attempt


class Emitter(Protocol):
    """Tells a fault to somebody: a log, a span, a metric. What it raises is counted and goes no further."""

    def __call__(self, fault: Fault, /) -> None:
        """Tell one fault."""
        ...
