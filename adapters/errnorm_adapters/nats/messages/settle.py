"""
Settle a JetStream message around its handler.

    async for msg in subscription.messages:
        async with settle(errors, msg, poison=(ValueError,)):
            await handle(msg)

    @settled(errors, poison=(ValueError,))              # a whole callback
    async def on_message(msg): ...

It works with the messages of nats-py, nats-jetstream and natsio, from push and pull consumers. A message of an ordered consumer
is never acknowledged. An entry of a key-value bucket is not a message, and is refused.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from errnorm.attempts import begin
from errnorm.decision import Decision, Verdict
from errnorm.exceptions import class_names
from errnorm.taxonomy import Recovery
from errnorm_adapters.nats.messages.calls import Calls, deliveries_of
from errnorm_adapters.nats.messages.fate import DOWN, MESSAGES, Delivery, Fate, Rules, Settlement, fate_of

if TYPE_CHECKING:
    from types import TracebackType

    from errnorm.decision import RetryPolicy
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["Settling", "settle", "settled"]

_log = logging.getLogger("errnorm")


def settle(  # noqa: PLR0913 - what a caller may know of its messages, each with a safe default
    errors: Middleware,
    msg: Any,  # noqa: ANN401 - of a library that is not imported
    *,
    poison: tuple[type[BaseException], ...] = (),
    classify: Callable[[Exception], Settlement | None] | None = None,
    down: tuple[str, ...] = DOWN,
    policy: RetryPolicy = MESSAGES,
    max_deliver: int | None = None,
    consumer: object = None,
    confirm: bool = False,
    progress: float | None = 10.0,
    operation: str = "process",
    stop: Callable[[Exception], object] | None = None,
    passing: tuple[type[BaseException], ...] = (),
    acks: bool | None = None,
) -> Settling:
    """
    Return a block for `async with` that settles a message by how the block ends.

    If the block ends normally the message is acknowledged. If it raises, `errnorm_adapters.nats.messages.fate` says what becomes
    of the message, the failure is told once, and the block swallows the exception: the loop around it goes on with the next
    message. An exception is raised only if it breaks the consumer itself, or if the consumer takes no acknowledgements. A
    cancellation settles nothing, and the server delivers the message again. Guards of `errors` inside leave it to the block to
    tell what failed.

    Args:
        errors: The middleware that tells failures.
        msg: The message. Its handler may settle it itself; it is then left alone (nats-jetstream does not say so: there, do not).
        poison: Exception classes that mean that the message is bad: it is terminated.
        classify: Returns what becomes of the message for an exception of yours; `None` to let the rules decide.
        down: Dotted names of exception classes that mean that something is down; replaces `DOWN`.
        policy: How long the pauses between deliveries are.
        max_deliver: How often the consumer delivers a message; an error that no row knows is given up at the last delivery.
        consumer: The subscription, or the consumer; it is asked for `max_deliver` when that is needed and not given.
        confirm: Whether to wait until the server has the acknowledgement. If it does not answer, that is raised.
        progress: After how many seconds, again and again, the server is told that the handler is still at work; `None` for never.
            It must be shorter than the consumer's `ack_wait`, which is 30 s by default.
        operation: What the handler does, in a word of few possible values.
        stop: Called with the exception that breaks the consumer before it is raised, to unsubscribe, for one. May be a coroutine.
        passing: Exception classes by which a framework controls its own flow: they settle nothing, and nobody is told.
        acks: Whether the consumer takes acknowledgements. If not given, an ordered consumer of nats-py is recognised, and every
            other one is taken for one that does.

    Raises:
        TypeError: If the message does not come from JetStream.
    """
    rules = Rules(poison=poison, classify=classify, down=down, policy=policy)
    manner = _Manner(consumer, confirm, progress, operation, stop, passing, max_deliver)
    return Settling(errors, Calls(msg, acks=acks), rules, manner)


_Callback = Callable[[Any], Awaitable[object]]
_Settling = Callable[[Any], Coroutine[Any, Any, None]]


def settled(errors: Middleware, **options: Any) -> Callable[[_Callback], _Settling]:  # noqa: ANN401 - those of `settle`
    """
    Return a decorator for a whole callback: each message it gets is settled by how the callback ends.

    Args:
        errors: The middleware that tells failures.
        options: The keyword arguments of `settle`.

    Raises:
        TypeError: If there is no such keyword argument.
    """
    inspect.signature(settle).bind(errors, None, **options)

    def decorate(callback: _Callback) -> _Settling:
        @functools.wraps(callback)
        async def settling(msg: Any) -> None:  # noqa: ANN401 - as above
            async with settle(errors, msg, **options):
                await callback(msg)

        return settling

    return decorate


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a message is settled; `settle` says what each field means."""

    consumer: object
    confirm: bool
    progress: float | None
    operation: str
    stop: Callable[[Exception], object] | None
    passing: tuple[type[BaseException], ...]
    max_deliver: int | None


