"""
Read and complete the elements on a stream of slixmpp.

This code runs inside slixmpp's receive path, so it must not raise or change a stanza by accident. slixmpp's accessors create
elements, parse addresses and call plugins, and `slixmpp.JID` raises for some addresses that a peer can send. So this module uses
only the `xml.etree` elements.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["BY_CODE", "Kind", "Outgoing", "complete", "kind_of", "room_of"]

_STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_STREAMS = "{http://etherx.jabber.org/streams}"
_TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
_SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
_CONTENTS = ("jabber:client", "jabber:component:accept")
_BINDS = ("{urn:ietf:params:xml:ns:xmpp-bind}bind", "{urn:ietf:params:xml:ns:xmpp-session}session")
_ROOM = "{http://jabber.org/protocol/muc}x"


# XEP-0086, table 1: the condition of each numeric code.
BY_CODE = {
    "302": "redirect",
    "400": "bad-request",
    "401": "not-authorized",
    "402": "payment-required",
    "403": "forbidden",
    "404": "item-not-found",
    "405": "not-allowed",
    "406": "not-acceptable",
    "407": "registration-required",
    "408": "remote-server-timeout",
    "409": "conflict",
    "500": "internal-server-error",
    "501": "feature-not-implemented",
    "502": "service-unavailable",
    "503": "service-unavailable",
    "504": "remote-server-timeout",
    "510": "service-unavailable",
}


class Kind(StrEnum):
    """The kinds of elements at the level of a stream that an attachment reads."""

    FEATURES = "features"
    STREAM_ERROR = "stream error"
    LOGIN_FAILED = "login failed"
    TLS_FAILED = "TLS failed"
    TLS_PROCEEDS = "TLS proceeds"
    MANAGEMENT_FAILED = "management failed"
    REQUEST_FAILED = "iq"
    MESSAGE_FAILED = "message"
    PRESENCE_FAILED = "presence"
    LEFT = "left a room"


_KINDS = {
    f"{_STREAMS}features": Kind.FEATURES,
    f"{_STREAMS}error": Kind.STREAM_ERROR,
    f"{_SASL}failure": Kind.LOGIN_FAILED,
    f"{_TLS}failure": Kind.TLS_FAILED,
    f"{_TLS}proceed": Kind.TLS_PROCEEDS,
    "{urn:xmpp:sm:2}failed": Kind.MANAGEMENT_FAILED,
    "{urn:xmpp:sm:3}failed": Kind.MANAGEMENT_FAILED,
}
_STANZA_KINDS = {
    f"{{{content}}}{kind}": kind
    for content in _CONTENTS
    for kind in (Kind.REQUEST_FAILED, Kind.MESSAGE_FAILED, Kind.PRESENCE_FAILED)
}


def kind_of(xml: Element) -> Kind | None:
    """Return the kind of an element; `None` if an attachment does not read it."""
    stanza = _STANZA_KINDS.get(xml.tag)
    if stanza is None:
        return _KINDS.get(xml.tag)
    if xml.get("type") == "error":
        return stanza
    return Kind.LEFT if stanza is Kind.PRESENCE_FAILED and xml.get("type") == "unavailable" else None


def room_of(xml: Element) -> str:
    """Return the bare address of the room that sent a stanza, exactly as the peer wrote it."""
    return xml.get("from", "").partition("/")[0]


def complete(xml: Element, known: Container[str | None], tag: str, joining: Container[str]) -> None:
    """
    Complete an error stanza, so that slixmpp passes it to the code that waits for it. Other stanzas are not changed.

    Without this, slixmpp ignores some errors, and the caller waits until the time-out:

    * If slixmpp does not know the condition (for example `policy-violation`), a second condition is added after it:
      `undefined-condition`, which RFC 6120 8.3.3 prescribes for unknown conditions.
    * If there is no condition but the code of an old server, the condition is added that XEP-0086 gives for the code.
    * If the error element of an answer has another namespace, it gets the tag that slixmpp looks for.
    * If a server (Prosody) refuses to let the client into a room and does not echo the request, the missing `x` element of the
      request is added.

    Args:
        xml: The stanza as it was received; it is changed in place.
        known: The conditions that slixmpp knows.
        tag: The tag of slixmpp's error element.
        joining: The addresses of the rooms that the client waits to join.
    """
    if xml.get("type") != "error" or (kind := _STANZA_KINDS.get(xml.tag)) is None:
        return
    own = f"{xml.tag.rpartition('}')[0]}}}error"
    error = next((child for child in reversed(xml) if child.tag in {own, tag}), None)
    if error is None:
        error = SubElement(xml, own, {"type": "cancel"})
    if kind is not Kind.MESSAGE_FAILED:
        error.tag = tag  # not in a message: there slixmpp recognises the error by the tag that was received
    if not any(child.tag.removeprefix(_STANZAS) in known for child in error):
        old = None if any(child.tag.startswith(_STANZAS) for child in error) else BY_CODE.get(error.get("code", ""))
        SubElement(error, f"{_STANZAS}{old if old in known else 'undefined-condition'}")
    if kind is Kind.PRESENCE_FAILED and room_of(xml) in joining and xml.find(_ROOM) is None:
        SubElement(xml, _ROOM)


class Outgoing:
    """
    The requests to bind a resource that this side sent on one stream.

    Attributes:
        binds: The ids of these requests.
    """

    def __init__(self) -> None:
        """Create an empty record."""
        self.binds: set[str] = set()

    def note(self, xml: Element) -> None:
        """Record a sent stanza if it asks the server to bind a resource."""
        if any(child.tag in _BINDS for child in xml):
            self.binds.add(xml.get("id", ""))
