"""Find the reason of a request's time-out: the session ended while the request waited, or had ended before it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from errnorm.decision import decide
from errnorm.engine import unanswered
from errnorm.exceptions import attribute, class_names
from errnorm.marks import Mark, claim
from errnorm_adapters.resolvers import shared

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

__all__ = ["Resolver", "resolver_of"]

_TIME_OUT = "slixmpp.exceptions.IqTimeout"


class _Ended(Exception):  # noqa: N818 - never raised
    """A marker for the end of a session that was already reported."""


class _Attached(Protocol):
    """The part of an attachment that the resolver uses."""

    client: Any

    def lost(self, identity: str) -> NormalizedError | None:
        """Return the error behind a request that timed out."""
        ...


class Resolver:
    """Find the errors behind time-outs for all clients of one middleware."""

    def __init__(self) -> None:
        """Create a resolver without attachments."""
        self._attachments: WeakValueDictionary[int, _Attached] = WeakValueDictionary()

    def add(self, attachment: _Attached) -> None:
        """Add the attachment of a client. The resolver does not keep it alive."""
        self._attachments[id(attachment.client)] = attachment

    def behind(self, exception: BaseException, _error: NormalizedError) -> object:
        """
        Return a marker for the end of the session, marked as already reported.

        Args:
            exception: The exception that a guard saw.

        Returns:
            The marker; `None` if the exception is not a time-out of a request, or if the end of a session did not cause it.
        """
        if class_names(exception)[0] != _TIME_OUT:
            return None
        request = attribute(exception, "iq")
        attachment = self._attachments.get(id(attribute(request, "stream")))
        identity = attribute(attribute(request, "xml"), "attrib")
        error = None if attachment is None or type(identity) is not dict else attachment.lost(identity.get("id", ""))
        if error is None:
            return None
        ended, error = _Ended(), unanswered(error)
        claim(ended, Mark(error, decide(error, idempotent=True), idempotent=True, told="background"))
        return ended


resolver_of = shared(Resolver)
"""Returns the resolver of a middleware. The first call adds it to the middleware."""
