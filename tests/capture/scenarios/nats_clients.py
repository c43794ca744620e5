"""The exceptions that nats-py raises, and those that it passes to its callbacks."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Any

import nats

from tests.capture.recording import Seen, after, exception_form
from tests.capture.scenarios.nats_seeing import configured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from nats.aio.client import Client

    from tests.servers.nats import NatsServer

ALICE = {"user": "alice", "password": "secret"}
LIMITED = {
    "max_payload": 1000,
    "authorization": {"users": [{**ALICE, "permissions": {"publish": {"deny": ["closed.>"]}}}]},
}
limited = configured(LIMITED)
streams = configured({}, jetstream=True)


async def _nothing(_: object = None) -> None:
    """Do nothing."""


async def _slow(_: object) -> None:
    await asyncio.sleep(1)


def exceptions(errors: list[BaseException]) -> Iterator[Seen]:
    """Yield the exceptions of the client unchanged."""
    for error in errors:
        yield Seen("nats", "exception", exception_form(error))


def meeting(*steps: Callable[[Client], Awaitable[object]], server: NatsServer, **options: Any) -> list[BaseException]:
    """Connect, take each step, and return the exceptions of the steps, those of the callback, and the client's last error."""

    async def meet() -> list[BaseException]:
        kept: list[BaseException] = []
        found: list[BaseException] = []

        async def keep(error: Exception) -> None:
            kept.append(error)

        options.setdefault("allow_reconnect", False)
        try:
            client = await nats.connect(server.url, error_cb=keep, connect_timeout=2, **options)
        except Exception as error:  # noqa: BLE001 - what is looked for
            return [error, *kept]
        for step in steps:
            try:
                await asyncio.wait_for(step(client), 10)
            except Exception as error:  # noqa: BLE001 - what is looked for
                found.append(error)
        await asyncio.sleep(0.2)
        last = [client.last_error] if client.last_error and client.last_error not in kept else []
        if not client.is_closed:
            await client.close()
        return [*found, *kept, *last]

    logging.disable(logging.CRITICAL)
    try:
        return asyncio.run(meet())
    finally:
        logging.disable(logging.NOTSET)


@after("Authorization Violation", limited, by="nats-py")
def wrong_password(server: NatsServer) -> Iterator[Seen]:
    yield from exceptions(meeting(server=server, user="alice", password="wrong"))  # noqa: S106 - wrong on purpose


@after("nats.errors.NoServersError", limited, by="nats-py")
def wrong_password_with_reconnects(server: NatsServer) -> Iterator[Seen]:
    options = {"allow_reconnect": True, "max_reconnect_attempts": 1, "reconnect_time_wait": 0.1}
    yield from exceptions(meeting(server=server, user="alice", password="wrong", **options)[:1])  # noqa: S106 - the same


@after("Permissions Violation for Publish", limited, by="nats-py")
def publish_where_it_is_denied(server: NatsServer) -> Iterator[Seen]:
    yield from exceptions(meeting(lambda nc: nc.publish("closed.door", b"x"), lambda nc: nc.flush(), server=server, **ALICE))


@after("calls with wrong arguments", limited, by="nats-py", many=True)
def wrong_arguments(server: NatsServer) -> Iterator[Seen]:
    steps: list[Callable[[Client], Awaitable[object]]] = [
        lambda nc: nc.publish("a", b"x" * 5000),
        lambda nc: nc.publish(""),
        lambda nc: nc.subscribe("a..b"),
        lambda nc: nc.subscribe("a", queue="b c"),
        lambda nc: nc.request("nobody.home", b"", timeout=1),
        lambda nc: nc.flush(timeout=0),
        lambda nc: nc.subscribe("a", cb=print),  # type: ignore[arg-type]
    ]
    yield from exceptions(meeting(*steps, server=server, **ALICE))


@after("nats.errors.TimeoutError", limited, by="nats-py")
def nobody_answers(server: NatsServer) -> Iterator[Seen]:
    async def ask(nc: Client) -> None:
        await nc.subscribe("deaf", cb=_nothing)
        await nc.request("deaf", b"", timeout=0.2)

    async def wait(nc: Client) -> None:
        await (await nc.subscribe("quiet")).next_msg(timeout=0.1)

    yield from exceptions(meeting(ask, wait, server=server, **ALICE))


@after("nats.errors.ConnectionClosedError", limited, by="nats-py")
def used_after_closing(server: NatsServer) -> Iterator[Seen]:
    async def close(nc: Client) -> None:
        await nc.close()

    async def read_on(nc: Client) -> None:
        await nc.publish("a", b"x")

    yield from exceptions(meeting(close, read_on, server=server, **ALICE))


