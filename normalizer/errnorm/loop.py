"""The retry loop that `Middleware.retrying` returns: it repeats its body as decided, and emits each failed attempt."""

from __future__ import annotations

import functools
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast

from errnorm.attempts import begin
from errnorm.guard import Guard
from errnorm.retry import Hook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType

    from errnorm.decision import RetryPolicy
    from errnorm.retry import Knows

__all__ = ["LoopAttempt", "RetryLoop"]

P = ParamSpec("P")
R = TypeVar("R")


class _StaminaAttempt(Protocol):
    """The part of an attempt of stamina that is used here."""

    @property
    def num(self) -> int: ...
    @property
    def next_wait(self) -> float: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...


class LoopAttempt:
    """
    One attempt of a loop: a `with` block.

    Attributes:
        num: The number of the attempt, from 1.

        next_wait: How long stamina itself would wait after the attempt, in seconds.
    """

    def __init__(self, attempt: _StaminaAttempt, run: _Run) -> None:
        """Wrap an attempt of stamina."""
        self._attempt = attempt
        self._run = run
        self._is_over = False
        self.num = attempt.num
        self.next_wait = attempt.next_wait

    def __enter__(self) -> None:
        """Begin the attempt: guards inside it leave the emission of failures to the loop."""
        self._begun = begin(lambda: self._is_over)
        self._attempt.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """End the attempt. stamina stores an exception, and then repeats the attempt or raises."""
        self._is_over = True
        guard = self._run.loop.guard
        if exception is None and guard.operation is not None:
            guard.middleware.passed(guard)
        self._run.hook.inside = self._begun.settle(exception)
        return self._attempt.__exit__(kind, exception, trace)


class _Run:
    """One run of a loop."""

    def __init__(self, loop: RetryLoop) -> None:
        import stamina  # noqa: PLC0415 - stamina is optional

        self.loop = loop
        self.hook = Hook(loop.middleware, loop.guard, loop.policy)
        self.context: Any = stamina.retry_context(on=self.hook, attempts=loop.policy.attempts, timeout=None)

    def gave_up(self, exception: Exception) -> None:
        # stamina can be deactivated, or made to stop earlier. It then does not call the hook, and the failure is not emitted yet.
        self.loop.guard.middleware.saw(exception, self.hook.inside or self.loop.guard)


class RetryLoop:
    """A loop over attempts, for `for` and `async for`, and a decorator. Each use and each call counts its attempts anew."""

    def __init__(
        self,
        middleware: Knows,
        protocol: str | None,
        *,
        operation: str | None,
        idempotent: bool,
        policy: RetryPolicy,
    ) -> None:
        """
        Create a loop; `Middleware.retrying` describes the arguments.

        Raises:
            ImportError: If stamina is not installed.
        """
        _need_stamina()
        self.middleware = middleware
        self.guard = Guard(middleware, protocol, operation, idempotent=idempotent)
        self.policy = policy

    def __iter__(self) -> Iterator[LoopAttempt]:
        """Iterate over the attempts, and sleep between them."""
        run = _Run(self)
        attempts = iter(run.context)
        while True:
            try:
                attempt = next(attempts)
            except StopIteration:
                return
            except Exception as exception:
                run.gave_up(exception)
                raise
            yield LoopAttempt(attempt, run)

    async def __aiter__(self) -> AsyncIterator[LoopAttempt]:
        """Iterate over the attempts, and wait between them without blocking the event loop."""
        run = _Run(self)
        attempts = aiter(run.context)
        while True:
            try:
                attempt = await anext(attempts)
            except StopAsyncIteration:
                return
            except Exception as exception:
                run.gave_up(exception)
                raise
            yield LoopAttempt(attempt, run)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return a function, or coroutine function, that is called again as decided."""
        guard = self.guard
        loop = self
        if guard.operation is None:
            named = getattr(function, "__name__", None)
            loop = RetryLoop(self.middleware, guard.protocol, operation=named, idempotent=guard.idempotent, policy=self.policy)
        wrapper = loop._coroutine(function) if inspect.iscoroutinefunction(function) else loop._plain(function)
        return cast("Callable[P, R]", functools.wraps(function)(wrapper))

    def _plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object, **kwargs: object) -> object:
            result = None
            for attempt in self:
                with attempt:
                    result = function(*args, **kwargs)
            return result

        return call

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: object, **kwargs: object) -> object:
            result = None
            async for attempt in self:
                with attempt:
                    result = await function(*args, **kwargs)
            return result

        return call


def _need_stamina() -> None:
    try:
        import_module("stamina")
    except ImportError:
        message = "retrying needs stamina: pip install 'errnorm[retry]'"
        raise ImportError(message) from None
