"""Helpers for the scenarios of XMPP: open a stream, log in, send requests, and read the errors."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen, Station
from tests.servers.ejabberd import EjabberdServer
from tests.servers.prosody import ProsodyServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers.process import Server
    from tests.servers.wire import Wire

USERS = {"alice": "secret", "bob": "secret", "carol": "secret"}
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
STREAMS = "http://etherx.jabber.org/streams"
DONE = b"<iq type='get' id='done' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

# Every element on the wire that reports a failure.
_ERROR = re.compile(
    rb"<stream:error\b.*?</stream:error>"
    rb"|<(?P<name>failure|failed)\b(?:[^>]*/>|.*?</(?P=name)>)"
    rb"|<(?P<stanza>iq|message|presence)\b(?=[^>]*\btype=['\"]error['\"])[^>]*>.*?</(?P=stanza)>"
    rb"|<body\b(?=[^>]*\btype=['\"]terminate['\"])[^>]*?(?:/>|>.*?</body>)",
    re.DOTALL,
)
_DONE = re.compile(rb"""\bid=['"]done['"]""")


def prosody(**options: Any) -> Station:
    """Return a Prosody with these options and three users."""
    given: dict[str, Any] = {"users": USERS, **options}
    return Station("prosody", lambda directory, _: ProsodyServer(directory, **given))


def ejabberd(config: Mapping[str, Any] | None = None, **options: Any) -> Station:
    """Return an ejabberd with this configuration and three users."""
    given: dict[str, Any] = {"users": USERS, **options}
    return Station("ejabberd", lambda directory, _: EjabberdServer(directory, config, **given))


def failures(raw: bytes, *, closed: bool | None) -> Iterator[Seen]:
    """Yield each error element in the received data, except the answer to the scenario's own last request."""
    for found in _ERROR.finditer(raw):
        if not _DONE.search(found[0].partition(b">")[0]):
            yield Seen("xmpp", "raw", found[0].decode(), closed)


def header(to: str | None = "localhost", content: str = "jabber:client", streams: str = STREAMS, version: str = "1.0") -> bytes:
    """Return the opening tag of a stream."""
    address = "" if to is None else f" to='{to}'"
    return f"<stream:stream xmlns='{content}' xmlns:stream='{streams}'{address} version='{version}'>".encode()


def ended(wire: Wire, seconds: float = 5.0) -> Iterator[Seen]:
    """Read until the server closes, and yield its errors."""
    wire.until_closed(seconds)
    yield from failures(wire.read, closed=wire.closed)


def refused(server: Server, *openings: bytes) -> Iterator[Seen]:
    """Open a connection, send data that ends it, and yield the errors of the server; once for each opening."""
    for opening in openings:
        wire = server.dial()
        wire.send(opening)
        yield from ended(wire)


def opened(server: Server, to: str = "localhost") -> Wire:
    """Open a stream and read the features."""
    wire = server.dial()
    wire.send(header(to))
    wire.until(b"</stream:features>")
    return wire


def plain(user: str, password: str = "secret", authzid: str = "") -> bytes:  # noqa: S107 - of all users of the scenarios
    """Return a login with the mechanism PLAIN."""
    return auth("PLAIN", base64.b64encode(f"{authzid}\0{user}\0{password}".encode()).decode())


def auth(mechanism: str, text: str) -> bytes:
    """Return a login."""
    return f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{text}</auth>".encode()


def login(server: Server, user: str = "alice") -> Wire:
    """Log in, and open the stream again, without a resource."""
    wire = opened(server)
    wire.send(plain(user))
    wire.until(b"<success")
    wire.send(header())
    wire.until(b"</stream:features>")
    return wire


def bind(wire: Wire, resource: str) -> None:
    """Ask for a resource."""
    asked = f"<resource>{resource}</resource>"
    wire.send(f"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{asked}</bind></iq>".encode())
    wire.until(b"</iq>")


def session(server: Server, user: str = "alice", resource: str = "here") -> Wire:
    """Log in and bind a resource."""
    wire = login(server, user)
    bind(wire, resource)
    return wire


def answered(wire: Wire, *stanzas: str) -> bytes:
    """Send stanzas one by one, each followed by a request that the server always answers; return the received data."""
    came = b""
    for stanza in stanzas:
        wire.send(stanza.encode() + DONE)
        with suppress(AssertionError):
            came += wire.until(b"done")
            while wire.read.rfind(b">") < wire.read.rfind(b"done"):
                came += wire.until(b">")
        came += wire.until_closed(0.05)  # rooms may answer later than the server
    return came


def asked(wire: Wire, *stanzas: str) -> Iterator[Seen]:
    """Send stanzas, and yield the errors in the answers, and whether the stream survived them."""
    for stanza in stanzas:
        yield from failures(answered(wire, stanza), closed=wire.closed)


def iq(kind: str, payload: str, to: str = "", number: str = "1") -> str:
    """Return a request."""
    address = f" to='{to}'" if to else ""
    return f"<iq type='{kind}' id='{number}'{address}>{payload}</iq>"


def join(room: str, nick: str, inside: str = "") -> str:
    """Return a presence that joins a room."""
    return f"<presence to='{room}/{nick}' id='join'><x xmlns='http://jabber.org/protocol/muc'>{inside}</x></presence>"
