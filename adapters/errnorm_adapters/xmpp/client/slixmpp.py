"""
slixmpp under a middleware: what its events say and what they leave out, as facts of one session.

slixmpp says each thing several times, or only in part, or not at all. A stream error is followed by an end of the stream that
looks like any other; a wrong password is a failure for each mechanism, then the failure of all, then an end; a connection is
tried twice (TLS, then plain) before it has failed once; a resource that could not be bound is a session all the same; what
cannot be read as XML is answered, and told to nobody; and what its connect loop raises besides an `OSError` is only logged.

slixmpp connects again by itself in three cases: after a dial that failed, after a ping that nobody answered, and after
`see-other-host`. After any other end it is the application that calls `connect` again.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from errnorm.engine import ended
from errnorm.error import Signal
from errnorm.session import Closed, Closing, CredentialsChanged, DialFailed, Dialling, Next, Said, Up
from errnorm.taxonomy import Category
from errnorm_adapters.xmpp.client.attachment import XmppAttachment, closed_here
from errnorm_adapters.xmpp.client.login import Stream, exception_of, unsaid, worded
from errnorm_adapters.xmpp.client.methods import Methods, safely
from errnorm_adapters.xmpp.client.passing import Passing
from errnorm_adapters.xmpp.client.requests import Joins, Requests
from errnorm_adapters.xmpp.client.resolver import resolver_of
from errnorm_adapters.xmpp.session_error import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware
    from errnorm.session import Close
    from errnorm_adapters.xmpp.client.attachment import Options

__all__ = ["SlixmppAttachment"]

# How long a peer may take to close a stream that is over, in seconds, before this side does.
_PATIENCE = 2.0
# slixmpp/plugins/xep_0199/ping.py: what it calls the pings that it schedules.
_PINGS = "Ping keepalive"
# How long a guard gets to report an exception that it is about to see, in seconds. What one has reported is not reported again.
_GRACE = 0.1
# What slixmpp itself was dealing with when it hung up; anything else is an exception of the application's.
_HANGS_UP_ON = {"SASLMutualAuthFailed", "StringPrepError"}


class SlixmppAttachment(XmppAttachment):
    """
    A client or component of slixmpp, and the session that it is in.

    Attributes:
        stream: What is known of the connection that is open.
    """

    by_hand = True

    def __init__(self, middleware: Middleware, client: Any, options: Options) -> None:  # noqa: ANN401 - of a library that is not imported
        """Attach."""
        super().__init__(middleware, client, options)
        self.stream = Stream(is_open=client.is_connected())
        self._failed: list[Exception] = []
        self._barred = self._pings = False
        self._pausing: asyncio.Future[None] | None = None
        self._ended_at = 0.0
        self._credentials = self._read_credentials()
        self._lost: NormalizedError | None = None
        self._requests = Requests(client)
        self._joins = Joins(self._join_refused)
        self._passing = Passing(self, self._joins.rooms)
        self._joins.watch(client)
        self._methods = Methods(client, connect=self._connect, disconnect=self._disconnect, reconnect=self._reconnect)
        handlers: dict[str, Callable[..., None]] = {
            "connection_failed": self._on_connection_failed,
            "connected": self._on_connected,
            "failed_all_auth": self._on_failed_all_auth,
            "no_auth": self._on_no_auth,
            "auth_success": self._on_auth_success,
            "stream_negotiated": self._on_stream_negotiated,
            "session_start": self._on_session_start,
            "session_resumed": self._on_session_start,
            "eof_received": self._on_eof,
            "disconnected": self._on_disconnected,
        }
        self._handlers = {name: safely(handler) for name, handler in handlers.items()}
        for name, handler in self._handlers.items():
            client.add_event_handler(name, handler)
        resolver_of(middleware).add(self)

    # What users call

    def detach(self) -> None:
        """Take everything off the client that was put on it. What the user put there stays."""
        if not self._handlers:
            return
        for name, handler in self._handlers.items():
            self.client.del_event_handler(name, handler)
        self._handlers = {}
        self._disarm()
        self._calm_down()
        self._passing.detach()
        self._joins.detach()
        self._requests.detach()
        self._methods.restore()

    async def close(self) -> None:
        """Close the client. That is not a fault. If it is connected again, that is another session."""
        self.feed(Closing())
        self._calm_down()
        self.client.cancel_connection_attempt()
        if self.client.is_connected():
            await self._disconnect(wait=1.0)
        self.feed(Closed())
        self._barred = False

    def stop(self) -> None:
        """Make the client give up: neither connected nor about to connect."""
        self._disarm()
        self._calm_down()
        self.client.cancel_connection_attempt()
        if self.client.is_connected():
            self._disconnect()

    @property
    def is_busy(self) -> bool:
        """Whether the client is connected, or about to connect."""
        return bool(self.client.is_connected() or self.client.is_connecting() or self._pausing is not None)

    def lost(self, identity: str) -> NormalizedError | None:
        """Return the error behind a request that timed out: of the session that ended under it, or before it."""
        return self._requests.lost.get(identity) or self._lost

    def _close_client(self, order: Close) -> None:  # noqa: ARG002 - why is told by others
        self._barred = not self._options.supervised
        safely(self.stop)()

    # What slixmpp calls, and applications too

    def _connect(self, *args: Any, **options: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - stands in for slixmpp's `connect`
        credentials, self._credentials = self._credentials, self._read_credentials()
        changed = credentials != self._credentials
        if changed:
            self._renew()
            self.feed(CredentialsChanged())
        if self._barred and not changed:
            called_off: asyncio.Future[None] = self._loop.create_future()
            called_off.set_result(None)
            return called_off
        self._calm_down()
        pause = 0.0 if changed else self._pause()
        if pause > 0:
            self._pausing = asyncio.ensure_future(self._connect_after(pause, *args, **options), loop=self._loop)
            return self._pausing
        return self._dial(*args, **options)

    async def _connect_after(self, pause: float, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of `connect`
        await asyncio.sleep(pause)
        self._pausing = None
        self._dial(*args, **options)

    def _dial(self, *args: Any, **options: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - those of `connect`
        self._renew()
        self.feed(Dialling())
        attempt: asyncio.Future[Any] = self._methods.hidden["connect"](*args, **options)
        attempt.add_done_callback(safely(self._round_is_over))
        self._arm()
        return attempt

    def _pause(self) -> float:
        """Return how long an application that connects again at once has to wait, where it has asked to be stopped."""
        decision = self._session.decision
        if not self._options.abort or self._options.supervised or decision is None or self.is_over or self.stream.reconnects:
            return 0.0
        return max(0.0, self._ended_at + (decision.delay or 0.0) - self._loop.time())

    def _calm_down(self) -> None:
        if self._pausing is not None:
            self._pausing.cancel()
            self._pausing = None

    def _disconnect(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - stands in for slixmpp's `disconnect`
        cause = sys.exc_info()[1]
        if isinstance(cause, ParseError):
            self.fails(SessionError(Signal("xmpp", "xml", "not-well-formed", closed=True)))
        elif isinstance(cause, Exception) and type(cause).__name__ in _HANGS_UP_ON:
            self.fails(cause)
        self.stream.leaving = True
        return self._methods.hidden["disconnect"](*args, **options)

    def _reconnect(self, wait: float = 2.0, reason: str = "Reconnecting") -> None:
        """Stand in for slixmpp's `reconnect`, which it calls after a ping that nobody answered and after `see-other-host`."""
        self.stream.reason = reason
        moves = self.stream.moved is None or self._consents(self.stream.moved.address)
        if moves and not self._options.supervised and not self._barred:
            self.stream.reconnects = True
            self._methods.hidden["reconnect"](wait, reason)
        elif self.client.is_connected():
            self._disconnect(wait, reason)

    def _renew(self) -> None:
        if self.is_over:
            self._barred = False
            self._begin_again(self._options.session(by_hand=True))

    def _read_credentials(self) -> tuple[object, ...]:
        client = self.client
        return tuple(sorted(getattr(client, "credentials", {}).items())), getattr(client, "secret", None)

    # Connecting

    def _on_connection_failed(self, reason: object) -> None:
        self._failed.append(exception_of(reason))

    def _round_is_over(self, attempt: asyncio.Future[Any]) -> None:
        """Take in what came of one round over all ways to connect; slixmpp's loop returns the future of the next round."""
        failure = None if attempt.cancelled() else attempt.exception()
        following = None if attempt.cancelled() or failure is not None else attempt.result()
        if isinstance(following, asyncio.Future):
            following.add_done_callback(safely(self._round_is_over))
            self._dials_failed(self._failed or [unsaid(self.client)], Next.RECONNECTING)
        elif isinstance(failure, Exception):
            # slixmpp still takes itself to be connecting, and does nothing more.
            self._dials_failed([*self._failed, failure], Next.CLOSED)
            self.client.cancel_connection_attempt()
            self._methods.hidden["disconnect"]()
        elif self._failed and not self.client.is_connected():
            self._dials_failed(self._failed, Next.RECONNECTING if self.client.is_connecting() else Next.CLOSED)

    def _dials_failed(self, failed: list[Exception], following: Next) -> None:
        """Say that every way to connect was tried: of all that failed, the certificate says most, then the last."""
        self._failed = []
        self._disarm()
        judged = [(each, self.judged(each)) for each in failed]
        untrusted = (one for one in judged if one[1].category is Category.AUTH)
        cause, error = next(untrusted, judged[-1])
        self.feed(DialFailed(error=error, cause=cause, next=following))

    def _on_connected(self, _: object) -> None:
        self._failed = []
        if not self._barred:
            self._renew()
        self.stream = Stream(is_open=True)
        self._arm()

    def _is_silent(self) -> None:
        """Take it that nothing will come of a connection, or of a dial."""
        silence = TimeoutError("no session was started in time")
        if not self.stream.open:
            self._dials_failed([*self._failed, silence], Next.RECONNECTING)
            return
        self.fails(self.stream.refusal() or silence)
        self.client.abort()

    # Logging in

    def fails(self, raw: Exception) -> None:
        """Say that the stream that is open is over, or that nothing will come of it; see that it is closed."""
        stream = self.stream
        if stream.open:
            error = ended(self.judged(raw))
            self.feed(Said(error=error, cause=raw, next=Next.CLOSED))
            self._loop.call_later(_PATIENCE, safely(self._hang_up), stream)

    def _hang_up(self, stream: Stream) -> None:
        if self.stream is stream and stream.open and not stream.leaving and self.client.is_connected():
            self._disconnect(wait=1.0)

    def _on_failed_all_auth(self, _: object) -> None:
        self.stream.refused = True
        if self.stream.failures:
            self.fails(self.stream.refusal() or SessionError(Signal("xmpp", "sasl", "all-mechanisms-failed")))

    def _on_no_auth(self, _: object) -> None:
        self.fails(SessionError(Signal("xmpp", "sasl", "no-common-mechanism")))

    def _on_auth_success(self, _: object) -> None:
        """Report the mechanisms that failed before one succeeded."""
        refusal = self.stream.refusal(closed=False)
        self.stream.failures = []
        self.stream.authenticated = True
        if refusal is not None:
            self.feed(self._said(refusal, "login"))

    def _on_stream_negotiated(self, _: object) -> None:
        """Take it that the server offered nothing that slixmpp can go on with, if slixmpp does not go on."""
        stream = self.stream
        if stream.open and not stream.started and not stream.outgoing.binds:
            self.fails(stream.nothing_usable())
            self._loop.call_soon(safely(self._hang_up), stream)

    # The session

    def _on_session_start(self, _: object) -> None:
        if self.stream.unbound:
            return
        self._disarm()
        self._lost = None
        self.stream.started = True
        self._joins.watch(self.client)
        if self._pings and _PINGS not in self.client.scheduled_events:
            self.client.plugin["xep_0199"].enable_keepalive()
        self._pings = False
        self.feed(Up())

    def bind_failed(self, raw: Exception) -> None:
        """Say that no session will start on a stream, though slixmpp says that one does; close it."""
        self.stream.unbound = True
        self.fails(raw)
        self._loop.call_soon(safely(self._hang_up), self.stream)

    def stream_error(self, raw: SessionError) -> None:
        """Say that the peer ended the stream: if it has refused the login before, because of that."""
        stream = self.stream
        refusal = stream.refusal()
        if refusal is not None or raw.signal.code != "see-other-host":
            self.fails(refusal or raw)
        elif stream.open:
            stream.moved = raw.signal
            # slixmpp sets out to follow right after this, or does not.
            self._loop.call_soon(safely(self._has_moved), stream, raw)

    def _has_moved(self, stream: Stream, raw: SessionError) -> None:
        error = ended(self.judged(raw))
        follows = stream.reconnects and stream.is_followed(self.client)
        following = Next.RECONNECTING if stream.reconnects else Next.CLOSED
        self.feed(Said(error=error, cause=raw, next=following, follows=follows))
        self._loop.call_later(_PATIENCE, safely(self._hang_up), stream)

    def survived(self, raw: object, operation: str) -> None:
        """Say that the session survived something."""
        self.feed(self._said(raw, operation))

    def _join_refused(self, failure: Exception) -> None:
        """Say that a room refused to let somebody in, unless a guard says so: nobody may be waiting."""
        said = Said(error=self.judged(failure), cause=failure, next=Next.NOTHING, operation="join")
        self._loop.call_later(_GRACE, self.feed, said)

    # The end

    def _on_eof(self, _: object) -> None:
        self.stream.eof = True

    def _on_disconnected(self, reason: object) -> None:
        stream, self.stream = self.stream, Stream()
        self._ended_at = self._loop.time()
        if not stream.open:
            return
        self._disarm()
        self._stop_pings()
        cause = stream.cause(reason, self._is_known)
        over = self._session.ending or cause is not None
        if not over:
            self.feed(Closing())
        following = Next.RECONNECTING if stream.reconnects else Next.CLOSED
        self.feed(self._ended(cause, following) if over or stream.reconnects else Closed())
        failure = self._session.failure
        here = self.judged(closed_here())
        self._lost = here if failure is None or failure.error is None else failure.error
        # Plugins first get to hear that it is over: a ping that is lost now is no reason to connect.
        self._loop.call_soon(safely(self._ends_waiting), self._lost)

    def _stop_pings(self) -> None:
        """Send no pings without a connection: each would have slixmpp connect, and keep the client in memory."""
        if _PINGS in self.client.scheduled_events:
            self._pings = True
            self.client.cancel_schedule(_PINGS)

    def _ends_waiting(self, error: NormalizedError) -> None:
        self._requests.end(error)
        self._joins.end(error)

    def _is_known(self, text: str) -> bool:
        return self.judged(worded(text)).known
