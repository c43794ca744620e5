"""Errors of nats-server for invalid protocol lines and for limits, read from the wire."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen
from tests.capture.scenarios.nats_seeing import errors, reset
from tests.capture.scenarios.nats_status import Read
from tests.experiments.situation import Ground, Place, alone, situation
from tests.servers.certificates import issue
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.experiments.situation import Act, Operation
    from tests.servers.wire import Wire

PERMISSIONS = {"publish": {"deny": ["closed.>"]}, "subscribe": {"deny": ["closed.>", "shared workers"]}}
ALICE: dict[str, Any] = {"user": "alice", "pass": "secret"}
WRONG: dict[str, Any] = {"user": "alice", "pass": "wrong"}
ROOT: dict[str, Any] = {"user": "root", "pass": "secret"}
USERS = [{"user": "alice", "password": "secret", "permissions": PERMISSIONS}, {"user": "root", "password": "secret"}]


class WirePlace(Place):
    """A raw connection that is opened when it is needed, and opened again after it has ended."""

    def __init__(self, server: NatsServer, name: str) -> None:
        super().__init__(server, name)
        self.wire: Wire | None = None
        self.info: dict[str, Any] = {}

    def renew(self) -> None:
        """Close the connection of the operation."""
        if self.wire is not None:
            self.wire.close()
            time.sleep(0.2)  # until the server has noticed
        self.wire = None

    def connected(self, login: Mapping[str, object], pause: float) -> Wire:
        """Return a connection that has sent its login; the previous one if it is still open."""
        if self.wire is None or self.wire.closed:
            self.wire, self.info = introduced(self.server, login, pause)
        return self.wire

    def listen(self, subject: str, **login: Any) -> None:
        """Let another client subscribe to a subject."""
        wire, _ = self.server.login(**login)
        wire.until(b"PONG\r\n")
        wire.send(b"SUB " + subject.encode() + b" 1\r\nPING\r\n")
        wire.until(b"PONG\r\n")
        self.kept["listener"] = wire


def introduced(server: NatsServer, login: Mapping[str, object], pause: float = 0.0) -> tuple[Wire, dict[str, Any]]:
    """Open a connection, wait for errors that the server may send at once, and log in; the answer is not read."""
    wire = server.dial()
    info: dict[str, Any] = json.loads(wire.until(b"\r\n").removeprefix(b"INFO ").partition(b"\r\n")[0])
    if pause:
        wire.until_closed(pause)
    connect = {"verbose": False, "headers": True, "protocol": 1, **login}
    wire.send(b"CONNECT " + json.dumps(connect).encode() + b"\r\n")
    return wire, info


def saying(data: bytes = b"", pause: float = 0.0, **login: Any) -> Operation:
    """Return the operation that sends data, after a login if there is no connection; it succeeds if a PING is answered."""

    def operate(place: WirePlace) -> Iterator[Seen]:
        wire = place.connected(login, pause)
        start = 0 if b"PONG" not in wire.read else len(wire.read)
        wire.send(data + b"PING\r\n")
        with suppress(AssertionError):
            wire.until(b"PONG\r\n")
        yield from errors(Read(wire.read[start:]), closed=wire.closed)
        if wire.closed:
            yield Seen("nats", "close_reason", place.server.closed_reason(place.info["client_id"]), closed=True)

    return operate


def interrupted(end: Act, seconds: float = 5.0, data: bytes = b"", **login: Any) -> Operation:
    """Return the operation that logs in; the first time, an action ends its connection."""

    def operate(place: WirePlace) -> Iterator[Seen]:
        failed = list(saying(data, **login)(place))
        yield from failed
        if failed or place.kept.get("interrupted") or place.wire is None:
            return
        place.kept["interrupted"] = True
        start = len(place.wire.read)
        end(place)
        place.wire.until_closed(seconds)
        yield from errors(Read(place.wire.read[start:]), closed=place.wire.closed)
        if place.wire.closed:
            yield Seen("nats", "close_reason", place.server.closed_reason(place.info["client_id"]), closed=True)

    return operate


def heard(place: WirePlace) -> int:
    """Return how many messages the other client has received."""
    wire: Wire = place.kept["listener"]
    wire.send(b"PING\r\n")
    wire.until(b"PONG\r\n")
    return wire.read.count(b"\r\nMSG ")


def listening_to(subject: str, **login: Any) -> Callable[[WirePlace], None]:
    """Return the action that lets another client subscribe."""
    return lambda place: place.listen(subject, **login)


def _server(config: Mapping[str, Any]) -> Callable[[Path, Path | None], NatsServer]:
    return lambda directory, program: NatsServer(directory, config, program=program)


def shared(config: Mapping[str, Any]) -> Ground:
    """Return a ground with one server of this configuration for all situations."""
    make = _server(config)
    return Ground("nats-server", lambda directory, program, _: make(directory, program), WirePlace, shared=True)


def own(config: Mapping[str, Any]) -> Ground:
    """Return a ground with one server of this configuration for each situation."""
    return alone("nats-server", _server(config), WirePlace)


plain = shared({"max_payload": 1000, "max_control_line": 512, "max_subscription_tokens": 3})
locked = shared({"authorization": {"users": USERS}})

# Authentication and permissions.
situation("nats wrong password", locked, saying(**WRONG), steps={"reauthenticate": saying(**ALICE)})
situation("nats no credentials", locked, saying(), steps={"reauthenticate": saying(**ALICE)})
situation(
    "nats publish denied",
    locked,
    saying(b"PUB closed.a 2\r\nhi\r\n", **ALICE),
    provoke=listening_to("closed.a", **ROOT),
    state=heard,
    steps={"modify": saying(b"PUB open.a 2\r\nhi\r\n", **ALICE)},
    note="with another subject it is another request; a user who may is needed",
)
situation(
    "nats subscription denied",
    locked,
    saying(b"SUB closed.b 1\r\n", **ALICE),
    steps={"modify": saying(b"SUB open.b 1\r\n", **ALICE)},
)
situation(
    "nats queue denied",
    locked,
    saying(b"SUB shared workers 1\r\n", **ALICE),
    steps={"modify": saying(b"SUB shared others 1\r\n", **ALICE)},
)

# Invalid protocol lines.
situation(
    "nats reply to a reserved subject",
    plain,
    saying(b"PUB open.c _R_.abc 2\r\nhi\r\n"),
    provoke=listening_to("open.c"),
    state=heard,
    steps={"modify": saying(b"PUB open.c mine 2\r\nhi\r\n")},
)
situation("nats subscription to an empty token", plain, saying(b"SUB a..b 1\r\n"), steps={"modify": saying(b"SUB a.b 1\r\n")})
situation(
    "nats publish to an empty token",
    plain,
    saying(b"PUB open.d..e 2\r\nhi\r\n", pedantic=True),
    provoke=listening_to("open.d.>"),
    state=heard,
    steps={"modify": saying(b"PUB open.d.e 2\r\nhi\r\n", pedantic=True)},
    note="the server complains and goes on with the message",
)
situation(
    "nats payload too large",
    plain,
    saying(b"PUB open.f 5000\r\n" + b"x" * 5000 + b"\r\n"),
    provoke=listening_to("open.f"),
    state=heard,
    steps={"modify": saying(b"PUB open.f 2\r\nhi\r\n")},
)
situation(
    "nats control line too long",
    plain,
    saying(b"PUB " + b"a" * 5000 + b" 2\r\nhi\r\n"),
    provoke=listening_to("*"),
    state=lambda place: heard(place) and b"a" * 4000 in place.kept["listener"].read,
    steps={"modify": saying(b"PUB a 2\r\nhi\r\n")},
)
situation("nats another protocol", plain, saying(b"GET / HTTP/1.1\r\n\r\n"), steps={"modify": saying()})
situation("nats protocol of the future", plain, saying(protocol=7), steps={"modify": saying(protocol=1)})
situation(
    "nats no responders without headers",
    plain,
    saying(no_responders=True, headers=False),
    steps={"modify": saying(no_responders=True)},
)
situation("nats error from the client", plain, saying(b"-ERR 'no'\r\n"), steps={"modify": saying()})
for _name, _data in (
    ("publish without a subject", b"PUB\r\n"),
    ("publish with too much", b"PUB a b c d\r\n"),
    ("subscription without a number", b"SUB\r\n"),
):
    situation(f"nats {_name}", plain, saying(_data), steps={"modify": saying(b"PUB a 2\r\nhi\r\n")})
situation(
    "nats subscription with too many tokens",
    plain,
    saying(b"SUB a.b.c.d 1\r\n"),
    steps={"modify": saying(b"SUB a.b.c 1\r\n")},
)
situation(
    "nats nobody responds",
    plain,
    saying(b"SUB inbox 1\r\nPUB service.g inbox 2\r\nhi\r\n", no_responders=True),
    heal=listening_to("service.g"),
    note="a responder has come",
)


# Limits.
def _others(place: WirePlace) -> None:
    wire, _ = introduced(place.server, {})
    wire.send(b"PING\r\n")
    wire.until(b"PONG\r\n")
    place.kept["other"] = wire


def _leave(place: WirePlace) -> None:
    place.kept["other"].close()
    time.sleep(0.3)


situation(
    "nats one connection too many",
    own({"max_connections": 1}),
    saying(pause=0.2),
    provoke=_others,
    heal=_leave,
    note="somebody else has left",
)
situation(
    "nats one subscription too many",
    own({"max_subscriptions": 1}),
    saying(b"SUB a 1\r\nSUB b 2\r\n"),
    steps={"modify": saying(b"UNSUB 1\r\nSUB c 3\r\n")},
)


def _slowly(place: WirePlace) -> Iterator[Seen]:
    """Log in; late, if the client is under load."""
    yield from saying(pause=place.kept.get("late", 0.0), **ALICE)(place)


situation(
    "nats login too late",
    own({"authorization": {"user": "alice", "password": "secret", "timeout": 0.5}}),
    _slowly,
    provoke=lambda place: place.kept.update(late=1.5),
    heal=lambda place: place.kept.update(late=0.0),
    note="the client has time again",
)


def _silent(place: WirePlace) -> Iterator[Seen]:
    """Do nothing for a while, and answer no ping; then continue."""
    wire = place.connected({}, 0.0)
    if place.kept["deaf"] and wire.until_closed(6) and wire.closed:
        yield from errors(wire, closed=True)
        yield Seen("nats", "close_reason", place.server.closed_reason(place.info["client_id"]), closed=True)
        return
    yield from saying()(place)


situation(
    "nats pings unanswered",
    own({"ping_interval": 1, "ping_max": 1}),
    _silent,
    provoke=lambda place: place.kept.update(deaf=True),
    heal=lambda place: place.kept.update(deaf=False),
    note="the client answers again",
)


def _flooded(place: WirePlace) -> Iterator[Seen]:
    """Subscribe to more messages than the client can read at once."""
    wire = place.connected({}, 0.0)
    wire.send(b"SUB flood 1\r\nPING\r\n")
    with suppress(AssertionError):
        wire.until(b"PONG\r\n")
    writer, _ = introduced(place.server, {})
    message = b"PUB flood 65536\r\n" + b"x" * 65536 + b"\r\n"
    for _ in range(400 if place.kept["slow"] else 2):
        writer.send(message)
    if place.kept["slow"]:
        yield Seen("nats", "close_reason", place.server.closed_reason(place.info["client_id"], 15), closed=True)
        wire.closed = True
        return
    yield from saying()(place)


for _name, _config in (
    ("for too long", {"write_deadline": "300ms"}),
    ("of too much", {"max_payload": 100_000, "max_pending": 200_000}),
):
    situation(
        f"nats reader too slow {_name}",
        own(_config),
        _flooded,
        provoke=lambda place: place.kept.update(slow=True),
        heal=lambda place: place.kept.update(slow=False),
        note="there is less to read",
    )


def _throttled(directory: Path, program: Path | None) -> NatsServer:
    return NatsServer(directory, {"tls": {"connection_rate_limit": 3}}, program=program, tls=issue(directory / "certificates"))


def _hurried(place: WirePlace) -> Iterator[Seen]:
    """Dial; after several other connections, if there are many at once."""
    if place.kept["rush"]:
        for other in [place.server.dial() for _ in range(9)]:
            other.until_closed(0.05)
    wire = place.server.dial()
    wire.until_closed(0.4)
    yield from errors(wire, closed=wire.closed)


def _rest(place: WirePlace) -> None:
    place.kept["rush"] = False
    time.sleep(1.5)


situation(
    "nats connections too fast",
    alone("nats-server", _throttled, WirePlace),
    _hurried,
    provoke=lambda place: place.kept.update(rush=True),
    heal=_rest,
    since="2.10",
    note="a second later nobody else dials",
)


# Shutdowns and restarts of the server.
def _to_a_server(place: WirePlace) -> Iterator[Seen]:
    """Send data to a server that may have stopped."""
    try:
        yield from saying(b"PUB a 2\r\nhi\r\n")(place)
    except OSError as error:
        yield Seen(
            "nats",
            "exception",
            {"module": "builtins", "class": type(error).__name__, "str": str(error), "attrs": {"errno": error.errno}},
        )


situation(
    "nats server that is gone",
    own({}),
    _to_a_server,
    provoke=lambda place: place.server.stop(),
    heal=lambda place: place.server.start(),
    note="the server is back",
)


def _over(place: WirePlace) -> Iterator[Seen]:
    """Publish while the server shuts down."""
    running = place.kept.pop("ends", False)
    wire = place.connected({}, 0.0)
    wire.send(b"PING\r\n")
    wire.until(b"PONG\r\n")
    if running:
        place.server.stop()
        wire.until_closed(2)
        place.server.start()
        yield Seen("nats", "close_reason", "Server Shutdown", closed=True)
        return
    yield from saying(b"PUB a 2\r\nhi\r\n")(place)


situation(
    "nats server that is restarted",
    own({"debug": True}),
    _over,
    provoke=lambda place: place.kept.update(ends=True),
    note="the server is back at once; its log names the reason",
)
situation(
    "nats port of routes",
    own({"cluster": {"name": "c", "host": "127.0.0.1", "port": -1}}),
    lambda place: _at_port(place, "cluster"),
    steps={"modify": saying()},
)
situation(
    "nats port of leaf nodes",
    own({"leafnodes": {"host": "127.0.0.1", "port": -1}}),
    lambda place: _at_port(place, "leafnode"),
    steps={"modify": saying()},
)


def _at_port(place: WirePlace, kind: str) -> Iterator[Seen]:
    words = {"cluster": "Listening for route connections on ", "leafnode": "Listening for leafnode connections on "}
    port = int(place.server.log().partition(words[kind])[2].split()[0].rpartition(":")[2])
    wire = place.server.dial(port)
    wire.until(b"\r\n")
    wire.send(b'CONNECT {"verbose":false,"lang":"x","version":"1"}\r\nPING\r\n')
    wire.until_closed(2)
    yield from errors(wire, closed=wire.closed)


def _encrypted(place: WirePlace) -> Iterator[Seen]:
    wire = place.server.dial()
    wire.until(b"\r\n")
    wire.secure(place.server._tls.client_context())
    wire.send(b'CONNECT {"verbose":false}\r\nPING\r\n')
    wire.until(b"PONG\r\n")
    yield from ()


def _secured(directory: Path, program: Path | None) -> NatsServer:
    return NatsServer(directory, {"tls": {"timeout": 1}}, program=program, tls=issue(directory / "certificates"))


situation(
    "nats plain text where tls is wanted", alone("nats-server", _secured, WirePlace), saying(), steps={"modify": _encrypted}
)


def _late_encrypted(place: WirePlace) -> Iterator[Seen]:
    """Start the TLS handshake; late, if the client is under load."""
    wire = place.server.dial()
    info = json.loads(wire.until(b"\r\n").removeprefix(b"INFO "))
    if place.kept["late"]:
        wire.until_closed(3)
        yield Seen("nats", "close_reason", place.server.closed_reason(info["client_id"]), closed=True)
        return
    wire.secure(place.server._tls.client_context())
    wire.send(b'CONNECT {"verbose":false}\r\nPING\r\n')
    wire.until(b"PONG\r\n")


situation(
    "nats tls handshake too late",
    alone("nats-server", _secured, WirePlace),
    _late_encrypted,
    provoke=lambda place: place.kept.update(late=True),
    heal=lambda place: place.kept.update(late=False),
    note="the client has time again",
)


def _closes(place: WirePlace) -> None:
    assert place.wire is not None
    place.wire.close()
    place.wire.closed = True


def _resets(place: WirePlace) -> None:
    assert place.wire is not None
    reset(place.wire)
    place.wire.closed = True


situation("nats client closes", plain, interrupted(_closes), note="it was wanted, and the client may come back")
situation("nats client is cut off", plain, interrupted(_resets))
