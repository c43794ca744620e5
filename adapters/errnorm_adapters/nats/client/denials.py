"""
Permissions that a server refused to a client lately: what is behind a request that only timed out.

A denial comes back beside the operation (`-ERR` names a subject and nothing else), and nats-py hands it to `error_cb` while
whoever asked waits until the time is up.
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
# A busy event loop notices the end of a time-out late.
_LATE = 0.2
_DENIED = "Permissions Violation for "
_TO_HEAR = "Permissions Violation for Subscription"


class Denial(NamedTuple):
    """One refusal: when, of which subject in lower case, whether to hear on it, and as what it was told."""

    at: float
    subject: str
    hears: bool
    exception: BaseException


class Denials:
    """The latest denials of one connection, a bounded number."""

    def __init__(self) -> None:
        """Know of none."""
        self._latest: deque[Denial] = deque(maxlen=_MOST)

    def remember(self, exception: BaseException, error: NormalizedError) -> None:
        """Remember an error that was told, if it is a denial of a subject."""
        subject, code = error.params.get("subject"), error.code or ""
        if isinstance(subject, str) and code.startswith(_DENIED):
            self._latest.append(Denial(time.monotonic(), subject.lower(), code.startswith(_TO_HEAR), exception))

    def forget(self) -> None:
        """Forget all: a new connection may have other permissions, and subscribes anew."""
        self._latest.clear()

    def behind(self, wait: Wait) -> BaseException | str | None:
        """
        Return the denial that somebody waited in vain for; `None` if there was none.

        Returns:
            The exception that was told, if it was told of this very operation. Its text, if it is why this operation failed
            like others before it: a request whose answers go to a subscription that was refused when the first one was made.
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
    # As the server writes it (Go's %q), and in lower case, which nats-py gives everything the server says.
    return subject.replace("\\", "\\\\").replace('"', '\\"').lower()
