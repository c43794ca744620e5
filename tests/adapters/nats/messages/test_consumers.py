"""Every kind of consumer: what is acknowledged, counted on a real server, and what the metrics say of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from errnorm import Middleware
from errnorm.emitters.counts import Ledger
from errnorm.emitters.otel import metric
from errnorm_adapters.nats import settle, settled
from tests.adapters.nats.client.kit import Told, until
from tests.adapters.nats.messages.kit import QUICK, fails

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from nats.aio.client import Client

    from tests.servers.nats import NatsServer


class Place:
    """A client with a stream of three messages, everything that was sent to acknowledge them, and what was counted."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.js = client.jetstream()
        self.acks: list[bytes] = []
        self.told = Told()
        self.ledger = Ledger()
        self.errors = Middleware(emitters=[self.told, metric.emitter(self.ledger)])

    async def heard(self, msg: Any) -> None:
        self.acks.append(msg.data)

    @property
    def settlements(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for names, count in self.ledger.settlements.read():
            found[str(names["errnorm.settlement"])] += count
        return found


@pytest.fixture
async def place(start_nats: Callable[..., NatsServer]) -> AsyncGenerator[Place]:
    async with opened(start_nats({}, jetstream=True)) as place:
        yield place


@asynccontextmanager
async def opened(server: NatsServer) -> AsyncGenerator[Place]:
    client, watcher = await nats.connect(server.url), await nats.connect(server.url)
    place = Place(client)
    await place.js.add_stream(name="ORDERS", subjects=["orders"])
    for payload in (b"a", b"b", b"c"):
        await place.js.publish("orders", payload)
    await watcher.subscribe("$JS.ACK.>", cb=place.heard)
    await watcher.flush()
    yield place
    await client.close()
    await watcher.close()


async def test_a_push_consumer_is_settled_in_its_callback(place: Place) -> None:
    handle = fails(TimeoutError(), ValueError())

    @settled(place.errors, poison=(ValueError,), policy=QUICK)
    async def on_order(msg: Any) -> None:
        handle(msg.data)

    await place.js.subscribe("orders", durable="pushed", cb=on_order, manual_ack=True)
    await until(lambda: sum(place.settlements.values()) == 4)
    assert place.settlements == {"nak": 1, "term": 1, "ack": 2}
    await until(lambda: len(place.acks) == 4)
    assert sorted(ack.split()[0] for ack in place.acks if ack) == [b"+TERM", b"-NAK"]


async def test_what_nats_py_acknowledges_by_itself_changes_nothing(place: Place) -> None:
    handle = fails(TimeoutError())

    @settled(place.errors, policy=QUICK)
    async def on_order(msg: Any) -> None:
        handle(msg.data)

    await place.js.subscribe("orders", durable="pushed", cb=on_order)
    await until(lambda: sum(place.settlements.values()) == 4)
    assert place.settlements == {"nak": 1, "ack": 3}
    await until(lambda: len(place.acks) == 4)


async def test_an_ordered_consumer_never_acknowledges_and_raises_what_failed(place: Place) -> None:
    subscription = await place.js.subscribe("orders", ordered_consumer=True)
    async with settle(place.errors, await subscription.next_msg(10), progress=0.01):
        await asyncio.sleep(0.1)
    msg = await subscription.next_msg(10)
    for failure in (TimeoutError(), ValueError(), nats.errors.ConnectionClosedError()):
        with pytest.raises(type(failure)):
            async with settle(place.errors, msg, poison=(ValueError,)):
                raise failure
    await place.client.flush()
    assert place.acks == []
    assert place.settlements == {"leave": 4}
    assert [fault.outcome for fault in place.told] == ["failed"] * 3


async def test_a_consumer_that_takes_no_acknowledgements_can_be_said_to_be_one(place: Place) -> None:
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    subscription = await place.js.subscribe("orders", durable="loud", config=config, manual_ack=True)
    async with settle(place.errors, await subscription.next_msg(10), acks=False):
        pass
    await place.client.flush()
    assert place.acks == []


async def test_an_entry_of_a_bucket_is_no_message(place: Place) -> None:
    bucket = await place.js.create_key_value(bucket="prices")
    await bucket.put("apple", b"3")
    watcher: Any = await bucket.watchall()
    entry = await watcher.updates()
    with pytest.raises(TypeError, match="JetStream"):
        settle(place.errors, entry)
    await watcher.stop()


async def test_a_callback_that_breaks_the_consumer_stops_it(place: Place) -> None:
    deliveries: list[bytes] = []
    stopped = asyncio.Event()

    async def stop(_: Exception) -> None:
        await subscription.unsubscribe()
        stopped.set()

    @settled(place.errors, stop=stop)
    async def on_order(msg: Any) -> None:
        await asyncio.sleep(0)  # nats-py ends a subscription where its callback waits
        deliveries.append(msg.data)
        message = 'nats: permissions violation for publish to "out"'
        raise nats.errors.Error(message)

    subscription = await place.js.subscribe("orders", durable="pushed", cb=on_order, manual_ack=True)
    await asyncio.wait_for(stopped.wait(), 30)
    await place.client.flush()
    assert deliveries == [b"a"]
    assert place.acks == []
    assert (await place.js.consumer_info("ORDERS", "pushed")).num_ack_pending == 3
    assert [(fault.outcome, str(fault.error.reason), fault.attempt, fault.peer) for fault in place.told] == [
        ("failed", "auth.forbidden", 1, "ORDERS/pushed")
    ]


async def test_progress_goes_on_after_it_could_not_be_said_once_and_ends_with_the_handler(place: Place) -> None:
    subscription = await place.js.pull_subscribe("orders", durable="worker")
    msg: Any = (await subscription.fetch(1))[0]
    said = msg.in_progress
    tries: list[int] = []

    async def in_progress() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise nats.errors.OutboundBufferLimitError
        await said()

    msg.in_progress = in_progress
    handler = asyncio.create_task(handled(place, msg))
    await until(lambda: place.acks.count(b"+WPI") >= 2)
    handler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handler
    count = len(tries)
    await asyncio.sleep(0.2)
    assert len(tries) == count
    assert set(place.acks) == {b"+WPI"}


async def handled(place: Place, msg: Any) -> None:
    async with settle(place.errors, msg, progress=0.01):
        await asyncio.Event().wait()
