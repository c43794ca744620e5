"""
Decide whether to retry or to stop.

`decide` is a pure function: it takes a normalized error, what the caller knows about its operation, and a `RetryPolicy`, and
returns a `Decision`. Randomness is an argument. The function applies vetoes, small rules that each check one reason to stop. The
first veto that applies aborts and no later rule runs, so no rule can undo what another has forbidden. If no veto applies, the
decision is to retry after a pause.

`RetryState` stores what must be remembered from one attempt to the next. `RetryPolicy.start()` makes one such object for each
operation or connection.

An error names the step that must come first, and the caller cannot always take it. A caller that has only the credentials that
were just refused cannot take the step `reauthenticate`, so `decide()` aborts. A caller that can get other credentials passes
`fresh_credentials=True`; `decide()` then returns retry, until the same authentication error comes twice in a row. For a redirect,
`decide()` returns retry only if the caller agrees to connect to the other address (`redirects=True`).
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self, TypedDict

from errnorm.frozen import Frozen
from errnorm.taxonomy import Category, Effect, Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError

__all__ = ["SERVICE", "Circumstances", "Decision", "RetryPolicy", "RetryState", "Verdict", "decide"]

# After 62 doublings every pause has reached its cap. A larger exponent could overflow a float.
_MOST_DOUBLINGS = 62


def _draw() -> float:
    """Return a random number from 0 up to 1."""
    from random import random  # noqa: PLC0415 - importing the library must be fast, and few programs need it at once

    return random()  # noqa: S311 - a pause is no secret


class Verdict(StrEnum):
    """Whether to attempt the same operation again."""

    about: str

    def __new__(cls, value: str, about: str) -> Self:
        """Store the description of the member as its attribute `about`."""
        verdict = str.__new__(cls, value)
        verdict._value_ = value
        verdict.about = verdict.__doc__ = about
        return verdict

    RETRY = "retry", "Try again, after the pause and the step that the decision names."
    ABORT = "abort", "Stop: another attempt would fail the same way, do harm, or has been tried often enough."


class Decision(Frozen):
    """
    What to do about an error.

    Attributes:
        verdict: Retry or abort.

        step: The step that must come before another attempt, from the error. It is also set if the verdict is abort.

        delay: The pause before the next attempt, in seconds; `None` if there is no next attempt, or if the client library sets
            the pause.

        why: The reason for the verdict, as one clause for people. It contains no text from a peer.
    """

    verdict: Verdict
    step: Recovery
    delay: float | None
    why: str

    @property
    def retry(self) -> bool:
        """Whether the verdict is retry."""
        return self.verdict is Verdict.RETRY


class RetryPolicy(Frozen, kw_only=True):
    """
    How often and how long to retry. The defaults are for an operation whose caller waits for the result.

    Attributes:
        attempts: The maximum number of attempts, the first one included; `None` for no limit.

        base: The first pause is a random number from 0 to this many seconds. The range doubles with each further attempt.

        cap: The upper limit of that range, in seconds.

        spread: The range of the first pause after a server has announced its shutdown, in seconds. It is wide, because
            otherwise all clients of that server would reconnect at the same time.

        longest_hint: The longest pause that a peer can ask for, in seconds. A longer one is cut to this.
    """

    attempts: int | None = 6
    base: float = 0.2
    cap: float = 30.0
    spread: float = 10.0
    longest_hint: float = 300.0

    def start(self, *, random: Callable[[], float] = _draw) -> RetryState:
        """
        Return a new `RetryState` for one operation or connection.

        Args:
            random: A function that returns a random number from 0 up to 1.
        """
        return RetryState(self, random=random)


SERVICE = RetryPolicy(attempts=None, base=2.0, cap=10.0, spread=10.0)
"""
The policy of a service that runs in the background: it has no limit of attempts. If a server with a thousand clients comes back,
half of them are connected again within 5 s, spread over several seconds.
"""


class _Case(NamedTuple):
    """One error, with everything that a veto may read."""

    error: NormalizedError
    previous: NormalizedError | None
    policy: RetryPolicy
    attempt: int
    idempotent: bool
    redirects: bool
    fresh_credentials: bool

    @property
    def step(self) -> Recovery:
        return self.error.recovery


def _not_retryable(case: _Case) -> str | None:
    if case.error.retryable or (case.step is Recovery.REAUTHENTICATE and case.fresh_credentials):
        return None
    return _REFUSALS[case.step] if case.error.known else "nothing is known about this error"


_REFUSALS = {
    Recovery.NONE: "there is nothing to recover",
    Recovery.REAUTHENTICATE: "other credentials are needed first",
    Recovery.MODIFY: "the same request would be refused again",
    Recovery.ABANDON: "the answer is final, or somebody else must act first",
}


def _done_already(case: _Case) -> str | None:
    if case.error.effect is Effect.UNKNOWN and not case.idempotent:
        return "the operation may already have been executed, and repeating it is not safe"
    return None


def _same_auth_error(case: _Case) -> str | None:
    if case.error.category is not Category.AUTH or case.error.retryable:
        return None  # a user database that is down is not a wrong password
    if case.previous is not None and _same(case.previous, case.error):
        return "the same authentication error came twice in a row"
    return None


def _same(one: NormalizedError, other: NormalizedError) -> bool:
    return one.reason is other.reason and one.protocol == other.protocol


def _no_consent(case: _Case) -> str | None:
    if case.step is not Recovery.REDIRECT:
        return None
    if not case.error.address:
        return "the peer redirects to another server, but names no address"
    return None if case.redirects else "the peer redirects to another server, and the caller did not agree to follow"


def _tried_enough(case: _Case) -> str | None:
    if case.policy.attempts is not None and case.attempt >= case.policy.attempts:
        return f"it was tried {case.attempt} times"
    return None


# The order of the rules does not change the verdict, only `Decision.why`: the reason that explains most comes first.
_VETOES: tuple[Callable[[_Case], str | None], ...] = (
    _not_retryable,
    _done_already,
    _same_auth_error,
    _no_consent,
    _tried_enough,
)


def _veto(case: _Case) -> str | None:
    for rule in _VETOES:
        if (why := rule(case)) is not None:
            return why
    return None


def _judged(case: _Case, random: Callable[[], float]) -> Decision:
    why = _veto(case)
    if why is not None:
        return Decision(Verdict.ABORT, case.step, None, why)
    return Decision(Verdict.RETRY, case.step, *_pause(case, random))


def _pause(case: _Case, random: Callable[[], float]) -> tuple[float, str]:
    policy, chance = case.policy, random()
    # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    doublings = min(max(case.attempt - 1, 0), _MOST_DOUBLINGS)
    grown = chance * min(policy.cap, policy.base * 2.0**doublings)
    hint = hint_of(case.error)
    if hint is not None:
        # At least as long as the peer asked, plus a random part so that clients with the same hint do not return together.
        # A hint of 0 s does not make the pauses shorter than they would be without a hint.
        return min(max(hint + chance * policy.base, grown), policy.longest_hint), "the peer named the time to wait"
    if case.error.reason is Reason.SHUTDOWN_SERVER and case.attempt <= 1:
        return chance * policy.spread, "the server is shutting down; a random pause spreads the clients that reconnect"
    return grown, "the error may pass with time"


def hint_of(error: NormalizedError) -> float | None:
    """Return the pause that the peer asked for, in seconds; `None` if there is none, or if it is negative or not a number."""
    hint = error.retry_after
    return hint if hint is not None and hint >= 0 and not math.isnan(hint) else None


def decide(  # noqa: PLR0913 - each fact that a caller may know has a safe default
    error: NormalizedError,
    *,
    idempotent: bool = False,
    attempt: int = 1,
    previous: NormalizedError | None = None,
    policy: RetryPolicy | None = None,
    redirects: bool = False,
    fresh_credentials: bool = False,
    random: Callable[[], float] = _draw,
) -> Decision:
    """
    Decide whether to retry the operation that failed, or to stop. Never raises, for any error.

    The verdict is abort if at least one of these is true, and retry otherwise:

    * the error is not retryable;
    * the operation may have taken effect, and executing it twice is not safe;
    * the same authentication error came twice in a row;
    * the error is a redirect, and it names no address or the caller did not agree to follow it;
    * the policy allows no further attempt.

    Args:
        error: The normalized error.
        idempotent: Whether executing the operation twice is safe.
        attempt: The number of the attempt that failed, from 1.
        previous: The error of the previous attempt, if that failed too.
        policy: How often and how long to retry; `RetryPolicy()` if not given.
        redirects: Whether the caller agrees to connect to the `address` of the error.
        fresh_credentials: Whether the caller will use other credentials for the next attempt, or reads them again. An error
            with the recovery `reauthenticate` can then be retried once; the same authentication error again is an abort.
        random: A function that returns a random number from 0 up to 1.

    Returns:
        The verdict, the step that must come first, the pause in seconds, and the reason for the verdict.
    """
    return _judged(_Case(error, previous, policy or _DEFAULT, attempt, idempotent, redirects, fresh_credentials), random)


_DEFAULT = RetryPolicy()


class Circumstances(TypedDict, total=False):
    """The keyword arguments of `decide` that describe the operation, all but `previous`."""

    idempotent: bool
    attempt: int
    policy: RetryPolicy | None
    redirects: bool
    fresh_credentials: bool
    random: Callable[[], float]


class RetryState:
    """
    What is remembered between the attempts of one operation or one connection.

    Do not share a state between two operations that run at the same time.

    Attributes:
        policy: How often and how long to retry.

        failed: How many attempts have failed since the last success.

        last: The last error; `None` after a success.

        last_auth: The last authentication error since the last success. It is kept when other errors follow, because a server
            that restarts in between does not make a refused password valid.

        outlived: The last error, if it is retryable and the last decision was nevertheless to abort.
    """

    __slots__ = ("_random", "failed", "last", "last_auth", "outlived", "policy")

    def __init__(self, policy: RetryPolicy | None = None, *, random: Callable[[], float] = _draw) -> None:
        """Create the state before the first attempt."""
        self.policy = policy or _DEFAULT
        self._random = random
        self.failed = 0
        self.last: NormalizedError | None = None
        self.last_auth: NormalizedError | None = None
        self.outlived: NormalizedError | None = None

    def preview(
        self,
        error: NormalizedError,
        *,
        idempotent: bool = False,
        redirects: bool = False,
        fresh_credentials: bool = False,
    ) -> Decision:
        """Return the decision that `decide` would return, without changing the state."""
        return decide(
            error,
            idempotent=idempotent,
            attempt=self.failed + 1,
            previous=self.last_auth or self.last,
            policy=self.policy,
            redirects=redirects,
            fresh_credentials=fresh_credentials,
            random=self._random,
        )

    def decide(
        self,
        error: NormalizedError,
        *,
        idempotent: bool = False,
        redirects: bool = False,
        fresh_credentials: bool = False,
    ) -> Decision:
        """
        Decide about the error of one more failed attempt, and store it.

        Args:
            error: The normalized error.
            idempotent: Whether executing the operation twice is safe.
            redirects: Whether the caller agrees to connect to the `address` of the error.
            fresh_credentials: Whether the caller will use other credentials for the next attempt, or reads them again.
        """
        decision = self.preview(error, idempotent=idempotent, redirects=redirects, fresh_credentials=fresh_credentials)
        self.last = error
        self.failed += 1
        if self.last.category is Category.AUTH:
            self.last_auth = self.last
        self.outlived = self.last if self.last.retryable and not decision.retry else None
        return decision

    def succeeded(self) -> None:
        """Reset the state after an attempt that succeeded."""
        self.failed = 0
        self.last = self.last_auth = self.outlived = None
