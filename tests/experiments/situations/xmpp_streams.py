"""Stream errors and refused negotiations of XMPP (SASL and others), and whether reconnecting helps, and how."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.capture.scenarios.xmpp_seeing import (
    DONE,
    SASL,
    answered,
    auth,
    bind,
    failures,
    header,
    iq,
    login,
    opened,
    plain,
    session,
)
from tests.capture.scenarios.xmpp_streams import SM
from tests.experiments.situation import Place, nothing
from tests.experiments.situations.xmpp_places import (
    BOTH,
    EJABBERD,
    PASSWORD,
    PROSODY,
    StreamPlace,
    ejabberd_with,
    met,
    prosody_with,
    read_until,
)
from tests.servers.process import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.capture.recording import Seen
    from tests.experiments.situation import Act, Ground, Operation

HELLO = iq("get", "<ping xmlns='urn:xmpp:ping'/>", "localhost")


# Opening a stream.
def opening(said: bytes) -> Operation:
    """Return the operation that opens a stream with these bytes: it fails if the server sends an error."""

    def operate(place: Place) -> Iterator[Seen]:
        wire = place.server.dial()
        wire.send(said)
        for _ in range(10):
            wire.until_closed(0.2)
            if wire.closed or b"</stream:features>" in wire.read:
                break
        wire.until_closed(0.1)
        return failures(wire.read, closed=wire.closed)

    return operate


def unopened(name: str, said: bytes, on: Sequence[Ground] = BOTH) -> None:
    """Register an opening that is refused; the corrected one is the usual opening."""
    met(f"stream {name}", opening(said), on, steps={"modify": opening(header())})


unopened("to another domain", header("nope.example"))
unopened("to no domain", header(None))
unopened("to an address that is none", header("@@"))
unopened("in another namespace", header(streams="urn:example"))
unopened("with another content", header(content="urn:example"), (EJABBERD,))
unopened("of another version", header(version="11.0"), (EJABBERD,))
unopened("with broken tags", header() + b"<a></b>")
unopened("with a document type", header() + b"<!DOCTYPE x>")


# Logging in.
def entering(*attempts: bytes) -> Operation:
    """Return the operation that tries to log in with these elements, on a new stream."""
    return lambda place: place.enter(*attempts)


def rejected(name: str, *attempts: bytes, on: Sequence[Ground] = BOTH, step: str = "modify") -> None:
    """Register a login that is refused; the corrected one is a PLAIN login with the password."""
    met(f"login {name}", entering(*attempts), on, steps={step: entering()})


rejected("with a wrong password", plain("alice", "wrong"), step="reauthenticate")
rejected("as nobody", plain("nobody"), step="reauthenticate")
rejected("by an unknown mechanism", auth("NONSENSE", ""))
rejected("in no base64", auth("PLAIN", "!!!"), on=(PROSODY,))
rejected("with half of what is needed", auth("PLAIN", "YWxpY2U="), on=(PROSODY,))
rejected("for another", plain("alice", authzid="bob@localhost"), on=(PROSODY,))
rejected("without a mechanism", f"<auth xmlns='{SASL}'/>".encode(), on=(EJABBERD,))
rejected("that is aborted", auth("SCRAM-SHA-1", "biwsbj1hbGljZSxyPWFiYw==") + f"<abort xmlns='{SASL}'/>".encode())


def _encrypted(place: StreamPlace) -> Iterator[Seen]:
    """Log in after STARTTLS."""
    wire = opened(place.server)
    wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    wire.until(b"<proceed")
    wire.secure(place.server._tls.client_context())
    start = len(wire.read)
    wire.send(header())
    wire.until(b"</stream:features>")
    wire.send(plain(place.user, PASSWORD))
    with suppress(AssertionError):
        wire.until(b"<success")
    return failures(wire.read[start:], closed=wire.closed)


met(
    "login in the clear",
    entering(plain("alice")),
    (prosody_with(tls=True, settings="allow_unencrypted_plain_auth = false"),),
    steps={"modify": _encrypted},
)


# Sessions, and the errors that end them.
def interrupted(end: Act, seconds: float = 5.0) -> Operation:
    """Return the operation that opens a session and sends a message; the first time, an action then ends the stream."""

    def operate(place: StreamPlace) -> Iterator[Seen]:
        found = [] if place.is_open else list(place.enter())
        yield from found
        if found:
            return
        wire = place.wire
        answered(wire, HELLO)
        if not place.kept.get("interrupted"):
            place.kept["interrupted"] = True
            start = len(wire.read)
            end(place)
            wire.until_closed(seconds)
            place.kept.get("after", nothing)(place)
            yield from failures(wire.read[start:], closed=wire.closed)

    return operate


def saying(data: str) -> Operation:
    """Return the operation that sends data in a session: it fails if the stream ends because of it."""

    def operate(place: StreamPlace) -> Iterator[Seen]:
        wire = place.wire
        start = len(wire.read)
        wire.send(place.fill(data).encode() + DONE)
        read_until(wire, b"'done'", b'"done"', start=start)
        wire.until_closed(0.1)
        return failures(wire.read[start:], closed=wire.closed)

    return operate


met(
    "session under the name of another",
    saying("<message from='carol@localhost' to='bob@localhost'><body>hi</body></message>"),
    (EJABBERD,),
    steps={"modify": saying(HELLO)},
)
met("session with an unknown element", saying("<letter to='bob@localhost'/>"), (PROSODY,), steps={"modify": saying(HELLO)})
_LARGE = "<message to='bob@localhost'><body>" + "x" * 30_000 + "</body></message>"
met(
    "session with a stanza too big",
    saying(_LARGE),
    (prosody_with(settings="c2s_stanza_size_limit = 20000"), ejabberd_with(c2s={"max_stanza_size": 20_000})),
    steps={"modify": saying(HELLO)},
)
met(
    "session that acknowledges too much",
    saying(f"<enable xmlns='{SM}'/><a xmlns='{SM}' h='500'/>"),
    steps={"modify": saying(f"<enable xmlns='{SM}'/>")},
)
met(
    "session enabled twice", saying(f"<enable xmlns='{SM}'/><enable xmlns='{SM}'/>"), (EJABBERD,), steps={"modify": saying(HELLO)}
)
RESUME = f"<resume xmlns='{SM}' h='0' previd='nope'/>"


def _resumed(place: StreamPlace) -> Iterator[Seen]:
    """Log in, and resume a session that does not exist."""
    wire = login(place.server, place.user)
    wire.send(RESUME.encode())
    wire.until_closed(0.4)
    return failures(wire.read, closed=wire.closed)


def _anew(place: StreamPlace) -> Iterator[Seen]:
    """Log in, and start a new session."""
    wire = login(place.server, place.user)
    start = len(wire.read)
    bind(wire, "new")
    return failures(wire.read[start:], closed=wire.closed)


met("session resumed that is gone", _resumed, steps={"modify": _anew})


def _early(place: StreamPlace) -> Iterator[Seen]:
    """Send a stanza before the login."""
    wire = opened(place.server)
    wire.send(iq("get", "<ping xmlns='urn:xmpp:ping'/>", "localhost").encode())
    wire.until_closed(0.5)
    return failures(wire.read, closed=wire.closed)


met("session without a login", _early, steps={"reauthenticate": saying(HELLO)})


def _rival(place: StreamPlace) -> None:
    session(place.server, place.user, "here")


def _elsewhere(place: StreamPlace) -> Iterator[Seen]:
    """Open a session under another resource."""
    place.renew()
    place.resource = "there"
    yield from interrupted(nothing)(place)


met(
    "session replaced by another",
    interrupted(_rival),
    steps={"modify": _elsewhere},
    note="whoever comes last has the resource: coming back puts the other out",
)


def _taken(place: StreamPlace) -> Iterator[Seen]:
    """Log in and ask for a resource."""
    wire = login(place.server, place.user)
    start = len(wire.read)
    bind(wire, place.resource)
    found = list(failures(wire.read[start:], closed=wire.closed))
    wire.send(b"</stream:stream>")
    wire.until_closed(0.3)
    return iter(found)


def _other_resource(place: StreamPlace) -> Iterator[Seen]:
    place.resource = "there"
    found = list(_taken(place))
    place.resource = "here"
    return iter(found)


def _leave(place: StreamPlace) -> None:
    place.wire.send(b"</stream:stream>")
    place.wire.until_closed(1)


met(
    "resource that is taken",
    _taken,
    (prosody_with(settings='conflict_resolve = "kick_new"'), ejabberd_with({"resource_conflict": "closenew"})),
    provoke=lambda place: place.wire,
    steps={"modify": _other_resource},
    heal=_leave,
    note="whoever had the resource has left; the servers say cancel all the same",
)


def _slow(place: StreamPlace) -> Iterator[Seen]:
    """Open a stream and log in; late, if the client is under load."""
    wire = opened(place.server)
    if place.kept.get("late"):
        wire.until_closed(6)
    wire.send(plain(place.user, PASSWORD))
    with suppress(AssertionError):
        wire.until(b"<success", 2)
    return failures(wire.read, closed=wire.closed)


met(
    "login too late",
    _slow,
    (prosody_with(settings="c2s_timeout = 2"), ejabberd_with({"negotiation_timeout": 2})),
    provoke=lambda place: place.kept.update(late=True),
    heal=lambda place: place.kept.update(late=False),
    note="the client has time again",
)


def _stopped(place: StreamPlace) -> None:
    time.sleep(0.5)  # Prosody opens its ports before it listens to signals
    place.server.signal(signal.SIGTERM)
    place.kept["after"] = lambda here: here.server.restart()


met("server restarted", interrupted(_stopped, 8), (prosody_with(), ejabberd_with()), note="the server is back at once")


def _password_changed(place: StreamPlace) -> None:
    place.server.shell(f'user:password("{place.address}", "other")')


met(
    "password changed",
    interrupted(_password_changed),
    (prosody_with(),),
    steps={"reauthenticate": lambda place: place.enter(plain(place.user, "other"))},
)
for _name, _ground, _end in (
    ("deleted", prosody_with(), lambda place: place.server.shell(f'user:delete("{place.address}")')),
    ("removed", ejabberd_with(), lambda place: place.server.call("unregister", user=place.user, host="localhost")),
    ("banned", ejabberd_with(), lambda place: place.server.call("ban_account", user=place.user, host="localhost", reason="Spam")),
):
    met(f"account {_name}", interrupted(_end), (_ground,), steps={"reauthenticate": entering(plain("alice"))})


def _deactivated(place: StreamPlace) -> None:
    with suppress(ServerError):  # its answer is no OK
        place.server.shell('host:deactivate("localhost")')


def _activated(place: StreamPlace) -> Iterator[Seen]:
    with suppress(ServerError):
        place.server.shell('host:activate("localhost")')
    yield from opening(header())(place)


met("host switched off", interrupted(_deactivated), (prosody_with(),), steps={"operator": _activated})
met(
    "session kicked",
    interrupted(lambda place: place.server.call("kick_user", user=place.user, host="localhost")),
    (ejabberd_with(),),
    note="nothing keeps the client from coming back",
)


met(
    "address shut out after failures",
    entering(plain("alice")),
    (ejabberd_with({"modules": {"mod_fail2ban": {"c2s_max_auth_failures": 1, "c2s_auth_ban_lifetime": 4}}}),),
    provoke=lambda place: list(place.enter(plain(place.user, "wrong"))),
    heal=lambda _: time.sleep(6),
    note="the ban has run out",
)


def _enabled_early(place: StreamPlace) -> Iterator[Seen]:
    """Log in, and enable stream management before a resource is bound."""
    wire = login(place.server, place.user)
    start = len(wire.read)
    wire.send(f"<enable xmlns='{SM}'/>".encode())
    wire.until_closed(0.5)
    return failures(wire.read[start:], closed=wire.closed)


met("stream managed before it is bound", _enabled_early, steps={"reauthenticate": saying(f"<enable xmlns='{SM}'/>")})


def _compressing(method: str) -> Operation:
    """Return the operation that asks for a compressed stream."""

    def operate(place: StreamPlace) -> Iterator[Seen]:
        wire = login(place.server, place.user)
        start = len(wire.read)
        wire.send(f"<compress xmlns='http://jabber.org/protocol/compress'>{method}</compress>".encode())
        wire.until_closed(0.5)
        return failures(wire.read[start:], closed=wire.closed)

    return operate


for _name, _method in (("in an unknown way", "<method>nope</method>"), ("in no way", "")):
    met(
        f"stream compressed {_name}",
        _compressing(_method),
        (ejabberd_with(c2s={"zlib": True}),),
        steps={"modify": _compressing("<method>zlib</method>")},
    )
