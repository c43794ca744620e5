"""
Credentials that were refused: whether there are other ones by now.

The same credentials are tried twice, since a user database may have been away, and never a third time. What counts as other
ones is said by a hook, or seen from the content of a file.
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
    The credentials of one service, from one refusal to the next.

    Attributes:
        refusals: How often the present credentials were refused.
    """

    def __init__(
        self, source: Source | None, *, every: float, within: float, clock: Callable[[], float], sleep: Callable[[float], Any]
    ) -> None:
        """
        Begin with credentials that nobody has refused.

        Args:
            source: A file, or a hook that gets the refusal and says whether there are other credentials; or neither.
            every: How long to wait from one look to the next, in seconds.
            within: How long to look for other ones, in seconds.
            clock: Returns seconds that only grow.
            sleep: Waits for some seconds.
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
        """Note that a session is about to be opened, with what is in the file now."""
        self._used = self._fingerprint()

    def accepted(self) -> None:
        """Forget what was refused."""
        self.refusals, self._since, self._renewed = 0, None, False

    async def refused(self, error: NormalizedError) -> float | None:
        """
        Note a refusal.

        Returns:
            How long to wait at least before the next attempt, in seconds; `None` if there are no credentials to try.
        """
        if self._since is None:
            self._since = self._clock()
        self.refusals += 1
        if await self._are_new(error):
            # A hook that always says so must not make a service hammer.
            pause = self.every if self._renewed else 0.0
            self.refusals, self._renewed = 0, True
            return pause if self._in_time() else None
        return 0.0 if self.refusals < _SAME_AT_MOST else None

    @property
    def may_come(self) -> bool:
        """Whether other credentials may still come."""
        return self._source is not None and self._in_time()

    async def wait(self, error: NormalizedError) -> bool:
        """Wait for other credentials; tell whether they came."""
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
