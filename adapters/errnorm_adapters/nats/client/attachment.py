"""Attach a middleware to a client of nats-py: turn its callbacks into facts of a session."""

from __future__ import annotations

import asyncio
import logging
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypedDict

from errnorm.engine import ended
from errnorm.exceptions import ReportedException, attribute, class_names, is_a
from errnorm.session import Closed, Closing, DialFailed, Ended, HandlerFailed, Next, Said, State, Up
from errnorm.session.attachment import Attachment
from errnorm_adapters.nats.client import frames
from errnorm_adapters.nats.client.callbacks import Callbacks, running_loop
from errnorm_adapters.nats.client.denials import Denials
from errnorm_adapters.nats.client.resolver import resolver_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware
    from errnorm.session import Close, Fact, Health, Session
    from errnorm_adapters.nats.client.callbacks import Callback, UserCallbacks
    from errnorm_adapters.nats.client.frames import Caller

__all__ = ["NatsAttachment"]

_log = logging.getLogger("errnorm")

_GAVE_UP = "nats.errors.NoServersError"
_EOF = "nats.errors.UnexpectedEOF"
_SHUT_DOWN = {"close_reason": "Server Shutdown"}
_TLS = "ssl.SSLError"
# The frame of nats-py is this many frames above a callback of this module; the frame of `_harmless` lies between.
_NATS_PY = 2
# How long to wait for a connection to close, in seconds: nats-py may never finish closing it.
_PATIENCE = 0.5
_NO_CREDENTIALS = "nats.errors.InvalidUserCredentialsError"


