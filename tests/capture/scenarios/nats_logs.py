"""Log lines of nats-server, while it runs and when it refuses its configuration."""

from __future__ import annotations

import json
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.capture.recording import Seen, Station, after
from tests.capture.scenarios.nats_accounts import PROXIED, OperatedServer, some_operator
from tests.capture.scenarios.nats_seeing import configured, ended, refused, secured
from tests.capture.scenarios.nats_wire import LOGIN, PERMISSIONS, a_reader_that_does_not_read, pings_unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.nats import NatsServer

USERS = {"users": [{"user": "alice", "password": "secret", "permissions": PERMISSIONS}]}
_PATIENCE = 2.0
verbose = configured({"debug": True, "max_payload": 1000, "authorization": USERS}, jetstream=True)
# Lines about the state of the server, not about errors.
_CHATTER = (
    "Version:", "Name:", "Node:", "ID:", "Git:", "Cluster:", "Go build", "Listening for", "Using configuration", "----", "___",
    "Max Memory", "Max Storage", "Store Directory", "Domain:", "API Level", "Starting", "Took ", "Trusted", "Created", "  ",
)  # fmt: skip


def written(server: NatsServer, *texts: str) -> Iterator[Seen]:
    """Yield the first line of the log that has each of the texts."""
    lines = server.log().splitlines()
    for text in texts:
        found = next((line for line in lines if text in line and not any(each in line for each in _CHATTER)), None)
        if found is not None:
            yield Seen("nats", "raw", found)


@after("lines of the log", verbose, many=True)
def lines_of_the_log(server: NatsServer) -> Iterator[Seen]:
    for _ in ended(server, *server.login(user="alice", **{"pass": "wrong"})):
        pass
    wire, _ = server.login(**LOGIN)
    wire.until(b"PONG\r\n")
    for request in (b"PUB closed.door 0\r\n\r\n", b"PUB a _R_.b 0\r\n\r\n", b"SUB closed.door 1\r\n"):
        wire.send(request + b"PING\r\n")
        wire.until(b"PONG\r\n")
    broken = (b"PUB a 5000\r\n", b"PUB a b c d\r\n", b"PUB a x\r\n", b"HPUB a 5\r\n", b"HPUB a x 5\r\n", b"HPUB a 9 5\r\n",
              b"SUB\r\n", b"SUB a b c d\r\n", b"UNSUB\r\n", b"GET / HTTP/1.1\r\n\r\n")  # fmt: skip
    for _ in refused(server, *broken, **LOGIN):
        pass
    for _ in refused(server, b"HPUB a 5 5\r\nhello\r\n", headers=False, **LOGIN):
        pass
    unreadable = server.dial()
    unreadable.send(b"CONNECT {bad\r\n")
    unreadable.until_closed()
    server.stop()
    yield from written(
        server, "authentication error", "Publish Violation - Subject", "Publish Violation - Reply", "Subscription Violation",
        "maximum payload exceeded", "parser ERROR", "processPub Bad or Missing Size", "processPub Parse Error",
        "processHeaderPub Parse Error", "processHeaderPub Bad or Missing Header Size", "processHeaderPub Header Size larger",
        "processSub Parse Error", "processUnsub Parse Error", "invalid character", "message headers not supported",
        "Client connection created", "Initiating Shutdown", "Initiating JetStream Shutdown", "Server is ready",
        "Plaintext passwords",
    )  # fmt: skip


@after("lines of the log about slow consumers", configured({"debug": True, "write_deadline": "300ms"}), many=True)
def slow_consumer_logged(server: NatsServer) -> Iterator[Seen]:
    for _ in a_reader_that_does_not_read(server):
        pass
    yield from written(server, "Slow Consumer Detected: WriteDeadline")


_FLOODED = configured({"debug": True, "max_payload": 100_000, "max_pending": 200_000})


@after("lines of the log about pending bytes", _FLOODED, many=True)
def pending_bytes_logged(server: NatsServer) -> Iterator[Seen]:
    for _ in a_reader_that_does_not_read(server):
        pass
    yield from written(server, "Slow Consumer Detected: MaxPending")


@after("lines of the log about pings", configured({"debug": True, "ping_interval": 1, "ping_max": 1}), many=True)
def stale_logged(server: NatsServer) -> Iterator[Seen]:
    for _ in pings_unanswered(server):
        pass
    yield from written(server, "Stale Client Connection")


@after("lines of the log about TLS", Station("nats-server", secured), many=True)
def tls_logged(server: NatsServer) -> Iterator[Seen]:
    with server.dial() as wire:
        wire.until(b"\r\n")
    patient = time.monotonic() + _PATIENCE
    while "TLS handshake error: EOF" not in server.log() and time.monotonic() < patient:
        time.sleep(0.05)
    yield from written(server, "TLS handshake error: EOF")


_PROXIED = configured({"debug": True, "authorization": {"users": [PROXIED]}})


@after("lines of the log about proxies", _PROXIED, many=True, since="2.12")
def proxy_logged(server: NatsServer) -> Iterator[Seen]:
    for _ in ended(server, *server.login(**LOGIN)):
        pass
    yield from written(server, "roxy")


