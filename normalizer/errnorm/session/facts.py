"""
The inputs and outputs of a session: facts go in; faults to emit and an order to close the client come out.

A fact says what an adapter has seen, and nothing more. Only `errnorm.session.life` decides what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from errnorm.decision import Decision
    from errnorm.error import NormalizedError
    from errnorm.fault import Outcome

__all__ = [
    "Close",
    "Closed",
    "Closing",
    "CredentialsChanged",
    "DialFailed",
    "Dialling",
    "Ended",
    "Fact",
    "Failure",
    "HandlerFailed",
    "Health",
    "Next",
    "Output",
    "Said",
    "State",
    "Status",
    "Tell",
    "Up",
]


class State(StrEnum):
    """The state of a session: connecting for the first time, up, down after it was up, or closed."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    CLOSED = "closed"


class Status(StrEnum):
    """The status of a session for a liveness probe; `Health.status` explains the values."""

    UP = "up"
    RECOVERING = "recovering"
    HOPELESS = "hopeless"
    CLOSED = "closed"


class Next(StrEnum):
    """What the client does next by itself after a fault: the value of the attribute `errnorm.client`."""

    RECONNECTING = "reconnecting"
    CLOSED = "closed"
    NOTHING = "nothing"


# Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """
    The client begins to connect.

    Attributes:
        server: The server that it connects to, as the adapter names it; `""` if the adapter does not know.
    """

    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """
    The client is connected, logged in and ready for use.

    Attributes:
        server: The server that the client is connected to.
    """

    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    The base class of the facts that report a failure.

    Attributes:
        error: The error; `None` if this side has ended the connection on purpose.

        cause: The exception as which the error arrived, if it was one. The session passes it on without reading it.

        next: What the client does next by itself, unless the session closes it.

        server: The server on which it happened; if it is empty, the server that was dialled last.

        pool: All servers that the client may connect to, this one included. It is empty if there is only one.

        operation: The name of the operation, if the adapter knows a better one than `connect` or `serve`.

        follows: Whether the client follows the redirect in the error.

        times: How many times in a row the same has happened, if the adapter counts it over several connections: a server that
            redirects to itself accepts the client each time.
    """

    error: NormalizedError | None = None
    cause: BaseException | None = None
    next: Next = Next.RECONNECTING
    server: str = ""
    pool: frozenset[str] = frozenset()
    operation: str | None = None
    follows: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailed(Failure):
    """An attempt to connect or to log in has failed, or has timed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Failure):
    """The peer or the client library has reported an error, and the connection has not ended yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Failure):
    """A connection, or an attempt to open one, has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Failure):
    """The client is closed and will not reconnect. `error` is set if the client gave up, and `None` if this side closed it."""

    next: Next = Next.CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFailed(Failure):
    """A handler of the application has raised. The connection is not affected."""

    next: Next = Next.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """This side is about to end the connection. The end is then not a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsChanged:
    """The client will use other credentials for its next login."""


Fact = Dialling | Up | DialFailed | Said | Ended | Closed | HandlerFailed | Closing | CredentialsChanged


# Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """
    An output: emit a fault. A session returns it once for each fault.

    Attributes:
        error: The error.

        cause: The exception as which the error arrived, if it was one.

        operation: The name of the operation: `"connect"`, `"serve"`, or the name that the adapter gave.

        outcome: `"background"` for a fault of the connection, `"failed"` for one of a handler.

        decision: Retry if the client or its supervisor will connect again, with the pause in seconds if the client does not set
            the pause itself. `None` for a handler, because the session does not know whether its work will be repeated.

        next: What the client does next by itself; `None` for a handler.

        attempt: The number of failed attempts in a row, this one included; the end of an established session counts as the
            first.

        server: The server on which it happened, as the adapter names it; `""` if the adapter does not know.
    """

    error: NormalizedError
    cause: BaseException | None
    operation: str
    outcome: Outcome
    decision: Decision | None
    next: Next | None
    attempt: int = 1
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """
    An output: close the client by its public method, so that it does not reconnect.

    Attributes:
        error: The reason. If `connect` has not returned yet, it raises `cause`.

        cause: The exception as which the error arrived, if it was one.
    """

    error: NormalizedError | None
    cause: BaseException | None


Output = Tell | Close


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """
    The health of a session.

    Attributes:
        status: `up`; `recovering` (the client is connecting or reconnecting); `hopeless` (waiting cannot help with any server
            of the pool, or the client has stopped trying); or `closed`.

        since: The time since which the session has this status, in seconds since 1970.

        error: The error that caused the status; `None` if the session is up, is new, or was closed by this side.

        decision: The decision about that error. Its `delay` is for code that connects again itself.
    """

    status: Status
    since: float
    error: NormalizedError | None = None
    decision: Decision | None = None

    @property
    def up(self) -> bool:
        """Whether the session is up."""
        return self.status is Status.UP

    @property
    def alive(self) -> bool:
        """Whether the session is up or can still recover by itself. Use it for a liveness probe."""
        return self.status in {Status.UP, Status.RECOVERING}

    @property
    def why(self) -> str:
        """The error and the step that helps, as one line without text from the peer; empty if there was no error."""
        if self.error is None:
            return ""
        help_ = "" if self.error.recovery is Recovery.NONE else f"; what helps: {self.error.recovery}"
        return f"{self.error.reason}{help_}"
