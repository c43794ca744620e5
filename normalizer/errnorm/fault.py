"""The object that emitters receive: one error, the operation that it happened to, and the outcome of that operation."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from errnorm.decision import Decision
    from errnorm.error import NormalizedError

__all__ = ["OUTCOMES", "Emitter", "Fault", "Outcome"]

Outcome = Literal["failed", "retried", "handled", "background"]

OUTCOMES: Final[Mapping[Outcome, str]] = MappingProxyType(
    {
        "failed": "The operation failed, and it will not be retried.",
        "retried": "The attempt failed, and the operation will be retried.",
        "handled": "The caller handles the error and continues.",
        "background": "The error happened to a connection or in a callback, not to an operation.",
    }
)
"""The possible outcomes of an operation, each with its meaning."""


class Fault:
    """
    One error, with the operation and the connection that it happened to.

    Attributes:
        error: The normalized error.

        exception: The exception as which the error arrived; `None` if it was not an exception.

        operation: The caller's name of the operation, of low cardinality: `"publish"`.

        decision: The decision to retry or to abort; `None` if nothing was decided.

        peer: The caller's name of the server or cluster, of low cardinality.

        client: What the client library does next by itself: `"reconnecting"`, `"closed"`, `"nothing"`; `None` if not known.

        outcome: The outcome of the operation, one of `OUTCOMES`.

        attempt: The number of the attempt of the operation, from 1; `None` if attempts are not counted.

        server: The address of the server that the client was connected to or dialled; `None` if not known.

        reported: Whether the error was already emitted as one of the connection (`background`), and only the operation that has
            failed because of it is new.
    """

    __slots__ = ("attempt", "client", "decision", "error", "exception", "operation", "outcome", "peer", "reported", "server")

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
        server: str | None = None,
        reported: bool = False,
    ) -> None:
        """Store the arguments."""
        self.error = error
        self.exception = exception
        self.operation = operation
        self.decision = decision
        self.peer = peer
        self.client = client
        self.outcome: Outcome = outcome
        self.attempt = attempt
        self.server = server
        self.reported = reported

    def alike(self) -> Hashable | None:
        """
        Return a key that is equal for faults of which everything emitted is equal; `None` if this fault has values of its own.

        The text of a row is the same for all its errors without parameters. A pause before the next attempt is a value too.
        """
        error, decision = self.error, self.decision
        judgement = error.judgement
        if judgement.row is None or self.outcome == "retried" or error.params:
            return None
        raised = None if self.exception is None else type(self.exception)
        around = (
            judgement,
            error.protocol,
            raised,
            self.operation,
            self.peer,
            self.server,
            self.outcome,
            self.client,
            self.attempt,
            self.reported,
        )
        return around if decision is None else (around, decision.verdict, decision.why)


class Emitter(Protocol):
    """A function that writes a fault to one output: a log, a span or a metric. An exception that it raises does not propagate."""

    def __call__(self, fault: Fault, /) -> None:
        """Emit one fault."""
        ...
