"""Exceptions of nats-py, and whether the same call succeeds later: with the same client, or after a reconnect."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.experiments.situation import situation
from tests.experiments.situations.client_place import (
    back,
    call,
    calling,
    first,
    own,
    plain,
    said,
    start,
    stop,
    with_options,
    with_stream,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from nats.aio.client import Client

    from tests.capture.recording import Seen
    from tests.experiments.situation import Act, Operation
    from tests.experiments.situations.client_place import ClientPlace


def _restarted(place: ClientPlace) -> None:
    place.run(place.connected())
    place.server.stop()
    with suppress(Exception):
        place.run(asyncio.sleep(0.3))
    place.server.start()


def _closed(place: ClientPlace) -> None:
    place.run(place.connected())
    place.run(place.client.close())  # type: ignore[union-attr]


call("used after the server restarted", said, own(), provoke=_restarted, note="the server is back already")
call("used after it was closed", said, provoke=_closed)
call(
    "gives up finding a server",
    said,
    own(),
    provoke=first(with_options(allow_reconnect=True, max_reconnect_attempts=1, reconnect_time_wait=0.1), stop),
    heal=start,
    only=1,
    note="the server is back",
)
call("sends too much", lambda nc: nc.publish("a", b"x" * 5000), steps={"modify": lambda nc: nc.publish("a", b"x")})
call("publishes to nothing", lambda nc: nc.publish(""), steps={"modify": said})
call("subscribes to an empty token", lambda nc: nc.subscribe("a..b"), steps={"modify": lambda nc: nc.subscribe("a.b")})
call("flushes in no time", lambda nc: nc.flush(timeout=0), steps={"modify": lambda nc: nc.flush(timeout=2)})


async def _already_gone(client: Client) -> None:
    subscription = await client.subscribe("gone")
    await subscription.unsubscribe()
    await subscription.unsubscribe()


call("unsubscribes twice", _already_gone, steps={"modify": said})


# Somebody who answers, or does not.
def _answering(place: ClientPlace, subject: str) -> None:
    wire, _ = place.server.login()
    wire.until(b"PONG\r\n")
    wire.send(f"SUB {subject} 1\r\nPING\r\n".encode())
    wire.until(b"PONG\r\n")
    place.kept["responder"] = wire


def _asks(subject: str) -> Callable[[Client], Awaitable[object]]:
    return lambda nc: nc.request(subject, b"", timeout=0.3)


def _appears(place: ClientPlace) -> None:
    async def answer(message: Any) -> None:
        await message.respond(b"yes")

    async def appear() -> None:
        client = await place.connected()
        await client.subscribe(place.kept["subject"], cb=answer)
        await client.flush()

    place.run(appear())


def _asked(place: ClientPlace) -> int:
    wire = place.kept["responder"]
    wire.send(b"PING\r\n")
    wire.until(b"PONG\r\n")
    return int(wire.read.count(b"MSG deaf"))


call(
    "asks where nobody is",
    _asks("service.nobody"),
    provoke=lambda place: place.kept.update(subject="service.nobody"),
    heal=_appears,
    note="a responder has come",
)


async def _answered(client: Client) -> None:
    await client.request("deaf", b"", timeout=0.3)


call(
    "asks somebody too slow",
    _answered,
    own(),
    provoke=first(lambda place: _answering(place, "deaf"), lambda place: place.kept.update(subject="deaf")),
    state=_asked,
    heal=_appears,
    note="the request arrived, and was not answered in time; another responder has come",
)


# A server that hangs.
def _hang(place: ClientPlace) -> None:
    place.run(place.connected())
    place.server.signal(signal.SIGSTOP)
    time.sleep(0.1)


def _wake(place: ClientPlace) -> None:
    place.server.signal(signal.SIGCONT)
    time.sleep(0.3)


call(
    "flushes while the server hangs",
    lambda nc: nc.flush(timeout=0.3),  # type: ignore[arg-type]
    own(),
    provoke=_hang,
    heal=_wake,
    note="the server goes on",
)


async def _patient(client: Client) -> None:
    await asyncio.sleep(0.8)
    await client.flush(timeout=1)


def _pinging(place: ClientPlace) -> None:
    with_options(ping_interval=0.1, max_outstanding_pings=1)(place)
    _hang(place)


call("pings a server that hangs", _patient, own(), provoke=_pinging, heal=_wake, note="the server goes on")


def _stored_later(place: ClientPlace) -> Any:
    """Look what was stored: the server must run for it."""
    place.server.signal(signal.SIGCONT)
    time.sleep(0.5)
    found = place.server.monitoring("jsz?streams=1")["account_details"][0]["stream_detail"][0]["state"]["messages"]
    place.server.signal(signal.SIGSTOP)
    time.sleep(0.1)
    return found


def _hang_with_stream(place: ClientPlace) -> None:
    place.run(with_stream(place))
    _hang(place)


call(
    "stores while the server hangs",
    lambda nc: nc.jetstream().publish("s.a", b"x", timeout=0.3),
    own(jetstream=True),
    provoke=_hang_with_stream,
    state=_stored_later,
    heal=_wake,
    note="the server goes on, and stores what it was sent before",
)


# A client that is late with what it reads, or cannot send.
async def _flood(client: Client) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(0.005)

    subscription = await client.subscribe("flood", cb=handle, pending_msgs_limit=5)
    for _ in range(30):
        await client.publish("flood", b"x")
    await client.flush()
    await asyncio.sleep(0.4)
    await subscription.unsubscribe()


async def _trickle(client: Client) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(0.005)

    subscription = await client.subscribe("flood", cb=handle, pending_msgs_limit=5)
    for _ in range(4):
        await client.publish("flood", b"x")
        await client.flush()
        await asyncio.sleep(0.02)
    await subscription.unsubscribe()


def _load(place: ClientPlace) -> Callable[[Client], Awaitable[object]]:
    return _flood if place.kept.get("load") else _trickle


situation(
    "nats-py reads too slowly",
    plain,
    lambda place: calling(_load(place), 1)(place),
    provoke=lambda place: place.kept.update(load=True),
    heal=lambda place: place.kept.update(load=False),
    by="nats-py",
    note="fewer messages come",
)


def _disconnected(place: ClientPlace) -> None:
    with_options(allow_reconnect=True, max_reconnect_attempts=100, reconnect_time_wait=0.1, pending_size=100)(place)
    place.run(place.connected())
    place.server.stop()
    with suppress(Exception):
        place.run(asyncio.sleep(0.3))


async def _much(client: Client) -> None:
    await client.publish("a", b"x" * 200)
    if client.is_connected:
        await client.flush()


situation(
    "nats-py sends while it is disconnected",
    own(),
    calling(_much, 1),
    provoke=_disconnected,
    heal=back,
    by="nats-py",
    note="the server is back, and the client has connected again",
)


# Names that do not resolve.
def _nameless(place: ClientPlace) -> None:
    with_options(allow_reconnect=True, max_reconnect_attempts=1, reconnect_time_wait=0.1)(place)
    place.url = f"nats://nats-0.nats:{place.server.port}"
    original = place.loop.getaddrinfo

    async def look_up(host: Any, *args: Any, **options: Any) -> Any:
        if host == "nats-0.nats":
            if not place.kept.get("named"):
                raise socket.gaierror(place.kept["number"], place.kept["words"])
            host = "127.0.0.1"
        return await original(host, *args, **options)

    place.loop.getaddrinfo = look_up  # type: ignore[method-assign]


def _numbered(number: int, words: str) -> Act:
    return lambda place: place.kept.update(number=number, words=words)


for _name, _number, _words in (
    ("does not exist", socket.EAI_NONAME, "Name or service not known"),
    ("has no address", socket.EAI_NODATA, "No address associated with hostname"),
    ("cannot be asked for", socket.EAI_AGAIN, "Temporary failure in name resolution"),
):
    call(
        f"connects to a name that {_name}",
        said,
        plain,
        provoke=first(_numbered(_number, _words), _nameless),
        heal=lambda place: place.kept.update(named=True),
        note="the name has been entered, as those of a cluster are when its parts have started",
    )


# Credentials, and a client that is leaving.
LOCKED = {"authorization": {"users": [{"user": "alice", "password": "secret"}]}}


def _as(password: str) -> Operation:
    def operate(place: ClientPlace) -> Iterator[Seen]:
        place.kept["options"] = {"user": "alice", "password": password}
        yield from calling(said, 1)(place)

    return operate


situation("nats-py wrong password", own(LOCKED), _as("wrong"), steps={"reauthenticate": _as("secret")}, by="nats-py")
situation(
    "nats-py credentials that are not there",
    own(LOCKED),
    calling(said, 1),
    provoke=with_options(user_credentials="/nowhere/user.creds"),
    steps={"reauthenticate": _as("secret")},
    by="nats-py",
)


async def _draining(client: Client) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(0.3)

    await client.subscribe("drained", cb=handle)
    await client.publish("drained", b"x")
    await client.flush()
    await asyncio.gather(client.drain(), _late(client))


async def _late(client: Client) -> None:
    await asyncio.sleep(0.1)
    await client.subscribe("late")


call("subscribes while it drains", _draining, only=1)


async def _drained(client: Client) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(2)

    await client.subscribe("slow", cb=handle)
    await client.publish("slow", b"x")
    await client.flush()
    await client.drain()


call("drains for too long", _drained, provoke=with_options(drain_timeout=0.2), only=1)
