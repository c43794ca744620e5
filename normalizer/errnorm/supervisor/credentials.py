"""
Decide whether credentials that were refused can be tried again, and find out whether there are new ones.

The same credentials are tried twice, because the user database may have been unavailable the first time, and never a third time.
Either a hook says whether there are new credentials, or the content of a file has changed.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

__all__ = ["Credentials", "Source"]

Source = str | Path | Callable[..., Any]

_SAME_AT_MOST = 2


class Credentials:
    """
    The state of one service's credentials between two sessions.

    Attributes:
        refusals: How many times the current credentials were refused.
    """

    def __init__(
        self, source: Source | None, *, every: float, within: float, clock: Callable[[], float], sleep: Callable[[float], Any]
    ) -> None:
        """
        Start with credentials that were not refused yet.

        Args:
            source: A file, or a hook that receives the error and returns whether there are new credentials, or `None`.
            every: The pause between two checks, in seconds.
            within: The longest time to wait for new credentials, in seconds.
            clock: A function that returns seconds of a monotonic clock.
            sleep: A coroutine function that waits for a number of seconds.
        """
        self.refusals = 0
        self.every = every
        self._source = source
        self._within = within
        self._clock = clock
        self._sleep = sleep
        self._since: float | None = None
        self._renewed = False
        self._used = self._fingerprint()

    def use(self) -> None:
        """Store the present content of the file, because a session is about to be opened with it."""
        self._used = self._fingerprint()

    def accepted(self) -> None:
        """Reset the state: the server has accepted the credentials."""
        self.refusals, self._since, self._renewed = 0, None, False

    async def refused(self, error: NormalizedError) -> float | None:
        """
        Record that the server has refused the credentials.

        Returns:
            The shortest pause before the next attempt, in seconds; `None` if there are no credentials to try.
        """
        if self._since is None:
            self._since = self._clock()
        self.refusals += 1
        if await self._are_new(error):
            # A hook that always reports new credentials must not make the service connect without pauses.
            pause = self.every if self._renewed else 0.0
            self.refusals, self._renewed = 0, True
            return pause if self._in_time() else None
        return 0.0 if self.refusals < _SAME_AT_MOST else None

    @property
    def may_come(self) -> bool:
        """Whether to go on waiting for new credentials."""
        return self._source is not None and self._in_time()

    async def wait(self, error: NormalizedError) -> bool:
        """Wait for new credentials, and return whether they came in time."""
        while self.may_come:
            await self._sleep(self.every)
            if await self._are_new(error):
                self.refusals, self._renewed = 0, True
                return True
        return False

    def _in_time(self) -> bool:
        return self._since is None or self._clock() - self._since < self._within

    async def _are_new(self, error: NormalizedError) -> bool:
        if self._source is None:
            return False
        if not callable(self._source):
            return self._fingerprint() not in {self._used, None}
        answer = self._source(error)
        return (await answer if inspect.isawaitable(answer) else answer) is not False

    def _fingerprint(self) -> bytes | None:
        if self._source is None or callable(self._source):
            return None
        try:
            return hashlib.sha256(Path(self._source).read_bytes()).digest()
        except OSError:
            return None
