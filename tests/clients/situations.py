"""What goes wrong, and the right answer."""

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
    One thing that goes wrong.

    Attributes:
        name: What goes wrong, in words.

        protocol: `nats` or `xmpp`.

        operation: What the client does; each program knows it by this name.

        station: The server it does it with.

        act: What happens once the client has said that it is ready.

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
    """Let nothing through from the server to the client."""
    place.relay.downstream.clear()


def situations() -> list[Situation]:
    """Return all situations of both protocols."""
    modules = ("tests.clients.nats_situations", "tests.clients.xmpp_situations")
    return [one for name in modules for one in importlib.import_module(name).SITUATIONS]
