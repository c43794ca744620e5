"""
Around the code that can fail: normalize what it raises, decide, tell it once, and let it go on unchanged.

    errors = errnorm.Middleware()

    with errors.guard("nats", operation="publish"):       # `async with` too
        await nc.publish(subject, payload)

    @errors.wrap("xmpp", operation="join")                # functions, coroutines, generators
    async def join(room): ...

    async def error_cb(error):                            # where a client calls back
        errors.observe(error, "nats")

The exception that left the guarded code leaves the guard: the same object, with nothing changed about it but that
`errnorm.of(exception)` now answers at once. A fault is told once, however many guards it passes through and whatever it is
wrapped in on its way. Cancellation, `KeyboardInterrupt`, `SystemExit`, `GeneratorExit` and the two `StopIteration`s are no
faults: they pass untold. Nothing here raises an exception of its own.
"""

from __future__ import annotations

import functools
import inspect
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from errnorm import normalize
from errnorm.causes import causes
from errnorm.decision import Policy, decide, members
from errnorm.model import Fault, NormalizedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable
    from types import TracebackType

    from errnorm.decision import Decision
    from errnorm.model import Emitter
    from errnorm.normalizer import Normalizer

__all__ = ["Guard", "Middleware", "of"]

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger("errnorm")

_MARK = "__errnorm__"
# They end an iteration, not an operation.
_NO_FAULTS = (StopIteration, StopAsyncIteration)


