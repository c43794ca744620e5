"""The guard: a block of code whose errors are emitted. It holds what its caller knows about the operation, and never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from errnorm.decision import Decision
    from errnorm.error import NormalizedError
    from errnorm.fault import Outcome

__all__ = ["Guard", "Witness"]


class Witness(Protocol):
    """The methods of a middleware that a guard calls."""

    def saw(self, exception: BaseException, guard: Guard) -> None:
        """Emit an exception that left a guard. Never raises."""
        ...

    def passed(self, guard: Guard) -> None:
        """Count an operation that succeeded."""
        ...


class Guard:
    """
    A `with` or `async with` block that normalizes and emits the exceptions that leave it, and re-raises them unchanged.

    A guard can be entered many times, also by several tasks and threads at the same time, because its settings never change.

    Attributes:
        middleware: The middleware that made the guard. `Middleware.guard` and `Middleware.report` describe all other settings.

        passed: How many times the block succeeded. It is counted only if `is_counted` is true.

        is_counted: Whether the guard counts in `passed`, which costs less than a call of the middleware.
    """

    __slots__ = (
        "attempt",
        "attempts",
        "client",
        "decision",
        "idempotent",
        "is_counted",
        "middleware",
        "operation",
        "outcome",
        "passed",
        "peer",
        "previous",
        "protocol",
        "server",
    )

    def __init__(  # noqa: PLR0913 - one small object
        self,
        middleware: Witness,
        protocol: str | None,
        operation: str | None = None,
        *,
        idempotent: bool = False,
        peer: str | None = None,
        attempt: int | None = None,
        attempts: int | None = None,
        previous: NormalizedError | None = None,
        outcome: Outcome | None = None,
        client: str | None = None,
        decision: Decision | None = None,
        server: str | None = None,
    ) -> None:
        """Store the arguments."""
        self.middleware = middleware
        self.protocol = protocol
        self.operation = operation
        self.idempotent = idempotent
        self.peer = peer
        self.attempt = attempt
        self.attempts = attempts
        self.previous = previous
        self.outcome: Outcome | None = outcome
        self.client = client
        self.decision = decision
        self.server = server
        self.passed = 0
        self.is_counted = False

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None) -> None:
        """Emit the exception that leaves the block, if one does, and do not suppress it."""
        if exception is not None:
            self.middleware.saw(exception, self)
        elif self.is_counted:
            # No lock is needed: the statement contains no call, so the interpreter does not switch threads inside it.
            self.passed += 1
        elif self.operation is not None:
            self.middleware.passed(self)

    async def __aenter__(self) -> Self:
        """Enter the block. Nothing is awaited."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Emit the exception that leaves the block, if one does, and do not suppress it."""
        self.__exit__(kind, exception, trace)

    def became(self, decision: Decision) -> Outcome:
        """Return the outcome of the operation: the one that the caller has set, else the one that follows from the decision."""
        if self.outcome is not None:
            return self.outcome
        return "retried" if self.attempt is not None and decision.retry else "failed"
