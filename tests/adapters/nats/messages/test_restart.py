"""A server that restarts while messages are handled: nothing is lost, and nothing that failed is acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest
from nats.js.api import ConsumerConfig

from errnorm import Middleware
from errnorm_adapters.nats import attach, settle
from tests.adapters.nats.client.kit import Told
from tests.adapters.nats.messages.kit import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.nats import NatsServer

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
COUNT = 20
ACK_WAIT = 2.0


async def test_a_restart_in_the_middle_loses_no_message_and_acknowledges_none_that_failed(
    start_nats: Callable[..., NatsServer],
) -> None:
    server = start_nats({}, jetstream=True)
    told = Told()
    errors = Middleware(emitters=[told])
    client = await nats.connect(server.url, reconnect_time_wait=0.1, max_reconnect_attempts=-1, **attach(errors).callbacks)
    stream = client.jetstream()
    await stream.add_stream(name="ORDERS", subjects=["orders"])
    for number in range(COUNT):
        await stream.publish("orders", str(number).encode())
    config = ConsumerConfig(ack_wait=ACK_WAIT, max_ack_pending=COUNT)
    subscription = await stream.pull_subscribe("orders", durable="worker", config=config)
    deliveries: Counter[str] = Counter()
    done: Counter[str] = Counter()

    async def handle(body: str) -> None:
        deliveries[body] += 1
        if deliveries.total() == COUNT // 2:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        if deliveries[body] == 1 and int(body) % 3 == 0:
            raise ConnectionRefusedError(111, "the database")
        done[body] += 1

    async with asyncio.timeout(120):
        while len(done) < COUNT:
            for msg in await fetched(subscription):
                async with settle(errors, msg, policy=QUICK):
                    await handle(msg.data.decode())
        await settled_all(stream)
    assert set(done) == {str(number) for number in range(COUNT)}
    assert all(done[body] >= 1 for body in done)
    # A message that was in the hands of the client while the server was away is delivered once more, and no message often.
    assert max(deliveries.values()) <= 4
    assert all(deliveries[str(number)] >= 2 for number in range(0, COUNT, 3))
    outcomes = Counter(fault.outcome for fault in told if fault.operation == "process")
    assert set(outcomes) <= {"retried", "failed"}
    assert outcomes["retried"] + outcomes["failed"] == len(range(0, COUNT, 3))
    await client.close()


async def fetched(subscription: Any) -> list[Any]:
    try:
        messages: list[Any] = await subscription.fetch(3, timeout=1)
    except (nats.errors.Error, OSError):  # the server is away, or there is nothing: ask again
        await asyncio.sleep(0.1)
        return []
    return messages


async def settled_all(stream: Any) -> None:
    """Wait until the server has no message of the consumer left: every one was acknowledged."""
    while (info := await stream.consumer_info("ORDERS", "worker")).num_ack_pending + info.num_pending:  # noqa: ASYNC110 - only by asking
        await asyncio.sleep(0.1)
    assert info.ack_floor.stream_seq == COUNT
