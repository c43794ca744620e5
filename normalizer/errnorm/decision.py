"""
Decide whether to try again or to stop.

The decision is a pure function: it takes a normalized error, what the caller knows about its operation, and a `RetryPolicy`, and
returns a `Decision`. Time and randomness are arguments. It consists of vetoes, small rules that each know one reason to stop. The
first veto is the answer and no later rule is asked, so no rule can undo what another has forbidden. Only what no rule forbids is
given a pause and tried again.

`RetryState` holds what must be remembered from one attempt to the next: one small object for each operation or connection, made
by `RetryPolicy.start()`.

The step that an error asks for is not always one that the caller can take. A caller that has only the credentials that were just
refused must stop at `reauthenticate`, so `decide()` aborts. A caller that can get other credentials says so with
`fresh_credentials=True` and may try again, until the same authentication error comes a second time. A redirect is followed only
if the caller trusts the other address (`redirects=True`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from random import random as _draw
from typing import TYPE_CHECKING, Self, TypedDict

from errnorm.taxonomy import Category, Effect, Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError

__all__ = ["SERVICE", "Circumstances", "Decision", "RetryPolicy", "RetryState", "Verdict", "decide"]

# Doubled sixty-two times, every pause is longer than its cap; a larger exponent would overflow a float.
_MOST_DOUBLINGS = 62


class Verdict(StrEnum):
    """Whether the same operation is worth another attempt."""

    about: str

    def __new__(cls, value: str, about: str) -> Self:
        """Store the description beside the word."""
        verdict = str.__new__(cls, value)
        verdict._value_ = value
        verdict.about = verdict.__doc__ = about
        return verdict

    RETRY = "retry", "Try again, after the pause and the step that the decision names."
    ABORT = "abort", "Stop: another attempt would fail the same way, do harm, or has been tried often enough."


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What to do about an error.

    Attributes:
        verdict: Retry or abort.

        step: The step that must come first, from the error. It names what would help even if the verdict is abort.

        delay: The pause before the next attempt, in seconds; `None` if there is to be none.

        why: The reason for the verdict, one clause for people. It holds nothing that a peer said.
    """

    verdict: Verdict
    step: Recovery
    delay: float | None
    why: str

    @property
    def retry(self) -> bool:
        """Whether the verdict is retry."""
        return self.verdict is Verdict.RETRY


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """
    How patient to be. The defaults suit an operation that somebody waits for.

    Attributes:
        attempts: How often an operation is attempted in all, the first time included; `None` for no end.

        base: The first pause is drawn from 0 to this many seconds, and each later one from a range twice as wide.

        cap: The widest range a pause is drawn from, in seconds.

        spread: The range of the first pause after a server said it shuts down, in seconds: wide, because all its
            clients come back at the same time.

        longest_hint: The longest pause that is kept because a peer asks for it, in seconds.
    """

    attempts: int | None = 6
    base: float = 0.2
    cap: float = 30.0
    spread: float = 10.0
    longest_hint: float = 300.0

    def start(self, *, random: Callable[[], float] = _draw) -> RetryState:
        """
        Return the memory for one operation or connection.

        Args:
            random: Chance: returns a number from 0 up to 1.
        """
        return RetryState(self, random=random)


SERVICE = RetryPolicy(attempts=None, base=2.0, cap=10.0, spread=10.0)
"""
The policy of a service, which nobody waits for: it is never given up because it was tried often. Of a thousand clients whose
server was away, half are back within 5 s of its return, and they come back over several seconds.
"""


@dataclass(slots=True)
class _Case:
    """One error with everything that a rule may read."""

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
        return "it may have been carried out already, and doing it twice is not safe"
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
        return "it was moved, and nobody says where to"
    return None if case.redirects else "it was moved, and the caller did not agree to follow"


def _tried_enough(case: _Case) -> str | None:
    if case.policy.attempts is not None and case.attempt >= case.policy.attempts:
        return f"it was tried {case.attempt} times"
    return None


# The order decides which reason is given, never the verdict: the reason that explains best comes first.
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
        # Not earlier than asked, and spread among clients that were told the same. A peer that says "at once" each time
        # does not make the pauses shorter than they would be without it.
        return min(max(hint + chance * policy.base, grown), policy.longest_hint), "the peer said when to come back"
    if case.error.reason is Reason.SHUTDOWN_SERVER and case.attempt <= 1:
        return chance * policy.spread, "the server goes away; everybody comes back at different times"
    return grown, "time may mend it"


def hint_of(error: NormalizedError) -> float | None:
    """Return the pause the peer asked for, in seconds; `None` if it asked for none, or for one that cannot be kept."""
    hint = error.retry_after
    return hint if hint is not None and hint >= 0 and not math.isnan(hint) else None


def decide(  # noqa: PLR0913 - everything a caller may know, each with a safe default
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
    Answer the one question about an error: try again, or stop? Never raises, whatever the error is.

    It stops if any of these holds, and tries again only if none does: the error is not retryable; it may have taken effect
    and repeating is not safe; it is the same authentication error as before; it is a redirect that the caller did not
    agree to follow; it was tried often enough.

    Args:
        error: The error.
        idempotent: Whether doing it twice is as good as doing it once.
        attempt: Which attempt this was, from 1.
        previous: The error of the attempt before, if that failed too.
        policy: How patient to be.
        redirects: Whether the caller agrees to go to the `address` of an error that says so.
        fresh_credentials: Whether the caller will use other credentials next time, or ones that it reads anew. It makes
            `reauthenticate` worth one attempt: the same authentication error again is an abort.
        random: Chance: returns a number from 0 up to 1.

    Returns:
        The verdict, the step that comes first, the pause in seconds, and why.
    """
    return _judged(_Case(error, previous, policy or _DEFAULT, attempt, idempotent, redirects, fresh_credentials), random)


_DEFAULT = RetryPolicy()


class Circumstances(TypedDict, total=False):
    """What a caller may know beside the error and the error before: the other keyword arguments of `decide`."""

    idempotent: bool
    attempt: int
    policy: RetryPolicy | None
    redirects: bool
    fresh_credentials: bool
    random: Callable[[], float]


class RetryState:
    """
    The memory between the attempts of one operation or one connection.

    Do not share one between two operations that run at the same time.

    Attributes:
        policy: How patient to be.

        failed: How many attempts have failed since the last success.

        last: The last error; `None` after a success.

        last_auth: The last authentication error since the last success. Other errors may lie between: a server that is
            restarted in the meantime does not make the same password a new one.

        outlived: The retryable error that outlived its retries, if the last decision was to abort because of them.
    """

    __slots__ = ("_random", "failed", "last", "last_auth", "outlived", "policy")

    def __init__(self, policy: RetryPolicy | None = None, *, random: Callable[[], float] = _draw) -> None:
        """Start with nothing tried."""
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
        """Return what `decide` would return, and remember nothing."""
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
        Decide about the error of one more failed attempt, and remember it.

        Args:
            error: The error.
            idempotent: Whether doing it twice is as good as doing it once.
            redirects: Whether the caller agrees to go to the `address` of an error that says so.
            fresh_credentials: Whether the caller will use other credentials next time, or ones that it reads anew.
        """
        decision = self.preview(error, idempotent=idempotent, redirects=redirects, fresh_credentials=fresh_credentials)
        self.last = error
        self.failed += 1
        if self.last.category is Category.AUTH:
            self.last_auth = self.last
        self.outlived = self.last if self.last.retryable and not decision.retry else None
        return decision

    def succeeded(self) -> None:
        """Forget everything: it worked."""
        self.failed = 0
        self.last = self.last_auth = self.outlived = None
