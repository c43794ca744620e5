"""FastStream on a real server: what is delivered how often, what is acknowledged, and what is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest
from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.nats import JStream, NatsBroker, PullSub

import errnorm_adapters.nats
from errnorm import Middleware, RetryPolicy
from errnorm_adapters import faststream
from tests.adapters.nats.client.kit import Told, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from nats.aio.client import Client

    from tests.servers.nats import NatsServer

STREAM = JStream(name="ORDERS", subjects=["orders"], declare=False)
QUICK = RetryPolicy(base=0.1, cap=0.2)


class Shop:
    """A broker with one handler, what reached it, and what was told."""

    def __init__(self, server: NatsServer, **options: Any) -> None:
        self.url = server.url
        self.told = Told()
        self.errors = Middleware(emitters=[self.told])
        self.session = errnorm_adapters.nats.attach(self.errors)
        self.broker = NatsBroker(server.url, logger=None, reconnect_time_wait=0, **faststream.callbacks(self.session))
        self.broker.add_middleware(faststream.middleware(self.errors, **{"policy": QUICK, **options}))
        self.deliveries: Counter[str] = Counter()

    async def comes_to(self, count: int) -> None:
        """Wait until so many messages are neither acknowledged nor given up."""
        client = await nats.connect(self.url)
        async with asyncio.timeout(120):
            while await _left(client) != count:  # noqa: ASYNC110 - only by asking
                await asyncio.sleep(0.05)
        await client.close()


async def _left(client: Client) -> int:
    info = await client.jetstream().consumer_info("ORDERS", "worker")
    return int((info.num_ack_pending or 0) + (info.num_pending or 0))


@asynccontextmanager
async def open_shop(
    server: NatsServer, handle: Callable[[str], Awaitable[object]], ack_policy: AckPolicy, **options: Any
) -> AsyncGenerator[Shop]:
    shop = Shop(server, **options)
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await client.close()

    @shop.broker.subscriber("orders", stream=STREAM, durable="worker", pull_sub=PullSub(), ack_policy=ack_policy)
    async def on_order(body: str) -> None:
        shop.deliveries[body] += 1
        await handle(body)

    async with shop.broker:
        await shop.broker.start()
        yield shop


@pytest.fixture
def server(start_nats: Callable[..., NatsServer]) -> NatsServer:
    return start_nats({}, jetstream=True)


@pytest.mark.parametrize("policy", [AckPolicy.NACK_ON_ERROR, AckPolicy.REJECT_ON_ERROR, AckPolicy.ACK, AckPolicy.MANUAL])
async def test_each_message_is_settled_by_how_its_handler_ended(server: NatsServer, policy: AckPolicy) -> None:
    async def handle(body: str) -> None:
        if body == "poison":
            raise ValueError(body)
        if body == "down" and shop.deliveries[body] < 3:
            raise ConnectionRefusedError(111, "the database")

    async with open_shop(server, handle, policy, poison=(ValueError,)) as shop:
        for body in ("good", "poison", "down"):
            await shop.broker.publish(body, "orders")
        await until(lambda: shop.deliveries["down"] == 3)
        await shop.comes_to(0)
        assert shop.deliveries == {"good": 1, "poison": 1, "down": 3}
        assert Counter(fault.outcome for fault in shop.told) == {"failed": 1, "retried": 2}


async def test_a_message_that_fails_comes_back_after_growing_pauses(server: NatsServer) -> None:
    async def handle(_: str) -> None:
        raise TimeoutError

    async with open_shop(server, handle, AckPolicy.NACK_ON_ERROR, policy=RetryPolicy(base=1.0, cap=60)) as shop:
        for body in ("a", "b"):
            await shop.broker.publish(body, "orders")
        await until(lambda: shop.deliveries == {"a": 2, "b": 2})
        assert [round(fault.decision.delay or 0.0, 6) > 0 for fault in shop.told if fault.decision] == [True] * 4
        await shop.comes_to(2)


async def test_a_consumer_that_is_denied_gives_no_message_up(server: NatsServer) -> None:
    denied = nats.errors.Error('nats: permissions violation for publish to "out"')

    async def handle(_: str) -> None:
        raise denied

    async with open_shop(server, handle, AckPolicy.REJECT_ON_ERROR) as shop:
        await shop.broker.publish("a", "orders")
        await until(lambda: shop.told)
        assert [(fault.outcome, str(fault.error.reason)) for fault in shop.told] == [("failed", "auth.forbidden")]
        await shop.comes_to(1)


async def test_what_a_handler_orders_itself_is_carried_out_and_not_told(server: NatsServer) -> None:
    async def handle(body: str) -> None:
        if shop.deliveries[body] == 1:
            raise NackMessage

    async with open_shop(server, handle, AckPolicy.REJECT_ON_ERROR) as shop:
        await shop.broker.publish("a", "orders")
        await until(lambda: shop.deliveries["a"] == 2)
        assert shop.told == []


async def test_a_plain_message_is_guarded_and_what_is_published_too(server: NatsServer) -> None:
    shop = Shop(server)

    @shop.broker.subscriber("plain")
    async def on_plain(_: str) -> None:
        raise nats.errors.NoRespondersError

    async with shop.broker:
        await shop.broker.start()
        await shop.broker.publish("x", "plain")
        await until(lambda: len(shop.told) == 1)
        with pytest.raises(nats.errors.MaxPayloadError):
            await shop.broker.publish("x" * 2_000_000, "plain")
    assert [(fault.operation, str(fault.error.reason)) for fault in shop.told] == [
        ("process", "transport.unavailable"),
        ("publish", "limits.size"),
    ]


def test_misuse_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="posion"):
        faststream.middleware(Middleware(emitters=[]), posion=(ValueError,))
