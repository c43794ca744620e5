"""Run one session after the other: open a client, serve with it, close it, and return what ended the session."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from errnorm.session.attachment import SUPERVISOR
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
    The object that `connect` receives as `attach`: it calls the adapter's `attach` for the supervisor.

    Attributes:
        session: The present or the last session; `None` if there is no adapter, or if `connect` has not attached yet.
    """

    def __init__(self, attach: Callable[..., Attachment] | None, middleware: Middleware, peer: str | None) -> None:
        """Store what all sessions of one supervisor share."""
        self.session: Attachment | None = None
        self._attach = attach
        self._middleware = middleware
        self._peer = peer
        self._service = Health(status=Status.RECOVERING, since=time.time())
        self._connects = False

    def __call__(self, *arguments: Any, **options: Any) -> Attachment:  # noqa: ANN401 - the arguments of the adapter's `attach`
        """Attach to a client, or prepare the callbacks of a client that is about to connect."""
        attach: Any = self._attach
        options = {"peer": self._peer, **options, "supervised": True}
        session: Attachment = attach(self._middleware, *arguments, **options)
        self.session = session
        return session

    def watch(self, session: Attachment) -> None:
        """Watch a session that was attached while `connect` runs. Tasks that `connect` has started may attach others later."""
        if self._connects:
            self.session = session

    def health(self) -> Health:
        """
        Return the health of the service, during a session and between two sessions. Use it for a liveness probe.

        All failed sessions in a row belong to one outage: `since` is the time at which it began.
        """
        session, service = self.session, self._service
        if session is None or service.status is not Status.UP:
            return service
        health = session.health()
        return replace(health, status=Status.RECOVERING) if session.is_over else health

    @property
    def server(self) -> str | None:
        """The address of the server of the present or the last session; `None` if that is not known."""
        return None if self.session is None else self.session.server or None

    def arguments(self, where: tuple[str, ...]) -> tuple[object, ...]:
        """Return the arguments for the next call of `connect`, which begins a new session."""
        self.session, self._connects = None, True
        return where if self._attach is None else (self, *where)

    def connected(self) -> None:
        """Record that `connect` has returned or raised."""
        self._connects = False

    def serves(self) -> None:
        """Record that a client is connected, and log the recovery if there was an outage."""
        before, now = self._service, Health(status=Status.UP, since=time.time())
        self._service = now
        if self.session is not None:
            self.session.health()  # nats-py calls nothing when it connects: now the session emits the servers tried in vain
        if before.error is not None and self.session is not None:
            self._middleware.recovered(self.session.protocol, peer=self._peer or self.server, seconds=now.since - before.since)

    def paused(self, error: NormalizedError, decision: Decision) -> None:
        """Record the error that ended a session, and the decision about it."""
        since = self._service.since if self._service.status is Status.RECOVERING else time.time()
        self._service = Health(status=Status.RECOVERING, since=since, error=error, decision=decision)

    def stopped(self) -> None:
        """Record that no further session will be opened."""
        self._service = replace(self._service, status=Status.CLOSED, since=time.time())


class Runs(Generic[C]):
    """
    Runs one session at a time.

    Attributes:
        operation: The operation in which the last session ended: `"connect"` or `"serve"`.

        lasted: How long the last session served, in seconds.
    """

    def __init__(  # noqa: PLR0913 - the arguments of `supervise`
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
        """Store the arguments; `supervise` describes them."""
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
        """The protocol of the last session; `None` if there is no adapter."""
        return None if self._opener.session is None else self._opener.session.protocol

    async def once(self, where: tuple[str, ...]) -> object:
        """Open a client, serve with it, close it, and return the error that ended the session."""
        self.operation, self.lasted = "connect", 0.0
        token = SUPERVISOR.set(self._opener.watch)
        try:
            client = await self._connect(*self._opener.arguments(where))
        except Exception as error:  # noqa: BLE001 - the caller judges it
            session = self._opener.session
            if session is not None:
                await self._quietly(session.close)
            return _better(session, error)
        finally:
            SUPERVISOR.reset(token)
            self._opener.connected()
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
                # `serve` ended because the connection ended. The session will report the reason in a moment.
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
                future.exception()  # retrieved, so that asyncio does not log it

    async def _quietly(self, close: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(self._close_within):
                result = close()
                if inspect.isawaitable(result):
                    await result
        except Exception:  # noqa: BLE001 - the error that ended the session is more important
            _log.debug("errnorm: a client could not be closed", exc_info=True)

    def judged(self, ended: object, protocol: str | None) -> NormalizedError:
        """
        Return the normalized error that ended a session.

        Raises:
            Exception: The original exception, if it belongs to the application.
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
        # While the session is up, an error of another protocol is not about this connection: a database that refuses, for
        # example.
        well = session is not None and not session.is_over and self.operation == "serve"
        return well and error.judgement.protocol != protocol


def _better(session: Attachment | None, error: Exception) -> object:
    """Return the error that the session has recorded, which says more than the exception of a client that gives up."""
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