class _Mark:
    """What was made of an exception; it is kept on the exception itself, and nowhere else."""

    __slots__ = ("decision", "error")

    def __init__(self, error: NormalizedError, decision: Decision) -> None:
        self.error = error
        self.decision = decision

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Stay behind when the exception is sent to another process: there it has been told to nobody."""
        return type(None), ()


def _mark_of(exception: object) -> _Mark | None:
    try:
        mark = object.__getattribute__(exception, _MARK)
    except Exception:  # noqa: BLE001 - a stranger's class can answer with anything
        return None
    return mark if isinstance(mark, _Mark) else None


def _claim(exception: BaseException, mark: _Mark) -> bool:
    """Put the mark on the exception; false if another guard, perhaps in another thread, was faster."""
    try:
        # Past `__setattr__`, which a frozen dataclass refuses; and atomic, so that no lock is held in an error handler.
        attributes: dict[str, object] = object.__getattribute__(exception, "__dict__")
        if isinstance(attributes.setdefault(_MARK, mark), _Mark):
            return attributes[_MARK] is mark
        attributes[_MARK] = mark
    except Exception:  # noqa: BLE001 - told twice is better than never
        _log.debug("errnorm: an exception of %s takes no attributes", type(exception).__name__)
    return True


def of(exception: BaseException) -> NormalizedError:
    """
    Return what the guard made of an exception that went through one.

    Args:
        exception: Any exception. One that no guard has seen is normalized now.

    Returns:
        The normalized error, the same one that was told.
    """
    mark = _mark_of(exception)
    return normalize(exception) if mark is None else mark.error


class Guard:
    """
    A `with` or `async with` block whose faults are normalized and told, and go on unchanged.

    It holds no state of its own: one guard can be entered many times, also at the same time, by tasks and threads.
    """

    __slots__ = ("_middleware", "attempt", "handled", "idempotent", "operation", "peer", "previous", "protocol")

    def __init__(  # noqa: PLR0913 - what is known around an operation
        self,
        middleware: Middleware,
        protocol: str | None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
        attempt: int = 1,
        previous: NormalizedError | None = None,
        handled: bool = False,
    ) -> None:
        """Hold what is known; `Middleware.guard` says what each means."""
        self._middleware = middleware
        self.protocol = protocol
        self.operation = operation
        self.idempotent = idempotent
        self.peer = peer
        self.attempt = attempt
        self.previous = previous
        self.handled = handled

    def __enter__(self) -> Self:
        """Enter; there is nothing to do."""
        return self

    def __exit__(self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None) -> None:
        """Tell what went wrong, if anything did, and let it go on."""
        if exception is not None:
            self._middleware.saw(exception, self)

    async def __aenter__(self) -> Self:
        """Enter; there is nothing to do, nor to wait for."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell what went wrong, if anything did, and let it go on."""
        if exception is not None:
            self._middleware.saw(exception, self)


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
        policy: Policy | None = None,
        settings: object = None,
    ) -> None:
        """
        Prepare.

        Args:
            normalizer: With tables of your own; otherwise the installed ones.
            emitters: Functions that take a `Fault`; otherwise those for log, span and metrics. None of them can do harm:
                what one raises goes no further, and the others are still told.
            policy: How patient to be.
            settings: For the default emitters.
        """
        self.normalize: Callable[[object, str | None], NormalizedError] = normalize if normalizer is None else normalizer.normalize
        self.policy = policy or Policy()
        self.emitters: tuple[Emitter, ...] = tuple(_default_emitters(settings) if emitters is None else emitters)

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
        return Guard(
            self,
            protocol,
            operation=operation,
            idempotent=idempotent,
            peer=peer,
            attempt=attempt,
            previous=previous,
            handled=handled,
        )

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
            return _wrapped(function, self.guard(protocol, operation=named, idempotent=idempotent, peer=peer))

        return decorate

    def observe(  # noqa: PLR0913 - what a callback may know
        self,
        raw: object,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
        attempt: int = 1,
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
            client: What the client library does about it by itself: `"reconnecting"`, `"closed"`, `"nothing"`.
            decision: What was decided, if it was; otherwise it is decided here.
            exception: The exception it came as, if `raw` is something else.
            handled: True if things went on; spans are then left alone.

        Returns:
            The error.
        """
        exception = raw if isinstance(raw, BaseException) else exception
        mark = None if exception is None else _mark_of(exception)
        if mark is not None:
            return mark.error
        error = raw if isinstance(raw, NormalizedError) else self.normalize(raw, protocol)
        if exception is not None and not _is_fault(exception):
            return error
        decision = decision or decide(error, idempotent=idempotent, attempt=attempt, policy=self.policy)
        if exception is None or _claim(exception, _Mark(error, decision)):
            self._tell(
                Fault(
                    error,
                    exception=exception,
                    operation=operation,
                    decision=decision,
                    peer=peer,
                    client=client,
                    handled=handled,
                )
            )
        return error

    def saw(self, exception: BaseException, guard: Guard) -> None:
        """Tell an exception that left a guard, unless it is no fault or was told already. Never raises."""
        try:
            self._saw(exception, guard)
        except Exception:  # noqa: BLE001 - the exception at hand is worth more than any of ours
            _log.debug("errnorm: an error could not be told", exc_info=True)

    def _saw(self, exception: BaseException, guard: Guard) -> None:
        if isinstance(exception, BaseExceptionGroup):
            self._saw_group(exception, guard)
        elif isinstance(exception, Exception) and _is_fault(exception) and _mark_of(exception) is None:
            self._saw_one(exception, guard)

    def _saw_group(self, group: BaseExceptionGroup[BaseException], guard: Guard) -> None:
        marks: list[_Mark] = []
        for member in members(group):
            self._saw(cast("Exception", member), guard)
            if (mark := _mark_of(member)) is not None:
                marks.append(mark)
        if marks:
            # The whole is as bad as its worst member: one that must not be retried forbids it for all.
            _claim(group, next((mark for mark in marks if not mark.decision.retry), marks[0]))

    def _saw_one(self, exception: Exception, guard: Guard) -> None:
        error = self.normalize(exception, guard.protocol)
        told = _told_inside(exception, error)
        if told is not None:
            _claim(exception, told)
            return
        decision = decide(
            error, idempotent=guard.idempotent, attempt=guard.attempt, previous=guard.previous, policy=self.policy
        )
        if _claim(exception, _Mark(error, decision)):
            self._tell(
                Fault(
                    error,
                    exception=exception,
                    operation=guard.operation,
                    decision=decision,
                    peer=guard.peer,
                    handled=guard.handled,
                )
            )

    def _tell(self, fault: Fault) -> None:
        for emitter in self.emitters:
            try:
                emitter(fault)
            except Exception:  # noqa: BLE001 - an emitter that fails must not hide the fault it was told
                _log.debug("errnorm: an emitter failed", exc_info=True)


def _is_fault(exception: BaseException) -> bool:
    return isinstance(exception, Exception) and not isinstance(exception, _NO_FAULTS)


def _told_inside(exception: Exception, error: NormalizedError) -> _Mark | None:
    """
    Return the mark of an exception inside this one, if this one is only its wrapper: the same fault under another name.

    It is not, if it says something of its own, or is of the same class and came while the other one was being handled.
    """
    for link in causes(exception):
        mark = _mark_of(link)
        if mark is not None and type(link) is not type(exception) and _is_same(exception, error, mark.error):
            return mark
    return None


def _is_same(exception: Exception, error: NormalizedError, told: NormalizedError) -> bool:
    # Verdicts are made once for each kind of error, so the same kind is the same object; not so where nothing is known.
    return error.verdict is told.verdict or (not error.known and not told.known and exception.__cause__ is not None)


def _default_emitters(settings: object) -> Iterable[Emitter]:
    try:
        from errnorm.emitters import default_emitters  # noqa: PLC0415 - brings structlog and OpenTelemetry
    except ImportError:
        return ()
    return cast("Iterable[Emitter]", default_emitters(settings))


def _wrapped(function: Callable[P, R], guard: Guard) -> Callable[P, R]:
    if inspect.isasyncgenfunction(function):
        wrapper = _asynchronous_generator(function, guard)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, guard)
    elif _is_coroutine(function):
        wrapper = _coroutine(function, guard)
    else:
        wrapper = _plain(function, guard)
    return cast("Callable[P, R]", functools.wraps(function)(wrapper))


def _is_coroutine(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _plain(function: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with guard:
            return function(*args, **kwargs)

    return wrapper


def _coroutine(function: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with guard:
            return await function(*args, **kwargs)

    return wrapper


def _generator(function: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with guard:
            return (yield from function(*args, **kwargs))

    return wrapper


def _asynchronous_generator(function: Callable[..., Any], guard: Guard) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with guard:
            async with aclosing(function(*args, **kwargs)) as inner:
                step = inner.asend(None)
                while True:
                    try:
                        value = await step
                    except StopAsyncIteration:
                        return
                    try:
                        step = inner.asend((yield value))
                    except GeneratorExit:
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - it belongs to the generator, whatever it is
                        step = inner.athrow(thrown)

    return wrapper
