"""
Load for minutes: many clients of a real nats-server that is killed and restarted, and whose every request may fail.

    python tests/soak/soak.py [SECONDS] [CLIENTS]

Every exception is counted where the application gets it, and again where the middleware tells it: as an error, as a line or as
part of a summary. The counts have to agree. Memory is read after a while and at the end; the throughput of good requests is
measured with and without the middleware in turns, on the same connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
import psutil

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from errnorm.emitters.counts import Ledger
from errnorm.emitters.log.emitter import LogEmitter
from errnorm.emitters.otel.metric import emitter as metric_emitter
from errnorm.middleware import Middleware
from errnorm.settings import Settings
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.severity import Severity

_SEEN = "__seen_by_the_soak__"
_BATCH = 200


@dataclass
class Report:
    """
    What a run has shown.

    Attributes:
        requests: Good requests that were answered.
        raised: Exceptions that the application got, each once.
        told: Errors that were counted by the metrics.
        unknown: Of these, those that no table knows.
        lines: Lines that were written for single errors.
        summed: Errors that summaries stand for.
        failures: Failures of emitters.
        restarts: How often the server was killed and started again.
        megabytes: Memory after a third of the time, and at the end.
        plain: Good requests a second without the middleware.
        guarded: The same with it.
    """

    requests: int = 0
    raised: int = 0
    told: int = 0
    unknown: int = 0
    lines: int = 0
    summed: int = 0
    failures: int = 0
    restarts: int = 0
    megabytes: list[float] = field(default_factory=list)
    plain: float = 0.0
    guarded: float = 0.0


class Soak:
    """One run."""

    def __init__(self, server: NatsServer, seconds: float, clients: int) -> None:
        """Prepare the middleware and its ledger."""
        self.server = server
        self.seconds = seconds
        self.clients = clients
        self.report = Report()
        self.ledger = Ledger()
        log = LogEmitter(Settings.load({}, storm_interval=2.0), ledger=self.ledger, write=self._write)
        self.errors = Middleware(emitters=[log, metric_emitter(self.ledger)])
        self.errors._tell._ledger = self.ledger
        self._ends = 0.0

    def _write(self, _level: Severity, event: str, fields: Attributes) -> None:
        json.dumps({"event": event, **fields})
        suppressed = fields.get("errnorm.suppressed")
        if suppressed is None:
            self.report.lines += 1
        else:
            self.report.summed += int(suppressed)

    def _saw(self, error: BaseException) -> None:
        # nats-py can hand one exception to a callback and raise it as well: that is one fault.
        if not hasattr(error, _SEEN):
            setattr(error, _SEEN, True)
            self.report.raised += 1

    async def _error(self, error: Exception) -> None:
        self._saw(error)
        self.errors.report(error, "nats", client="reconnecting")

    async def run(self) -> Report:
        """Run, and return what it has shown."""
        self._ends = time.monotonic() + self.seconds
        answering = await self._connected()
        await answering.subscribe("echo", cb=_answered)
        await answering.subscribe("silence", cb=_ignored)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._killing())
            group.create_task(self._weighing())
            for number in range(self.clients):
                group.create_task(self._client(random.Random(number)))  # noqa: S311 - a schedule, no secret
        await answering.close()
        return self._done()

    def _done(self) -> Report:
        self.errors.flush()
        report = self.report
        report.told, report.failures = self.ledger.errors.total, self.ledger.failures.total
        report.unknown = sum(count for named, count in self.ledger.errors.read() if named["error.type"] == "_OTHER")
        return report

    async def _connected(self) -> Client:
        return await nats.connect(
            self.server.url, error_cb=self._error, max_reconnect_attempts=-1, reconnect_time_wait=0.05, connect_timeout=1
        )

    async def _client(self, chance: random.Random) -> None:
        client = await self._connected()
        while time.monotonic() < self._ends:
            await self._attempt(chance.choice(_ERRANDS)(client))
        with contextlib.suppress(Exception):  # the server may have been killed a moment ago
            await client.close()

    async def _attempt(self, errand: Awaitable[object]) -> None:
        try:
            async with self.errors.guard("nats", operation="request"):
                await errand
            self.report.requests += 1
        except Exception as error:  # noqa: BLE001 - all of them are counted
            self._saw(error)
            await asyncio.sleep(0.001)

    async def _killing(self) -> None:
        while self._ends - time.monotonic() > 2:
            await asyncio.sleep(min(5.0, self.seconds / 4))
            await asyncio.to_thread(self.server.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(self.server.start)
            self.report.restarts += 1

    async def _weighing(self) -> None:
        for share in (1 / 3, 2 / 3):
            await asyncio.sleep(self.seconds * share - 0.2 * share)
            gc.collect()
            self.report.megabytes.append(round(psutil.Process().memory_info().rss / 2**20, 1))

    async def race(self) -> None:
        """Measure the throughput of good requests with and without the middleware, on one connection."""
        client = await self._connected()
        answering = await self._connected()
        await answering.subscribe("echo", cb=_answered)
        await asyncio.sleep(0.3)
        rates: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(10):
            guarded = turn % 2 == 1
            began = time.perf_counter()
            for _ in range(_BATCH):
                await self._good(client, guarded=guarded)
            rates[guarded].append(_BATCH / (time.perf_counter() - began))
        self.report.plain, self.report.guarded = (round(max(rates[guarded])) for guarded in (False, True))
        await client.close()
        await answering.close()

    async def _good(self, client: Client, *, guarded: bool) -> None:
        if guarded:
            async with self.errors.guard("nats", operation="request"):
                await client.request("echo", b"x", timeout=2)
        else:
            await client.request("echo", b"x", timeout=2)


async def _answered(message: Msg) -> None:
    with contextlib.suppress(Exception):  # the server may be gone; the one who asked is told
        await message.respond(message.data)


async def _ignored(_message: Msg) -> None:
    """Leave the one who asks without an answer."""


async def _echo(client: Client) -> object:
    return await client.request("echo", b"x", timeout=0.5)


async def _nobody(client: Client) -> object:
    return await client.request("nobody.is.there", b"x", timeout=0.5)


async def _silence(client: Client) -> object:
    return await client.request("silence", b"x", timeout=0.01)


async def _too_large(client: Client) -> None:
    await client.publish("echo", b"x" * (client.max_payload + 1))


async def _misaddressed(client: Client) -> None:
    await client.publish("", b"x")


async def _no_stream(client: Client) -> object:
    return await client.jetstream(timeout=0.5).stream_info("no_such_stream")


_ERRANDS: tuple[Any, ...] = (_echo, _echo, _echo, _nobody, _silence, _too_large, _misaddressed, _no_stream)


def main(arguments: list[str]) -> int:
    """Run for the seconds given, print the report, and say by the exit code whether the counts agree."""
    seconds, clients = (float(arguments[0]) if arguments else 120.0), (int(arguments[1]) if len(arguments) > 1 else 50)
    with tempfile.TemporaryDirectory() as directory, NatsServer(Path(directory)) as server:
        soak = Soak(server, seconds, clients)
        report = asyncio.run(soak.run())
        asyncio.run(soak.race())
    print(json.dumps(asdict(report), indent=1))  # noqa: T201 - it is a command
    return 0 if report.raised == report.told == report.lines + report.summed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
