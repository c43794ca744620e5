"""
The life of one session, as a state machine without I/O: facts go in, what to tell and what to do comes out.

Two rules keep this module honest. Everything that follows from a fact is decided here, so an adapter never asks itself
whether an end was told already, whose fault it was, or whether trying again is of any use. And nothing here waits, calls a
client, reads a clock or draws a number that was not handed in, so a recorded life can be lived again (`errnorm.session.trace`).

The theory. A session is CONNECTING until it is UP for the first time; after that it is UP or DOWN, until it is CLOSED for good:

    CONNECTING ──Up──▶ UP ──Ended──▶ DOWN ──Up──▶ UP …
        └───────────────┴── Closed, or Close ──┴──▶ CLOSED

Three things are remembered, each in an object that dies with what it describes:

* of a *connection* (`Connection`): whether its fault was told, and whether this side ends it. It dies with the connection.
* of an *outage* (`Outage`): how often connecting failed, and which servers said no for good. It dies when the session is up.
* of a *round* (`Outage.round`): in a single session, which servers of the pool were dialled in vain so far.

Which fault does an end belong to? A connection ends once, and client libraries report that several times: a socket error, an
end of file, the peer's own words, a disconnect. The first fault that ends a connection is told and everything after it is
aftermath. Only what a socket says is held back until the connection has ended, because the peer's words, which say more,
may still stand in the buffer behind it.

When is a session hopeless? If the last failure of *every* server of the pool is one that time cannot mend. A retryable error
never is, but for a redirect that the client does not follow; an unknown one is not known to be. Refused credentials are not the
first time, if the client reads them anew; a second refusal by the same server counts as one only if no other credentials came in
between.
"""

from __future__ import annotations

import time
from dataclasses import replace
from random import random as _draw
from typing import TYPE_CHECKING

from errnorm.decision import SERVICE, Decision, RetryPolicy, Verdict, decide
from errnorm.engine import ended
from errnorm.session.facts import (
    Close,
    Closed,
    Closing,
    CredentialsChanged,
    DialFailed,
    Dialling,
    Ended,
    HandlerFailed,
    Health,
    Next,
    Said,
    State,
    Status,
    Tell,
    Up,
)
from errnorm.session.memory import Connection, Outage
from errnorm.taxonomy import Category, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.error import NormalizedError
    from errnorm.session.facts import Fact, Failure, Output

__all__ = ["Session"]

_ANOTHER_TRY = "another server may let it in, or this one after a while"
_NO_SERVER_LEFT = "no server lets it in, and waiting does not help"
_GAVE_UP = "the client gave up"
_NOBODY_CONNECTS = "the client is closed for good, and nobody connects it again"