@after("nats.errors.SlowConsumerError", limited, by="nats-py")
def a_handler_too_slow(server: NatsServer) -> Iterator[Seen]:
    async def flood(nc: Client) -> None:
        await nc.subscribe("flood", cb=_slow, pending_msgs_limit=1)
        for _ in range(20):
            await nc.publish("flood", b"x")
        await nc.flush()

    # The exception also holds the subscription; what differs between its runs is only that.
    yield from exceptions(meeting(flood, server=server, **ALICE)[:1])


@after("maximum subscriptions exceeded", configured({"max_subscriptions": 1}), by="nats-py")
def one_subscription_too_many(server: NatsServer) -> Iterator[Seen]:
    async def subscribe(nc: Client) -> None:
        await nc.subscribe("a")
        await nc.subscribe("b")
        await nc.flush()

    yield from exceptions(meeting(subscribe, server=server))


@after("nats.errors.UnexpectedEOF", configured({}), by="nats-py")
def the_server_stops(server: NatsServer) -> Iterator[Seen]:
    async def stop(_: Client) -> None:
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(0.3)

    yield from exceptions(meeting(stop, server=server)[:1])


@after("nats.errors.AuthorizationError", configured({"authorization": {"token": "one"}}), by="nats-py")
def token_changed(server: NatsServer) -> Iterator[Seen]:
    async def change(_: Client) -> None:
        await asyncio.to_thread(server.reload, {"authorization": {"token": "two"}})
        await asyncio.sleep(0.5)

    yield from exceptions(meeting(change, server=server, token="one"))  # noqa: S106 - of the test


@after("nats.aio.errors.ErrStaleConnection", configured({}), by="nats-py")
def a_server_that_hangs(server: NatsServer) -> Iterator[Seen]:
    async def hang(_: Client) -> None:
        server.signal(signal.SIGSTOP)
        await asyncio.sleep(1)
        server.signal(signal.SIGCONT)

    yield from exceptions(meeting(hang, server=server, ping_interval=0.1, max_outstanding_pings=1)[:1])


@after("JetStream calls", streams, by="nats-py", many=True)
def jetstream_calls(server: NatsServer) -> Iterator[Seen]:
    async def made(nc: Client) -> None:
        js = nc.jetstream()
        await js.add_stream(name="C", subjects=["C.>"])
        await js.create_key_value(bucket="box")
        await js.create_object_store(bucket="store")

    async def put_twice(nc: Client) -> None:
        box = await nc.jetstream().key_value("box")
        await box.put("key", b"1")
        await box.update("key", b"2", last=77)

    async def deleted(nc: Client) -> None:
        box = await nc.jetstream().key_value("box")
        await box.put("gone", b"1")
        await box.delete("gone")
        await box.get("gone")

    async def no_key(nc: Client) -> None:
        await (await nc.jetstream().key_value("box")).get("none")

    async def bad_key(nc: Client) -> None:
        await (await nc.jetstream().key_value("box")).put("a b", b"")

    async def no_keys(nc: Client) -> None:
        js = nc.jetstream()
        await (await js.create_key_value(bucket="empty")).keys()

    async def no_object(nc: Client) -> None:
        await (await nc.jetstream().object_store("store")).get("none")

    async def fetch(nc: Client) -> None:
        await (await nc.jetstream().pull_subscribe("C.x", "puller")).fetch(1, timeout=0.3)

    steps: list[Callable[[Client], Awaitable[object]]] = [
        made,
        lambda nc: nc.jetstream().stream_info("none"),
        lambda nc: nc.jetstream().consumer_info("C", "none"),
        lambda nc: nc.jetstream().add_stream(name="C", subjects=["D.>"], num_replicas=3),
        lambda nc: nc.jetstream().add_stream(name="a.b"),
        lambda nc: nc.jetstream().add_stream(name="E", subjects=["C.x"]),
        lambda nc: nc.jetstream().get_msg("C", 99),
        lambda nc: nc.jetstream().publish("nobody.home", b"", timeout=1),
        lambda nc: nc.jetstream().publish("C.x", b"", stream="Z"),
        lambda nc: nc.jetstream().key_value("none"),
        lambda nc: nc.jetstream().create_key_value(bucket="a b"),
        lambda nc: nc.jetstream().create_key_value(bucket="long", history=99),
        lambda nc: nc.jetstream().object_store("none"),
        lambda nc: nc.jetstream().subscribe("none.at.all"),
        put_twice,
        deleted,
        no_key,
        bad_key,
        no_keys,
        no_object,
        fetch,
    ]
    yield from exceptions(meeting(*steps, server=server))


@after("nats.js.errors.ServiceUnavailableError", configured({}), by="nats-py")
def no_jetstream(server: NatsServer) -> Iterator[Seen]:
    yield from exceptions(meeting(lambda nc: nc.jetstream().account_info(), server=server))
