"""
End the waiting of aioxmpp's `Client.send` when the session has ended, and say why it ended.

Without stream management, aioxmpp itself ends the waiting requests when the connection ends. With it, the requests wait on,
because the server may still answer after the stream was resumed. aioxmpp ends them only when a later connection cannot resume the
stream: if the server does not come back, never. So they end here as soon as the first attempt to connect again has failed.

aioxmpp then raises exceptions that name no reason ("close() called", "stream management disabled"). They are marked with the
error that ended the session, which was already reported.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from errnorm.decision import decide
from errnorm.exceptions import class_names
from errnorm.marks import Mark, claim
from errnorm_adapters.xmpp.client.methods import Methods

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

__all__ = ["Sends"]

_CLOSED_HERE = "aioxmpp.stream.DestructionRequested"


class _Waiting:
    """One call of `send` that has not returned."""

    def __init__(self, *, in_flight: bool) -> None:
        self.in_flight = in_flight
        self.lost: NormalizedError | None = None
        self.ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Sends:
    """The calls of `send` of one client that have not returned."""

    def __init__(self, client: Any, closed_here: NormalizedError) -> None:  # noqa: ANN401 - of a library that is not imported
        """
        Replace the method `send` of a client.

        Args:
            client: The client.
            closed_here: The error of a session that this side closed.
        """
        self._closed_here = closed_here
        self._is_up = False
        self._waiting: set[_Waiting] = set()
        self._methods = Methods(client, send=self._send)

    def detach(self) -> None:
        """Restore the replaced method."""
        self._methods.restore()

    def connected(self) -> None:
        """Record that the session is up: what waited for a connection is sent now, and a resumed stream may bring answers."""
        self._is_up = True
        for waiting in self._waiting:
            waiting.in_flight, waiting.lost = True, None

    def lost(self, error: NormalizedError | None) -> None:
        """Record the error that ended the connection; `None` if this side ended it."""
        self._is_up = False
        for waiting in self._waiting:
            if waiting.in_flight:
                waiting.lost = waiting.lost or error or self._closed_here

    def end(self) -> None:
        """End the calls whose connection has ended: they will not be answered any more."""
        for waiting in self._waiting:
            if waiting.lost is not None and not waiting.ending.done():
                waiting.ending.set_result(None)

    async def _send(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the arguments of `send`
        waiting = _Waiting(in_flight=self._is_up)
        sending = asyncio.ensure_future(self._methods.hidden["send"](*args, **options))
        self._waiting.add(waiting)
        try:
            await asyncio.wait({sending, waiting.ending}, return_when=asyncio.FIRST_COMPLETED)
            return sending.result() if sending.done() else _ended()
        except Exception as failure:
            here = self._closed_here if class_names(failure)[0] == _CLOSED_HERE else None
            if (error := waiting.lost or here) is not None:
                _mark(failure, error)
            raise
        finally:
            self._waiting.discard(waiting)
            sending.cancel()


def _ended() -> NoReturn:
    message = "the session ended before the answer came"
    raise ConnectionError(message)


def _mark(failure: Exception, error: NormalizedError) -> None:
    claim(failure, Mark(error, decide(error, idempotent=True), idempotent=True, told="background"))
