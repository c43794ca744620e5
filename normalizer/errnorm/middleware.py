"""
The middleware, which surrounds code that can fail: it normalizes an exception, decides about it, emits it once and re-raises it.

    errors = errnorm.Middleware()

    with errors.guard("nats", operation="publish"):       # `async with` too
        await nc.publish(subject, payload)

    @errors.wrap("xmpp", operation="join")                # functions, coroutines, generators
    async def join(room): ...

    async def error_cb(error):                            # where a client calls back
        errors.report(error, "nats")

A guard re-raises the exception that left the guarded code: the same object, unchanged, except that
`errnorm.normalize(exception)` now returns the error that the guard has made of it. Each fault is emitted once, no matter how many
guards the exception passes through and which exceptions wrap it on its way. Cancellation, `KeyboardInterrupt`, `SystemExit`,
`GeneratorExit`, `StopIteration` and `StopAsyncIteration` are not emitted. The middleware raises no exception of its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakMethod

from errnorm.decision import RetryPolicy, decide
from errnorm.emitters import Teller, default_emitters
from errnorm.emitters.operations import Operations
from errnorm.exceptions import ReportedException, class_names, interrupts_of, is_a, leaves_of
from errnorm.fault import Fault
from errnorm.frozen import replace
from errnorm.guard import Guard
from errnorm.lazy import lazy
from errnorm.marks import Mark, claim, mark_of, told_inside
from errnorm.normalizer import default_normalizer, forbids, unjudged
from errnorm.stamina_loop import attempt_around

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from errnorm.decision import Decision
    from errnorm.emitters.log import Processor
    from errnorm.error import NormalizedError
    from errnorm.fault import Emitter, Outcome
    from errnorm.loop import RetryLoop
    from errnorm.normalizer import Normalizer
    from errnorm.privacy import Privacy
    from errnorm.settings import Settings

__all__ = ["Guard", "Middleware"]

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger("errnorm")

_MOST_GUARDS = 1024

# They end an iteration, not an operation.
_NO_FAULTS = (StopIteration, StopAsyncIteration)


class Middleware:
    """
    Normalizes errors, decides about them, and emits them: by default to the log, to the current span and as metrics.

    One middleware is enough for a process. Any number of tasks and threads can use it.

    Attributes:
        policy: The retry policy of the decisions that are emitted with the errors.

        emitters: The emitters that receive each fault, in this order.
    """

    def __init__(
        self,
        normalizer: Normalizer | None = None,
        emitters: Iterable[Emitter] | None = None,
        policy: RetryPolicy | None = None,
        settings: Settings | None = None,
    ) -> None:
        """
        Create a middleware, and load all tables.

        Args:
            normalizer: A normalizer with tables of your own; the one with the installed tables if not given.
            emitters: Functions that take a `Fault`; those for log, span and metrics if not given. If one raises, the
                exception is counted and does not propagate, and the other emitters still receive the fault.
            policy: How often and how long to retry; `RetryPolicy()` if not given.
            settings: The settings of the default emitters; read from the environment if not given.

        Raises:
            SettingsError: If a setting of the environment is not valid.
        """
        if normalizer is None:
            normalizer = default_normalizer()
            # Reading the tables blocks for 20 ms, and much longer if they are not compiled: not during the first failure.
            normalizer.prepare()
        self._normalizer = normalizer
        self.policy = policy or RetryPolicy()
        self.emitters: tuple[Emitter, ...] = default_emitters(settings) if emitters is None else tuple(emitters)
        self._settings = settings
        self._tell = Teller(self.emitters)
        self._guards: dict[tuple[str | None, str | None, bool, str | None], Guard] = {}
        self._operations = next((emitter for emitter in self.emitters if isinstance(emitter, Operations)), None)
        self._resolvers: list[WeakMethod[Callable[[BaseException, NormalizedError], object]]] = []

    def guard(  # noqa: PLR0913 - each fact about the operation has a safe default
        self,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
        attempt: int | None = None,
        attempts: int | None = None,
        previous: NormalizedError | None = None,
        handled: bool = False,
    ) -> Guard:
        """
        Return a block for `with` or `async with` that emits the errors that leave it.

        An exception that leaves the block is emitted with the outcome `failed`, unless you pass `attempt` or `handled`, or the
        block is inside a retry loop such as `retrying`.

        Args:
            protocol: `"nats"` or `"xmpp"`: the protocol that the block speaks.
            operation: A name of the operation with few possible values: `"publish"`, never a subject or an id.
            idempotent: Whether executing the operation twice is safe. It decides whether a time-out can be retried.
            peer: A name of the server or cluster, with few possible values.
            attempt: The number of this attempt, from 1, if the block is in a retry loop of your own. A failure that is going to
                be retried is then emitted with the outcome `retried`.
            attempts: The maximum number of attempts of your loop; that of the policy if not given.
            previous: The error of the previous attempt, if that failed too.
            handled: Pass `True` if the caller handles every error of the block. The outcome is then `handled`, and spans are
                not changed.
        """
        if attempt is None and attempts is None and previous is None and not handled:
            try:
                return self._guards.get((protocol, operation, idempotent, peer)) or self._kept(
                    protocol, operation, idempotent, peer
                )
            except TypeError:
                pass  # an argument is not hashable: make a guard without caching it
        outcome: Outcome | None = "handled" if handled else None
        return Guard(
            self,
            protocol,
            operation,
            idempotent=idempotent,
            peer=peer,
            attempt=attempt,
            attempts=attempts,
            previous=previous,
            outcome=outcome,
        )

    def _kept(self, protocol: str | None, operation: str | None, idempotent: bool, peer: str | None) -> Guard:  # noqa: FBT001 - there is one caller
        """Return a cached guard for these arguments, because making a guard costs more than entering it."""
        guard = Guard(self, protocol, operation, idempotent=idempotent, peer=peer)
        if len(self._guards) < _MOST_GUARDS:
            guard = self._guards.setdefault((protocol, operation, idempotent, peer), guard)
            if operation is not None and not guard.is_counted:
                guard.is_counted = True
                if self._operations is not None:
                    self._operations.watch(guard)
        return guard

    def wrap(
        self,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """
        Return a decorator that guards a function, a coroutine function, a generator or an asynchronous generator.

        The decorated function is of the same kind for callers and for `inspect`. The code of a generator is guarded while it
        runs; the code of its consumer between two items is not.

        Args:
            protocol: `"nats"` or `"xmpp"`: the protocol that the function speaks.
            operation: A name of the operation with few possible values; the name of the function if not given.
            idempotent: Whether executing the function twice is safe.
            peer: A name of the server or cluster, with few possible values.
        """
        from errnorm.wrapping import wrapped  # noqa: PLC0415 - it imports `inspect`, which takes long

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
    ) -> RetryLoop:
        """
        Return a loop that repeats its body as decided, and emits each failed attempt with its outcome.

            async for attempt in errors.retrying("nats", operation="fetch", idempotent=True):   # or `for`
                with attempt:
                    await fetch()

            @errors.retrying("nats", idempotent=True)   # functions and coroutines; each call is a loop of its own
            async def fetch(): ...

        The last error is raised unchanged. Guards inside the loop leave the emission of failures to the loop. stamina must be
        installed.

        Args:
            protocol: `"nats"` or `"xmpp"`: the protocol that the block speaks.
            operation: A name of the operation with few possible values; if not given, the name of the decorated function.
            idempotent: Whether executing the operation twice is safe.
            policy: How often and how long to retry; the policy of the middleware if not given.

        Raises:
            ImportError: If stamina is not installed.
        """
        from errnorm.loop import RetryLoop  # noqa: PLC0415 - only callers of this method need it

        return RetryLoop(self, protocol, operation=operation, idempotent=idempotent, policy=policy or self.policy)

    def report(  # noqa: PLR0913 - a callback may know all of this
        self,
        raw: object,
        protocol: str | None = None,
        *,
        operation: str | None = None,
        idempotent: bool = False,
        peer: str | None = None,
        attempt: int | None = None,
        previous: NormalizedError | None = None,
        client: str | None = None,
        decision: Decision | None = None,
        exception: BaseException | None = None,
        outcome: Outcome = "background",
        server: str | None = None,
    ) -> NormalizedError:
        """
        Normalize an error, decide about it, and emit it. Use it in callbacks, which receive errors that were never raised.

        A callback runs in the context of the task that connected. By default the error is therefore emitted in an empty
        context, and no span is changed.

        Args:
            raw: An exception, a `NormalizedError`, or anything else that `normalize` takes. An exception that was already
                emitted is not emitted again, except with the outcome `failed` if an operation has failed because of it since.
            protocol: `"nats"` or `"xmpp"`, if known.
            operation: A name of the operation with few possible values.
            idempotent: Whether executing the operation twice is safe.
            peer: A name of the server or cluster, with few possible values.
            attempt: The number of this attempt, from 1, if attempts are counted.
            previous: The error of the previous attempt, if that failed too.
            client: What the client library does next by itself: `"reconnecting"`, `"closed"`, `"nothing"`.
            decision: The decision, if one was already made; otherwise this method decides.
            exception: The exception as which the error arrived, if `raw` is something else.
            outcome: `"background"`, or the outcome of the operation if the error happened to one: `"failed"`, `"retried"` or
                `"handled"`.
            server: The address of the server, `host:port` or a URL, if known. Credentials in it are not emitted.

        Returns:
            The normalized error.
        """
        around = Guard(
            self,
            protocol,
            operation=operation,
            idempotent=idempotent,
            peer=peer,
            attempt=attempt,
            previous=previous,
            outcome=outcome,
            client=client,
            decision=decision,
            server=server,
        )
        try:
            return self._observe(raw, exception, around)
        except Exception as failure:  # noqa: BLE001 - an exception of ours must not replace the error at hand
            _say_failed("an error could not be emitted", failure)
            return unjudged(protocol)

    def normalize(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """
        Return what an error means according to the tables and the resolvers of this middleware. Emits nothing, never raises.

        Args:
            raw: Anything that `errnorm.normalize` takes.
            protocol: `"nats"` or `"xmpp"`, if known.
        """
        error = self._normalizer.normalize(raw, protocol)
        if is_a(raw, BaseException) and mark_of(raw) is None and (behind := self._behind(raw, error)) is not None:
            return self._normalizer.normalize(behind, protocol)
        return error

    def saw(self, exception: BaseException, guard: Guard) -> None:
        """
        Emit an exception that left a guard, unless it was already emitted. Never raises.

        If no adapter recognises the exception or one of its causes, it belongs to the application and is not emitted.
        """
        try:
            self._see(exception, exception, guard)
        except Exception as failure:  # noqa: BLE001 - an exception of ours must not replace the exception at hand
            _say_failed("an error could not be emitted", failure)

    def same_fault(self, exception: BaseException, error: NormalizedError, decision: Decision) -> None:
        """Record that an exception stands for a fault that was already emitted, so that no guard emits it again."""
        if claim(exception, Mark(error, decision)):
            self._tell.saw(exception, error)

    def passed(self, guard: Guard) -> None:
        """Count an operation that succeeded."""
        if self._operations is not None:
            self._operations.passed(guard.protocol, guard.operation)

    def add_resolver(self, behind: Callable[[BaseException, NormalizedError], object]) -> None:
        """
        Register a function that knows the real error behind an exception. Adapters that watch a client use it.

        Args:
            behind: A method, to which a weak reference is held. It receives an exception that was not emitted yet and its
                normalized error, and returns the real error (anything that `normalize` takes), or `None`. If it returns an
                exception that was already emitted, both are the same fault, which is not emitted again. What the method raises
                is logged, and counts as `None`.
        """
        self._resolvers.append(WeakMethod(behind, self._resolvers.remove))

    @property
    def normalizer(self) -> Normalizer:
        """The normalizer, with the tables of this middleware."""
        return self._normalizer

    @lazy
    def privacy(self) -> Privacy:
        """The redaction rules, from the settings of this middleware."""
        from errnorm.settings import Settings  # noqa: PLC0415 - needed only here

        return (self._settings or Settings.load()).privacy

    @lazy
    def processor(self) -> Processor:
        """The processor for structlog, with the tables and settings of this middleware."""
        from errnorm.emitters.log import Processor  # noqa: PLC0415 - only applications that log with structlog need it

        return Processor(self._settings, self._normalizer)

    def recovered(self, protocol: str, *, operation: str | None = None, peer: str | None = None, seconds: float) -> None:
        """
        Log that a connection works again after an outage.

        Args:
            protocol: `"nats"` or `"xmpp"`.
            operation: The operation that works again; the connection if not given.
            peer: A name of the server or cluster, with few possible values.
            seconds: The duration of the outage.
        """
        self._tell.recovered(protocol, operation, peer, seconds)

    def settled(
        self,
        settlement: str,
        protocol: str,
        *,
        operation: str | None = None,
        error: NormalizedError | None = None,
        passed: bool = False,
    ) -> None:
        """
        Count the settlement of a message: the acknowledgement, or another answer, that was sent to the server.

        Args:
            settlement: The name of the settlement, with few possible values: `"ack"`.
            protocol: The protocol of the message.
            operation: A name of the handler's operation with few possible values.
            error: The error that the handler failed with, if it failed.
            passed: Whether the handler succeeded. This is counted as an operation that succeeded.
        """
        self._tell.settled(settlement, protocol, operation, error)
        if passed and self._operations is not None:
            self._operations.passed(protocol, operation)

    def flush(self) -> None:
        """Write what the emitters still hold back, such as the summary of a storm. Call it before the process ends."""
        self._tell.flush()

    def _observe(self, raw: object, exception: BaseException | None, around: Guard) -> NormalizedError:
        exception = raw if is_a(raw, BaseException) else exception
        if exception is None:
            error = self._normalized(raw, around)
            self._tell(self._fault(error, None, self._decided(error, around), around))
            return error
        self._see(exception, raw, around, unclaimed=True)
        mark = mark_of(exception)
        return self._normalized(raw, around) if mark is None else mark.error

    def _see(self, exception: BaseException, raw: object, around: Guard, *, unclaimed: bool = False) -> None:
        """
        Emit an exception if it is a fault that was not emitted yet.

        Args:
            exception: The exception.
            raw: The exception, or what was reported instead of it.
            around: The guard, or the circumstances of the report.
            unclaimed: Whether to emit an exception that no adapter recognises, or that is not a fault of its operation: true if
                it was reported explicitly.
        """
        if is_a(exception, BaseExceptionGroup):
            self._see_group(exception, around, unclaimed=unclaimed)
        elif _is_fault(exception):
            mark = mark_of(exception)
            if mark is None:
                self._see_first(exception, raw, around, unclaimed=unclaimed)
            elif mark.told != "failed" and (unclaimed or not mark.expected):
                self._tell_of(exception, mark, around, self._decided(mark.error, around))

    def _see_first(self, exception: BaseException, raw: object, around: Guard, *, unclaimed: bool) -> None:
        error, inside = self._looked_at(exception, raw, around)
        if not (unclaimed or error.claimed):
            return
        # Only one thread can claim an exception, so only one thread emits it.
        decision = self._decided(error if inside is None else inside.error, around)
        mark = inside or Mark(error, decision, idempotent=around.idempotent, told=None)
        if claim(exception, mark) and (unclaimed or not mark.expected):
            self._tell_of(exception, mark, around, decision)

    def _tell_of(self, exception: BaseException, mark: Mark, around: Guard, decision: Decision) -> None:
        outcome = around.became(decision)
        attempt = attempt_around() if outcome == "failed" else None
        if attempt is not None:
            attempt.leave(exception, around)
            return
        before = mark.told
        if mark.rises_to(outcome):
            # The connection has already emitted the fault; only the operation that failed because of it is new.
            fault = self._fault(mark.error, exception, decision, around, reported=before == "background")
            (self._tell.operation if fault.reported else self._tell)(fault)

    def _fault(
        self,
        error: NormalizedError,
        exception: BaseException | None,
        decision: Decision,
        around: Guard,
        *,
        reported: bool = False,
    ) -> Fault:
        return Fault(
            error,
            exception=exception,
            operation=around.operation,
            decision=decision,
            peer=around.peer,
            client=around.client,
            outcome=around.became(decision),
            attempt=around.attempt,
            server=around.server,
            reported=reported,
        )

    def _looked_at(self, exception: BaseException, raw: object, around: Guard) -> tuple[NormalizedError, Mark | None]:
        try:
            error = self._normalized(raw, around)
            behind = self._behind(exception, error) if raw is exception else None
            if behind is not None:
                error = self._normalized(behind, around)
            told = mark_of(behind)
            # A copy, because other operations can fail because of the same fault of the connection, and each of them is emitted.
            return error, told_inside(exception, error) if told is None else told.copy()
        except Exception:  # noqa: BLE001 - an exception that cannot be inspected is emitted by the name of its class
            return self._normalized(ReportedException(class_names(exception)), around), None

    def _behind(self, exception: BaseException, error: NormalizedError) -> object:
        for reference in tuple(self._resolvers):
            try:
                behind = None if (asked := reference()) is None else asked(exception, error)
            except Exception as failure:  # noqa: BLE001 - a resolver that fails must not hide the error at hand
                _say_failed("a resolver raised", failure)
            else:
                if behind is not None:
                    return behind
        return None

    def _see_group(self, group: BaseExceptionGroup[BaseException], around: Guard, *, unclaimed: bool) -> None:
        faults = leaves_of(group)
        for member in faults:
            self._see(member, member, around, unclaimed=unclaimed)
        marks = [mark for member in faults if (mark := mark_of(member)) is not None]
        if marks and len(marks) == len(faults) and not interrupts_of(group):
            # The group gets the error of its worst member: if one member must not be retried, the group must not be.
            worst = min(marks, key=lambda mark: forbids(mark.error))
            if claim(group, worst):
                self._tell.saw(group, worst.error)

    def _normalized(self, raw: object, around: Guard) -> NormalizedError:
        return self._normalizer.normalize(raw, around.protocol)

    def _decided(self, error: NormalizedError, around: Guard) -> Decision:
        if around.decision is not None:
            return around.decision
        policy = self.policy if around.attempts is None else replace(self.policy, attempts=around.attempts)
        # Opening a connection again is always safe; only an operation can be executed twice by mistake.
        idempotent = around.idempotent or around.outcome == "background"
        return decide(error, idempotent=idempotent, attempt=around.attempt or 1, previous=around.previous, policy=policy)


def _say_failed(what: str, failure: Exception) -> None:
    # Only the class is logged: the message and the traceback may contain text from a peer.
    _log.debug("errnorm: %s: %s", what, class_names(failure)[0])


def _is_fault(exception: BaseException) -> bool:
    return is_a(exception, Exception) and not issubclass(type(exception), _NO_FAULTS)
