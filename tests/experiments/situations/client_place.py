"""A client of nats-py whose calls fail, for the situations of several files."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import nats
import nats.js.api

from tests.capture.recording import Seen, exception_form
from tests.experiments.situation import Ground, Place, situation
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from nats.aio.client import Client

    from tests.experiments.situation import Act, Operation
logging.getLogger("nats.aio.client").setLevel(logging.CRITICAL)


class ClientPlace(Place):
    """A client of nats-py on its own event loop, which runs only during operations; a closed client is replaced."""

    options: Mapping[str, Any] = {}

    def __init__(self, server: NatsServer, name: str) -> None:
        super().__init__(server, name)
        self.loop = asyncio.new_event_loop()
        self.client: Client | None = None
        self.told: list[Exception] = []
        self.url = server.url

    def run(self, step: Awaitable[Any]) -> Any:
        """Run a coroutine on the event loop of the client."""
        return self.loop.run_until_complete(step)

    async def connected(self) -> Client:
        """Return the client, connected."""
        if self.client is None:
            self.client = await nats.connect(self.url, error_cb=self._keep, connect_timeout=2, **self.login())
        return self.client

    async def _keep(self, error: Exception) -> None:
        self.told.append(error)

    def login(self) -> dict[str, Any]:
        """Return the options to connect with."""
        return {"allow_reconnect": False, **self.kept.get("options", {})}

    async def attempt(self, step: Callable[[Client], Awaitable[object]]) -> tuple[list[BaseException], bool | None]:
        """Take a step with the client; return the exceptions raised and passed to callbacks, and whether the connection ended."""
        self.told.clear()
        found: list[BaseException] = []
        try:
            client = await asyncio.wait_for(self.connected(), 5)
        except Exception as error:  # noqa: BLE001 - what is looked for
            return [error, *self.told], True
        was_connected = client.is_connected
        try:
            await asyncio.wait_for(step(client), 10)
        except Exception as error:  # noqa: BLE001 - what is looked for
            found.append(error)
        await asyncio.sleep(0.1)
        last = [client.last_error] if client.is_closed and client.last_error and not self.told else []
        over = client.is_closed or (was_connected and not client.is_connected)
        if client.is_closed:
            self.client = None
        return [*found, *self.told, *last], over

    def renew(self) -> None:
        """Close the client."""
        if self.client is not None:
            with suppress(Exception):
                self.run(self.client.close())
        self.client = None

    def close(self) -> None:
        """Close the client and its loop."""
        self.renew()
        self.run(asyncio.sleep(0.05))
        self.loop.close()


def calling(step: Callable[[Client], Awaitable[object]], only: int | None = None) -> Operation:
    """Return the operation that takes a step with the client; of many exceptions only the first ones count."""

    def operate(place: ClientPlace) -> Iterator[Seen]:
        errors, over = place.run(place.attempt(step))
        for error in errors[:only]:
            yield Seen("nats", "exception", exception_form(error), over)

    return operate


def _clients(config: Mapping[str, Any], *, shared: bool, jetstream: bool = False) -> Ground:
    return Ground(
        "nats-server",
        lambda directory, program, _: NatsServer(directory, config, program=program, jetstream=jetstream),
        ClientPlace,
        shared=shared,
    )


plain = _clients({"max_payload": 1000}, shared=True)
streams = _clients({}, shared=True, jetstream=True)


def own(config: Mapping[str, Any] | None = None, *, jetstream: bool = False) -> Ground:
    """Return a ground with a separate server for each situation."""
    return _clients(config or {}, shared=False, jetstream=jetstream)


def with_options(**options: Any) -> Callable[[ClientPlace], None]:
    """Return the action that sets the options for connecting."""
    return lambda place: place.kept.update(options=options)


def call(name: str, step: Callable[[Client], Awaitable[object]], ground: Ground = plain, **how: Any) -> None:
    """Register a call of nats-py that fails."""
    only = how.pop("only", None)
    how["steps"] = {word: calling(other) for word, other in how.get("steps", {}).items()}
    situation(f"nats-py {name}", ground, calling(step, only), by="nats-py", **how)


async def said(client: Client) -> None:
    """Publish, and wait until the server has it."""
    await client.publish("a", b"x")
    await client.flush(timeout=2)


def first(*acts: Act) -> Act:
    """Return the action that runs several actions in order."""

    def act(place: ClientPlace) -> None:
        for each in acts:
            each(place)

    return act


def stop(place: Place) -> None:
    """Stop the server."""
    place.server.stop()


def start(place: Place) -> None:
    """Start the server."""
    place.server.start()


async def with_stream(place: ClientPlace) -> None:
    """Make a stream."""
    client = await place.connected()
    await client.jetstream().add_stream(name="S", subjects=["s.>"], storage=nats.js.api.StorageType.MEMORY)


def back(place: ClientPlace) -> None:
    """Start the server again, and give the client time to connect."""
    place.server.start()
    place.run(asyncio.sleep(0.5))
