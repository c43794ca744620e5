"""NATS servers for the situations. Each station is a context manager that takes a directory."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, StreamConfig

from tests.clients.stations import Place, issue_expired, relayed
from tests.servers.certificates import issue
from tests.servers.credentials import Operator
from tests.servers.nats import NatsServer
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from nats.aio.client import Client

    from tests.servers.certificates import Certificates

ALICE = {"NATS_LOGIN": "alice", "NATS_PASS": "secret"}
_CLOSED = {"publish": {"deny": ["closed.>"]}, "subscribe": {"deny": ["closed.>"]}}
_USERS = {"users": [{"user": "alice", "password": "secret", "permissions": _CLOSED}]}
_URL = "nats://127.0.0.1:{port}"


@contextmanager
def nobody(_: Path) -> Generator[Place]:
    """Hold a port on which nothing listens."""
    with closing(socket.socket()) as held:
        held.bind((HOST, 0))
        yield Place({"SERVER_URL": _URL.format(port=held.getsockname()[1])})


@contextmanager
def nowhere(_: Path) -> Generator[Place]:
    """Use a host name that no name server knows (RFC 2606, 2)."""
    yield Place({"SERVER_URL": "nats://nats.invalid:4222"})


@contextmanager
def mute(_: Path) -> Generator[Place]:
    """Accept connections and never send data."""
    with closing(socket.create_server((HOST, 0))) as listening:
        yield Place({"SERVER_URL": _URL.format(port=listening.getsockname()[1])})


def configured(config: dict[str, Any], **environment: str) -> Callable[[Path], AbstractContextManager[Place]]:
    """Return a station with a server of this configuration, and variables for its clients."""

    @contextmanager
    def station(directory: Path) -> Generator[Place]:
        with NatsServer(directory, config) as server:
            yield Place({"SERVER_URL": _URL.format(port=server.port), **environment}, server)

    return station


limited = configured({"max_payload": 1000, "authorization": _USERS}, **ALICE)
one_subscription = configured({"max_subscriptions": 1})
impatient = configured({"authorization": {**_USERS, "timeout": 0.3}}, **ALICE)


@contextmanager
def slow_login(directory: Path) -> Generator[Place]:
    """Hold back the client's data, so that its login comes too late."""
    with impatient(directory) as place, relayed(place, _URL) as between:
        between.relay.upstream.clear()
        yield between


@contextmanager
def full(directory: Path) -> Generator[Place]:
    """Serve only one connection, which is in use. The client's data is held back, so that the client reads the refusal."""
    with configured({"max_connections": 1})(directory) as place, relayed(place, _URL) as between:
        wire, _ = place.server.login()
        wire.until(b"PONG\r\n")
        between.relay.upstream.clear()
        yield between


@contextmanager
def relayed_plain(directory: Path) -> Generator[Place]:
    """Put a relay before a server; the client pings often."""
    with configured({})(directory) as place, relayed(place, _URL) as between:
        between.environment["PINGS"] = "often"
        yield between


@contextmanager
def pinging(directory: Path) -> Generator[Place]:
    """Put a relay before a server that pings often and does not wait long."""
    with configured({"ping_interval": "300ms", "ping_max": 1})(directory) as place, relayed(place, _URL) as between:
        yield between


@contextmanager
def flooding(directory: Path) -> Generator[Place]:
    """Put a relay before a server that soon closes clients that read too slowly."""
    config = {"max_pending": 100_000, "max_payload": 50_000, "write_deadline": "300ms"}
    with configured(config)(directory) as place, relayed(place, _URL) as between:
        yield between


def _credentials(kind: str) -> Callable[[Path], AbstractContextManager[Place]]:
    @contextmanager
    def station(directory: Path) -> Generator[Place]:
        operator = Operator()
        account = operator.account("A", conn=1 if kind == "crowded" else -1)
        ends = {"expired": time.time() - 60, "expiring": time.time() + 3}.get(kind)
        user = account.user(expires=ends)
        if kind == "revoked":
            account.revoke(user)
        with NatsServer(directory, operator.config()) as server:
            url = _URL.format(port=server.port)
            if kind == "crowded":
                wire = server.dial()
                _login(wire, account.user("first"))
            yield Place({"SERVER_URL": url, "CREDENTIALS": str(user.write(directory / "user.creds"))}, server)

    return station


