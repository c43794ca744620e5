"""
What goes by on a stream of slixmpp, read from the elements alone.

This runs where slixmpp receives. An address of a peer may be one that `slixmpp.JID` refuses, and slixmpp's accessors create
elements, parse addresses and call plugins. So here elements are read and completed as `xml.etree` has them, and nothing else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["Kind", "Outgoing", "complete", "kind_of", "room_of"]

_STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_STREAMS = "{http://etherx.jabber.org/streams}"
_TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
_SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
_CONTENTS = ("jabber:client", "jabber:component:accept")
_BINDS = ("{urn:ietf:params:xml:ns:xmpp-bind}bind", "{urn:ietf:params:xml:ns:xmpp-session}session")
_ROOM = "{http://jabber.org/protocol/muc}x"


class Kind(StrEnum):
    """What an element at the level of a stream is about, as far as it matters here."""

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
    """Say what an element is about; `None` if it is about nothing that matters here."""
    stanza = _STANZA_KINDS.get(xml.tag)
    if stanza is None:
        return _KINDS.get(xml.tag)
    if xml.get("type") == "error":
        return stanza
    return Kind.LEFT if stanza is Kind.PRESENCE_FAILED and xml.get("type") == "unavailable" else None


def room_of(xml: Element) -> str:
    """Return the address of the room that a stanza came from, as the peer wrote it."""
    return xml.get("from", "").partition("/")[0]


def complete(xml: Element, known: Container[str], tag: str, joining: Container[str]) -> None:
    """
    Add to a stanza that is an error what slixmpp needs to hand it to whoever waits for it.

    An error whose condition slixmpp does not know (`policy-violation` is one) never reaches the caller of a request, who waits
    for the time-out. So it is given, behind the condition that came, the one that RFC 6120 8.3.3 has unknown ones understood
    as. An error in an answer is called as slixmpp looks for it. Who waits for a room is left waiting in the same way, where the
    server (Prosody) refuses without echoing what was asked; there the echo is added.

    Args:
        xml: The stanza, as it came.
        known: The conditions that slixmpp knows.
        tag: What slixmpp calls the element of an error.
        joining: The rooms that somebody waits for.
    """
    if xml.get("type") != "error" or (kind := _STANZA_KINDS.get(xml.tag)) is None:
        return
    own = f"{xml.tag.rpartition('}')[0]}}}error"
    error = next((child for child in reversed(xml) if child.tag in {own, tag}), None)
    if error is None:
        error = SubElement(xml, own, {"type": "cancel"})
    if kind is not Kind.MESSAGE_FAILED:
        error.tag = tag  # of a message slixmpp knows by the tag that it is an error
    if not any(child.tag.removeprefix(_STANZAS) in known for child in error):
        SubElement(error, f"{_STANZAS}undefined-condition")
    if kind is Kind.PRESENCE_FAILED and room_of(xml) in joining and xml.find(_ROOM) is None:
        SubElement(xml, _ROOM)


class Outgoing:
    """What this side has asked for on one stream."""

    def __init__(self) -> None:
        """Have asked for nothing."""
        self.binds: set[str] = set()

    def note(self, xml: Element) -> None:
        """Note what is sent."""
        if any(child.tag in _BINDS for child in xml):
            self.binds.add(xml.get("id", ""))
