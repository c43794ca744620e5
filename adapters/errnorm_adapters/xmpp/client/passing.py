"""Watch the elements that a slixmpp client receives: report errors, and complete them so that slixmpp passes them on."""

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
    """The part of an attachment to which the errors are passed."""

    client: Any
    stream: Stream

    def stream_error(self, raw: SessionError) -> None:
        """Report a stream error."""
        ...

    def fails(self, raw: Exception) -> None:
        """Report an error that ends the stream or makes it useless."""
        ...

    def bind_failed(self, raw: Exception) -> None:
        """Report that the server refused to bind a resource."""
        ...

    def survived(self, raw: object, operation: str) -> None:
        """Report an error that the session survives."""
        ...

    def judged(self, raw: object) -> NormalizedError:
        """Return the normalized error of a raw error."""
        ...


class Passing:
    """
    Filters on the streams of one client.

    These filters never raise: asyncio closes the connection if slixmpp's receive path raises.
    """

    def __init__(self, attachment: Listener, joining: Container[str]) -> None:
        """
        Add the filters to the client of an attachment.

        Args:
            attachment: The attachment to which errors are passed.
            joining: The addresses of the rooms that the client waits to join.
        """
        error: Any = import_module("slixmpp.stanza").Error  # slixmpp is installed, because the client is an object of it
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
        """Remove the filters."""
        self._client.del_filter("in", self._incoming)
        self._client.del_filter("out", self._outgoing)
        self._methods.restore()

    # Filters that slixmpp calls when it receives and sends

    def _incoming_filter(self, xml: Element) -> Element:
        """Replace slixmpp's `incoming_filter`, a hook that slixmpp calls before it makes a stanza of an element."""
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

    # One method for each kind of element

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
        """Report that slixmpp cannot create a TLS context: slixmpp emits no event for that."""
        try:
            self._client.get_ssl_context()
        except Exception as error:  # noqa: BLE001 - any exception here is the reason
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
        # `join_muc_wait` raises for a room that the client waits to join, so the presence is not reported as well.
        if room_of(xml) not in self._joining:
            self._tell(stanza, xml, "presence")

    def _left(self, _: object, xml: Element) -> None:
        removal = of_element(xml)
        if removal is not None:
            self._attachment.survived(SessionError(removal), "room")

    def _tell(self, stanza: object, xml: Element, operation: str) -> None:
        raw = exception_of(xml)
        self._attachment.survived(raw, operation)
        # The application may raise an exception made from this stanza. The mark keeps it from being reported a second time.
        error = self._attachment.judged(raw)
        claim(stanza, Mark(error, decide(error), told="background"))
