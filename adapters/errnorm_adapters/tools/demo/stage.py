"""The stage of a demonstration: a middleware that catches errors, and a record of the cases."""

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
    A client library or a server is not installed. The message names it and the command that installs it.

    Attributes:
        names: The names of the missing packages, for example `("nats-py",)`.
    """

    def __init__(self, *names: str) -> None:
        """Build the message from the names of the missing packages."""
        are, them = ("is", "it") if len(names) == 1 else ("are", "them")
        super().__init__(
            f"{' and '.join(names)} {are} not installed; the extra demo installs {them}: pip install 'errnorm[demo]'"
        )
        self.names = names


def need(module: str, name: str) -> None:
    """
    Check that a client library is installed.

    Args:
        module: The name of its module, for example `"nats"`.
        name: The name of its package, for example `"nats-py"`.

    Raises:
        MissingError: If it is not installed.
    """
    if find_spec(module) is None:
        raise MissingError(name)


@dataclass(frozen=True, slots=True)
class Case:
    """
    One error that the demonstration provoked.

    Attributes:
        protocol: The protocol, for example `"nats"`.

        client: The client library, for example `"nats-py"`.

        what: A description of the action.

        expected: The expected reasons; one of them must be the result. Servers differ in the errors that they send.

        said: The message of the client library.

        fault: The fault that the middleware caught; `None` if it caught nothing.

        did: A description of errnorm's action; empty if errnorm only gave advice.
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
        """Whether the middleware caught the error and its reason is an expected one."""
        return self.fault is not None and self.fault.error.reason in self.expected


class Stage:
    """
    The stage of one demonstration. It is also the last emitter of its middleware, and so learns which errors were caught.

    Attributes:
        protocol: The protocol.

        client: The name of the client library; the demonstration sets it.

        server: The name of the server; the demonstration sets it.

        errors: The middleware that must catch every error.

        cases: The cases so far.

        failure: The exception that ended the demonstration early; `None` if there was none.
    """

    def __init__(
        self, protocol: str, emitters: Iterable[Emitter] = (), show: Callable[[Stage, Case], object] | None = None
    ) -> None:
        """
        Create a stage without cases.

        Args:
            protocol: The protocol.
            emitters: Other emitters, which get each fault before the stage does.
            show: Called with this stage and the case, as soon as a case is closed.
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
        """Whether the demonstration reached its end, and every case succeeded."""
        return self.failure is None and bool(self.cases) and all(case.succeeded for case in self.cases)

    def clear(self) -> None:
        """Discard the faults that were caught since the last case."""
        self._faults.clear()
        self._told.clear()

    @property
    def count(self) -> int:
        """The number of faults that were caught since the last case."""
        return len(self._faults)

    async def caught(self, seconds: float = 10.0) -> Fault:
        """
        Return the first fault that the middleware catches after the last case; wait for it if necessary.

        Args:
            seconds: How long to wait at most.

        Raises:
            TimeoutError: If the middleware catches nothing in that time.
        """
        async with asyncio.timeout(seconds):
            await self._told.wait()
        return self._faults[0]

    def close(self, what: str, expected: Iterable[str], said: object, did: str = "") -> None:
        """
        Close a case. The first fault since the last case belongs to it; later faults are consequences and are discarded.

        Args:
            what: A description of the action.
            expected: The expected reasons; one of them must be the result.
            said: The message of the client library: an exception, or a text.
            did: A description of errnorm's action; empty if errnorm only gave advice.
        """
        words = f"{type(said).__name__}: {said}".rstrip(": ") if isinstance(said, BaseException) else str(said)
        fault = self._faults[0] if self._faults else None
        case = Case(self.protocol, self.client, what, tuple(expected), words, fault, did)
        self.cases.append(case)
        self.clear()
        if self._show is not None:
            self._show(self, case)
