"""The example that keeps dead letters, on a real server: both advisories are provoked, and each message is copied once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest
from nats.js.api import ConsumerConfig

from errnorm import Middleware
from errnorm_adapters.nats import settle
from tests.adapters.nats.client.kit import Told, until
from tests.adapters.nats.messages.kit import QUICK

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from nats.aio.client import Client

    from tests.servers.nats import NatsServer

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "dead_letters.py"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("dead_letters_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def client(start_nats: Callable[..., NatsServer]) -> AsyncGenerator[Client]:
    client = await nats.connect(start_nats({}, jetstream=True).url)
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    yield client
    await client.close()


async def dead(client: Client, count: int) -> list[tuple[bytes, str, str, str]]:
    """Wait for so many copies, and return what is in them."""
    letters = await client.jetstream().subscribe("dead.ORDERS", ordered_consumer=True)
    found: list[tuple[bytes, str, str, str]] = []
    for _ in range(count):
        msg = await letters.next_msg(30)
        headers = msg.headers or {}
        found.append((msg.data, headers["Reason"], headers["Deliveries"], headers["Consumer"]))
    with pytest.raises(nats.errors.TimeoutError):
        await letters.next_msg(0.5)
    return sorted(found)


async def test_a_message_that_is_terminated_and_one_that_used_up_its_deliveries_are_kept(client: Client) -> None:
    told = Told()
    errors = Middleware(emitters=[told])
    stream = client.jetstream()
    await example().keep_dead_letters(errors, stream, "ORDERS")
    config = ConsumerConfig(ack_wait=0.2, max_deliver=2)
    subscription = await stream.pull_subscribe("orders", durable="worker", config=config)
    for body in (b"good", b"poison", b"abandoned"):
        await stream.publish("orders", body)
    deliveries: list[bytes] = []

    async def work() -> None:
        try:
            (msg,) = await subscription.fetch(1, timeout=0.5)
        except nats.errors.TimeoutError:
            return
        deliveries.append(msg.data)
        if msg.data == b"abandoned":
            return  # its worker dies: nobody settles it
        async with settle(errors, msg, poison=(ValueError,), policy=QUICK):
            if msg.data == b"poison":
                raise ValueError

    while len(deliveries) < 4:
        await work()
    await work()  # the server gives up when the message would be delivered once more
    assert await dead(client, 2) == [
        (b"abandoned", "it used up its deliveries", "2", "worker"),
        (b"poison", "ValueError: the message is bad", "1", "worker"),
    ]
    await until(lambda: [fault.outcome for fault in told] == ["failed"])


async def test_a_letter_that_was_purged_is_let_go(client: Client) -> None:
    told = Told()
    errors = Middleware(emitters=[told])
    stream = client.jetstream()
    subscription = await stream.pull_subscribe("orders", durable="worker")
    await example().keep_dead_letters(errors, stream, "ORDERS")
    await stream.publish("orders", b"poison")
    (msg,) = await subscription.fetch(1)
    await stream.purge_stream("ORDERS")
    await msg.term()
    assert await dead(client, 0) == []
    assert told == []
