"""What nats-py raises, and whether the same call succeeds later: on the same client, or on one that has connected again."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import nats
import nats.js.api

from tests.capture.recording import Seen, exception_form
from tests.experiments.situation import Ground, Place, situation
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from nats.aio.client import Client

    from tests.experiments.situation import Act, Operation

logging.getLogger("nats.aio.client").setLevel(logging.CRITICAL)


class ClientPlace(Place):
    """A client of nats-py on an event loop of its own, which runs while an operation does; a closed one is replaced."""

    options: Mapping[str, Any] = {}

    def __init__(self, server: NatsServer, name: str) -> None:
        super().__init__(server, name)
        self.loop = asyncio.new_event_loop()
        self.client: Client | None = None
        self.told: list[Exception] = []
        self.url = server.url

    def run(self, step: Awaitable[Any]) -> Any:
        """Run something on the loop of the client."""
        return self.loop.run_until_complete(step)

    async def connected(self) -> Client:
        """Return the client, connected."""
        if self.client is None:
            self.client = await nats.connect(self.url, error_cb=self._keep, connect_timeout=2, **self.login())
        return self.client

    async def _keep(self, error: Exception) -> None:
        self.told.append(error)

    def login(self) -> dict[str, Any]:
        """Return the options to connect with."""
        return {"allow_reconnect": False, **self.kept.get("options", {})}

    async def attempt(self, step: Callable[[Client], Awaitable[object]]) -> tuple[list[BaseException], bool | None]:
        """Take a step with the client, and return what was raised and told meanwhile, and whether the connection is over."""
        self.told.clear()
        found: list[BaseException] = []
        try:
            client = await asyncio.wait_for(self.connected(), 5)
        except Exception as error:  # noqa: BLE001 - what is looked for
            return [error, *self.told], True
        was_connected = client.is_connected
        try:
            await asyncio.wait_for(step(client), 10)
        except Exception as error:  # noqa: BLE001 - what is looked for
            found.append(error)
        await asyncio.sleep(0.1)
        last = [client.last_error] if client.is_closed and client.last_error and not self.told else []
        over = client.is_closed or (was_connected and not client.is_connected)
        if client.is_closed:
            self.client = None
        return [*found, *self.told, *last], over

    def renew(self) -> None:
        """Close the client."""
        if self.client is not None:
            with suppress(Exception):
                self.run(self.client.close())
        self.client = None

    def close(self) -> None:
        """Close the client and its loop."""
        self.renew()
        self.run(asyncio.sleep(0.05))
        self.loop.close()


def calling(step: Callable[[Client], Awaitable[object]], only: int | None = None) -> Operation:
    """Return the operation that takes a step with the client; of many exceptions the first so many count."""

    def operate(place: ClientPlace) -> Iterator[Seen]:
        errors, over = place.run(place.attempt(step))
        for error in errors[:only]:
            yield Seen("nats", "exception", exception_form(error), over)

    return operate


def _clients(config: Mapping[str, Any], *, shared: bool, jetstream: bool = False) -> Ground:
    return Ground(
        "nats-server",
        lambda directory, program, _: NatsServer(directory, config, program=program, jetstream=jetstream),
        ClientPlace,
        shared=shared,
    )


plain = _clients({"max_payload": 1000}, shared=True)
streams = _clients({}, shared=True, jetstream=True)


def own(config: Mapping[str, Any] | None = None, *, jetstream: bool = False) -> Ground:
    """Return a ground with a server of one's own."""
    return _clients(config or {}, shared=False, jetstream=jetstream)


def with_options(**options: Any) -> Callable[[ClientPlace], None]:
    """Return the act of choosing options to connect with."""
    return lambda place: place.kept.update(options=options)


def call(name: str, step: Callable[[Client], Awaitable[object]], ground: Ground = plain, **how: Any) -> None:
    """Register a call of nats-py that fails."""
    only = how.pop("only", None)
    how["steps"] = {word: calling(other) for word, other in how.get("steps", {}).items()}
    situation(f"nats-py {name}", ground, calling(step, only), by="nats-py", **how)


async def said(client: Client) -> None:
    """Publish, and wait until the server has it."""
    await client.publish("a", b"x")
    await client.flush(timeout=2)


def _restarted(place: ClientPlace) -> None:
    place.run(place.connected())
    place.server.stop()
    with suppress(Exception):
        place.run(asyncio.sleep(0.3))
    place.server.start()


def _closed(place: ClientPlace) -> None:
    place.run(place.connected())
    place.run(place.client.close())  # type: ignore[union-attr]


def first(*acts: Act) -> Act:
    """Return the act of doing several things one after the other."""

    def act(place: ClientPlace) -> None:
        for each in acts:
            each(place)

    return act


