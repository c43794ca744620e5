"""A supervised service on a real server that is killed: however it serves, it lives on, and the loss is told once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import nats
import nats.errors
import pytest

import errnorm
import errnorm_adapters.nats
from errnorm import Reason, Recovery, RetryPolicy
from tests.adapters.nats.client.kit import ANN, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from errnorm import Middleware
    from errnorm_adapters.nats.client import NatsAttachment
    from tests.adapters.nats.client.kit import StartNats, Told

    Serve = Callable[[Client, Middleware], Awaitable[object]]

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

HURRIED = RetryPolicy(attempts=None, base=0.1, cap=0.2, spread=0.1)


async def iterates(client: Client, _: Middleware) -> None:
    async for _message in (await client.subscribe("orders")).messages:
        pass


async def waits_for_messages(client: Client, _: Middleware) -> None:
    subscription = await client.subscribe("orders")
    while True:
        try:
            await subscription.next_msg(timeout=0.2)
        except nats.errors.TimeoutError:
            continue


async def publishes(client: Client, _: Middleware) -> None:
    while True:
        await client.publish("orders", b"")
        await asyncio.sleep(0.01)


async def requests(client: Client, _: Middleware) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"")

    await client.subscribe("orders", cb=answer)
    while True:
        await client.request("orders", b"", timeout=0.3)
        await asyncio.sleep(0.01)


async def fetches_under_a_guard(client: Client, errors: Middleware) -> None:
    subscription = await client.jetstream().pull_subscribe("s.>", durable="D", stream="S")
    while True:
        try:
            async with errors.guard("nats", operation="fetch", idempotent=True):
                await subscription.fetch(10, timeout=0.2)
        except TimeoutError:  # an idle fetch of nats-py can also raise the built-in one
            continue


async def watches_a_bucket(client: Client, _: Middleware) -> None:
    watcher = await (await client.jetstream().create_key_value(bucket="B")).watchall()
    while True:  # before nats-py 2.14 an iteration ends once it has returned what was there
        async for _entry in watcher:
            pass


async def has_workers(client: Client, errors: Middleware) -> None:
    async with asyncio.TaskGroup() as workers:
        workers.create_task(publishes(client, errors))
        workers.create_task(iterates(client, errors))


@pytest.mark.parametrize(
    "serve",
    [iterates, waits_for_messages, publishes, requests, fetches_under_a_guard, watches_a_bucket, has_workers],
)
async def test_a_server_that_is_killed_does_not_end_the_service(
    serve: Serve, start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({}, jetstream=True)
    serving: list[Client] = []

    async def connect(attach: Callable[[], NatsAttachment]) -> Client:
        client = await nats.connect(server.url, reconnect_time_wait=0.1, **attach().callbacks)
        if serve is fetches_under_a_guard:
            await client.jetstream().add_stream(name="S", subjects=["s.>"])
        return client

    async def noted(client: Client) -> object:
        serving.append(client)
        return await serve(client, errors)

    attach = errnorm_adapters.nats.attach
    service = asyncio.create_task(errnorm.supervise(connect, noted, attach=attach, middleware=errors, policy=HURRIED))
    await until(lambda: serving)
    await asyncio.sleep(0.2)  # in the middle of it
    await asyncio.to_thread(server.kill)
    await until(lambda: serving[0].is_closed)
    await asyncio.to_thread(server.start)
    await until(lambda: len(serving) > 1)
    assert not service.done()
    assert not serving[0].is_connected
    lost = [fault for fault in told if fault.error.reason is Reason.TRANSPORT_LOST and fault.operation == "serve"]
    assert [fault.outcome for fault in lost] == ["retried"]
    assert {fault.operation for fault in told} <= {"serve", "connect"}
    assert len(told.outages) == 1
    service.cancel()
    with pytest.raises(asyncio.CancelledError):
        await service
    assert serving[-1].is_closed


async def test_a_server_that_was_dialled_in_vain_is_told_before_the_session_that_another_accepted_ends(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    refusing, good = start_nats({"authorization": {"users": [{"user": "ann", "password": "other"}]}}), start_nats({})

    async def connect(attach: Callable[[], NatsAttachment]) -> Client:
        servers = [refusing.url, good.url]
        return await nats.connect(servers, dont_randomize=True, **ANN, **attach().callbacks)

    async def serve(client: Client) -> None:
        assert client.is_connected
        assert told.rows() == [("auth.rejected", "connect", "reconnecting", True)]

    await errnorm.supervise(connect, serve, attach=errnorm_adapters.nats.attach, middleware=errors)
    assert len(told) == 1
    assert told.outages == []


@pytest.mark.parametrize("serve", [iterates, waits_for_messages, publishes])
async def test_a_session_that_is_attached_without_the_supervisor_is_watched_all_the_same(
    serve: Serve, start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    serving: list[Client] = []

    async def connect() -> Client:
        session = errnorm_adapters.nats.attach(errors, supervised=True)
        return await nats.connect(server.url, reconnect_time_wait=0.1, **session.callbacks)

    async def noted(client: Client) -> object:
        serving.append(client)
        return await serve(client, errors)

    service = asyncio.create_task(errnorm.supervise(connect, noted, protocol="nats", middleware=errors, policy=HURRIED))
    await until(lambda: serving)
    await asyncio.sleep(0.2)
    await asyncio.to_thread(server.kill)
    await until(lambda: serving[0].is_closed)
    await asyncio.to_thread(server.start)
    await until(lambda: len(serving) > 1)
    assert not service.done()
    lost = [fault for fault in told if fault.operation == "serve"]
    assert [(fault.error.reason, fault.outcome) for fault in lost] == [(Reason.TRANSPORT_LOST, "retried")]
    service.cancel()
    with pytest.raises(asyncio.CancelledError):
        await service


async def fetches_once(client: Client) -> object:
    return await (await client.jetstream().pull_subscribe("s.>", durable="D", stream="S")).fetch(1, timeout=0.1)


async def fetches_ten(client: Client) -> object:
    return await (await client.jetstream().pull_subscribe("s.>", durable="D", stream="S")).fetch(10, timeout=0.1)


async def waits_once(client: Client) -> object:
    return await (await client.subscribe("quiet")).next_msg(timeout=0.1)


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("receive", [fetches_once, fetches_ten, waits_once])
async def test_a_poll_that_found_nothing_and_ends_serve_opens_a_session_again_and_says_so_once(
    receive: Callable[[Client], Awaitable[object]],
    guarded: bool,
    start_nats: StartNats,
    errors: Middleware,
    told: Told,
) -> None:
    server = start_nats({}, jetstream=True)
    sessions: list[Client] = []

    async def connect(attach: Callable[[], NatsAttachment]) -> Client:
        client = await nats.connect(server.url, **attach().callbacks)
        await client.jetstream().add_stream(name="S", subjects=["s.>"])
        sessions.append(client)
        return client

    async def serve(client: Client) -> None:
        if len(sessions) == 3:
            return
        if guarded:
            async with errors.guard("nats", operation="fetch"):
                await receive(client)
        await receive(client)

    attach = errnorm_adapters.nats.attach
    await errnorm.supervise(connect, serve, attach=attach, middleware=errors, policy=HURRIED)
    assert told.rows() == [("transport.timeout", "serve", None, True)] * 2
    assert [fault.outcome for fault in told] == ["retried"] * 2
    assert [fault.decision.step for fault in told if fault.decision is not None] == [Recovery.RECONNECT] * 2
    assert all(client.is_closed for client in sessions)


async def test_a_rotation_of_credentials_heals_by_itself_and_the_old_ones_are_not_tried_a_third_time(
    start_nats: StartNats, errors: Middleware, told: Told, tmp_path: Path
) -> None:
    server = start_nats({"authorization": {"users": [{"user": "ann", "password": "new"}]}})
    file = tmp_path / "password"
    file.write_text("old")
    serving = asyncio.Event()

    async def connect(attach: Callable[[], NatsAttachment]) -> Client:
        return await nats.connect(server.url, user="ann", password=file.read_text(), **attach().callbacks)

    async def serve(_: Client) -> None:
        serving.set()

    async def rotate() -> None:
        await until(lambda: len(told) == 2)
        await asyncio.sleep(0.3)  # some looks at the file later
        file.write_text("new")

    rotating = asyncio.create_task(rotate())
    async with asyncio.timeout(120):
        await errnorm.supervise(
            connect,
            serve,
            attach=errnorm_adapters.nats.attach,
            middleware=errors,
            policy=HURRIED,
            credentials=file,
            credentials_every=0.05,
        )
    await rotating
    assert serving.is_set()
    assert server.log().count("authentication error") == 2
    assert [fault.outcome for fault in told] == ["retried", "retried"]