class NatsAttachment(Attachment):
    """
    One session of a client of nats-py.

    Attributes:
        callbacks: The callbacks to pass to `nats.connect` with `**`. One client takes them, once.

        denials: The permissions that the server recently denied.

        last_fault: The exception that last ended a connection or a connection attempt, with its time on the clock of
            `time.monotonic`, in seconds; `None` if there was none.
    """

    def __init__(
        self,
        middleware: Middleware,
        session: Session,
        users: UserCallbacks,
        *,
        peer: str | None,
        record: Callable[[str], object] | None,
    ) -> None:
        """Begin a session; `attach` describes each argument."""
        super().__init__(middleware, "nats", session, peer=peer, record=record)
        self.callbacks = Callbacks(self._named(users))
        self.denials = Denials()
        self._users = users
        resolver_of(middleware).add(self.callbacks["closed_cb"], self)
        self.last_fault: tuple[BaseException, float] | None = None
        self._leaving = False
        self._heard: BaseException | None = None
        self._order: Close | None = None
        self._raising: BaseException | None = None
        self._silent = False
        self._closing: asyncio.Task[None] | None = None
        self._said_closed = False

    def _named(self, users: UserCallbacks) -> dict[str, Callback]:
        callbacks: dict[str, Callback] = {
            "error_cb": self._error_cb,
            "disconnected_cb": self._disconnected_cb,
            "closed_cb": self._closed_cb,
            "reconnected_cb": self._reconnected_cb,
        }
        if "discovered_server_cb" in users:
            callbacks["discovered_server_cb"] = self._discovered_server_cb
        if frames.knows_lame_duck_mode():
            callbacks["lame_duck_mode_cb"] = self._lame_duck_mode_cb
        return {name: self._harmless(callback) for name, callback in callbacks.items()}

    def _harmless(self, callback: Callback) -> Callback:
        """Return a callback that logs failures of this module: an exception would end nats-py's only read or reconnect task."""

        async def harmless(*arguments: Any) -> None:  # noqa: ANN401 - what nats-py passes
            try:
                await callback(*arguments)
            except Exception as failure:
                if failure is self._raising:
                    raise
                _log.error("errnorm: a callback of the client could not be processed: %s", class_names(failure)[0])

        return harmless

    # Methods for users

    def health(self) -> Health:
        """Return the status of the session, since when it has that status, and why; for a liveness probe."""
        if self.client is None:
            # A framework may read the callbacks before its event loop runs.
            loop = self.callbacks.loop or running_loop()
            if (client := frames.connected_client(self.callbacks["closed_cb"], loop)) is not None:
                self.meet(client)
        if self.client is not None:
            self._catch_up()
        return super().health()

    def meet(self, client: Any) -> None:  # noqa: ANN401 - of a library that is not imported
        """Store the client that has the callbacks of this session."""
        self.client = self.client or client

    async def close(self) -> None:
        """Close the client. This is not a fault."""
        self.health()
        self.feed(Closing())
        if self.client is not None and not self.client.is_closed:
            await self.client.close()
        self.feed(Closed())

    @property
    def is_ending(self) -> bool:
        """Whether the session is over, or the client has disconnected and has not called its callbacks yet."""
        return self.is_over or (self.client is not None and not self.client.is_connected)

    def _catch_up(self) -> None:
        """Pass on to the session the changes of state for which nats-py calls no callback."""
        client, state = self.client, self._session.state
        if client.is_connected and state is not State.UP:
            self.feed(Up(server=frames.server_of(client)))
        elif client.is_reconnecting and state is State.CONNECTING:
            self.feed(Up(server=frames.server_of(client)))  # a client that reconnects was connected before
        elif client.is_closed and self._is_news(client.last_error):
            if state is State.CONNECTING:
                self.feed(Up(server=frames.server_of(client)))  # if a dial had failed, nats-py would have called back
            self._has_closed_connection()
        elif state is State.CONNECTING and class_names(client.last_error)[0] == _GAVE_UP:
            self.feed(Closed(error=self._judged(client.last_error), cause=client.last_error))

    # Callbacks that nats-py calls

    async def _error_cb(self, exception: Exception) -> None:
        by = frames.caller(_NATS_PY)
        if exception is self._raising:
            raise exception
        if self._silent or not self._is_mine(by):
            return
        error = self._judged(exception)
        if by.handler is not None or frames.is_of_server_handler(exception, by):
            await self._handler_failed(exception, error, by)
            return
        self._catch_up()
        if exception is self.client.last_error:
            self._heard = exception
        aftermath = by.method == frames.CLOSES or self.is_over  # consequences of the closed connection, not new faults
        connecting = self._session.state is State.CONNECTING
        if not aftermath:
            for fact in self._facts(exception, error, by):
                self.feed(fact)
            if self.denials.remember(exception, error):
                resolver_of(self._middleware).refusals.remember(exception, by.client)
        # The application's callback comes after the reports, because it may take long and the state may change meanwhile.
        await self._users.call("error_cb", exception, error)
        if not aftermath:
            await self._act_on(exception, by, connecting=connecting)

    async def _act_on(self, exception: Exception, by: Caller, *, connecting: bool) -> None:
        if self._order is not None and connecting:
            await self._raise(self._order.cause or exception)
        if by.method == frames.CONNECTS and _TLS in class_names(exception):
            # After a failed TLS handshake, nats-py 2.16 would close the connection now and wait for ever (`_close`).
            await self._close_in_silence()
        self._carry_out()

    async def _disconnected_cb(self) -> None:
        by = frames.caller(_NATS_PY)
        if self._silent or not self._is_mine(by):
            return
        self._catch_up()
        if self._session.state is State.CONNECTING:
            self.feed(Up(server=by.server))  # a client that disconnects was connected before
        self.denials.forget()
        if self.client.is_closed:
            self._has_closed_connection()
        else:
            self._has_lost_connection()
        self._leaving = False
        await self._users.call("disconnected_cb", self._session.error)
        self._carry_out()
        if self._closing is not None and self._closing is not asyncio.current_task():
            # Without this wait, nats-py would dial before it notices the closing. Closing the client cancels the current task.
            await asyncio.wait({self._closing})

    async def _closed_cb(self) -> None:
        by = frames.caller(_NATS_PY)
        if self._silent or not self._is_mine(by):
            return
        last = self.client.last_error
        if self._is_news(last) or class_names(last)[0] == _GAVE_UP:
            self.feed(Closed(error=self._judged(last), cause=last))
        else:
            self.feed(Closed())
        await self._say_closed()

    async def _reconnected_cb(self) -> None:
        by = frames.caller(_NATS_PY)
        if self._is_mine(by):
            self.feed(Up(server=by.server))
            await self._users.call("reconnected_cb")

    async def _lame_duck_mode_cb(self) -> None:
        if self._is_mine(frames.caller(_NATS_PY)):
            self._leaving = True
            await self._users.call("lame_duck_mode_cb")

    async def _discovered_server_cb(self) -> None:
        await self._users.call("discovered_server_cb")

    # Facts

    def _facts(self, exception: Exception, error: NormalizedError, by: Caller) -> Iterator[Fact]:
        client = by.client
        about = _About(cause=exception, server=by.server, pool=frames.pool_of(client))
        if client.is_connected or self._session.state is State.UP:
            if self._leaving and class_names(exception)[0] == _EOF:
                error = self._judged(_SHUT_DOWN)
            following = Next.CLOSED if by.method == frames.DRAINS else self._next
            yield Said(error=ended(error) if _is_of_socket(exception) else error, next=following, **about)
            return
        connecting = self._session.state is State.CONNECTING
        last = frames.gives_up(by) or (by.method == frames.CONNECTS and self._next is Next.CLOSED)
        yield DialFailed(error=self._of_dial(exception, error), next=Next.CLOSED if last else Next.RECONNECTING, **about)
        if last and connecting:
            yield Closed()  # `nats.connect` raises, and nats-py calls no callback

    def _of_dial(self, exception: Exception, error: NormalizedError) -> NormalizedError:
        """Treat a file that cannot be read during the login as missing credentials. Errors of a socket have no file name."""
        if is_a(exception, OSError) and attribute(exception, "filename") is not None:
            return self._judged(ReportedException((_NO_CREDENTIALS,)))
        return error

    def _has_closed_connection(self) -> None:
        last = self.client.last_error
        if self._session.state is not State.UP:
            return  # `_closed_cb` follows
        if self._is_news(last):
            self.feed(Ended(error=self._judged(last), cause=last, next=Next.CLOSED))
        elif not self._session.ending:
            self.feed(Closing())
            self.feed(Ended(next=Next.CLOSED))

    def _has_lost_connection(self) -> None:
        """Report why a connection ended that nats-py opens again; nats-py drops the reason itself (`_process_op_err`)."""
        client, session = self.client, self._session
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(self._reconnecting_is_over)
        if not session.ending and not self._leaving and frames.read_on(client) and not frames.was_silent(client):
            self.feed(Closing())
        cause = self._unsaid()
        error = self._judged(_SHUT_DOWN if self._leaving else cause)
        self.feed(Ended(error=error, cause=cause, server=frames.server_of(client), pool=frames.pool_of(client)))

    def _unsaid(self) -> Exception:
        errors = import_module("nats.errors")
        unsaid: Exception = errors.StaleConnectionError() if frames.was_silent(self.client) else errors.UnexpectedEOF()
        return unsaid

    def _reconnecting_is_over(self, task: asyncio.Task[Any]) -> None:
        """Report that nats-py's only reconnect task has ended, for example because a callback for credentials raised."""
        failure = None if task.cancelled() else task.exception()
        if is_a(failure, Exception):
            client = self.client
            about = _About(cause=failure, server=frames.server_of(client), pool=frames.pool_of(client))
            self.feed(DialFailed(error=self._judged(failure), next=Next.NOTHING, **about))
            self._carry_out()

    async def _handler_failed(self, exception: Exception, error: NormalizedError, by: Caller) -> None:
        await self._users.call("error_cb", exception, error)
        name = by.handler or "reconnect_to_server_handler"
        if error.known or error.section is not None:
            self.feed(HandlerFailed(error=error, cause=exception, operation=name))
        elif "error_cb" not in self._users:
            _log.error("errnorm: the handler %s of the application failed", name, exc_info=exception)

    # Closing

    def _close_client(self, order: Close) -> None:
        self._order = order

    def _carry_out(self) -> None:
        if self._order is not None and self._closing is None and not self.client.is_closed:
            self._closing = asyncio.get_running_loop().create_task(self._shut())

    async def _shut(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE + self.client.options["reconnect_time_wait"]):
                await self.client.close()
        except Exception:  # noqa: BLE001 - the flush failed, and nats-py then skips its callbacks
            _log.debug("errnorm: a client could not flush before it was closed", exc_info=True)
        await self._say_closed()

    async def _raise(self, cause: BaseException) -> None:
        """Make `nats.connect` raise. The only way is to raise in the callback, which `nats.connect` awaits."""
        self._raising = cause
        await self._close_in_silence()
        raise cause

    async def _close_in_silence(self) -> None:
        """Close what nats-py has opened so far, within a time limit and without reports: the client has not connected yet."""
        self._silent = True
        closing = asyncio.ensure_future(self.client.close())
        await asyncio.wait({closing}, timeout=_PATIENCE)
        closing.cancel()
        await asyncio.wait({closing})
        self._silent = False

    async def _say_closed(self) -> None:
        if not self._said_closed:
            self._said_closed = True
            await self._users.call("closed_cb", self._session.error)

    # The rest

    def _is_mine(self, by: Caller) -> bool:
        if self.client is None and by.client is not None:
            self.meet(by.client)
        if self.client is not None and by.client in {None, self.client}:
            return True
        if by.client is not None:
            _log.error("errnorm: two clients got the callbacks of one session: call attach() for each client")
        return False

    def _judged(self, raw: object) -> NormalizedError:
        return self._middleware.normalize(raw, "nats")

    @property
    def _next(self) -> Next:
        return Next.RECONNECTING if self.client.options["allow_reconnect"] else Next.CLOSED

    def _is_news(self, last: object) -> bool:
        return is_a(last, Exception) and last is not self._heard and class_names(last)[0] != _GAVE_UP

    def feed(self, fact: Fact) -> None:
        """Pass a fact to the session, and store its exception as the reason of calls that fail because of it."""
        super().feed(fact)
        failure = self._session.failure
        cause = None if failure is None else failure.cause
        if cause is not None and (self.last_fault is None or self.last_fault[0] is not cause):
            self.last_fault = (cause, time.monotonic())


class _About(TypedDict):
    cause: BaseException
    server: str
    pool: frozenset[str]


def _is_of_socket(exception: Exception) -> bool:
    names = class_names(exception)
    return names[0] == _EOF or (is_a(exception, OSError) and "nats.errors.Error" not in names)
