"""
FastStream over NATS: a middleware that settles each message by how its handler ended, and guards what is published.

    session = errnorm_adapters.nats.attach(errors)
    callbacks = errnorm_adapters.faststream.callbacks(session)
    broker = NatsBroker(url, **callbacks)
    broker.add_middleware(errnorm_adapters.faststream.middleware(errors, poison=(ValueError,)))

Without it, `NACK_ON_ERROR` asks for a failed message again at once and for ever, and `REJECT_ON_ERROR` (the default) gives it up
at the first failure, whatever failed. The middleware settles the message itself, through the calls of FastStream's own message.
The policy of the subscriber then finds a settled message and does nothing, so any `ack_policy` will do but `ACK_FIRST`, which
acknowledges before the handler runs.

Add it after `NatsTelemetryMiddleware`: it then runs inside the span of that one, and the span gets the class of the error.
Needs the extra `faststream`.
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

# As long as JetStream waits by default for an acknowledgement that does not come.
_ACK_WAIT = 30.0


def callbacks(session: NatsAttachment) -> dict[str, Any]:
    """
    Return the callbacks of a session that `NatsBroker` takes: it has no argument for some that nats-py has.

    Args:
        session: What `errnorm_adapters.nats.attach` returned.
    """
    taken = inspect.signature(NatsBroker.__init__).parameters
    return {name: session.callbacks[name] for name in session.callbacks.keys() & taken.keys()}


def middleware(errors: Middleware, **options: Any) -> Callable[..., BaseMiddleware]:  # noqa: ANN401 - those of `settle`
    """
    Return a middleware for `NatsBroker.add_middleware`.

    Messages that do not come from JetStream cannot be settled: their failures are told, and raised.

    Args:
        errors: The middleware that tells failures.
        options: The keyword arguments of `errnorm_adapters.nats.settle`.

    Raises:
        TypeError: If there is no such keyword argument.
    """
    inspect.signature(settle).bind(errors, None, **options)

    def made(msg: object, *, context: Any) -> BaseMiddleware:  # noqa: ANN401 - FastStream's own
        return _Middleware(msg, context=context, errors=errors, options=options)

    return made


class _Middleware(BaseMiddleware):
    """The middleware of one message, or of one publication."""

    def __init__(self, msg: Any, /, *, context: Any, errors: Middleware, options: dict[str, Any]) -> None:  # noqa: ANN401 - as above
        super().__init__(msg, context=context)
        self._errors = errors
        self._options = options

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:  # noqa: ANN401 - as above
        """Run the handler, and settle its message."""
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
                # The policy of the subscriber must not give the message up because this consumer is broken.
                await control.nak(delay=_ACK_WAIT)
            raise

    async def publish_scope(self, call_next: Callable[[Any], Awaitable[Any]], cmd: Any) -> Any:  # noqa: ANN401 - as above
        """Publish under a guard."""
        with self._errors.guard("nats", operation="publish"):
            return await call_next(cmd)


class _Control:
    """FastStream's message with the calls that `settle` makes; a batch is settled as one message."""

    def __init__(self, msg: Any) -> None:  # noqa: ANN401 - as above
        self._msg = msg
        raw = msg.raw_message
        self._raws: list[Any] = list(raw) if isinstance(raw, list) else [raw]

    @property
    def can_settle(self) -> bool:
        """Whether all of it comes from a consumer of JetStream that takes acknowledgements."""
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
        """Whether all of it is settled."""
        return all(raw.is_acked for raw in self._raws)

    async def ack(self) -> None:
        """Acknowledge it."""
        await self._msg.ack()

    async def ack_sync(self) -> None:
        """Acknowledge it, and wait until the server has the acknowledgement."""
        await getattr(self._msg, "ack_sync", self._msg.ack)()

    async def nak(self, delay: float | None = None) -> None:
        """Ask for it again."""
        await self._msg.nack(delay=delay)

    async def term(self) -> None:
        """Give it up."""
        await self._msg.reject()

    async def in_progress(self) -> None:
        """Keep it."""
        await self._msg.in_progress()
