"""
Decide how to settle a message whose handler failed: a pure function of the exception and of the delivery.

A handler can fail for three kinds of reasons, and each needs a different answer to the server:

* The *message* is bad: it will fail every time. It is terminated, with the reason.
* A *service* that the handler needs is down. The message is redelivered, after a pause that grows with the number of deliveries.
* The *consumer itself* is broken: its connection is closed, or it lacks a permission. No message can succeed, so nothing is
  settled. The exception is raised, and the server keeps every message for a consumer that works.

The first rule that applies decides:

1. The caller's `classify` returns a settlement for the exception.
2. The exception belongs to the caller's `poison` classes: the message is bad.
3. An error of NATS ended the consumer's connection, or needs other credentials or permissions: the consumer is broken.
4. The error is retryable, or is an exception of a database or HTTP client (`DOWN`): a service is down.
5. The error needs another request (`modify`): the message is bad, because the same bytes make the same request.
6. Any other error is treated like a service that is down. The message is terminated only at the last delivery; otherwise a bug in
   the handler, which the next release corrects, would lose every message until then.
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
"""The pauses between deliveries: at most one second before the second delivery, then doubled each time, up to five minutes."""

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
Exception classes of databases and HTTP clients that mean that a service is down, by their dotted names. Errors of the operating
system and Python's time-outs count without being listed.
"""

_MOST_DOUBLINGS = 62


class Settlement(StrEnum):
    """The answers to the server about a message."""

    ACK = "ack"
    """The message was processed."""
    NAK = "nak"
    """The server is asked to deliver the message again, after a pause."""
    TERM = "term"
    """The message is terminated: the server does not deliver it again."""
    LEAVE = "leave"
    """No answer: the server delivers the message again after its ack_wait, perhaps to another consumer."""

    @property
    def about(self) -> str:
        """The meaning of the value, as a sentence."""
        return member_docs(Settlement)[self.name][0]


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One delivery of a message.

    Attributes:
        number: The number of deliveries of the message, including this one.

        most: The maximum number of deliveries (`max_deliver` of the consumer); `None` if there is no limit or it is not known.
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
    The decision about a message.

    Attributes:
        settlement: The answer to the server.

        why: The reason, as a text of the application or this library; it contains no data of the message or a peer.

        delay: The pause before the next delivery, in seconds; `None` if no redelivery is requested.
    """

    settlement: Settlement
    why: str
    delay: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    The caller's rules for its own exceptions and messages.

    Attributes:
        poison: Exception classes that mean that the message is bad.

        classify: Returns the settlement for an exception, or `None` to let the other rules decide. If it raises, that counts
            as `None`.

        down: Dotted names of exception classes that mean that a service is down.

        policy: The pauses between deliveries.

        random: Returns a random number from 0 to 1, for the length of a pause.
    """

    poison: tuple[type[BaseException], ...] = ()
    classify: Callable[[Exception], Settlement | None] | None = None
    down: tuple[str, ...] = DOWN
    policy: RetryPolicy = MESSAGES
    random: Callable[[], float] = _draw


@dataclass(frozen=True, slots=True)
class _Case:
    """One failure with all data that a rule may read."""

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
    Decide how to settle a message whose handler raised.

    Args:
        exception: The exception that the handler raised.
        error: The normalized error of the exception.
        delivery: The delivery of the message.
        rules: The caller's rules for its own exceptions.

    Returns:
        The decision, with its reason.
    """
    case = _Case(exception, error, delivery, rules)
    return next((fate for rule in _RULES if (fate := rule(case)) is not None), None) or case.again(case.name)


def _classified(case: _Case) -> Fate | None:
    if case.rules.classify is None:
        return None
    try:
        answer = case.rules.classify(case.exception)
    except Exception:  # noqa: BLE001 - an exception of the application's function is not a decision
        return None
    why = f"{type(case.exception).__name__}: classified by the application"
    return case.again(why) if answer is Settlement.NAK else None if answer is None else Fate(answer, why)


def _poisoned(case: _Case) -> Fate | None:
    if any(isinstance(one, case.rules.poison) for one in _all(case.exception)):
        return Fate(Settlement.TERM, f"{type(case.exception).__name__}: the message is bad")
    return None


def _consumer_broken(case: _Case) -> Fate | None:
    error = case.error
    # Only errors of the consumer's own client count: if another service refuses credentials, this connection is not affected.
    if error.signal.protocol != "nats" or not (error.terminal or (error.category is Category.AUTH and not error.retryable)):
        return None
    return Fate(Settlement.LEAVE, f"{error.reason}: the consumer is broken")


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
    policy, chance = rules.policy, rules.random()
    widest = min(policy.cap, policy.base * 2.0 ** min(max(number - 1, 0), _MOST_DOUBLINGS))
    # Only half of the pause is random: a message that fails at once must not be redelivered at once.
    grown = widest * (0.5 + 0.5 * chance)
    hint = hint_of(error)
    # Not earlier than the error asks, and with a random part, so that messages with the same hint do not all return at once.
    return grown if hint is None else min(max(hint + chance * policy.base, grown), policy.longest_hint)
