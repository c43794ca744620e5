"""
Find the reason behind an exception that a guard saw, with the help of the attachment of the client that raised it.

A time-out of a request does not show that the subject is denied, that the session ended during the request, or that a consumer
was deleted. An exception for a closed client does not show why the client is closed. The attachment of the client has this
information. The number of clients does not affect the cost of finding it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from errnorm.decision import decide
from errnorm.engine import unanswered
from errnorm.exceptions import ReportedException, class_names
from errnorm.marks import Mark, claim, mark_of
from errnorm.session import State
from errnorm.taxonomy import Reason
from errnorm_adapters.nats.client.acks import Refusals
from errnorm_adapters.nats.client.frames import closed_cb_of
from errnorm_adapters.nats.client.traces import Wait
from errnorm_adapters.resolvers import shared

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm_adapters.nats.client.denials import Denials

__all__ = ["Resolver", "resolver_of"]

_CLOSED = "nats.errors.ConnectionClosedError"
_CLOSED_IN_CORE = "Connection is closed"
_GAVE_UP = "nats.errors.NoServersError"
# The exception that nats-py raises while it drains and closes. For a closed client, nats-py does not tell which side closed it.
_CLOSED_HERE = ReportedException(("nats.errors.ConnectionDrainingError",))


class _Idle(Exception):  # noqa: N818 - not an error
    """A marker for a `fetch` that found no message."""


class _Outage(Exception):  # noqa: N818 - not an error
    """A marker for a fault of the connection that was already reported, while an operation waited for its answer."""


class Attached(Protocol):
    """The part of an attachment that the resolver uses; `NatsAttachment` describes it."""

    last_fault: tuple[BaseException, float] | None
    denials: Denials

    def meet(self, client: object) -> None:
        """Store the client of the attachment."""
        ...

    @property
    def state(self) -> State:
        """Return the state of the session."""
        ...

    @property
    def is_over(self) -> bool:
        """Return whether the session has ended."""
        ...

    @property
    def is_ending(self) -> bool:
        """Return whether the session has ended, or the client is no longer connected."""
        ...

    def health(self) -> object:
        """Pass on to the session the changes for which the client has not called its callbacks yet."""
        ...

    @property
    def end(self) -> object:
        """Return the error that ended the session; `None` before the end, and if this side ended it."""
        ...


class Resolver:
    """
    Find the reasons behind exceptions for all clients of one middleware.

    Attributes:
        refusals: The acknowledgements that may never come, because a publish was denied.
    """

    def __init__(self) -> None:
        """Create a resolver without attachments."""
        self.refusals = Refusals()
        self._attachments: WeakValueDictionary[int, Attached] = WeakValueDictionary()

    def add(self, key: object, attachment: Attached) -> None:
        """
        Add an attachment. The resolver does not keep it alive.

        Args:
            key: The `closed_cb` of a client of nats-py, whose client does not exist yet, or a client of nats-core.
            attachment: The attachment, which holds the key.
        """
        self._attachments[id(key)] = attachment

    def behind(self, exception: BaseException, error: NormalizedError) -> object:
        """
        Return the reason behind an exception.

        Args:
            exception: The exception that a guard saw.
            error: The normalized error of the exception.

        Returns:
            An exception that was already reported, or a raw error; `None` if no other reason is known.
        """
        name = _CLOSED if error.code == _CLOSED_IN_CORE else class_names(exception)[0]
        if name not in {_CLOSED, _GAVE_UP} and error.reason is not Reason.TRANSPORT_TIMEOUT:
            return None
        wait = Wait(exception)
        if wait.dials and name != _GAVE_UP:
            return None
        if wait.client is None:
            return self.refusals.behind()
        attachment = self._of(wait.client)
        if name in {_CLOSED, _GAVE_UP}:
            return None if attachment is None else _why_closed(attachment, name)
        denial = None if attachment is None else attachment.denials.behind(wait)
        return denial or wait.conflict or _fault_during(wait, attachment) or _nothing_there(wait, error)

    def _of(self, client: object) -> Attached | None:
        attachment = self._attachments.get(id(closed_cb_of(client) or client))
        if attachment is not None:
            attachment.meet(client)
        return attachment


def _why_closed(attachment: Attached, name: str) -> object:
    attachment.health()  # nats-py closes before it calls its callback
    if attachment.is_over and attachment.end is None and name == _CLOSED:
        return _CLOSED_HERE
    last = attachment.last_fault
    return last[0] if last is not None and (attachment.is_ending or name == _GAVE_UP) else None


def _fault_during(wait: Wait, attachment: Attached | None) -> BaseException | None:
    """Return the exception that ended the connection during the wait, or before it if the connection is not up again."""
    if attachment is None or attachment.last_fault is None:
        return None
    cause, at = attachment.last_fault
    if attachment.state is State.UP and at < time.monotonic() - wait.seconds:
        return None
    mark = mark_of(cause)
    if mark is None:
        return cause
    # A dial that was refused later does not show that the server never received the request.
    outage, error = _Outage(), unanswered(mark.error)
    claim(outage, Mark(error, decide(error), told=mark.told))
    return outage


def _nothing_there(wait: Wait, error: NormalizedError) -> BaseException | None:
    """Return a marker that no guard emits, if there was no message to receive."""
    if not wait.is_idle():
        return None
    idle = _Idle()
    claim(idle, Mark(error, decide(error, idempotent=True), idempotent=True, told=None, expected=True))
    return idle


resolver_of = shared(Resolver)
"""Returns the resolver of a middleware. The first call adds it to the middleware."""
