"""
Decide what becomes of a message whose handler failed: a pure function of the exception and of what is known of the delivery.

A handler that fails has three ways out, and each needs another answer to the server:

* The *message* is bad: it will fail every time. It is terminated, with the reason.
* *Something is down* that the handler needs. The message is asked for again, after a pause that grows with its deliveries.
* *The consumer itself* is broken: its connection is closed, or it lacks a permission. No message can succeed, so nothing is
  settled; the exception is raised, and every message stays for a consumer that works.

The first rule that applies decides:

1. The caller's `classify` answers for an exception of its own.
2. The caller's `poison` classes are bad messages.
3. An error of NATS that ended the consumer's connection, or that only other credentials or permissions mend, breaks the consumer.
4. A retryable error, and an exception of a database or HTTP client (`DOWN`), means that something is down.
5. An error that asks for another request (`modify`) is a bad message: the same bytes make the same request.
6. Anything else is treated as something that is down. It is given up only at the last delivery, because a bug that is mended by
   the next release would otherwise cost every message in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import random as _draw
from typing import TYPE_CHECKING

from errnorm.decision import RetryPolicy, hint_of
from errnorm.exceptions import class_names, leaves_of
from errnorm.member_docs import member_docs
from errnorm.taxonomy import Category, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from errnorm.error import NormalizedError

__all__ = ["DOWN", "MESSAGES", "Delivery", "Fate", "Rules", "Settlement", "fate_of"]

MESSAGES = RetryPolicy(attempts=None, base=1.0, cap=300.0)
"""The pauses between deliveries: one second at most before the second, then twice as long each time, up to five minutes."""

DOWN: tuple[str, ...] = (
    "aiohttp.client_exceptions.ClientConnectionError",
    "aiohttp.client_exceptions.ServerTimeoutError",
    "asyncpg.exceptions.PostgresConnectionError",
    "asyncpg.exceptions.TooManyConnectionsError",
    "asyncpg.exceptions._base.InterfaceError",
    "httpx.TransportError",
    "psycopg.OperationalError",
    "pymongo.errors.AutoReconnect",
    "redis.exceptions.ConnectionError",
    "redis.exceptions.TimeoutError",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.Timeout",
    "sqlalchemy.exc.OperationalError",
)
"""
Exceptions of databases and HTTP clients that mean that something is down, by the dotted names of their classes. Errors of the
operating system and time-outs of Python are known without being listed.
"""

_MOST_DOUBLINGS = 62


class Settlement(StrEnum):
    """What the server is told about a message."""

    ACK = "ack"
    """The message was processed."""
    NAK = "nak"
    """The message is asked for again, after a pause."""
    TERM = "term"
    """The message is given up: the server does not deliver it again."""
    LEAVE = "leave"
    """Nothing: the server delivers it again after its ack_wait, perhaps to another consumer."""

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return member_docs(Settlement)[self.name][0]


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One delivery of a message.

    Attributes:
        number: How often the message was delivered, this time included.

        most: How often the consumer delivers a message at most (`max_deliver`); `None` if it has no limit or it is not known.
    """

    number: int = 1
    most: int | None = None

    @property
    def is_last(self) -> bool:
        """Whether the server will not deliver the message again."""
        return self.most is not None and self.most > 0 and self.number >= self.most


@dataclass(frozen=True, slots=True)
class Fate:
    """
    What becomes of a message.

    Attributes:
        settlement: What the server is told.

        why: Why, in words of the application and this library; nothing in it comes from the message or a peer.

        delay: The pause before the next delivery, in seconds; `None` if the message is not asked for again.
    """

    settlement: Settlement
    why: str
    delay: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    What the caller says about its own exceptions and messages.

    Attributes:
        poison: Exception classes that mean that the message is bad.

        classify: Returns what becomes of a message for an exception, or `None` to let the rules decide. What it raises is
            treated as `None`.

        down: Dotted names of exception classes that mean that something is down.

        policy: How long the pauses are.

        random: Returns a number from 0 up to 1.
    """

    poison: tuple[type[BaseException], ...] = ()
    classify: Callable[[Exception], Settlement | None] | None = None
    down: tuple[str, ...] = DOWN
    policy: RetryPolicy = MESSAGES
    random: Callable[[], float] = _draw


@dataclass(frozen=True, slots=True)
class _Case:
    """One failure with everything that a rule may read."""

    exception: Exception
    error: NormalizedError
    delivery: Delivery
    rules: Rules

    @property
    def name(self) -> str:
        return str(self.error.reason) if self.error.known else type(self.exception).__name__

    def again(self, why: str) -> Fate:
        return Fate(Settlement.NAK, why, _pause(self.error, self.delivery.number, self.rules))


def fate_of(exception: Exception, error: NormalizedError, delivery: Delivery, rules: Rules) -> Fate:
    """
    Return what becomes of a message whose handler raised.

    Args:
        exception: What the handler raised.
        error: What that is, normalized.
        delivery: Which delivery of the message it was.
        rules: What the caller says about its own exceptions.
    """
    case = _Case(exception, error, delivery, rules)
    return next((fate for rule in _RULES if (fate := rule(case)) is not None), None) or case.again(case.name)


def _classified(case: _Case) -> Fate | None:
    if case.rules.classify is None:
        return None
    try:
        answer = case.rules.classify(case.exception)
    except Exception:  # noqa: BLE001 - the application's own function must not decide by failing
        return None
    why = f"{type(case.exception).__name__}: so classified by the application"
    return case.again(why) if answer is Settlement.NAK else None if answer is None else Fate(answer, why)


def _poisoned(case: _Case) -> Fate | None:
    if any(isinstance(one, case.rules.poison) for one in _all(case.exception)):
        return Fate(Settlement.TERM, f"{type(case.exception).__name__}: the message is bad")
    return None


def _consumer_broken(case: _Case) -> Fate | None:
    error = case.error
    # Only errors of the consumer's own client: credentials that another service refuses say nothing about this connection.
    if error.signal.protocol != "nats" or not (error.terminal or (error.category is Category.AUTH and not error.retryable)):
        return None
    return Fate(Settlement.LEAVE, f"{error.reason}: the consumer cannot go on")


def _something_down(case: _Case) -> Fate | None:
    down = any(not set(case.rules.down).isdisjoint(class_names(one)) for one in _all(case.exception))
    return case.again(case.name) if case.error.retryable or down else None


def _request_refused(case: _Case) -> Fate | None:
    if case.error.known and case.error.recovery is Recovery.MODIFY:
        return Fate(Settlement.TERM, f"{case.error.reason}: the same message would fail again")
    return None


def _given_up(case: _Case) -> Fate | None:
    if case.delivery.is_last:
        return Fate(Settlement.TERM, f"{case.name}: failed at each of {case.delivery.number} deliveries")
    return None


# In the order of the list at the top of this file.
_RULES: tuple[Callable[[_Case], Fate | None], ...] = (
    _classified,
    _poisoned,
    _consumer_broken,
    _something_down,
    _request_refused,
    _given_up,
)


def _all(exception: Exception) -> Iterable[BaseException]:
    return [exception, *leaves_of(exception)]


def _pause(error: NormalizedError, number: int, rules: Rules) -> float:
    policy = rules.policy
    widest = min(policy.cap, policy.base * 2.0 ** min(max(number - 1, 0), _MOST_DOUBLINGS))
    # Half of it is certain: a message that fails at once must not come back at once.
    grown = widest * (0.5 + 0.5 * rules.random())
    hint = hint_of(error)
    return grown if hint is None else min(max(hint, grown), policy.longest_hint)
