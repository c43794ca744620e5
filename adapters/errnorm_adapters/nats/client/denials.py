"""
Record the permissions that a server recently denied to a client: a denial is often the reason of a request that timed out.

The server reports a denial in an `-ERR`, which names a subject but not the operation. nats-py passes it to `error_cb`, and the
caller of the request waits until the time-out.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm_adapters.nats.client.traces import Wait

__all__ = ["Denials"]

_MOST = 256
# A busy event loop may raise a time-out this many seconds late.
_LATE = 0.2
_DENIED = "Permissions Violation for "
_TO_HEAR = "Permissions Violation for Subscription"


class Denial(NamedTuple):
    """
    One denial.

    Attributes:
        at: When it was received, on the clock of `time.monotonic`, in seconds.

        subject: The denied subject, in lower case.

        hears: Whether the permission to subscribe was denied, and not the permission to publish.

        exception: The exception that `error_cb` got.
    """

    at: float
    subject: str
    hears: bool
    exception: BaseException


class Denials:
    """The latest denials of one connection, at most a fixed number."""

    def __init__(self) -> None:
        """Create an empty record."""
        self._latest: deque[Denial] = deque(maxlen=_MOST)

    def remember(self, exception: BaseException, error: NormalizedError) -> bool:
        """Record an error that was reported, if it is a denial of a subject. Return whether a publish was denied."""
        subject, code = error.params.get("subject"), error.code or ""
        if not isinstance(subject, str) or not code.startswith(_DENIED):
            return False
        hears = code.startswith(_TO_HEAR)
        self._latest.append(Denial(time.monotonic(), subject.lower(), hears, exception))
        return not hears

    def forget(self) -> None:
        """Remove all denials: a new connection may have other permissions, and the client subscribes again."""
        self._latest.clear()

    def behind(self, wait: Wait) -> BaseException | str | None:
        """
        Return the denial that caused a time-out; `None` if no denial did.

        Args:
            wait: The wait that ended in the time-out.

        Returns:
            The exception of the denial, if the denial belongs to this operation. If the denial belongs to an earlier operation,
            only its text, so that the failure is reported again: answers to all requests go to one subscription, which the
            server refused when the first request was made.
        """
        began = time.monotonic() - wait.seconds - _LATE
        sent, heard = ({_quoted(subject) for subject in subjects if subject} for subjects in (wait.sent, wait.heard))
        for denial in reversed(self._latest):
            if denial.hears and denial.subject in heard:
                return denial.exception if wait.own or denial.at >= began else str(denial.exception)
            if not denial.hears and denial.subject in sent and denial.at >= began:
                return denial.exception
        return None


def _quoted(subject: str) -> str:
    # The server quotes subjects with Go's %q, and nats-py converts every error text to lower case.
    return subject.replace("\\", "\\\\").replace('"', '\\"').lower()