class Session:
    """
    The life of one session.

    Attributes:
        state: Where it stands.

        failure: The last fault that ended a connection, or an attempt to open one; `None` if it is up, or if this side ended it.

        error: The error that the present state is due to, if it is due to one.

        decision: What was decided about that error.

        abort: Whether the client is closed once the session is hopeless.

        single: Whether the first end is the last, and somebody else opens the next session.

        by_hand: Whether somebody connects a client again that has closed by itself.

        rereads: Whether the client reads its credentials anew for each attempt.
    """

    def __init__(  # noqa: PLR0913 - six independent switches, each with a safe default
        self,
        *,
        abort: bool = False,
        single: bool = False,
        by_hand: bool = False,
        rereads: bool = True,
        policy: RetryPolicy = SERVICE,
        clock: Callable[[], float] = time.time,
        random: Callable[[], float] = _draw,
    ) -> None:
        """
        Begin, with nothing dialled.

        Args:
            abort: Whether the client is closed once the session is hopeless.
            single: Whether somebody else opens the next session, `errnorm.supervise` for one. Then one pass over the pool is
                an attempt, the first end is the last, and neither is told here.
            by_hand: Whether somebody connects a client again that has closed by itself. If not, a client that closes is told
                as an abort, whatever its error allows.
            rereads: Whether the client reads its credentials anew for each attempt. If not, the first refusal is final until
                `CredentialsChanged`.
            policy: How long the pauses are for whoever connects again by hand; never a limit of attempts.
            clock: Returns the time, in seconds since 1970.
            random: Chance: returns a number from 0 up to 1.
        """
        self.state = State.CONNECTING
        self.failure: Failure | None = None
        self.error: NormalizedError | None = None
        self.decision: Decision | None = None
        self.abort = abort
        self.single = single
        self.by_hand = by_hand
        self.rereads = rereads
        self._policy = replace(policy, attempts=None)
        self._clock = clock
        self._random = random
        self._server = ""
        self._next: Next | None = None
        self._connection = Connection()
        self._outage = Outage()
        self._since = clock()

    def receive(self, fact: Fact) -> list[Output]:
        """
        Take one fact in.

        Args:
            fact: What happened. Facts that come after the session is closed change nothing.

        Returns:
            What to tell and to do, in this order.
        """
        if self.state is State.CLOSED and not isinstance(fact, HandlerFailed):
            return []
        before = self.status
        outputs = list(self._received(fact))
        if self.status is not before:
            self._since = self._clock()
        return outputs

    @property
    def status(self) -> Status:
        """How it is, in the words of a liveness probe."""
        if self.state in _PLAIN_STATUS:
            return _PLAIN_STATUS[self.state]
        return Status.HOPELESS if self._is_hopeless else Status.RECOVERING

    @property
    def end(self) -> Failure | None:
        """What closed it for good; `None` if this side did, or as long as it is not closed."""
        return self.failure if self.state is State.CLOSED else None

    @property
    def ending(self) -> bool:
        """Whether the peer, or the socket, has already said why this connection will end."""
        return self._connection.told or self._connection.held is not None

    def health(self) -> Health:
        """Say how it is, since when, and why."""
        return Health(status=self.status, since=self._since, error=self.error, decision=self.decision)

    def _received(self, fact: Fact) -> Iterator[Output]:
        match fact:
            case HandlerFailed():
                yield from self._handler_failed(fact)
            case Said():
                yield from self._said(fact)
            case DialFailed() | Ended():
                yield from self._ended(fact)
            case Closed():
                yield from self._closed(fact)
            case Up():
                yield from self._up(fact)
            case Dialling():
                yield from self._missed_end()
                self._server = fact.server
            case Closing():
                self._connection.closing = True
            case CredentialsChanged():
                self._outage.forget_refusals()

    # One fact after the other

    def _handler_failed(self, fact: HandlerFailed) -> Iterator[Output]:
        if fact.error is not None:
            yield Tell(
                error=fact.error,
                cause=fact.cause,
                operation=fact.operation or "handler",
                outcome="failed",
                decision=None,
                next=None,
            )

    def _said(self, fact: Said) -> Iterator[Output]:
        connection, error = self._connection, fact.error
        if error is None:
            return
        if not error.terminal:
            # What it happened to is not known here, so nobody has said that doing it twice is safe.
            decision = decide(error, policy=self._policy, random=self._random)
            yield self._told(fact, error, decision, Next.NOTHING, attempt=1)
        elif not connection.told and not connection.closing:
            if error.category is Category.TRANSPORT:
                connection.held = connection.held or fact
            else:
                connection.told = True
                yield from self._fault(fact, error)

    def _up(self, fact: Up) -> Iterator[Output]:
        yield from self._missed_end()
        if self.state is State.CLOSED:
            return
        for failure in self._outage.take_round():
            yield from self._tried(failure)
        self.state, self._server = State.UP, fact.server
        self.error = self.decision = self._next = self.failure = None
        self._outage = Outage()

    def _missed_end(self) -> Iterator[Output]:
        """Take it that a connection has ended if another one is opened."""
        if self._connection.held is not None:
            yield from self._ended(Ended(error=None))
        else:
            self._connection = Connection()

    def _ended(self, fact: DialFailed | Ended) -> Iterator[Output]:
        connection, self._connection = self._connection, Connection()
        failure = connection.fault(fact)
        if failure is not None and failure.error is not None and not connection.told:
            yield from self._fault(failure, failure.error)
        elif failure is None and self.state is State.UP:
            self.error = self.decision = self.failure = None
        if self.state is State.UP:
            self.state = State.DOWN

    def _closed(self, fact: Closed) -> Iterator[Output]:
        connection, self._connection = self._connection, Connection()
        failure = connection.fault(fact)
        gave_up = self.state is not State.UP and connection.held is None
        if connection.told or self._next is Next.CLOSED:
            self._close(self.failure)
        elif failure is None or failure.error is None:
            self.error = self.decision = None
            self._close(None)
        elif gave_up and self.error is not None:
            yield from self._gave_up(fact, self.error)
        else:
            yield from self._fault(replace(failure, next=Next.CLOSED), failure.error)
            self._close(failure)

    def _gave_up(self, fact: Closed, error: NormalizedError) -> Iterator[Output]:
        """Tell that there will be no further attempt: for the reason that the last one failed for, and as an abort."""
        decision = Decision(Verdict.ABORT, error.recovery, None, _GAVE_UP)
        failure = replace(fact, error=error, operation=fact.operation or "connect")
        if not self.single:
            yield self._told(failure, error, decision, Next.CLOSED, attempt=self._outage.failed)
        self.decision = decision
        self._close(failure)

    # Faults that end a connection, or an attempt to open one

    def _fault(self, failure: Failure, error: NormalizedError) -> Iterator[Output]:
        server = failure.server or self._server
        if self.state is not State.UP or failure.next is not Next.CLOSED:
            error = ended(error)  # and otherwise the client closed over something that the connection would have survived
        failure = replace(failure, error=error, server=server, operation=failure.operation or self._operation)
        refused_before = self._outage.add(error, failure, server, rereads=self.rereads)
        if self.single:
            yield from self._single_fault(failure)
            return
        closes = self.abort and self._is_hopeless
        following = Next.CLOSED if closes else failure.next
        decision = self._decided(failure, error, refused_before, following)
        self.error, self.decision, self._next, self.failure = error, decision, following, failure
        if self.state is State.UP:
            self.state = State.DOWN
        yield self._told(failure, error, decision, following, attempt=self._outage.failed)
        if closes:
            self._close(failure)
            yield Close(error=error, cause=failure.cause)

    def _single_fault(self, failure: Failure) -> Iterator[Output]:
        """Hand the end of a single session to whoever opens the next one, after one pass over the pool."""
        complete = self._outage.completes_round(failure, failure.server)
        self.error = failure.error
        if self.state is not State.UP and not complete and failure.next is Next.RECONNECTING:
            return
        tried = self._outage.take_round()
        # Whoever decides about the whole decides by the server that may still let it in.
        last = next((each for each in tried if each.error is not None and each.error.retryable), tried[-1])
        for each in tried:
            if each is not last:
                yield from self._tried(each)
        self._close(last)
        self.error = last.error
        yield Close(error=last.error, cause=last.cause)

    def _tried(self, failure: Failure) -> Iterator[Output]:
        """Tell of a server that was dialled in vain before the next one was."""
        if failure.error is not None:
            decision = Decision(Verdict.RETRY, Recovery.RECONNECT, None, _ANOTHER_TRY)
            yield self._told(failure, failure.error, decision, Next.RECONNECTING, attempt=1)

    def _decided(self, failure: Failure, error: NormalizedError, previous: NormalizedError | None, following: Next) -> Decision:
        """Decide, and let the decision say what happens: a retry if anybody tries again, with a pause if it is not the client."""
        decision = decide(
            error,
            idempotent=True,
            attempt=self._outage.failed,
            previous=previous,
            policy=self._policy,
            redirects=failure.follows,
            fresh_credentials=self.rereads,
            random=self._random,
        )
        if self._outage.is_hopeless:
            return decision if not decision.retry else Decision(Verdict.ABORT, error.recovery, None, _NO_SERVER_LEFT)
        if following is Next.RECONNECTING:
            why = decision.why if decision.retry else _ANOTHER_TRY
            return Decision(Verdict.RETRY, decision.step if decision.retry else Recovery.RECONNECT, None, why)
        if not self.by_hand and decision.retry:
            return Decision(Verdict.ABORT, error.recovery, None, _NOBODY_CONNECTS)
        return decision

    # The rest

    @property
    def _is_hopeless(self) -> bool:
        return self._outage.is_hopeless or self._outage.stuck

    @property
    def _operation(self) -> str:
        return "serve" if self.state is State.UP else "connect"

    def _told(self, failure: Failure, error: NormalizedError, decision: Decision, following: Next, *, attempt: int) -> Tell:
        return Tell(
            error=error,
            cause=failure.cause,
            operation=failure.operation or self._operation,
            outcome="background",
            decision=decision,
            next=following,
            attempt=attempt,
        )

    def _close(self, failure: Failure | None) -> None:
        self.state, self.failure = State.CLOSED, failure


_PLAIN_STATUS = {State.UP: Status.UP, State.CLOSED: Status.CLOSED}
