"""Hold one error as it happened to somebody: what emitters get, and what became of the operation."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from errnorm.decision import Decision
    from errnorm.error import NormalizedError

__all__ = ["OUTCOMES", "Emitter", "Fault", "Outcome"]

Outcome = Literal["failed", "retried", "handled", "background"]

OUTCOMES: Final[Mapping[Outcome, str]] = MappingProxyType(
    {
        "failed": "The operation failed, and nobody repeats it.",
        "retried": "The operation will be attempted again.",
        "handled": "The caller handles the error and goes on.",
        "background": "It happened to a connection, or in a callback: it belongs to no operation.",
    }
)
"""What can become of an operation, each with its meaning."""


class Fault:
    """
    One error as it happened to somebody.

    Attributes:
        error: What it is.

        exception: The exception it arrived as, if it did.

        operation: What was being done, in a low-cardinality word of the caller's: `"publish"`.

        decision: The advice: retry or abort, where that was decided.

        peer: Whom it happened with, as the caller names it: a server, a cluster. Low cardinality.

        client: What the client library does about it by itself: `"reconnecting"`, `"closed"`, `"nothing"`; `None` if not known.

        outcome: What became of the operation.

        attempt: Which attempt of the operation it was, from 1; `None` if nobody counts.
    """

    __slots__ = ("attempt", "client", "decision", "error", "exception", "operation", "outcome", "peer")

    def __init__(  # noqa: PLR0913 - one small object
        self,
        error: NormalizedError,
        *,
        exception: BaseException | None = None,
        operation: str | None = None,
        decision: Decision | None = None,
        peer: str | None = None,
        client: str | None = None,
        outcome: Outcome = "failed",
        attempt: int | None = None,
    ) -> None:
        """Hold what happened and what is known around it."""
        self.error = error
        self.exception = exception
        self.operation = operation
        self.decision = decision
        self.peer = peer
        self.client = client
        self.outcome: Outcome = outcome
        self.attempt = attempt


class Emitter(Protocol):
    """Tells a fault to somebody: a log, a span, a metric. What it raises is counted and goes no further."""

    def __call__(self, fault: Fault, /) -> None:
        """Tell one fault."""
        ...