_MQTT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04same"
# What a device may not send: what comes first, then what comes after a login that was in order.
_MISSENT = (
    b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x02id", b"\x10\x0e\x00\x04XXXX\x04\x02\x00\x3c\x00\x02id",
    b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00", b"\x10\x0e\x00\x04MQTT\x04\x22\x00\x3c\x00\x02id",
    b"\x10\x0e\x00\x04MQTT\x04\x42\x00\x3c\x00\x02id", b"\x30\x03\x00\x01a", b"GET / HTTP/1.1\r\n\r\n", _MQTT + _MQTT,
    _MQTT + b"\x30\x05\x00\x03a+b", _MQTT + b"\x30\x02\x00\x00", _MQTT + b"\x36\x05\x00\x03a/b", _MQTT + b"\xf0\x00",
    _MQTT + b"\x30\xff\xff\xff\xff\x7f",
)  # fmt: skip


_DEVICES = configured({"server_name": "one", "mqtt": {"host": "127.0.0.1", "port": -1}}, jetstream=True)


@after("lines of the log about MQTT", _DEVICES, many=True)
def devices_cut_off(server: NatsServer) -> Iterator[Seen]:
    port = int(server.log().partition("Listening for MQTT clients on mqtt://127.0.0.1:")[2].split()[0])
    for sent in _MISSENT:
        wire = server.dial(port)
        wire.send(sent)
        wire.until_closed()
    yield from (Seen("nats", "raw", line) for line in server.log().splitlines() if "[ERR]" in line and " - mid:" in line)


@after("lines of the log about JWT", some_operator, many=True)
def jwt_logged(server: OperatedServer) -> Iterator[Seen]:
    wire, info = server.enter(server.account.user(expires=1_000_000_000))
    for _ in ended(server, wire, info):
        pass
    wire, info = server.login(jwt="a.b.c", sig="x")
    for _ in ended(server, wire, info):
        pass
    yield from written(server, "authentication error", "JWT", "jwt", "xpired")


def _mapped(destination: str) -> dict[str, object]:
    return {"mappings": {"from.*": destination}}


REFUSED: dict[str, dict[str, object]] = {
    "mapping to a broken subject": _mapped("to..x"),
    "mapping out of range": _mapped("to.{{wildcard(9)}}"),
    "mapping with a wrong argument": _mapped("to.{{wildcard(x)}}"),
    "mapping without an argument": _mapped("to.{{wildcard()}}"),
    "mapping with too many arguments": _mapped("to.{{wildcard(1,2)}}"),
    "mapping with an unknown function": _mapped("to.{{bad(1)}}"),
    "sampling": {"accounts": {"A": {"exports": [{"service": "a", "latency": {"subject": "b", "sampling": 900}}]}}},
    "cluster and gateway": {"cluster": {"name": "a", "port": -1}, "gateway": {"name": "b", "port": -1}},
    "gateway with a space": {"gateway": {"name": "a b", "port": -1}},
    "server with a space": {"server_name": "a b"},
    "cluster with a space": {"cluster": {"name": "a b", "port": -1}},
    "unknown field": {"nonsense": 1},
    "prefix with a wildcard": {"accounts": {
        "A": {"exports": [{"stream": "s"}]},
        "B": {"imports": [{"stream": {"account": "A", "subject": "s"}, "prefix": "p.*"}]},
    }},
    "import without export": {"accounts": {"A": {}, "B": {"imports": [{"stream": {"account": "A", "subject": "s"}}]}}},
    "imports in a circle": {"accounts": {
        # Which of the two is told of is chance, so both are the same.
        "A": {"exports": [{"service": "s"}], "imports": [{"service": {"account": "B", "subject": "s"}}]},
        "B": {"exports": [{"service": "s"}], "imports": [{"service": {"account": "A", "subject": "s"}}]},
    }},
    "a stream imported twice": {"accounts": {
        "A": {"exports": [{"stream": "s"}]},
        "B": {"imports": [{"stream": {"account": "A", "subject": "s"}}, {"stream": {"account": "A", "subject": "s"}}]},
    }},
    "pending less than a payload": {"max_payload": 100, "max_pending": 10},
    "leaf nodes and gateways": {"leafnodes": {"port": -1}, "gateway": {"name": "b", "port": -1}},
    "no such system account": {"system_account": "NONE"},
    "reserved account": {"accounts": {"$G": {"users": [{"user": "a", "password": "b"}]}}},
}  # fmt: skip


def refusal(config: dict[str, object], server: NatsServer) -> Iterator[Seen]:
    """Start a second server with a configuration that it must refuse, and yield what it says."""
    (server.directory / "refused.conf").write_text(json.dumps(config), "utf-8")
    command = [str(server.program), "-c", "refused.conf", "-a", "127.0.0.1", "-p", "-1"]
    try:
        done = subprocess.run(command, cwd=server.directory, capture_output=True, text=True, check=False, timeout=3)
    except subprocess.TimeoutExpired:
        return  # it took the configuration
    for line in done.stderr.splitlines():
        if line.startswith("nats-server: ") or "[FTL]" in line:
            yield Seen("nats", "raw", line)


for _name, _config in REFUSED.items():
    # Names with spaces were let through once.
    _since = "2.11" if _name.endswith(" with a space") else ""
    after(f"configuration refused: {_name}", verbose, many=True, since=_since)(partial(refusal, _config))
