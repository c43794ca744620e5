"""Sessions of nats-py that somebody else decides about: how they end is handed over, and told by nobody here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import nats
import pytest

import errnorm
from errnorm import Reason, RetryPolicy, StoppedError
from errnorm_adapters.nats import attach
from tests.adapters.nats.client.kit import ANN, USERS, WRONG, until

if TYPE_CHECKING:
    from nats.aio.client import Client

    from errnorm import Middleware
    from tests.adapters.nats.client.kit import StartNats, Told

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


async def test_the_end_of_a_session_is_returned_and_not_told(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({"max_subscriptions": 1})
    session = attach(errors, supervised=True)
    client = await nats.connect(server.url, **session.callbacks)
    await client.subscribe("a")
    await client.subscribe("b")
    async with asyncio.timeout(120):
        end = await session.ended()
    assert errors.normalize(end, "nats").reason is Reason.LIMITS_SUBSCRIPTIONS
    assert client.is_closed
    assert told == []


async def test_a_server_that_is_killed_ends_the_session_and_the_client_does_not_reconnect(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({})
    session = attach(errors, supervised=True)
    client = await nats.connect(server.url, **session.callbacks)
    server.kill()
    async with asyncio.timeout(120):
        end = await session.ended()
    assert errors.normalize(end, "nats").reason is Reason.TRANSPORT_LOST
    await until(lambda: client.is_closed)
    assert told == []


async def test_who_closes_a_session_gets_nothing(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    session = attach(errors, supervised=True)
    client = await nats.connect(start_nats({}).url, **session.callbacks)
    await client.close()
    async with asyncio.timeout(120):
        assert await session.ended() is None
    assert told == []


async def test_what_a_session_survives_is_told_here(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    session = attach(errors, supervised=True)
    client = await nats.connect(start_nats({"authorization": USERS}).url, **session.callbacks, **ANN)
    await client.publish("closed.door", b"")
    await client.flush()
    await until(lambda: told)
    assert told.rows() == [("auth.forbidden", "serve", "nothing", False)]
    await client.close()


async def test_a_server_that_is_not_there_is_one_failure(start_nats: StartNats, errors: Middleware, told: Told) -> None:
    server = start_nats({})
    server.stop()
    with pytest.raises(ConnectionRefusedError) as caught:
        async with errors.guard("nats", operation="connect"):
            await nats.connect(server.url, **attach(errors, supervised=True).callbacks, reconnect_time_wait=0.1)
    assert errnorm.normalize(caught.value).reason is Reason.TRANSPORT_REFUSED
    assert told == []  # it is the supervisor's to report


async def test_refused_credentials_stop_the_supervisor_after_two_logins(
    start_nats: StartNats, errors: Middleware, told: Told
) -> None:
    server = start_nats({"authorization": USERS})

    async def connect() -> Client:
        return await nats.connect(server.url, **attach(errors, supervised=True).callbacks, **WRONG)

    async def serve(_: Client) -> None:
        """Never get here."""

    hurried = RetryPolicy(attempts=None, base=0.01, cap=0.05, spread=0.01)
    with pytest.raises(StoppedError) as caught:
        await errnorm.supervise(connect, serve, protocol="nats", middleware=errors, policy=hurried)
    assert caught.value.error.reason is Reason.AUTH_REJECTED
    assert server.log().count("authentication error") == 2
    assert told.reasons() == [Reason.AUTH_REJECTED] * 2
