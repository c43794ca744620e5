"""
Around the code that can fail: normalize what it raises, decide, tell it once, and let it go on unchanged.

    errors = errnorm.Middleware()

    with errors.guard("nats", operation="publish"):       # `async with` too
        await nc.publish(subject, payload)

    @errors.wrap("xmpp", operation="join")                # functions, coroutines, generators
    async def join(room): ...

    async def error_cb(error):                            # where a client calls back
        errors.report(error, "nats")

The exception that left the guarded code leaves the guard: the same object, with nothing changed about it but that
`errnorm.of(exception)` now answers at once. A fault is told once, however many guards it passes through and whatever it is
wrapped in on its way. Cancellation, `KeyboardInterrupt`, `SystemExit`, `GeneratorExit` and the two `StopIteration`s are no
faults: they pass untold. Nothing here raises an exception of its own.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, Protocol, Self, TypeVar, cast
from weakref import WeakMethod

from errnorm import default_normalizer
from errnorm.decision import RetryPolicy, decide, members
from errnorm.emitters import Teller, default_emitters
from errnorm.error import Fault, NormalizedError
from errnorm.exceptions import ReportedException, class_names, is_a
from errnorm.marks import Mark, claim, known, mark_of, told_inside
from errnorm.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from errnorm.decision import Decision
    from errnorm.error import Emitter
    from errnorm.normalizer import Normalizer
    from errnorm.settings import Settings

__all__ = ["Guard", "Middleware", "RetryContext"]

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger("errnorm")

# They end an iteration, not an operation.
_NO_FAULTS = (StopIteration, StopAsyncIteration)


class RetryContext(Protocol):
    """What `Middleware.retrying` returns: to be iterated by `for` or `async for`; each attempt is a `with` block."""

    def __iter__(self) -> Iterator[AbstractContextManager[object]]:
        """Iterate over the attempts."""
        ...

    def __aiter__(self) -> AsyncIterator[AbstractContextManager[object]]:
        """Iterate over the attempts without blocking."""
        ...


@dataclass(slots=True, eq=False)
class Guard:
    """
    A `with` or `async with` block whose faults are normalized and told, and go on unchanged.

    It changes nothing of its own: one guard can be entered many times, also at the same time, by tasks and threads.

    Attributes:
        middleware: Where it came from. `Middleware.guard` and `Middleware.observe` say what everything else means.
    """

    middleware: Middleware
    protocol: str | None
    operation: str | None = None
    idempotent: bool = False
    peer: str | None = None
    attempt: int = 1
    previous: NormalizedError | None = None
    handled: bool = False
    client: str | None = None
    decision: Decision | None = None

    def __enter__(self) -> Self:
        """Enter; there is nothing to do."""
        return self

    def __exit__(self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None) -> None:
        """Tell what went wrong, if anything did, and let it go on."""
        if exception is not None:
            self.middleware.saw(exception, self)

    async def __aenter__(self) -> Self:
        """Enter; there is nothing to do, nor to wait for."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell what went wrong, if anything did, and let it go on."""
        if exception is not None:
            self.middleware.saw(exception, self)


