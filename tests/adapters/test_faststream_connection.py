"""A broker of FastStream on a real server that goes away, is full, or forgets a user; and messages that fail for four seconds."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.js.api import ConsumerConfig

import errnorm_adapters.nats
from errnorm import Middleware
from errnorm.emitters.otel import span
from errnorm.session import Status
from errnorm.settings import Settings
from errnorm_adapters import faststream
from tests.adapters.nats.client.kit import Told, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from nats.js import JetStreamContext

    from tests.servers.nats import NatsServer

# nats-py's task that reconnects dies of what FastStream raises in it, and nobody asks it why.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
USERS = {"authorization": {"users": [{"user": "shop", "password": "good"}]}}


class Shop:
    """A broker with one subscriber, and its session."""

    def __init__(self, url: str, *, abort: bool = False, poison: tuple[type[Exception], ...] = ()) -> None:
        self.told = Told()
        self.errors = Middleware(emitters=[self.told])
        self.session = errnorm_adapters.nats.attach(self.errors, abort=abort)
        callbacks = faststream.callbacks(self.session)
        self.broker = NatsBroker(url, logger=None, reconnect_time_wait=0, max_reconnect_attempts=-1, **callbacks)
        self.broker.add_middleware(faststream.middleware(self.errors, poison=poison))
        self.heard: list[str] = []

    def status(self) -> Status:
        return self.session.health().status


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncGenerator[Shop]:
    shop = Shop(url, **options)

    @shop.broker.subscriber("orders")
    async def on_order(body: str) -> None:
        shop.heard.append(body)

    await shop.broker.start()
    try:
        yield shop
    finally:
        if shop.broker._connection is not None and shop.broker._connection.is_connected:
            await shop.broker.stop()


async def test_a_broker_that_has_met_with_nothing_is_up(start_nats: Callable[..., NatsServer]) -> None:
    async with opened(start_nats({}).url) as shop:
        assert shop.status() is Status.UP
        assert shop.told == []


async def test_a_restart_is_told_as_one_outage_and_the_broker_works_again(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({})
    async with opened(server.url) as shop:
        await asyncio.to_thread(server.kill)
        await until(lambda: len(shop.told) > 1)
        assert shop.status() is Status.RECOVERING
        await asyncio.to_thread(server.start)
        await until(lambda: shop.status() is Status.UP)
        assert shop.told.rows()[0] == ("transport.lost", "serve", "reconnecting", True)
        assert {row[1:] for row in shop.told.rows()[1:]} == {("connect", "reconnecting", True)}
        await shop.broker.publish("again", "orders")
        await until(lambda: shop.heard == ["again"])
        assert len(shop.told.outages) == 1


async def full(server: NatsServer, shop: Shop) -> None:
    """Let the server come back with one place, which somebody else has taken."""
    await asyncio.to_thread(server.kill)
    server._config = {"max_connections": 1}
    server.prepare()
    await until(lambda: shop.told)
    occupied = False
    while not occupied:
        await asyncio.to_thread(server.start)
        try:
            await nats.connect(server.url, allow_reconnect=False, connect_timeout=1)
            occupied = True
        except (nats.errors.Error, OSError):  # the broker was faster
            await asyncio.to_thread(server.kill)


async def test_a_full_server_leaves_the_broker_hopeless_and_health_says_so(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({})
    async with opened(server.url) as shop:
        await full(server, shop)
        await until(lambda: shop.status() is Status.HOPELESS)
        health = shop.session.health()
        assert health.error is not None
        assert str(health.error.reason) == "limits.connections"
        # Without a word from the session, this is what an application could ask, and it says nothing.
        client: Any = shop.broker._connection
        assert (client.is_connected, client.is_reconnecting, client.is_closed) == (False, False, False)


async def test_a_session_that_may_abort_ends_where_the_broker_cannot_go_on(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({})
    async with opened(server.url, abort=True) as shop:
        await full(server, shop)
        async with asyncio.timeout(30):
            await shop.session.ended()
        assert shop.broker._connection is not None
        await until(lambda: shop.broker._connection is not None and shop.broker._connection.is_closed)


async def test_a_user_that_is_removed_leaves_the_broker_hopeless(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats(USERS)
    url = f"nats://shop:good@localhost:{server.port}"
    async with opened(url) as shop:
        await asyncio.to_thread(server.reload, {"authorization": {"users": [{"user": "other", "password": "good"}]}})
        await until(lambda: shop.status() is Status.HOPELESS)
        health = shop.session.health()
        assert health.error is not None
        assert str(health.error.reason) == "auth.rejected"


@pytest.mark.slow
async def test_two_messages_that_fail_are_delivered_a_few_times_in_four_seconds(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({}, jetstream=True)
    client = await nats.connect(server.url)
    stream = client.jetstream()
    await stream.add_stream(name="ORDERS", subjects=["orders"])
    acknowledged: list[bytes] = []

    async def heard(msg: Any) -> None:
        acknowledged.append(msg.data)

    await client.subscribe("$JS.ACK.>", cb=heard)
    await client.flush()
    deliveries: Counter[str] = Counter()
    shop = Shop(server.url, poison=(ValueError,))
    orders = JStream(name="ORDERS", subjects=["orders"], declare=False)

    @shop.broker.subscriber("orders", stream=orders, durable="worker", pull_sub=PullSub(), ack_policy=AckPolicy.NACK_ON_ERROR)
    async def on_order(body: str) -> None:
        deliveries[body] += 1
        raise (ValueError if body == "poison" else TimeoutError)(body)

    async with shop.broker:
        await shop.broker.start()
        for body in ("a", "b", "poison"):
            await shop.broker.publish(body, "orders", stream="ORDERS")
        await until(lambda: deliveries["a"] and deliveries["b"] and deliveries["poison"])
        await asyncio.sleep(4)
    assert deliveries["poison"] == 1
    assert max(deliveries["a"], deliveries["b"]) <= 8
    assert {ack.split()[0] for ack in acknowledged} == {b"-NAK", b"+TERM"}
    info = await stream.consumer_info("ORDERS", "worker")
    assert info.num_ack_pending == 2
    await client.close()


async def test_a_restart_in_the_middle_loses_no_message_and_acknowledges_none_that_failed(
    start_nats: Callable[..., NatsServer],
) -> None:
    server = start_nats({}, jetstream=True)
    shop = Shop(server.url)
    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0)
    stream = client.jetstream()
    await stream.add_stream(name="ORDERS", subjects=["orders"])
    deliveries: Counter[str] = Counter()
    done: Counter[str] = Counter()
    orders = JStream(name="ORDERS", subjects=["orders"], declare=False)
    config = ConsumerConfig(ack_wait=2)

    @shop.broker.subscriber("orders", stream=orders, durable="worker", pull_sub=PullSub(), config=config)
    async def on_order(body: str) -> None:
        deliveries[body] += 1
        if deliveries.total() == 5:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        if deliveries[body] == 1 and body in {"a", "d", "e"}:
            raise ConnectionRefusedError(111, "the database")
        done[body] += 1

    await shop.broker.start()
    for body in "abcdef":
        await stream.publish("orders", body.encode())
    async with asyncio.timeout(120):
        while set(done) != set("abcdef") or await left(stream):  # noqa: ASYNC110 - only by asking
            await asyncio.sleep(0.1)
    assert max(deliveries.values()) <= 4
    assert all(deliveries[body] >= 2 for body in "ade")
    assert shop.status() is Status.UP
    await shop.broker.stop()
    await client.close()


async def left(stream: JetStreamContext) -> int:
    """Return how many messages are neither acknowledged nor given up; one too many while the server is away."""
    try:
        info = await stream.consumer_info("ORDERS", "worker")
    except (nats.errors.Error, OSError):
        return 1
    return int((info.num_ack_pending or 0) + (info.num_pending or 0))


async def test_the_span_of_the_telemetry_middleware_has_the_class(start_nats: Callable[..., NatsServer]) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the SDK of OpenTelemetry is not installed")
    from faststream.nats.opentelemetry import NatsTelemetryMiddleware  # noqa: PLC0415 - needs the SDK
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    server = start_nats({}, jetstream=True)
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders"])
    await client.close()
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    told = Told()
    errors = Middleware(emitters=[told, span.emitter(Settings())])
    session = errnorm_adapters.nats.attach(errors)
    broker = NatsBroker(server.url, logger=None, **faststream.callbacks(session))
    broker.add_middleware(NatsTelemetryMiddleware(tracer_provider=provider))
    broker.add_middleware(faststream.middleware(errors, poison=(ValueError,)))
    orders = JStream(name="ORDERS", subjects=["orders"], declare=False)

    @broker.subscriber("orders", stream=orders, durable="worker", pull_sub=PullSub())
    async def on_order(body: str) -> None:
        raise nats.errors.MaxPayloadError(body)

    async with broker:
        await broker.start()
        await broker.publish("a", "orders")
        await until(lambda: told)
        await until(lambda: any((one.attributes or {}).get("error.type") for one in exporter.get_finished_spans()))
    (found,) = [one for one in exporter.get_finished_spans() if (one.attributes or {}).get("error.type")]
    assert found.attributes is not None
    assert found.attributes["error.type"] == "limits.size"
    provider.shutdown()
