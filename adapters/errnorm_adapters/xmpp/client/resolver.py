"""What is behind a time-out that a guard sees: the session that ended under the request, or that had ended before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

from errnorm.decision import decide
from errnorm.exceptions import attribute, class_names
from errnorm.marks import Mark, claim

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["Resolver", "resolver_of"]

_TIME_OUT = "slixmpp.exceptions.IqTimeout"


class _Ended(Exception):  # noqa: N818 - it is never raised
    """The session has ended, which was reported."""


class _Attached(Protocol):
    """An attachment, as far as it is asked here."""

    client: Any

    def lost(self, identity: str) -> NormalizedError | None:
        """Return the error behind a request that timed out."""
        ...


class Resolver:
    """What the attachments of one middleware know."""

    def __init__(self) -> None:
        """Know of no client."""
        self._attachments: WeakValueDictionary[int, _Attached] = WeakValueDictionary()

    def add(self, attachment: _Attached) -> None:
        """Answer for the client of an attachment."""
        self._attachments[id(attachment.client)] = attachment

    def behind(self, exception: BaseException, _error: NormalizedError) -> object:
        """Return something that was reported already and means the end of the session; `None` if that is not behind it."""
        if class_names(exception)[0] != _TIME_OUT:
            return None
        request = attribute(exception, "iq")
        attachment = self._attachments.get(id(attribute(request, "stream")))
        identity = attribute(attribute(request, "xml"), "attrib")
        error = None if attachment is None or type(identity) is not dict else attachment.lost(identity.get("id", ""))
        if error is None:
            return None
        ended = _Ended()
        claim(ended, Mark(error, decide(error, idempotent=True), idempotent=True, told="background"))
        return ended


def resolver_of(middleware: Middleware) -> Resolver:
    """Return the resolver of a middleware, which asks it from then on."""
    resolver = _RESOLVERS.get(middleware)
    if resolver is None:
        resolver = _RESOLVERS.setdefault(middleware, Resolver())
        middleware.add_resolver(resolver.behind)
    return resolver


_RESOLVERS: WeakKeyDictionary[Middleware, Resolver] = WeakKeyDictionary()
