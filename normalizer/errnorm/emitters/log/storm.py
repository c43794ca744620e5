"""
The storm guard: a million equal lines become a page, and not one of them is lost from the count.

Lines are equal if they are of one kind (code and the like), one peer and one level. Of each, the first few in an interval are
written, the others are counted; what was counted is summed up in one line when the interval is over, when the application
asks, and at exit. So at every moment: told + suppressed = happened, and suppressed = summed up + still counted.

The kinds told apart are bounded; beyond the bound all share one count for each level, so no peer can fill the memory or the
log by inventing names. Rate limiters that exist delay or refuse but do not count what they refused, or are asynchronous, or
do not say when a burst is over; hence this one.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

__all__ = ["StormGuard", "Summary"]

T = TypeVar("T")


class Summary(NamedTuple, Generic[T]):
    """
    What was not written.

    Attributes:
        key: What kind they are, and whom they are about; the shared key if there were too many kinds.

        example: The first of them, or rather what the caller gave for it.

        suppressed: How many.

        seconds: Over how long.
    """

    key: Hashable
    example: T
    suppressed: int
    seconds: float


class _Burst(Generic[T]):
    __slots__ = ("example", "key", "since", "started", "suppressed", "told")

    def __init__(self, key: Hashable, started: float) -> None:
        self.key = key
        self.started = self.since = started
        self.told = 0
        self.suppressed = 0
        self.example: T | None = None


class StormGuard(Generic[T]):
    """
    Counts what comes too often. For any number of threads.

    Attributes:
        burst: How many of a kind are let through in an interval.

        interval: Its length, in seconds.
    """

    def __init__(
        self, burst: int = 5, interval: float = 60.0, keys: int = 256, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Start with nothing counted.

        Args:
            burst: How many of a kind are let through in an interval; 0 lets everything through.
            interval: Seconds.
            keys: How many kinds are told apart at a time.
            clock: Where the time comes from, in seconds.
        """
        self.burst = burst
        self.interval = interval
        self._keys = keys
        self._clock = clock
        self._bursts: dict[Hashable, _Burst[T]] = {}
        # Taken again by the thread that has it if a signal handler or a finalizer has an error of its own to tell.
        self._lock = threading.RLock()

    def admit(self, key: Hashable, shared: Hashable, example: T) -> tuple[bool, Sequence[Summary[T]]]:
        """
        Ask whether one more may be written.

        Args:
            key: What kind it is, and whom it is about.
            shared: The key it shares with others if there are too many kinds.
            example: What a summary of its kind shall be made from.

        Returns:
            Whether it may, and the summaries that are due before it.
        """
        if not self.burst:
            return True, ()
        now = self._clock()
        with self._lock:
            burst = self._bursts.get(key)
            # The common case in a storm: it is known and full, and its interval is not over.
            if burst is not None and burst.told >= self.burst and now - burst.started < self.interval:
                burst.suppressed += 1
                if burst.example is None:
                    burst.example = example
                return False, ()
            return self._admit(key, shared, example, now)

    def _admit(self, key: Hashable, shared: Hashable, example: T, now: float) -> tuple[bool, Sequence[Summary[T]]]:
        due: Sequence[Summary[T]] = ()
        if key not in self._bursts and len(self._bursts) >= self._keys:
            due = self._swept(now)
            key = shared if len(self._bursts) >= self._keys else key
        burst = self._bursts.get(key)
        if burst is None:
            burst = self._bursts[key] = _Burst(key, now)
        elif now - burst.started >= self.interval:
            due = [*due, *_summed(burst, now)]
            burst = self._bursts[key] = _Burst(key, now)
        if burst.told < self.burst:
            burst.told += 1
            return True, due
        burst.suppressed += 1
        burst.example = example if burst.example is None else burst.example
        return False, due

    def _swept(self, now: float) -> list[Summary[T]]:
        over = [key for key, burst in self._bursts.items() if now - burst.started >= self.interval]
        return [summary for key in over for summary in _summed(self._bursts.pop(key), now)]

    def due(self) -> list[Summary[T]]:
        """Return the summaries of the intervals that are over, and forget them."""
        with self._lock:
            return self._swept(self._clock())

    def flush(self) -> list[Summary[T]]:
        """Return the summaries of everything that is counted, and start the counts anew; the intervals go on."""
        now = self._clock()
        with self._lock:
            due = [summary for burst in self._bursts.values() for summary in _summed(burst, now)]
            for burst in self._bursts.values():
                burst.suppressed, burst.example, burst.since = 0, None, now
            return due

    def forget(self) -> None:
        """Start anew without a summary: in a forked child, where the parent sums up."""
        self._lock = threading.RLock()
        self._bursts = {}

    @property
    def counted(self) -> int:
        """How many are counted and not yet summed up."""
        with self._lock:
            return sum(burst.suppressed for burst in self._bursts.values())


def _summed(burst: _Burst[T], now: float) -> list[Summary[T]]:
    if not burst.suppressed or burst.example is None:
        return []
    return [Summary(burst.key, burst.example, burst.suppressed, now - burst.since)]
