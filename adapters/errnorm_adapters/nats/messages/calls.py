"""
Speak to the server about one message, in the calls of whichever client delivered it: nats-py, nats-jetstream or natsio.

Only public calls are made. The one thing that no client says in public is whether the message comes from an ordered consumer.
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
        number: How often the message was delivered, this time included.

        peer: Its stream and its consumer, `"ORDERS/worker"`.
    """

    __slots__ = ("_acks", "_msg", "number", "peer")

    def __init__(self, msg: Any, *, acks: bool | None = None) -> None:  # noqa: ANN401 - of a library that is not imported
        """
        Read where the message comes from.

        Args:
            msg: The message.
            acks: Whether its consumer takes acknowledgements; `None` to find out, which only nats-py allows.

        Raises:
            TypeError: If the message does not come from JetStream.
        """
        message = "only a message of JetStream can be settled: this one has no reply subject to acknowledge it"
        try:
            metadata = msg.metadata
            self.number = int(metadata.num_delivered)
            self.peer = f"{metadata.stream}/{metadata.consumer}"
        except Exception as error:
            raise TypeError(message) from error
        if self.number < 1:  # nats-jetstream invents metadata for a message that has none
            raise TypeError(message)
        self._msg = msg
        self._acks = acks

    @property
    def takes_acks(self) -> bool:
        """Whether the consumer waits for acknowledgements; an ordered one does not."""
        return not is_ordered(self._msg) if self._acks is None else self._acks

    @property
    def is_settled(self) -> bool:
        """Whether the handler has settled the message itself; nats-jetstream does not say."""
        return getattr(self._msg, "is_acked", False) is True

    async def ack(self, *, confirm: bool = False) -> None:
        """Acknowledge it; with `confirm`, wait until the server has the acknowledgement."""
        try:
            if confirm:
                await _first_of(self._msg, "ack_sync", "double_ack")()
            else:
                await self._msg.ack()
        except Exception as error:
            if _SETTLED_ALREADY.isdisjoint(class_names(error)):
                raise

    async def nak(self, delay: float | None) -> None:
        """Ask for it again, after `delay` seconds."""
        if hasattr(self._msg, "nak_with_delay"):
            await self._msg.nak_with_delay(delay or 0.0)
        else:
            await self._msg.nak(delay=delay)

    async def term(self, why: str) -> None:
        """Give it up, with a reason where the client can carry one."""
        why = why[:_LONGEST_REASON]
        if hasattr(self._msg, "term_with_reason"):
            await self._msg.term_with_reason(why)
        elif "reason" in inspect.signature(self._msg.term).parameters:
            await self._msg.term(reason=why)
        elif hasattr(self._msg, "respond"):
            # nats-py's `term` takes no reason. The server reads one after the word (since 2.10.4) and repeats it in its advisory.
            await self._msg.respond(f"+TERM {why}".encode("ascii", "replace"))
        else:
            await self._msg.term()

    async def in_progress(self) -> None:
        """Say that the handler is still at work."""
        await self._msg.in_progress()


async def deliveries_of(consumer: Any) -> int:  # noqa: ANN401 - as above
    """Ask the server how often a consumer delivers a message; -1 if it has no limit."""
    info = await _first_of(consumer, "consumer_info", "get_info", "info")()
    return int(info.config.max_deliver or -1)


def _first_of(owner: Any, *names: str) -> Any:  # noqa: ANN401 - as above
    return next(found for name in names if (found := getattr(owner, name, None)) is not None)


def is_ordered(msg: Any) -> bool:  # noqa: ANN401 - as above
    """Return whether a message comes from an ordered consumer, which takes no acknowledgements; only nats-py lets one know."""
    # nats-py marks an ordered subscription in a private field only. If a release moves it, acknowledgements are sent that the
    # server ignores; a test with the installed version notices.
    try:
        return bool(msg._client._subs[msg.sid]._jsi._ordered)  # noqa: SLF001 - see above
    except Exception:  # noqa: BLE001 - another client, or a message without a subscription
        return False
