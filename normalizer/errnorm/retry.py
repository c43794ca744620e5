"""
For the retry libraries people have: when to try again, after how long, and when to stop.

    @stamina.retry(on=errnorm.retry.for_stamina(idempotent=True))
    async def fetch(): ...

    @tenacity.retry(**errnorm.retry.for_tenacity(idempotent=True))
    async def fetch(): ...

    async for attempt in errors.retrying("nats", operation="fetch", idempotent=True):   # of a middleware; uses stamina
        with attempt:
            await fetch()

Neither library is imported here, let alone required: what they take are functions. `errnorm.is_retryable` is one too, and
enough for who only wants the yes or no; but it knows nothing of operations that must not be done twice.

An error that a guard has seen is not normalized again, and if the guard knows that the operation is idempotent, that need
not be said a second time. Who wants faults told with the number of their attempt and with what became of them gives the
middleware here and needs no guard inside the loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import random as _random
from typing import TYPE_CHECKING, TypedDict
from weakref import WeakKeyDictionary

from errnorm.decision import RetryPolicy, decide, hint_of
from errnorm.marks import known, mark_of
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

    from errnorm.decision import Decision, RetryState
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["Tenacity", "for_attempts", "for_stamina", "for_tenacity"]


class Tenacity(TypedDict):
    """
    What `tenacity.retry` takes, as keyword arguments. Each of the first three also works alone.

    Attributes:
        retry: Whether to try again.

        wait: The pause, in seconds.

        stop: Whether it was tried often enough; needed only beside a `retry` of your own.

        reraise: True: what is raised in the end is the last error itself.
    """

    retry: Callable[[RetryCallState], bool]
    wait: Callable[[RetryCallState], float]
    stop: Callable[[RetryCallState], bool]
    reraise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """What is known of the operation that is retried."""

    protocol: str | None
    operation: str | None
    idempotent: bool | None
    policy: RetryPolicy
    middleware: Middleware | None
    random: Callable[[], float]

    def subject(self, exception: Exception) -> object:
        """Return what is decided about: by the tables of the middleware, if there is one."""
        return exception if self.middleware is None else self.middleware.known(exception, self.protocol)

    def may_repeat(self, exception: BaseException) -> bool:
        if self.idempotent is not None:
            return self.idempotent
        mark = mark_of(exception)
        return mark is not None and mark.idempotent

    def decide(self, exception: Exception) -> Decision:
        """Decide without any memory, and tell."""
        decision = decide(
            self.subject(exception),
            idempotent=self.may_repeat(exception),
            protocol=self.protocol,
            policy=self.policy,
            random=self.random,
        )
        self.tell(exception, decision)
        return decision

    def decide_next(self, exception: Exception, attempts: RetryState) -> Decision:
        """Decide with a memory of the attempts before, and tell."""
        decision = attempts.decide(self.subject(exception), idempotent=self.may_repeat(exception), protocol=self.protocol)
        self.tell(exception, decision, attempts.failed)
        return decision

    def tell(self, exception: Exception, decision: Decision, attempt: int = 1) -> None:
        if self.middleware is not None:
            self.middleware.report(
                exception,
                self.protocol,
                operation=self.operation,
                idempotent=self.may_repeat(exception),
                attempt=attempt,
                decision=decision,
                handled=decision.retry,
            )


def for_stamina(
    protocol: str | None = None,
    *,
    operation: str | None = None,
    idempotent: bool | None = None,
    policy: RetryPolicy | None = None,
    middleware: Middleware | None = None,
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
        middleware: Told of every failure, unless it knows it from a guard.
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
        decision = asked.decide(exception)
        if decision.delay is None or not _asks_for_a_pause(known(asked.subject(exception), protocol)):
            return decision.retry
        return decision.delay

    return hook


def _asks_for_a_pause(error: NormalizedError) -> bool:
    return error.reason is Reason.SHUTDOWN_SERVER or hint_of(error) is not None


def for_attempts(
    protocol: str | None = None,
    *,
    operation: str | None = None,
    idempotent: bool | None = None,
    policy: RetryPolicy | None = None,
    middleware: Middleware | None = None,
    random: Callable[[], float] = _random,
) -> Callable[[Exception], bool | float]:
    """
    Return a hook for one run of `stamina.retry_context`, with a memory: all pauses and the end are those of the policy.

    `Middleware.retrying` is this in one call. The arguments are those of `for_stamina`. Make one for each run.
    """
    asked = _Operation(
        protocol=protocol,
        operation=operation,
        idempotent=idempotent,
        policy=policy or RetryPolicy(),
        middleware=middleware,
        random=random,
    )
    attempts = asked.policy.start(random=random)

    def hook(exception: Exception) -> bool | float:
        decision = asked.decide_next(exception, attempts)
        return False if decision.delay is None else decision.delay

    return hook


def for_tenacity(
    protocol: str | None = None,
    *,
    operation: str | None = None,
    idempotent: bool | None = None,
    policy: RetryPolicy | None = None,
    middleware: Middleware | None = None,
    random: Callable[[], float] = _random,
) -> Tenacity:
    """
    Return what `tenacity.retry`, `Retrying` and `AsyncRetrying` take: `tenacity.retry(**for_tenacity(idempotent=True))`.

    RetryState and pauses are those of the policy; the same authentication error twice in a row ends it earlier. The result
    can be shared by all calls.

    Args:
        protocol: `"nats"` or `"xmpp"`, if known.
        operation: What is retried, in a word of few possible values; it is told along.
        idempotent: Whether doing it twice is as good as doing it once; as the guard inside says if not given, else no.
        policy: How patient to be.
        middleware: Told of every failure, unless it knows it from a guard.
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
    return {"retry": hooks.retry, "wait": hooks.wait, "stop": hooks.stop, "reraise": True}


class _TenacityHooks:
    """The three functions, with a memory for each call that is under way; it ends with the call."""

    def __init__(self, asked: _Operation) -> None:
        self._asked = asked
        self._under_way: WeakKeyDictionary[RetryCallState, tuple[RetryState, int, Decision]] = WeakKeyDictionary()

    def retry(self, state: RetryCallState) -> bool:
        decision = self._decision(state)
        return decision is not None and decision.retry

    def wait(self, state: RetryCallState) -> float:
        decision = self._decision(state)
        return 0.0 if decision is None else decision.delay or 0.0

    def stop(self, state: RetryCallState) -> bool:
        most = self._asked.policy.attempts
        return most is not None and state.attempt_number >= most

    def _decision(self, state: RetryCallState) -> Decision | None:
        exception = state.outcome.exception() if state.outcome is not None and state.outcome.failed else None
        if not isinstance(exception, Exception):
            return None
        attempts, number, decision = self._under_way.get(state, (None, 0, None))
        if decision is not None and number == state.attempt_number:
            return decision
        attempts = attempts or self._asked.policy.start(random=self._asked.random)
        # An attempt that ended in an explicit `TryAgain` was never seen here, and counts all the same.
        attempts.failed = state.attempt_number - 1
        decision = self._asked.decide_next(exception, attempts)
        self._under_way[state] = attempts, state.attempt_number, decision
        return decision
