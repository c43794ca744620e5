"""A situation: how to provoke a fault, and what may end it."""

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
"""An operation at a place. It yields the errors, and nothing if it succeeded."""
Act = Callable[[Any], object]
"""An action at a place that is not the operation itself."""
Build = Callable[[Path, Path | None, Sequence["Situation"]], Any]
"""Creates a server for some situations, from a directory and a program."""

SITUATIONS: dict[tuple[str, str], Situation] = {}


def nothing(_: object) -> None:
    """Do nothing."""


def after(seconds: float) -> Act:
    """Return an action that waits."""
    return lambda _: time.sleep(seconds)


class Place:
    """
    The part of a server that one situation uses alone.

    Attributes:
        server: The server.

        name: The name of the situation.

        kept: Data that the functions of a situation share.
    """

    def __init__(self, server: Any, name: str) -> None:
        self.server = server
        self.name = name
        self.kept: dict[str, Any] = {}

    def renew(self) -> None:
        """Close the connection, so that the next operation opens a new one. A place without a lasting connection does nothing."""

    def close(self) -> None:
        """Close everything at the end of the experiment."""
        self.renew()


@dataclass(frozen=True, eq=False)
class Ground:
    """
    A kind of server on which situations run.

    Attributes:
        server: The name of the server: `nats-server`, `prosody`, `ejabberd`.

        build: Creates the server for the given situations.

        place: Creates the place of one situation on the server.

        shared: Whether many situations run on one such server at the same time.
    """

    server: str
    build: Build
    place: Callable[[Any, str], Place] = Place
    shared: bool = False


@dataclass(frozen=True, eq=False)
class Situation:
    """
    How to provoke a fault, and what may end it.

    Attributes:
        name: A stable name, for example `jetstream stream full`.

        ground: The kind of server on which it runs.

        operate: The operation that fails. It opens a connection if it needs one and there is none.

        provoke: The action that makes the operation fail.

        state: Returns the state that the operation should change; it is read before and after the operation. Without it, the
            experiment does not observe the effect.

        pause: How long to wait without any change, in seconds.

        steps: By value of `Recovery`: the operation after that step, while the fault continues. `wait` and `reconnect` need no
            entry, because the experiment tries them with every operation.

        heal: An action for what load, topology or time do by themselves. It changes no request, credentials, permission or
            setting.

        note: A remark for readers.

        options: Options with which the ground creates the place.

        since: The first version of the server that has the fault.

        until: The first version of the server that no longer has the fault.

        by: The client library that produces the error; `None` if the error is read from the wire.
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
    """Register a situation. Its name must be unique for its server."""
    key = ground.server, name
    if key in SITUATIONS:
        message = f"two situations of {ground.server} are called {name!r}"
        raise ValueError(message)
    SITUATIONS[key] = Situation(name, ground, operate, **how)
    return SITUATIONS[key]


def alone(server: str, make: Callable[[Path, Path | None], Server], place: Callable[[Any, str], Place] = Place) -> Ground:
    """Return a ground that starts a server for each situation."""
    return Ground(server, lambda directory, program, _: make(directory, program), place)