def _login(wire: Any, user: Any) -> None:
    info = json.loads(wire.until(b"\r\n").removeprefix(b"INFO "))
    options = {"verbose": False, "protocol": 1, **user.options(info["nonce"])}
    wire.send(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
    wire.until(b"PONG\r\n")


expired, expiring, revoked, crowded = map(_credentials, ("expired", "expiring", "revoked", "crowded"))
missing_credentials = configured({"authorization": _USERS}, CREDENTIALS="/srv/missing.creds")


@contextmanager
def encrypted(directory: Path, trusted: Certificates, shown: Certificates, config: dict[str, Any]) -> Generator[Place]:
    """Serve with TLS and a certificate; clients trust an authority."""
    tls = {"cert_file": str(shown.certificate), "key_file": str(shown.key), **config}
    with NatsServer(directory, {"tls": tls}) as server:
        yield Place({"SERVER_URL": f"tls://localhost:{server.port}", "CA": str(trusted.authority)}, server)


@contextmanager
def unknown_authority(directory: Path) -> Generator[Place]:
    """Present a certificate of an authority that the client does not trust."""
    with encrypted(directory, issue(directory / "other"), issue(directory / "own"), {}) as place:
        yield place


@contextmanager
def tls_required(directory: Path) -> Generator[Place]:
    """Require TLS from a client that is not configured for it and trusts only the authorities of the system."""
    with unknown_authority(directory) as place:
        yield Place({"SERVER_URL": _URL.format(port=place.server.port)}, place.server)


@contextmanager
def expired_certificate(directory: Path) -> Generator[Place]:
    """Present a certificate that has expired."""
    shown = issue_expired(directory / "own", datetime(2020, 1, 1, tzinfo=UTC))
    with encrypted(directory, shown, shown, {}) as place:
        yield place


@contextmanager
def other_host(directory: Path) -> Generator[Place]:
    """Present a certificate for another host."""
    shown = issue(directory / "own", "nats.example.com")
    with encrypted(directory, shown, shown, {}) as place:
        yield place


@contextmanager
def certificate_wanted(directory: Path) -> Generator[Place]:
    """Request a certificate from a client that has none."""
    shown = issue(directory / "own")
    with encrypted(directory, shown, shown, {"verify": True, "ca_file": str(shown.authority)}) as place:
        yield place


@contextmanager
def plain(directory: Path) -> Generator[Place]:
    """Offer no TLS to a client that requires it."""
    with NatsServer(directory) as server:
        trusted = str(issue(directory / "own").authority)
        yield Place({"SERVER_URL": f"tls://localhost:{server.port}", "CA": trusted, "SECURE": "yes"}, server)


async def _fill(nc: Client) -> None:
    js = nc.jetstream()
    await js.add_stream(name="ORDERS", subjects=["orders"])
    await js.add_stream(name="EMPTY", subjects=["empty"])
    discard = StreamConfig(name="FULL", subjects=["full"], max_msgs=1, discard=DiscardPolicy.NEW, max_msg_size=100)
    await js.add_stream(discard)
    await js.add_stream(name="SEALED", subjects=["sealed"])
    await js.publish("sealed", b"x")
    await js.update_stream(name="SEALED", subjects=["sealed"], sealed=True)
    for _ in range(20):
        await js.publish("orders", b"x")
    for stream in ("ORDERS", "EMPTY"):
        await js.add_consumer(stream, ConsumerConfig(durable_name="reader", ack_policy=AckPolicy.EXPLICIT))
    narrow = {"durable_name": "narrow", "ack_policy": "explicit", "max_batch": 10}
    request = json.dumps({"stream_name": "EMPTY", "config": narrow}).encode()
    await nc.request("$JS.API.CONSUMER.DURABLE.CREATE.EMPTY.narrow", request)
    await (await js.create_key_value(bucket="box")).put("there", b"1")
    await js.create_object_store(bucket="store")


@contextmanager
def streams(directory: Path) -> Generator[Place]:
    """Serve streams, buckets and an object store with data."""
    config = {"jetstream": {"max_file_store": 64_000_000, "max_memory_store": 16_000_000, "store_dir": str(directory / "js")}}
    with NatsServer(directory, config) as server:

        async def prepare() -> None:
            nc = await nats.connect(server.url)
            await _fill(nc)
            await nc.close()

        asyncio.run(prepare())
        yield Place({"SERVER_URL": _URL.format(port=server.port)}, server)
