"""Record what happens on one stream of slixmpp, and find the fault that ended it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from errnorm.error import Signal
from errnorm_adapters.xmpp.client.stanzas import Outgoing
from errnorm_adapters.xmpp.elements import of_element
from errnorm_adapters.xmpp.session_error import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stream", "exception_of", "unsaid", "worded"]

_END = "End of stream"
_STARTTLS = "{urn:ietf:params:xml:ns:xmpp-tls}starttls"
# RFC 6120 6.5: the conditions that concern a mechanism and not the account.
_ABOUT_MECHANISMS = {"invalid-mechanism", "mechanism-too-weak", "encryption-required", "aborted"}
_LAST_PORT = 65535


class Stream:
    """
    The state of one stream.

    Attributes:
        open: Whether the stream is open.

        leaving: Whether the application or slixmpp has asked to close the stream.

        reconnects: Whether slixmpp reconnects when the stream has ended.

        reason: The text with which slixmpp explains why it reconnects; `None` if it does not.

        eof: Whether the peer has closed the connection.

        failures: The SASL failures on this stream that no successful login has followed.

        refused: Whether every mechanism has failed.

        authenticated: Whether the login succeeded.

        unbound: Whether the server refused to bind a resource.

        started: Whether a session has started.

        offered: The tags of the features that the server offered last.

        moved: The signal of a `see-other-host` error; `None` if the peer sent none.

        outgoing: The requests to bind a resource that this side sent.
    """

    def __init__(self, *, is_open: bool = False) -> None:
        """Create the state of a new stream."""
        self.open = is_open
        self.leaving = self.reconnects = self.eof = self.refused = self.authenticated = self.unbound = self.started = False
        self.reason: str | None = None
        self.failures: list[Signal] = []
        self.offered: frozenset[str] = frozenset()
        self.moved: Signal | None = None
        self.outgoing = Outgoing()

    def refusal(self, *, closed: bool = True) -> SessionError | None:
        """Return the last failure of the login, preferably one about the account; `None` if the login has not failed."""
        if not self.failures:
            return None
        last = next((each for each in reversed(self.failures) if each.code not in _ABOUT_MECHANISMS), self.failures[-1])
        last.closed = closed or None
        return SessionError(last)

    def nothing_usable(self) -> SessionError:
        """Return the error of a server that offered no feature that slixmpp can use."""
        if self.authenticated:
            return SessionError(Signal("xmpp", "stream", "unsupported-feature"))
        return SessionError(Signal("xmpp", "sasl", "encryption-required" if _STARTTLS in self.offered else "no-common-mechanism"))

    def is_followed(self, client: Any) -> bool:  # noqa: ANN401 - of a library that is not imported
        """
        Return whether slixmpp will connect to the address of the redirect.

        slixmpp ignores the port of the redirect, and ignores the whole redirect if the application gave an address to connect to
        (slixmpp 1.17, basexmpp.py).
        """
        address = "" if self.moved is None else self.moved.address or ""
        port = address.rpartition("]")[2].rpartition(":")[2]
        return client.custom_address is None and (not port.isdecimal() or int(port) == client.default_port)

    def cause(self, reason: object, is_known: Callable[[str], bool]) -> Exception | None:
        """
        Return why the stream ended.

        Args:
            reason: The argument of slixmpp's `disconnected` event.
            is_known: Returns whether a row of the tables matches a text of slixmpp.

        Returns:
            The fault; `None` if this side closed the stream.
        """
        if (refusal := self.refusal()) is not None:
            return refusal
        if self.refused:
            return SessionError(Signal("xmpp", "sasl", "all-mechanisms-failed"))
        if self.reason is not None and self.moved is None and is_known(self.reason):
            return worded(self.reason)
        if self.leaving or self.unbound:
            return None
        if isinstance(reason, Exception) or reason == _END:
            return exception_of(reason)
        return EOFError("the connection was closed") if self.eof else None


def exception_of(raw: Any) -> Exception:  # noqa: ANN401 - an exception, a text, an element
    """Return an exception for the argument of a slixmpp event: an exception, a text or an element."""
    if isinstance(raw, Exception):
        return raw
    if isinstance(raw, str):
        return worded(raw)
    return SessionError(of_element(raw) or Signal("xmpp", "stream", "undefined-condition"))


def worded(text: str) -> SessionError:
    """Return an exception for a text of slixmpp."""
    return SessionError(Signal("xmpp", "client", text, text))


def unsaid(client: Any) -> Exception:  # noqa: ANN401 - of a library that is not imported
    """
    Return the exception of a round of connection attempts for which slixmpp reported none.

    slixmpp only logs the exceptions of its connect loop that are not an `OSError`. They are raised before anything is sent, so
    this function makes the same calls again to get the exception.
    """
    try:
        client.get_ssl_context()
    except Exception as error:  # noqa: BLE001 - any exception here is the reason
        return error
    host, port = client.custom_address or (client.default_domain, client.default_port)
    try:
        str(host).encode("idna")
    except UnicodeError:
        return SessionError(Signal("transport", "dns", "ARES_EBADNAME"))
    if not 0 < int(port) <= _LAST_PORT:
        return SessionError(Signal("transport", "dns", "EAI_SERVICE"))
    return SessionError(Signal("xmpp", "client", "connect-loop-failed"))
