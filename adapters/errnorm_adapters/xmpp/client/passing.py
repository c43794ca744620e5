"""What goes by on the streams of one client of slixmpp: errors are reported, and completed for whoever waits for them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from errnorm.decision import decide
from errnorm.error import Signal
from errnorm.marks import Mark, claim
from errnorm_adapters.xmpp.client.login import exception_of
from errnorm_adapters.xmpp.client.methods import Methods, safely
from errnorm_adapters.xmpp.client.stanzas import Kind, complete, kind_of, room_of
from errnorm_adapters.xmpp.elements import of_element
from errnorm_adapters.xmpp.session_error import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from xml.etree.ElementTree import Element

    from errnorm.error import NormalizedError
    from errnorm_adapters.xmpp.client.login import Stream

__all__ = ["Passing"]

_ENABLES = "bind"


class Listener(Protocol):
    """What is told of what goes by: an attachment."""

    client: Any
    stream: Stream

    def stream_error(self, raw: SessionError) -> None:
        """Take a stream error."""
        ...

    def fails(self, raw: Exception) -> None:
        """Take what makes the stream of no more use."""
        ...

    def bind_failed(self, raw: Exception) -> None:
        """Take a refused resource."""
        ...

    def survived(self, raw: object, operation: str) -> None:
        """Take an error that the session survives."""
        ...

    def judged(self, raw: object) -> NormalizedError:
        """Return what an error means."""
        ...


class Passing:
    """
    What goes by on the streams of one client.

    Nothing here can raise: an exception where slixmpp receives makes asyncio close the connection.
    """

    def __init__(self, attachment: Listener, joining: Container[str]) -> None:
        """
        Watch what goes by.

        Args:
            attachment: Whom to tell.
            joining: The rooms that somebody waits to be let into.
        """
        error: Any = import_module("slixmpp.stanza").Error  # there, since its client is
        self._attachment = attachment
        self._client = attachment.client
        self._joining = joining
        self._known = frozenset(error.conditions)
        self._tag = f"{{{error.namespace}}}{error.name}"
        self._complete = safely(self._completed)
        self._look = safely(self._looked)
        self._note = safely(self._noted)
        self._methods = Methods(self._client, incoming_filter=self._incoming_filter)
        self._client.add_filter("in", self._incoming)
        self._client.add_filter("out", self._outgoing)
        self._readers: dict[Kind, Callable[[Any, Element], None]] = {
            Kind.FEATURES: self._features,
            Kind.STREAM_ERROR: self._stream_error,
            Kind.LOGIN_FAILED: self._login_failed,
            Kind.TLS_FAILED: self._tls_failed,
            Kind.TLS_PROCEEDS: self._tls_proceeds,
            Kind.MANAGEMENT_FAILED: self._management_failed,
            Kind.REQUEST_FAILED: self._request_failed,
            Kind.MESSAGE_FAILED: self._message_failed,
            Kind.PRESENCE_FAILED: self._presence_failed,
            Kind.LEFT: self._left,
        }

    def detach(self) -> None:
        """Watch no more."""
        self._client.del_filter("in", self._incoming)
        self._client.del_filter("out", self._outgoing)
        self._methods.restore()

    # Where slixmpp receives and sends

    def _incoming_filter(self, xml: Element) -> Element:
        """Stand in for slixmpp's `incoming_filter`, which is there for this: before a stanza is made of an element."""
        passed: Element = self._methods.hidden["incoming_filter"](xml)
        self._complete(passed)
        return passed

    def _completed(self, xml: Element) -> None:
        complete(xml, self._known, self._tag, self._joining)

    def _incoming(self, stanza: Any) -> Any:  # noqa: ANN401 - a stanza of slixmpp
        self._look(stanza)
        return stanza

    def _outgoing(self, stanza: Any) -> Any:  # noqa: ANN401 - a stanza of slixmpp
        self._note(stanza)
        return stanza

    def _noted(self, stanza: Any) -> None:  # noqa: ANN401 - a stanza of slixmpp
        self._attachment.stream.outgoing.note(stanza.xml)

    def _looked(self, stanza: Any) -> None:  # noqa: ANN401 - a stanza of slixmpp
        xml: Element = stanza.xml
        kind = kind_of(xml)
        if kind is not None:
            self._readers[kind](stanza, xml)

    # What each kind means

    def _features(self, _: object, xml: Element) -> None:
        self._attachment.stream.offered = frozenset(child.tag for child in xml)

    def _stream_error(self, _: object, xml: Element) -> None:
        signal = of_element(xml) or Signal("xmpp", "stream", "undefined-condition")
        self._attachment.stream_error(SessionError(signal))

    def _login_failed(self, _: object, xml: Element) -> None:
        stream = self._attachment.stream
        if not stream.authenticated:
            stream.failures.append(of_element(xml) or Signal("xmpp", "sasl", "not-authorized"))

    def _tls_failed(self, _: object, xml: Element) -> None:
        self._attachment.fails(exception_of(xml))

    def _tls_proceeds(self, _: object, __: Element) -> None:
        """Find out whether slixmpp will get any further: if it cannot make a context for TLS, it says so to nobody."""
        try:
            self._client.get_ssl_context()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
            self._attachment.fails(error)

    def _management_failed(self, _: object, xml: Element) -> None:
        enables = _ENABLES in getattr(self._client, "features", ())
        self._attachment.survived(exception_of(xml), "enable" if enables else "resume")

    def _request_failed(self, _: object, xml: Element) -> None:
        if xml.get("id") in self._attachment.stream.outgoing.binds:
            self._attachment.bind_failed(exception_of(xml))

    def _message_failed(self, stanza: object, xml: Element) -> None:
        self._tell(stanza, xml, "message")

    def _presence_failed(self, stanza: object, xml: Element) -> None:
        # Who waits to be let in is told by an exception.
        if room_of(xml) not in self._joining:
            self._tell(stanza, xml, "presence")

    def _left(self, _: object, xml: Element) -> None:
        removal = of_element(xml)
        if removal is not None:
            self._attachment.survived(SessionError(removal), "room")

    def _tell(self, stanza: object, xml: Element, operation: str) -> None:
        raw = exception_of(xml)
        self._attachment.survived(raw, operation)
        # An exception that the application makes of the stanza is the same fault.
        error = self._attachment.judged(raw)
        claim(stanza, Mark(error, decide(error), told="background"))
