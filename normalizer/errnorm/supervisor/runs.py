"""One session after the other: opened, served with, closed, and what each ended with."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from errnorm.session.facts import Health, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from errnorm.decision import Decision
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware
    from errnorm.session.attachment import Attachment

__all__ = ["Opener", "Runs"]

C = TypeVar("C")

_log = logging.getLogger("errnorm")

_CLOSERS = ("aclose", "close", "disconnect")


class Opener:
    """
    What `connect` gets as `attach`: the adapter's, with a supervisor.

    Attributes:
        session: The present session, or the last one; `None` if there is no adapter, or nothing was attached yet.
    """

    def __init__(self, attach: Callable[..., Attachment] | None, middleware: Middleware, peer: str | None) -> None:
        """Hold what every session of one supervisor shares."""
        self.session: Attachment | None = None
        self._attach = attach
        self._middleware = middleware
        self._peer = peer
        self._service = Health(status=Status.RECOVERING, since=time.time())

    def __call__(self, *arguments: Any, **options: Any) -> Attachment:  # noqa: ANN401 - those of the adapter's `attach`
        """Attach to a client, or to one that is about to connect."""
        attach: Any = self._attach
        options = {"peer": self._peer, **options, "supervised": True}
        session: Attachment = attach(self._middleware, *arguments, **options)
        self.session = session
        return session

    def health(self) -> Health:
        """
        Return how the service is, whichever session it is in, or between two: for a liveness probe.

        An outage is one, however many sessions were tried in it: `since` is when it began.
        """
        session, service = self.session, self._service
        if session is None or service.status is not Status.UP:
            return service
        health = session.health()
        return replace(health, status=Status.RECOVERING) if session.is_over else health

    def arguments(self, where: tuple[str, ...]) -> tuple[object, ...]:
        """Return what `connect` is called with, for a session of its own."""
        self.session = None
        return where if self._attach is None else (self, *where)

    def serves(self) -> None:
        """Note that a client is connected; after an outage the log says so."""
        before, now = self._service, Health(status=Status.UP, since=time.time())
        self._service = now
        if before.error is not None and self.session is not None:
            self._middleware.recovered(self.session.protocol, peer=self._peer, seconds=now.since - before.since)

    def paused(self, error: NormalizedError, decision: Decision) -> None:
        """Note what a session ended with, and what comes next."""
        since = self._service.since if self._service.status is Status.RECOVERING else time.time()
        self._service = Health(status=Status.RECOVERING, since=since, error=error, decision=decision)

    def stopped(self) -> None:
        """Note that no session follows."""
        self._service = replace(self._service, status=Status.CLOSED, since=time.time())


class Runs(Generic[C]):
    """
    One session after the other.

    Attributes:
        operation: What the last session was doing when it ended: `"connect"` or `"serve"`.

        lasted: How long it had served, in seconds.
    """

    def __init__(  # noqa: PLR0913 - what `supervise` was given
        self,
        connect: Callable[..., Awaitable[C]],
        serve: Callable[[C], Awaitable[object]],
        close: Callable[[C], object] | None,
        opener: Opener,
        middleware: Middleware,
        *,
        close_within: float,
        clock: Callable[[], float],
    ) -> None:
        """Begin with none; `supervise` says what each argument means."""
        self.operation = "connect"
        self.lasted = 0.0
        self._connect = connect
        self._serve = serve
        self._close = close or _closed
        self._opener = opener
        self._middleware = middleware
        self._close_within = close_within
        self._clock = clock

    @property
    def protocol(self) -> str | None:
        """What the last session spoke, as far as its adapter said."""
        return None if self._opener.session is None else self._opener.session.protocol

    async def once(self, where: tuple[str, ...]) -> object:
        """Open a client, serve with it, close it; return what it ended with."""
        self.operation, self.lasted = "connect", 0.0
        try:
            client = await self._connect(*self._opener.arguments(where))
        except Exception as error:  # noqa: BLE001 - judged by whoever asked
            session = self._opener.session
            if session is not None:
                await self._quietly(session.close)
            return _better(session, error)
        self.operation, began = "serve", self._clock()
        self._opener.serves()
        try:
            return await self._serving(client)
        finally:
            self.lasted = self._clock() - began
            await self._quietly(lambda: self._close(client))

    async def _serving(self, client: C) -> object:
        session = self._opener.session
        serving = asyncio.ensure_future(self._serve(client))
        if session is None:
            return await self._alone(serving)
        ending = asyncio.ensure_future(session.ended())
        try:
            await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if session.is_ending:
                # A call on it failed, or an iteration ended, just before the session said why.
                await asyncio.wait({ending}, timeout=self._close_within)
        finally:
            await self._cancelled(serving, ending)
        ended_with = session.end if session.is_over else None
        return _outcome(serving) if ended_with is None else ended_with

    async def _alone(self, serving: asyncio.Future[object]) -> object:
        try:
            await asyncio.wait({serving})
        finally:
            await self._cancelled(serving)
        return _outcome(serving)

    async def _cancelled(self, *futures: asyncio.Future[Any]) -> None:
        waiting = {future for future in futures if not future.done()}
        for future in waiting:
            future.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=self._close_within)
        for future in futures:
            if future.done() and not future.cancelled():
                future.exception()  # or asyncio would log what came of cancelling it

    async def _quietly(self, close: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(self._close_within):
                result = close()
                if inspect.isawaitable(result):
                    await result
        except Exception:  # noqa: BLE001 - the session is over; why it ended is what matters
            _log.debug("errnorm: a client could not be closed", exc_info=True)

    def judged(self, ended: object, protocol: str | None) -> NormalizedError:
        """
        Say what a session ended with.

        Raises:
            Exception: What it ended with, if that is the application's own.
        """
        protocol = protocol or self.protocol
        error = self._middleware.normalize(ended, protocol)
        if isinstance(ended, Exception) and self._is_applications(error, protocol):
            raise ended
        return error

    def _is_applications(self, error: NormalizedError, protocol: str | None) -> bool:
        if not error.known and error.section is None:
            return True
        session = self._opener.session
        # The connection is well, so this is not about it: a database refused, for one.
        well = session is not None and not session.is_over and self.operation == "serve"
        return well and error.judgement.protocol != protocol


def _better(session: Attachment | None, error: Exception) -> object:
    """Return what a session knows to have failed, which says more than what a client raises when it gives up."""
    end = None if session is None else session.end
    return error if end is None else end


def _outcome(serving: asyncio.Future[object]) -> object:
    if not serving.done() or serving.cancelled():
        return None
    failure = serving.exception()
    if failure is None:
        return serving.result()
    if isinstance(failure, Exception):
        return failure
    raise failure


def _closed(client: object) -> object:
    closer = next((found for name in _CLOSERS if callable(found := getattr(client, name, None))), None)
    return None if closer is None else closer()
