"""
Hooks for stamina, tenacity and redress that decide whether to retry, after which pause, and when to stop.

    @stamina.retry(on=errnorm.retry.for_stamina(idempotent=True))
    async def fetch(): ...

    @tenacity.retry(**errnorm.retry.for_tenacity(idempotent=True))
    async def fetch(): ...

    @errors.retrying("nats", idempotent=True)   # of a middleware; uses stamina
    async def fetch(): ...

    redress.RetryPolicy(classifier=errnorm.retry.for_redress(idempotent=True), strategy=redress.decorrelated_jitter())

This module imports neither stamina nor tenacity, because both accept plain functions. `errnorm.is_retryable` can also be passed
to them, but it does not protect operations that must not be executed twice.

A hook with a middleware emits each failure with its outcome: `retried`, or `failed` if the loop ends with it. Guards inside a
loop leave the emission to the hook, also if the hook has no middleware.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import random as _random
from typing import TYPE_CHECKING, Any, Protocol, TypedDict
from weakref import WeakKeyDictionary, ref

from errnorm.attempts import Attempt, begin
from errnorm.decision import Decision, RetryPolicy, Verdict, decide, hint_of
from errnorm.frozen import replace
from errnorm.guard import Guard, Witness
from errnorm.marks import mark_of
from errnorm.normalizer import default_normalizer
from errnorm.stamina_loop import HOOKS, hush, settled_by, state_of_caller
from errnorm.taxonomy import Category, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from redress import Classification
    from tenacity import RetryCallState

    from errnorm.decision import RetryState
    from errnorm.error import NormalizedError

__all__ = ["Hook", "Tenacity", "for_redress", "for_stamina", "for_tenacity"]


class Tenacity(TypedDict):
    """
    The keyword arguments for `tenacity.retry`. Each of the first three also works without the others.

    Attributes:
        retry: Returns whether to try again.

        wait: Returns the pause, in seconds.

        stop: Returns whether the policy allows no further attempt. It is needed only together with a `retry` of your own.

        before: Marks the beginning of an attempt, so that guards inside it leave the emission of failures to the loop.

        reraise: Always `True`: tenacity then raises the last exception itself, not a `RetryError`.
    """

    retry: Callable[[RetryCallState], bool]
    wait: Callable[[RetryCallState], float]
    stop: Callable[[RetryCallState], bool]
    before: Callable[[RetryCallState], None]
    reraise: bool


class Knows(Witness, Protocol):
    """The methods of a middleware that the hooks need."""

    def normalize(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """Return what an error means, without emitting it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """The facts about the operation that is retried."""

    protocol: str | None
    operation: str | None
    idempotent: bool | None
    policy: RetryPolicy
    middleware: Knows | None
    random: Callable[[], float] = _random

    def error(self, exception: Exception) -> NormalizedError:
        """Return the normalized error, according to the tables of the middleware if there is one."""
        return (self.middleware or default_normalizer()).normalize(exception, self.protocol)

    def may_repeat(self, exception: BaseException) -> bool:
        if self.idempotent is not None:
            return self.idempotent
        mark = mark_of(exception)
        return mark is not None and mark.idempotent

    def decide(self, exception: Exception) -> Decision:
        """Decide without regard to earlier attempts."""
        return decide(self.error(exception), idempotent=self.may_repeat(exception), policy=self.policy, random=self.random)

    def decide_next(self, exception: Exception, attempts: RetryState) -> Decision:
        """Decide with regard to the earlier attempts in `attempts`."""
        return attempts.decide(self.error(exception), idempotent=self.may_repeat(exception))

    def tell(self, exception: Exception, decision: Decision, attempt: int | None, inside: Guard | None = None) -> None:
        """
        Emit the failure of an attempt.

        Args:
            exception: The exception that ended the attempt.
            decision: The decision about it.
            attempt: The number of the attempt, from 1.
            inside: The guard inside the loop that has left the emission to the loop, if there is one.
        """
        witness = inside.middleware if self.middleware is None and inside is not None else self.middleware
        if witness is None:
            return
        around = inside or Guard(witness, self.protocol)
        told = Guard(
            around.middleware,
            around.protocol,
            self.operation or around.operation,
            idempotent=self.may_repeat(exception),
            peer=around.peer,
            attempt=attempt,
            outcome="retried" if decision.retry else "failed",
            client=around.client,
            decision=decision,
            server=around.server,
        )
        witness.saw(exception, told)


