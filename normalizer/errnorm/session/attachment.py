"""
The attachment of a middleware to a client: every adapter's `attach` returns one, for any client library.

An adapter subclasses `Attachment`, passes facts to `feed`, and implements how its client is closed (`close`, `_close_client`).
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

from errnorm.decision import decide
from errnorm.exceptions import class_names
from errnorm.marks import Mark, claim
from errnorm.session.facts import State, Tell
from errnorm.session.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.middleware import Middleware
    from errnorm.session.facts import Close, Fact, Health
    from errnorm.session.life import Session

__all__ = ["SUPERVISOR", "Attachment"]

_log = logging.getLogger("errnorm")

SUPERVISOR: ContextVar[Callable[[Attachment], object] | None] = ContextVar("errnorm_supervisor", default=None)
"""
Takes each session that is attached while a supervisor connects. An application can call the adapter's own `attach` with
`supervised=True` instead of the one that `connect` receives; the supervisor would otherwise not see the end of that session.
"""


class Attachment(ABC):
    """
    One session of one client, with its health, its end, and a method to close it.

    Attributes:
        client: The client; `None` until it is known.

        protocol: The protocol of the client, `"nats"`.
    """

    client: Any

    def __init__(
        self,
        middleware: Middleware,
        protocol: str,
        session: Session,
        *,
        peer: str | None = None,
        record: Callable[[str], object] | None = None,
    ) -> None:
        """
        Begin a session.

        Args:
            middleware: The middleware that emits the faults.
            protocol: The protocol of the client.
            session: A state machine that has not received any fact.
            peer: A name of the server or cluster, with few possible values; it is emitted with each fault.
            record: A function that writes one line of the session's trace (`errnorm.session.trace`). What it raises is logged.
        """
        self.client = None
        self.protocol = protocol
        self._middleware = middleware
        self._session = session
        self._peer = peer
        self._over = asyncio.Event()
        self._record = None if record is None else _careful(record)
        self._trace = None if self._record is None else Trace(session, self._record)
        if session.single and (takes := SUPERVISOR.get()) is not None:
            takes(self)

    @abstractmethod
    async def close(self) -> None:
        """Close the client. The end of the connection is then not emitted as a fault."""

    @abstractmethod
    def _close_client(self, order: Close) -> None:
        """Start to close the client, so that it does not reconnect, without waiting for it. Must not raise."""

    def health(self) -> Health:
        """Return the status of the session, since when it has that status, and why. Use it for a liveness probe."""
        return self._session.health()

    async def ended(self) -> object:
        """
        Wait until the session has ended.

        A session ends when the client is closed and will not reconnect; a supervised session ends with its first connection.

        Returns:
            The exception or `NormalizedError` that ended the session; `None` if this side closed it.
        """
        session, over = self._session, self._over
        await over.wait()
        return _end_of(session)

    @property
    def server(self) -> str:
        """The address of the server that the client is connected to or dialled last; `""` if that is not known."""
        return self._session.server or self._configured()

    def _configured(self) -> str:
        """Return the address that the client is configured to connect to, for adapters that do not know the present one."""
        return ""

    @property
    def end(self) -> object:
        """The exception or `NormalizedError` that ended the session, as `ended` returns it; `None` if it has not ended."""
        return _end_of(self._session)

    @property
    def state(self) -> State:
        """The state of the session: connecting, up, down or closed."""
        return self._session.state

    @property
    def is_ending(self) -> bool:
        """Whether the session is not up. The error that ends it then says more than an exception that a call has raised."""
        return not self.health().up

    @property
    def is_over(self) -> bool:
        """Whether the session has ended."""
        return self._session.state is State.CLOSED

    def _begin_again(self, session: Session) -> None:
        """Begin a new session for a client that connects again after its end. Earlier calls of `ended()` return the old end."""
        self._session = session
        self._over = asyncio.Event()
        self._trace = None if self._record is None else Trace(session, self._record)

    def feed(self, fact: Fact) -> None:
        """Pass a fact to the session, and execute the outputs. Never raises."""
        try:
            before = self._session.health()
            outputs = self._session.receive(fact)
            if self._trace is not None:
                self._trace.add(fact, outputs)
            for output in outputs:
                if isinstance(output, Tell):
                    self._tell(output)
                else:
                    self._close_client(output)
            self._closes_outage(before, self._session.health())
        except Exception as failure:  # noqa: BLE001 - this runs in the receive path of a client, which an exception would break
            _log.error("errnorm: a session could not process an event of its client: %s", class_names(failure)[0])
        if self.is_over:
            self._hand_over()

    def _closes_outage(self, before: Health, now: Health) -> None:
        # The supervisor of a single session logs the recovery of the service itself.
        if now.up and not before.up and before.error is not None and not self._session.single:
            where = self._peer or self.server or None
            Context().run(self._middleware.recovered, self.protocol, peer=where, seconds=now.since - before.since)

    def _hand_over(self) -> None:
        """Wake the callers of `ended()`."""
        failure = self._session.end
        if self._session.single and failure is not None and failure.error is not None and failure.cause is not None:
            # The supervisor will emit the error. Until then a guard around a call that fails with it only tags its span.
            claim(failure.cause, Mark(failure.error, decide(failure.error, idempotent=True), told="background"))
        self._over.set()

    def _tell(self, tell: Tell) -> None:
        # A client's tasks run in the context of the task that connected. The span and the request of that task have nothing to
        # do with a fault of the connection, so the fault is emitted in an empty context.
        Context().run(
            self._middleware.report,
            tell.error,
            self.protocol,
            operation=tell.operation,
            idempotent=True,
            peer=self._peer,
            attempt=tell.attempt,
            client=tell.next,
            decision=tell.decision,
            exception=tell.cause,
            outcome=tell.outcome,
            server=None if tell.next is None else tell.server or self._configured() or None,
        )


def _end_of(session: Session) -> object:
    failure = session.end
    return None if failure is None else failure.cause or failure.error


def _careful(write: Callable[[str], object]) -> Callable[[str], object]:
    def careful(line: str) -> None:
        try:
            write(line)
        except Exception as failure:  # noqa: BLE001 - a trace that cannot be written must not disturb the session
            _log.error("errnorm: the trace of a session could not be written: %s", class_names(failure)[0])

    return careful
