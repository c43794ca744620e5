"""
FastStream with NATS: a middleware that settles each message according to the result of its handler, and guards each publish.

    session = errnorm_adapters.nats.attach(errors)
    callbacks = errnorm_adapters.faststream.callbacks(session)
    broker = NatsBroker(url, **callbacks)
    broker.add_middleware(errnorm_adapters.faststream.middleware(errors, poison=(ValueError,)))

Without it, `NACK_ON_ERROR` requests a failed message again at once and for ever, and `REJECT_ON_ERROR` (the default) terminates
the message at the first failure of any kind. The middleware settles the message itself, with the calls of FastStream's own
message. The policy of the subscriber then finds a settled message and does nothing. So every `ack_policy` works except
`ACK_FIRST`, which acknowledges before the handler runs.

Add it after `NatsTelemetryMiddleware`: it then runs inside that middleware's span, and the span gets the class of the error. This
module needs the extra `faststream`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from errnorm_adapters.nats.messages import Settlement, settle
from errnorm_adapters.nats.messages.calls import is_ordered

try:
    from faststream import BaseMiddleware
    from faststream.exceptions import HandlerException
    from faststream.nats import NatsBroker
except ImportError as error:
    message = "errnorm_adapters.faststream needs FastStream: pip install 'errnorm[faststream]'"
    raise ImportError(message) from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faststream.message import StreamMessage

    from errnorm.middleware import Middleware
    from errnorm_adapters.nats.client import NatsAttachment

__all__ = ["callbacks", "middleware"]

# JetStream's default `ack_wait`, in seconds.
_ACK_WAIT = 30.0


def callbacks(session: NatsAttachment) -> dict[str, Any]:
    """
    Return those callbacks of a session that `NatsBroker` accepts: it lacks the arguments for some callbacks of nats-py.

    Args:
        session: The session that `errnorm_adapters.nats.attach` returned.
    """
    taken = inspect.signature(NatsBroker.__init__).parameters
    return {name: session.callbacks[name] for name in session.callbacks.keys() & taken.keys()}


def middleware(errors: Middleware, **options: Any) -> Callable[..., BaseMiddleware]:  # noqa: ANN401 - the arguments of `settle`
    """
    Return a middleware for `NatsBroker.add_middleware`.

    Messages that do not come from JetStream cannot be settled: their failures are reported and raised.

    Args:
        errors: The middleware that reports failures.
        options: The keyword arguments of `errnorm_adapters.nats.settle`.

    Raises:
        TypeError: If `settle` has no such keyword argument.
    """
    inspect.signature(settle).bind(errors, None, **options)

    def made(msg: object, *, context: Any) -> BaseMiddleware:  # noqa: ANN401 - FastStream's own
        return _Middleware(msg, context=context, errors=errors, options=options)

    return made


class _Middleware(BaseMiddleware):
    """The middleware for one message, or for one publish."""

    def __init__(self, msg: Any, /, *, context: Any, errors: Middleware, options: dict[str, Any]) -> None:  # noqa: ANN401 - as above
        super().__init__(msg, context=context)
        self._errors = errors
        self._options = options

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:  # noqa: ANN401 - as above
        """Run the handler, and settle the message."""
        control = _Control(msg)
        if not control.can_settle:
            with self._errors.guard(operation=str(self._options.get("operation", "process"))):
                return await call_next(msg)
        block = settle(self._errors, control, passing=(HandlerException,), **self._options)
        try:
            async with block:
                return await call_next(msg)
        except Exception as raised:
            if not isinstance(raised, HandlerException) and block.fate and block.fate.settlement is Settlement.LEAVE:
                # Otherwise the policy of the subscriber would terminate the message, although only this consumer is broken.
                await control.nak(delay=_ACK_WAIT)
            raise

    async def publish_scope(self, call_next: Callable[[Any], Awaitable[Any]], cmd: Any) -> Any:  # noqa: ANN401 - as above
        """Publish under a guard."""
        with self._errors.guard("nats", operation="publish"):
            return await call_next(cmd)


class _Control:
    """FastStream's message with the interface that `settle` needs; a batch is settled as one message."""

    def __init__(self, msg: Any) -> None:  # noqa: ANN401 - as above
        self._msg = msg
        raw = msg.raw_message
        self._raws: list[Any] = list(raw) if isinstance(raw, list) else [raw]

    @property
    def can_settle(self) -> bool:
        """Whether the whole message or batch comes from a JetStream consumer that accepts acknowledgements."""
        try:
            return bool(self._raws) and all(raw.metadata and not is_ordered(raw) for raw in self._raws)
        except Exception:  # noqa: BLE001 - an entry of a bucket, an object, or a message without a reply
            return False

    @property
    def metadata(self) -> Any:  # noqa: ANN401 - as above
        """The metadata of the message that was delivered most often."""
        return max((raw.metadata for raw in self._raws), key=lambda found: found.num_delivered)

    @property
    def is_acked(self) -> bool:
        """Whether the whole message or batch is settled."""
        return all(raw.is_acked for raw in self._raws)

    async def ack(self) -> None:
        """Acknowledge the message."""
        await self._msg.ack()

    async def ack_sync(self) -> None:
        """Acknowledge the message, and wait until the server confirms the acknowledgement."""
        await getattr(self._msg, "ack_sync", self._msg.ack)()

    async def nak(self, delay: float | None = None) -> None:
        """Ask the server to deliver the message again."""
        await self._msg.nack(delay=delay)

    async def term(self) -> None:
        """Ask the server not to deliver the message again."""
        await self._msg.reject()

    async def in_progress(self) -> None:
        """Tell the server that the handler is still working."""
        await self._msg.in_progress()
