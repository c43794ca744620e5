"""
End the waiting of requests when their session ends: otherwise each would wait for its whole time-out and raise `IqTimeout`.

slixmpp keeps the future of a request only in the closure of the time-out that it schedules. So when a session ends, this module
runs the time-outs of all waiting requests at once. A guard around such a request reports the end of the session as the reason.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from errnorm.bounded import BoundedCache
from errnorm.decision import decide
from errnorm.marks import Mark, claim
from errnorm_adapters.xmpp.client.methods import Methods

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError

__all__ = ["Joins", "Requests"]

# slixmpp/stanza/iq.py: the name of a request's time-out is this prefix and the id of the request.
_TIME_OUT = "IqTimeout_"
_ROOMS = "xep_0045"
_MOST = 1024


class Requests:
    """
    The requests of one client that wait for an answer.

    Attributes:
        lost: The errors that ended the session while requests waited, by the id of the request; only the latest are kept.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - of a library that is not imported
        """Replace the client's `schedule`, to record the time-outs of requests."""
        self.lost: BoundedCache[str, NormalizedError] = BoundedCache(_MOST)
        self._client = client
        self._timeouts: dict[str, Callable[[], None]] = {}
        self._methods = Methods(client, schedule=self._schedule)

    def detach(self) -> None:
        """Restore the replaced methods."""
        self._methods.restore()

    def end(self, error: NormalizedError) -> None:
        """Run the time-outs of all waiting requests now, and record the error that ended the session as their reason."""
        timeouts, self._timeouts = self._timeouts, {}
        for name, time_out in timeouts.items():
            if name in self._client.scheduled_events:
                self._client.cancel_schedule(name)
                self.lost.remember(name.removeprefix(_TIME_OUT), error)
                time_out()

    def _schedule(self, name: str, seconds: float, callback: Callable[..., None], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        self._methods.hidden["schedule"](name, seconds, callback, *args, **kwargs)
        if name.startswith(_TIME_OUT):
            self._timeouts[name] = partial(callback, *(args[0] if args else kwargs.get("args", ())))
            self._forget_answered()

    def _forget_answered(self) -> None:
        scheduled = self._client.scheduled_events
        if len(self._timeouts) > 2 * len(scheduled) + 16:
            self._timeouts = {name: callback for name, callback in self._timeouts.items() if name in scheduled}


class Joins:
    """
    The rooms that a client is joining with slixmpp's `join_muc_wait`.

    Attributes:
        rooms: The addresses of these rooms. `join_muc_wait` raises if such a room refuses, so the presence is not reported too.
    """

    def __init__(self, refused: Callable[[Exception], object]) -> None:
        """
        Create an empty record.

        Args:
            refused: Called with the exception of a failed join; the caller of `join_muc_wait` may no longer wait for it.
        """
        self.rooms: list[str] = []
        self._refused = refused
        self._waiting: set[asyncio.Future[NormalizedError]] = set()
        self._methods: Methods | None = None
        self._registering: Methods | None = None

    def watch(self, client: Any) -> None:  # noqa: ANN401 - of a library that is not imported
        """Replace `join_muc_wait` of the client's plugin for rooms, as soon as that plugin is registered."""
        if self._registering is None:
            self._registering = Methods(client, register_plugin=partial(self._register_plugin, client))
        plugin = client.plugin.get(_ROOMS, None)
        if self._methods is None and plugin is not None:
            self._methods = Methods(plugin, join_muc_wait=self._join)

    def detach(self) -> None:
        """Restore the replaced methods."""
        for methods in (self._registering, self._methods):
            if methods is not None:
                methods.restore()

    def _register_plugin(self, client: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the arguments of `register_plugin`
        if self._registering is not None:
            self._registering.hidden["register_plugin"](*args, **kwargs)
        self.watch(client)

    def end(self, error: NormalizedError) -> None:
        """Make every waiting join raise, with the error that ended the session."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(error)

    async def _join(self, room: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the arguments of `join_muc_wait`
        if self._methods is None:  # pragma: no cover - runs only as a replacement, so `_methods` is set
            return None
        address = str(room)
        ending: asyncio.Future[NormalizedError] = asyncio.get_running_loop().create_future()
        joining = asyncio.ensure_future(self._methods.hidden["join_muc_wait"](room, *args, **kwargs))
        self._waiting.add(ending)
        self.rooms.append(address)
        try:
            await asyncio.wait({joining, ending}, return_when=asyncio.FIRST_COMPLETED)
            if joining.done():
                self._note(joining)
                return joining.result()
            raise _lost(ending.result())
        finally:
            self.rooms.remove(address)
            self._waiting.discard(ending)
            joining.cancel()

    def _note(self, joining: asyncio.Future[Any]) -> None:
        failure = None if joining.cancelled() else joining.exception()
        if isinstance(failure, Exception):
            self._refused(failure)


def _lost(error: NormalizedError) -> TimeoutError:
    """Return the exception that `join_muc_wait` raises after a time-out, marked with the error that ended the session."""
    exception = TimeoutError("the session ended before the room answered")
    claim(exception, Mark(error, decide(error, idempotent=True), idempotent=True, told="background"))
    return exception
