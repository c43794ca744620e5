"""
Settle a JetStream message around its handler.

    async for msg in subscription.messages:
        async with settle(errors, msg, poison=(ValueError,)):
            await handle(msg)

    @settled(errors, poison=(ValueError,))              # a whole callback
    async def on_message(msg): ...

It works with the messages of nats-py and of nats-jetstream, from push and pull consumers. The client is used through its public
calls only.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from errnorm.decision import Decision, Verdict
from errnorm.exceptions import class_names
from errnorm.taxonomy import Recovery
from errnorm_adapters.nats.messages.fate import DOWN, MESSAGES, Delivery, Fate, Rules, Settlement, fate_of

if TYPE_CHECKING:
    from types import TracebackType

    from errnorm.decision import RetryPolicy
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["Settling", "settle", "settled"]

_log = logging.getLogger("errnorm")

_LONGEST_REASON = 256


class _Consumer(Protocol):
    """A subscription of nats-py."""

    async def consumer_info(self) -> Any:  # noqa: ANN401 - of a library that is not imported
        """Ask the server about the consumer."""
        ...


def settle(  # noqa: PLR0913 - what a caller may know of its messages, each with a safe default
    errors: Middleware,
    msg: Any,  # noqa: ANN401 - of a library that is not imported
    *,
    poison: tuple[type[BaseException], ...] = (),
    classify: Callable[[Exception], Settlement | None] | None = None,
    down: tuple[str, ...] = DOWN,
    policy: RetryPolicy = MESSAGES,
    max_deliver: int | None = None,
    consumer: _Consumer | None = None,
    confirm: bool = False,
    progress: float | None = 10.0,
    operation: str = "process",
    stop: Callable[[Exception], object] | None = None,
    passing: tuple[type[BaseException], ...] = (),
) -> Settling:
    """
    Return a block for `async with` that settles a message by how the block ends.

    If the block ends normally the message is acknowledged. If it raises, `errnorm_adapters.nats.messages.fate` says what becomes
    of the message, the failure is told once, and the block swallows the exception: the loop around it goes on with the next
    message. Only an exception that breaks the consumer itself is raised. A cancellation settles nothing, and the server delivers
    the message again.

    Args:
        errors: The middleware that tells failures.
        msg: The message. Its handler may settle it itself; it is then left alone.
        poison: Exception classes that mean that the message is bad: it is terminated.
        classify: Returns what becomes of the message for an exception of yours; `None` to let the rules decide.
        down: Dotted names of exception classes that mean that something is down; replaces `DOWN`.
        policy: How long the pauses between deliveries are.
        max_deliver: How often the consumer delivers a message; an error that no row knows is given up at the last delivery.
        consumer: The subscription; it is asked for `max_deliver` when that is needed and not given.
        confirm: Whether to wait until the server has the acknowledgement. If it does not answer, that is raised.
        progress: After how many seconds, again and again, the server is told that the handler is still at work; `None` for never.
            It must be shorter than the consumer's `ack_wait`, which is 30 s by default.
        operation: What the handler does, in a word of few possible values.
        stop: Called with the exception that breaks the consumer before it is raised, to unsubscribe, for one. May be a coroutine.
        passing: Exception classes by which a framework controls its own flow: they settle nothing, and nobody is told.

    Raises:
        TypeError: If the message does not come from JetStream.
    """
    rules = Rules(poison=poison, classify=classify, down=down, policy=policy)
    manner = _Manner(consumer, confirm, progress, operation, stop, passing)
    return Settling(errors, msg, rules, Delivery(_number(msg), max_deliver), manner)


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

    consumer: _Consumer | None
    confirm: bool
    progress: float | None
    operation: str
    stop: Callable[[Exception], object] | None
    passing: tuple[type[BaseException], ...]


class Settling:
    """
    The block around one handler of one message; `settle` makes it.

    Attributes:
        fate: What became of the message; `None` until the block has ended.
    """

    def __init__(self, errors: Middleware, msg: Any, rules: Rules, delivery: Delivery, manner: _Manner) -> None:  # noqa: ANN401 - as above
        """Store what `settle` was given."""
        self.fate: Fate | None = None
        self._errors = errors
        self._msg = msg
        self._rules = rules
        self._delivery = delivery
        self._manner = manner
        self._worker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to tell the server that the handler is at work."""
        if self._manner.progress is not None:
            self._worker = asyncio.create_task(self._keep_alive(self._manner.progress))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Settle the message."""
        if self._worker is not None:
            self._worker.cancel()
        if exception is None:
            await self._acknowledge()
            return False
        if not isinstance(exception, Exception) or isinstance(exception, self._manner.passing):
            self.fate = Fate(Settlement.LEAVE, f"{type(exception).__name__}: the handler was interrupted")
            return False
        return await self._settle(exception)

    async def _keep_alive(self, interval: float) -> None:
        with suppress(Exception):  # a connection that is gone: the message will be delivered again
            while True:
                await asyncio.sleep(interval)
                await self._msg.in_progress()

    async def _acknowledge(self) -> None:
        self.fate = Fate(Settlement.ACK, "the handler has processed it")
        if _is_settled(self._msg):
            return
        try:
            await (self._msg.ack_sync() if self._manner.confirm else self._msg.ack())
        except Exception as failure:
            self.fate = Fate(Settlement.LEAVE, "the acknowledgement did not reach the server")
            self._tell(failure, self._errors.normalize(failure, "nats"), self.fate)
            if self._manner.confirm:
                raise

    async def _settle(self, exception: Exception) -> bool:
        error = self._errors.normalize(exception, _protocol(exception))
        fate = fate_of(exception, error, await self._known_delivery(exception, error), self._rules)
        if fate.settlement is not Settlement.LEAVE and not await self._carried_out(fate):
            fate = Fate(Settlement.LEAVE, f"{fate.why}; the server could not be told")
        self.fate = fate
        self._tell(exception, error, fate)
        if fate.settlement is not Settlement.LEAVE:
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
            info = await self._manner.consumer.consumer_info()
            return replace(self._delivery, most=int(info.config.max_deliver))
        except Exception:  # noqa: BLE001 - without an answer no message is given up
            return self._delivery

    async def _carried_out(self, fate: Fate) -> bool:
        if _is_settled(self._msg):
            return True
        try:
            if fate.settlement is Settlement.NAK:
                await self._msg.nak(delay=fate.delay)
            elif fate.settlement is Settlement.TERM:
                await _terminated(self._msg, fate.why[:_LONGEST_REASON])
            else:
                await self._msg.ack()
        except Exception as failure:  # noqa: BLE001 - what the handler raised is worth more
            _log.debug("errnorm: a message could not be settled: %s", class_names(failure)[0])
            return False
        return True

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
            peer=_peer(self._msg),
            attempt=self._delivery.number,
            decision=Decision(Verdict.RETRY if again else Verdict.ABORT, step, fate.delay, f"{fate.settlement}: {fate.why}"),
            outcome="retried" if again else "handled" if fate.settlement is Settlement.ACK else "failed",
        )


def _protocol(exception: Exception) -> str | None:
    # An exception of the application is not attributed to NATS because it came up in a handler of a message.
    return "nats" if class_names(exception)[0].startswith("nats.") else None


def _number(msg: Any) -> int:  # noqa: ANN401 - as above
    try:
        return int(msg.metadata.num_delivered)
    except Exception as error:
        message = "only a message of JetStream can be settled: this one has no reply subject to acknowledge it"
        raise TypeError(message) from error


def _peer(msg: Any) -> str:  # noqa: ANN401 - as above
    metadata = msg.metadata
    return f"{metadata.stream}/{metadata.consumer}"


def _is_settled(msg: Any) -> bool:  # noqa: ANN401 - as above
    return getattr(msg, "is_acked", False) is True


async def _terminated(msg: Any, why: str) -> None:  # noqa: ANN401 - as above
    if "reason" in inspect.signature(msg.term).parameters:
        await msg.term(reason=why)
    elif hasattr(msg, "respond"):
        # nats-py's `term` takes no reason. The server reads one after the word (since 2.10.4) and repeats it in its advisory.
        await msg.respond(f"+TERM {why}".encode("ascii", "replace"))
    else:
        await msg.term()
