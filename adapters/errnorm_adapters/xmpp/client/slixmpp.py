"""
Attach a middleware to a client of slixmpp: turn its events, and what its events omit, into facts of a session.

slixmpp emits several events for one fault, or incomplete events, or none:

* After a stream error slixmpp emits the same event for the end of the stream as after any other end.
* A wrong password gives one event for each mechanism, one for the failure of all mechanisms, and one for the end of the stream.
* slixmpp tries each connection twice (TLS, then plain), and emits one event for each try.
* If the server refuses to bind a resource, slixmpp emits `session_start` nevertheless.
* slixmpp answers invalid XML with a stream error, but emits no event.
* If its connect loop raises something other than an `OSError`, slixmpp only logs it.

slixmpp reconnects by itself in three cases: after a connection attempt that failed, after a ping without an answer, and after
`see-other-host`. After any other end of a connection the application has to call `connect` again.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from errnorm.engine import ended
from errnorm.error import Signal
from errnorm.frozen import replace
from errnorm.session import Closed, Closing, CredentialsChanged, DialFailed, Dialling, Next, Said, Up
from errnorm.taxonomy import Category
from errnorm_adapters.xmpp.client.attachment import XmppAttachment, closed_here
from errnorm_adapters.xmpp.client.login import Stream, exception_of, unsaid, worded
from errnorm_adapters.xmpp.client.methods import Methods, safely
from errnorm_adapters.xmpp.client.passing import Passing
from errnorm_adapters.xmpp.client.redirects import Redirects
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

# The peer has this many seconds to close a stream that has failed; then this side closes it.
_PATIENCE = 2.0
# slixmpp/plugins/xep_0199/ping.py: the name of the event that it schedules for its pings.
_PINGS = "Ping keepalive"
# A guard around the failed call has this many seconds to report the exception first; it is then not reported a second time.
_GRACE = 0.1
# slixmpp itself disconnects while it handles exceptions of these classes. Any other exception belongs to the application.
_HANGS_UP_ON = {"SASLMutualAuthFailed", "StringPrepError"}


class SlixmppAttachment(XmppAttachment):
    """
    A middleware attached to a client or component of slixmpp, with the client's current session.

    Attributes:
        stream: The state of the current stream.
    """

    by_hand = True

    def __init__(self, middleware: Middleware, client: Any, options: Options) -> None:  # noqa: ANN401 - of a library that is not imported
        """Add handlers to the client, and replace its methods `connect`, `disconnect` and `reconnect`."""
        super().__init__(middleware, client, options)
        self.stream = Stream(is_open=client.is_connected())
        self._failed: list[Exception] = []
        self._barred = self._pings = False
        self._pausing: asyncio.Future[None] | None = None
        self._ended_at = 0.0
        self._credentials = self._read_credentials()
        self._lost: NormalizedError | None = None
        self._redirects = Redirects(replace(options.policy, attempts=None), self._loop.time)
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

    # Methods for users

    def detach(self) -> None:
        """Remove all handlers and replaced methods from the client. The application's own handlers stay."""
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
        """Close the client. This is not a fault. Connecting the client again begins a new session."""
        self.feed(Closing())
        self._calm_down()
        self.client.cancel_connection_attempt()
        if self.client.is_connected():
            await self._disconnect(wait=1.0)
        self.feed(Closed())
        self._barred = False

    def _configured(self) -> str:
        if self.client.custom_address is None:
            return str(self.client.default_domain)  # a DNS record may name another host and port
        host, port = self.client.custom_address
        return f"{host}:{port}"

    def stop(self) -> None:
        """Stop the client: disconnect it, or cancel its connection attempts."""
        self._disarm()
        self._calm_down()
        self.client.cancel_connection_attempt()
        if self.client.is_connected():
            self._disconnect()

    @property
    def is_busy(self) -> bool:
        """Whether the client is connected, tries to connect, or waits to do so."""
        return bool(self.client.is_connected() or self.client.is_connecting() or self._pausing is not None)

    def lost(self, identity: str) -> NormalizedError | None:
        """Return the error that ended the session while a request waited or before it was sent; `None` if none did."""
        return self._requests.lost.get(identity) or self._lost

    def _close_client(self, order: Close) -> None:  # noqa: ARG002 - other code reports the reason
        self._barred = not self._options.supervised
        safely(self.stop)()

    # Replacements for methods that slixmpp and applications call

    def _connect(self, *args: Any, **options: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - replaces slixmpp's `connect`
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

    async def _connect_after(self, pause: float, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the arguments of `connect`
        await asyncio.sleep(pause)
        self._pausing = None
        self._dial(*args, **options)

    def _dial(self, *args: Any, **options: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - the arguments of `connect`
        self._renew()
        self._told_silence = False
        self.feed(Dialling())
        attempt: asyncio.Future[Any] = self._methods.hidden["connect"](*args, **options)
        attempt.add_done_callback(safely(self._round_is_over))
        self._arm()
        return attempt

    def _pause(self) -> float:
        """Return by how many seconds to delay a call of `connect`: after redirects, and after each end if `abort` is set."""
        decision = self._session.decision
        if not self._options.abort or self._options.supervised or decision is None or self.is_over or self.stream.reconnects:
            return self._redirects.pause
        return max(self._redirects.pause, 0.0, self._ended_at + (decision.delay or 0.0) - self._loop.time())

    def _calm_down(self) -> None:
        if self._pausing is not None:
            self._pausing.cancel()
            self._pausing = None

    def _disconnect(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - replaces slixmpp's `disconnect`
        cause = sys.exc_info()[1]
        if isinstance(cause, ParseError):
            self.fails(SessionError(Signal("xmpp", "xml", "not-well-formed", closed=True)))
        elif isinstance(cause, Exception) and type(cause).__name__ in _HANGS_UP_ON:
            self.fails(cause)
        self.stream.leaving = True
        self._calm_down()
        return self._methods.hidden["disconnect"](*args, **options)

    def _reconnect(self, wait: float = 2.0, reason: str = "Reconnecting") -> None:
        """Replace slixmpp's `reconnect`, which slixmpp calls after a ping without an answer and after `see-other-host`."""
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
        """Report a failed round of connection attempts. slixmpp's future of one round returns the future of the next round."""
        failure = None if attempt.cancelled() else attempt.exception()
        following = None if attempt.cancelled() or failure is not None else attempt.result()
        if isinstance(following, asyncio.Future):
            following.add_done_callback(safely(self._round_is_over))
            self._dials_failed(self._failed or [unsaid(self.client)], Next.RECONNECTING)
        elif isinstance(failure, Exception):
            # slixmpp believes that it is still connecting, but it makes no further attempt. These calls reset that state.
            self._dials_failed([*self._failed, failure], Next.CLOSED)
            self.client.cancel_connection_attempt()
            self._methods.hidden["disconnect"]()
        elif self._failed and not self.client.is_connected():
            self._dials_failed(self._failed, Next.RECONNECTING if self.client.is_connecting() else Next.CLOSED)

    def _dials_failed(self, failed: list[Exception], following: Next) -> None:
        """Report a failed round with one of its exceptions: a certificate that is not trusted, otherwise the last exception."""
        self._failed = []
        self._disarm()
        judged = [(each, self.judged(each)) for each in failed]
        untrusted = (one for one in judged if one[1].category is Category.AUTH)
        cause, error = next(untrusted, judged[-1])
        if not self._is_told(error, following):
            self.feed(DialFailed(error=error, cause=cause, next=following))

    def _on_connected(self, _: object) -> None:
        self._failed = []
        self._told_silence = False
        if not self._barred:
            self._renew()
        self.stream = Stream(is_open=True)
        self._arm()

    def _is_silent(self) -> None:
        """Report a connection attempt or a login that took longer than `login_within` as failed."""
        silence = TimeoutError("no session was started in time")
        if not self.stream.open:
            self._dials_failed([*self._failed, silence], Next.RECONNECTING)
            self._told_silence = True
            return
        self.fails(self.stream.refusal() or silence)
        self.client.abort()

    # Logging in

    def fails(self, raw: Exception) -> None:
        """Report an error that ends the current stream or makes it useless, and close the stream if the peer does not."""
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
        """Report that the server offered no usable feature, if slixmpp asks for nothing after the negotiation."""
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
        """Report that the server refused to bind a resource, and close the stream: slixmpp would emit `session_start`."""
        self.stream.unbound = True
        self.fails(raw)
        self._loop.call_soon(safely(self._hang_up), self.stream)

    def stream_error(self, raw: SessionError) -> None:
        """Report a stream error. If the server refused the login before, the refusal is reported as the reason."""
        stream = self.stream
        refusal = stream.refusal()
        if refusal is not None or raw.signal.code != "see-other-host":
            self.fails(refusal or raw)
        elif stream.open:
            stream.moved = raw.signal
            # slixmpp decides right after this call whether it follows the redirect.
            self._loop.call_soon(safely(self._has_moved), stream, raw)

    def _has_moved(self, stream: Stream, raw: SessionError) -> None:
        error = ended(self.judged(raw))
        follows = stream.reconnects and stream.is_followed(self.client)
        times = self._redirects.follow(error) if stream.reconnects else 1
        following = Next.RECONNECTING if stream.reconnects else Next.CLOSED
        self.feed(Said(error=error, cause=raw, next=following, follows=follows, times=times))
        self._loop.call_later(_PATIENCE, safely(self._hang_up), stream)

    def survived(self, raw: object, operation: str) -> None:
        """Report an error that the session survives."""
        self.feed(self._said(raw, operation))

    def _join_refused(self, failure: Exception) -> None:
        """Report that a room refused the client, unless a guard reports it: the application may no longer wait for the answer."""
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
        # The plugins of slixmpp have to handle the end first. Otherwise a ping that times out now makes slixmpp connect.
        self._loop.call_soon(safely(self._ends_waiting), self._lost)

    def _stop_pings(self) -> None:
        """Stop the pings until the next session: a ping without a connection makes slixmpp connect and keeps the client alive."""
        if _PINGS in self.client.scheduled_events:
            self._pings = True
            self.client.cancel_schedule(_PINGS)

    def _ends_waiting(self, error: NormalizedError) -> None:
        self._requests.end(error)
        self._joins.end(error)

    def _is_known(self, text: str) -> bool:
        return self.judged(worded(text)).known
