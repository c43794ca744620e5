"""What the tests of messages share: a consumer of a stream on a real server, and what becomes of its messages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
from nats.js.api import ConsumerConfig

from errnorm import Middleware, RetryPolicy
from errnorm_adapters.nats import settle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from nats.aio.client import Client

    from errnorm.fault import Fault
    from tests.servers.nats import NatsServer

QUICK = RetryPolicy(base=0.1, cap=0.2)
ACCOUNTS = {
    "accounts": {
        "app": {"jetstream": "enabled", "users": [{"user": "app", "password": "app"}]},
        "SYS": {"users": [{"user": "sys", "password": "sys"}]},
    },
    "system_account": "SYS",
}


class Worker:
    """A consumer of one stream, what its messages met with, and what the server says of it."""

    def __init__(self, client: Client, subscription: Any) -> None:
        self.client = client
        self.js = client.jetstream()
        self.subscription = subscription
        self.told: list[Fault] = []
        self.errors = Middleware(emitters=[self.told.append])
        self.deliveries: list[bytes] = []

    async def work(self, handle: Callable[[bytes], object], *, until: Callable[[], object], **options: Any) -> None:
        """Handle messages until something is the case."""
        options = {"policy": QUICK, **options}
        async with asyncio.timeout(120):
            while not until():
                try:
                    (msg,) = await self.subscription.fetch(1, timeout=0.2)
                except nats.errors.TimeoutError:
                    continue
                self.deliveries.append(msg.data)
                async with settle(self.errors, msg, **options):
                    handle(msg.data)

    async def left(self, count: int) -> bool:
        """Wait until so many messages are neither acknowledged nor given up: the server settles them in its own time."""
        async with asyncio.timeout(120):
            while (info := await self.subscription.consumer_info()).num_ack_pending + info.num_pending != count:  # noqa: ASYNC110 - only by asking
                await asyncio.sleep(0.05)
        return True

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(fault.outcome, fault.decision.why.partition(":")[0]) for fault in self.told if fault.decision]


@asynccontextmanager
async def working(server: NatsServer, *payloads: bytes, **consumer: Any) -> AsyncGenerator[Worker]:
    client = await nats.connect(server.url, user="app", password="app", allow_reconnect=False)  # noqa: S106 - of the tests
    js = client.jetstream()
    await js.add_stream(name="ORDERS", subjects=["orders"])
    subscription = await js.pull_subscribe("orders", durable="worker", config=ConsumerConfig(**consumer))
    for payload in payloads:
        await js.publish("orders", payload)
    try:
        yield Worker(client, subscription)
    finally:
        await client.close()


def fails(*exceptions: Exception) -> Callable[[bytes], None]:
    """Fail once with each, then work."""
    waiting = list(exceptions)

    def handle(_: bytes) -> None:
        if waiting:
            raise waiting.pop(0)

    return handle
