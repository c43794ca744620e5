"""Helpers for the scenarios of NATS: stations, and functions that read the errors of a connection."""

from __future__ import annotations

import json
import re
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from tests.capture.recording import Seen, Station
from tests.servers.certificates import issue
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.servers.wire import Wire


class HasRead(Protocol):
    """An object with received bytes: a connection, or a part of its data."""

    read: bytes


_ERROR = re.compile(rb"-ERR '.*'\r\n")
_STATUS = re.compile(rb"HMSG [^\r\n]*\r\n(NATS/1\.0 [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)")


def configured(config: Mapping[str, Any], *, jetstream: bool = False) -> Station:
    """Return a server with this configuration."""
    return Station("nats-server", lambda directory, program: NatsServer(directory, config, program=program, jetstream=jetstream))


def secured(directory: Path, program: Path | None) -> NatsServer:
    """Return a server that wants TLS."""
    return NatsServer(directory, {"tls": {"timeout": 1}}, program=program, tls=issue(directory / "certificates"))


def errors(wire: HasRead, *, closed: bool | None) -> Iterator[Seen]:
    """Yield each -ERR and each status line that a connection has read."""
    for found in _ERROR.findall(wire.read):
        yield Seen("nats", "raw", found.decode(), closed)
    for found in _STATUS.findall(wire.read):
        yield Seen("nats", "raw", found.decode(), closed)


def ended(server: NatsServer, wire: Wire, info: Mapping[str, Any], seconds: float = 5.0) -> Iterator[Seen]:
    """Read until the server closes, and yield its errors and its reason for closing."""
    wire.until_closed(seconds)
    yield from errors(wire, closed=wire.closed)
    if wire.closed:
        yield Seen("nats", "close_reason", server.closed_reason(info["client_id"]), closed=True)


def refused(server: NatsServer, *requests: bytes, **options: object) -> Iterator[Seen]:
    """Log in, send a request that ends the connection, and yield the errors of the server; once for each request."""
    for request in requests:
        wire, info = server.login(**options)
        wire.until(b"PONG\r\n")
        wire.send(request)
        yield from ended(server, wire, info)


def lives(server: NatsServer, request: bytes, **options: object) -> Iterator[Seen]:
    """Log in, send data, and yield the errors of the server, and whether the connection still answers."""
    wire, info = server.login(**options)
    wire.until(b"PONG\r\n")
    wire.send(request + b"PING\r\n")
    with suppress(AssertionError):
        wire.until(b"PONG\r\n")
    yield from errors(wire, closed=wire.closed)
    if wire.closed:
        yield Seen("nats", "close_reason", server.closed_reason(info["client_id"]), closed=True)


def reset(wire: Wire) -> None:
    """Close a connection with a reset instead of an end."""
    wire._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def dialled(server: NatsServer) -> tuple[Wire, dict[str, Any]]:
    """Open a connection without sending data; return it and the server's INFO."""
    wire = server.dial()
    line = wire.until(b"\r\n").partition(b"\r\n")[0]
    info: dict[str, Any] = json.loads(line.removeprefix(b"INFO "))
    return wire, info


def logged_reason(server: NatsServer, cid: int) -> str:
    """Return the reason for closing a connection from the log of a stopped server, which must have run with `debug`."""
    found = re.findall(rf"\bcid:{cid} - .*connection closed: (.*)$", server.log(), re.MULTILINE)
    return str(found[-1])
