"""
Relate the acknowledgements that `publish_async` waits for to the denials of the server.

`publish_async` of nats-py returns a bare future. If the server denies the subject, the denial reaches `error_cb` only, the future
stays pending, and what the application sees is the time-out of its own wait. Neither the future nor the denial names the other.
So when a publish is denied, the futures that are pending on that client are noted: one of them waits in vain. The denial counts
as the reason of one of them, the first one whose wait ends in a time-out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Iterator

__all__ = ["Refusals", "pending_acks"]

_MOST = 1024
_MOST_FOR_ONE = 64
_REPLIES = "_handle_async_reply"


class _Refusal:
    """A denied publish that is not yet the reason of a time-out."""

    def __init__(self, exception: BaseException) -> None:
        self.exception: BaseException | None = exception


class Refusals:
    """The futures of `publish_async` that may wait in vain, for all clients of one middleware."""

    def __init__(self) -> None:
        """Create an empty record."""
        self._waiting: WeakKeyDictionary[Future[Any], list[_Refusal]] = WeakKeyDictionary()

    def remember(self, exception: BaseException, client: object) -> None:
        """Note the futures that were pending when the server denied a publish with this exception."""
        refusal = _Refusal(exception)
        for future in pending_acks(client):
            if future in self._waiting or len(self._waiting) < _MOST:
                refusals = self._waiting.setdefault(future, [])
                if len(refusals) < _MOST_FOR_ONE:
                    refusals.append(refusal)

    def behind(self) -> BaseException | None:
        """Return the denial behind a time-out of the application: the wait for a noted future has just been cancelled."""
        for future, refusals in list(self._waiting.items()):
            if not future.cancelled():
                continue
            del self._waiting[future]
            for refusal in refusals:
                if (exception := refusal.exception) is not None:
                    refusal.exception = None
                    return exception
        return None


def pending_acks(client: object) -> Iterator[Future[Any]]:
    """Return the futures of `publish_async` that wait for an acknowledgement on this client (nats/js/client.py)."""
    for subscription in list(getattr(client, "_subs", {}).values()):
        callback = getattr(subscription, "_cb", None)
        if getattr(callback, "__name__", None) == _REPLIES:
            context = getattr(callback, "__self__", None)
            yield from list(getattr(context, "_publish_async_futures", {}).values())
