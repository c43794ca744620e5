"""Build the clients whose toolchains are installed, run each in each situation, and report the skipped ones."""

from __future__ import annotations

import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.capture.running import installations
from tests.clients.running import run
from tests.clients.runtimes import CACHE, CLIENTS, BuildError
from tests.clients.situations import situations
from tests.clients.vectors import distinct, expected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.running import Printed
    from tests.clients.runtimes import Client, Command
    from tests.clients.situations import Situation
    from tests.clients.stations import Place
    from tests.clients.vectors import Vector


def capture(only: str = "", situation: str = "") -> list[Vector]:
    """Run the clients and return the vectors. Skipped clients are reported on stderr."""
    captured: list[Vector] = []
    for client in CLIENTS:
        if only in f"{client.name} {client.version()}":
            captured += _of(client, situation)
    return distinct(captured)


def _of(client: Client, wanted: str) -> Iterator[Vector]:
    if missing := client.missing():
        _report(f"skipped: {client.name} {client.version()}, there is no {', no '.join(missing)} here")
        return
    try:
        command = client.build(client, CACHE)
    except BuildError as error:
        _report(f"skipped: {client.name} {client.version()} was not built: {error}")
        return
    for situation in situations():
        if situation.protocol == client.protocol and wanted in situation.name:
            yield from _in(situation, client, command)


def _in(situation: Situation, client: Client, command: Command) -> Iterator[Vector]:
    started, count = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as directory:
        try:
            with situation.station(Path(directory) / "server") as place:
                for printed in run(command, situation, place):
                    count += 1
                    yield _vector(printed, client, situation, _serving(place))
        except Exception as error:  # noqa: BLE001 - the run continues if one server does not start
            _report(f"{client.name}: {situation.name}: {type(error).__name__}: {str(error)[:300]}")
            return
    if count:
        _report(f"{client.name} {client.version()}: {situation.name}: {count} texts ({time.monotonic() - started:.1f} s)")


def _vector(printed: Printed, client: Client, situation: Situation, server: str) -> Vector:
    head = {"client": client.name, "version": client.version(), "runtime": client.runtime, "protocol": client.protocol}
    where = {"server": server, "situation": situation.name}
    answer = expected(client.protocol, situation.name, printed)
    return {**head, **where, "form": printed.form, "text": printed.text, "expected": answer}


@cache
def _versions() -> dict[str, str]:
    return {server: version for server, version, _ in reversed(list(installations()))}


def _serving(place: Place) -> str:
    return f"{place.server.name} {_versions()[place.server.name]}" if place.server else ""


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress
