"""
Count lines that come too often instead of writing them, and lose none from the count.

Of each kind of line the first few in an interval are written, the others are counted. What was counted is summed up in one
line: a few seconds after the first was counted, then when the interval is over, when the application asks, and at exit. So at
every moment: told + suppressed = happened, and suppressed = summed up + still counted.

The kinds that are told apart are bounded. A line has several kinds, from the most to the least specific; where there is no room
for the first, it counts under the next one. So a peer cannot fill the memory or the log by inventing names, and cannot hide a
line of another kind either. Rate limiters that exist delay or refuse but do not count what they refused, or are asynchronous,
or do not say when a burst is over; hence this one.
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
"""How long after the first suppressed line the first summary comes, in seconds."""


class Summary(NamedTuple, Generic[K, T]):
    """
    What was not written.

    Attributes:
        kind: Which kind the lines are of.

        example: The first of them, or rather what the caller gave for it.

        suppressed: How many.

        seconds: Over how long.
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
    Counts what comes too often. For any number of threads.

    Attributes:
        burst: How many of a kind are let through in an interval.

        interval: Its length, in seconds.
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
        Start with nothing counted.

        Args:
            burst: How many of a kind are let through in an interval; 0 lets everything through.
            interval: Seconds.
            kinds: How many kinds are told apart at a time, of each degree of detail.
            kinds_of: Returns the kinds of a line, from the most to the least specific. There is always room for the last one,
                so it must be one of few.
            clock: Where the time comes from, in seconds.
        """
        self.burst = burst
        self.interval = interval
        self._most = kinds
        self._kinds_of = kinds_of
        self._clock = clock
        self._bursts: dict[K, _Burst[K, T]] = {}
        self._used: dict[int, int] = {}
        self._next_sweep = 0.0
        # Taken again by the thread that has it if a signal handler or a finalizer has an error of its own to tell.
        self._lock = threading.RLock()

    def admit(self, kind: K, example: T) -> tuple[bool, Sequence[Summary[K, T]]]:
        """
        Ask whether one more may be written.

        Args:
            kind: What kind it is.
            example: What a summary of its kind shall be made from.

        Returns:
            Whether it may, and the summaries that are due before it.
        """
        if not self.burst:
            return True, ()
        now = self._clock()
        with self._lock:
            burst = self._bursts.get(kind)
            # The common case in a storm: its kind is known and full, and its interval is not over.
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
            # Looking through all kinds again and again would cost more than the storm.
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
        """Return the summaries whose time has come, and forget the intervals that are over."""
        now = self._clock()
        with self._lock:
            summaries = self._swept(now)
            for burst in self._bursts.values():
                if burst.suppressed and now >= burst.due:
                    summaries += _restarted(burst, now)
            return summaries

    def wait(self) -> float | None:
        """Return in how many seconds the next summary is due; `None` if nothing is counted."""
        now = self._clock()
        with self._lock:
            dues = [burst.due for burst in self._bursts.values() if burst.suppressed]
        return max(min(dues) - now, 0.0) if dues else None

    def flush(self) -> list[Summary[K, T]]:
        """Return the summaries of everything that is counted, and start the counts anew; the intervals go on."""
        now = self._clock()
        with self._lock:
            return [summary for burst in self._bursts.values() for summary in _restarted(burst, now)]

    def forget(self) -> None:
        """Start anew without a summary: in a forked child, where the parent sums up."""
        self._lock = threading.RLock()
        self._bursts, self._used, self._next_sweep = {}, {}, 0.0

    @property
    def counted(self) -> int:
        """How many are counted and not yet summed up."""
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
