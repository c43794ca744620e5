"""The stage of a demonstration: a middleware that catches, and a book of what happened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from errnorm import Middleware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.fault import Emitter, Fault

__all__ = ["Case", "Stage"]


@dataclass(frozen=True, slots=True)
class Case:
    """
    One thing that was made to go wrong.

    Attributes:
        protocol: The protocol, `"nats"`.

        what: What was done, for people.

        expected: The reasons of which one has to come out: servers differ in what they say.

        said: What the client library said by itself.

        fault: What the middleware caught; `None` if it caught nothing.
    """

    protocol: str
    what: str
    expected: tuple[str, ...]
    said: str
    fault: Fault | None

    @property
    def succeeded(self) -> bool:
        """Whether it happened, was caught, and means what it should."""
        return self.fault is not None and self.fault.error.reason in self.expected


class Stage:
    """
    Where a demonstration happens. It is also the last of its middleware's emitters: that is how it knows what was caught.

    Attributes:
        protocol: The protocol that is shown.

        errors: The middleware that has to catch everything.

        cases: What happened so far.

        failure: Why the demonstration could not be shown to its end; `None` if it could.
    """

    def __init__(self, protocol: str, emitters: Iterable[Emitter] = ()) -> None:
        """
        Set the stage.

        Args:
            protocol: The protocol that is shown.
            emitters: Who else is told of each fault, before the stage is.
        """
        self.protocol = protocol
        self.errors = Middleware(emitters=(*emitters, self._caught))
        self.cases: list[Case] = []
        self.failure: str | None = None
        self._faults: list[Fault] = []
        self._told = asyncio.Event()

    def _caught(self, fault: Fault) -> None:
        self._faults.append(fault)
        self._told.set()

    @property
    def succeeded(self) -> bool:
        """Whether the demonstration came to its end, and every case of it succeeded."""
        return self.failure is None and bool(self.cases) and all(case.succeeded for case in self.cases)

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

    def close(self, what: str, expected: Iterable[str], said: object) -> None:
        """
        Close a case: the first fault since the last one belongs to it, and what echoes it is left out.

        Args:
            what: What was done, for people.
            expected: The reasons of which one has to come out.
            said: What the client library said: an exception, or a text.
        """
        words = f"{type(said).__name__}: {said}".rstrip(": ") if isinstance(said, BaseException) else str(said)
        fault = self._faults[0] if self._faults else None
        self.cases.append(Case(self.protocol, what, tuple(expected), words, fault))
        self._faults.clear()
        self._told.clear()