class Settling:
    """
    The block around one handler of one message; `settle` makes it.

    Attributes:
        fate: What became of the message; `None` until the block has ended.
    """

    def __init__(self, errors: Middleware, calls: Calls, rules: Rules, manner: _Manner) -> None:
        """Store what `settle` was given."""
        self.fate: Fate | None = None
        self._errors = errors
        self._calls = calls
        self._rules = rules
        self._delivery = Delivery(calls.number, manner.max_deliver)
        self._manner = manner
        self._takes_acks = calls.takes_acks
        self._worker: asyncio.Task[None] | None = None
        self._is_over = False

    async def __aenter__(self) -> Self:
        """Begin to tell the server that the handler is at work."""
        self._attempt = begin(lambda: self._is_over)
        if self._manner.progress is not None and self._takes_acks:
            self._worker = asyncio.create_task(self._keep_alive(self._manner.progress))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Settle the message."""
        self._is_over = True
        self._attempt.settle(exception)
        if self._worker is not None:
            self._worker.cancel()
        if exception is None:
            await self._acknowledge()
            return False
        if not isinstance(exception, Exception) or isinstance(exception, self._manner.passing):
            self._ended(Fate(Settlement.LEAVE, f"{type(exception).__name__}: the handler was interrupted"))
            return False
        return await self._settle(exception)

    @property
    def _settles_nothing(self) -> str | None:
        """Why there is nothing to settle, if there is nothing."""
        if not self._takes_acks:
            return "the consumer takes no acknowledgements"
        return "the handler has settled it" if self._calls.is_settled else None

    async def _keep_alive(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            with suppress(Exception):  # the connection may be back at the next turn; if not, the message is delivered again
                await self._calls.in_progress()

    async def _acknowledge(self) -> None:
        if (why := self._settles_nothing) is not None:
            self._ended(Fate(Settlement.LEAVE, why), passed=True)
            return
        fate = Fate(Settlement.ACK, "the handler has processed it")
        failure = await self._carried_out(fate)
        if failure is None:
            self._ended(fate, passed=True)
            return
        fate = Fate(Settlement.LEAVE, "the acknowledgement did not reach the server")
        self._tell(failure, self._errors.normalize(failure, "nats"), fate)
        if self._manner.confirm:
            raise failure

    async def _settle(self, exception: Exception) -> bool:
        error = self._errors.normalize(exception, _protocol(exception))
        if (why := self._settles_nothing) is not None:
            self._tell(exception, error, Fate(Settlement.LEAVE, why))
            return self._takes_acks
        fate = fate_of(exception, error, await self._known_delivery(exception, error), self._rules)
        if (failure := await self._carried_out(fate)) is not None:
            fate = Fate(Settlement.LEAVE, f"{fate.why}; the server could not be told")
        self._tell(exception, error, fate)
        if fate.settlement is not Settlement.LEAVE:
            return True
        # A connection that is being opened again is not the end of the consumer: the server delivers the message once more.
        if failure is not None and not self._errors.normalize(failure, "nats").terminal:
            return True
        await self._stopped(exception)
        return False

    async def _known_delivery(self, exception: Exception, error: NormalizedError) -> Delivery:
        # The server is asked only if the answer matters: for what neither the caller nor a row knows.
        if self._delivery.most is not None or self._manner.consumer is None or error.known:
            return self._delivery
        if (
            fate_of(exception, error, replace(self._delivery, most=self._delivery.number), self._rules).settlement
            is not Settlement.TERM
        ):
            return self._delivery
        try:
            return replace(self._delivery, most=await deliveries_of(self._manner.consumer))
        except Exception:  # noqa: BLE001 - without an answer no message is given up
            return self._delivery

    async def _carried_out(self, fate: Fate) -> Exception | None:
        if fate.settlement is Settlement.LEAVE:
            return None
        try:
            if fate.settlement is Settlement.NAK:
                await self._calls.nak(fate.delay)
            elif fate.settlement is Settlement.TERM:
                await self._calls.term(fate.why)
            else:
                await self._calls.ack(confirm=self._manner.confirm)
        except Exception as failure:  # noqa: BLE001 - what the handler raised is worth more
            _log.debug("errnorm: a message could not be settled: %s", class_names(failure)[0])
            return failure
        return None

    async def _stopped(self, exception: Exception) -> None:
        if self._manner.stop is None:
            return
        try:
            stopping = self._manner.stop(exception)
            if inspect.isawaitable(stopping):
                await stopping
        except Exception as failure:  # noqa: BLE001 - as above
            _log.debug("errnorm: the consumer could not be stopped: %s", class_names(failure)[0])

    def _tell(self, exception: Exception, error: NormalizedError, fate: Fate) -> None:
        again = fate.settlement is Settlement.NAK
        step = error.recovery if error.known else Recovery.WAIT if again else Recovery.ABANDON
        self._errors.report(
            exception,
            _protocol(exception),
            operation=self._manner.operation,
            idempotent=True,
            peer=self._calls.peer,
            attempt=self._delivery.number,
            decision=Decision(Verdict.RETRY if again else Verdict.ABORT, step, fate.delay, f"{fate.settlement}: {fate.why}"),
            outcome="retried" if again else "handled" if fate.settlement is Settlement.ACK else "failed",
        )
        self._ended(fate, error)

    def _ended(self, fate: Fate, error: NormalizedError | None = None, *, passed: bool = False) -> None:
        self.fate = fate
        self._errors.settled(fate.settlement.value, "nats", operation=self._manner.operation, error=error, passed=passed)


def _protocol(exception: Exception) -> str | None:
    # An exception of the application is not attributed to NATS because it came up in a handler of a message.
    return "nats" if class_names(exception)[0].startswith("nats.") else None
