"""
The storm guard: it counts lines that come too often instead of writing them, and loses none from the count.

Of each kind of line the first few in an interval are written, and the others are counted. A summary line has the count: it is
written a few seconds after the first line was counted, when the interval is over, when the application calls `flush`, and at
exit. At every moment, written + suppressed = happened, and suppressed = summarized + still counted.

The number of kinds is bounded. A line has several kinds, from the most to the least specific; if there is no room for one of
them, the line counts under the next one. A peer can therefore neither fill the memory or the log by inventing names, nor hide a
line of another kind. Existing rate limiters delay or refuse without counting what they refuse, or are asynchronous, or do not
report when a burst is over.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

__all__ = ["StormGuard", "Summary"]

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")

FIRST_SUMMARY: Final = 5.0
"""The time between the first suppressed line and the first summary, in seconds."""


class Summary(NamedTuple, Generic[K, T]):
    """
    The lines of one kind that were counted instead of written.

    Attributes:
        kind: The kind of the lines.

        example: The `example` that the caller passed with the first of the lines.

        suppressed: The number of lines.

        seconds: The number of seconds in which they were counted.
    """

    kind: K
    example: T
    suppressed: int
    seconds: float


class _Burst(Generic[K, T]):
    __slots__ = ("due", "example", "kind", "layer", "since", "started", "suppressed", "told")

    def __init__(self, kind: K, layer: int, started: float) -> None:
        self.kind = kind
        self.layer = layer
        self.started = self.since = self.due = started
        self.told = 0
        self.suppressed = 0
        self.example: T | None = None


class StormGuard(Generic[K, T]):
    """
    Decides which lines are written, and counts the others. It is thread-safe.

    Attributes:
        burst: The number of lines of a kind that are written in an interval.

        interval: The length of an interval, in seconds.
    """

    def __init__(
        self,
        burst: int = 5,
        interval: float = 60.0,
        kinds: int = 256,
        *,
        kinds_of: Callable[[K], Sequence[K]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Create a guard without counts.

        Args:
            burst: The number of lines of a kind that are written in an interval; 0 means no limit.
            interval: The length of an interval, in seconds.
            kinds: The maximum number of kinds, for each degree of detail.
            kinds_of: Returns the kinds of a line, from the most to the least specific. There is always room for the last one,
                so there must be few such kinds.
            clock: Returns the time in seconds.
        """
        self.burst = burst
        self.interval = interval
        self._most = kinds
        self._kinds_of = kinds_of
        self._clock = clock
        self._bursts: dict[K, _Burst[K, T]] = {}
        self._used: dict[int, int] = {}
        self._next_sweep = 0.0
        # Re-entrant, because a signal handler or a finalizer on the same thread may emit an error too.
        self._lock = threading.RLock()

    def admit(self, kind: K, example: T) -> tuple[bool, Sequence[Summary[K, T]]]:
        """
        Decide about one line.

        Args:
            kind: The most specific kind of the line.
            example: The data for a summary of its kind.

        Returns:
            Whether to write the line, and the summaries to write before it.
        """
        if not self.burst:
            return True, ()
        now = self._clock()
        with self._lock:
            burst = self._bursts.get(kind)
            # The common case in a storm: the burst of the kind is used up, and its interval is not over.
            if burst is not None and burst.told >= self.burst and burst.suppressed and now - burst.started < self.interval:
                burst.suppressed += 1
                return False, ()
            return self._admit(kind, example, now)

    def _admit(self, kind: K, example: T, now: float) -> tuple[bool, Sequence[Summary[K, T]]]:
        due: list[Summary[K, T]] = []
        burst = self._burst(self._kinds_of(kind), now, due)
        if burst.told < self.burst:
            burst.told += 1
            return True, due
        if not burst.suppressed:
            burst.example = example
            over = burst.started + self.interval
            burst.due = over if burst.since > burst.started else min(now + FIRST_SUMMARY, over)
        burst.suppressed += 1
        return False, due

    def _burst(self, kinds: Sequence[K], now: float, due: list[Summary[K, T]]) -> _Burst[K, T]:
        last = len(kinds) - 1
        for layer, kind in enumerate(kinds):
            burst = self._bursts.get(kind)
            if burst is not None and now - burst.started < self.interval:
                return burst
            if burst is not None:
                due += _summed(burst, now)
                self._remove(burst)
            if layer == last or self._has_room(layer, now, due):
                burst = self._bursts[kind] = _Burst(kind, layer, now)
                self._used[layer] = self._used.get(layer, 0) + 1
                return burst
        raise AssertionError  # pragma: no cover - there is room for the last one

    def _has_room(self, layer: int, now: float, due: list[Summary[K, T]]) -> bool:
        if self._used.get(layer, 0) >= self._most and now >= self._next_sweep:
            due += self._swept(now)
            # Searching all kinds for each line would cost more than the storm itself.
            self._next_sweep = min((burst.started for burst in self._bursts.values()), default=now) + self.interval
        return self._used.get(layer, 0) < self._most

    def _remove(self, burst: _Burst[K, T]) -> None:
        del self._bursts[burst.kind]
        self._used[burst.layer] -= 1

    def _swept(self, now: float) -> list[Summary[K, T]]:
        over = [burst for burst in self._bursts.values() if now - burst.started >= self.interval]
        for burst in over:
            self._remove(burst)
        return [summary for burst in over for summary in _summed(burst, now)]

    def due(self) -> list[Summary[K, T]]:
        """Return the summaries that are due, and drop the intervals that are over."""
        now = self._clock()
        with self._lock:
            summaries = self._swept(now)
            for burst in self._bursts.values():
                if burst.suppressed and now >= burst.due:
                    summaries += _restarted(burst, now)
            return summaries

    def wait(self) -> float | None:
        """Return the number of seconds until the next summary is due; `None` if nothing is counted."""
        now = self._clock()
        with self._lock:
            dues = [burst.due for burst in self._bursts.values() if burst.suppressed]
        return max(min(dues) - now, 0.0) if dues else None

    def flush(self) -> list[Summary[K, T]]:
        """Return the summaries of all counted lines, and reset the counts. The intervals continue."""
        now = self._clock()
        with self._lock:
            return [summary for burst in self._bursts.values() for summary in _restarted(burst, now)]

    def forget(self) -> None:
        """Reset everything without a summary in a forked child, because the parent writes the summaries."""
        self._lock = threading.RLock()
        self._bursts, self._used, self._next_sweep = {}, {}, 0.0

    @property
    def counted(self) -> int:
        """The number of counted lines that are not in a summary yet."""
        with self._lock:
            return sum(burst.suppressed for burst in self._bursts.values())


def _summed(burst: _Burst[K, T], now: float) -> list[Summary[K, T]]:
    if not burst.suppressed or burst.example is None:
        return []
    return [Summary(burst.kind, burst.example, burst.suppressed, now - burst.since)]


def _restarted(burst: _Burst[K, T], now: float) -> list[Summary[K, T]]:
    summaries = _summed(burst, now)
    if summaries:
        burst.suppressed, burst.example, burst.since = 0, None, now
    return summaries
