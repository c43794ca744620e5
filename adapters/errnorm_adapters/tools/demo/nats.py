"""What goes wrong with NATS: six things that are made to happen between nats-py and a nats-server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from errnorm_adapters.tools.demo.servers import HOST, NatsServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client

    from errnorm_adapters.tools.demo.stage import Stage

__all__ = ["run"]


async def run(stage: Stage) -> None:
    """Show six errors of NATS on a stage."""
    async with NatsServer() as server:
        await _wrong_credentials(stage, server)
        back = asyncio.Event()
        connection = await _connected(stage, server, reconnected_cb=_setting(back))
        try:
            await _forbidden(stage, connection)
            await _too_large(stage, connection)
            await _nobody_answers(stage, connection)
            await _away_and_back(stage, server, connection, back)
        finally:
            await connection.close()
        await _stale(stage, server)


async def _connected(stage: Stage, server: NatsServer, **options: Any) -> Client:  # noqa: ANN401 - what nats-py takes
    import nats  # noqa: PLC0415 - installed only for the demonstration

    async def error_cb(error: Exception) -> None:
        # nats-py calls this and goes on: what came here was raised to nobody.
        stage.errors.report(error, "nats", operation="connection", client="goes on", idempotent=True)

    settings: dict[str, Any] = {"user": "demo", "password": "secret", "connect_timeout": 2, "reconnect_time_wait": 0.2}
    return await nats.connect(f"nats://{HOST}:{server.port}", error_cb=error_cb, **(settings | options))


def _setting(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def callback() -> None:
        event.set()

    return callback


async def _wrong_credentials(stage: Stage, server: NatsServer) -> None:
    said: object = None
    with suppress(Exception):
        async with stage.errors.guard("nats", operation="connect", idempotent=True):
            try:
                await _connected(stage, server, password="wrong", allow_reconnect=False)  # noqa: S106 - it is meant to be wrong
            except Exception as error:
                said = error
                raise
    stage.close("log in with a wrong password", ["auth.rejected"], said)


async def _forbidden(stage: Stage, connection: Client) -> None:
    await connection.publish("private.letters", b"hello")
    await connection.flush()
    fault = await stage.caught()
    stage.close("publish where that is not allowed", ["auth.forbidden"], fault.exception)


async def _too_large(stage: Stage, connection: Client) -> None:
    said: object = None
    try:
        async with stage.errors.guard("nats", operation="publish"):
            await connection.publish("letters", b"." * 2048)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
        said = error
    stage.close("publish more than the server takes", ["limits.size"], said)


async def _nobody_answers(stage: Stage, connection: Client) -> None:
    said: object = None
    try:
        async with stage.errors.guard("nats", operation="request", idempotent=True):
            await connection.request("nobody.listens", b"hello?", timeout=2)
    except Exception as error:  # noqa: BLE001 - as above
        said = error
    stage.close("ask where nobody listens", ["transport.unavailable"], said)


async def _away_and_back(stage: Stage, server: NatsServer, connection: Client, back: asyncio.Event) -> None:
    await server.stop()
    fault = await stage.caught()
    await server.start()
    async with asyncio.timeout(10):
        await back.wait()
    await connection.flush(timeout=5)
    stage.close("stop the server, start it again", ["transport.lost", "transport.refused"], fault.exception)


async def _stale(stage: Stage, server: NatsServer) -> None:
    closed = asyncio.Event()
    connection = await _connected(
        stage, server, allow_reconnect=False, ping_interval=0.3, max_outstanding_pings=1, closed_cb=_setting(closed)
    )
    server.freeze()
    async with asyncio.timeout(10):
        await closed.wait()
    # It is raised to nobody and no callback gets it: it has to be fetched.
    said = connection.last_error
    stage.errors.report(said, "nats", operation="connection", client="closed", idempotent=True)
    stage.close("freeze the server", ["transport.stale"], said)