def _unless_it_stops(decision: Decision, state: Any) -> Decision:  # noqa: ANN401 - a type of a library that is not imported
    """Return the decision, or an abort if the loop will make no further attempt."""
    try:
        if not decision.retry or not state.retry_object.stop(state):
            return decision
        why = f"it was tried {state.attempt_number} times"
    except Exception:  # noqa: BLE001 - `state` may be `None`, and the stop condition is foreign code
        return decision
    return Decision(Verdict.ABORT, decision.step, None, why)


class Hook:
    """
    The hook for one run of `stamina.retry_context`. It remembers the attempts, so the policy sets all pauses and the end.

    Attributes:
        inside: The guard in the last attempt that has left the emission to the loop, if there is one.
    """

    def __init__(self, middleware: Knows, guard: Guard, policy: RetryPolicy, random: Callable[[], float] = _random) -> None:
        """
        Create the hook before the first attempt.

        Args:
            middleware: The middleware that emits every failure.
            guard: The facts about the operation.
            policy: How often and how long to retry.
            random: A function that returns a random number from 0 up to 1.
        """
        self.inside: Guard | None = None
        self._asked = _Operation(
            protocol=guard.protocol,
            operation=guard.operation,
            idempotent=guard.idempotent,
            policy=policy,
            middleware=middleware,
            random=random,
        )
        self._attempts = policy.start(random=random)

    def __call__(self, exception: Exception) -> bool | float:
        """Decide about one more failed attempt, and emit it."""
        decision = _unless_it_stops(self._asked.decide_next(exception, self._attempts), state_of_caller())
        hush()
        self._asked.tell(exception, decision, self._attempts.failed, self.inside)
        return False if decision.delay is None else decision.delay


def for_stamina(
    protocol: str | None = None,
    *,
    operation: str | None = None,
    idempotent: bool | None = None,
    policy: RetryPolicy | None = None,
    middleware: Knows | None = None,
    random: Callable[[], float] = _random,
) -> Callable[[Exception], bool | float]:
    """
    Return a hook for the argument `on=` of `stamina.retry`, `retry_context` and the callers. All calls can share one hook.

    stamina counts the attempts and makes the pauses grow according to its own arguments. The hook sets the pause only if the
    error asks for one: the peer has named a time to wait, or a server is shutting down.

    Args:
        protocol: `"nats"` or `"xmpp"`, if known.
        operation: A name of the operation with few possible values; it is emitted with each failure.
        idempotent: Whether executing the operation twice is safe; if not given, the guard inside the attempt decides, and
            without a guard it is `False`.
        policy: The lengths of the pauses that the hook sets. Its `attempts` is ignored, because stamina counts attempts.
        middleware: Emits every failure with its outcome; if not given, the middleware of the guard inside does.
        random: A function that returns a random number from 0 up to 1.

    Returns:
        A function that takes an exception and returns whether to try again, or the pause before the next attempt in seconds.
    """
    asked = _Operation(
        protocol=protocol,
        operation=operation,
        idempotent=idempotent,
        policy=replace(policy or RetryPolicy(), attempts=None),
        middleware=middleware,
        random=random,
    )

    def hook(exception: Exception) -> bool | float:
        state = state_of_caller()
        inside = settled_by(state, exception)
        decision = asked.decide(exception)
        if decision.delay is not None and not _asks_for_a_pause(asked.error(exception)):
            decision = replace(decision, delay=_pause_of(state))
        if inside is not None or middleware is not None:
            if state is not None:
                hush()
            asked.tell(exception, _unless_it_stops(decision, state), getattr(state, "attempt_number", None), inside)
        return decision.retry if decision.delay is None else decision.delay

    HOOKS.add(hook)
    return hook


def _pause_of(state: Any) -> float | None:  # noqa: ANN401 - a type of a library that is not imported
    """Return the pause that stamina would make, which is then also the one that is emitted; `None` if stamina is not running."""
    try:
        return None if state is None else float(state.retry_object.wait(state))
    except Exception:  # noqa: BLE001 - the state is a foreign object
        return None


def _asks_for_a_pause(error: NormalizedError) -> bool:
    return error.reason is Reason.SHUTDOWN_SERVER or hint_of(error) is not None


