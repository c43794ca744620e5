"""A situation: how to bring a fault about, and what may end it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen

if TYPE_CHECKING:
    from tests.servers.process import Server

Operation = Callable[[Any], Iterable[Seen]]
"""What somebody does at a place: it yields what went wrong, and nothing if it succeeded."""
Act = Callable[[Any], object]
"""What happens at a place without being the operation."""
Build = Callable[[Path, Path | None, Sequence["Situation"]], Any]
"""Makes a server for some situations, from a directory and a program."""

SITUATIONS: dict[tuple[str, str], Situation] = {}


def nothing(_: object) -> None:
    """Do nothing."""


def after(seconds: float) -> Act:
    """Return the act of letting time pass."""
    return lambda _: time.sleep(seconds)


class Place:
    """
    The part of a server that one situation has to itself.

    Attributes:
        server: The server.

        name: The name of the situation.

        kept: What the functions of a situation remember for each other.
    """

    def __init__(self, server: Any, name: str) -> None:
        self.server = server
        self.name = name
        self.kept: dict[str, Any] = {}

    def renew(self) -> None:
        """Give the connection up, so that the next operation opens a new one; a place without a lasting one has nothing to do."""

    def close(self) -> None:
        """Give up everything: the experiment is over."""
        self.renew()


@dataclass(frozen=True, eq=False)
class Ground:
    """
    A kind of server that situations happen on.

    Attributes:
        server: Its name: `nats-server`, `prosody`, `ejabberd`.

        build: Makes it, for the situations given.

        place: Makes the place of one situation on it.

        shared: Whether many situations happen on one such server at the same time.
    """

    server: str
    build: Build
    place: Callable[[Any, str], Place] = Place
    shared: bool = False


@dataclass(frozen=True, eq=False)
class Situation:
    """
    How to bring a fault about, and what may end it.

    Attributes:
        name: A stable name, `jetstream stream full`.

        ground: What it happens on.

        operate: The operation that fails. It opens a connection if it needs one that is not there.

        provoke: What makes it fail.

        state: What the operation is meant to change; it is read before and after. Without it nobody looks.

        pause: How long to wait with nothing changed, in seconds.

        steps: By word of `Recovery`: the operation after that step, taken while the fault is still there. `wait` and `reconnect`
            need none: the experiment does them with every operation.

        heal: What load, topology or time do by themselves; nobody changes a request, a credential, a permission or a setting.

        note: What a reader should know.

        options: What the ground must know to make the place.

        since: The first version of the server that has it.

        until: The first version of the server that has it no more.

        by: The client library that the error comes from, where it is not read off the wire.
    """

    name: str
    ground: Ground
    operate: Operation
    provoke: Act = nothing
    state: Callable[[Any], object] | None = None
    pause: float = 1.0
    steps: Mapping[str, Operation] = field(default_factory=dict)
    heal: Act | None = None
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    since: str = ""
    until: str = "99"
    by: str | None = None


def situation(name: str, ground: Ground, operate: Operation, **how: Any) -> Situation:
    """Register a situation; its name is its own among those of its server."""
    key = ground.server, name
    if key in SITUATIONS:
        message = f"two situations of {ground.server} are called {name!r}"
        raise ValueError(message)
    SITUATIONS[key] = Situation(name, ground, operate, **how)
    return SITUATIONS[key]


def alone(server: str, make: Callable[[Path, Path | None], Server], place: Callable[[Any, str], Place] = Place) -> Ground:
    """Return a ground that has a server for each situation."""
    return Ground(server, lambda directory, program, _: make(directory, program), place)
