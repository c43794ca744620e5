"""
The state machine of one session, without I/O: facts go in; faults to emit and an order to close the client come out.

Two rules apply to this module. It decides everything that follows from a fact, so an adapter never has to find out whether an end
was already emitted, which error caused it, or whether a retry can help. And it never waits, calls a client, or uses a clock or
random numbers other than those it was given, so a recorded session can be replayed (`errnorm.session.trace`).

A session is CONNECTING until it is UP for the first time. After that it is UP or DOWN, until it is CLOSED for good:

    CONNECTING ──Up──▶ UP ──Ended──▶ DOWN ──Up──▶ UP …
        └───────────────┴── Closed, or Close ──┴──▶ CLOSED

Three things are remembered, each in an object that is dropped when it is no longer true:

* about a *connection* (`Connection`): whether its fault was emitted, and whether this side is ending it. It is dropped when the
  connection ends.
* about an *outage* (`Outage`): how many attempts have failed, and which servers will never accept the client. It is dropped when
  the session is up.
* about a *round* (`Outage.round`): in a single session, the failures of the servers of the pool that were tried so far.

Which fault has ended a connection? A connection ends once, but client libraries report the end several times: as a socket error,
an end of file, the peer's error, a disconnect. The first fault that ends a connection is emitted, and all later ones are ignored.
Only a socket error is held back until the connection has ended, because the error of the peer, which says more, may still be in
the receive buffer.

When is a session hopeless? If waiting cannot fix the last failure of *every* server of the pool. Waiting can fix a retryable
error, except a redirect that the client does not follow, and it may fix an unknown error. If the client reads its credentials
again for each attempt, the first refusal by a server can be fixed too, and so can a later one after the credentials have changed.
"""

from __future__ import annotations

import time
from dataclasses import replace
from random import random as _draw
from typing import TYPE_CHECKING

from errnorm import frozen
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

_ANOTHER_TRY = "another server may accept the client, or this one after a while"
_NO_SERVER_LEFT = "no server accepts the client, and waiting does not help"
_GAVE_UP = "the client gave up"
_NOBODY_CONNECTS = "the client is closed and will not reconnect"


class Session:
    """
    The state machine of one session.

    Attributes:
        state: The state.

        failure: The last failure that has ended a connection or an attempt to open one; `None` if the session is up, or if this
            side has ended it.

        error: The error that has caused the present state, if there is one.

        decision: The decision about that error.

        abort: Whether the client is closed as soon as the session is hopeless.

        single: Whether the session ends with its first connection, and a supervisor opens the next session.

        by_hand: Whether the application reconnects a client that has closed by itself.

        rereads: Whether the client reads its credentials again for each attempt.
    """

    def __init__(  # noqa: PLR0913 - independent settings, each with a safe default
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
        Create a session before its first attempt to connect.

        Args:
            abort: Whether the client is closed as soon as the session is hopeless.
            single: Whether a supervisor such as `errnorm.supervise` opens the next session. One pass over the pool is then one
                attempt, the session ends with its first connection, and the supervisor emits that end.
            by_hand: Whether the application reconnects a client that has closed by itself. If not, the decision about an error
                that closes the client is always to abort.
            rereads: Whether the client reads its credentials again for each attempt. If not, the first refusal is final until
                `CredentialsChanged`.
            policy: The lengths of the pauses, for an application that reconnects by itself. Its limit of attempts is ignored.
            clock: A function that returns the time in seconds since 1970.
            random: A function that returns a random number from 0 up to 1.
        """
        self.state = State.CONNECTING
        self.failure: Failure | None = None
        self.error: NormalizedError | None = None
        self.decision: Decision | None = None
        self.abort = abort
        self.single = single
        self.by_hand = by_hand
        self.rereads = rereads
        self._policy = frozen.replace(policy, attempts=None)
        self._clock = clock
        self._random = random
        self._server = ""
        self._next: Next | None = None
        self._connection = Connection()
        self._outage = Outage()
        self._since = clock()

    def receive(self, fact: Fact) -> list[Output]:
        """
        Process one fact.

        Args:
            fact: What happened. After the session is closed, all facts but `HandlerFailed` are ignored.

        Returns:
            The outputs, to be executed in this order.
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
        """The status of the session for a liveness probe."""
        if self.state in _PLAIN_STATUS:
            return _PLAIN_STATUS[self.state]
        return Status.HOPELESS if self._is_hopeless else Status.RECOVERING

    @property
    def end(self) -> Failure | None:
        """The failure that has closed the session; `None` if this side closed it, or if it is not closed."""
        return self.failure if self.state is State.CLOSED else None

    @property
    def ending(self) -> bool:
        """Whether the peer or the socket has already reported why this connection will end."""
        return self._connection.told or self._connection.held is not None

    def health(self) -> Health:
        """Return the status of the session, since when it has that status, and why."""
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

    # One method for each fact

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
            # The operation is not known here, so it is not known either whether repeating it is safe.
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
        """Process the end of the previous connection if the client did not report it before it opened another one."""
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
        """Emit that there will be no further attempt, with the error of the last attempt and the decision to abort."""
        decision = Decision(Verdict.ABORT, error.recovery, None, _GAVE_UP)
        failure = replace(fact, error=error, operation=fact.operation or "connect")
        if not self.single:
            yield self._told(failure, error, decision, Next.CLOSED, attempt=self._outage.failed)
        self.decision = decision
        self._close(failure)

    # Failures that end a connection, or an attempt to open one

    def _fault(self, failure: Failure, error: NormalizedError) -> Iterator[Output]:
        server = failure.server or self._server
        if self.state is not State.UP or failure.next is not Next.CLOSED:
            error = ended(error)  # otherwise the client has closed because of an error that did not end the connection
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
        yield self._told(failure, error, decision, following, attempt=max(self._outage.failed, failure.times))
        if closes:
            self._close(failure)
            yield Close(error=error, cause=failure.cause)

    def _single_fault(self, failure: Failure) -> Iterator[Output]:
        """End a single session after one pass over the pool. Its supervisor opens the next one."""
        complete = self._outage.completes_round(failure, failure.server)
        self.error = failure.error
        if self.state is not State.UP and not complete and failure.next is Next.RECONNECTING:
            return
        tried = self._outage.take_round()
        # The supervisor decides by the error of a server that may still accept the client, if there is one.
        last = next((each for each in tried if each.error is not None and each.error.retryable), tried[-1])
        for each in tried:
            if each is not last:
                yield from self._tried(each)
        self._close(last)
        self.error = last.error
        yield Close(error=last.error, cause=last.cause)

    def _tried(self, failure: Failure) -> Iterator[Output]:
        """Emit the failure of a server after which the client has tried another one."""
        if failure.error is not None:
            decision = Decision(Verdict.RETRY, Recovery.RECONNECT, None, _ANOTHER_TRY)
            yield self._told(failure, failure.error, decision, Next.RECONNECTING, attempt=1)

    def _decided(self, failure: Failure, error: NormalizedError, previous: NormalizedError | None, following: Next) -> Decision:
        """Return the decision about a failure: retry if the client, the application or a supervisor connects again."""
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

    # Helpers

    @property
    def server(self) -> str:
        """The server that the client is connected to or dialled last, as the adapter names it; `""` if that is not known."""
        return self.failure.server if self.failure is not None and self.failure.server else self._server

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
            server=failure.server or self._server,
        )

    def _close(self, failure: Failure | None) -> None:
        self.state, self.failure = State.CLOSED, failure


_PLAIN_STATUS = {State.UP: Status.UP, State.CLOSED: Status.CLOSED}