def stop(place: Place) -> None:
    """Stop the server."""
    place.server.stop()


def start(place: Place) -> None:
    """Start the server."""
    place.server.start()


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


async def _with_stream(place: ClientPlace) -> None:
    client = await place.connected()
    await client.jetstream().add_stream(name="S", subjects=["s.>"], storage=nats.js.api.StorageType.MEMORY)


def _hang_with_stream(place: ClientPlace) -> None:
    place.run(_with_stream(place))
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


def _back(place: ClientPlace) -> None:
    place.server.start()
    place.run(asyncio.sleep(0.5))


async def _much(client: Client) -> None:
    await client.publish("a", b"x" * 200)
    if client.is_connected:
        await client.flush()


situation(
    "nats-py sends while it is disconnected",
    own(),
    calling(_much, 1),
    provoke=_disconnected,
    heal=_back,
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


# Key-value buckets and object stores.
async def _bucket(place: ClientPlace) -> None:
    js = (await place.connected()).jetstream()
    name = place.kept["bucket"] = place.name.replace(" ", "_").removeprefix("nats-py_")
    box = await js.create_key_value(bucket=name, history=2, storage=nats.js.api.StorageType.MEMORY)
    await box.put("key", b"1")
    await box.put("gone", b"1")
    await box.delete("gone")
    await js.create_object_store(bucket=name, storage=nats.js.api.StorageType.MEMORY)


def boxed(name: str, wrong: Callable[[Any], Awaitable[object]], right: Callable[[Any], Awaitable[object]] | None = None) -> None:
    """Register a call on a bucket that fails, and the same call put right."""
    bucket = name.replace(" ", "_")

    def on(step: Callable[[Any], Awaitable[object]]) -> Operation:
        async def taken(client: Client) -> None:
            await step(await client.jetstream().key_value(bucket))

        return calling(taken)

    steps = {"modify": on(right)} if right else {}
    situation(f"nats-py {name}", streams, on(wrong), provoke=lambda place: place.run(_bucket(place)), steps=steps, by="nats-py")


boxed("key not found", lambda box: box.get("none"), lambda box: box.get("key"))
boxed("key deleted", lambda box: box.get("gone"), lambda box: box.get("key"))
boxed("key that exists", lambda box: box.create("key", b"2"), lambda box: box.create("new", b"2"))
boxed("key of another revision", lambda box: box.update("key", b"2", last=77), lambda box: box.update("key", b"2", last=1))
boxed("key with a space", lambda box: box.put("a b", b""), lambda box: box.put("a_b", b""))


async def _no_keys(client: Client) -> None:
    js = client.jetstream()
    await (await js.create_key_value(bucket="empty", storage=nats.js.api.StorageType.MEMORY)).keys()


async def _object(client: Client, name: str) -> None:
    await (await client.jetstream().object_store("things")).get(name)


async def _things(place: ClientPlace) -> None:
    js = (await place.connected()).jetstream()
    store = await js.create_object_store(bucket="things", storage=nats.js.api.StorageType.MEMORY)
    await store.put("thing", b"1")
    await store.put("gone", b"1")
    await store.delete("gone")


async def _some_keys(client: Client) -> None:
    box = await client.jetstream().create_key_value(bucket="filled", storage=nats.js.api.StorageType.MEMORY)
    await box.put("key", b"1")
    await box.keys()


call("bucket without keys", _no_keys, streams, steps={"modify": _some_keys})
call("bucket not found", lambda nc: nc.jetstream().key_value("none"), streams, steps={"modify": _some_keys})
call(
    "bucket with an invalid name",
    lambda nc: nc.jetstream().create_key_value(bucket="a b"),
    streams,
    steps={"modify": lambda nc: nc.jetstream().create_key_value(bucket="a_b")},
)
call(
    "bucket with a long history",
    lambda nc: nc.jetstream().create_key_value(bucket="long", history=99),
    streams,
    steps={"modify": lambda nc: nc.jetstream().create_key_value(bucket="long", history=9)},
)
for _name, _key in (("not found", "none"), ("deleted", "gone")):
    call(
        f"object {_name}",
        partial(_object, name=_key),
        own(jetstream=True),
        provoke=lambda place: place.run(_things(place)),
        steps={"modify": lambda nc: _object(nc, "thing")},
    )


def _full(name: str, age: float | None, **limits: Any) -> None:
    """Register a bucket that is full, with or without an age after which what is in it goes."""

    async def fill(place: ClientPlace) -> None:
        js = (await place.connected()).jetstream()
        config = nats.js.api.KeyValueConfig(bucket="full", storage=nats.js.api.StorageType.MEMORY, ttl=age, **limits)
        box = await js.create_key_value(config)
        for number in range(2):
            await box.put(f"k{number}", b"x" * 100)

    async def put(client: Client) -> None:
        await (await client.jetstream().key_value("full")).put("more", b"x" * 100)

    def stored(place: ClientPlace) -> Any:
        return place.server.monitoring("jsz?streams=1")["account_details"][0]["stream_detail"][0]["state"]["messages"]

    call(
        name,
        put,
        own(jetstream=True),
        provoke=lambda place: place.run(fill(place)),
        state=stored,
        heal=(lambda _: time.sleep(age + 0.5)) if age else None,
        note="what was in the bucket has aged" if age else "nothing ever leaves this bucket by itself",
    )


_full("bucket full", None, max_bytes=300)
_full("bucket full of values that age", 3.0, max_bytes=300)


async def _store_full(client: Client) -> None:
    store = await client.jetstream().object_store("small")
    await store.put("big", b"x" * 200_000)


async def _store_small(client: Client) -> None:
    store = await client.jetstream().object_store("small")
    await store.put("small", b"x" * 100)


async def _small(place: ClientPlace) -> None:
    js = (await place.connected()).jetstream()
    config = nats.js.api.ObjectStoreConfig(bucket="small", max_bytes=3000, storage=nats.js.api.StorageType.MEMORY)
    await js.create_object_store("small", config)


call(
    "object larger than the store",
    _store_full,
    own(jetstream=True),
    provoke=lambda place: place.run(_small(place)),
    steps={"modify": _store_small},
    only=1,
)


# JetStream calls.
async def _with_consumer(place: ClientPlace) -> None:
    await _with_stream(place)
    client = await place.connected()
    await client.jetstream().pull_subscribe("s.>", durable="c")


async def _fetched(client: Client) -> None:
    subscription = await client.jetstream().pull_subscribe_bind("c", "S")
    for message in await subscription.fetch(1, timeout=0.4):
        await message.ack()


async def _arrives(place: ClientPlace) -> None:
    client = await place.connected()
    for _ in range(3):
        await client.jetstream().publish("s.a", b"x")


call(
    "fetches where nothing is",
    _fetched,
    own(jetstream=True),
    provoke=lambda place: place.run(_with_consumer(place)),
    heal=lambda place: place.run(_arrives(place)),
    note="a message has come",
)


async def _acknowledged_twice(client: Client) -> None:
    js = client.jetstream()
    await js.publish("s.a", b"x")
    message = (await (await js.pull_subscribe_bind("c", "S")).fetch(1, timeout=1))[0]
    await message.ack()
    await message.ack()


async def _acknowledged_once(client: Client) -> None:
    await client.jetstream().publish("s.a", b"x")
    await _fetched(client)


call(
    "acknowledges twice",
    _acknowledged_twice,
    own(jetstream=True),
    provoke=lambda place: place.run(_with_consumer(place)),
    steps={"modify": _acknowledged_once},
)


async def _acknowledged_plain(client: Client) -> None:
    subscription = await client.subscribe("plain")
    await client.publish("plain", b"x")
    message = await subscription.next_msg(1)
    await message.ack()


call("acknowledges a plain message", _acknowledged_plain, steps={"modify": said})
call(
    "stream not found",
    lambda nc: nc.jetstream().stream_info("none"),
    own(jetstream=True),
    provoke=lambda place: place.run(_with_stream(place)),
    steps={"modify": lambda nc: nc.jetstream().stream_info("S")},
)
call(
    "stores where no stream is",
    lambda nc: nc.jetstream().publish("nobody.home", b"", timeout=1),
    own(jetstream=True),
    provoke=lambda place: place.run(_with_stream(place)),
    steps={"modify": lambda nc: nc.jetstream().publish("s.a", b"", timeout=1)},
)
call(
    "stores with the expectation of another stream",
    lambda nc: nc.jetstream().publish("s.a", b"", stream="Z"),
    own(jetstream=True),
    provoke=lambda place: place.run(_with_stream(place)),
    steps={"modify": lambda nc: nc.jetstream().publish("s.a", b"", stream="S")},
)
call("server without jetstream", lambda nc: nc.jetstream().account_info(), plain, note="an operator must switch it on")
call(
    "stores while jetstream restarts",
    lambda nc: nc.jetstream().publish("s.a", b"x", timeout=1),
    own(jetstream=True),
    provoke=first(
        with_options(allow_reconnect=True, max_reconnect_attempts=100, reconnect_time_wait=0.1),
        lambda place: place.run(_with_stream_in_a_file(place)),
        stop,
    ),
    heal=_back,
    only=1,
    note="the server is back, and the client has connected again",
)


async def _with_stream_in_a_file(place: ClientPlace) -> None:
    client = await place.connected()
    await client.jetstream().add_stream(name="S", subjects=["s.>"])


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
