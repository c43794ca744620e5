"""The faults in which clients run, with the right answers."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.clients.stations import Place


@dataclass(frozen=True)
class Situation:
    """
    One fault.

    Attributes:
        name: A description of the fault.

        protocol: `nats` or `xmpp`.

        operation: The name of the operation, which each program implements.

        station: The server for the operation.

        act: An action on the server after the client has reported that it is ready.

        variables: More variables for the client.
    """

    name: str
    protocol: str
    operation: str
    station: Callable[[Path], AbstractContextManager[Place]]
    act: Callable[[Place], object] | None = None
    variables: tuple[tuple[str, str], ...] = ()


def situation(
    protocol: str,
    station: Callable[[Path], AbstractContextManager[Place]],
    name: str,
    operation: str = "connect",
    act: Callable[[Place], object] | None = None,
    **variables: str,
) -> Situation:
    """Return a situation, with the variables of the client as keyword arguments."""
    return Situation(name, protocol, operation, station, act, tuple(variables.items()))


def stop(place: Place) -> None:
    """Stop the server."""
    place.server.stop()


def kill(place: Place) -> None:
    """Kill the server."""
    place.server.kill()


def silence(place: Place) -> None:
    """Hold back all data from the server to the client."""
    place.relay.downstream.clear()


def situations() -> list[Situation]:
    """Return all situations of both protocols."""
    modules = ("tests.clients.nats_situations", "tests.clients.xmpp_situations")
    return [one for name in modules for one in importlib.import_module(name).SITUATIONS]
