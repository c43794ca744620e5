"""
slixmpp: what its events say, and what they leave out.

slixmpp says each thing several times, or only in part, or not at all. A stream error is followed by an end of the stream
that looks like any other; a wrong password is a failure for each mechanism, then the failure of all, then an end; a
connection is tried twice (TLS, then plain) before it has failed once; a resource that could not be bound is a session all
the same; what cannot be read as XML is answered, and told to nobody. Here each becomes one fault.

An error whose condition slixmpp does not know (`policy-violation` is one) never reaches the caller of a request, who waits
for the time-out. So it is given, behind the condition that came, the one by which RFC 6120 8.3.3 has unknown ones understood.
Then the caller gets it at once, and the normalized error still has the condition that came. Who waits for a room is left
waiting in the same way, where the server (Prosody) refuses without echoing what was asked; there the echo is added.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ParseError, SubElement

from errnorm.error import Signal
from errnorm.taxonomy import Category
from errnorm_adapters.xmpp.client.session import Attachment, SessionError
from errnorm_adapters.xmpp.elements import of_element

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SlixmppAttachment"]

_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_BINDS = ("{urn:ietf:params:xml:ns:xmpp-bind}bind", "{urn:ietf:params:xml:ns:xmpp-session}session")
_ROOM = "{http://jabber.org/protocol/muc}x"
_STARTTLS_FAILED = "{urn:ietf:params:xml:ns:xmpp-tls}failure"
_END = "End of stream"
_NO_REDIRECTS = -1
# What slixmpp itself was dealing with when it hung up; anything else is an exception of the application's.
_HANGS_UP_ON = {"SASLMutualAuthFailed", "StringPrepError"}


class _Stream:
    """What is remembered of one connection."""

    __slots__ = ("binds", "ended", "eof", "failures", "leaving", "open", "refused", "unbound")

    def __init__(self, *, is_open: bool = False) -> None:
        self.open = is_open
        self.ended = False
        self.eof = False
        self.leaving = False
        self.unbound = False
        self.refused: str | None = None
        self.failures: list[Signal] = []
        self.binds: set[str] = set()


class SlixmppAttachment(Attachment):
    """A client or component of slixmpp under a middleware."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of `Attachment`
        """Attach."""
        super().__init__(*args, **options)
        self._stream = _Stream(is_open=self.client.is_connected())
        self._failed: list[Exception] = []
        self._redirects = 0
        self._handlers: dict[str, Callable[[Any], None]] = {
            "connecting": self._on_connecting,
            "reconnect_delay": self._on_round_failed,
            "connection_failed": self._on_connection_failed,
            "connected": self._on_connected,
            "failed_auth": self._on_failed_auth,
            "failed_all_auth": self._on_failed_all_auth,
            "no_auth": self._on_no_auth,
            "auth_success": self._on_auth_success,
            "session_start": self._on_session_start,
            "session_resumed": self._on_session_start,
            "sm_failed": self._on_sm_failed,
            "stream_error": self._on_stream_error,
            "eof_received": self._on_eof,
            "disconnected": self._on_disconnected,
            "message_error": self._on_message_error,
            "presence_error": self._on_presence_error,
        }
        for name, handler in self._handlers.items():
            self.client.add_event_handler(name, handler)
        self.client.add_filter("in", self._incoming)
        self.client.add_filter("out", self._outgoing)
        self._disconnect = self.client.disconnect
        self.client.disconnect = self._leave

    def detach(self) -> None:
        """Take everything off the client that was put on it. What the user put there stays."""
        if not self._handlers:
            return
        self._on_round_failed(None)
        for name, handler in self._handlers.items():
            self.client.del_event_handler(name, handler)
        self._handlers = {}
        self.client.del_filter("in", self._incoming)
        self.client.del_filter("out", self._outgoing)
        # It hides the method of the class; if somebody hid it in turn, that one still goes through here to the method.
        if vars(self.client).get("disconnect") == self._leave:
            del self.client.disconnect

    async def close(self) -> None:
        """Close the client, and detach."""
        self.client.cancel_connection_attempt()
        if self.client.is_connected():
            await self.client.disconnect(wait=1.0)
        self.detach()

    def stop(self) -> None:
        """Make the client give up: neither connected nor about to connect."""
        self.client.cancel_connection_attempt()
        if self.client.is_connected():
            self._stream.leaving = True
            self._disconnect()

    def _leave(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - stands where slixmpp's `disconnect` stood
        """Note that this side disconnects, and if it is slixmpp that does so, over what; then do it."""
        cause = sys.exc_info()[1]
        if isinstance(cause, ParseError):
            self._stream_ends(SessionError(Signal("xmpp", "xml", "not-well-formed", closed=True)))
        elif isinstance(cause, Exception) and type(cause).__name__ in _HANGS_UP_ON:
            self._stream_ends(cause)
        self._stream.leaving = True
        return self._disconnect(*args, **options)

    # The connection

    def _on_connecting(self, _: object) -> None:
        self._on_round_failed(None)
        self._begins()
        if self.stopped is not None:
            # Whoever connects again does so right after this event.
            self._loop.call_soon(self.client.cancel_connection_attempt)

    def _on_connection_failed(self, reason: object) -> None:
        self._failed.append(_exception(reason))
        self._loop.call_soon(self._on_given_up)

    def _on_given_up(self) -> None:
        if not self.client.is_connecting():
            self._on_round_failed(None, client="closed")

    def _on_round_failed(self, _: object, *, client: str = "reconnecting") -> None:
        """Tell that every way to connect was tried once: of all that failed, the certificate says most, then the last."""
        failed, self._failed = self._failed, []
        if failed:
            untrusted = (each for each in failed if self._middleware.normalize(each, "xmpp").category is Category.AUTH)
            self._has_ended(next(untrusted, failed[-1]), client=client)

    def _on_connected(self, _: object) -> None:
        # One way did lead there.
        self._failed = []
        self._stream = _Stream(is_open=True)

    def _on_eof(self, _: object) -> None:
        self._stream.eof = True

    def _on_disconnected(self, reason: object) -> None:
        self._on_round_failed(None, client="closed")
        stream, self._stream = self._stream, _Stream()
        if not stream.open or stream.ended:
            return
        text = reason if isinstance(reason, str) else None
        pinged = text is not None and text != _END and self._middleware.normalize(_worded(text), "xmpp").known
        # slixmpp itself connects again only after a ping that nobody answered.
        self._has_ended(_cause(stream, reason, told=pinged), client="reconnecting" if pinged else "closed")

    def _stream_ends(self, raw: Exception, *, client: str = "closed") -> None:
        if self._stream.open and not self._stream.ended:
            self._stream.ended = True
            self._has_ended(raw, client=client)

    def _on_stream_error(self, stanza: Any) -> None:  # noqa: ANN401 - a stanza of slixmpp
        self._tell_failures()
        raw = _exception(stanza)
        address = raw.signal.address if isinstance(raw, SessionError) else None
        if address is None:
            self._stream_ends(raw)
            return
        follows = self._follows(self._middleware.normalize(raw, "xmpp"))
        moves = follows and self._redirects <= self.client.max_redirects
        self._stream_ends(raw, client="reconnecting" if moves else "closed")
        if moves and self.stopped is None:
            self._redirects += 1
        else:
            self._stay()

    def _stay(self) -> None:
        """Keep slixmpp from following a redirect, which it does right after the event."""
        allowed, self.client.max_redirects = self.client.max_redirects, _NO_REDIRECTS
        self._loop.call_soon(setattr, self.client, "max_redirects", allowed)

    # The login

    def _on_failed_auth(self, stanza: object) -> None:
        self._stream.failures.append(_signal(stanza) or Signal("xmpp", "sasl", "not-authorized"))

    def _on_failed_all_auth(self, _: object) -> None:
        if self._stream.failures:
            self._stream_ends(SessionError(_closing(self._stream.failures)))
        self._stream.refused = "all-mechanisms-failed"

    def _on_no_auth(self, _: object) -> None:
        self._stream_ends(SessionError(Signal("xmpp", "sasl", "no-common-mechanism")))

    def _on_auth_success(self, _: object) -> None:
        self._tell_failures()

    def _tell_failures(self) -> None:
        """Tell the failures of single mechanisms that did not end the login."""
        if self._stream.failures:
            failure = _telling(self._stream.failures)
            self._stream.failures = []
            self._survived(SessionError(failure), "login")

    # The session

    def _on_session_start(self, _: object) -> None:
        self._redirects = 0
        if not self._stream.unbound:
            self._has_started()

    def _on_bind_failed(self, stanza: Element) -> None:
        # The stream lives, but nothing can be done on it.
        self._stream.unbound = True
        self._has_ended(_exception(stanza), client="nothing")

    def _on_sm_failed(self, stanza: object) -> None:
        self._survived(_exception(stanza), "resume", holder=stanza)

    def _on_message_error(self, stanza: object) -> None:
        self._survived(_exception(stanza), "message", holder=stanza)

    def _on_presence_error(self, stanza: object) -> None:
        self._survived(_exception(stanza), "presence", holder=stanza)

    # What goes by

    def _incoming(self, stanza: Any) -> Any:  # noqa: ANN401 - a stanza of slixmpp
        xml = stanza.xml
        if xml.tag == _STARTTLS_FAILED:
            self._stream_ends(_exception(xml))
        elif xml.get("type") == "error":
            _complete(stanza)
            if self.client.event_handled(f"muc::{stanza['from'].bare}::presence-error") and xml.find(_ROOM) is None:
                stanza.enable("muc_join")
            if xml.get("id") in self._stream.binds:
                self._on_bind_failed(xml)
        return stanza

    def _outgoing(self, stanza: Any) -> Any:  # noqa: ANN401 - a stanza of slixmpp
        xml: Element = stanza.xml
        if any(child.tag in _BINDS for child in xml):
            self._stream.binds.add(xml.get("id", ""))
        return stanza


def _cause(stream: _Stream, reason: object, *, told: bool) -> Exception | None:
    """Say why a connection ended of which nothing was said before; `None` if this side wanted it."""
    if stream.failures:
        return SessionError(_closing(stream.failures))
    if stream.refused is not None:
        return SessionError(Signal("xmpp", "sasl", stream.refused))
    if told:
        return _exception(reason)
    if stream.leaving or stream.unbound:
        return None
    if isinstance(reason, Exception) or reason == _END:
        return _exception(reason)
    return EOFError("the connection was closed") if stream.eof else None


def _exception(raw: object) -> Exception:
    """Return what slixmpp passes to an event, a stanza or an exception or a text, as an exception."""
    if isinstance(raw, Exception):
        return raw
    if isinstance(raw, str):
        return _worded(raw)
    return SessionError(_signal(raw) or Signal("xmpp", "stream", "undefined-condition"))


def _worded(text: str) -> SessionError:
    return SessionError(Signal("xmpp", "client", text, text))


def _signal(raw: Any) -> Signal | None:  # noqa: ANN401 - a stanza, an element, or anything
    xml = getattr(raw, "xml", raw)
    return of_element(xml) if isinstance(getattr(xml, "tag", None), str) else None


def _telling(failures: list[Signal]) -> Signal:
    """Of the failures of all mechanisms, return the last one that is about the account and not about the mechanism."""
    about_mechanism = {"invalid-mechanism", "mechanism-too-weak", "encryption-required", "aborted"}
    return next((each for each in reversed(failures) if each.code not in about_mechanism), failures[-1])


def _closing(failures: list[Signal]) -> Signal:
    signal = _telling(failures)
    signal.closed = True
    return signal


def _complete(stanza: Any) -> None:  # noqa: ANN401 - a stanza of slixmpp
    """Add to an error, where it has no condition that slixmpp knows, the one that every unknown condition stands for."""
    xml: Element = stanza.xml
    namespace = xml.tag.rpartition("}")[0]
    error = xml.find(f"{namespace}}}error")
    known = stanza["error"]["condition"]
    if error is None:
        # Looking at it has made one, of a feature that is not implemented.
        stanza["error"]["condition"] = "undefined-condition"
    elif not known:
        SubElement(error, f"{{{_STANZAS}}}undefined-condition")
