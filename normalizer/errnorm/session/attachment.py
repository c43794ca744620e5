"""
A client under a middleware: what every adapter's `attach` returns, whoever the client is.

An adapter subclasses `Attachment`, hands it facts (`feed`), and says how its client is closed (`close`, `_close_client`).
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from contextvars import Context
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

__all__ = ["Attachment"]

_log = logging.getLogger("errnorm")


class Attachment(ABC):
    """
    One session of one client: its health, its end, and the way to close it.

    Attributes:
        client: The client; `None` as long as it is not known.

        protocol: What the client speaks, `"nats"`.
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
            middleware: Whom faults are reported to.
            protocol: What the client speaks.
            session: The state machine, with nothing received.
            peer: Whom with, in few possible values; it is reported along.
            record: Writes a line of the session's trace (`errnorm.session.trace`). What it raises is logged.
        """
        self.client = None
        self.protocol = protocol
        self._middleware = middleware
        self._session = session
        self._peer = peer
        self._over = asyncio.Event()
        self._record = None if record is None else _careful(record)
        self._trace = None if self._record is None else Trace(session, self._record)

    @abstractmethod
    async def close(self) -> None:
        """Close the client. That is not a fault."""

    @abstractmethod
    def _close_client(self, order: Close) -> None:
        """Have the client closed for good, without waiting. Must not raise."""

    def health(self) -> Health:
        """Return how the session is, since when, and why: for a liveness probe."""
        return self._session.health()

    async def ended(self) -> object:
        """
        Wait until the session is over: closed for good, or, if it is supervised, when its first connection ends.

        Returns:
            What it ended with, an exception or a `NormalizedError`; `None` if this side closed it.
        """
        session, over = self._session, self._over
        await over.wait()
        return _end_of(session)

    @property
    def end(self) -> object:
        """What the session ended with, as `ended` returns it; `None` if it has not ended."""
        return _end_of(self._session)

    @property
    def state(self) -> State:
        """Where the life of the session stands."""
        return self._session.state

    @property
    def is_ending(self) -> bool:
        """Whether the session is over, or about to be: then what it ends with says more than what a call on it raised."""
        return not self.health().up

    @property
    def is_over(self) -> bool:
        """Whether the session is over."""
        return self._session.state is State.CLOSED

    def _begin_again(self, session: Session) -> None:
        """Give a client that is connected again after its session was over a new session. Who awaits the old one gets its end."""
        self._session = session
        self._over = asyncio.Event()
        self._trace = None if self._record is None else Trace(session, self._record)

    def feed(self, fact: Fact) -> None:
        """Take a fact in, and carry out what follows from it. Never raises."""
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
        except Exception as failure:  # noqa: BLE001 - this runs where a client receives, and nothing may be raised there
            _log.error("errnorm: a session could not take in what happened: %s", class_names(failure)[0])
        if self.is_over:
            self._hand_over()

    def _closes_outage(self, before: Health, now: Health) -> None:
        if now.up and not before.up and before.error is not None:
            Context().run(self._middleware.recovered, self.protocol, peer=self._peer, seconds=now.since - before.since)

    def _hand_over(self) -> None:
        """Let whoever waits for the end have it."""
        failure = self._session.end
        if self._session.single and failure is not None and failure.error is not None and failure.cause is not None:
            # The supervisor reports it. Until then a guard around a call that fails with it has only its span to tag.
            claim(failure.cause, Mark(failure.error, decide(failure.error, idempotent=True), told="background"))
        self._over.set()

    def _tell(self, tell: Tell) -> None:
        # A client's tasks run in the context of whoever connected: that user, request and span have no part in its faults.
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
        )


def _end_of(session: Session) -> object:
    failure = session.end
    return None if failure is None else failure.cause or failure.error


def _careful(write: Callable[[str], object]) -> Callable[[str], object]:
    def careful(line: str) -> None:
        try:
            write(line)
        except Exception as failure:  # noqa: BLE001 - a trace that cannot be written must not change what it describes
            _log.error("errnorm: the trace of a session could not be written: %s", class_names(failure)[0])

    return careful