class Middleware:
    """
    Normalizes what goes wrong, decides about it, and tells it: to the log, the span and the metrics, unless said otherwise.

    One is enough for a process; it can be used by any number of tasks and threads.

    Attributes:
        policy: How patient the decisions are that are told along.

        emitters: Whom faults are told, in this order.
    """

    def __init__(
        self,
        normalizer: Normalizer | None = None,
        emitters: Iterable[Emitter] | None = None,
        policy: RetryPolicy | None = None,
        settings: Settings | None = None,
    ) -> None:
        """
        Prepare.

        Args:
            normalizer: With tables of your own; otherwise the installed ones.
            emitters: Functions that take a `Fault`; otherwise those for log, span and metrics. None of them can do harm:
                what one raises goes no further, and the others are still told.
            policy: How patient to be.
            settings: For the default emitters; those of the environment if not given.

        Raises:
            SettingsError: If a setting of the environment cannot be used.
        """
        if normalizer is None:
            normalizer = default_normalizer()
            # Now, and not in the middle of the first failure: reading tables takes a tenth of a second, and blocks.
            normalizer.prepare()
        self.normalize: Callable[[object, str | None], NormalizedError] = normalizer.normalize
        self.policy = policy or RetryPolicy()
        self.emitters: tuple[Emitter, ...] = default_emitters(settings) if emitters is None else tuple(emitters)
        self._tell = Teller(self.emitters)
        self._consulted: list[WeakMethod[Callable[[BaseException, NormalizedError], object]]] = []

    def guard(  # noqa: PLR0913 - what is known around an operation, each with a safe default
        self,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
        attempt: int = 1,
        previous: NormalizedError | None = None,
        handled: bool = False,
    ) -> Guard:
        """
        Return a block for `with` or `async with` that tells what goes wrong in it.

        Args:
            protocol: `"nats"` or `"xmpp"`, whichever the block speaks.
            operation: What is being done, in a word of few possible values: `"publish"`, never a subject or an id.
            idempotent: Whether doing it twice is as good as doing it once; it decides whether a time-out can be retried.
            peer: Whom with, in few possible values: a server, a cluster.
            attempt: Which attempt this is, from 1, if the block stands in a loop of yours.
            previous: The error of the attempt before, if that failed too.
            handled: True if the caller goes on whatever happens here; spans are then left alone.
        """
        return Guard(self, protocol, operation, idempotent, peer, attempt, previous, handled)

    def wrap(
        self,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """
        Return a decorator that guards a function: a plain one, a coroutine, a generator or an asynchronous generator.

        The function stays what it was, to callers and to `inspect`. Of a generator everything is guarded that happens
        while it runs, not what its consumer does in between.

        Args:
            protocol: `"nats"` or `"xmpp"`, whichever the function speaks.
            operation: What it does; the name of the function if not given.
            idempotent: Whether doing it twice is as good as doing it once.
            peer: Whom with, in few possible values.
        """

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            named = operation or getattr(function, "__name__", None)
            return wrapped(function, self.guard(protocol, operation=named, idempotent=idempotent, peer=peer))

        return decorate

    def retrying(
        self,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        policy: RetryPolicy | None = None,
    ) -> RetryContext:
        """
        Return stamina's `retry_context`: a loop that tries again as decided, and tells each failure once.

            async for attempt in errors.retrying("nats", operation="fetch", idempotent=True):   # or `for`
                with attempt:
                    await fetch()

        The last error is raised unchanged. stamina must be installed.

        Args:
            protocol: `"nats"` or `"xmpp"`, whichever the block speaks.
            operation: What is being done, in a word of few possible values.
            idempotent: Whether doing it twice is as good as doing it once.
            policy: How patient to be; as the middleware is if not given.

        Raises:
            ImportError: If stamina is not installed.
        """
        import stamina  # noqa: PLC0415 - only who calls this needs it

        from errnorm.retry import for_attempts  # noqa: PLC0415 - as above

        policy = policy or self.policy
        hook = for_attempts(protocol, operation=operation, idempotent=idempotent, policy=policy, middleware=self)
        return cast("RetryContext", stamina.retry_context(on=hook, attempts=policy.attempts, timeout=None))

    def report(  # noqa: PLR0913 - what a callback may know
        self,
        raw: object,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
        attempt: int = 1,
        previous: NormalizedError | None = None,
        client: str | None = None,
        decision: Decision | None = None,
        exception: BaseException | None = None,
        handled: bool = False,
    ) -> NormalizedError:
        """
        Normalize, decide about and tell something that went wrong: for callbacks, which get errors that nobody raised.

        Args:
            raw: An exception, or anything else that `normalize` takes, or a `NormalizedError`. An exception that was told
                already is not told again.
            protocol: `"nats"` or `"xmpp"`, if known.
            operation: What was being done, in a word of few possible values.
            idempotent: Whether doing it twice is as good as doing it once.
            peer: Whom with, in few possible values.
            attempt: Which attempt this was, from 1.
            previous: The error of the attempt before, if that failed too.
            client: What the client library does about it by itself: `"reconnecting"`, `"closed"`, `"nothing"`.
            decision: What was decided, if it was; otherwise it is decided here.
            exception: The exception it came as, if `raw` is something else.
            handled: True if things went on; spans are then left alone.

        Returns:
            The error.
        """
        around = Guard(
            self,
            protocol,
            operation=operation,
            idempotent=idempotent,
            peer=peer,
            attempt=attempt,
            previous=previous,
            handled=handled,
            client=client,
            decision=decision,
        )
        try:
            return self._observe(raw, exception, around)
        except Exception as failure:  # noqa: BLE001 - the error at hand is worth more than any of ours
            _say_failed("an error could not be told", failure)
            return known(raw, protocol)

    def known(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """
        Say what something is, by what a guard made of it or else by the tables, and tell nobody. Never raises.

        Returns:
            The error; of a group of exceptions, the first member that must not be retried, or else the first.
        """
        if is_a(raw, NormalizedError):
            return raw
        if (mark := mark_of(raw)) is not None:
            return mark.error
        if is_a(raw, BaseExceptionGroup) and (faults := members(raw)):
            errors = [self.known(fault, protocol) for fault in faults]
            return next((error for error in errors if not error.retryable), errors[0])
        error = self.normalize(raw, protocol)
        if is_a(raw, BaseException) and (behind := self._behind(raw, error)) is not None:
            return self.known(behind, protocol)
        return error

    def saw(self, exception: BaseException, guard: Guard) -> None:
        """Tell an exception that left a guard, unless it is no fault or was told already. Never raises."""
        try:
            self._see(exception, exception, guard)
        except Exception as failure:  # noqa: BLE001 - the exception at hand is worth more than any of ours
            _say_failed("an error could not be told", failure)

    def add_resolver(self, behind: Callable[[BaseException, NormalizedError], object]) -> None:
        """
        Ask somebody who may know more about an exception than it says: for adapters that watch a client.

        Args:
            behind: A method, held weakly. It gets an exception that nobody has told yet and what was made of it, and returns
                what is behind it (anything that `normalize` takes), or `None`. An exception that was told already takes the
                fault with it: it is not told again. What this raises is logged, and counts as `None`.
        """
        self._consulted.append(WeakMethod(behind, self._consulted.remove))

    def flush(self) -> None:
        """Have everything written that emitters still hold back, like the summary of a storm. For the end of a process."""
        self._tell.flush()

    def _observe(self, raw: object, exception: BaseException | None, around: Guard) -> NormalizedError:
        exception = raw if is_a(raw, BaseException) else exception
        if exception is None:
            error = self._normalized(raw, around)
            self._tell(self._fault(error, None, self._decided(error, around), around))
            return error
        self._see(exception, raw, around)
        mark = mark_of(exception)
        return self._normalized(raw, around) if mark is None else mark.error

    def _see(self, exception: BaseException, raw: object, around: Guard) -> None:
        if is_a(exception, BaseExceptionGroup):
            self._see_group(exception, around)
        elif _is_fault(exception) and mark_of(exception) is None:
            error, told = self._looked_at(exception, raw, around)
            decision = self._decided(error, around)
            mark = told or Mark(error, decision, idempotent=around.idempotent)
            if claim(exception, mark) and told is None:
                self._tell(self._fault(error, exception, decision, around))

    def _looked_at(self, exception: BaseException, raw: object, around: Guard) -> tuple[NormalizedError, Mark | None]:
        try:
            error = self._normalized(raw, around)
            behind = self._behind(exception, error) if raw is exception else None
            if behind is not None:
                error = self._normalized(behind, around)
            return error, mark_of(behind) or told_inside(exception, error)
        except Exception:  # noqa: BLE001 - what cannot be looked at is told by the name of its class
            return self._normalized(ReportedException(class_names(exception)), around), None

    def _behind(self, exception: BaseException, error: NormalizedError) -> object:
        for reference in tuple(self._consulted):
            try:
                behind = None if (asked := reference()) is None else asked(exception, error)
            except Exception as failure:  # noqa: BLE001 - who knows more may not make it worse
                _say_failed("who was asked about an error failed", failure)
            else:
                if behind is not None:
                    return behind
        return None

    def _see_group(self, group: BaseExceptionGroup[BaseException], around: Guard) -> None:
        faults = members(group)
        for member in faults:
            self._see(member, member, around)
        marks = [mark for member in faults if (mark := mark_of(member)) is not None]
        if marks:
            # The whole is as bad as its worst member: one that must not be retried forbids it for all.
            claim(group, min(marks, key=lambda mark: (mark.decision.retry, mark.error.retryable)))

    def _normalized(self, raw: object, around: Guard) -> NormalizedError:
        return raw if is_a(raw, NormalizedError) else self.normalize(raw, around.protocol)

    def _decided(self, error: NormalizedError, around: Guard) -> Decision:
        return around.decision or decide(
            error, idempotent=around.idempotent, attempt=around.attempt, previous=around.previous, policy=self.policy
        )

    def _fault(self, error: NormalizedError, exception: BaseException | None, decision: Decision, around: Guard) -> Fault:
        return Fault(
            error,
            exception=exception,
            operation=around.operation,
            decision=decision,
            peer=around.peer,
            client=around.client,
            handled=around.handled,
            attempt=around.attempt,
        )


def _say_failed(what: str, failure: Exception) -> None:
    # By its class alone: what it says, and what stands in its frames, may be a peer's.
    _log.debug("errnorm: %s: %s", what, class_names(failure)[0])


def _is_fault(exception: BaseException) -> bool:
    return is_a(exception, Exception) and not issubclass(type(exception), _NO_FAULTS)
