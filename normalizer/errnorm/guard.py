"""A block whose faults are told: what its caller knows about the operation, and nothing that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from errnorm.decision import Decision
    from errnorm.error import NormalizedError
    from errnorm.fault import Outcome

__all__ = ["Guard", "Witness"]


class Witness(Protocol):
    """Whoever a guard shows what it has seen: a middleware."""

    def saw(self, exception: BaseException, guard: Guard) -> None:
        """Tell an exception that left a guard. Never raises."""
        ...

    def passed(self, guard: Guard) -> None:
        """Count an operation that went well."""
        ...


@dataclass(slots=True, eq=False)
class Guard:
    """
    A `with` or `async with` block that normalizes and tells what goes wrong in it, and lets it go on unchanged.

    A guard can be entered many times, also by tasks and threads at the same time: nothing that matters to it ever changes.

    Attributes:
        middleware: Where it came from. `Middleware.guard` and `Middleware.report` say what everything else means.

        passed: How often the block went well, if `is_counted` says that somebody reads it.

        is_counted: Whether somebody does.
    """

    middleware: Witness
    protocol: str | None
    operation: str | None = None
    idempotent: bool = False
    peer: str | None = None
    attempt: int | None = None
    attempts: int | None = None
    previous: NormalizedError | None = None
    outcome: Outcome | None = None
    client: str | None = None
    decision: Decision | None = None
    passed: int = 0
    is_counted: bool = False

    def __enter__(self) -> Self:
        """Enter; there is nothing to do."""
        return self

    def __exit__(self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None) -> None:
        """Tell what went wrong, if anything did, and let it go on."""
        if exception is not None:
            self.middleware.saw(exception, self)
        elif self.is_counted:
            # Under the lock of the interpreter nothing comes between reading and writing: there is no call in it.
            self.passed += 1
        elif self.operation is not None:
            self.middleware.passed(self)

    async def __aenter__(self) -> Self:
        """Enter; there is nothing to do, nor to wait for."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell what went wrong, if anything did, and let it go on."""
        self.__exit__(kind, exception, trace)

    def became(self, decision: Decision) -> Outcome:
        """Return what became of the operation, as far as the caller has said."""
        if self.outcome is not None:
            return self.outcome
        return "retried" if self.attempt is not None and decision.retry else "failed"
