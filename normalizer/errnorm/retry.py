"""
Hooks for stamina and tenacity: when to try again, after how long, and when to stop.

    @stamina.retry(on=errnorm.retry.for_stamina(idempotent=True))
    async def fetch(): ...

    @tenacity.retry(**errnorm.retry.for_tenacity(idempotent=True))
    async def fetch(): ...

    @errors.retrying("nats", idempotent=True)   # of a middleware; uses stamina
    async def fetch(): ...

The hooks import neither library: what the libraries take are functions. `errnorm.is_retryable` is one too, and enough if a yes
or no will do; but it knows nothing of operations that must not be done twice.

A hook with a middleware tells each failure with what became of the operation: `retried`, or `failed` if the loop ends with it.
Guards inside a loop of tenacity leave that to the hook. stamina calls a hook only after an attempt, so a guard inside cannot
know of the loop: give the hook the middleware and leave the guard away, or use `retrying`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from random import random as _random
from typing import TYPE_CHECKING, Any, Protocol, TypedDict
from weakref import WeakKeyDictionary, ref

from errnorm.attempts import Attempt, begin
from errnorm.decision import Decision, RetryPolicy, Verdict, decide, hint_of
from errnorm.guard import Guard, Witness
from errnorm.marks import mark_of
from errnorm.normalizer import default_normalizer
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

    from errnorm.decision import RetryState
    from errnorm.error import NormalizedError

__all__ = ["Hook", "Tenacity", "for_stamina", "for_tenacity"]


class Tenacity(TypedDict):
    """
    What `tenacity.retry` takes, as keyword arguments. Each of the first three also works alone.

    Attributes:
        retry: Whether to try again.

        wait: The pause, in seconds.

        stop: Whether it was tried often enough; needed only beside a `retry` of your own.

        before: Notes that an attempt begins, so that guards inside leave it to the loop to tell what failed.

        reraise: True: what is raised in the end is the last error itself.
    """

    retry: Callable[[RetryCallState], bool]
    wait: Callable[[RetryCallState], float]
    stop: Callable[[RetryCallState], bool]
    before: Callable[[RetryCallState], None]
    reraise: bool


class Knows(Witness, Protocol):
    """A middleware, as far as hooks need one."""

    def normalize(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """Return what an error is, and tell nobody."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """What is known of the operation that is retried."""

    protocol: str | None
    operation: str | None
    idempotent: bool | None
    policy: RetryPolicy
    middleware: Knows | None
    random: Callable[[], float] = _random

    def error(self, exception: Exception) -> NormalizedError:
        """Return the error to decide about, by the tables of the middleware if there is one."""
        return (self.middleware or default_normalizer()).normalize(exception, self.protocol)

    def may_repeat(self, exception: BaseException) -> bool:
        if self.idempotent is not None:
            return self.idempotent
        mark = mark_of(exception)
        return mark is not None and mark.idempotent

    def decide(self, exception: Exception) -> Decision:
        """Decide without any memory."""
        return decide(self.error(exception), idempotent=self.may_repeat(exception), policy=self.policy, random=self.random)

    def decide_next(self, exception: Exception, attempts: RetryState) -> Decision:
        """Decide with a memory of the attempts before."""
        return attempts.decide(self.error(exception), idempotent=self.may_repeat(exception))

    def tell(self, exception: Exception, decision: Decision, attempt: int | None, inside: Guard | None = None) -> None:
        """
        Tell what became of an attempt.

        Args:
            exception: What it failed with.
            decision: What was decided.
            attempt: Which it was, from 1.
            inside: The guard inside that has left the telling to the loop.
        """
        witness = inside.middleware if self.middleware is None and inside is not None else self.middleware
        if witness is None:
            return
        around = inside or Guard(witness, self.protocol)
        told = replace(
            around,
            operation=self.operation or around.operation,
            idempotent=self.may_repeat(exception),
            attempt=attempt,
            outcome="retried" if decision.retry else "failed",
            decision=decision,
        )
        witness.saw(exception, told)


def _unless_it_stops(decision: Decision, state: Any) -> Decision:  # noqa: ANN401 - of a library that is not imported
    """Return the decision, or an abort if the loop that asks will make no further attempt."""
    try:
        if not decision.retry or not state.retry_object.stop(state):
            return decision
        why = f"it was tried {state.attempt_number} times"
    except Exception:  # noqa: BLE001 - it may be no state at all, and the condition is somebody else's
        return decision
    return Decision(Verdict.ABORT, decision.step, None, why)


def _state_of_stamina() -> Any:  # noqa: ANN401 - of a library that is not imported
    # stamina hands its hooks the exception alone. The state of the loop, which knows whether this was its last attempt, is an
    # argument of the function that calls them (stamina/_core.py, _TenacityBackoffCallbackAdapter).
    return sys._getframe(2).f_locals.get("retry_state")  # noqa: SLF001 - the one way to see it


class Hook:
    """
    The hook of one run of `stamina.retry_context`, with a memory: all pauses and the end are those of the policy.

    Attributes:
        inside: The guard in the last attempt that has left the telling to the loop.
    """

    def __init__(self, middleware: Knows, guard: Guard, policy: RetryPolicy, random: Callable[[], float] = _random) -> None:
        """
        Begin with no attempt made.

        Args:
            middleware: Told of every failure.
            guard: What is known of the operation.
            policy: How patient to be.
            random: Chance: returns a number from 0 up to 1.
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
        """Decide about one more failed attempt, and tell it."""
        decision = _unless_it_stops(self._asked.decide_next(exception, self._attempts), _state_of_stamina())
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
    Return a hook for stamina's `on=`: of `stamina.retry`, `retry_context` and the callers. It can be shared by all calls.

    stamina counts the attempts and makes the pauses grow, by its own arguments; the hook sets the pause only where the
    error asks for one: a hint of the peer, or a server that shuts down.

    Args:
        protocol: `"nats"` or `"xmpp"`, if known.
        operation: What is retried, in a word of few possible values; it is told along.
        idempotent: Whether doing it twice is as good as doing it once; as the guard inside says if not given, else no.
        policy: How long the pauses are that are set here. Its number of attempts is stamina's business.
        middleware: Told of every failure, with what became of the operation.
        random: Chance: returns a number from 0 up to 1.

    Returns:
        A function of an exception: whether to try again, or after how many seconds.
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
        state = _state_of_stamina()
        decision = asked.decide(exception)
        asked.tell(exception, _unless_it_stops(decision, state), getattr(state, "attempt_number", None))
        if decision.delay is None or not _asks_for_a_pause(asked.error(exception)):
            return decision.retry
        return decision.delay

    return hook


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
    Return what `tenacity.retry`, `Retrying` and `AsyncRetrying` take: `tenacity.retry(**for_tenacity(idempotent=True))`.

    Attempts and pauses are those of the policy; the same authentication error twice in a row ends it earlier. The result
    can be shared by all calls.

    Args:
        protocol: `"nats"` or `"xmpp"`, if known.
        operation: What is retried, in a word of few possible values; it is told along.
        idempotent: Whether doing it twice is as good as doing it once; as the guard inside says if not given, else no.
        policy: How patient to be.
        middleware: Told of every failure, with what became of the operation; that of a guard inside if not given.
        random: Chance: returns a number from 0 up to 1.
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


@dataclass(slots=True)
class _Call:
    """What is remembered of one call that is under way."""

    attempts: RetryState
    number: int = 0
    decision: Decision | None = None
    attempt: Attempt | None = None


class _TenacityHooks:
    """The functions, with a memory for each call that is under way; it ends with the call."""

    def __init__(self, asked: _Operation) -> None:
        self._asked = asked
        self._under_way: WeakKeyDictionary[RetryCallState, _Call] = WeakKeyDictionary()

    def before(self, state: RetryCallState) -> None:
        # A loop that is left by `return` asks nothing more; its state says that the attempt has ended, or is gone.
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
                # An attempt that ended in an explicit `TryAgain` was never seen here, and counts all the same.
                call.attempts.failed = state.attempt_number - 1
                call.decision = self._asked.decide_next(exception, call.attempts)
                self._asked.tell(exception, _unless_it_stops(call.decision, state), state.attempt_number, inside)
        return call.decision
