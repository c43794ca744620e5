"""
What waits for an answer when a session ends: it would wait for its whole time-out, and then call it one.

slixmpp keeps the future of a request in the closure of the time-out that it schedules, and nowhere else. When the session ends,
the time-outs of its requests are due at once; who guards them learns why.
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

# slixmpp/stanza/iq.py: the name of the time-out that belongs to the id of a request.
_TIME_OUT = "IqTimeout_"
_ROOMS = "xep_0045"
_MOST = 1024


class Requests:
    """
    The requests of one client that wait for an answer.

    Attributes:
        lost: What the session ended with under the last requests that waited in vain, by their ids.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - of a library that is not imported
        """Watch what the client schedules."""
        self.lost: BoundedCache[str, NormalizedError] = BoundedCache(_MOST)
        self._client = client
        self._timeouts: dict[str, Callable[[], None]] = {}
        self._methods = Methods(client, schedule=self._schedule)

    def detach(self) -> None:
        """Watch no more."""
        self._methods.restore()

    def end(self, error: NormalizedError) -> None:
        """Have every request that waits time out now, because of an error."""
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
    The rooms that a client waits to be let into, by slixmpp's `join_muc_wait`.

    Attributes:
        rooms: Their addresses. Who waits is told a refusal by an exception, and nobody else has to be.
    """

    def __init__(self, refused: Callable[[Exception], object]) -> None:
        """
        Wait for none.

        Args:
            refused: Called with what somebody who waited got, who may not be listening any more.
        """
        self.rooms: list[str] = []
        self._refused = refused
        self._waiting: set[asyncio.Future[NormalizedError]] = set()
        self._methods: Methods | None = None
        self._registering: Methods | None = None

    def watch(self, client: Any) -> None:  # noqa: ANN401 - of a library that is not imported
        """Watch whom the client's plugin for rooms lets wait, as soon as it has one."""
        if self._registering is None:
            self._registering = Methods(client, register_plugin=partial(self._register_plugin, client))
        plugin = client.plugin.get(_ROOMS, None)
        if self._methods is None and plugin is not None:
            self._methods = Methods(plugin, join_muc_wait=self._join)

    def detach(self) -> None:
        """Watch no more."""
        for methods in (self._registering, self._methods):
            if methods is not None:
                methods.restore()

    def _register_plugin(self, client: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - those of `register_plugin`
        if self._registering is not None:
            self._registering.hidden["register_plugin"](*args, **kwargs)
        self.watch(client)

    def end(self, error: NormalizedError) -> None:
        """Have everybody who waits go on, because of an error."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(error)

    async def _join(self, room: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of `join_muc_wait`
        if self._methods is None:  # pragma: no cover - it stands in for something
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
    """Return what `join_muc_wait` raises when it has waited in vain, with the reason known."""
    exception = TimeoutError("the session ended before the room answered")
    claim(exception, Mark(error, decide(error, idempotent=True), idempotent=True, told="background"))
    return exception
