"""Messages of nats-jetstream and natsio: their calls settle as those of nats-py do, counted on a real server."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats
import pytest
from nats.js.api import ConsumerConfig

from errnorm import Middleware
from errnorm_adapters.nats import settle
from tests.adapters.nats.client.kit import Told
from tests.adapters.nats.messages.kit import QUICK, fails

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from tests.servers.nats import NatsServer

    Next = Callable[[], Awaitable[Any]]

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@asynccontextmanager
async def nats_jetstream(url: str) -> AsyncGenerator[Any]:
    core: Any = pytest.importorskip("nats.client", reason="nats-core needs Python 3.13")
    jetstream: Any = pytest.importorskip("nats.jetstream")
    client = await core.connect(url)
    yield await jetstream.new(client).get_consumer("ORDERS", "worker")
    await client.close()


@asynccontextmanager
async def natsio(url: str) -> AsyncGenerator[Any]:
    library: Any = pytest.importorskip("natsio", reason="natsio needs Python 3.13")
    client = await library.connect(url)
    stream = await client.jetstream().stream("ORDERS")
    yield await stream.consumer("worker")
    await client.close()


CLIENTS = [nats_jetstream, natsio]


@pytest.mark.parametrize("opened", CLIENTS)
async def test_each_way_to_fail_reaches_the_server(opened: Callable[[str], Any], start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({}, jetstream=True)
    told = Told()
    errors = Middleware(emitters=[told])
    watcher = await nats.connect(server.url)
    await watcher.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await watcher.jetstream().add_consumer("ORDERS", ConsumerConfig(durable_name="worker", ack_wait=60, max_deliver=3))
    terminated = await watcher.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>")
    for payload in (b"good", b"poison", b"down", b"bug"):
        await watcher.jetstream().publish("orders", payload)
    failures: dict[bytes, list[Exception]] = {
        b"poison": [ValueError()],
        b"down": [ConnectionRefusedError(111, "the database")],
        b"bug": [KeyError(), KeyError(), KeyError()],
    }
    handlers = {body: fails(*raised) for body, raised in failures.items()}
    deliveries: list[bytes] = []
    async with opened(server.url) as consumer, asyncio.timeout(60):
        while len(deliveries) < 7:
            msg = await consumer.next()
            deliveries.append(bytes(msg.data))
            async with settle(
                errors, msg, poison=(ValueError,), policy=QUICK, consumer=consumer, progress=0.01, confirm=msg.data == b"good"
            ):
                await asyncio.sleep(0.03)
                handlers.get(bytes(msg.data), bytes)(msg.data)
    assert sorted(deliveries) == [b"bug", b"bug", b"bug", b"down", b"down", b"good", b"poison"]
    reasons = [json.loads((await terminated.next_msg(10)).data)["reason"] for _ in range(2)]
    assert reasons == ["ValueError: the message is bad", "KeyError: failed at each of 3 deliveries"]
    assert {fault.peer for fault in told} == {"ORDERS/worker"}
    assert sorted(fault.outcome for fault in told) == ["failed"] * 2 + ["retried"] * 3
    info = await watcher.jetstream().consumer_info("ORDERS", "worker")
    assert (info.num_ack_pending, info.num_pending) == (0, 0)
    await watcher.close()


def test_a_message_that_is_not_of_jetstream_is_refused() -> None:
    message: Any = pytest.importorskip("nats.jetstream.message", reason="nats-core needs Python 3.13")
    with pytest.raises(TypeError, match="JetStream"):
        settle(Middleware(emitters=[]), message.Message(b"", "plain", None, None))


async def test_what_a_handler_has_settled_itself_is_left_alone(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({}, jetstream=True)
    told = Told()
    watcher = await nats.connect(server.url)
    await watcher.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await watcher.jetstream().add_consumer("ORDERS", ConsumerConfig(durable_name="worker"))
    await watcher.jetstream().publish("orders", b"a")
    async with natsio(server.url) as consumer:
        msg = await consumer.next()
        async with settle(Middleware(emitters=[told]), msg):
            await msg.term()
    assert told == []
    await watcher.close()
