"""The counts of a watcher: errors by reason, account and client, in bounded memory."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from errnorm.cli.style import Style, counted, fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.error import NormalizedError
    from errnorm_adapters.tools.watch.events import Event

__all__ = ["Summary"]

_MOST = 5000
_SHOWN = 12
_WINDOW = 60
_OTHERS = ("(others)", "", "", "")

Key = tuple[str, str, str, str]


class Summary:
    """
    Counts errors.

    Attributes:
        events: How many messages have arrived.

        errors: How many of them were errors.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Create a summary without errors."""
        self._clock = clock
        self._started = clock()
        self._counts: Counter[Key] = Counter()
        self._seconds: deque[tuple[int, int]] = deque(maxlen=_WINDOW)
        self.events = self.errors = 0

    def add(self, event: Event, error: NormalizedError) -> None:
        """Count one error."""
        self.errors += 1
        key = (error.reason.value, error.code or "", event.account, event.client)
        self._counts[key if key in self._counts or len(self._counts) < _MOST else _OTHERS] += 1
        second = int(self._clock())
        count = self._seconds.pop()[1] if self._seconds and self._seconds[-1][0] == second else 0
        self._seconds.append((second, count + 1))

    def rate(self) -> float:
        """Return the errors per second during the last minute, or since the start if that is shorter."""
        now = self._clock()
        recent = sum(count for second, count in self._seconds if second > now - _WINDOW)
        return recent / max(min(_WINDOW, now - self._started), 1.0)

    @property
    def counts(self) -> dict[Key, int]:
        """The number of errors by reason, code, account and client, the most frequent first."""
        return dict(self._counts.most_common())

    def lines(self, width: int, style: Style) -> Iterator[str]:
        """Yield the view for a terminal."""
        seen = f"{counted(self.errors, 'error')} in {counted(self.events, 'event')}, {self.rate():.1f} a second"
        yield style.strong(fitted(seen, width))
        if self._counts:
            yield style.dim(fitted(f"{'count':>8}  {'reason':<22} {'account':<12} client", width))
        for (reason, _, account, client), count in self._counts.most_common(_SHOWN):
            yield fitted(f"{count:>8,}  {reason:<22} {account:<12} {client}", width)
        if len(self._counts) > _SHOWN:
            yield style.dim(fitted(f"{'':>8}  … and {counted(len(self._counts) - _SHOWN, 'more kind')}", width))
