"""Start the servers, run the scenarios, and report the progress. Each server is stopped by its process id."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from tests.capture import scenarios, vectors
from tests.capture.recording import SCENARIOS, as_vector
from tests.servers import ejabberd, nats, prosody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.capture.recording import Scenario, Station
    from tests.capture.vectors import Vector
    from tests.servers.process import Server

Program = Path | None


def load_scenarios() -> list[Scenario]:
    """Import all modules of scenarios, and return the registered scenarios."""
    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return SCENARIOS


def installations() -> Iterator[tuple[str, str, Program]]:
    """Yield each installed server: its name, its version, and its program if there are several."""
    for path in (nats.current(), nats.debian()):
        if path is not None:
            yield "nats-server", nats.version(path), path
    if prosody.program() is not None:
        yield "prosody", _package("prosody"), None
    if ejabberd.libraries() is not None:
        yield "ejabberd", _package("ejabberd"), None
    # Scenarios below the protocols need no server: the producer is the running interpreter.
    yield "CPython", f"{sys.version_info.major}.{sys.version_info.minor}", None


def _package(name: str) -> str:
    # The upstream part of the version of the system's package: 0.12.3 for 0.12.3-1+deb12u1.
    command = ["/usr/bin/dpkg-query", "-W", "-f=${Version}", name]
    asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return asked.stdout.partition("-")[0]


def run(only: str = "", *, short: bool = False) -> list[Vector]:
    """
    Run the scenarios and return the vectors.

    Args:
        only: Run only scenarios and servers whose names contain this text.
        short: Whether to run only one scenario for each server.
    """
    captured: list[Vector] = []
    load_scenarios()
    for server, version, program in installations():
        mine = [one for one in SCENARIOS if one.station.server == server and only in f"{server} {version}: {one.aim}"]
        mine = [one for one in mine if one.suits(version)]
        if program not in {None, nats.current()}:
            mine = [one for one in mine if one.by is None]  # a client produces the same error with every version of the server
        mine = mine[:1] if short else mine
        for station in dict.fromkeys(one.station for one in mine):
            captured += _at(station, [one for one in mine if one.station is station], version, program)
    return vectors.distinct(captured)


def _at(station: Station, mine: list[Scenario], version: str, program: Program) -> Iterator[Vector]:
    with tempfile.TemporaryDirectory() as directory:
        try:
            with station.make(Path(directory) / "server", program) as server:
                for scenario in mine:
                    yield from _run(scenario, server, version)
        except Exception as error:  # noqa: BLE001 - the run continues if one server does not start
            _tell(f"{station.server} {version}: {mine[0].aim}: {_first_line(error)}")


def _run(scenario: Scenario, server: Server, version: str) -> Iterator[Vector]:
    started, found = time.monotonic(), False
    name, version = (scenario.by, installed(scenario.by)) if scenario.by else (scenario.station.server, version)
    try:
        for seen in scenario.run(server):
            vector = as_vector(seen, name, version, scenario.aim)
            found = found or scenario.many or scenario.aim in (vector["expected"]["code"], seen.value)
            yield vector
    except Exception as error:  # noqa: BLE001 - an older server may answer differently; this is reported, and the run continues
        _tell(f"{name} {version}: {scenario.aim}: {_first_line(error)}")
    else:
        _tell(f"{name} {version}: {scenario.aim}: {'ok' if found else 'MISSED'} ({time.monotonic() - started:.1f} s)")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress
