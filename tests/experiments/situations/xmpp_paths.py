"""Faults on the way to an XMPP server: TLS, sockets, BOSH and WebSocket, and a client that waits for an answer."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen, exception_form
from tests.capture.scenarios.xmpp_clients import exceptions, meeting
from tests.capture.scenarios.xmpp_http import BOSH, FRAMING, body, framed, posted
from tests.capture.scenarios.xmpp_seeing import failures, header, session
from tests.experiments.situation import Place
from tests.experiments.situations.xmpp_places import StreamPlace, ejabberd_with, met, prosody_with, read_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.experiments.situation import Operation

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)

_OPEN = "consider_bosh_secure = true\nconsider_websocket_secure = true"
HTTP = (prosody_with(modules=("bosh", "websocket"), settings=_OPEN), ejabberd_with())


def raised(operation: Any) -> Operation:
    """Return the operation that calls a function with the place: it fails if the function raises."""

    def operate(place: Place) -> Iterator[Seen]:
        try:
            operation(place)
        except OSError as error:
            yield Seen("xmpp", "exception", exception_form(error), closed=True)

    return operate


def _dial(place: Place) -> None:
    wire = place.server.dial()
    wire.send(header())
    read_until(wire, b"</stream:features>")
    if wire.closed:
        raise ConnectionResetError(104, "Connection reset by peer")
    wire.close()


def _stop(place: Place) -> None:
    time.sleep(0.5)  # Prosody opens its ports before it listens to signals
    place.server.stop()


met(
    "server that is gone",
    raised(_dial),
    (prosody_with(), ejabberd_with()),
    provoke=_stop,
    heal=lambda place: place.server.start(),
    note="the server is back",
)


def _encrypted(context: ssl.SSLContext, name: str = "localhost") -> Any:
    def secure(place: Place) -> None:
        wire = place.server.dial()
        wire.send(header())
        wire.until(b"</stream:features>")
        wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        wire.until(b"<proceed")
        wire.secure(context, name)
        wire.close()

    return secure


def _trusting(place: Place) -> None:
    _encrypted(place.server._tls.client_context())(place)


def _for_another(place: Place) -> None:
    _encrypted(place.server._tls.client_context(), "other.example")(place)


met(
    "certificate of an unknown authority",
    raised(_encrypted(ssl.create_default_context())),
    (prosody_with(tls=True),),
    steps={"operator": raised(_trusting)},
    note="somebody has added the authority to those that are trusted",
)
met("certificate for another name", raised(_for_another), (prosody_with(tls=True),), steps={"modify": raised(_trusting)})


def _asks_for_tls(place: Place) -> Iterator[Seen]:
    """Ask a server without a certificate for TLS."""
    wire = place.server.dial()
    wire.send(header())
    wire.until(b"</stream:features>")
    wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    read_until(wire, b"<failure", b"<proceed", seconds=5)
    wire.until_closed(0.5)
    return failures(wire.read, closed=wire.closed)


met("tls of a server without a certificate", _asks_for_tls, (ejabberd_with(),), note="an operator must give it a certificate")


# BOSH: a session that the server does not know.
class SessionPlace(Place):
    """A session of BOSH that no longer exists, until a new one is opened."""

    def __init__(self, server: Any, name: str) -> None:
        super().__init__(server, name)
        self.sid: str | None = "nope"

    def renew(self) -> None:
        """Forget the session."""
        self.sid = None

    def request(self) -> Iterator[Seen]:
        """Send a request in the session, or open one where there is none."""
        found = list(posted(self.server, _opening() if self.sid is None else body(rid=2, sid=self.sid)))
        if found:
            self.sid = None  # a client that learns that its session has ended opens another one
        return iter(found)


def _opening() -> str:
    return f"<body xmlns='{BOSH}' rid='1' to='localhost' wait='1' hold='1' ver='1.6' xml:lang='en'/>"


def _bosh(name: str, wrong: str) -> None:
    met(
        f"bosh {name}",
        lambda place: posted(place.server, wrong),
        HTTP,
        steps={"modify": lambda place: posted(place.server, _opening())},
    )


met(
    "bosh session that is gone",
    lambda place: place.request(),
    (
        prosody_with(SessionPlace, modules=("bosh",), settings="consider_bosh_secure = true"),
        ejabberd_with(None, SessionPlace),
    ),
    note="who is told that his session is gone opens another",
)
_bosh("to another domain", body(rid=1, to="nope.example", wait=5, hold=1, ver="1.6"))
_bosh("without a number", body(to="localhost", wait=5, hold=1))
_bosh("to no domain", body(rid=1, wait=5, hold=1))

_START = f"<open xmlns='{FRAMING}' version='1.0' to='localhost'/>"
met(
    "websocket to another domain",
    lambda place: framed(place.server, _START.replace("localhost", "nope.example")),
    HTTP,
    steps={"modify": lambda place: framed(place.server, _START)},
)
_NARROW = prosody_with(modules=("websocket",), settings="consider_websocket_secure = true\nwebsocket_frame_buffer_limit = 2000")
met(
    "websocket frame too large",
    lambda place: framed(place.server, _START, "<a>" + "x" * 3000 + "</a>"),
    (_NARROW,),
    steps={"modify": lambda place: framed(place.server, _START)},
)


# slixmpp, and a contact that does not answer.
def _asks(place: StreamPlace) -> Iterator[Seen]:
    found, _ = meeting(place.server, lambda xmpp: xmpp["xep_0199"].send_ping("bob@localhost/silent", timeout=1))
    return exceptions(found)


class SilentPlace(StreamPlace):
    """A contact that is online and does not answer."""

    def appear(self) -> None:
        """Open the session of the contact."""
        self.kept["silent"] = session(self.server, "bob", "silent")
        self.kept["silent"].send(b"<presence/>")

    def answer(self) -> None:
        """Let the contact answer from now on."""
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        wire = self.kept["silent"]
        start = 0
        with suppress(Exception):
            while not wire.closed:
                wire.until_closed(0.1)
                for stanza in wire.read[start:].split(b"<iq")[1:]:
                    if b"ping" in stanza and b"type='get'" in stanza:
                        ident, sender = (stanza.partition(mark)[2].partition(b"'")[0] for mark in (b" id='", b" from='"))
                        wire.send(b"<iq type='result' id='" + ident + b"' to='" + sender + b"'/>")
                start = len(wire.read)


met(
    "slixmpp asks somebody who does not answer",
    _asks,
    (prosody_with(SilentPlace), ejabberd_with(None, SilentPlace)),
    provoke=lambda place: place.appear(),
    heal=lambda place: place.answer(),
    note="he answers now",
)