def for_tenacity(
    protocol: str | None = None,
    *,
    operation: str | None = None,
    idempotent: bool | None = None,
    policy: RetryPolicy | None = None,
    middleware: Knows | None = None,
    random: Callable[[], float] = _random,
) -> Tenacity:
    """
    Return keyword arguments for `tenacity.retry`, `Retrying` and `AsyncRetrying`: `tenacity.retry(**for_tenacity())`.

    The policy sets the number of attempts and the pauses. An error that must not be retried ends the loop earlier, for example
    the same authentication error twice in a row. All calls can share the result.

    Args:
        protocol: `"nats"` or `"xmpp"`, if known.
        operation: A name of the operation with few possible values; it is emitted with each failure.
        idempotent: Whether executing the operation twice is safe; if not given, the guard inside the attempt decides, and
            without a guard it is `False`.
        policy: How often and how long to retry; `RetryPolicy()` if not given.
        middleware: Emits every failure with its outcome; if not given, the middleware of the guard inside does.
        random: A function that returns a random number from 0 up to 1.
    """
    hooks = _TenacityHooks(
        _Operation(
            protocol=protocol,
            operation=operation,
            idempotent=idempotent,
            policy=policy or RetryPolicy(),
            middleware=middleware,
            random=random,
        )
    )
    return {"retry": hooks.retry, "wait": hooks.wait, "stop": hooks.stop, "before": hooks.before, "reraise": True}


def for_redress(protocol: str | None = None, *, idempotent: bool | None = None) -> Callable[[BaseException], Classification]:
    """
    Return a classifier for redress. It decides whether to retry; redress counts the attempts and sets the pauses.

    An error that must not be retried is classified as `PERMANENT`, or as `AUTH` or `PERMISSION` if its category is `auth`. An
    unknown error is `PERMANENT` too, because it is not known whether a retry can help. If the peer has named a time to wait, it
    is passed on as `retry_after_s`.

    Args:
        protocol: `"nats"` or `"xmpp"`, if known.
        idempotent: Whether executing the operation twice is safe; if not given, the guard inside the attempt decides, and
            without a guard it is `False`.

    Raises:
        ImportError: If redress is not installed.
    """
    from redress import Classification, ErrorClass  # noqa: PLC0415 - redress is optional

    asked = _Operation(
        protocol=protocol,
        operation=None,
        idempotent=idempotent,
        policy=RetryPolicy(attempts=None),
        middleware=None,
    )

    def classify(exception: BaseException) -> Classification:
        if not isinstance(exception, Exception):
            return Classification(ErrorClass.PERMANENT)
        error = asked.error(exception)
        if asked.decide(exception).retry:
            kind = ErrorClass.RATE_LIMIT if error.reason is Reason.LIMITS_RATE else ErrorClass.TRANSIENT
        elif error.category is Category.AUTH:
            kind = ErrorClass.PERMISSION if error.reason is Reason.AUTH_FORBIDDEN else ErrorClass.AUTH
        else:
            kind = ErrorClass.PERMANENT
        return Classification(kind, hint_of(error))

    return classify


@dataclass(slots=True)
class _Call:
    """What is remembered about one call while it runs."""

    attempts: RetryState
    number: int = 0
    decision: Decision | None = None
    attempt: Attempt | None = None


class _TenacityHooks:
    """The functions that tenacity calls. They store a `_Call` for each call that runs, and drop it when the call ends."""

    def __init__(self, asked: _Operation) -> None:
        self._asked = asked
        self._under_way: WeakKeyDictionary[RetryCallState, _Call] = WeakKeyDictionary()

    def before(self, state: RetryCallState) -> None:
        # A loop that is left by `return` calls no further hook. Its state then has an outcome, or is already freed.
        reference = ref(state)
        self._call(state).attempt = begin(lambda: (running := reference()) is None or running.outcome is not None)

    def retry(self, state: RetryCallState) -> bool:
        decision = self._decision(state)
        return decision is not None and decision.retry

    def wait(self, state: RetryCallState) -> float:
        decision = self._decision(state)
        return 0.0 if decision is None else decision.delay or 0.0

    def stop(self, state: RetryCallState) -> bool:
        most = self._asked.policy.attempts
        return most is not None and state.attempt_number >= most

    def _call(self, state: RetryCallState) -> _Call:
        call = self._under_way.get(state)
        if call is None:
            call = self._under_way[state] = _Call(self._asked.policy.start(random=self._asked.random))
        return call

    def _decision(self, state: RetryCallState) -> Decision | None:
        exception = state.outcome.exception() if state.outcome is not None and state.outcome.failed else None
        call = self._call(state)
        if call.number != state.attempt_number:
            call.number, call.decision = state.attempt_number, None
            attempt, call.attempt = call.attempt, None
            inside = None if attempt is None else attempt.settle(exception)
            if isinstance(exception, Exception):
                # tenacity does not call `retry` for an explicit `TryAgain`, but such an attempt counts too.
                call.attempts.failed = state.attempt_number - 1
                call.decision = self._asked.decide_next(exception, call.attempts)
                told = _unless_it_stops(call.decision, state)
                if told.delay is not None and getattr(state.retry_object, "wait", self.wait) != self.wait:
                    told = replace(told, delay=None)  # a `wait` of the application sets the pause
                self._asked.tell(exception, told, state.attempt_number, inside)
        return call.decision
