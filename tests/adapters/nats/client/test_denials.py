"""Time-outs of nats-py on a real server: what was really behind them, told once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from typing import TYPE_CHECKING, Any

import nats.errors
import pytest

import errnorm
from errnorm import Reason
from errnorm_adapters.nats import attach
from tests.adapters.nats.client.kit import ANN, DEAF, USERS, Told, connected, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client

    from errnorm import Middleware
    from tests.adapters.nats.client.kit import StartNats

TOLD = [("auth.forbidden", "serve", "nothing", False)]


async def within(waiting: Awaitable[object]) -> object:
    async with asyncio.timeout(0.2):
        return await waiting


async def failed(errors: Middleware, waiting: Awaitable[object]) -> TimeoutError:
    """Return the time-out that left a guard."""
    with pytest.raises(TimeoutError) as caught:
        async with errors.guard("nats", operation="ask", idempotent=True):
            await waiting
    return caught.value


ASKED: dict[str, Callable[[Client], Awaitable[object]]] = {
    "a request": lambda client: client.request("Closed.door", b"", timeout=0.2),
    "a request of the old style": lambda client: client.request("Closed.door", b"", timeout=0.2, old_style=True),
    "a publish to a stream": lambda client: client.jetstream().publish("Closed.door", b"", timeout=0.2),
    "a question about a stream": lambda client: client.jsm(timeout=0.2).stream_info("S"),
    "a request that somebody else cut short": lambda client: asyncio.wait_for(client.request("Closed.door", b"", timeout=5), 0.2),
    "a request in a block with a time-out": lambda client: within(client.request("Closed.door", b"", timeout=5)),
}


@pytest.mark.parametrize("asked", ASKED)
async def test_who_may_not_ask_is_told_so_instead_of_a_time_out(
    asked: str, start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors, abort=True), **ANN)
    timeout = await failed(errors, ASKED[asked](client))
    error = errnorm.normalize(timeout)
    assert (error.reason, error.code) == (Reason.AUTH_FORBIDDEN, "Permissions Violation for Publish")
    assert not errnorm.is_retryable(timeout)
    assert errnorm.decide(timeout, idempotent=True).verdict == "abort"
    assert told.rows() == TOLD
    assert client.is_connected
    await client.close()
    assert len(told) == 1


async def test_each_refused_request_is_a_fault_and_each_is_told_once(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors), **ANN)
    await asyncio.gather(*[failed(errors, client.request("closed.door", b"", timeout=0.2)) for _ in range(3)])
    assert told.rows() == TOLD * 3
    await client.close()


async def waited(future: asyncio.Future[Any]) -> object:
    return await asyncio.wait_for(future, 0.3)


async def waited_in_a_block(future: asyncio.Future[Any]) -> object:
    async with asyncio.timeout(0.3):
        return await future


async def waited_with_others(future: asyncio.Future[Any]) -> object:
    return await asyncio.wait_for(asyncio.gather(future, asyncio.get_running_loop().create_future()), 0.3)


@pytest.mark.parametrize("wait", [waited, waited_in_a_block, waited_with_others])
async def test_an_acknowledgement_that_never_comes_is_the_denial_of_its_publish(
    wait: Callable[[asyncio.Future[Any]], Awaitable[object]], start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors), **ANN)
    stream = client.jetstream()
    for _ in range(2):
        timeout = await failed(errors, wait(await stream.publish_async("closed.door", b"")))
        assert errnorm.normalize(timeout).reason is Reason.AUTH_FORBIDDEN
    assert told.rows() == TOLD * 2
    await client.close()


async def test_one_denial_is_the_reason_of_one_acknowledgement_only(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors), **ANN)
    await client.subscribe("open.silent")
    stream = client.jetstream()
    futures = [await stream.publish_async(subject, b"") for subject in ("open.silent", "closed.door", "open.silent")]
    await asyncio.gather(*[failed(errors, waited(future)) for future in futures])
    assert sorted(told.reasons()) == [Reason.AUTH_FORBIDDEN, Reason.TRANSPORT_TIMEOUT, Reason.TRANSPORT_TIMEOUT]
    told.clear()
    await client.publish("closed.door", b"")
    await until(lambda: told)
    told.clear()
    await failed(errors, waited(await stream.publish_async("open.silent", b"")))
    assert told.reasons() == [Reason.TRANSPORT_TIMEOUT]
    await client.close()


async def test_a_request_that_nobody_answers_stays_a_time_out_beside_a_denial(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors), **ANN)
    await client.subscribe("open.silent")
    await client.publish("closed.door", b"")
    timeout = await failed(errors, client.request("open.silent", b"", timeout=0.2))
    assert errnorm.normalize(timeout).reason is Reason.TRANSPORT_TIMEOUT
    assert told.reasons() == [Reason.AUTH_FORBIDDEN, Reason.TRANSPORT_TIMEOUT]
    await client.close()


async def test_a_denial_of_long_ago_is_not_behind_a_time_out_of_today(
    start_nats: StartNats, errors: Middleware, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_nats({"authorization": USERS})
    client = await connected(server.url, attach(errors), **ANN)
    await failed(errors, client.request("closed.door", b"", timeout=0.2))
    await asyncio.sleep(1.3)

    async def lost(*_: object, **__: object) -> None:
        """Send nothing."""

    monkeypatch.setattr(client, "publish", lost)
    await failed(errors, client.request("closed.door", b"", timeout=0.1))
    assert told.reasons() == [Reason.AUTH_FORBIDDEN, Reason.TRANSPORT_TIMEOUT]
    await client.close()


async def test_the_denial_of_one_client_is_not_behind_the_time_out_of_another(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({"authorization": USERS})
    ann = await connected(server.url, attach(errors), **ANN)
    deaf = await connected(server.url, attach(errors), **DEAF)
    await ann.subscribe("open.silent")
    await ann.flush()
    await deaf.subscribe("closed.door")
    await deaf.flush()
    timeout = await failed(errors, ann.request("open.silent", b"", timeout=0.2))
    assert errnorm.normalize(timeout).reason is Reason.TRANSPORT_TIMEOUT
    assert told.reasons() == [Reason.AUTH_FORBIDDEN, Reason.TRANSPORT_TIMEOUT]
    await ann.close()
    await deaf.close()


async def test_who_waits_on_a_refused_subscription_is_told_so_and_nobody_hears_of_it_twice(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors), **ANN)
    subscription = await client.subscribe("Closed.door", queue="workers")
    for _ in range(2):
        timeout = await failed(errors, subscription.next_msg(timeout=0.2))
        assert errnorm.normalize(timeout).code == "Permissions Violation for Subscription"
    assert told.rows() == TOLD
    await client.close()


async def test_who_may_not_hear_the_answers_is_told_so_at_each_request(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors), **DEAF)
    await client.subscribe("open.silent")
    first = await failed(errors, client.request("open.silent", b"", timeout=1))  # on a busy machine a refusal takes its time
    await asyncio.sleep(1.3)
    second = await failed(errors, client.request("open.silent", b"", timeout=0.2))
    assert {errnorm.normalize(one).code for one in (first, second)} == {"Permissions Violation for Subscription"}
    # The server refuses the client's one subscription for answers once: the second request is a fault that nobody told yet.
    assert told.rows() == [*TOLD, ("auth.forbidden", "ask", None, False)]
    await client.close()


async def test_what_wraps_such_a_time_out_is_the_same_fault(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await connected(start_nats({"authorization": USERS}).url, attach(errors), **ANN)
    with pytest.raises(RuntimeError) as caught:
        async with errors.guard("nats", operation="outer"):
            try:
                await client.request("closed.door", b"", timeout=0.2)
            except nats.errors.TimeoutError as timeout:
                message = "no price"
                raise RuntimeError(message) from timeout
    assert errnorm.normalize(caught.value).reason is Reason.AUTH_FORBIDDEN
    assert told.rows() == TOLD
    await client.close()


async def test_a_time_out_is_looked_into_once_whatever_number_of_clients_there_is(
    start_nats: StartNats, errors: Middleware
) -> None:
    sessions = [attach(errors) for _ in range(50)]
    client = await connected(start_nats({}).url, sessions[0])
    assert len(errors._resolvers) == 1
    await client.close()


async def test_a_client_that_is_gone_is_not_remembered(start_nats: StartNats, errors: Middleware) -> None:
    session = attach(errors)
    client = await connected(start_nats({}).url, session)
    await client.close()
    forgotten = weakref.ref(session)
    del client, session
    for _ in range(50):
        await asyncio.sleep(0.02)
        gc.collect()
        if forgotten() is None:
            break
    assert forgotten() is None


@pytest.mark.parametrize(("batch", "heartbeat"), [(1, None), (1, 0.1), (5, 0.1)])
async def test_a_fetch_whose_consumer_was_deleted_says_so(
    batch: int, heartbeat: float | None, start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({}, jetstream=True).url, attach(errors))
    stream = client.jetstream()
    await stream.add_stream(name="S", subjects=["s.>"])
    subscription = await stream.pull_subscribe("s.>", durable="D")
    fetching = asyncio.create_task(failed(errors, subscription.fetch(batch, timeout=1.6, heartbeat=heartbeat)))
    await asyncio.sleep(0.6)  # where there are heartbeats, nats-py raises only if it got one
    await stream.delete_consumer("S", "D")
    error = errnorm.normalize(await fetching)
    assert (error.reason, error.code) == (Reason.PROTOCOL_NOT_FOUND, "409 Consumer Deleted")
    assert told.rows() == [("protocol.not_found", "ask", None, False)]
    await client.close()


async def test_a_fetch_of_several_keeps_the_end_of_its_consumer_to_itself(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    # nats-py takes the 409 for the end of the batch and returns nothing at all: there is no exception to say more about. The
    # next fetch fails at once, since nobody listens where the consumer was.
    client = await connected(start_nats({}, jetstream=True).url, attach(errors))
    stream = client.jetstream()
    await stream.add_stream(name="S", subjects=["s.>"])
    subscription = await stream.pull_subscribe("s.>", durable="D")
    fetching = asyncio.create_task(subscription.fetch(5, timeout=1.0))
    await asyncio.sleep(0.3)
    await stream.delete_consumer("S", "D")
    assert await fetching == []
    assert told == []
    with pytest.raises(nats.errors.Error):
        async with errors.guard("nats", operation="fetch"):
            await subscription.fetch(1, timeout=1.0)
    assert told.rows() == [("transport.unavailable", "fetch", None, True)]
    await client.close()


async def polled(errors: Middleware, fetch: Callable[[], Awaitable[object]]) -> None:
    """Fetch under a guard, whether there is something or not."""
    with contextlib.suppress(TimeoutError):
        async with errors.guard("nats", operation="fetch"):
            await fetch()


@pytest.mark.parametrize("batch", [1, 10])
async def test_a_consumer_that_is_empty_is_not_a_fault(batch: int, start_nats: StartNats, errors: Middleware, told: Told) -> None:
    client = await connected(start_nats({}, jetstream=True).url, attach(errors))
    stream = client.jetstream()
    await stream.add_stream(name="S", subjects=["s.>"])
    subscription = await stream.pull_subscribe("s.>", durable="D")
    for _ in range(8):
        await polled(errors, lambda: subscription.fetch(batch, timeout=0.15))
    assert told == []
    await client.close()


async def test_a_consumer_that_nobody_answers_for_is_a_fault_from_the_second_poll_on(
    start_nats: StartNats, errors: Middleware, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connected(start_nats({}, jetstream=True).url, attach(errors))
    stream = client.jetstream()
    await stream.add_stream(name="S", subjects=["s.>"])
    subscription = await stream.pull_subscribe("s.>", durable="D")

    async def lost(*_: object, **__: object) -> None:
        """Send nothing."""

    monkeypatch.setattr(client, "publish", lost)
    for _ in range(3):
        await polled(errors, lambda: subscription.fetch(1, timeout=0.1))
    assert told.rows() == [("transport.timeout", "fetch", None, False)] * 2
    await client.close()


async def test_a_subscription_on_which_nothing_is_published_is_not_a_fault(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    client = await connected(start_nats({}).url, attach(errors))
    subscription = await client.subscribe("quiet")
    for _ in range(3):
        await polled(errors, lambda: subscription.next_msg(timeout=0.05))
    assert told == []
    await client.close()
