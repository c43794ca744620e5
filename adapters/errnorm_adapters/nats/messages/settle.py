"""
Settle a JetStream message around its handler.

    async for msg in subscription.messages:
        async with settle(errors, msg, poison=(ValueError,)):
            await handle(msg)

    @settled(errors, poison=(ValueError,))              # a whole callback
    async def on_message(msg): ...

This works with messages of nats-py, nats-jetstream and natsio, from push and pull consumers. Messages of an ordered consumer are
never acknowledged. Entries of a key-value bucket are not messages and raise `TypeError`.
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


def settle(  # noqa: PLR0913 - options about the messages, each with a safe default
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
    Return an `async with` block that settles a message when the block ends.

    If the block ends normally, the message is acknowledged. If the block raises, `errnorm_adapters.nats.messages.fate` decides
    how to settle the message, the failure is reported once, and the exception is suppressed: a loop around the block continues
    with the next message. The exception is raised only if it breaks the consumer itself, or if the consumer accepts no
    acknowledgements. A cancellation settles nothing, and the server delivers the message again. Guards of `errors` inside the
    block report nothing, because the block reports the failure.

    Args:
        errors: The middleware that reports failures.
        msg: The message. If its handler settles it, the block does not settle it again. With nats-jetstream the handler must not
            settle the message, because that client does not record it.
        poison: Exception classes that mean that the message is bad: it is terminated.
        classify: Returns the settlement for an exception of yours, or `None` to let the rules decide.
        down: Dotted names of exception classes that mean that a service is down; replaces `DOWN`.
        policy: The pauses between deliveries.
        max_deliver: The consumer's maximum number of deliveries. If no row matches the error, the message is terminated at the
            last delivery.
        consumer: The subscription, or the consumer. It is asked for `max_deliver` if that is needed and not given.
        confirm: Whether to wait until the server confirms the acknowledgement. If it does not, the block raises.
        progress: The interval, in seconds, at which the server is told that the handler is still working; `None` for never. It
            must be shorter than the consumer's `ack_wait`, which is 30 s by default.
        operation: A name for the work of the handler, for the reports; use few different values.
        stop: Called with the exception that breaks the consumer, before it is raised; for example, to unsubscribe. It may be a
            coroutine function.
        passing: Exception classes that a framework uses for control flow: they settle nothing and are not reported.
        acks: Whether the consumer accepts acknowledgements. By default, an ordered consumer of nats-py is detected, and every
            other consumer counts as accepting them.

    Returns:
        The block; its `fate` is the decision.

    Raises:
        TypeError: If the message does not come from JetStream.
    """
    rules = Rules(poison=poison, classify=classify, down=down, policy=policy)
    manner = _Manner(consumer, confirm, progress, operation, stop, passing, max_deliver)
    return Settling(errors, Calls(msg, acks=acks), rules, manner)


_Callback = Callable[[Any], Awaitable[object]]
_Settling = Callable[[Any], Coroutine[Any, Any, None]]


def settled(errors: Middleware, **options: Any) -> Callable[[_Callback], _Settling]:  # noqa: ANN401 - the arguments of `settle`
    """
    Return a decorator for a callback: each message is settled when the callback ends.

    Args:
        errors: The middleware that reports failures.
        options: The keyword arguments of `settle`.

    Raises:
        TypeError: If `settle` has no such keyword argument.
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
    """The options of `settle`, which describes each of them."""

    consumer: object
    confirm: bool
    progress: float | None
    operation: str
    stop: Callable[[Exception], object] | None
    passing: tuple[type[BaseException], ...]
    max_deliver: int | None


class Settling:
    """
    The block around the handler of one message; `settle` creates it.

    Attributes:
        fate: The decision about the message; `None` until the block has ended.
    """

    def __init__(self, errors: Middleware, calls: Calls, rules: Rules, manner: _Manner) -> None:
        """Store the arguments of `settle`."""
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
        """Start to tell the server, at intervals, that the handler is still working."""
        self._attempt = begin(lambda: self._is_over)
        if self._manner.progress is not None and self._takes_acks:
            self._worker = asyncio.create_task(self._keep_alive(self._manner.progress))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Settle the message according to the exception, if there is one."""
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
        """The reason why there is nothing to settle; `None` if the message must be settled."""
        if not self._takes_acks:
            return "the consumer accepts no acknowledgements"
        return "the handler has settled it" if self._calls.is_settled else None

    async def _keep_alive(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            with suppress(
                Exception
            ):  # the connection may be back at the next interval; if not, the server delivers the message again
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
            fate = Fate(Settlement.LEAVE, f"{fate.why}; the server did not receive it")
        self._tell(exception, error, fate)
        if fate.settlement is not Settlement.LEAVE:
            return True
        # While the client reconnects, the consumer still exists: the server delivers the message again.
        if failure is not None and not self._errors.normalize(failure, "nats").terminal:
            return True
        await self._stopped(exception)
        return False

    async def _known_delivery(self, exception: Exception, error: NormalizedError) -> Delivery:
        # Ask the server only if the answer matters: for an error that no row matches, and without a limit from the caller.
        if self._delivery.most is not None or self._manner.consumer is None or error.known:
            return self._delivery
        if (
            fate_of(exception, error, replace(self._delivery, most=self._delivery.number), self._rules).settlement
            is not Settlement.TERM
        ):
            return self._delivery
        try:
            return replace(self._delivery, most=await deliveries_of(self._manner.consumer))
        except Exception:  # noqa: BLE001 - without an answer, no message is terminated
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
        except Exception as failure:  # noqa: BLE001 - the exception of the handler is more important
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
    # An exception of the application does not belong to NATS, although a message handler raised it.
    return "nats" if class_names(exception)[0].startswith("nats.") else None
