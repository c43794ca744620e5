"""
Acknowledge one message with the calls of the client that delivered it: nats-py, nats-jetstream or natsio.

This module makes only public calls. One fact is public in no client: whether the message comes from an ordered consumer.
"""

from __future__ import annotations

import inspect
from typing import Any

from errnorm.exceptions import class_names

__all__ = ["Calls", "deliveries_of", "is_ordered"]

_LONGEST_REASON = 256
_SETTLED_ALREADY = frozenset({"nats.errors.MsgAlreadyAckdError", "natsio.jetstream.message.MessageAlreadyAckedError"})


class Calls:
    """
    The calls about one message.

    Attributes:
        number: The number of deliveries of the message, including this one.

        peer: The stream and the consumer of the message, for example `"ORDERS/worker"`.
    """

    __slots__ = ("_acks", "_msg", "number", "peer")

    def __init__(self, msg: Any, *, acks: bool | None = None) -> None:  # noqa: ANN401 - of a library that is not imported
        """
        Read the metadata of the message.

        Args:
            msg: The message.
            acks: Whether its consumer accepts acknowledgements; `None` to detect it, which works only with nats-py.

        Raises:
            TypeError: If the message does not come from JetStream.
        """
        message = "only a message from JetStream can be settled; this message has no reply subject for an acknowledgement"
        try:
            metadata = msg.metadata
            self.number = int(metadata.num_delivered)
            self.peer = f"{metadata.stream}/{metadata.consumer}"
        except Exception as error:
            raise TypeError(message) from error
        if self.number < 1:  # nats-jetstream returns made-up metadata for a message without metadata
            raise TypeError(message)
        self._msg = msg
        self._acks = acks

    @property
    def takes_acks(self) -> bool:
        """Whether the consumer waits for acknowledgements; an ordered consumer does not."""
        return not is_ordered(self._msg) if self._acks is None else self._acks

    @property
    def is_settled(self) -> bool:
        """Whether the handler has settled the message itself; always false with nats-jetstream, which does not record it."""
        return getattr(self._msg, "is_acked", False) is True

    async def ack(self, *, confirm: bool = False) -> None:
        """Acknowledge the message; with `confirm`, wait until the server has confirmed the acknowledgement."""
        try:
            if confirm:
                await _first_of(self._msg, "ack_sync", "double_ack")()
            else:
                await self._msg.ack()
        except Exception as error:
            if _SETTLED_ALREADY.isdisjoint(class_names(error)):
                raise

    async def nak(self, delay: float | None) -> None:
        """Ask the server to deliver the message again after `delay` seconds."""
        if hasattr(self._msg, "nak_with_delay"):
            await self._msg.nak_with_delay(delay or 0.0)
        else:
            await self._msg.nak(delay=delay)

    async def term(self, why: str) -> None:
        """Ask the server not to deliver the message again, with the reason if the client supports it."""
        why = why[:_LONGEST_REASON]
        if hasattr(self._msg, "term_with_reason"):
            await self._msg.term_with_reason(why)
        elif "reason" in inspect.signature(self._msg.term).parameters:
            await self._msg.term(reason=why)
        elif hasattr(self._msg, "respond"):
            # nats-py's `term` takes no reason. Servers since 2.10.4 read a reason after `+TERM` and repeat it in their advisory.
            await self._msg.respond(f"+TERM {why}".encode("ascii", "replace"))
        else:
            await self._msg.term()

    async def in_progress(self) -> None:
        """Tell the server that the handler is still working, which restarts the `ack_wait`."""
        await self._msg.in_progress()


async def deliveries_of(consumer: Any) -> int:  # noqa: ANN401 - as above
    """Ask the server for the maximum number of deliveries of a consumer (`max_deliver`); -1 means no limit."""
    info = await _first_of(consumer, "consumer_info", "get_info", "info")()
    return int(info.config.max_deliver or -1)


def _first_of(owner: Any, *names: str) -> Any:  # noqa: ANN401 - as above
    return next(found for name in names if (found := getattr(owner, name, None)) is not None)


def is_ordered(msg: Any) -> bool:  # noqa: ANN401 - as above
    """Return whether a message comes from an ordered consumer, which accepts no acknowledgements; detected only with nats-py."""
    # nats-py marks an ordered subscription only in a private field. If a release renames the field, this module sends
    # acknowledgements that the server ignores. A test checks the field in the installed version.
    try:
        return bool(msg._client._subs[msg.sid]._jsi._ordered)  # noqa: SLF001 - see above
    except Exception:  # noqa: BLE001 - another client, or a message without a subscription
        return False
