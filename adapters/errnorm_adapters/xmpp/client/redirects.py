"""
Count the redirects that slixmpp follows one after the other, and slow them down.

slixmpp follows `see-other-host` at once. If the application gave an address to connect to, slixmpp ignores that of the redirect
and goes back to the server that redirects: hundreds of times in a second, each time with a login. So from the second redirect in
a row on, connecting again waits for the pause of the policy, which grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.decision import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.decision import RetryPolicy
    from errnorm.error import NormalizedError

__all__ = ["Redirects"]

# Redirects with more seconds between them do not belong together. No pause is longer.
_IN_A_ROW = 60.0


class Redirects:
    """The latest redirects of one client."""

    def __init__(self, policy: RetryPolicy, now: Callable[[], float]) -> None:
        """
        Create an empty record.

        Args:
            policy: How long the pauses are.
            now: Returns seconds of a monotonic clock.
        """
        self._policy = policy
        self._now = now
        self._count = 0
        self._last = self._until = 0.0

    def follow(self, error: NormalizedError) -> int:
        """Record a redirect that slixmpp is about to follow, and return how many there were in a row."""
        now = self._now()
        self._count = self._count + 1 if self._count and now - self._last < _IN_A_ROW else 1
        pause = 0.0
        if self._count > 1:
            decision = decide(error, idempotent=True, attempt=self._count - 1, policy=self._policy, redirects=True)
            pause = min(decision.delay or 0.0, _IN_A_ROW / 2)
        self._last, self._until = now + pause, now + pause
        return self._count

    @property
    def pause(self) -> float:
        """How many seconds to wait before connecting again; 0 if there is nothing to wait for."""
        return max(0.0, self._until - self._now())
