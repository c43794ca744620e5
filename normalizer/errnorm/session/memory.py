"""The memory of a session: one object for each connection and one for each outage, dropped when that is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from errnorm.session.facts import Next
from errnorm.taxonomy import Category, Recovery

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.session.facts import Failure

__all__ = ["Connection", "Outage"]


@dataclass(slots=True)
class Connection:
    """
    What is remembered about one connection, or about one attempt to open one.

    Attributes:
        told: Whether a fault that ends the connection was emitted.

        closing: Whether this side is ending the connection.

        held: A transport error that is held back until the connection has ended, because the peer may still give a reason.
    """

    told: bool = False
    closing: bool = False
    held: Failure | None = None

    def fault(self, fact: Failure) -> Failure | None:
        """Return the fault that has ended the connection; `None` if this side has ended it."""
        if self.closing:
            return None
        held = self.held
        if held is None:
            return None if fact.error is None else fact
        if fact.error is None or fact.error.category is Category.TRANSPORT:
            return replace(held, next=fact.next, pool=held.pool or fact.pool)
        return fact


@dataclass(slots=True)
class Outage:
    """
    What is remembered from the end of a connection until the session is up again.

    Attributes:
        failed: The number of failed attempts in a row; the end of an established session counts as the first.

        pool: The servers that the client may connect to.

        final: The servers whose last failure cannot be fixed by waiting.

        refused: The servers that have refused the credentials, each with its first refusal.

        round: The failures of the present pass over the pool. In a single session one pass is an attempt.

        stuck: Whether the client has stopped trying without being closed.
    """

    failed: int = 0
    pool: frozenset[str] = frozenset()
    stuck: bool = False
    final: set[str] = field(default_factory=set)
    refused: dict[str, NormalizedError] = field(default_factory=dict)
    round: list[Failure] = field(default_factory=list)

    def add(self, error: NormalizedError, failure: Failure, server: str, *, rereads: bool = True) -> NormalizedError | None:
        """
        Count a failure, and return the earlier refusal of the same credentials by the same server, if there was one.

        Args:
            error: The error.
            failure: The fact that reported it.
            server: The server on which it happened.
            rereads: Whether the client reads its credentials again for the next attempt.
        """
        before = self.refused.get(server)
        self.failed += 1
        self.pool = failure.pool or frozenset({server})
        self.stuck = failure.next is Next.NOTHING
        if _is_final(error, refused=not rereads or before is not None, follows=failure.follows):
            self.final.add(server)
        else:
            self.final.discard(server)
        if error.recovery is Recovery.REAUTHENTICATE:
            self.refused.setdefault(server, error)
        return before

    @property
    def is_hopeless(self) -> bool:
        """Whether the last failure of every server in the pool cannot be fixed by waiting."""
        return bool(self.pool) and self.pool <= self.final

    def forget_refusals(self) -> None:
        """Forget the refusals of all servers, because the credentials have changed."""
        self.final -= self.refused.keys()
        self.refused.clear()

    def completes_round(self, failure: Failure, server: str) -> bool:
        """Record a failure to connect to one server of the pool, and return whether the pass over the pool is complete."""
        dialled = {each.server for each in self.round}
        self.round.append(replace(failure, server=server))
        return server in dialled or not failure.pool - dialled - {server}

    def take_round(self) -> list[Failure]:
        """Return the failures of the present round, and begin a new round."""
        taken, self.round = self.round, []
        return taken


def _is_final(error: NormalizedError, *, refused: bool, follows: bool) -> bool:
    """Return whether waiting cannot fix an error, because another request, another address or other credentials are needed."""
    if not error.known:
        return False
    if error.recovery is Recovery.REDIRECT:
        return not follows
    if error.retryable or error.recovery is Recovery.NONE:
        return False
    return error.recovery is not Recovery.REAUTHENTICATE or refused
