"""
What is behind an exception that a guard sees: the client it came from is found once, whatever number of clients there is.

A request that times out does not say that its subject is denied, that the session ended under it, or that a consumer was deleted;
a call on a closed client does not say why it is closed. The client's attachment knows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

from errnorm.decision import decide
from errnorm.exceptions import ReportedException, class_names
from errnorm.marks import Mark, claim
from errnorm.session import State
from errnorm.taxonomy import Reason
from errnorm_adapters.nats.client.traces import Wait

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware
    from errnorm_adapters.nats.client.denials import Denials

__all__ = ["Resolver", "resolver_of"]

_CLOSED = "nats.errors.ConnectionClosedError"
_GAVE_UP = "nats.errors.NoServersError"
# What nats-py says while it closes; once it has closed it does not tell whose doing that was.
_CLOSED_HERE = ReportedException(("nats.errors.ConnectionDrainingError",))


class _Idle(Exception):  # noqa: N818 - it is not an error
    """Nothing was there to be fetched."""


class Attached(Protocol):
    """What the attachment of a client tells a resolver; `NatsAttachment` says what each part means."""

    last_fault: tuple[BaseException, float] | None
    denials: Denials

    @property
    def client(self) -> object:
        """Return the client."""
        ...

    @property
    def state(self) -> State:
        """Return where the session is in its life."""
        ...

    @property
    def is_over(self) -> bool:
        """Tell whether the session has ended."""
        ...

    @property
    def end(self) -> object:
        """Return what ended the session; `None` while it lasts, and where this side ended it."""
        ...


class Resolver:
    """What the attachments of one middleware know."""

    def __init__(self) -> None:
        """Know of no client."""
        self._attachments: WeakValueDictionary[int, Attached] = WeakValueDictionary()

    def add(self, attachment: Attached) -> None:
        """Answer for the client of an attachment."""
        self._attachments[id(attachment.client)] = attachment

    def behind(self, exception: BaseException, error: NormalizedError) -> object:
        """Return what is behind an exception, an exception that was reported already or a raw error; `None` if nothing is."""
        name = class_names(exception)[0]
        if name not in {_CLOSED, _GAVE_UP} and error.reason is not Reason.TRANSPORT_TIMEOUT:
            return None
        wait = Wait(exception)
        if wait.dials and name != _GAVE_UP:
            return None
        attachment = self._attachments.get(id(wait.client))
        if name in {_CLOSED, _GAVE_UP}:
            return None if attachment is None else _why_closed(attachment, name)
        denial = None if attachment is None else attachment.denials.behind(wait)
        return denial or wait.conflict or _fault_during(wait, attachment) or _nothing_there(wait, error)


def _why_closed(attachment: Attached, name: str) -> object:
    if attachment.is_over and attachment.end is None and name == _CLOSED:
        return _CLOSED_HERE
    last = attachment.last_fault
    return last[0] if last is not None and (attachment.is_over or name == _GAVE_UP) else None


def _fault_during(wait: Wait, attachment: Attached | None) -> BaseException | None:
    """Return what ended the session while somebody waited, or before that if it has not come back."""
    if attachment is None or attachment.last_fault is None:
        return None
    cause, at = attachment.last_fault
    return cause if attachment.state is not State.UP or at >= time.monotonic() - wait.seconds else None


def _nothing_there(wait: Wait, error: NormalizedError) -> BaseException | None:
    """Return something that was dealt with already, if a consumer is merely empty."""
    if not wait.is_idle():
        return None
    idle = _Idle()
    claim(idle, Mark(error, decide(error, idempotent=True), idempotent=True))
    return idle


def resolver_of(middleware: Middleware) -> Resolver:
    """Return the resolver of a middleware, which asks it from then on."""
    resolver = _RESOLVERS.get(middleware)
    if resolver is None:
        resolver = _RESOLVERS.setdefault(middleware, Resolver())
        middleware.add_resolver(resolver.behind)
    return resolver


_RESOLVERS: WeakKeyDictionary[Middleware, Resolver] = WeakKeyDictionary()
