"""Exceptions of nats-py for calls of JetStream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.experiments.situations.client_place import back, call, first, own, plain, said, stop, with_options, with_stream

if TYPE_CHECKING:
    from nats.aio.client import Client

    from tests.experiments.situations.client_place import ClientPlace


async def _with_consumer(place: ClientPlace) -> None:
    await with_stream(place)
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
    provoke=lambda place: place.run(with_stream(place)),
    steps={"modify": lambda nc: nc.jetstream().stream_info("S")},
)
call(
    "stores where no stream is",
    lambda nc: nc.jetstream().publish("nobody.home", b"", timeout=1),
    own(jetstream=True),
    provoke=lambda place: place.run(with_stream(place)),
    steps={"modify": lambda nc: nc.jetstream().publish("s.a", b"", timeout=1)},
)
call(
    "stores with the expectation of another stream",
    lambda nc: nc.jetstream().publish("s.a", b"", stream="Z"),
    own(jetstream=True),
    provoke=lambda place: place.run(with_stream(place)),
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
    heal=back,
    only=1,
    note="the server is back, and the client has connected again",
)


async def _with_stream_in_a_file(place: ClientPlace) -> None:
    client = await place.connected()
    await client.jetstream().add_stream(name="S", subjects=["s.>"])
