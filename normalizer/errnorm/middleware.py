"""
Around the code that can fail: normalize what it raises, decide, tell it once, and let it go on unchanged.

    errors = errnorm.Middleware()

    with errors.guard("nats", operation="publish"):       # `async with` too
        await nc.publish(subject, payload)

    @errors.wrap("xmpp", operation="join")                # functions, coroutines, generators
    async def join(room): ...

    async def error_cb(error):                            # where a client calls back
        errors.report(error, "nats")

The exception that left the guarded code leaves the guard: the same object, unchanged except that `errnorm.normalize(exception)`
now returns what the guard made of it. A fault is told once, however many guards it passes through and whatever wraps it on its
way. Cancellation, `KeyboardInterrupt`, `SystemExit`, `GeneratorExit`, `StopIteration` and `StopAsyncIteration` pass untold.
Nothing here raises an exception of its own.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakMethod

from errnorm.attempts import running
from errnorm.decision import RetryPolicy, decide
from errnorm.emitters import Teller, default_emitters
from errnorm.emitters.operations import Operations
from errnorm.exceptions import ReportedException, class_names, is_a, leaves_of
from errnorm.fault import Fault
from errnorm.guard import Guard
from errnorm.marks import Mark, claim, mark_of, told_inside
from errnorm.normalizer import default_normalizer, forbids, unjudged
from errnorm.wrapping import wrapped

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
        self._normalizer = normalizer
        self.policy = policy or RetryPolicy()
        self.emitters: tuple[Emitter, ...] = default_emitters(settings) if emitters is None else tuple(emitters)
        self._settings = settings
        self._tell = Teller(self.emitters)
        self._guards: dict[tuple[str | None, str | None, bool, str | None], Guard] = {}
        self._operations = next((emitter for emitter in self.emitters if isinstance(emitter, Operations)), None)
        self._resolvers: list[WeakMethod[Callable[[BaseException, NormalizedError], object]]] = []

    def guard(  # noqa: PLR0913 - what is known around an operation, each with a safe default
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
        Return a block for `with` or `async with` that tells what goes wrong in it.

        An exception that leaves it is told as a failure of the operation. Only who says so (`attempt`, `handled`, or a loop
        like `retrying` around it) has it told as something else.

        Args:
            protocol: `"nats"` or `"xmpp"`, whichever the block speaks.
            operation: What is being done, in a word of few possible values: `"publish"`, never a subject or an id.
            idempotent: Whether doing it twice is as good as doing it once; it decides whether a time-out can be retried.
            peer: Whom with, in few possible values: a server, a cluster.
            attempt: Which attempt this is, from 1, if the block stands in a loop of yours: what will be repeated is then told
                as that.
            attempts: How many attempts your loop makes at most; as many as the policy has if not given.
            previous: The error of the attempt before, if that failed too.
            handled: True if the caller goes on whatever happens here; spans are then left alone.
        """
        if attempt is None and attempts is None and previous is None and not handled:
            try:
                return self._guards.get((protocol, operation, idempotent, peer)) or self._kept(
                    protocol, operation, idempotent, peer
                )
            except TypeError:
                pass  # what cannot be a key can be guarded all the same
        outcome: Outcome | None = "handled" if handled else None
        return Guard(self, protocol, operation, idempotent, peer, attempt, attempts, previous, outcome)

    def _kept(self, protocol: str | None, operation: str | None, idempotent: bool, peer: str | None) -> Guard:  # noqa: FBT001 - of one caller
        """Return a guard that is made once for all blocks of its kind: making one costs more than entering it."""
        guard = Guard(self, protocol, operation, idempotent, peer)
        if len(self._guards) < _MOST_GUARDS:
            guard = self._guards.setdefault((protocol, operation, idempotent, peer), guard)
            if self._operations is not None and operation is not None and not guard.is_counted:
                guard.is_counted = True
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
    ) -> RetryLoop:
        """
        Return a loop that tries again as decided, and tells each attempt with what became of it.

            async for attempt in errors.retrying("nats", operation="fetch", idempotent=True):   # or `for`
                with attempt:
                    await fetch()

            @errors.retrying("nats", idempotent=True)   # functions and coroutines; each call is a loop of its own
            async def fetch(): ...

        The last error is raised unchanged. Guards inside leave it to the loop to tell what failed. stamina must be installed.

        Args:
            protocol: `"nats"` or `"xmpp"`, whichever the block speaks.
            operation: What is being done, in a word of few possible values; of a decorated function its name if not given.
            idempotent: Whether doing it twice is as good as doing it once.
            policy: How patient to be; as the middleware is if not given.

        Raises:
            ImportError: If stamina is not installed.
        """
        from errnorm.loop import RetryLoop  # noqa: PLC0415 - only who calls this needs it

        return RetryLoop(self, protocol, operation=operation, idempotent=idempotent, policy=policy or self.policy)

    def report(  # noqa: PLR0913 - what a callback may know
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
    ) -> NormalizedError:
        """
        Normalize, decide about and tell something that went wrong: for callbacks, which get errors that nobody raised.

        A callback runs in the context of whoever happened to connect. So by default the error is told in an empty context, and
        no span is touched.

        Args:
            raw: An exception, or anything else that `normalize` takes, or a `NormalizedError`. An exception that was told
                already is not told again, unless an operation has failed of it by now.
            protocol: `"nats"` or `"xmpp"`, if known.
            operation: What was being done, in a word of few possible values.
            idempotent: Whether doing it twice is as good as doing it once.
            peer: Whom with, in few possible values.
            attempt: Which attempt this was, from 1, if somebody counts.
            previous: The error of the attempt before, if that failed too.
            client: What the client library does about it by itself: `"reconnecting"`, `"closed"`, `"nothing"`.
            decision: What was decided, if it was; otherwise it is decided here.
            exception: The exception it came as, if `raw` is something else.
            outcome: What became of the operation: `"failed"`, `"retried"` or `"handled"` if it happened to one.

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
            outcome=outcome,
            client=client,
            decision=decision,
        )
        try:
            return self._observe(raw, exception, around)
        except Exception as failure:  # noqa: BLE001 - the error at hand is worth more than any of ours
            _say_failed("an error could not be told", failure)
            return unjudged(protocol)

    def normalize(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """
        Return what an error means, by the tables of this middleware and by what its resolvers know. Tells nobody, never raises.

        Args:
            raw: What `errnorm.normalize` takes.
            protocol: `"nats"` or `"xmpp"`, if known.
        """
        error = self._normalizer.normalize(raw, protocol)
        if is_a(raw, BaseException) and mark_of(raw) is None and (behind := self._behind(raw, error)) is not None:
            return self._normalizer.normalize(behind, protocol)
        return error

    def saw(self, exception: BaseException, guard: Guard) -> None:
        """
        Tell an exception that left a guard, unless it was told already. Never raises.

        An exception that no adapter recognises, by its class or by what it was raised from, is the application's: it passes.
        """
        try:
            self._see(exception, exception, guard)
        except Exception as failure:  # noqa: BLE001 - the exception at hand is worth more than any of ours
            _say_failed("an error could not be told", failure)

    def passed(self, guard: Guard) -> None:
        """Count an operation that went well."""
        if self._operations is not None:
            self._operations.passed(guard.protocol, guard.operation)

    def add_resolver(self, behind: Callable[[BaseException, NormalizedError], object]) -> None:
        """
        Ask somebody who may know more about an exception than it says: for adapters that watch a client.

        Args:
            behind: A method, held weakly. It gets an exception that nobody has told yet and what was made of it, and returns
                what is behind it (anything that `normalize` takes), or `None`. An exception that was told already takes the
                fault with it: it is not told again. What this raises is logged, and counts as `None`.
        """
        self._resolvers.append(WeakMethod(behind, self._resolvers.remove))

    @property
    def normalizer(self) -> Normalizer:
        """Says what an error means, by the tables of this middleware."""
        return self._normalizer

    @cached_property
    def privacy(self) -> Privacy:
        """What may be told, by the settings of this middleware."""
        from errnorm.settings import Settings  # noqa: PLC0415 - pydantic is needed only by who tells

        return (self._settings or Settings.load()).privacy

    @cached_property
    def processor(self) -> Processor:
        """The processor for structlog, with the tables and settings of this middleware."""
        from errnorm.emitters.log import Processor  # noqa: PLC0415 - only who logs with structlog needs it

        return Processor(self._settings, self._normalizer)

    def recovered(self, protocol: str, *, operation: str | None = None, peer: str | None = None, seconds: float) -> None:
        """
        Tell that a connection works again: it closes an outage in the log.

        Args:
            protocol: `"nats"` or `"xmpp"`.
            operation: What works again; the connection if not given.
            peer: Whom with, in few possible values.
            seconds: How long it did not work.
        """
        self._tell.recovered(protocol, operation, peer, seconds)

    def flush(self) -> None:
        """Have everything written that emitters still hold back, like the summary of a storm. For the end of a process."""
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
        """See an exception; `unclaimed` ones, which no adapter recognises, are told only if they were reported."""
        if is_a(exception, BaseExceptionGroup):
            self._see_group(exception, around, unclaimed=unclaimed)
        elif _is_fault(exception):
            mark = mark_of(exception)
            if mark is None:
                self._see_first(exception, raw, around, unclaimed=unclaimed)
            elif mark.told != "failed":
                self._tell_of(exception, mark, around)

    def _see_first(self, exception: BaseException, raw: object, around: Guard, *, unclaimed: bool) -> None:
        error, inside = self._looked_at(exception, raw, around)
        if not (unclaimed or error.claimed):
            return
        # Nobody else can claim an exception that has a mark, so only one of many threads tells it.
        mark = inside or Mark(error, self._decided(error, around), idempotent=around.idempotent, told=None)
        if claim(exception, mark):
            self._tell_of(exception, mark, around)

    def _tell_of(self, exception: BaseException, mark: Mark, around: Guard) -> None:
        decision = self._decided(mark.error, around)
        outcome = around.became(decision)
        attempt = running() if outcome == "failed" else None
        if attempt is not None:
            attempt.leave(exception, around)
            return
        before = mark.told
        if mark.rises_to(outcome):
            fault = self._fault(mark.error, exception, decision, around)
            # The connection has told the fault itself; what is new is which operation failed of it.
            (self._tell.operation if before == "background" else self._tell)(fault)

    def _fault(self, error: NormalizedError, exception: BaseException | None, decision: Decision, around: Guard) -> Fault:
        return Fault(
            error,
            exception=exception,
            operation=around.operation,
            decision=decision,
            peer=around.peer,
            client=around.client,
            outcome=around.became(decision),
            attempt=around.attempt,
        )

    def _looked_at(self, exception: BaseException, raw: object, around: Guard) -> tuple[NormalizedError, Mark | None]:
        try:
            error = self._normalized(raw, around)
            behind = self._behind(exception, error) if raw is exception else None
            if behind is not None:
                error = self._normalized(behind, around)
            told = mark_of(behind)
            # A copy: other operations can fail of the same fault of the connection, and each of them is told.
            return error, told_inside(exception, error) if told is None else told.copy()
        except Exception:  # noqa: BLE001 - what cannot be looked at is told by the name of its class
            return self._normalized(ReportedException(class_names(exception)), around), None

    def _behind(self, exception: BaseException, error: NormalizedError) -> object:
        for reference in tuple(self._resolvers):
            try:
                behind = None if (asked := reference()) is None else asked(exception, error)
            except Exception as failure:  # noqa: BLE001 - who knows more may not make it worse
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
        if marks and len(marks) == len(faults):
            # The whole is as bad as its worst member: one that must not be retried forbids it for all.
            worst = min(marks, key=lambda mark: forbids(mark.error))
            if claim(group, worst):
                self._tell.saw(group, worst.error)

    def _normalized(self, raw: object, around: Guard) -> NormalizedError:
        return self._normalizer.normalize(raw, around.protocol)

    def _decided(self, error: NormalizedError, around: Guard) -> Decision:
        if around.decision is not None:
            return around.decision
        policy = self.policy if around.attempts is None else replace(self.policy, attempts=around.attempts)
        # A connection is opened again without a second thought; only an operation can be carried out twice.
        idempotent = around.idempotent or around.outcome == "background"
        return decide(error, idempotent=idempotent, attempt=around.attempt or 1, previous=around.previous, policy=policy)


def _say_failed(what: str, failure: Exception) -> None:
    # By its class alone: what it says, and what stands in its frames, may be a peer's.
    _log.debug("errnorm: %s: %s", what, class_names(failure)[0])


def _is_fault(exception: BaseException) -> bool:
    return is_a(exception, Exception) and not issubclass(type(exception), _NO_FAULTS)
