"""XMPP over HTTP: the ends of BOSH sessions, and errors on a WebSocket."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.capture.recording import Seen, after
from tests.capture.scenarios.xmpp_seeing import ejabberd, failures, prosody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.ejabberd import EjabberdServer
    from tests.servers.prosody import ProsodyServer

BOSH = "http://jabber.org/protocol/httpbind"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
some_prosody = prosody(modules=("bosh", "websocket"), settings="consider_bosh_secure = true\nconsider_websocket_secure = true")
some_ejabberd = ejabberd()


def posted(server: ProsodyServer | EjabberdServer, *bodies: str) -> Iterator[Seen]:
    """Post each body, and yield the answer that ended the session."""
    path = "http-bind" if server.name == "prosody" else "bosh"
    for body in bodies:
        request = urllib.request.Request(f"http://127.0.0.1:{server.http}/{path}", body.encode(), {"Host": "localhost"})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - our own server
                answer = response.read()
        except urllib.error.HTTPError as error:
            answer = error.read()
        yield from failures(answer, closed=True)


def body(**attributes: object) -> str:
    """Return a body; `hold=1` is an attribute."""
    inside = " ".join(f"{name}='{value}'" for name, value in attributes.items())
    return f"<body xmlns='{BOSH}' {inside}/>"


@after("sessions of BOSH", some_prosody, many=True)
@after("sessions of BOSH", some_ejabberd, many=True)
def bosh(server: ProsodyServer | EjabberdServer) -> Iterator[Seen]:
    yield from posted(
        server,
        body(rid=1, sid="nope"),
        body(rid=1, to="nope.example", wait=5, hold=1, ver="1.6"),
        body(rid=1, wait=5, hold=1),
        body(to="localhost", wait=5, hold=1),
        body(rid="x", to="localhost", wait=5, hold=1),
        "<body",
        "<other/>",
    )


@after("sessions of WebSocket", some_prosody, many=True)
@after("sessions of WebSocket", some_ejabberd, many=True)
def websocket(server: ProsodyServer | EjabberdServer) -> Iterator[Seen]:
    opening = f"<open xmlns='{FRAMING}' version='1.0'"
    for said in (f"{opening} to='nope.example'/>", f"{opening}/>", "<broken"):
        yield from framed(server, said)


_NARROW = prosody(modules=("websocket",), settings="consider_websocket_secure = true\nwebsocket_frame_buffer_limit = 2000")


@after("resource-constraint", _NARROW)
def a_frame_too_large(server: ProsodyServer) -> Iterator[Seen]:
    yield from framed(server, f"<open xmlns='{FRAMING}' version='1.0' to='localhost'/>", "<a>" + "x" * 3000 + "</a>")


def framed(server: ProsodyServer | EjabberdServer, *frames: str) -> Iterator[Seen]:
    """Send each frame over a WebSocket, and yield the errors of the server."""
    path = "xmpp-websocket" if server.name == "prosody" else "ws"
    heard, over = "", False
    with connect(f"ws://127.0.0.1:{server.http}/{path}", subprotocols=["xmpp"], open_timeout=5) as socket:  # type: ignore[list-item]
        for said in frames:
            socket.send(said)
            try:
                while True:
                    heard += str(socket.recv(timeout=1))
            except ConnectionClosed:
                over = True
                break
            except TimeoutError:
                over = "<close" in heard
    yield from failures(heard.encode(), closed=over)
