"""What is known of one stream of slixmpp, from its opening to its end, and what that end belongs to."""

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
# RFC 6120 6.5: what is about a mechanism, and not about the account.
_ABOUT_MECHANISMS = {"invalid-mechanism", "mechanism-too-weak", "encryption-required", "aborted"}
_LAST_PORT = 65535


class Stream:
    """
    One stream.

    Attributes:
        open: Whether there is one.

        leaving: Whether this side, or slixmpp, has asked to end it.

        reconnects: Whether slixmpp connects again when it has ended.

        reason: Why slixmpp connects again, in its words.

        eof: Whether the peer has closed the connection.

        failures: The failures of the login so far.

        refused: Whether no mechanism is left to log in with.

        authenticated: Whether the login succeeded.

        unbound: Whether the resource could not be bound.

        started: Whether a session has started.

        offered: The features that the server offered last, by their tags.

        moved: Where the peer points to, if it does.

        outgoing: What this side has asked for.
    """

    def __init__(self, *, is_open: bool = False) -> None:
        """Know nothing."""
        self.open = is_open
        self.leaving = self.reconnects = self.eof = self.refused = self.authenticated = self.unbound = self.started = False
        self.reason: str | None = None
        self.failures: list[Signal] = []
        self.offered: frozenset[str] = frozenset()
        self.moved: Signal | None = None
        self.outgoing = Outgoing()

    def refusal(self, *, closed: bool = True) -> SessionError | None:
        """Return how the login was refused, if it was: by the last failure that is about the account, if there is one."""
        if not self.failures:
            return None
        last = next((each for each in reversed(self.failures) if each.code not in _ABOUT_MECHANISMS), self.failures[-1])
        last.closed = closed or None
        return SessionError(last)

    def nothing_usable(self) -> SessionError:
        """Say what is missing among the features that were offered."""
        if self.authenticated:
            return SessionError(Signal("xmpp", "stream", "unsupported-feature"))
        return SessionError(Signal("xmpp", "sasl", "encryption-required" if _STARTTLS in self.offered else "no-common-mechanism"))

    def is_followed(self, client: Any) -> bool:  # noqa: ANN401 - of a library that is not imported
        """
        Tell whether slixmpp gets to the address that the peer pointed to.

        It connects again to the address that the application gave, if it gave one, and ignores the port (slixmpp 1.17,
        basexmpp.py).
        """
        address = "" if self.moved is None else self.moved.address or ""
        port = address.rpartition("]")[2].rpartition(":")[2]
        return client.custom_address is None and (not port.isdecimal() or int(port) == client.default_port)

    def cause(self, reason: object, is_known: Callable[[str], bool]) -> Exception | None:
        """
        Say why it ended.

        Args:
            reason: What slixmpp says.
            is_known: Whether words of slixmpp mean a fault.

        Returns:
            The fault; `None` if this side wanted it.
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
    """Return what slixmpp passes to an event as an exception."""
    if isinstance(raw, Exception):
        return raw
    if isinstance(raw, str):
        return worded(raw)
    return SessionError(of_element(raw) or Signal("xmpp", "stream", "undefined-condition"))


def worded(text: str) -> SessionError:
    """Return words of slixmpp as an exception."""
    return SessionError(Signal("xmpp", "client", text, text))


def unsaid(client: Any) -> Exception:  # noqa: ANN401 - of a library that is not imported
    """
    Find out why no way to connect was tried to its end.

    What its connect loop raises besides an `OSError` slixmpp only logs, and goes on. It is raised before anything is sent, so
    the same is asked for again.
    """
    try:
        client.get_ssl_context()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
        return error
    host, port = client.custom_address or (client.default_domain, client.default_port)
    try:
        str(host).encode("idna")
    except UnicodeError:
        return SessionError(Signal("transport", "dns", "ARES_EBADNAME"))
    if not 0 < int(port) <= _LAST_PORT:
        return SessionError(Signal("transport", "dns", "EAI_SERVICE"))
    return SessionError(Signal("xmpp", "client", "connect-loop-failed"))
