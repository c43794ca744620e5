"""What a session remembers, each in an object that dies with what it describes."""

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
    """What is remembered of one connection, or of one attempt to open one."""

    told: bool = False
    closing: bool = False
    held: Failure | None = None

    def fault(self, fact: Failure) -> Failure | None:
        """Return the fault that an end belongs to; `None` if this side wanted it."""
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
        failed: How many attempts in a row have failed; the end of an established session counts as the first.

        pool: The servers that the client may dial.

        final: The servers whose last failure no time can mend.

        refused: The servers that refused the credentials, with what they said first.

        round: The failures of this pass over the pool, where one pass is an attempt.

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
        Count a failure; return the earlier refusal of the same credentials by the same server, if there was one.

        Args:
            error: What it was.
            failure: How it was reported.
            server: Which server it happened with.
            rereads: Whether the client reads its credentials anew for the next attempt.
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
        """Whether every server of the pool has said no for good."""
        return bool(self.pool) and self.pool <= self.final

    def forget_refusals(self) -> None:
        """Give every server another chance: the credentials are not those that it refused."""
        self.final -= self.refused.keys()
        self.refused.clear()

    def completes_round(self, failure: Failure, server: str) -> bool:
        """Note one more server that was dialled in vain; tell whether that was the last of the pool."""
        dialled = {each.server for each in self.round}
        self.round.append(replace(failure, server=server))
        return server in dialled or not failure.pool - dialled - {server}

    def take_round(self) -> list[Failure]:
        """Return the round so far, and begin a new one."""
        taken, self.round = self.round, []
        return taken


def _is_final(error: NormalizedError, *, refused: bool, follows: bool) -> bool:
    """Tell whether no time can mend an error: what would help is another request, answer or address, or other credentials."""
    if not error.known:
        return False
    if error.recovery is Recovery.REDIRECT:
        return not follows
    if error.retryable or error.recovery is Recovery.NONE:
        return False
    return error.recovery is not Recovery.REAUTHENTICATE or refused
