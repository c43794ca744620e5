"""
What goes into a session and what comes out of it, as data: facts in, things to tell and to do out.

A fact says what an adapter saw, and nothing more. What follows from it is decided in `errnorm.session.life` alone.
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
    """Where the life of a session stands."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    CLOSED = "closed"


class Status(StrEnum):
    """What a liveness probe wants to know."""

    UP = "up"
    RECOVERING = "recovering"
    HOPELESS = "hopeless"
    CLOSED = "closed"


class Next(StrEnum):
    """What the client does by itself after a fault: the value of `errnorm.client`."""

    RECONNECTING = "reconnecting"
    CLOSED = "closed"
    NOTHING = "nothing"


# Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """
    The client sets out to connect.

    Attributes:
        server: Which server it dials, as the adapter names it; `""` if the adapter does not know.
    """

    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """
    The session has started: logged in, and ready for use.

    Attributes:
        server: Which server the client is connected to.
    """

    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    Something went wrong; each kind of fault below adds when.

    Attributes:
        error: What it was; `None` if this side wanted it.

        cause: The exception it came as, if it did. It is handed on, and never looked at.

        next: What the client does about it by itself, unless it is told to close.

        server: Which server it happened with; if it is empty, the one that was dialled last.

        pool: All servers that the client may dial, this one included. Empty if there is only one.

        operation: What was being done, if the adapter knows better than the state of the session.

        follows: Whether the client follows a redirect that the error asks for.
    """

    error: NormalizedError | None = None
    cause: BaseException | None = None
    next: Next = Next.RECONNECTING
    server: str = ""
    pool: frozenset[str] = frozenset()
    operation: str | None = None
    follows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailed(Failure):
    """An attempt to connect or to log in failed, or nothing answered in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Failure):
    """The peer, or the client library, reported an error and the connection has not ended yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Failure):
    """The connection ended, or the attempt to open one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Failure):
    """The client is closed for good. It has an error if it gave up, and none if this side closed it."""

    next: Next = Next.CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFailed(Failure):
    """A handler of the application raised; nothing happened to the connection."""

    next: Next = Next.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """This side is about to end the connection; what comes of that is not a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsChanged:
    """The client will log in with other credentials than before."""


Fact = Dialling | Up | DialFailed | Said | Ended | Closed | HandlerFailed | Closing | CredentialsChanged


# Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """
    Report a fault, this once.

    Attributes:
        error: What it was.

        cause: The exception it came as, if it did.

        operation: What was being done: `"connect"`, `"serve"`, or what the adapter said.

        outcome: `"background"` for the faults of the connection, `"failed"` for those of a handler.

        decision: Whether anybody tries again, with the pause in seconds if it is not the client that does. `None` for a
            handler: whether its work is done again is not known here.

        next: What the client does by itself; `None` for a handler.

        attempt: How many attempts in a row had failed with this one; an established session that ends counts as the first.
    """

    error: NormalizedError
    cause: BaseException | None
    operation: str
    outcome: Outcome
    decision: Decision | None
    next: Next | None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """
    Close the client for good, by its public call.

    Attributes:
        error: Why; `connect` raises `cause` if it has not returned yet.

        cause: The exception the error came as, if it did.
    """

    error: NormalizedError | None
    cause: BaseException | None


Output = Tell | Close


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """
    How a session is.

    Attributes:
        status: Up, recovering (it is being connected, or connected again), hopeless (no server of the pool will let it in
            however long one waits, or the client has stopped trying), or closed.

        since: Since when, in seconds since 1970.

        error: The error that made it so; `None` if there was none: it is up, it is new, or this side closed it.

        decision: What was decided about that error. Its `delay` is for whoever connects again by hand.
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
        """Whether the session is up or can still get there by itself: for a liveness probe."""
        return self.status in {Status.UP, Status.RECOVERING}

    @property
    def why(self) -> str:
        """One line for people, without anything that a peer wrote; empty if there was no error."""
        if self.error is None:
            return ""
        help_ = "" if self.error.recovery is Recovery.NONE else f"; what helps: {self.error.recovery}"
        return f"{self.error.reason}{help_}"
