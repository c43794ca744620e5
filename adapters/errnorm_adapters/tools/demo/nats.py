"""The demonstration of NATS: provoke seven errors with nats-py on a nats-server."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from errnorm_adapters.nats import attach, settle
from errnorm_adapters.tools.demo.servers import HOST, NatsServer
from errnorm_adapters.tools.demo.stage import need

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

    from errnorm_adapters.nats.client.attachment import NatsAttachment
    from errnorm_adapters.tools.demo.stage import Stage

__all__ = ["run"]

# How long the demonstration lets a handler fail on the same message without errnorm, in seconds.
_LOOKED_ON = 1.0


async def run(stage: Stage) -> None:
    """Show seven errors of NATS on a stage."""
    need("nats", "nats-py")
    stage.client, stage.server = "nats-py", NatsServer.name
    async with NatsServer() as server:
        await _wrong_credentials(stage, server)
        session = attach(stage.errors)
        connection = await _connected(server, session)
        try:
            await _forbidden(stage, connection)
            await _too_large(stage, connection)
            await _nobody_answers(stage, connection)
            await _failing_message(stage, connection)
            await _away_and_back(stage, server, connection)
        finally:
            await connection.close()
        await _stale(stage, server)


async def _connected(server: NatsServer, session: NatsAttachment, **options: Any) -> Client:  # noqa: ANN401 - the options of nats-py
    import nats  # noqa: PLC0415 - installed only for the demonstration

    settings: dict[str, Any] = {"user": "demo", "password": "secret", "connect_timeout": 2, "reconnect_time_wait": 0.2}
    return await nats.connect(f"nats://{HOST}:{server.port}", **session.callbacks, **(settings | options))


async def _wrong_credentials(stage: Stage, server: NatsServer) -> None:
    refused: list[Exception] = []

    async def error_cb(error: Exception) -> None:
        refused.append(error)

    with suppress(Exception):
        await _connected(server, attach(stage.errors, abort=True, error_cb=error_cb), password="wrong")  # noqa: S106 - wrong on purpose
    stage.close(
        "log in with a wrong password",
        ["auth.rejected"],
        refused[0] if refused else None,
        f"closed after {len(refused)} logins; nats-py alone tries {_most_logins()}",
    )


def _most_logins() -> int:
    from nats.aio.client import DEFAULT_MAX_RECONNECT_ATTEMPTS  # noqa: PLC0415 - as above

    return DEFAULT_MAX_RECONNECT_ATTEMPTS


async def _forbidden(stage: Stage, connection: Client) -> None:
    await connection.publish("private.letters", b"hello")
    await connection.flush()
    fault = await stage.caught()
    stage.close("publish to a subject that is not allowed", ["auth.forbidden"], fault.exception)


async def _too_large(stage: Stage, connection: Client) -> None:
    said: object = None
    try:
        async with stage.errors.guard("nats", operation="publish"):
            await connection.publish("letters", b"." * 2048)
    except Exception as error:  # noqa: BLE001 - any exception is shown
        said = error
    stage.close("publish a message that is too large", ["limits.size"], said)


async def _nobody_answers(stage: Stage, connection: Client) -> None:
    said: object = None
    try:
        async with stage.errors.guard("nats", operation="request", idempotent=True):
            await connection.request("nobody.listens", b"hello?", timeout=2)
    except Exception as error:  # noqa: BLE001 - as above
        said = error
    stage.close("send a request that no service answers", ["transport.unavailable"], said)


async def _failing_message(stage: Stage, connection: Client) -> None:
    """Let a handler fail on the same message: first with `nak()`, as most programs do, then with `settle`."""
    stream = connection.jetstream()
    await stream.add_stream(name="WORK", subjects=["work"])
    await stream.publish("work", b"a job whose answer is too large")
    said: object = None
    in_vain = 0
    messages = await _consumer(stream, "alone")
    end = time.monotonic() + _LOOKED_ON
    while time.monotonic() < end:
        (message,) = await messages.fetch(1, timeout=5)
        try:
            await _answered(connection)
        except Exception as error:  # noqa: BLE001 - as above
            said = error
            in_vain += 1
            await message.nak()
    once = await _consumer(stream, "settled")
    (message,) = await once.fetch(1, timeout=5)
    async with settle(stage.errors, message):
        await _answered(connection)
    stage.close(
        "handle a message whose answer is too large",
        ["limits.size"],
        f"{type(said).__name__}, {in_vain:,} times in a second, with nak() after each",
        await _fate(once),
    )


async def _consumer(stream: JetStreamContext, name: str) -> JetStreamContext.PullSubscription:
    return await stream.pull_subscribe("work", durable=name)


async def _fate(messages: JetStreamContext.PullSubscription) -> str:
    from nats.errors import TimeoutError as NothingThereError  # noqa: PLC0415 - as above

    try:
        await messages.fetch(1, timeout=0.5)
    except NothingThereError:
        return "message terminated, not delivered again"
    return "message delivered again"


async def _answered(connection: Client) -> None:
    await connection.publish("answers", b"." * 2048)


async def _away_and_back(stage: Stage, server: NatsServer, connection: Client) -> None:
    before = time.monotonic()
    await server.stop()
    fault = await stage.caught()
    await server.start()
    async with asyncio.timeout(10):
        while not connection.is_connected:  # noqa: ASYNC110 - the callback comes before the connection can be used
            await asyncio.sleep(0.02)
    await connection.flush(timeout=5)
    away = time.monotonic() - before
    stage.close(
        "stop the server, start it again",
        ["transport.lost", "transport.refused", "shutdown.server"],
        fault.exception,
        f"connected again after {away:.1f} s",
    )


async def _stale(stage: Stage, server: NatsServer) -> None:
    session = attach(stage.errors)
    connection = await _connected(server, session, allow_reconnect=False, ping_interval=0.3, max_outstanding_pings=1)
    server.freeze()
    await stage.caught()
    # nats-py does not raise this error and passes it to no callback; it only sets `last_error`.
    stage.close("freeze the server", ["transport.stale"], connection.last_error)
