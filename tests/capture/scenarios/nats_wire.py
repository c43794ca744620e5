"""Errors that nats-server sends on a client's connection, and its reasons for closing connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.capture.recording import Seen, Station, after
from tests.capture.scenarios.nats_seeing import configured, dialled, ended, errors, lives, logged_reason, refused, reset, secured
from tests.servers.certificates import issue
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PERMISSIONS = {
    "publish": {"deny": ["closed.>"]},
    "subscribe": {"deny": ["closed.>", "shared workers"]},
}
ALICE = {"user": "alice", "password": "secret"}
LOGIN = {"user": "alice", "pass": "secret"}

plain = configured({"max_payload": 1000, "max_control_line": 512})
locked = configured({"authorization": {"users": [{**ALICE, "permissions": PERMISSIONS}]}})


@after("Authorization Violation", locked)
def wrong_password(server: NatsServer) -> Iterator[Seen]:
    yield from ended(server, *server.login(user="alice", **{"pass": "wrong"}))


@after("Permissions Violation for Publish", locked)
def publish_where_it_is_denied(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"PUB closed.door 2\r\nhi\r\n", **LOGIN)


@after("Permissions Violation for Subscription", locked)
def subscribe_where_it_is_denied(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"SUB closed.door 1\r\n", **LOGIN)
    yield from lives(server, b"SUB shared workers 1\r\n", **LOGIN)


@after("Permissions Violation for Publish with Reply", plain)
def reply_to_a_reserved_subject(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"PUB open _R_.abc 2\r\nhi\r\n")


@after("Invalid Subject", plain)
def subscribe_to_an_empty_token(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"SUB a..b 1\r\n")


@after("Invalid Publish Subject", plain)
def publish_to_an_empty_token_in_pedantic_mode(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"PUB a..b 2\r\nhi\r\n", pedantic=True)


@after("Maximum Payload Violation", plain)
def payload_too_large(server: NatsServer) -> Iterator[Seen]:
    yield from refused(server, b"PUB a 5000\r\n")


@after("maximum control line exceeded", plain)
def control_line_too_long(server: NatsServer) -> Iterator[Seen]:
    yield from refused(server, b"PUB " + b"a" * 5000 + b" 2\r\nhi\r\n")


@after("Unknown Protocol Operation", plain)
def another_protocol(server: NatsServer) -> Iterator[Seen]:
    yield from refused(server, b"GET / HTTP/1.1\r\n\r\n")


@after("invalid client protocol", plain)
def protocol_of_the_future(server: NatsServer) -> Iterator[Seen]:
    yield from ended(server, *server.login(protocol=7))


@after("no responders requires headers support", plain)
def no_responders_without_headers(server: NatsServer) -> Iterator[Seen]:
    yield from ended(server, *server.login(no_responders=True, headers=False))


@after("Parse Error", plain)
def an_error_from_the_client(server: NatsServer) -> Iterator[Seen]:
    yield from refused(server, b"-ERR 'no'\r\n")


@after("Protocol Violation", plain)
def arguments_missing(server: NatsServer) -> Iterator[Seen]:
    yield from refused(server, b"PUB\r\n", b"PUB a b c d\r\n", b"HPUB a 5\r\n", b"SUB\r\n")


@after("Client Closed", plain)
def the_client_closes(server: NatsServer) -> Iterator[Seen]:
    wire, info = server.login()
    wire.until(b"PONG\r\n")
    wire.close()
    yield Seen("nats", "close_reason", server.closed_reason(info["client_id"]), closed=True)


@after("Read Error", plain)
def the_client_resets(server: NatsServer) -> Iterator[Seen]:
    wire, info = server.login()
    wire.until(b"PONG\r\n")
    reset(wire)
    yield Seen("nats", "close_reason", server.closed_reason(info["client_id"]), closed=True)


@after("503", plain)
def nobody_listens(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"SUB inbox 1\r\nPUB nobody.home inbox 2\r\nhi\r\n", no_responders=True)


@after("Authentication Timeout", configured({"authorization": {**ALICE, "timeout": 0.5}}))
def no_login(server: NatsServer) -> Iterator[Seen]:
    wire, info = dialled(server)
    yield from ended(server, wire, info)


@after("maximum connections exceeded", configured({"max_connections": 1}))
def one_connection_too_many(server: NatsServer) -> Iterator[Seen]:
    first, _ = server.login()
    first.until(b"PONG\r\n")
    wire, info = dialled(server)
    yield from ended(server, wire, info)


@after("maximum subscriptions exceeded", configured({"max_subscriptions": 1}))
def one_subscription_too_many(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"SUB a 1\r\nSUB b 2\r\n")


@after("Permissions Violation for Subscription, too many tokens", configured({"max_subscription_tokens": 3}))
def too_many_tokens(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"SUB a.b.c.d 1\r\n")


@after("Stale Connection", configured({"ping_interval": 1, "ping_max": 1}))
def pings_unanswered(server: NatsServer) -> Iterator[Seen]:
    wire, info = server.login()
    wire.until(b"PONG\r\n")
    yield from ended(server, wire, info, seconds=10)


@after("Slow Consumer (Write Deadline)", configured({"write_deadline": "300ms"}))
def a_reader_that_does_not_read(server: NatsServer) -> Iterator[Seen]:
    yield from _not_reading(server)


@after("Slow Consumer (Pending Bytes)", configured({"max_payload": 100_000, "max_pending": 200_000}))
def a_reader_with_too_much_pending(server: NatsServer) -> Iterator[Seen]:
    yield from _not_reading(server)


def _not_reading(server: NatsServer) -> Iterator[Seen]:
    reader, info = server.login()
    reader.until(b"PONG\r\n")
    reader.send(b"SUB flood 1\r\nPING\r\n")
    reader.until(b"PONG\r\n")
    writer, _ = server.login()
    writer.until(b"PONG\r\n")
    message = b"PUB flood 65536\r\n" + b"x" * 65536 + b"\r\n"
    for _ in range(400):
        writer.send(message)
    yield Seen("nats", "close_reason", server.closed_reason(info["client_id"], 15), closed=True)


@after("Server Shutdown", configured({"debug": True}))
def the_server_stops(server: NatsServer) -> Iterator[Seen]:
    wire, info = server.login()
    wire.until(b"PONG\r\n")
    server.stop()
    wire.until_closed()
    yield Seen("nats", "close_reason", logged_reason(server, info["client_id"]), wire.closed)


@after("TLS Handshake Failure", Station("nats-server", secured))
def plain_text_where_tls_is_wanted(server: NatsServer) -> Iterator[Seen]:
    wire, info = server.login()
    yield from ended(server, wire, info)


@after("Write Error", configured({"debug": True}))
def written_to_a_reader_who_left(server: NatsServer) -> Iterator[Seen]:
    """Repeat until the server's write fails before its read: it is random which of the two errors comes first."""
    for _ in range(40):
        reader, info = server.login()
        reader.until(b"PONG\r\n")
        reader.send(b"SUB flood 1\r\nPING\r\n")
        reader.until(b"PONG\r\n")
        writer, _ = server.login()
        writer.until(b"PONG\r\n")
        message = b"PUB flood 65536\r\n" + b"x" * 65536 + b"\r\n"
        writer.send(message * 40)
        reset(reader)
        writer.send(message * 5)
        if server.closed_reason(info["client_id"], 15) == "Write Error":
            yield Seen("nats", "close_reason", "Write Error", closed=True)
            return


def _throttled(directory: Path, program: Path | None) -> NatsServer:
    return NatsServer(directory, {"tls": {"connection_rate_limit": 1}}, program=program, tls=issue(directory / "certificates"))


@after("Connection Throttling Is Active", Station("nats-server", _throttled))
def connections_too_fast(server: NatsServer) -> Iterator[Seen]:
    for wire in [server.dial() for _ in range(6)]:
        wire.until_closed(0.3)
        yield from errors(wire, closed=wire.closed)
